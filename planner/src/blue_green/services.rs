//! Which version the active and the preview Service select (spec §2.7).

use std::collections::BTreeMap;

use super::{Gate, active, active_is_on_new, is_ours, preview};
use crate::names::NOT_PROMOTED;
use crate::quantity::Pods;
use crate::release::Release;
use crate::services::{Goal, Switches, new};
use crate::snapshot::ServiceRecord;
use crate::stage::Stage;

/// What to switch now. `preview_leaves` says that the new version of an aborted update is about to
/// lose its pods.
pub(crate) fn switches(
    release: &Release<'_>,
    stage: Stage,
    gate: Gate,
    asked: &BTreeMap<String, Pods>,
    preview_leaves: bool,
) -> Switches {
    let mut out = Switches::default();
    if let Some(service) = preview(release) {
        let goal = preview_goal(release, stage, service, preview_leaves);
        out.switch(release, service, goal, asked);
    }
    if let Some(service) = active(release) {
        out.switch(release, service, active_goal(release, stage, gate, service), asked);
    }
    out
}

/// The active Service moves to a new version when all of its pods serve, and back to the stable one
/// as soon as half of that serve, however the new one is (I6; argo-rollouts#4750).
fn active_goal<'a>(
    release: &'a Release<'_>,
    stage: Stage,
    gate: Gate,
    service: &ServiceRecord,
) -> Goal<'a> {
    let whole = release.replicas.max(Pods::ONE);
    let half = Pods((release.replicas.0.saturating_add(1)) / 2).max(Pods::ONE);
    let passed = matches!(gate, Gate::CutOver | Gate::PostAnalysis | Gate::Open);
    // Without a hash it selects the pods of all versions, and narrows to one that is whole; sooner
    // where the hash was taken off: a version that nobody has promoted may be among them.
    let narrow = if is_ours(release, service) { half } else { whole };
    match stage {
        Stage::Initial if passed => Some((new(release)?, whole)),
        // It selects what there is, until the first version is whole.
        Stage::Initial => None,
        Stage::Steady if service.hash().is_none() || is_on_unproven(release, service) => {
            Some((new(release)?, half))
        }
        Stage::Steady => Some((new(release)?, release.bounds.enough_to_route())),
        Stage::Stepping | Stage::Promoting
            if passed && service.hash().is_none() && active_is_on_new(release) =>
        {
            Some((new(release)?, narrow))
        }
        Stage::Stepping | Stage::Promoting if passed && !release.spec().paused => {
            Some((new(release)?, whole))
        }
        // Held by its user, it stays where it is; a Service of all versions is none of one.
        Stage::Stepping | Stage::Promoting
            if passed && service.hash() == Some(release.new.hash()) =>
        {
            Some((new(release)?, Pods::ONE))
        }
        Stage::Stepping | Stage::Promoting if service.hash().is_none() => {
            Some((release.stable.as_deref()?, narrow))
        }
        Stage::Stepping | Stage::Promoting | Stage::Aborted => {
            Some((release.stable.as_deref()?, half))
        }
    }
}

/// Whether clients are on a version that was left before it was promoted.
fn is_on_unproven(release: &Release<'_>, service: &ServiceRecord) -> bool {
    let mut older = release.older.iter();
    older.any(|rs| {
        service.hash() == Some(rs.hash.as_str()) && rs.annotations.get(NOT_PROMOTED).is_some()
    })
}

/// The preview Service selects the new version as soon as a pod of it serves.
fn preview_goal<'a>(
    release: &'a Release<'_>,
    stage: Stage,
    service: &ServiceRecord,
    leaves: bool,
) -> Goal<'a> {
    let nobody_to_serve = release.replicas == Pods::ZERO;
    let serves =
        |rs: &&crate::snapshot::ReplicaSetRecord| nobody_to_serve || rs.serving() > Pods::ZERO;
    match stage {
        Stage::Aborted if leaves || service.hash() != Some(release.new.hash()) => {
            Some((release.stable.as_deref()?, Pods::ONE))
        }
        Stage::Aborted => None,
        Stage::Initial | Stage::Steady | Stage::Stepping | Stage::Promoting => {
            new(release).filter(serves).map(|new| (new, Pods::ONE))
        }
    }
}
