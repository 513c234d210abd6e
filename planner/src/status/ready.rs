//! The conditions for kstatus (`Ready`, `Reconciling`, `Stalled`) and the reasons that they carry.

use sluice_crd::analysis::AnalysisPhase;
use sluice_crd::rollout::{
    ConditionStatus, PauseCondition, PauseReason, RolloutAnalysisRunStatus, RolloutPhase,
    RolloutStatus,
};
use sluice_crd::time::Time;

use super::{Decision, deadline};
use crate::analysis;
use crate::blue_green;
use crate::conditions::{self, Say, kinds, reasons};
use crate::quantity::Pods;
use crate::reason::{Deadline, Reason, Role};
use crate::release::Release;
use crate::routed;
use crate::snapshot::ReplicaSetRecord;
use crate::stage::{Entry, Stage};
use crate::steps::{describe, enough, is_analysis, split_for};

/// Says in `Ready` why things are as they are, and in the other two what kstatus makes of it.
pub(crate) fn say_ready(status: &mut RolloutStatus, now: Time, reasons: &[Reason]) {
    let healthy = status.phase == Some(RolloutPhase::Healthy);
    let degraded = status.phase == Some(RolloutPhase::Degraded);
    let code = reasons.first().map_or("Unknown", Reason::code);
    let message = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let mut say = |kind, wanted: bool, state| {
        if wanted {
            let say = Say { kind, status: state, reason: code, message: message.clone() };
            conditions::set_current(status, now, say);
        } else {
            conditions::remove(status, kind);
        }
    };
    let ready = if healthy { ConditionStatus::True } else { ConditionStatus::False };
    say(kinds::READY, true, ready);
    say(kinds::RECONCILING, !healthy && !degraded, ConditionStatus::True);
    say(kinds::STALLED, degraded, ConditionStatus::True);
}

/// What the release waits for, the most important first.
pub(crate) fn stage_reasons(
    release: &Release<'_>,
    decision: &Decision<'_>,
    status: &RolloutStatus,
    service_waits: &[Reason],
) -> Vec<Reason> {
    let entry = decision.entry;
    let mut out = Vec::new();
    if status.abort {
        out.push(aborted(release, status));
        if let Some(routing) = &release.routing {
            out.extend(routed::waiting(release, routing, entry, "", status));
            out.extend(routed::untold(routing));
            out.extend(routed::kept(release, entry));
        }
        out.extend(in_trouble(release, &out));
        return out;
    }
    if !decision.unfit.is_empty() {
        out.push(Reason::Invalid { problems: decision.unfit.to_vec() });
    }
    let unwritten = unwritten(release, status);
    let is_unwritten = !unwritten.is_empty();
    out.extend(unwritten);
    if let Some(c) = conditions::get(status, kinds::PROGRESSING)
        && c.reason == reasons::TIMED_OUT
    {
        out.push(Reason::DeadlineExceeded {
            at: c.last_transition_time,
            seconds: release.spec().progress_deadline_seconds_or_default(),
        });
    }
    if release.spec().paused {
        let paused = conditions::get(status, kinds::PAUSED);
        out.push(Reason::PausedByUser {
            since: paused.map_or(release.now, |c| c.last_transition_time),
            rollout: release.rollout.name.clone(),
        });
    }
    for pause in &status.pause_conditions {
        out.push(paused(release, entry, status, pause));
    }
    if out.is_empty() || !is_waiting(&out) || is_unwritten {
        let mut waits: Vec<Reason> = service_waits.to_vec();
        if let Some(gate) = entry.gate {
            waits.extend(blue_green::waiting(release, entry, gate, status));
            // The Service that waits says all that there is to say of a switch.
            if !service_waits.is_empty() {
                waits.retain(|reason| !matches!(reason, Reason::Switching { .. }));
            }
            out.extend(waits);
        } else {
            out.extend(measuring(release, entry, status));
            match &release.routing {
                Some(routing) => {
                    let step = step_text(release, entry);
                    out.extend(routed::waiting(release, routing, entry, &step, status));
                }
                None => out.extend(moving(release, entry, status)),
            }
            out.extend(waits);
        }
    }
    if out.is_empty() {
        out.extend(unmeasured(release, entry, status));
    }
    out.extend(in_trouble(release, &out));
    out.extend(release.routing.as_ref().and_then(routed::untold));
    if out.is_empty() {
        out.push(Reason::RolledOut {
            revision: release.revision,
            available: release.new.available(),
            replicas: release.replicas,
        });
    }
    if entry.gate.is_some() {
        out.extend(blue_green::kept(release));
    } else if release.routing.is_some() {
        out.extend(routed::kept(release, entry));
    }
    out
}

