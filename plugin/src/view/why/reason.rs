//! What is waited for, since when, and what ends it.

use sluice_crd::rollout::{ConditionStatus, PauseReason, RolloutCondition, RolloutPhase};
use sluice_crd::time::Time;
use sluice_planner::conditions::kinds;

use super::{End, Scene, Since, Situation};
use crate::view::phase::Lag;
use crate::view::step::describe;
use crate::view::weight::current_step;

/// The middle of the answer.
pub(super) struct Finding {
    pub(super) reasons: Vec<String>,
    pub(super) since: Option<Since>,
    pub(super) ends: Vec<End>,
}

pub(super) fn find(scene: &Scene<'_>, situation: &Situation) -> Finding {
    let said = ready_reasons(scene, situation);
    let mut reasons = said.unwrap_or_else(|| own_reasons(scene, situation));
    reasons.retain(|reason| !reason.trim().is_empty());
    if reasons.is_empty() {
        reasons.push("the status gives no reason".to_owned());
    }
    Finding { reasons, since: since(scene, situation), ends: ends(scene, situation) }
}

/// What Sluice says in `Ready`, clause by clause; nothing where it has not written the condition,
/// or another controller has gone on since.
fn ready_reasons(scene: &Scene<'_>, situation: &Situation) -> Option<Vec<String>> {
    let ready = scene.condition(kinds::READY)?;
    let healthy = scene.status.phase == Some(RolloutPhase::Healthy);
    let agrees = (ready.status == ConditionStatus::True) == healthy;
    if !agrees || !may_say(situation, &ready.reason) || ready.message.is_empty() {
        return None;
    }
    // How it ends is told beside, with how far away that is; so are since when, and the pods.
    let tells_the_end = |clause: &String| {
        ["without progress ", "ends with ", "the step is over when ", "no progress since "]
            .iter()
            .any(|words| clause.starts_with(words))
    };
    Some(clauses(&ready.message).into_iter().filter(|clause| !tells_the_end(clause)).collect())
}

/// Whether a situation may have this reason. Reasons that the status alone does not show may go
/// with any.
fn may_say(situation: &Situation, code: &str) -> bool {
    match code {
        "RolledOut" => matches!(situation, Situation::Healthy),
        "PausedAtStep" | "Paused" => matches!(situation, Situation::Paused { .. }),
        "PausedByUser" => matches!(situation, Situation::PausedByUser),
        "RolloutAborted" => matches!(situation, Situation::Aborted),
        "ProgressDeadlineExceeded" => matches!(situation, Situation::DeadlineExceeded),
        "InvalidSpec" => matches!(situation, Situation::Invalid | Situation::Unfit),
        "UnsupportedFeature" => matches!(situation, Situation::Held),
        "PodsNotAvailable" | "PodsMoving" => {
            matches!(situation, Situation::Moving | Situation::Healthy)
        }
        _ => !matches!(situation, Situation::Lagging(_)),
    }
}

/// The clauses of a message. What stands in brackets stays together.
fn clauses(message: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let is_open = |clause: &String| clause.matches('(').count() > clause.matches(')').count();
    for clause in message.split("; ") {
        match out.last_mut().filter(|last| is_open(last)) {
            Some(last) => *last = format!("{last}; {clause}"),
            None => out.push(clause.to_owned()),
        }
    }
    out
}

