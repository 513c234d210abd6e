//! What a routed release waits for.

use sluice_crd::rollout::RolloutStatus;

use super::course::{Course, is_written};
use super::scale::{of_new, of_stable};
use super::{Routing, course};
use crate::leave::deadline_of;
use crate::quantity::Pods;
use crate::reason::{Deadline, Reason, Role};
use crate::release::Release;
use crate::snapshot::ReplicaSetRecord;
use crate::stage::{Entry, Stage};
use crate::status::deadline;
use crate::steps::enough;

/// What it waits for, the most important first.
pub(crate) fn waiting(
    release: &Release<'_>,
    routing: &Routing<'_>,
    entry: &Entry,
    step: &str,
    status: &RolloutStatus,
) -> Vec<Reason> {
    let mut out = Vec::new();
    let cursor = &entry.cursor;
    let wanted =
        of_new(release, routing, entry.stage, cursor, release.new.record().map(AsRef::as_ref));
    let within = entry.stage == Stage::Stepping && cursor.index < release.step_count();
    let needed = if within { enough(release, wanted) } else { wanted };
    if release.new.available() < needed {
        let at = deadline(release, entry, status);
        let aborts = release.spec().progress_deadline_abort;
        out.push(Reason::PodsNotAvailable {
            step: step.to_owned(),
            role: Role::New,
            replica_set: release.new.name().to_owned(),
            available: release.new.available(),
            needed,
            trouble: release.new.record().and_then(|rs| rs.failure.clone()),
            deadline: at.map(|at| Deadline { at, aborts }),
        });
    }
    let course = course(release, routing, entry.stage, cursor);
    out.extend(of_course(routing, &course, step));
    let moves = |role, rs: &ReplicaSetRecord, target: Pods| {
        (rs.desired.max(rs.replicas) != target).then(|| Reason::PodsMoving {
            step: step.to_owned(),
            role,
            replica_set: rs.name.clone(),
            pods: rs.replicas,
            target,
        })
    };
    let stable = release.stable.as_ref().filter(|_| !release.is_steady());
    if let Some(stable) = stable.filter(|_| status.stable_rs != release.new.hash()) {
        let target = of_stable(release, routing, entry.stage, cursor, stable);
        out.extend(moves(Role::Stable, stable, target));
    }
    if let Some(new) = release.new.record().filter(|new| new.desired.max(new.replicas) > wanted) {
        out.extend(moves(Role::New, new, wanted));
    }
    out
}

/// Why the routers do not do yet what they are to do.
fn of_course(routing: &Routing<'_>, course: &Course, step: &str) -> Option<Reason> {
    let step = step.to_owned();
    if let Some(waits) = &course.waits {
        let (weight, full) = (waits.weight, routing.full);
        if let Some(problem) = &waits.unserved {
            let why = problem.to_string();
            return Some(Reason::WeightUnset { step, weight, full, why });
        }
        return Some(Reason::WeightWaits {
            step,
            weight,
            full,
            hash: waits.hash.clone(),
            available: waits.available,
            needed: waits.needed,
        });
    }
    let (weight, full) = (course.share.canary(), routing.full);
    if !is_written(routing, course) {
        let why = routing.problems().join("; ");
        return Some(Reason::WeightUnset { step, weight, full, why });
    }
    match routing.verified() {
        Some(Err(problem)) => {
            Some(Reason::WeightUnset { step, weight, full, why: problem.to_string() })
        }
        _ => None,
    }
}

/// What nobody can tell of the load balancers, whatever else is waited for.
pub(crate) fn untold(routing: &Routing<'_>) -> Option<Reason> {
    let (problem, _) = routing.trouble()?;
    Some(Reason::WeightUntold { problem: problem.to_string() })
}

/// Versions that nothing is sent to and that still have pods.
pub(crate) fn kept(release: &Release<'_>, entry: &Entry) -> Vec<Reason> {
    let aborted = release.new.record().filter(|_| entry.stage == Stage::Aborted);
    let aborted = aborted.filter(|_| release.stable.is_some()).map(|rs| (Role::New, rs));
    let older = release.older.iter().map(|rs| (Role::Older, rs));
    let all = older.chain(aborted).filter(|(_, rs)| rs.desired.max(rs.replicas) > Pods::ZERO);
    all.map(|(role, rs)| {
        let replica_set = rs.name.clone();
        if rs.desired > Pods::ZERO {
            Reason::PodsKept { role, replica_set, pods: rs.desired, until: deadline_of(rs) }
        } else {
            let (pods, target) = (rs.replicas, Pods::ZERO);
            Reason::PodsMoving { step: String::new(), role, replica_set, pods, target }
        }
    })
    .collect()
}
