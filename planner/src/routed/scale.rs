//! How many pods each version has: as many as the requests need that are sent to it, now and next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Routing;
use super::sizes::{Frame, part};
use super::step_down::step_down;
use crate::leave::{Leave, deadline_of, leave};
use crate::movement::{Bounds, Mover, next};
use crate::names::{DESIRED_REPLICAS, NEXT_WEIGHT_AT, NOT_PROMOTED, SCALE_DOWN_DEADLINE};
use crate::plan::{Action, Wake};
use crate::quantity::Pods;
use crate::release::{New, Release};
use crate::scale::{
    Moves, annotate_rollout, create, marks, mover, no_deadline, patch, up_before_down,
};
use crate::snapshot::ReplicaSetRecord;
use crate::stage::Stage;
use crate::steps::Cursor;

/// What becomes of one ReplicaSet.
struct Fate {
    pods: Pods,
    notes: BTreeMap<String, Option<String>>,
    wake: Wake,
}

impl Fate {
    fn of(pods: Pods) -> Self {
        Self { pods, notes: BTreeMap::new(), wake: Wake::OnChange }
    }

    /// In use: what was said of its end is taken back.
    fn used(rs: &ReplicaSetRecord, pods: Pods) -> Self {
        Self { notes: no_deadline(rs).into_iter().collect(), ..Self::of(pods) }
    }
}

/// What to write now, and when to look again.
pub(crate) fn moves(
    release: &Release<'_>,
    routing: &Routing<'_>,
    stage: Stage,
    cursor: &Cursor,
    routed: &BTreeSet<String>,
) -> Moves {
    let older = older(release, routing, stage, routed);
    let mut all: Vec<(&Arc<ReplicaSetRecord>, Fate)> = release.older.iter().zip(older).collect();
    if let Some(stable) = release.stable.as_ref().filter(|_| !release.is_steady()) {
        let fate = match stage {
            // What was promoted in this very pass is stable only by its status yet to be written.
            Stage::Steady => Fate::of(stable.desired),
            _ => Fate::used(stable, of_stable(release, routing, stage, cursor, stable)),
        };
        all.push((stable, fate));
    }
    let mut of_missing = Pods::ZERO;
    match &release.new {
        New::Missing(_) => of_missing = of_new(release, routing, stage, cursor, None),
        New::Found(rs) => {
            let mut fate = match stage {
                Stage::Aborted if release.stable.is_some() => {
                    given_up(release, routing, rs, routed)
                }
                _ => Fate::used(rs, of_new(release, routing, stage, cursor, Some(rs))),
            };
            fate.notes.extend(marks(release, rs));
            all.push((rs, fate));
        }
    }
    if routing.caps_surge {
        cap(release, routing, stage, &mut all, &mut of_missing);
    }
    written(release, all, of_missing)
}

fn written(
    release: &Release<'_>,
    all: Vec<(&Arc<ReplicaSetRecord>, Fate)>,
    of_missing: Pods,
) -> Moves {
    let mut out = Moves::default();
    if let New::Missing(missing) = &release.new {
        out.actions.push(create(release, &missing.name, &missing.hash, of_missing));
        out.asked.insert(missing.hash.clone(), of_missing);
    }
    let mut patches = Vec::new();
    for (rs, fate) in all {
        out.asked.insert(rs.hash.clone(), fate.pods);
        out.wake = out.wake.sooner(fate.wake);
        let is_new = release.new.record().is_some_and(|new| new.uid == rs.uid);
        let seconds = release.spec().min_ready_seconds;
        let seconds = (is_new && rs.min_ready_seconds != seconds).then_some(seconds);
        patches.extend(patch(release, rs, fate.pods, fate.notes, seconds));
    }
    out.actions.extend(annotate_rollout(release));
    up_before_down(&mut patches);
    out.actions.extend(patches);
    out
}

