//! What the current runs say of the release.

use std::sync::Arc;

use sluice_analysis::run::is_completed;
use sluice_crd::analysis::AnalysisPhase;
use sluice_crd::rollout::PauseReason;

use super::Place;
use crate::release::Release;
use crate::snapshot::RunRecord;
use crate::stage::{Entry, Stage};

/// What the runs say that the status names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdicts {
    /// Why the release is to be aborted.
    pub(crate) abort: Option<String>,
    /// A run could not tell, and nobody has been asked about it yet.
    pub(crate) inconclusive: bool,
    /// The run of the current step, if that is an analysis, is successful.
    pub(crate) step_passed: Option<usize>,
}

/// The run of a place that the status names, if it is there.
pub(crate) fn current(release: &Release<'_>, place: Place) -> Option<Arc<RunRecord>> {
    let recorded = place.recorded(release, release.status())?;
    let mut runs = release.snapshot.runs.iter();
    runs.find(|run| run.name == recorded.name && !run.deleting).cloned()
}

/// Phase and message of the run of a place. One that was deleted after it had spoken is taken at its
/// word.
fn word(release: &Release<'_>, place: Place) -> Option<(AnalysisPhase, String)> {
    if let Some(run) = current(release, place) {
        return Some((run.phase.clone(), run.message.clone()));
    }
    let recorded = place.recorded(release, release.status())?;
    is_completed(&recorded.status).then(|| (recorded.status.clone(), recorded.message.clone()))
}

/// Whether somebody has been asked about a run that could not tell, and has said to go on: then its
/// verdict is behind us, and a new run is due.
pub(crate) fn is_dealt_with(release: &Release<'_>, place: Place) -> bool {
    let status = release.status();
    let recorded = place.recorded(release, status);
    let told = recorded.is_some_and(|run| run.status == AnalysisPhase::Inconclusive);
    let waits =
        |p: &sluice_crd::rollout::PauseCondition| p.reason == PauseReason::InconclusiveAnalysisRun;
    told && !status.pause_conditions.iter().any(waits)
}

/// Whether the run of a place has come to a good end.
pub(crate) fn is_successful(release: &Release<'_>, place: Place) -> bool {
    word(release, place).is_some_and(|(phase, _)| phase == AnalysisPhase::Successful)
}

/// What the current runs say. In a release that begins anew there are none.
pub(crate) fn verdicts(release: &Release<'_>, entry: &Entry) -> Verdicts {
    let mut out = Verdicts::default();
    if entry.stage != Stage::Stepping || entry.reset || entry.retried {
        return out;
    }
    let places = [
        Place::Step(entry.cursor.index),
        Place::Background,
        Place::PrePromotion,
        Place::PostPromotion,
    ];
    for place in places {
        let Some((phase, message)) = word(release, place) else { continue };
        match (&phase, place) {
            (AnalysisPhase::Failed | AnalysisPhase::Error, _) => {
                let kind = match place {
                    Place::Step(_) => "Step-based",
                    Place::Background => "Background",
                    Place::PrePromotion => "Pre-promotion",
                    Place::PostPromotion => "Post-promotion",
                };
                let mut cause = format!("{kind} analysis phase error/failed");
                if !message.is_empty() {
                    cause = format!("{cause}: {message}");
                }
                out.abort.get_or_insert(cause);
            }
            (AnalysisPhase::Inconclusive, _) => {
                out.inconclusive |= !is_dealt_with(release, place);
            }
            (AnalysisPhase::Successful, Place::Step(index)) => out.step_passed = Some(index),
            _ => {}
        }
    }
    out
}
