//! What has happened with a decision: read off the difference of two statuses, told once.

use sluice_crd::analysis::AnalysisPhase;
use sluice_crd::rollout::{PauseCondition, RolloutStatus};

use crate::analysis;
use crate::conditions::{self, kinds, reasons as why};
use crate::release::Release;
use crate::routed;
use crate::stage::Stage;
use crate::status::Decision;
use crate::steps::describe;
use crate::transition::{Transition, reasons};

/// In the order in which upstream tells them (`recorded/events.txt`).
pub(crate) fn transitions(
    release: &Release<'_>,
    decision: &Decision<'_>,
    status: &RolloutStatus,
) -> Vec<Transition> {
    let old = release.status();
    let entry = decision.entry;
    let revision = release.revision;
    let hash = release.new.hash();
    let mut out = Vec::new();

    if *old == RolloutStatus::default() {
        let (namespace, name) = (&release.rollout.namespace, &release.rollout.name);
        let message = format!("Rollout resource added to informer: {namespace}/{name}");
        out.push(Transition::normal(reasons::ADDED_TO_INFORMER, 0, "", message));
    }
    if entry.new_template && entry.stage != Stage::Steady {
        let message =
            format!("Rollout not completed, started update to revision {revision} ({hash})");
        out.push(Transition::normal(reasons::ROLLOUT_NOT_COMPLETED, revision, hash, message));
    }
    if entry.reset && entry.stage == Stage::Steady && !old.current_pod_hash.is_empty() {
        let message = "Rollback to stable ReplicaSet: all steps are skipped";
        out.push(Transition::normal(reasons::SKIP_STEPS, revision, hash, message));
    }
    if entry.reset && entry.stage == Stage::Stepping && release.is_within_rollback_window() {
        let message = "Rollback within window: all steps are skipped";
        out.push(Transition::normal(reasons::SKIP_STEPS, revision, hash, message));
    }
    if entry.retried {
        let occasion = old.aborted_at.map(|t| t.to_string()).unwrap_or_default();
        let message = "Retrying Rollout after abort";
        out.push(Transition::normal(reasons::ROLLOUT_RETRY, revision, occasion, message));
    }
    out.extend(analyses(release));
    out.extend(steps(release, decision));
    out.extend(weights(release, status));
    out.extend(routed::verification(release, status));
    out.extend(unfit(release, decision, status));
    out.extend(pauses(release, old, status));
    if status.abort && (entry.just_aborted || decision.abort_cause.is_some()) {
        let occasion = status.aborted_at.map(|t| t.to_string()).unwrap_or_default();
        let mut message = format!("Rollout aborted update to revision {revision}");
        if let Some(cause) = &decision.abort_cause {
            message = format!("{message}: {cause}");
        }
        out.push(Transition::warning(reasons::ROLLOUT_ABORTED, revision, occasion, message));
    }
    if let Some(c) = conditions::get(status, kinds::PROGRESSING)
        && c.reason == why::TIMED_OUT
        && conditions::get(old, kinds::PROGRESSING).is_none_or(|b| b.reason != why::TIMED_OUT)
    {
        let occasion = c.last_transition_time.to_string();
        let reason = reasons::PROGRESS_DEADLINE_EXCEEDED;
        out.push(Transition::warning(reason, revision, occasion, c.message.clone()));
    }
    if let Some(because) = &decision.promoted {
        let message =
            format!("Rollout completed update to revision {revision} ({hash}): {because}");
        out.push(Transition::normal(reasons::ROLLOUT_COMPLETED, revision, hash, message));
    }
    out
}

/// The weights that the routers have been given since the last status (`recorded/events.txt`).
fn weights(release: &Release<'_>, status: &RolloutStatus) -> Option<Transition> {
    let weight = |status: &RolloutStatus| status.canary.weights.as_ref().map(|w| w.canary.weight);
    let (old, new) = (weight(release.status()), weight(status)?);
    if old == Some(new) {
        return None;
    }
    let from = old.map(|old| format!("from {old} ")).unwrap_or_default();
    let occasion = format!("{from}to {new} at {}", release.now);
    let message = format!("Traffic weight updated {from}to {new}");
    Some(Transition::normal(reasons::TRAFFIC_WEIGHT_UPDATED, release.revision, occasion, message))
}

