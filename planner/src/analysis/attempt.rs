//! Which run stands for each analysis now: the one that is recorded, or another attempt.

use std::sync::Arc;

use sluice_crd::analysis::{AnalysisPhase, AnalysisRunSpec};
use sluice_crd::rollout::{RolloutAnalysisRunStatus, RolloutStatus};

use super::verdict::{current, is_dealt_with};
use super::{Place, Prospects, manifest};
use crate::blue_green::Gate;
use crate::plan::{Action, CREATE_RUN};
use crate::release::Release;
use crate::snapshot::{FailureKind, RunRecord};
use crate::stage::{Entry, Stage};
use crate::steps;

/// The runs of a release, as they are to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    /// What the status has to say of them.
    pub(crate) step: Option<RolloutAnalysisRunStatus>,
    pub(crate) background: Option<RolloutAnalysisRunStatus>,
    pub(crate) pre: Option<RolloutAnalysisRunStatus>,
    pub(crate) post: Option<RolloutAnalysisRunStatus>,
    /// Creates what was recorded and is not there, ends what is no longer wanted.
    pub(crate) actions: Vec<Action>,
}

impl Runs {
    /// Writes down which they are.
    pub(crate) fn record(&self, status: &mut RolloutStatus) {
        status.canary.current_step_analysis_run_status.clone_from(&self.step);
        status.canary.current_background_analysis_run_status.clone_from(&self.background);
        status.blue_green.pre_promotion_analysis_run_status.clone_from(&self.pre);
        status.blue_green.post_promotion_analysis_run_status.clone_from(&self.post);
    }
}

/// Which runs there are to be, after the steps that are over.
pub(crate) fn runs(release: &Release<'_>, entry: &Entry, prospects: &Prospects) -> Runs {
    let mut out = Runs::default();
    if entry.stage == Stage::Stepping {
        let index = entry.cursor.index;
        if steps::is_analysis(release, index) {
            out.step = one(release, entry, prospects, Place::Step(index), &mut out.actions);
        }
        if background_is_due(release, index) {
            out.background = one(release, entry, prospects, Place::Background, &mut out.actions);
        }
    }
    if let Some(gate) = entry.gate.filter(|_| entry.stage == Stage::Stepping) {
        // What has spoken before the gate that is next stays on record.
        let said = |place: Place| {
            let word = said_by(release, place).filter(|run| has_a_verdict(&run.status));
            word.filter(|_| !entry.reset && !entry.retried)
        };
        out.pre = match gate {
            Gate::PreAnalysis => {
                one(release, entry, prospects, Place::PrePromotion, &mut out.actions)
            }
            _ => said(Place::PrePromotion),
        };
        out.post = match gate {
            Gate::PostAnalysis => {
                one(release, entry, prospects, Place::PostPromotion, &mut out.actions)
            }
            _ => said(Place::PostPromotion),
        };
    }
    let named = |run: &RunRecord| {
        let kept = [&out.step, &out.background, &out.pre, &out.post];
        kept.into_iter().flatten().any(|kept| kept.name == run.name)
    };
    let ended = release.snapshot.runs.iter().filter(|run| run.is_live() && !named(run));
    let ended: Vec<Action> = ended
        .map(|run| Action::TerminateRun {
            name: run.name.clone(),
            resource_version: run.resource_version.clone(),
        })
        .collect();
    out.actions.extend(ended);
    out
}

fn background_is_due(release: &Release<'_>, index: usize) -> bool {
    let canary = release.strategy.canary();
    let Some(analysis) = canary.and_then(|c| c.analysis.as_ref()) else { return false };
    let start = usize::try_from(analysis.starting_step_or_default()).unwrap_or(usize::MAX);
    !analysis.analysis.templates.is_empty()
        && index >= start
        && !release.is_within_rollback_window()
}

/// Whether the background analysis is due here and its run has not begun, or cannot be written:
/// nothing goes on unmeasured, should the API server refuse to create it, or to write what it measures.
pub(crate) fn is_unmeasured(release: &Release<'_>, index: usize) -> bool {
    let place = Place::Background;
    let spoken =
        place.recorded(release, release.status()).is_some_and(|r| has_a_verdict(&r.status));
    let measures = |run: &RunRecord| run.phase != AnalysisPhase::default() && run.refused.is_none();
    let begun = || current(release, place).is_some_and(|run| measures(&run));
    background_is_due(release, index) && !spoken && !begun()
}

