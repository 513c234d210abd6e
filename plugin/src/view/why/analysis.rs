//! The analyses that a situation rests on: which runs, what they measured, what comes next.

use sluice_crd::analysis::{AnalysisPhase, AnalysisRun};
use sluice_crd::rollout::{PauseReason, RolloutAnalysisRunStatus};
use sluice_planner::conditions::kinds;
use sluice_planner::names::HASH_LABEL;

use super::{Scene, Situation};
use crate::view::RunView;
use crate::view::objects::{is_owned, uid};
use crate::view::run::Next;

/// Measurements of a run that are shown, at most.
const MEASUREMENTS_MAX: usize = 4;

/// A part of the words with which both controllers abort for an analysis.
const ABORTED_BY_ANALYSIS: &str = "analysis phase error/failed";

/// An analysis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analysis {
    /// The AnalysisRun.
    pub run: String,
    /// What it is for: `step 2`.
    pub purpose: Option<String>,
    /// The verdict so far.
    pub phase: AnalysisPhase,
    /// What was measured and decided; of a run that goes on, the last of each metric.
    pub evidence: Vec<String>,
    /// How many metrics more there are.
    pub more: usize,
    /// When it measures next.
    pub next: Option<Next>,
}

pub(super) fn analyses(scene: &Scene<'_>, situation: &Situation) -> Vec<Analysis> {
    let named: Vec<_> = recorded(scene).filter(|run| counts(situation, &run.status)).collect();
    let mut found: Vec<Analysis> = named.iter().map(|run| of_recorded(scene, run)).collect();
    if found.is_empty() && *situation == Situation::Aborted {
        found.extend(culprit(scene).map(|run| of_run(scene, run)));
    }
    found
}

/// The runs that the status names.
fn recorded<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a RolloutAnalysisRunStatus> + use<'a> {
    let (canary, blue_green) = (&scene.status.canary, &scene.status.blue_green);
    let all = [
        &canary.current_step_analysis_run_status,
        &canary.current_background_analysis_run_status,
        &blue_green.pre_promotion_analysis_run_status,
        &blue_green.post_promotion_analysis_run_status,
    ];
    all.into_iter().flatten()
}

/// Whether a run with this verdict has to do with a situation.
fn counts(situation: &Situation, phase: &AnalysisPhase) -> bool {
    let goes_on = matches!(phase, AnalysisPhase::Pending | AnalysisPhase::Running);
    match situation {
        Situation::Aborted => matches!(phase, AnalysisPhase::Failed | AnalysisPhase::Error),
        Situation::Paused { reason: PauseReason::InconclusiveAnalysisRun, .. } => {
            *phase == AnalysisPhase::Inconclusive
        }
        Situation::Paused { .. }
        | Situation::PausedByUser
        | Situation::DeadlineExceeded
        | Situation::Unfit
        | Situation::Measuring { .. }
        | Situation::Moving => goes_on,
        Situation::Lagging(_)
        | Situation::Invalid
        | Situation::Held
        | Situation::NotCreated
        | Situation::Healthy => false,
    }
}

/// The run that an abort was for, where the status does not name it any more.
fn culprit<'a>(scene: &Scene<'a>) -> Option<&'a AnalysisRun> {
    let progressing = scene.condition(kinds::PROGRESSING)?;
    if !progressing.message.contains(ABORTED_BY_ANALYSIS) {
        return None;
    }
    let is_bad = |run: &&AnalysisRun| {
        let status = run.status.as_ref();
        let phase = status.map(|status| &status.phase);
        let labels = run.metadata.labels.as_ref();
        let hash = labels.and_then(|labels| labels.get(HASH_LABEL));
        is_owned(&run.metadata, uid(&scene.rollout.metadata))
            && hash == Some(&scene.status.current_pod_hash)
            && matches!(phase, Some(AnalysisPhase::Failed | AnalysisPhase::Error))
    };
    let ended = |run: &&AnalysisRun| run.status.as_ref().and_then(|status| status.completed_at);
    scene.runs.iter().filter(is_bad).max_by_key(ended)
}

/// A run that the status names: it itself, or what the status says of it.
fn of_recorded(scene: &Scene<'_>, recorded: &RolloutAnalysisRunStatus) -> Analysis {
    let is_meant = |run: &&AnalysisRun| run.metadata.name.as_deref() == Some(&recorded.name);
    if let Some(run) = scene.runs.iter().find(is_meant) {
        return of_run(scene, run);
    }
    let message = Some(recorded.message.clone()).filter(|message| !message.is_empty());
    Analysis {
        run: recorded.name.clone(),
        purpose: None,
        phase: recorded.status.clone(),
        evidence: message.into_iter().collect(),
        more: 0,
        next: None,
    }
}

fn of_run(scene: &Scene<'_>, run: &AnalysisRun) -> Analysis {
    let view = RunView::new(run, scene.now);
    let goes_on = matches!(view.phase, AnalysisPhase::Pending | AnalysisPhase::Running);
    let measured = if goes_on { view.latest() } else { view.deciding().into_iter().collect() };
    let more = measured.len().saturating_sub(MEASUREMENTS_MAX);
    let mut evidence: Vec<String> =
        measured.iter().take(MEASUREMENTS_MAX).map(ToString::to_string).collect();
    if evidence.is_empty() && !view.message.is_empty() {
        evidence.push(view.message.clone());
    }
    Analysis {
        run: view.name,
        purpose: view.belongs_to.last().cloned(),
        phase: view.phase,
        evidence,
        more,
        next: view.next,
    }
}