/// Keeps all versions together within `replicas + maxSurge`, and those that serve at
/// `replicas − maxUnavailable` at least (ours, opt-in; argo-rollouts#3284). What requests are sent to
/// keeps the pods that these need, but for the slack.
fn cap(
    release: &Release<'_>,
    routing: &Routing<'_>,
    stage: Stage,
    all: &mut [(&Arc<ReplicaSetRecord>, Fate)],
    of_missing: &mut Pods,
) {
    let slack = (release.replicas - release.bounds.fewest).or_none();
    let needs = |share: u32| part(share, routing.full, release.replicas);
    let in_use = |hash: &str| {
        let stable = match routing.stable_leads_to(release, hash) {
            true => needs(routing.full - routing.seen.least),
            false => Pods::ZERO,
        };
        let canary = match routing.canary_leads_to(release, hash) {
            true => needs(routing.seen.most),
            false => Pods::ZERO,
        };
        stable.max(canary)
    };
    let mut movers: Vec<Mover> = all
        .iter()
        .map(|(rs, fate)| {
            let keep = in_use(&rs.hash).min(rs.desired);
            // One that requests are taken from makes room as they go; what is left then has its time.
            let target = if keep > Pods::ZERO && is_given_up(release, stage, rs) {
                fate.pods.min(keep)
            } else {
                fate.pods
            };
            Mover { keep, least: (keep - slack).or_none(), ..mover(rs, target) }
        })
        .collect();
    if release.new.record().is_none() {
        movers.push(Mover::to_come(*of_missing));
    }
    let bounds = Bounds { patient: false, ..release.bounds };
    let asked = next(&movers, bounds);
    for ((_, fate), pods) in all.iter_mut().zip(&asked) {
        fate.pods = *pods;
    }
    if let Some(pods) = asked.get(all.len()) {
        *of_missing = *pods;
    }
}

/// Whether a version is neither the stable one nor one that is to become it.
fn is_given_up(release: &Release<'_>, stage: Stage, rs: &ReplicaSetRecord) -> bool {
    let is_new = release.new.record().is_some_and(|new| new.uid == rs.uid);
    let is_stable = release.stable.as_ref().is_some_and(|stable| stable.uid == rs.uid);
    !is_stable && (!is_new || stage == Stage::Aborted)
}

/// Pods of the new version.
pub(super) fn of_new(
    release: &Release<'_>,
    routing: &Routing<'_>,
    stage: Stage,
    cursor: &Cursor,
    rs: Option<&ReplicaSetRecord>,
) -> Pods {
    let now = rs.map_or(Pods::ZERO, |rs| rs.desired);
    let replicas = release.replicas;
    match stage {
        // Paused by its user before it ever ran, it does not start to.
        Stage::Initial if release.spec().paused => now.min(replicas),
        Stage::Initial | Stage::Steady => replicas,
        Stage::Aborted => now.min(replicas),
        Stage::Promoting | Stage::Stepping => {
            let frame = routing.frame(replicas, cursor.index);
            let leads_to_it = routing.canary_leads_to(release, release.new.hash());
            // More is sent to it than the step says: it keeps what it has for that.
            let in_use = match routing.seen.most {
                _ if !leads_to_it => Pods::ZERO,
                most if most > frame.sent().canary() => now.min(part(most, routing.full, replicas)),
                // However few its steps ask for: what leads to it is moved first.
                _ => now.min(replicas).min(Pods::ONE),
            };
            // Clients are on it, and go back first (other steps, another strategy).
            let in_use =
                if routing.stable_leads_to(release, release.new.hash()) { now } else { in_use };
            let wanted = frame.canary().max(in_use);
            let held = release.spec().paused || cursor.is_inconclusive();
            // Nothing more is given to a version of which nobody can tell whether it is good, but for
            // what another spec.replicas asks for.
            let moved = rs.is_some_and(|rs| is_of_other_replicas(release, rs));
            if held && !moved { wanted.min(now.max(in_use)) } else { wanted }
        }
    }
}

