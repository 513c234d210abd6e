//! An abort that goes back along the weights of the steps, one after the other (ours, opt-in;
//! argo-rollouts#3888): caches of the stable version are warm again before all requests come back.

use chrono::DateTime;
use sluice_crd::time::Time;

use super::Routing;
use crate::names::NEXT_WEIGHT_AT;
use crate::release::Release;

/// One step back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StepDown {
    /// The weight that the new version is to have now.
    pub(super) weight: u32,
    /// When the next one is due.
    pub(super) next: Time,
    /// Whether that has yet to be written down, in [`NEXT_WEIGHT_AT`].
    pub(super) begins: bool,
}

/// The weight that is due after an abort, where it is to go step by step and is not back yet.
pub(super) fn step_down(release: &Release<'_>, routing: &Routing<'_>) -> Option<StepDown> {
    let delay = routing.abort_step.as_ref()?.as_ref().ok().copied().filter(|delay| *delay > 0)?;
    let seen = &routing.seen;
    let new = release.new.record()?;
    if seen.most == 0 || seen.is_strange || release.new.available() == crate::Pods::ZERO {
        return None;
    }
    let noted = new.annotations.get(NEXT_WEIGHT_AT);
    let noted = noted.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let noted = noted.map(|at| Time::new(at.to_utc())).filter(|at| *at > release.now);
    if let Some(next) = noted {
        return Some(StepDown { weight: seen.most, next, begins: false });
    }
    let weights = release.steps.iter().filter_map(|step| step.set_weight);
    let weights = weights.filter_map(|weight| u32::try_from(weight).ok());
    let weight = weights.filter(|weight| *weight < seen.most).max().unwrap_or(0);
    Some(StepDown { weight, next: release.now.plus_seconds(delay), begins: true })
}
