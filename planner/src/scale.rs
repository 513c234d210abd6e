//! How many pods each ReplicaSet is to have now, and the writes that ask for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sluice_crd::rollout::RolloutStatus;

use crate::build::{self, Blueprint};
use crate::ephemeral;
use crate::movement::{Bounds, Mover, next};
use crate::names::{
    DESIRED_REPLICAS, NOT_PROMOTED, REVISION, REVISION_HISTORY, SCALE_DOWN_DEADLINE,
    TEMPLATE_DIGEST,
};
use crate::plan::{Action, Wake};
use crate::quantity::{Pods, Weight};
use crate::release::{New, Patience, Release, patience};
use crate::services::stable_selects_new;
use crate::snapshot::ReplicaSetRecord;
use crate::stage::Stage;
use crate::steps::{Cursor, kept_by_stable, split_for};
use crate::transition::{Transition, reasons};
use crate::workload;

/// The targets of the three roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Targets {
    new: Pods,
    /// Of the stable version, where it is not the new one.
    stable: Pods,
    /// Older versions stay as they are: no one may take what may be the last that serves.
    older_stay: bool,
}

fn targets(release: &Release<'_>, stage: Stage, cursor: &Cursor) -> Targets {
    let all_new = Targets { new: release.replicas, stable: Pods::ZERO, older_stay: false };
    match stage {
        // Paused by its user before it ever ran, it does not start to.
        Stage::Initial if release.spec().paused => {
            Targets { new: held(release, &release.new, None), older_stay: true, ..all_new }
        }
        Stage::Initial | Stage::Steady => all_new,
        Stage::Aborted if release.stable.is_none() => Targets {
            new: release.new.desired().min(release.replicas),
            older_stay: true,
            ..all_new
        },
        Stage::Aborted => Targets { new: Pods::ZERO, stable: release.replicas, older_stay: false },
        Stage::Promoting | Stage::Stepping if release.spec().paused => {
            frozen(release, stage, cursor)
        }
        // Nothing more is given to a version of which nobody can tell whether it is good.
        Stage::Stepping if cursor.is_inconclusive() => frozen(release, stage, cursor),
        Stage::Promoting | Stage::Stepping => {
            let split = split_for(release, cursor.weight(release));
            Targets { new: split.canary, stable: split.stable, older_stay: false }
        }
    }
}

/// Paused, by its user or as inconclusive: the versions keep their shares; only `spec.replicas` moves them.
fn frozen(release: &Release<'_>, stage: Stage, cursor: &Cursor) -> Targets {
    let shares = Shares::of(release, stage, cursor);
    let new = held(release, &release.new, Some(&shares));
    let stable = beside(release, new, shares.least_stable);
    Targets { new, stable, older_stay: true }
}

/// The pods of the stable version beside so many new ones: those that `spec.replicas` leaves, where it
/// has changed, and as many as it has, where it was paused on its way.
fn beside(release: &Release<'_>, new: Pods, least: Pods) -> Pods {
    let Some(rs) = release.stable.as_deref() else { return Pods::ZERO };
    let others: Pods = release.older.iter().map(|rs| rs.desired).sum();
    let rest = (release.replicas - new - others).or_none();
    let moved = base(rs).is_some_and(|base| base != release.replicas);
    rest.max(if moved { least } else { rs.desired })
}

/// Between which numbers of pods the new version stands, where it was paused on its way from one
/// weight to the next; at a step that has been reached, they are one number.
///
/// What a version has now does not tell its share after there was but one pod, or none.
struct Shares {
    least: Pods,
    most: Pods,
    least_stable: Pods,
}

impl Shares {
    fn of(release: &Release<'_>, stage: Stage, cursor: &Cursor) -> Self {
        let to = split_for(release, cursor.weight(release));
        // Those that skip the steps have come by none of their weights.
        let skipped = stage == Stage::Promoting || release.is_within_rollback_window();
        let weight = if skipped { Weight::NONE } else { cursor.weight_before(release) };
        let from = split_for(release, weight);
        Self {
            least: from.canary.min(to.canary),
            most: from.canary.max(to.canary),
            least_stable: from.stable.min(to.stable),
        }
    }
}

