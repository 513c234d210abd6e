//! Whether the release gets on: the conditions `Progressing`, `Paused`, `Completed`, `Healthy`, and
//! the deadline (spec §2.6).

use sluice_crd::rollout::{ConditionStatus, RolloutStatus};
use sluice_crd::time::Time;

use super::Decision;
use crate::blue_green::Gate;
use crate::conditions::{self, Say, kinds, reasons};
use crate::release::Release;
use crate::stage::{Entry, Stage};
use crate::steps::is_analysis;

pub(crate) fn conditions(
    release: &Release<'_>,
    decision: &Decision<'_>,
    status: &mut RolloutStatus,
) {
    let now = release.now;
    paused(release, status);

    let completed = !status.stable_rs.is_empty() && status.stable_rs == status.current_pod_hash;
    flag(status, now, kinds::COMPLETED, completed, reasons::ROLLOUT_COMPLETED, "RolloutCompleted");
    let healthy = completed && is_healthy(release, status);
    let message = if healthy { "Rollout is healthy" } else { "Rollout is not healthy" };
    flag(status, now, kinds::HEALTHY, healthy, reasons::ROLLOUT_HEALTHY, message);

    progressing(release, decision, healthy, status);
}

fn flag(
    status: &mut RolloutStatus,
    now: Time,
    kind: &str,
    value: bool,
    reason: &str,
    message: &str,
) {
    let state = if value { ConditionStatus::True } else { ConditionStatus::False };
    conditions::set(status, now, Say { kind, status: state, reason, message: message.to_owned() });
}

fn is_paused(release: &Release<'_>, status: &RolloutStatus) -> bool {
    release.spec().paused || !status.pause_conditions.is_empty()
}

fn paused(release: &Release<'_>, status: &mut RolloutStatus) {
    let paused = is_paused(release, status);
    if paused || conditions::get(status, kinds::PAUSED).is_some() {
        let (now, reason) = (release.now, reasons::ROLLOUT_PAUSED);
        flag(status, now, kinds::PAUSED, paused, reason, "Rollout is paused");
    }
}

/// All pods are the new version's, and as many as asked for.
fn is_healthy(release: &Release<'_>, status: &RolloutStatus) -> bool {
    let replicas = release.replicas.to_i32();
    let whole = status.updated_replicas == replicas && status.available_replicas == replicas;
    // Of blue-green, older versions may keep their pods for a while; all Services are on the new one.
    let Some(blue_green) = release.strategy.blue_green() else {
        // With a router, older ones as well.
        if release.routing.is_some() {
            return status.updated_replicas == replicas && status.available_replicas >= replicas;
        }
        return whole && status.replicas == replicas;
    };
    let selected = &status.blue_green;
    let previewed = blue_green.preview_service.is_empty()
        || selected.preview_selector == status.current_pod_hash;
    whole && previewed && selected.active_selector == status.current_pod_hash
}

fn progressing(
    release: &Release<'_>,
    decision: &Decision<'_>,
    healthy: bool,
    status: &mut RolloutStatus,
) {
    let now = release.now;
    let old = release.status();
    let name = release.new.name();
    let before = conditions::get(old, kinds::PROGRESSING);
    let reason_before = before.map_or("", |c| c.reason.as_str());
    let say = |status, reason, message| Say { kind: kinds::PROGRESSING, status, reason, message };

    if status.abort {
        let mut message = format!("Rollout aborted update to revision {}", release.revision);
        if let Some(cause) = &decision.abort_cause {
            message = format!("{message}: {cause}");
        }
        let say = say(ConditionStatus::False, reasons::ROLLOUT_ABORTED, message);
        if decision.entry.just_aborted {
            conditions::replace(status, now, say);
        } else {
            conditions::set(status, now, say);
        }
        return;
    }
    if is_paused(release, status) {
        let message = "Rollout is paused".to_owned();
        let say = say(ConditionStatus::Unknown, reasons::ROLLOUT_PAUSED, message);
        return conditions::set(status, now, say);
    }
    if healthy {
        let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
        let say = say(ConditionStatus::True, reasons::NEW_REPLICA_SET_AVAILABLE, message);
        return conditions::set(status, now, say);
    }
    let was_whole = [reasons::NEW_REPLICA_SET_AVAILABLE, reasons::REPLICA_SET_NOT_AVAILABLE]
        .contains(&reason_before);
    if decision.entry.stage == Stage::Steady && !decision.entry.reset && was_whole {
        // Pods of a finished release come and go (an eviction, another spec.replicas): no deadline.
        let message = "Rollout does not have minimum availability".to_owned();
        let say = say(ConditionStatus::True, reasons::REPLICA_SET_NOT_AVAILABLE, message);
        return conditions::set(status, now, say);
    }
    let under_way = [
        reasons::REPLICA_SET_UPDATED,
        reasons::TIMED_OUT,
        "NewReplicaSetCreated",
        "FoundNewReplicaSet",
    ]
    .contains(&reason_before);
    if !under_way || decision.entry.reset || made_progress(old, status) {
        let message = format!("ReplicaSet \"{name}\" is progressing.");
        let say = say(ConditionStatus::True, reasons::REPLICA_SET_UPDATED, message);
        return conditions::replace(status, now, say);
    }
    let late = before
        .and_then(|c| deadline_from(release, decision.entry, c.last_update_time))
        .is_some_and(|deadline| deadline <= now);
    if late {
        let message = format!("ReplicaSet \"{name}\" has timed out progressing.");
        let say = say(ConditionStatus::False, reasons::TIMED_OUT, message);
        conditions::set(status, now, say);
    }
}

/// Something came nearer: pods of the new version, pods ready or available, old pods gone, a step.
fn made_progress(old: &RolloutStatus, new: &RolloutStatus) -> bool {
    let outdated = |s: &RolloutStatus| s.replicas.saturating_sub(s.updated_replicas);
    new.updated_replicas != old.updated_replicas
        || outdated(new) < outdated(old)
        || new.ready_replicas > old.ready_replicas
        || new.available_replicas > old.available_replicas
        || new.stable_rs != old.stable_rs
        || new.current_step_index != old.current_step_index
        || new.current_step_hash != old.current_step_hash
        || new.blue_green.active_selector != old.blue_green.active_selector
        || new.canary.weights != old.canary.weights
}

/// When the time is up that ran since the last progress in `status`, if time runs.
pub(crate) fn deadline(
    release: &Release<'_>,
    entry: &Entry,
    status: &RolloutStatus,
) -> Option<Time> {
    if status.abort || is_paused(release, status) {
        return None;
    }
    let progressing = conditions::get(status, kinds::PROGRESSING)?;
    if progressing.reason == reasons::TIMED_OUT {
        return None;
    }
    deadline_from(release, entry, progressing.last_update_time)
}

fn deadline_from(release: &Release<'_>, entry: &Entry, since: Time) -> Option<Time> {
    match entry.stage {
        Stage::Steady | Stage::Aborted => None,
        // An analysis takes its time (spec §2.6); what is wrong with it, it says itself.
        Stage::Stepping if is_analysis(release, entry.cursor.index) => None,
        Stage::Stepping if matches!(entry.gate, Some(Gate::PreAnalysis | Gate::PostAnalysis)) => {
            None
        }
        Stage::Initial | Stage::Stepping | Stage::Promoting => {
            Some(since.plus_seconds(release.spec().progress_deadline_seconds_or_default()))
        }
    }
}