/// The reasons as they follow from the status.
fn own_reasons(scene: &Scene<'_>, situation: &Situation) -> Vec<String> {
    let status = scene.status;
    match situation {
        Situation::Lagging(lag) => vec![lagging(scene, *lag)],
        Situation::Invalid | Situation::Unfit => {
            said(scene, kinds::INVALID_SPEC, "the spec is invalid")
        }
        Situation::Held => said(scene, kinds::STALLED, &status.message),
        Situation::NotCreated => said(scene, kinds::PROGRESSING, &status.message),
        Situation::Aborted => aborted(scene),
        Situation::DeadlineExceeded => {
            let seconds = scene.rollout.spec.progress_deadline_seconds_or_default();
            let mut reasons = vec![format!(
                "no progress within {seconds}s, the progressDeadlineSeconds of the Rollout"
            )];
            reasons.extend(moving(scene));
            reasons
        }
        Situation::PausedByUser => {
            vec!["spec.paused is true: no step is taken until it is false".to_owned()]
        }
        Situation::Paused { reason, .. } => vec![paused(scene, reason)],
        Situation::Measuring { kind, name, message } => {
            let mut reason = at_step(scene, &format!("{kind} {name} goes on"));
            if !message.is_empty() {
                reason = format!("{reason}: {message}");
            }
            vec![reason]
        }
        Situation::Moving => {
            let moving = moving(scene);
            if moving.is_empty() { vec![at_step(scene, &status.message)] } else { moving }
        }
        Situation::Healthy => {
            let revision = scene.new_set().map_or_else(String::new, |set| {
                format!("revision {} is rolled out, ", set.revision)
            });
            let (available, desired) = (scene.view.available, scene.view.desired);
            vec![format!("nothing: {revision}{available} of {desired} pods available")]
        }
    }
}

/// The clauses of a condition's message, or of another text where it has none.
fn said(scene: &Scene<'_>, kind: &str, otherwise: &str) -> Vec<String> {
    let message = scene.condition(kind).map(|c| c.message.as_str());
    clauses(message.filter(|message| !message.is_empty()).unwrap_or(otherwise))
}

fn lagging(scene: &Scene<'_>, lag: Lag) -> String {
    let generation = scene.rollout.metadata.generation.unwrap_or(0);
    match lag {
        Lag::NoStatus => "no controller has written a status yet".to_owned(),
        Lag::Spec => format!(
            "the controller has not dealt with the last change of the spec (generation {generation})"
        ),
        Lag::Workload => "the controller has not dealt with the last change of the workload that \
                          spec.workloadRef names"
            .to_owned(),
        Lag::Promotion => {
            "somebody promoted, and the controller has not acted on it yet".to_owned()
        }
    }
}

fn aborted(scene: &Scene<'_>) -> Vec<String> {
    let message = scene.condition(kinds::PROGRESSING).map_or("", |c| c.message.as_str());
    let mut reasons = vec![if message.is_empty() {
        "the update was aborted".to_owned()
    } else {
        message.trim_end_matches('.').to_owned()
    }];
    reasons.push(match scene.stable_set() {
        Some(set) => {
            format!("stable version at {} of {} pods", set.available, scene.view.desired)
        }
        None => "there is no stable version to go back to".to_owned(),
    });
    reasons
}

fn paused(scene: &Scene<'_>, reason: &PauseReason) -> String {
    match reason {
        PauseReason::CanaryPauseStep => at_step(scene, "paused"),
        PauseReason::BlueGreenPause => {
            "the new version is ready, the switch of the active Service waits".to_owned()
        }
        PauseReason::InconclusiveAnalysisRun => {
            at_step(scene, "an analysis could not tell whether the new version is good")
        }
        PauseReason::InconclusiveExperiment => {
            at_step(scene, "an experiment could not tell whether the new version is good")
        }
        PauseReason::Other(other) => at_step(scene, &format!("paused ({other})")),
    }
}

/// The pods that have yet to come or to go.
fn moving(scene: &Scene<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    let new = scene.new_set();
    if let Some(set) = new.filter(|set| set.available < set.desired) {
        let mut text = format!(
            "{} of {} new pods available (ReplicaSet {})",
            set.available, set.desired, set.name
        );
        if let Some(failure) = &set.failure {
            text = format!("{text}; it reports: {failure}");
        }
        reasons.push(at_step(scene, &text));
    }
    for set in scene.view.replica_sets().filter(|set| Some(*set) != new) {
        if set.replicas != set.desired {
            let text = format!(
                "ReplicaSet {} goes from {} to {} pods",
                set.name, set.replicas, set.desired
            );
            reasons.push(at_step(scene, &text));
        }
    }
    reasons
}

/// With the step that is under way in front, where one is.
fn at_step(scene: &Scene<'_>, text: &str) -> String {
    let canary = scene.rollout.spec.strategy.canary.as_ref();
    let step = canary.filter(|_| scene.has_other_stable()).and_then(|canary| {
        let (index, step) = current_step(canary, scene.status)?;
        let count = canary.steps.as_ref().map_or(0, Vec::len);
        Some(format!("step {}/{count} ({}): ", index + 1, describe(step)))
    });
    format!("{}{text}", step.unwrap_or_default())
}