/// The pods of the new version at the share that it had when it was last scaled.
fn held(release: &Release<'_>, new: &New, shares: Option<&Shares>) -> Pods {
    let Some(rs) = new.record() else { return Pods::ZERO };
    let Some(base) = base(rs).filter(|base| *base != release.replicas) else { return rs.desired };
    let share = if base > Pods::ZERO {
        let scaled = i128::from(rs.desired.0) * i128::from(release.replicas.0);
        let rounded = (scaled * 2 + i128::from(base.0)) / (i128::from(base.0) * 2);
        let least = if rs.desired > Pods::ZERO { Pods::ONE } else { Pods::ZERO };
        Pods(i64::try_from(rounded).unwrap_or(release.replicas.0)).max(least)
    } else {
        rs.desired
    };
    let share = shares.map_or(share, |shares| share.max(shares.least).min(shares.most));
    share.min(release.replicas)
}

/// `spec.replicas` when this ReplicaSet was last scaled.
fn base(rs: &ReplicaSetRecord) -> Option<Pods> {
    rs.annotations.get(DESIRED_REPLICAS)?.parse().ok().map(Pods)
}

/// The writes that create, scale and annotate ReplicaSets, in a safe order.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    pub(crate) actions: Vec<Action>,
    /// The pods asked for then, by hash.
    pub(crate) asked: BTreeMap<String, Pods>,
    /// When more may go, if what is waited for has not come until then.
    pub(crate) wake: Wake,
}

/// What to write now, and when to look again if nothing changes.
pub(crate) fn moves(
    release: &Release<'_>,
    stage: Stage,
    cursor: &Cursor,
    routed: &BTreeSet<String>,
    status: &RolloutStatus,
) -> Moves {
    let targets = targets(release, stage, cursor);
    let distinct_stable = release.stable.as_ref().filter(|_| !release.is_steady());

    // A version that was given up goes as fast as it may; others wait for their successors a while.
    let patience = patience(status);
    let (waits, ends) = match patience {
        Patience::Begins => (true, Wake::OnChange),
        Patience::Until(end) => (release.snapshot.now < end, Wake::At(end)),
        Patience::None => (false, Wake::OnChange),
    };
    let floor = match patience {
        Patience::None => Pods::ZERO,
        _ => made_up_for(release, stage, cursor, targets.new),
    };

    let mut movers = Vec::new();
    for rs in &release.older {
        let target = if targets.older_stay { rs.desired } else { Pods::ZERO };
        movers.push(leaving(release, rs, target, routed));
    }
    if let Some(stable) = distinct_stable {
        let made_up = if waits { floor.min(stable.desired) } else { floor };
        let mut mover = mover(stable, targets.stable.max(made_up));
        // While a Service selects it, it is not emptied, if there is room for a new pod.
        if routed.contains(&stable.hash) && targets.stable == Pods::ZERO {
            let service_moves = cursor.index >= release.step_count();
            mover.least = if service_moves {
                release.bounds.least_routed()
            } else {
                kept_by_stable(release, stable, targets.stable)
            };
            mover.keep = mover.least;
        }
        movers.push(mover);
    }
    movers.push(match release.new.record() {
        Some(rs) if targets.new == Pods::ZERO => leaving(release, rs, Pods::ZERO, routed),
        // Clients are on it, and are to go back to the stable version first (another strategy, other
        // steps).
        Some(rs) if cursor.index < release.step_count() && stable_selects_new(release) => Mover {
            keep: rs.desired,
            least: release.bounds.least_routed(),
            ..mover(rs, targets.new)
        },
        Some(rs) => mover(rs, targets.new),
        None => Mover::to_come(targets.new),
    });
    let patient = waits && stage != Stage::Aborted;
    let asked = next(&movers, Bounds { patient, ..release.bounds });
    let held_back = asked.iter().zip(&movers).any(|(ask, mover)| *ask > mover.target)
        || distinct_stable.is_some_and(|rs| rs.desired < floor);
    let wake = if patient && held_back { ends } else { Wake::OnChange };

    let mut out = Vec::new();
    let new_pods = asked.last().copied().unwrap_or(Pods::ZERO);
    match &release.new {
        New::Missing(missing) => out.push(create(release, &missing.name, &missing.hash, new_pods)),
        New::Found(_) => {}
    }
    out.extend(annotate_rollout(release));
    let mut patches = Vec::new();
    let existing = release.older.iter().chain(distinct_stable);
    for (rs, pods) in existing.zip(&asked) {
        let is_stable = distinct_stable.is_some_and(|stable| stable.uid == rs.uid);
        let overtaken = stage != Stage::Steady;
        let notes = if is_stable {
            no_deadline(rs).into_iter().collect()
        } else if release.is_overtaken(rs) {
            [(NOT_PROMOTED.to_owned(), Some("true".to_owned()))].into()
        } else if overtaken {
            not_promoted(rs, *pods)
        } else {
            BTreeMap::new()
        };
        patches.extend(patch(release, rs, *pods, notes, None));
    }
    if let New::Found(rs) = &release.new {
        let seconds = release.spec().min_ready_seconds;
        let min_ready = (rs.min_ready_seconds != seconds).then_some(seconds);
        let mut notes = marks(release, rs);
        notes.extend(no_deadline(rs));
        if stage == Stage::Aborted {
            notes.extend(not_promoted(rs, new_pods));
        }
        patches.extend(patch(release, rs, new_pods, notes, min_ready));
    }
    up_before_down(&mut patches);
    out.extend(patches);
    let all = release.older.iter().chain(distinct_stable).chain(release.new.record());
    let asked = all.map(|rs| rs.hash.clone()).zip(asked).collect();
    Moves { actions: out, asked, wake }
}

