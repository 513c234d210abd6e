//! Analysis as part of a release (spec §2.11): which runs there are to be, what the current ones
//! say, and which have had their time.
//!
//! The name that the status holds is the authority: it is written before the run is created, and a
//! run that it does not name decides nothing. So whoever takes over in between goes the same way,
//! and no step and no attempt has two runs.

mod args;
mod attempt;
mod history;
mod manifest;
mod prospect;
mod verdict;

pub(crate) use attempt::{Runs, is_unmeasured, runs};
pub(crate) use history::deletions;
pub(crate) use prospect::{Prospects, look};
pub(crate) use verdict::{is_dealt_with, is_successful, verdicts};

use sluice_crd::rollout::{CanaryStep, RolloutAnalysis, RolloutAnalysisRunStatus, RolloutStatus};

use crate::release::Release;

/// The runs that a status names, each with the word by which events call it.
pub(crate) fn recorded(
    status: &RolloutStatus,
) -> impl Iterator<Item = (&'static str, &RolloutAnalysisRunStatus)> {
    let (canary, blue_green) = (&status.canary, &status.blue_green);
    let all = [
        ("Step", &canary.current_step_analysis_run_status),
        ("Background", &canary.current_background_analysis_run_status),
        ("PrePromotion", &blue_green.pre_promotion_analysis_run_status),
        ("PostPromotion", &blue_green.post_promotion_analysis_run_status),
    ];
    all.into_iter().filter_map(|(kind, run)| Some((kind, run.as_ref()?)))
}

/// Where in a release an analysis has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Beside the steps.
    Background,
    /// A step of its own.
    Step(usize),
    /// Before clients are switched to the new version.
    PrePromotion,
    /// After it.
    PostPromotion,
}

impl Place {
    /// As the label `rollout-type` and events name it.
    pub(crate) fn run_type(self) -> &'static str {
        match self {
            Self::Background => "Background",
            Self::Step(_) => "Step",
            Self::PrePromotion => "PrePromotion",
            Self::PostPromotion => "PostPromotion",
        }
    }

    /// Where its definition stands.
    pub(crate) fn path(self) -> String {
        match self {
            Self::Background => "spec.strategy.canary.analysis".to_owned(),
            Self::Step(index) => format!("spec.strategy.canary.steps[{index}].analysis"),
            Self::PrePromotion => "spec.strategy.blueGreen.prePromotionAnalysis".to_owned(),
            Self::PostPromotion => "spec.strategy.blueGreen.postPromotionAnalysis".to_owned(),
        }
    }

    /// What the Rollout's status says of it; what stands there of another step is not meant.
    pub(crate) fn recorded<'a>(
        self,
        release: &Release<'_>,
        status: &'a RolloutStatus,
    ) -> Option<&'a RolloutAnalysisRunStatus> {
        let recorded = match self {
            Self::Background => status.canary.current_background_analysis_run_status.as_ref(),
            Self::Step(_) => status.canary.current_step_analysis_run_status.as_ref(),
            Self::PrePromotion => status.blue_green.pre_promotion_analysis_run_status.as_ref(),
            Self::PostPromotion => status.blue_green.post_promotion_analysis_run_status.as_ref(),
        };
        recorded.filter(|run| self.names(release, &run.name))
    }

    /// The name of the first attempt (spec §1.9).
    pub(crate) fn base_name(self, release: &Release<'_>) -> String {
        let base = format!("{}-{}-{}", release.rollout.name, release.new.hash(), release.revision);
        match self {
            Self::Background => base,
            Self::Step(index) => format!("{base}-{index}"),
            Self::PrePromotion => format!("{base}-pre"),
            Self::PostPromotion => format!("{base}-post"),
        }
    }

    /// Whether a run of this name is one of its attempts.
    pub(crate) fn names(self, release: &Release<'_>, name: &str) -> bool {
        let rest = name.strip_prefix(&self.base_name(release));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// All analyses that a Rollout defines, with their places.
pub(crate) fn defined<'a>(
    release: &'a Release<'_>,
) -> impl Iterator<Item = (Place, &'a RolloutAnalysis)> {
    // Upstream takes one without templates for none.
    let (canary, blue_green) = (release.strategy.canary(), release.strategy.blue_green());
    let background = canary.and_then(|c| c.analysis.as_ref());
    let background = background.filter(|a| !a.analysis.templates.is_empty());
    let steps = release.steps.iter().enumerate();
    let steps =
        steps.filter_map(|(index, step)| Some((Place::Step(index), step.analysis.as_ref()?)));
    let pre =
        blue_green.and_then(|b| Some((Place::PrePromotion, b.pre_promotion_analysis.as_ref()?)));
    let post =
        blue_green.and_then(|b| Some((Place::PostPromotion, b.post_promotion_analysis.as_ref()?)));
    let around = pre.into_iter().chain(post);
    background.into_iter().map(|a| (Place::Background, &a.analysis)).chain(steps).chain(around)
}

/// The templates of an analysis step, as events and reasons name it: `analysis: success-rate`.
pub(crate) fn describe(step: &CanaryStep) -> Option<String> {
    let analysis = step.analysis.as_ref()?;
    let names: Vec<&str> = analysis.templates.iter().map(|t| t.template_name.as_str()).collect();
    Some(format!("analysis: {}", names.join(",")))
}
