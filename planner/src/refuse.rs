//! Rollouts that nothing is done about but to say why: an invalid spec, a feature that is not there.

use sluice_crd::rollout::{ConditionStatus, RolloutStatus};
use sluice_crd::time::Time;

use crate::blue_green;
use crate::conditions::{self, Say, kinds, reasons};
use crate::newest::Missing;
use crate::plan::{Plan, StatusWrite};
use crate::reason::Reason;
use crate::release::{Release, Strategy};
use crate::routed;
use crate::scale;
use crate::snapshot::{Failure, FailureKind, Snapshot};
use crate::status::{observed_generation, phase_and_message, say_ready, urgency};
use crate::transition::{Transition, reasons as events};
use crate::workload;

/// An invalid spec: every problem is told, nothing else is touched (spec §1.17).
pub(crate) fn invalid(s: &Snapshot, problems: Vec<String>) -> Plan {
    refused(s, problems, reasons::INVALID_SPEC)
}

/// A release that would begin and whose analyses cannot be started: it does not begin.
pub(crate) fn unfit(release: &Release<'_>, problems: Vec<String>) -> Plan {
    // Where the ReplicaSet is the one that the status names, that stays settled.
    let settled = release.status().current_pod_hash == release.new.hash();
    let reason = if settled { reasons::INVALID_REFERENCE } else { reasons::INVALID_SPEC };
    refused(release.snapshot, problems, reason)
}

fn refused(s: &Snapshot, problems: Vec<String>, why: &str) -> Plan {
    let now = Time::new(s.now);
    let message = problems.join("; ");
    let reason = Reason::Invalid { problems };
    let mut status = observed(s);
    let known = conditions::get(&status, kinds::INVALID_SPEC).is_some_and(|c| c.message == message);
    let told = (!known).then(|| tell(s, events::INVALID_SPEC, &message));
    let say =
        Say { kind: kinds::INVALID_SPEC, status: ConditionStatus::True, reason: why, message };
    conditions::set_current(&mut status, now, say);
    let (phase, message) = phase_and_message(&s.rollout, &status, false);
    status.phase = Some(phase);
    status.message = message;
    finish(s, status, reason, told)
}

/// A feature that this build lacks: held, with the field's path.
pub(crate) fn held(s: &Snapshot, path: String) -> Plan {
    let mut status = observed(s);
    conditions::remove(&mut status, kinds::INVALID_SPEC);
    let message = format!("UnsupportedFeature: {path}");
    let reason = Reason::Held { path };
    let told = (status.message != message)
        .then(|| tell(s, events::UNSUPPORTED_FEATURE, &reason.to_string()));
    status.phase = Some(sluice_crd::rollout::RolloutPhase::Degraded);
    status.message = message;
    finish(s, status, reason, told)
}

/// What decides cannot be read: told, and nothing is done (the generation counts as not observed).
pub(crate) fn not_known(s: &Snapshot, failure: &Failure) -> Plan {
    let reason =
        Reason::Refused { action: failure.action.clone(), message: failure.message.clone() };
    finish(s, s.rollout.status.clone(), reason, None)
}

/// The workload is not known yet: nothing is done, and told once something stands in the way.
pub(crate) fn unread(s: &Snapshot) -> Plan {
    s.failure.as_ref().map_or_else(Plan::rest, |failure| not_known(s, failure))
}

fn observed(s: &Snapshot) -> RolloutStatus {
    let mut status = s.rollout.status.clone();
    status.observed_generation =
        Some(observed_generation(s.rollout.generation, s.settings.numeric_observed_generation));
    status.workload_observed_generation = workload::observed_generation(s);
    status
}

fn tell(s: &Snapshot, reason: &'static str, message: &str) -> Transition {
    Transition::warning(reason, 0, format!("generation {}", s.rollout.generation), message)
}

fn finish(
    s: &Snapshot,
    mut status: RolloutStatus,
    reason: Reason,
    told: Option<Transition>,
) -> Plan {
    say_ready(&mut status, Time::new(s.now), std::slice::from_ref(&reason));
    let urgency = urgency(&s.rollout.status, &status);
    Plan {
        actions: workload::mirrored(s).into_iter().collect(),
        status: urgency.map(|urgency| StatusWrite { status, urgency }),
        transitions: told.into_iter().collect(),
        reasons: vec![reason],
        ..Plan::rest()
    }
}

/// The new ReplicaSet could not be created: which one is meant is not settled yet, and it is tried
/// again. Once it is told, the spec counts as observed: else Argo CD would show nothing of it.
pub(crate) fn not_created(release: &Release<'_>, missing: &Missing, failure: &Failure) -> Plan {
    let s = release.snapshot;
    let now = release.now;
    let mut status = s.rollout.status.clone();
    if failure.kind == FailureKind::NameTaken {
        status.collision_count = missing.collision_count;
    }
    let mut told = None;
    if failure.kind == FailureKind::Create {
        status = RolloutStatus { collision_count: status.collision_count, ..observed(s) };
        let message =
            format!("Failed to create new replica set \"{}\": {}", missing.name, failure.message);
        let known =
            conditions::get(&status, kinds::PROGRESSING).is_some_and(|c| c.message == message);
        let occasion = format!("{} at {now}", missing.name);
        told = (!known).then(|| {
            let reason = events::REPLICA_SET_CREATE_ERROR;
            Transition::warning(reason, release.revision, occasion, message.clone())
        });
        let failed = |kind, state| Say {
            kind,
            status: state,
            reason: reasons::REPLICA_SET_CREATE_ERROR,
            message: message.clone(),
        };
        let replica_failure = failed(kinds::REPLICA_FAILURE, ConditionStatus::True);
        conditions::set_current(&mut status, now, replica_failure);
        let progressing = failed(kinds::PROGRESSING, ConditionStatus::False);
        conditions::set_current(&mut status, now, progressing);
        let (phase, message) = phase_and_message(&s.rollout, &status, false);
        status.phase = Some(phase);
        status.message = message;
    }
    let reason =
        Reason::Refused { action: failure.action.clone(), message: failure.message.clone() };
    let mut plan = finish(s, status, reason, told);
    if failure.kind == FailureKind::Create {
        plan.actions = match release.strategy {
            Strategy::Canary(_) if release.routing.is_some() => routed::without_new(release),
            Strategy::Canary(_) => scale::without_new(release),
            Strategy::BlueGreen(_) => blue_green::without_new(release),
        };
    }
    plan
}