/// The run of one place: the recorded one while it holds, else another.
fn one(
    release: &Release<'_>,
    entry: &Entry,
    prospects: &Prospects,
    place: Place,
    actions: &mut Vec<Action>,
) -> Option<RolloutAnalysisRunStatus> {
    let anew = entry.reset || entry.retried;
    let recorded = place.recorded(release, release.status()).filter(|_| !anew);
    let prospect = prospects.by_place.get(&place);
    if let Some(recorded) = recorded {
        if let Some(run) = current(release, place) {
            if !is_dealt_with(release, place) {
                return Some(said(&run));
            }
        } else if !has_a_verdict(&recorded.status) && !is_taken(release, &recorded.name) {
            // Recorded in an earlier pass, to be created in this one; or it was deleted, or is not
            // seen yet by whoever has just taken over. To create it by its name tells: one that is
            // there is ours and goes on (I13).
            let new = recorded.status == AnalysisPhase::default();
            let prospect = prospect.filter(|_| new || !is_held(release, entry));
            if let Some(prospect) = prospect {
                actions.push(Action::CreateAnalysisRun {
                    name: recorded.name.clone(),
                    manifest: Box::new(manifest::run(release, place, &recorded.name, prospect)),
                });
            }
            return Some(recorded.clone());
        } else if has_a_verdict(&recorded.status) && !is_dealt_with(release, place) {
            // Deleted after it had spoken: its word stands.
            return Some(recorded.clone());
        }
    }
    // Another attempt; not while somebody holds the release, or its templates do not fit.
    if is_held(release, entry) {
        return recorded.cloned();
    }
    let Some(prospect) = prospect else { return recorded.cloned() };
    if let Some(run) = adoptable(release, place, &prospect.spec) {
        return Some(said(&run));
    }
    Some(RolloutAnalysisRunStatus {
        name: free_name(release, place),
        status: AnalysisPhase::default(),
        message: String::new(),
    })
}

/// What the run of a place says; one that is gone, by what was written down of it.
fn said_by(release: &Release<'_>, place: Place) -> Option<RolloutAnalysisRunStatus> {
    let run = current(release, place).map(|run| said(&run));
    run.or_else(|| place.recorded(release, release.status()).cloned())
}

/// Whether somebody holds the release.
fn is_held(release: &Release<'_>, entry: &Entry) -> bool {
    release.spec().paused || entry.cursor.is_inconclusive()
}

fn said(run: &RunRecord) -> RolloutAnalysisRunStatus {
    RolloutAnalysisRunStatus {
        name: run.name.clone(),
        status: run.phase.clone(),
        message: run.message.clone(),
    }
}

fn has_a_verdict(phase: &AnalysisPhase) -> bool {
    sluice_analysis::run::is_completed(phase)
}

/// Whether a name is taken, by one that we see or by one that the API server told of.
fn is_taken(release: &Release<'_>, name: &str) -> bool {
    let runs = &release.snapshot.runs;
    refused_name(release) == Some(name) || runs.iter().any(|run| run.name == name)
}

/// The name that the API server has just refused, as somebody else's.
fn refused_name<'a>(release: &'a Release<'_>) -> Option<&'a str> {
    let failure = release.snapshot.failure.as_ref();
    let failure = failure.filter(|failure| failure.kind == FailureKind::RunNameTaken)?;
    failure.action.strip_prefix(CREATE_RUN)
}

/// A live run of ours that is what we would start: whoever created it died before writing it down.
fn adoptable(
    release: &Release<'_>,
    place: Place,
    wanted: &AnalysisRunSpec,
) -> Option<Arc<RunRecord>> {
    let fits = |run: &&Arc<RunRecord>| {
        run.is_live()
            && place.names(release, &run.name)
            && run.hash == release.new.hash()
            && run.spec.as_ref().is_some_and(|spec| is_same(spec, wanted))
    };
    release.snapshot.runs.iter().find(fits).cloned()
}

fn is_same(spec: &str, wanted: &AnalysisRunSpec) -> bool {
    serde_json::from_str::<AnalysisRunSpec>(spec).is_ok_and(|spec| {
        spec.metrics == wanted.metrics
            && spec.args == wanted.args
            && spec.dry_run == wanted.dry_run
            && spec.measurement_retention == wanted.measurement_retention
    })
}

/// The first name that is free: the base, then `.1`, `.2`, ….
fn free_name(release: &Release<'_>, place: Place) -> String {
    let base = place.base_name(release);
    // After one that was refused: those before it were tried.
    let refused = refused_name(release).and_then(|name| name.strip_prefix(base.as_str()));
    let tried = refused.map(|attempt| attempt.trim_start_matches('.').parse::<u32>().unwrap_or(0));
    let attempts = tried.map_or(0, |tried| tried.saturating_add(1))..=u32::MAX;
    let name = |attempt| if attempt == 0 { base.clone() } else { format!("{base}.{attempt}") };
    attempts.map(name).find(|name| !is_taken(release, name)).unwrap_or_else(|| base.clone())
}