fn steps(release: &Release<'_>, decision: &Decision<'_>) -> Vec<Transition> {
    let attempt = attempt(release, decision);
    let count = release.step_count();
    let done = decision.entry.cursor.completed.iter();
    done.filter_map(|index| release.steps.get(*index).map(|step| (index, step)))
        .map(|(index, step)| {
            let number = index + 1;
            Transition::normal(
                reasons::ROLLOUT_STEP_COMPLETED,
                release.revision,
                format!("{attempt}step {number}"),
                format!("Rollout step {number}/{count} completed ({})", describe(step)),
            )
        })
        .collect()
}

/// What the current runs have come to since the last status (`AnalysisRunFailed`).
fn analyses(release: &Release<'_>) -> Vec<Transition> {
    analysis::recorded(release.status())
        .filter_map(|(kind, before)| {
            let run = release.snapshot.runs.iter().find(|run| run.name == before.name)?;
            let reason = reasons::analysis_run(&run.phase)?;
            let message = format!(
                "{kind} Analysis Run '{}' Status New: '{}' Previous: '{}'",
                run.name, run.phase, before.status
            );
            let occasion = &run.name;
            let bad = [AnalysisPhase::Failed, AnalysisPhase::Error].contains(&run.phase);
            let tell = if bad { Transition::warning } else { Transition::normal };
            (run.phase != before.status)
                .then(|| tell(reason, release.revision, occasion.clone(), message))
        })
        .collect()
}

/// Templates that do not fit, where nothing else of the release is held up by that.
fn unfit(
    release: &Release<'_>,
    decision: &Decision<'_>,
    status: &RolloutStatus,
) -> Option<Transition> {
    let message = &conditions::get(status, kinds::INVALID_SPEC)?.message;
    let before = conditions::get(release.status(), kinds::INVALID_SPEC);
    let told = decision.unfit.is_empty() || before.is_some_and(|c| c.message == *message);
    let occasion = format!("generation {} at {}", release.rollout.generation, release.now);
    (!told).then(|| Transition::warning(reasons::INVALID_SPEC, 0, occasion, message.clone()))
}

/// Tells a second run through the steps from the first: when this one began.
fn attempt(release: &Release<'_>, decision: &Decision<'_>) -> String {
    let began = match &release.status().duration {
        Some(duration) if !decision.entry.reset => duration.rollout_started_at,
        _ => Some(release.now),
    };
    began.map(|t| format!("{t} ")).unwrap_or_default()
}

fn pauses(release: &Release<'_>, old: &RolloutStatus, new: &RolloutStatus) -> Vec<Transition> {
    let revision = release.revision;
    let is_new = |p: &&PauseCondition| !old.pause_conditions.contains(p);
    let mut out: Vec<Transition> = new
        .pause_conditions
        .iter()
        .filter(is_new)
        .map(|pause| {
            let occasion = format!("{} {}", pause.reason, pause.start_time);
            let message = format!("Rollout is paused ({})", pause.reason);
            Transition::normal(reasons::ROLLOUT_PAUSED, revision, occasion, message)
        })
        .collect();
    let was_paused = conditions::is_true(old, kinds::PAUSED);
    let is_paused = conditions::is_true(new, kinds::PAUSED);
    if was_paused && !is_paused && !new.abort && old.current_pod_hash == new.current_pod_hash {
        let since = conditions::get(old, kinds::PAUSED).map(|c| c.last_transition_time.to_string());
        let occasion = since.unwrap_or_default();
        let message = "Rollout is resumed";
        out.push(Transition::normal(reasons::ROLLOUT_RESUMED, revision, occasion, message));
    }
    out
}