/// The pods that the stable version needs, within the surge, where those of the new one do not come:
/// after `spec.replicas` has grown in the middle of a step, its share alone may be too few.
fn made_up_for(release: &Release<'_>, stage: Stage, cursor: &Cursor, new_target: Pods) -> Pods {
    let moves = matches!(stage, Stage::Stepping | Stage::Promoting);
    if !moves || release.spec().paused || cursor.is_inconclusive() {
        return Pods::ZERO;
    }
    let older =
        |of: fn(&ReplicaSetRecord) -> Pods| -> Pods { release.older.iter().map(|rs| of(rs)).sum() };
    let serving = release.new.available().min(new_target) + older(ReplicaSetRecord::serving);
    let asked = release.new.desired().max(new_target) + older(|rs| rs.desired);
    (release.bounds.fewest - serving).min(release.bounds.most - asked).or_none()
}

/// A deadline of blue-green, on a version that is in use again.
pub(crate) fn no_deadline(rs: &ReplicaSetRecord) -> Option<(String, Option<String>)> {
    rs.annotations.get(SCALE_DOWN_DEADLINE).map(|_| (SCALE_DOWN_DEADLINE.to_owned(), None))
}

/// A version that loses pods before it was promoted: nobody goes back to it unasked. It rides along.
fn not_promoted(rs: &ReplicaSetRecord, pods: Pods) -> BTreeMap<String, Option<String>> {
    let note = (NOT_PROMOTED.to_owned(), Some("true".to_owned()));
    (pods < rs.desired).then_some(note).into_iter().collect()
}

/// Up before down: whatever ends the apply, nothing has been given up for what did not come.
pub(crate) fn up_before_down(patches: &mut [Action]) {
    patches.sort_by_key(|action| {
        !matches!(action, Action::PatchReplicaSet { scale: Some((from, to)), .. } if to > from)
    });
}

/// While the new ReplicaSet cannot be created: the versions that there are follow `spec.replicas`.
pub(crate) fn without_new(release: &Release<'_>) -> Vec<Action> {
    let Some(stable) = &release.stable else { return Vec::new() };
    let mut movers: Vec<Mover> = release.older.iter().map(|rs| mover(rs, rs.desired)).collect();
    movers.push(mover(stable, beside(release, Pods::ZERO, Pods::ZERO)));
    let asked = next(&movers, release.bounds);
    let existing = release.older.iter().chain([stable]).zip(asked);
    existing.filter_map(|(rs, pods)| patch(release, rs, pods, BTreeMap::new(), None)).collect()
}

pub(crate) fn mover(rs: &ReplicaSetRecord, target: Pods) -> Mover {
    // While pods of it are still going, its status counts them as if they stayed: asked for more
    // now, they would be taken for the ones that are to come.
    let going = rs.replicas > rs.desired;
    let target = if going { target.min(rs.desired) } else { target };
    Mover {
        desired: rs.desired,
        serving: rs.serving(),
        unsettled: rs.unsettled(),
        target,
        keep: Pods::ZERO,
        least: Pods::ZERO,
    }
}

/// One that shall have no pods: it keeps them all until nothing routes to it, if there is room.
fn leaving(
    release: &Release<'_>,
    rs: &ReplicaSetRecord,
    target: Pods,
    routed: &BTreeSet<String>,
) -> Mover {
    let mover = mover(rs, target);
    if routed.contains(&rs.hash) {
        Mover { keep: rs.desired, least: release.bounds.least_routed(), ..mover }
    } else {
        mover
    }
}

pub(crate) fn create(release: &Release<'_>, name: &str, hash: &str, pods: Pods) -> Action {
    let revision = release.revision;
    let mut told = vec![Transition::normal(
        reasons::NEW_REPLICA_SET_CREATED,
        revision,
        name,
        format!("Created ReplicaSet {name} (revision {revision})"),
    )];
    if pods > Pods::ZERO {
        told.push(scaled(release, name, revision, Pods::ZERO, pods, "created"));
    }
    Action::CreateReplicaSet {
        name: name.to_owned(),
        manifest: Box::new(build::replica_set(&Blueprint { release, name, hash, pods })),
        told,
    }
}