/// ReplicaSets that lack pods and report why (a quota), whatever else is waited for: an autoscaler
/// may ask for more pods at any time.
fn in_trouble(release: &Release<'_>, said: &[Reason]) -> Vec<Reason> {
    let is_said = |rs: &ReplicaSetRecord| {
        let named = |reason: &Reason| matches!(reason, Reason::PodsNotAvailable { replica_set, .. } if *replica_set == rs.name);
        said.iter().any(named)
    };
    let stable = release.stable.as_ref().filter(|_| !release.is_steady());
    let roles = release.older.iter().map(|rs| (Role::Older, rs));
    let roles = stable.map(|rs| (Role::Stable, rs)).into_iter().chain(roles);
    let roles = release.new.record().map(|rs| (Role::New, rs)).into_iter().chain(roles);
    roles
        .filter(|(_, rs)| rs.failure.is_some() && rs.serving() < rs.desired && !is_said(rs))
        .map(|(role, rs)| Reason::PodsNotAvailable {
            step: String::new(),
            role,
            replica_set: rs.name.clone(),
            available: rs.serving(),
            needed: rs.desired,
            trouble: rs.failure.clone(),
            deadline: None,
        })
        .collect()
}

fn is_waiting(reasons: &[Reason]) -> bool {
    let waits = |r: &Reason| !matches!(r, Reason::DeadlineExceeded { .. } | Reason::Invalid { .. });
    reasons.iter().any(waits)
}

/// The analysis that the current step waits for.
fn measuring(release: &Release<'_>, entry: &Entry, status: &RolloutStatus) -> Option<Reason> {
    let waits = entry.stage == Stage::Stepping && is_analysis(release, entry.cursor.index);
    let run = status.canary.current_step_analysis_run_status.as_ref().filter(|_| waits)?;
    let record = release.snapshot.runs.iter().find(|record| record.name == run.name);
    Some(Reason::Measuring {
        step: step_text(release, entry),
        run: run.name.clone(),
        since: record.and_then(|record| record.created),
        phase: run.status.to_string(),
    })
}

/// Runs whose results cannot be written: nobody else knows what they measure.
fn unwritten(release: &Release<'_>, status: &RolloutStatus) -> Vec<Reason> {
    let refusal = |run: &RolloutAnalysisRunStatus| {
        let record = release.snapshot.runs.iter().find(|record| record.name == run.name)?;
        let action = format!("write what AnalysisRun {} measures", run.name);
        record.refused.clone().map(|message| Reason::Refused { action, message })
    };
    analysis::recorded(status).filter_map(|(_, run)| refusal(run)).collect()
}

/// The background analysis without which nothing goes on.
fn unmeasured(release: &Release<'_>, entry: &Entry, status: &RolloutStatus) -> Option<Reason> {
    let stepping = entry.stage == Stage::Stepping;
    let waits = stepping && analysis::is_unmeasured(release, entry.cursor.index);
    let run = status.canary.current_background_analysis_run_status.as_ref().filter(|_| waits)?;
    let step = Some(step_text(release, entry)).filter(|step| !step.is_empty());
    Some(Reason::Measuring {
        step: step.unwrap_or_else(|| "after the last step".to_owned()),
        run: run.name.clone(),
        since: None,
        phase: run.status.to_string(),
    })
}

/// Why and when it was aborted, and how far it is back.
pub(crate) fn aborted(release: &Release<'_>, status: &RolloutStatus) -> Reason {
    let message = conditions::get(status, kinds::PROGRESSING).map_or("", |c| c.message.as_str());
    Reason::Aborted {
        revision: release.revision,
        at: status.aborted_at.unwrap_or(release.now),
        cause: message
            .strip_prefix(&format!("Rollout aborted update to revision {}: ", release.revision))
            .map(str::to_owned),
        stable_available: release.stable.as_ref().map_or(Pods::ZERO, |rs| rs.serving()),
        replicas: release.replicas,
        has_stable: release.stable.is_some(),
        rollout: release.rollout.name.clone(),
    }
}

