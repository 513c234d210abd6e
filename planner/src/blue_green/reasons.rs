//! What a blue-green release waits for.

use sluice_crd::rollout::{RolloutAnalysisRunStatus, RolloutStatus};

use super::{Gate, active, endpoints, pods_of_new, preview};
use crate::leave::deadline_of;
use crate::quantity::Pods;
use crate::reason::{Deadline, Reason, Role};
use crate::release::Release;
use crate::stage::{Entry, Stage};
use crate::status::deadline;

/// What it waits for, the most important first; empty where it waits for nothing.
pub(crate) fn waiting(
    release: &Release<'_>,
    entry: &Entry,
    gate: Gate,
    status: &RolloutStatus,
) -> Vec<Reason> {
    let mut out = Vec::new();
    let blue_green = &status.blue_green;
    let underway = entry.stage == Stage::Stepping;
    match gate {
        Gate::PreAnalysis if underway => {
            let run = blue_green.pre_promotion_analysis_run_status.as_ref();
            out.extend(run.map(|run| measuring(release, "prePromotionAnalysis", run)));
        }
        Gate::PostAnalysis if underway => {
            let run = blue_green.post_promotion_analysis_run_status.as_ref();
            out.extend(run.map(|run| measuring(release, "postPromotionAnalysis", run)));
        }
        _ => {}
    }
    let needed = match gate {
        Gate::Pods(needed) => needed,
        _ => pods_of_new(release, entry.stage, gate),
    };
    if release.new.available() < needed {
        let at = deadline(release, entry, status);
        let aborts = release.spec().progress_deadline_abort;
        out.push(Reason::PodsNotAvailable {
            step: String::new(),
            role: Role::New,
            replica_set: release.new.name().to_owned(),
            available: release.new.available(),
            needed,
            trouble: release.new.record().and_then(|rs| rs.failure.clone()),
            deadline: at.map(|at| Deadline { at, aborts }),
        });
    }
    if let Some(stable) = release.stable.as_ref().filter(|_| !release.is_steady())
        && stable.desired != release.replicas
        && status.stable_rs != release.new.hash()
    {
        out.push(Reason::PodsMoving {
            step: String::new(),
            role: Role::Stable,
            replica_set: stable.name.clone(),
            pods: stable.replicas,
            target: release.replicas,
        });
    }
    if gate == Gate::Endpoints
        && out.is_empty()
        && let Some(service) = preview(release)
    {
        out.push(Reason::EndpointsMissing {
            service: service.name.clone(),
            replica_set: release.new.name().to_owned(),
            ready: endpoints(release).unwrap_or(Pods::ZERO),
            needed: release.replicas,
        });
    }
    if gate == Gate::CutOver
        && out.is_empty()
        && let Some(service) = active(release)
    {
        let hash = release.new.hash().to_owned();
        out.push(Reason::Switching { service: service.name.clone(), hash });
    }
    out
}

/// Versions that nothing uses and that still have pods.
pub(crate) fn kept(release: &Release<'_>) -> Vec<Reason> {
    let older = release.snapshot.replica_sets.iter().filter(|rs| {
        let known = release.older.iter().any(|older| older.name == rs.name);
        (known || rs.deleting) && (rs.desired > Pods::ZERO || rs.replicas > Pods::ZERO)
    });
    let tell = |rs: &std::sync::Arc<crate::snapshot::ReplicaSetRecord>| {
        let (role, replica_set) = (Role::Older, rs.name.clone());
        if rs.desired > Pods::ZERO && !rs.deleting {
            Reason::PodsKept { role, replica_set, pods: rs.desired, until: deadline_of(rs) }
        } else {
            let (pods, target) = (rs.replicas, Pods::ZERO);
            Reason::PodsMoving { step: String::new(), role, replica_set, pods, target }
        }
    };
    older.map(tell).collect()
}

fn measuring(release: &Release<'_>, what: &str, run: &RolloutAnalysisRunStatus) -> Reason {
    let record = release.snapshot.runs.iter().find(|record| record.name == run.name);
    Reason::Measuring {
        step: what.to_owned(),
        run: run.name.clone(),
        since: record.and_then(|record| record.created),
        phase: run.status.to_string(),
    }
}
