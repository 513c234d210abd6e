//! The steps of a canary: the one under way, and when those that follow begin at the earliest.

use sluice_crd::rollout::{CanaryStep, PauseReason, RolloutPause};
use sluice_crd::time::Time;

use super::{Scene, Situation};
use crate::view::step::describe;

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number, counted from 1.
    pub number: usize,
    /// It in words.
    pub text: String,
    /// Whether it is over.
    pub state: StepState,
    /// What ends it.
    pub gate: Gate,
    /// When it ends at the earliest, for a pause, or else begins; none where nobody can tell.
    pub not_before: Option<Time>,
}

/// What ends a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Pods, a router, an analysis.
    Work,
    /// A time.
    Time,
    /// Somebody who promotes.
    Person,
}

impl Gate {
    fn of(step: &CanaryStep) -> Self {
        match &step.pause {
            None => Self::Work,
            Some(RolloutPause { duration: Some(_) }) => Self::Time,
            Some(RolloutPause { duration: None }) => Self::Person,
        }
    }
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Over.
    Done,
    /// Under way.
    Current,
    /// Still to come.
    Ahead,
}

/// All steps; none where the release does not go through them: a first deployment, what is stable
/// already, an abort, a spec that nothing is done about.
pub(super) fn steps(scene: &Scene<'_>, situation: &Situation) -> Vec<Step> {
    let goes_through = match situation {
        Situation::DeadlineExceeded
        | Situation::PausedByUser
        | Situation::Unfit
        | Situation::Paused { .. }
        | Situation::Measuring { .. }
        | Situation::Moving => scene.has_other_stable() && !scene.status.promote_full,
        Situation::Lagging(_)
        | Situation::Invalid
        | Situation::Held
        | Situation::Aborted
        | Situation::NotCreated
        | Situation::Healthy => false,
    };
    let canary = scene.rollout.spec.strategy.canary.as_ref().filter(|_| goes_through);
    let steps = canary.and_then(|canary| canary.steps.as_deref()).unwrap_or_default();
    let index = usize::try_from(scene.status.current_step_index.unwrap_or(0)).unwrap_or(0);
    // The instant before which the next step does not begin; unknown behind a wait of unknown
    // length, such as that of a person.
    let is_stopped = matches!(situation, Situation::PausedByUser | Situation::Unfit);
    let mut clock = (!is_stopped).then_some(scene.now);
    let mut out = Vec::new();
    for (position, step) in steps.iter().enumerate() {
        let state = match position {
            _ if position < index => StepState::Done,
            _ if position == index => StepState::Current,
            _ => StepState::Ahead,
        };
        let mut line = Step {
            number: position + 1,
            text: describe(step),
            state,
            gate: Gate::of(step),
            not_before: None,
        };
        if state != StepState::Done {
            let began = pause_began(scene).filter(|_| state == StepState::Current);
            clock = end(step, clock.map(|clock| began.unwrap_or(clock)));
            let says_when = state == StepState::Ahead || line.gate == Gate::Time;
            line.not_before = clock.filter(|_| says_when);
        }
        out.push(line);
    }
    out
}

fn pause_began(scene: &Scene<'_>) -> Option<Time> {
    let pauses = &scene.status.pause_conditions;
    let pause = pauses.iter().find(|pause| pause.reason == PauseReason::CanaryPauseStep);
    pause.map(|pause| pause.start_time)
}

/// When a step that begins then ends at the earliest; none where nobody can tell.
fn end(step: &CanaryStep, begins: Option<Time>) -> Option<Time> {
    let begins = begins?;
    if let Some(pause) = &step.pause {
        // A duration that cannot be read never ends.
        return Some(begins.plus_seconds(pause.duration_seconds().ok()??));
    }
    let takes_as_long_as_it_takes =
        step.experiment.is_some() || step.analysis.is_some() || step.plugin.is_some();
    (!takes_as_long_as_it_takes).then_some(begins)
}