/// Whether it was last scaled for another `spec.replicas`.
fn is_of_other_replicas(release: &Release<'_>, rs: &ReplicaSetRecord) -> bool {
    let base = rs.annotations.get(DESIRED_REPLICAS).and_then(|text| text.parse().ok());
    base.is_some_and(|base: i64| Pods(base) != release.replicas)
}

/// Pods of the stable version beside a new one.
pub(super) fn of_stable(
    release: &Release<'_>,
    routing: &Routing<'_>,
    stage: Stage,
    cursor: &Cursor,
    rs: &ReplicaSetRecord,
) -> Pods {
    if !routing.is_dynamic() || stage == Stage::Aborted {
        return release.replicas;
    }
    // What is sent to another version comes back to it first, all of it.
    let held = release.spec().paused || cursor.is_inconclusive();
    let comes_back = routing.seen.most > 0 && !routing.canary_leads_to(release, release.new.hash())
        || routing.seen.least < routing.full && routing.stable_is_elsewhere(release, &rs.hash);
    if comes_back && !held {
        return release.replicas;
    }
    let frame = routing.frame(release.replicas, cursor.index);
    let in_use = part(routing.full - routing.seen.least, routing.full, release.replicas);
    // One is left as long as its Service selects it, though nothing is sent there.
    let wanted = frame.stable().max(in_use).max(Pods::ONE.min(release.replicas));
    let wanted = wanted.max(made_up(release, routing, &frame, rs));
    // What is not verified may still be sent to it.
    if !routing.is_certain() {
        return wanted.max(rs.desired.min(release.replicas));
    }
    wanted
}

/// Pods that a stable version that shrinks keeps for those of the new one that are not waited for
/// (`replicaProgressThreshold`), or have failed (I1).
pub(super) fn made_up(
    release: &Release<'_>,
    routing: &Routing<'_>,
    frame: &Frame<'_>,
    rs: &ReplicaSetRecord,
) -> Pods {
    let missing = (frame.canary() - release.new.available()).or_none();
    // Where pods have to make room for others, `cap` sees to it.
    if missing == Pods::ZERO || routing.caps_surge {
        return Pods::ZERO;
    }
    (frame.stable() + missing).min(rs.desired).min(release.replicas)
}

/// The new version after an abort: it keeps its pods until nothing is sent to it, and a while longer.
fn given_up(
    release: &Release<'_>,
    routing: &Routing<'_>,
    rs: &Arc<ReplicaSetRecord>,
    routed: &BTreeSet<String>,
) -> Fate {
    let pods = rs.desired;
    // No more than its Rollout's owner can spare: its pods may be in the way of those that are missing.
    let fewest = release.bounds.fewest;
    let enough = release.stable.as_ref().is_some_and(|stable| stable.serving() >= fewest);
    if let Some(step) = step_down(release, routing) {
        let note = (NEXT_WEIGHT_AT.to_owned(), Some(step.next.to_string()));
        let notes = step.begins.then_some(note).into_iter().collect();
        return Fate { notes, wake: Wake::At(step.next.to_chrono()), ..Fate::of(pods) };
    }
    let in_use = routing.in_use(release).contains(&rs.hash) || !routing.is_certain();
    if rs.desired == Pods::ZERO || in_use || !enough {
        return Fate::of(pods);
    }
    let not_promoted = (NOT_PROMOTED.to_owned(), Some("true".to_owned()));
    let mut fate = left(rs, leave(rs, release.now, routing.abort_delay()), routed);
    fate.notes.extend([not_promoted]);
    fate
}

impl Routing<'_> {
    /// Seconds for which a version that was aborted keeps its pods; none for ever (spec §2.5).
    fn abort_delay(&self) -> Option<i64> {
        match self.canary.abort_scale_down_delay_seconds {
            Some(0) => None,
            Some(seconds) => Some(i64::from(seconds)),
            None if self.is_dynamic() => Some(0),
            None => Some(30),
        }
        .map(|seconds| seconds.max(self.propagation()))
    }

    /// Seconds for which an older version keeps its pods when nothing is sent to it any more.
    fn delay(&self) -> i64 {
        let default = if self.is_dynamic() { 0 } else { 30 };
        let seconds = self.canary.scale_down_delay_seconds.map_or(default, i64::from);
        seconds.max(self.propagation())
    }

    /// Seconds that a router takes to learn of a change, by the annotation of the Rollout.
    fn propagation(&self) -> i64 {
        self.propagation.as_ref().map_or(0, |delay| *delay.as_ref().unwrap_or(&0))
    }
}

