//! How many pods each version has (spec §2.5, §2.7).
//!
//! There is room for two whole versions, so nothing makes room for anything: pods come when they are
//! asked for, and go when nothing uses them and their time is up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::fast_rollback::is_just_left;
use super::{Gate, active_is_on_new, preview_size, switches};
use crate::leave::{Leave, deadline_of, leave};
use crate::names::{NOT_PROMOTED, SCALE_DOWN_DEADLINE};
use crate::plan::{Action, Wake};
use crate::quantity::Pods;
use crate::release::{New, Release};
use crate::scale::{Moves, annotate_rollout, create, marks, patch, up_before_down};
use crate::snapshot::ReplicaSetRecord;
use crate::stage::{Entry, Stage};

/// What becomes of one ReplicaSet.
struct Fate {
    pods: Pods,
    /// Annotations that change; those without a value go.
    notes: BTreeMap<String, Option<String>>,
    wake: Wake,
}

impl Fate {
    fn stays(pods: Pods) -> Self {
        Self { pods, notes: BTreeMap::new(), wake: Wake::OnChange }
    }

    /// In use: whatever was said of its end is taken back.
    fn used(rs: &ReplicaSetRecord, pods: Pods) -> Self {
        let said = [SCALE_DOWN_DEADLINE, NOT_PROMOTED];
        let notes = said.into_iter().filter(|key| rs.annotations.get(key).is_some());
        Self { notes: notes.map(|key| (key.to_owned(), None)).collect(), ..Self::stays(pods) }
    }
}

/// Pods that the new version is to have at this gate.
pub(crate) fn pods_of_new(release: &Release<'_>, stage: Stage, gate: Gate) -> Pods {
    wanted(release, stage, gate, release.new.desired())
}

/// What to write now, and when to look again; whether the new version of an aborted update is to
/// lose its pods as soon as nothing selects it.
pub(crate) fn moves(
    release: &Release<'_>,
    entry: &Entry,
    stage: Stage,
    gate: Gate,
    routed: &BTreeSet<String>,
) -> (Moves, bool) {
    let mut out = Moves::default();
    let mut patches = Vec::new();
    let mut note =
        |rs: &Arc<ReplicaSetRecord>, fate: Fate, seconds: Option<i32>, out: &mut Moves| {
            out.asked.insert(rs.hash.clone(), fate.pods);
            out.wake = out.wake.sooner(fate.wake);
            patches.extend(patch(release, rs, fate.pods, fate.notes, seconds));
        };

    for (rs, fate) in release.older.iter().zip(older(release, stage, routed)) {
        note(rs, fate, None, &mut out);
    }
    if let Some(stable) = release.stable.as_ref().filter(|_| !release.is_steady()) {
        // What was promoted in this very pass is stable only by its status yet to be written.
        let fate = match stage {
            Stage::Steady => Fate::stays(stable.desired),
            _ => Fate::used(stable, release.replicas),
        };
        note(stable, fate, None, &mut out);
    }
    let mut leaves = false;
    match &release.new {
        New::Missing(missing) => {
            let pods = wanted(release, stage, gate, Pods::ZERO);
            out.actions.push(create(release, &missing.name, &missing.hash, pods));
            out.asked.insert(missing.hash.clone(), pods);
        }
        New::Found(rs) => {
            let mut fate = if stage == Stage::Aborted && release.stable.is_some() {
                let (fate, gone) = given_up(release, rs, routed);
                leaves = gone;
                fate
            } else {
                kept(release, entry, stage, gate, rs)
            };
            fate.notes.extend(marks(release, rs));
            let seconds = release.spec().min_ready_seconds;
            let seconds = (rs.min_ready_seconds != seconds).then_some(seconds);
            note(rs, fate, seconds, &mut out);
        }
    }
    out.actions.extend(annotate_rollout(release));
    up_before_down(&mut patches);
    out.actions.extend(patches);
    (out, leaves)
}

/// Pods of the new version, which has so many now.
fn wanted(release: &Release<'_>, stage: Stage, gate: Gate, now: Pods) -> Pods {
    let before_release = match gate {
        Gate::Pods(needed) => Some(needed),
        Gate::PreAnalysis | Gate::Pause => {
            release.strategy.blue_green().map(|blue_green| preview_size(release, blue_green))
        }
        Gate::Endpoints | Gate::CutOver | Gate::PostAnalysis | Gate::Open => None,
    };
    match (stage, before_release) {
        // Nothing to fall back to: it stays as far as it got.
        (Stage::Aborted, _) => now.min(release.replicas),
        (Stage::Stepping, Some(needed)) => needed.max(now.min(release.replicas)),
        _ => release.replicas,
    }
}

/// The new version while it is wanted.
fn kept(
    release: &Release<'_>,
    entry: &Entry,
    stage: Stage,
    gate: Gate,
    rs: &ReplicaSetRecord,
) -> Fate {
    let pods = wanted(release, stage, gate, rs.desired);
    // What says that it may go back fast stays until it is there.
    let on_its_way = stage == Stage::Stepping
        && !active_is_on_new(release)
        && super::is_fast_rollback(release, entry);
    if !on_its_way {
        return Fate::used(rs, pods);
    }
    let mut fate = Fate::stays(pods);
    if is_just_left(release, entry) {
        let blue_green = release.strategy.blue_green();
        let seconds = blue_green.map_or(0, |b| b.scale_down_delay_seconds_or_default());
        let end = release.now.plus_seconds(seconds).to_string();
        fate.notes.insert(SCALE_DOWN_DEADLINE.to_owned(), Some(end));
    }
    fate
}