fn since(scene: &Scene<'_>, situation: &Situation) -> Option<Since> {
    let status = scene.status;
    let changed = |kind| scene.condition(kind).map(|c: &RolloutCondition| c.last_transition_time);
    let confirmed = |kind| scene.condition(kind).map(|c: &RolloutCondition| c.last_update_time);
    let (at, what) = match situation {
        Situation::Lagging(Lag::NoStatus) => (scene.view.created, "it was created"),
        Situation::Lagging(_) => (None, ""),
        Situation::Invalid => (changed(kinds::INVALID_SPEC), "the spec was refused"),
        Situation::Unfit => (changed(kinds::INVALID_SPEC), "it was found not to fit"),
        Situation::Held => (changed(kinds::STALLED), "it was first held"),
        Situation::Aborted => (status.aborted_at, "it was aborted"),
        Situation::NotCreated => (changed(kinds::PROGRESSING), "the creation was refused"),
        Situation::DeadlineExceeded => (changed(kinds::PROGRESSING), "the deadline passed"),
        Situation::PausedByUser => (changed(kinds::PAUSED), "it was paused"),
        Situation::Paused { since, .. } => (Some(*since), "the pause began"),
        Situation::Measuring { .. } | Situation::Moving => {
            (confirmed(kinds::PROGRESSING), "the last progress")
        }
        Situation::Healthy => (changed(kinds::HEALTHY), "it became healthy"),
    };
    at.map(|at| Since { at, what })
}

fn ends(scene: &Scene<'_>, situation: &Situation) -> Vec<End> {
    let when = |what: &str| End { at: None, what: what.to_owned() };
    let promoted = || when("when somebody promotes or aborts");
    match situation {
        Situation::Lagging(_) => vec![when(
            "when a controller that looks after this Rollout runs; it needs some seconds at most",
        )],
        Situation::Invalid => vec![when("with the next spec that is valid")],
        Situation::Unfit => vec![when(
            "when what it refers to is there and fits: then it goes on by itself; no step is taken \
             before",
        )],
        Situation::Held => vec![when(
            "when the field is taken out of the Rollout, or the controller is replaced by one that \
             has the feature",
        )],
        Situation::Aborted => vec![when(
            "with another pod template (the stable one counts as a rollback), or a retry",
        )],
        Situation::NotCreated => vec![when("when the API server accepts it; it is tried again")],
        Situation::DeadlineExceeded => {
            vec![when("when the pods become available: the release goes on by itself then")]
        }
        Situation::PausedByUser => vec![when("when spec.paused is false: somebody promotes")],
        Situation::Paused { until: Some(until), .. } => {
            vec![End { at: Some(*until), what: "the pause ends by itself".to_owned() }, promoted()]
        }
        Situation::Paused { until: None, .. } => vec![promoted()],
        Situation::Measuring { kind: "AnalysisRun", .. } => vec![when(
            "when the AnalysisRun is over: it goes on if that is Successful, is aborted if it has \
             failed, and pauses if it cannot tell",
        )],
        Situation::Measuring { kind, .. } => {
            vec![when(&format!("when the {kind} is over: it goes on if that succeeds"))]
        }
        Situation::Moving => {
            let mut ends = vec![when("when the pods are there")];
            ends.extend(deadline(scene));
            ends
        }
        Situation::Healthy => Vec::new(),
    }
}

/// What happens if there is no progress (spec §2.6).
fn deadline(scene: &Scene<'_>) -> Option<End> {
    let status = scene.status;
    let completed = !status.stable_rs.is_empty() && status.stable_rs == status.current_pod_hash;
    if completed {
        return None;
    }
    let last: Time = scene.condition(kinds::PROGRESSING)?.last_update_time;
    let spec = &scene.rollout.spec;
    let what = if spec.progress_deadline_abort {
        "without progress until then it is aborted (progressDeadlineAbort)"
    } else {
        "without progress until then it is reported as Degraded, and not aborted"
    };
    let at = last.plus_seconds(spec.progress_deadline_seconds_or_default());
    Some(End { at: Some(at), what: what.to_owned() })
}