/// When versions that are neither new nor stable lose their pods, by name: those that have some and
/// that nothing is sent to. The newest of them may wait, the others go at once.
pub(super) fn leaves<'a>(
    release: &'a Release<'_>,
    routing: &Routing<'_>,
) -> BTreeMap<&'a str, Leave> {
    let used = routing.in_use(release);
    let limit = routing.canary.scale_down_delay_revision_limit;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(0));
    let mut left: Vec<&Arc<ReplicaSetRecord>> = release
        .older
        .iter()
        .filter(|rs| rs.desired > Pods::ZERO && !used.contains(&rs.hash))
        .collect();
    left.sort_by_key(|rs| std::cmp::Reverse(rs.revision().unwrap_or(0)));
    let delay = |place| if place < limit { routing.delay() } else { routing.propagation() };
    let left = left.into_iter().enumerate();
    left.map(|(place, rs)| (rs.name.as_str(), leave(rs, release.now, Some(delay(place))))).collect()
}

/// Versions that are neither new nor stable.
fn older(
    release: &Release<'_>,
    routing: &Routing<'_>,
    stage: Stage,
    routed: &BTreeSet<String>,
) -> Vec<Fate> {
    // The version that carries the load has to be there before others give up their pods.
    let is_safe = match stage {
        Stage::Steady => release.new.available() >= release.bounds.fewest,
        _ => {
            let stable = release.stable.as_ref().map_or(Pods::ZERO, |stable| stable.serving());
            stable + release.new.available() >= release.bounds.fewest
        }
    };
    let leaves = leaves(release, routing);
    let fate = |rs: &Arc<ReplicaSetRecord>| {
        let mut fate = match leaves.get(rs.name.as_str()) {
            Some(leave) if is_safe && routing.is_certain() => left(rs, *leave, routed),
            _ => Fate::of(rs.desired),
        };
        let newer = release.stable.as_ref().is_some_and(|stable| rs.created > stable.created);
        let given_up =
            newer && stage != Stage::Steady && rs.desired > Pods::ZERO && deadline_of(rs).is_none();
        if given_up || release.is_overtaken(rs) {
            fate.notes.insert(NOT_PROMOTED.to_owned(), Some("true".to_owned()));
        }
        fate
    };
    release.older.iter().map(fate).collect()
}

/// What becomes of a version that nothing is sent to.
fn left(rs: &ReplicaSetRecord, leave: Leave, routed: &BTreeSet<String>) -> Fate {
    match leave {
        // What leads to it is moved first.
        Leave::Now if routed.contains(&rs.hash) => Fate::of(rs.desired),
        Leave::Never => Fate::of(rs.desired),
        Leave::Now => Fate::of(Pods::ZERO),
        Leave::Until(end) => Fate { wake: Wake::At(end.to_chrono()), ..Fate::of(rs.desired) },
        Leave::Begins(end) => {
            let deadline = (SCALE_DOWN_DEADLINE.to_owned(), Some(end.to_string()));
            let wake = Wake::At(end.to_chrono());
            Fate { notes: [deadline].into(), wake, ..Fate::of(rs.desired) }
        }
    }
}

/// While the new ReplicaSet cannot be created: the stable version follows `spec.replicas`.
pub(crate) fn without_new(release: &Release<'_>) -> Vec<Action> {
    let Some(stable) = &release.stable else { return Vec::new() };
    let pods = release.replicas.max(stable.desired.min(release.replicas));
    patch(release, stable, pods, BTreeMap::new(), None).into_iter().collect()
}
