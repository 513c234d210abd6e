//! What a Rollout is about, derived from its status once.

use sluice_crd::rollout::{PauseReason, RolloutPhase};
use sluice_crd::time::Time;
use sluice_planner::conditions::{self, kinds, reasons};

use super::Scene;
use crate::view::phase::Lag;
use crate::view::weight::current_step;

/// What a Rollout is about. The first that applies.
#[derive(Clone, Debug, PartialEq)]
pub enum Situation {
    /// The status does not speak of what the Rollout now says.
    Lagging(Lag),
    /// The spec is refused.
    Invalid,
    /// Something that the Rollout refers to does not fit, an AnalysisTemplate for one: what runs
    /// goes on running, and no step is taken.
    Unfit,
    /// A field is used whose feature the controller lacks.
    Held,
    /// The new version was given up.
    Aborted,
    /// The ReplicaSet of the new version could not be created.
    NotCreated,
    /// There has been no progress for too long.
    DeadlineExceeded,
    /// Somebody set `spec.paused`.
    PausedByUser,
    /// The controller paused.
    Paused {
        /// Why.
        reason: PauseReason,
        /// When it began.
        since: Time,
        /// When it ends by itself.
        until: Option<Time>,
    },
    /// An AnalysisRun or an Experiment has to end.
    Measuring {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What it says so far.
        message: String,
    },
    /// Pods have to come or to go.
    Moving,
    /// All is as asked for.
    Healthy,
}

impl Situation {
    pub(super) fn of(scene: &Scene<'_>) -> Self {
        let status = scene.status;
        let progressing = scene.condition(kinds::PROGRESSING).map(|c| c.reason.as_str());
        if let Some(lag) = scene.view.phase.lag {
            return Self::Lagging(lag);
        }
        let invalid = scene.condition(kinds::INVALID_SPEC).map(|c| c.reason.as_str());
        if invalid.is_some_and(|reason| reason != reasons::INVALID_REFERENCE) {
            return Self::Invalid;
        }
        if conditions::is_held(status) {
            return Self::Held;
        }
        if status.abort {
            return Self::Aborted;
        }
        if progressing == Some(reasons::REPLICA_SET_CREATE_ERROR) {
            return Self::NotCreated;
        }
        if invalid.is_some() {
            return Self::Unfit;
        }
        if progressing == Some(reasons::TIMED_OUT) {
            return Self::DeadlineExceeded;
        }
        if scene.rollout.spec.paused {
            return Self::PausedByUser;
        }
        if let Some(pause) = status.pause_conditions.first() {
            let (reason, since) = (pause.reason.clone(), pause.start_time);
            let until = until(scene, &reason, since);
            return Self::Paused { reason, since, until };
        }
        if let Some(measuring) = measuring(scene) {
            return measuring;
        }
        if status.phase == Some(RolloutPhase::Healthy) { Self::Healthy } else { Self::Moving }
    }
}

/// When a pause ends by itself.
fn until(scene: &Scene<'_>, reason: &PauseReason, since: Time) -> Option<Time> {
    let strategy = &scene.rollout.spec.strategy;
    match reason {
        PauseReason::CanaryPauseStep => {
            let canary = strategy.canary.as_ref()?;
            let pause = current_step(canary, scene.status)?.1.pause.as_ref()?;
            // A duration that cannot be read never ends.
            Some(since.plus_seconds(pause.duration_seconds().ok()??))
        }
        PauseReason::BlueGreenPause => {
            let blue_green = strategy.blue_green.as_ref()?;
            let by_itself = blue_green.auto_promotion_enabled_or_default()
                && blue_green.auto_promotion_seconds > 0;
            by_itself.then(|| since.plus_seconds(i64::from(blue_green.auto_promotion_seconds)))
        }
        PauseReason::InconclusiveAnalysisRun
        | PauseReason::InconclusiveExperiment
        | PauseReason::Other(_) => None,
    }
}

/// The analysis or experiment of the current step, or of a blue-green switch.
fn measuring(scene: &Scene<'_>) -> Option<Situation> {
    let status = scene.status;
    let strategy = &scene.rollout.spec.strategy;
    if let Some(canary) = &strategy.canary {
        let (_, step) = current_step(canary, status)?;
        if step.experiment.is_some() && !status.canary.current_experiment.is_empty() {
            let name = status.canary.current_experiment.clone();
            return Some(Situation::Measuring { kind: "Experiment", name, message: String::new() });
        }
        step.analysis.as_ref()?;
        return running(status.canary.current_step_analysis_run_status.as_ref());
    }
    let blue_green = &status.blue_green;
    [&blue_green.pre_promotion_analysis_run_status, &blue_green.post_promotion_analysis_run_status]
        .into_iter()
        .find_map(|run| running(run.as_ref()))
}

fn running(run: Option<&sluice_crd::rollout::RolloutAnalysisRunStatus>) -> Option<Situation> {
    use sluice_crd::analysis::AnalysisPhase;
    let run = run?;
    matches!(run.status, AnalysisPhase::Pending | AnalysisPhase::Running).then(|| {
        let (name, message) = (run.name.clone(), run.message.clone());
        Situation::Measuring { kind: "AnalysisRun", name, message }
    })
}