fn paused(
    release: &Release<'_>,
    entry: &Entry,
    status: &RolloutStatus,
    pause: &PauseCondition,
) -> Reason {
    let rollout = release.rollout.name.clone();
    let since = pause.start_time;
    if pause.reason == PauseReason::BlueGreenPause {
        let service = blue_green::active(release).map_or("", |service| service.name.as_str());
        let until = entry.cursor.pause_ends(release);
        let step = format!("before Service {service} selects revision {}", release.revision);
        return Reason::PausedAtStep { step, since, until, rollout };
    }
    if pause.reason == PauseReason::CanaryPauseStep {
        let until = entry.cursor.pause_ends(release);
        return Reason::PausedAtStep { step: step_text(release, entry), since, until, rollout };
    }
    let undecided = analysis::recorded(status)
        .map(|(_, run)| run)
        .find(|run| run.status == AnalysisPhase::Inconclusive)
        .filter(|_| pause.reason == PauseReason::InconclusiveAnalysisRun);
    Reason::PausedFor {
        reason: pause.reason.to_string(),
        because: undecided.map(|run| format!("AnalysisRun {}: {}", run.name, run.message)),
        since,
        rollout,
    }
}

fn step_text(release: &Release<'_>, entry: &Entry) -> String {
    let step = release.steps.get(entry.cursor.index);
    step.filter(|_| entry.stage == Stage::Stepping).map_or_else(String::new, |step| {
        format!("step {}/{} ({})", entry.cursor.index + 1, release.step_count(), describe(step))
    })
}

/// The pods that have yet to come or to go.
fn moving(release: &Release<'_>, entry: &Entry, status: &RolloutStatus) -> Vec<Reason> {
    let (new_target, stable_target) = match entry.stage {
        Stage::Stepping | Stage::Promoting => {
            let split = split_for(release, entry.cursor.weight(release));
            (split.canary, split.stable)
        }
        Stage::Initial | Stage::Steady | Stage::Aborted => (release.replicas, Pods::ZERO),
    };
    let step = step_text(release, entry);
    let mut out = Vec::new();
    let within_steps = entry.stage == Stage::Stepping && entry.cursor.index < release.step_count();
    let needed = if within_steps { enough(release, new_target) } else { new_target };
    if release.new.available() < needed {
        let at = deadline(release, entry, status);
        let aborts = release.spec().progress_deadline_abort;
        out.push(Reason::PodsNotAvailable {
            step: step.clone(),
            role: Role::New,
            replica_set: release.new.name().to_owned(),
            available: release.new.available(),
            needed,
            trouble: release.new.record().and_then(|rs| rs.failure.clone()),
            deadline: at.map(|at| Deadline { at, aborts }),
        });
    }
    let mut moves = |role, rs: &ReplicaSetRecord, target: Pods| {
        if rs.desired != target || (target == Pods::ZERO && rs.replicas > Pods::ZERO) {
            out.push(Reason::PodsMoving {
                step: step.clone(),
                role,
                replica_set: rs.name.clone(),
                pods: rs.replicas,
                target,
            });
        }
    };
    let mut older: Vec<_> = release.older.iter().collect();
    if let Some(stable) = release.stable.as_ref().filter(|_| !release.is_steady()) {
        if status.stable_rs == release.new.hash() {
            // It was stable until this pass, where the new one has just become so.
            older.push(stable);
        } else {
            moves(Role::Stable, stable, stable_target);
        }
    }
    older.extend(release.snapshot.replica_sets.iter().filter(|rs| rs.deleting));
    older.sort_by(|a, b| a.name.cmp(&b.name));
    for rs in older {
        moves(Role::Older, rs, Pods::ZERO);
    }
    if let Some(new) = release.new.record()
        && new.desired > new_target
    {
        moves(Role::New, new, new_target);
    }
    out
}