pub(crate) fn annotate_rollout(release: &Release<'_>) -> Option<Action> {
    let revision = release.revision.to_string();
    let mut annotations = workload::generation_to_mirror(release.snapshot);
    let mut told = Vec::new();
    if release.rollout.annotations.get(REVISION) != Some(revision.as_str()) {
        told.push(Transition::normal(
            reasons::ROLLOUT_UPDATED,
            release.revision,
            "",
            format!("Rollout updated to revision {revision}"),
        ));
        annotations.insert(REVISION.to_owned(), revision);
    }
    (!annotations.is_empty()).then_some(Action::AnnotateRollout { annotations, told })
}

/// The annotations by which the new ReplicaSet is known: its number, its template's digest.
pub(crate) fn marks(
    release: &Release<'_>,
    rs: &ReplicaSetRecord,
) -> BTreeMap<String, Option<String>> {
    let mut marks = BTreeMap::from([
        (REVISION.to_owned(), release.revision.to_string()),
        (TEMPLATE_DIGEST.to_owned(), release.digest.to_string()),
    ]);
    if let Some(before) = rs.revision().filter(|before| *before != release.revision) {
        let mut history: Vec<String> = rs
            .annotations
            .get(REVISION_HISTORY)
            .map(|h| h.split(',').filter(|n| !n.is_empty()).map(str::to_owned).collect())
            .unwrap_or_default();
        history.push(before.to_string());
        // Bounded: the API server limits all annotations together to 256 KiB.
        let from = history.len().saturating_sub(100);
        marks.insert(REVISION_HISTORY.to_owned(), history[from..].join(","));
    }
    let mut marks: BTreeMap<String, Option<String>> =
        marks.into_iter().map(|(key, value)| (key, Some(value))).collect();
    if release.is_steady() {
        marks.insert(NOT_PROMOTED.to_owned(), None);
    }
    marks
}

/// One write for all that changes on a ReplicaSet, or none.
///
/// The annotations that follow the Rollout's (inherited ones, the replicas asked for) ride along
/// with a write that is needed; they are not worth one of their own.
pub(crate) fn patch(
    release: &Release<'_>,
    rs: &Arc<ReplicaSetRecord>,
    pods: Pods,
    marks: BTreeMap<String, Option<String>>,
    min_ready_seconds: Option<i32>,
) -> Option<Action> {
    let differs =
        |(key, value): &(String, Option<String>)| rs.annotations.get(key) != value.as_deref();
    let mut annotations: BTreeMap<String, Option<String>> =
        marks.into_iter().filter(differs).collect();
    let scale = (rs.desired != pods).then_some((rs.desired, pods));
    let (pod_metadata, notes) = ephemeral::change(release, rs).unwrap_or_default();
    annotations.extend(notes.into_iter().filter(differs));
    if scale.is_none()
        && pod_metadata.is_empty()
        && annotations.is_empty()
        && min_ready_seconds.is_none()
    {
        return None;
    }
    if scale.is_some() {
        let wanted = (DESIRED_REPLICAS.to_owned(), Some(release.replicas.to_string()));
        annotations.extend(Some(wanted).filter(differs));
    }
    if rs.hash == release.new.hash() {
        let inherited = build::inherited(release.rollout).into_iter();
        let inherited = inherited.map(|(key, value)| (key, Some(value)));
        annotations.extend(inherited.filter(differs));
    }
    let told = scale
        .map(|(from, to)| {
            let revision = rs.revision().unwrap_or(release.revision);
            scaled(release, &rs.name, revision, from, to, &rs.resource_version)
        })
        .into_iter()
        .collect();
    Some(Action::PatchReplicaSet {
        name: rs.name.clone(),
        resource_version: rs.resource_version.clone(),
        scale,
        min_ready_seconds,
        annotations,
        pod_metadata,
        told,
    })
}

fn scaled(
    release: &Release<'_>,
    name: &str,
    revision: i64,
    from: Pods,
    to: Pods,
    occasion: &str,
) -> Transition {
    let direction = if to > from { "up" } else { "down" };
    Transition::normal(
        reasons::SCALING_REPLICA_SET,
        release.revision,
        format!("{name}@{occasion}"),
        format!("Scaled {direction} ReplicaSet {name} (revision {revision}) from {from} to {to}"),
    )
}