/// The new version after an abort: it keeps its pods for a while, to be looked at; whether its time
/// is up comes with it.
fn given_up(
    release: &Release<'_>,
    rs: &ReplicaSetRecord,
    routed: &BTreeSet<String>,
) -> (Fate, bool) {
    let pods = rs.desired.min(release.replicas);
    let blue_green = release.strategy.blue_green();
    let delay = blue_green.and_then(|b| b.abort_scale_down_delay_seconds_or_default());
    // The time runs from when clients are back on a stable version that is whole.
    let back = !active_is_on_new(release) && stable_is_whole(release);
    if rs.desired == Pods::ZERO || !back {
        return (Fate::stays(pods), false);
    }
    let not_promoted = (NOT_PROMOTED.to_owned(), Some("true".to_owned()));
    match leave(rs, release.now, delay) {
        Leave::Never => (Fate { notes: [not_promoted].into(), ..Fate::stays(pods) }, false),
        Leave::Until(end) => {
            (Fate { pods, notes: [not_promoted].into(), wake: Wake::At(end.to_chrono()) }, false)
        }
        Leave::Begins(end) => {
            let deadline = (SCALE_DOWN_DEADLINE.to_owned(), Some(end.to_string()));
            let notes = [deadline, not_promoted].into();
            (Fate { pods, notes, wake: Wake::At(end.to_chrono()) }, false)
        }
        Leave::Now if routed.contains(&rs.hash) => (Fate::stays(pods), true),
        Leave::Now => (Fate { notes: [not_promoted].into(), ..Fate::stays(Pods::ZERO) }, true),
    }
}

fn stable_is_whole(release: &Release<'_>) -> bool {
    release.stable.as_ref().is_some_and(|stable| stable.serving() >= release.replicas)
}

/// Versions that are neither new nor stable.
fn older(release: &Release<'_>, stage: Stage, routed: &BTreeSet<String>) -> Vec<Fate> {
    let Some(blue_green) = release.strategy.blue_green() else { return Vec::new() };
    let delay = Some(blue_green.scale_down_delay_seconds_or_default());
    let limit = blue_green.scale_down_delay_revision_limit_or_default();
    let limit = usize::try_from(limit).unwrap_or(0);
    // The version that clients are on has to be whole before others give up their pods.
    let is_safe = match stage {
        Stage::Steady => release.new.available() >= release.replicas,
        _ => stable_is_whole(release),
    };
    // Of those that still have pods, the newest may wait.
    let mut waiting: Vec<&Arc<ReplicaSetRecord>> = release
        .older
        .iter()
        .filter(|rs| rs.desired > Pods::ZERO && !routed.contains(&rs.hash))
        .collect();
    waiting.sort_by_key(|rs| std::cmp::Reverse(rs.revision().unwrap_or(0)));
    let may_wait: BTreeSet<&str> = waiting.iter().take(limit).map(|rs| rs.name.as_str()).collect();

    let fate = |rs: &Arc<ReplicaSetRecord>| {
        let mut fate = if rs.desired == Pods::ZERO || routed.contains(&rs.hash) || !is_safe {
            Fate::stays(rs.desired)
        } else {
            let delay = if may_wait.contains(rs.name.as_str()) { delay } else { Some(0) };
            left(rs, leave(rs, release.now, delay))
        };
        // Overtaken before it was promoted: nobody goes back to it unasked.
        let newer = release.stable.as_ref().is_some_and(|stable| rs.created > stable.created);
        let overtaken =
            newer && stage != Stage::Steady && rs.desired > Pods::ZERO && deadline_of(rs).is_none();
        if overtaken || release.is_overtaken(rs) {
            fate.notes.insert(NOT_PROMOTED.to_owned(), Some("true".to_owned()));
        }
        fate
    };
    release.older.iter().map(fate).collect()
}

/// What becomes of a version that nothing uses.
fn left(rs: &ReplicaSetRecord, leave: Leave) -> Fate {
    match leave {
        Leave::Never => Fate::stays(rs.desired),
        Leave::Now => Fate::stays(Pods::ZERO),
        Leave::Until(end) => Fate { wake: Wake::At(end.to_chrono()), ..Fate::stays(rs.desired) },
        Leave::Begins(end) => {
            let deadline = (SCALE_DOWN_DEADLINE.to_owned(), Some(end.to_string()));
            let wake = Wake::At(end.to_chrono());
            Fate { notes: [deadline].into(), wake, ..Fate::stays(rs.desired) }
        }
    }
}

/// While the new ReplicaSet cannot be created: the stable version follows `spec.replicas`, and
/// clients do not stay on one that was not promoted.
pub(crate) fn without_new(release: &Release<'_>) -> Vec<Action> {
    let Some(stable) = &release.stable else { return Vec::new() };
    let scaled = patch(release, stable, release.replicas, BTreeMap::new(), None);
    let asked = BTreeMap::from([(stable.hash.clone(), release.replicas)]);
    let gate = Gate::Pods(release.replicas);
    let back = switches(release, Stage::Stepping, gate, &asked, false);
    scaled.into_iter().chain(back.actions).collect()
}
