//! The conditions of a Rollout's status: which there are, and how they change.

use sluice_crd::rollout::{ConditionStatus, RolloutCondition, RolloutStatus};
use sluice_crd::time::Time;

/// Types of conditions (spec §1.6; the last three are ours, for kstatus).
pub mod kinds {
    #![allow(missing_docs, reason = "the constants are their own text")]
    pub const AVAILABLE: &str = "Available";
    pub const PROGRESSING: &str = "Progressing";
    pub const REPLICA_FAILURE: &str = "ReplicaFailure";
    pub const PAUSED: &str = "Paused";
    pub const INVALID_SPEC: &str = "InvalidSpec";
    pub const COMPLETED: &str = "Completed";
    pub const HEALTHY: &str = "Healthy";
    pub const READY: &str = "Ready";
    pub const RECONCILING: &str = "Reconciling";
    pub const STALLED: &str = "Stalled";
}

/// Reasons of conditions (spec §1.6).
pub mod reasons {
    #![allow(missing_docs, reason = "the constants are their own text")]
    pub const AVAILABLE: &str = "AvailableReason";
    pub const REPLICA_SET_UPDATED: &str = "ReplicaSetUpdated";
    pub const NEW_REPLICA_SET_AVAILABLE: &str = "NewReplicaSetAvailable";
    pub const REPLICA_SET_NOT_AVAILABLE: &str = "ReplicaSetNotAvailable";
    pub const REPLICA_SET_CREATE_ERROR: &str = "ReplicaSetCreateError";
    pub const ROLLOUT_PAUSED: &str = "RolloutPaused";
    pub const ROLLOUT_ABORTED: &str = "RolloutAborted";
    pub const ROLLOUT_RETRY: &str = "RolloutRetry";
    pub const TIMED_OUT: &str = "ProgressDeadlineExceeded";
    pub const ROLLOUT_COMPLETED: &str = "RolloutCompleted";
    pub const ROLLOUT_HEALTHY: &str = "RolloutHealthy";
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// Of the condition `InvalidSpec`, where the release goes on as far as it can (ours).
    pub const INVALID_REFERENCE: &str = "InvalidReference";
    pub const UNSUPPORTED_FEATURE: &str = "UnsupportedFeature";
}

/// What a condition is to say.
#[derive(Clone, Debug)]
pub(crate) struct Say<'a> {
    pub(crate) kind: &'a str,
    pub(crate) status: ConditionStatus,
    pub(crate) reason: &'a str,
    pub(crate) message: String,
}

/// The condition of this type.
pub fn get<'a>(status: &'a RolloutStatus, kind: &str) -> Option<&'a RolloutCondition> {
    status.conditions.iter().find(|c| c.r#type == kind)
}

/// Whether the condition of this type is there and true.
pub fn is_true(status: &RolloutStatus, kind: &str) -> bool {
    get(status, kind).is_some_and(|c| c.status == ConditionStatus::True)
}

/// Whether the Rollout is held for a feature that a build lacked.
pub fn is_held(status: &RolloutStatus) -> bool {
    get(status, kinds::STALLED).is_some_and(|c| c.reason == reasons::UNSUPPORTED_FEATURE)
}

/// Sets a condition as upstream does: one of the same status and reason stays as it is, message
/// and times included.
pub(crate) fn set(status: &mut RolloutStatus, now: Time, say: Say<'_>) {
    let same =
        get(status, say.kind).is_some_and(|c| c.status == say.status && c.reason == say.reason);
    if !same {
        replace(status, now, say);
    }
}

/// Sets a condition whose message is meant to be current: touched when any of it differs.
pub(crate) fn set_current(status: &mut RolloutStatus, now: Time, say: Say<'_>) {
    let same = get(status, say.kind).is_some_and(|c| {
        c.status == say.status && c.reason == say.reason && c.message == say.message
    });
    if !same {
        replace(status, now, say);
    }
}

/// Sets a condition anew; only `lastTransitionTime` stays while the status stays.
pub(crate) fn replace(status: &mut RolloutStatus, now: Time, say: Say<'_>) {
    let since = get(status, say.kind)
        .filter(|c| c.status == say.status)
        .map_or(now, |c| c.last_transition_time);
    remove(status, say.kind);
    status.conditions.push(RolloutCondition {
        r#type: say.kind.to_owned(),
        status: say.status,
        last_update_time: now,
        last_transition_time: since,
        reason: say.reason.to_owned(),
        message: say.message,
    });
}

/// Takes a condition away.
pub(crate) fn remove(status: &mut RolloutStatus, kind: &str) {
    status.conditions.retain(|c| c.r#type != kind);
}
