//! The steps of a canary: where the release stands among them, and which of them are over.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use sluice_crd::rollout::{CanaryStep, PauseCondition, PauseReason, ProgressType, RolloutPause};
use sluice_crd::time::Time;

use crate::analysis;
use crate::blue_green;
use crate::plan::Wake;
use crate::quantity::{Pods, Weight};
use crate::release::Release;
use crate::routed;
use crate::services;
use crate::snapshot::ReplicaSetRecord;
use crate::split::{Split, split};

/// Where the release stands among its steps, and what of that is new.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    /// The step that is under way; the number of steps when all are over.
    pub(crate) index: usize,
    pub(crate) pauses: Vec<PauseCondition>,
    pub(crate) controller_pause: bool,
    /// The steps that were found to be over in this pass.
    pub(crate) completed: Vec<usize>,
    pub(crate) wake: Wake,
}

/// What decides when a step is over: the first of its kinds in this order (spec §1.4).
enum Gate<'a> {
    Pause(&'a RolloutPause),
    /// Pods and weights are as it says.
    Shape,
    Analysis,
    Nothing,
}

fn gate(step: &CanaryStep) -> Gate<'_> {
    if let Some(pause) = &step.pause {
        return Gate::Pause(pause);
    }
    if step.set_canary_scale.is_some() || step.set_weight.is_some() {
        return Gate::Shape;
    }
    if step.analysis.is_some() {
        return Gate::Analysis;
    }
    let routes = step.set_header_route.is_some() || step.set_mirror_route.is_some();
    if routes { Gate::Shape } else { Gate::Nothing }
}

/// Whether the step of this index waits for an AnalysisRun of its own.
pub(crate) fn is_analysis(release: &Release<'_>, index: usize) -> bool {
    release.steps.get(index).is_some_and(|step| matches!(gate(step), Gate::Analysis))
}

impl Cursor {
    /// Where clients and earlier passes left the release.
    pub(crate) fn observed(release: &Release<'_>) -> Self {
        let status = release.status();
        let index = status.current_step_index.unwrap_or(0).max(0);
        Self {
            index: usize::try_from(index).unwrap_or(0).min(release.step_count()),
            pauses: status.pause_conditions.clone(),
            controller_pause: status.controller_pause,
            completed: Vec::new(),
            wake: Wake::OnChange,
        }
    }

    /// At a step, with no pause.
    pub(crate) fn at(index: usize) -> Self {
        Self {
            index,
            pauses: Vec::new(),
            controller_pause: false,
            completed: Vec::new(),
            wake: Wake::OnChange,
        }
    }

    /// Passes over every step that is over, and begins the pause that stands next. `passed` is the
    /// step whose analysis is successful (I5).
    pub(crate) fn advance(&mut self, release: &Release<'_>, passed: Option<usize>) {
        while let Some(step) = release.steps.get(self.index) {
            let unmeasured = analysis::is_unmeasured(release, self.index);
            let over = match gate(step) {
                Gate::Pause(pause) => self.pause_is_over(release, pause, unmeasured),
                Gate::Shape => {
                    self.end_pause();
                    !unmeasured
                        && match &release.routing {
                            Some(routing) => routed::reached(release, routing, self),
                            None => reached(release, self.weight(release)),
                        }
                }
                Gate::Analysis => {
                    self.end_pause();
                    !unmeasured && passed == Some(self.index)
                }
                Gate::Nothing => false,
            };
            if !over {
                return;
            }
            self.completed.push(self.index);
            self.index += 1;
        }
        self.end_pause();
    }

    /// Where a client skipped a pause by counting the step up, the mark of the pause is left: the
    /// next pause would be taken for one that somebody has ended.
    fn end_pause(&mut self) {
        self.pauses.retain(|p| p.reason != PauseReason::CanaryPauseStep);
        self.controller_pause = false;
    }

    /// Pauses because an analysis could not tell: a person has to say how it goes on.
    pub(crate) fn pause_as_inconclusive(&mut self, release: &Release<'_>) {
        if !self.is_inconclusive() {
            let reason = PauseReason::InconclusiveAnalysisRun;
            self.pauses.push(PauseCondition { reason, start_time: release.now });
            self.controller_pause = true;
        }
    }

    /// Whether it is paused because an analysis could not tell.
    pub(crate) fn is_inconclusive(&self) -> bool {
        self.pauses.iter().any(|p| p.reason == PauseReason::InconclusiveAnalysisRun)
    }

    fn pause_is_over(
        &mut self,
        release: &Release<'_>,
        pause: &RolloutPause,
        unmeasured: bool,
    ) -> bool {
        let now = release.now;
        let began = self.pauses.iter().find(|p| p.reason == PauseReason::CanaryPauseStep);
        let ends = match (began, self.controller_pause) {
            // The controller paused, the condition is gone: a client has resumed (spec §2.2).
            (None, true) => Some(now),
            (None, false) => pause_end(pause, now),
            (Some(condition), _) => pause_end(pause, condition.start_time),
        };
        if ends.is_some_and(|end| end <= now) {
            // Left as it is until the run is there: how it ended is found again then.
            if !unmeasured {
                self.end_pause();
            }
            return !unmeasured;
        }
        if began.is_none() {
            self.pauses
                .push(PauseCondition { reason: PauseReason::CanaryPauseStep, start_time: now });
            self.controller_pause = true;
        }
        self.wake = ends.map_or(Wake::OnChange, |end| Wake::At(end.to_chrono()));
        false
    }

    /// The weight that holds here: of the last `setWeight` up to this step; 100 past the end.
    pub(crate) fn weight(&self, release: &Release<'_>) -> Weight {
        if self.index >= release.step_count() {
            return Weight::ALL;
        }
        let so_far = release.steps.iter().take(self.index + 1);
        so_far.filter_map(|step| step.set_weight).next_back().map_or(Weight::NONE, Weight::percent)
    }

    /// The weight of the last `setWeight` that is over.
    pub(crate) fn weight_before(&self, release: &Release<'_>) -> Weight {
        let over = release.steps.iter().take(self.index);
        over.filter_map(|step| step.set_weight).next_back().map_or(Weight::NONE, Weight::percent)
    }

    /// When the pause that is under way ends by itself.
    pub(crate) fn pause_ends(&self, release: &Release<'_>) -> Option<Time> {
        if release.strategy.blue_green().is_some() {
            return blue_green::pause_ends(release, self);
        }
        let pause = release.steps.get(self.index)?.pause.as_ref()?;
        let began = self.pauses.iter().find(|p| p.reason == PauseReason::CanaryPauseStep)?;
        pause_end(pause, began.start_time)
    }

    /// Whether a pause is under way that only a person ends.
    pub(crate) fn waits_for_a_person(&self, release: &Release<'_>) -> bool {
        self.is_inconclusive() || (!self.pauses.is_empty() && self.pause_ends(release).is_none())
    }
}

fn pause_end(pause: &RolloutPause, began: Time) -> Option<Time> {
    // Validation has passed; a duration that cannot be read would rather wait than run.
    let seconds = pause.duration_seconds().ok().flatten()?;
    Some(began.plus_seconds(seconds))
}

/// The pods that a weight asks for.
pub(crate) fn split_for(release: &Release<'_>, weight: Weight) -> Split {
    split(release.replicas, weight, release.surge > Pods::ZERO)
}

/// Whether the pods stand as the weight asks: canary pods available, stable pods asked for, older
/// versions gone (spec §2.3), and what is too many gone as well, so that the share is what the step
/// says before a pause or an analysis looks at it.
pub(crate) fn reached(release: &Release<'_>, weight: Weight) -> bool {
    let split = split_for(release, weight);
    let new = release.new.record();
    let stable = release.stable.as_ref();
    let routed = services::routed(release);
    // A version that a Service still selects is not emptied; that is no reason to stand still.
    let gone = |rs: &Arc<ReplicaSetRecord>, target: Pods| {
        let held = target == Pods::ZERO && routed.contains(&rs.hash);
        held || rs.desired.max(rs.replicas) <= target
    };
    let kept = stable.map_or(Pods::ZERO, |rs| kept_by_stable(release, rs, split.stable));
    // The pod that it keeps for that has taken the room of another.
    let whole = split.canary.min(release.bounds.most - kept);
    // In the place of those that are not waited for, pods of the stable version may have to stay.
    let missing = (whole - release.new.available()).or_none();
    missing <= whole - enough(release, whole)
        && new.is_none_or(|rs| gone(rs, split.canary))
        && stable.map_or(Pods::ZERO, |rs| rs.desired) >= split.stable
        && stable.is_none_or(|rs| rs.desired.max(rs.replicas) <= split.stable.max(kept) + missing)
        && release.older.iter().all(|rs| gone(rs, Pods::ZERO) && rs.available == Pods::ZERO)
}

/// How many of the pods that a step asks for have to be available (`replicaProgressThreshold`).
pub(crate) fn enough(release: &Release<'_>, whole: Pods) -> Pods {
    let canary = release.strategy.canary();
    let Some(threshold) = canary.and_then(|c| c.replica_progress_threshold.as_ref()) else {
        return whole;
    };
    let value = i64::from(threshold.value.max(0));
    let needed = match threshold.r#type {
        ProgressType::Pods => Pods(value),
        ProgressType::Percent => Pods(whole.0.saturating_mul(value).saturating_add(99) / 100),
        // Validation has passed; what is not known is not less than all.
        ProgressType::Other(_) => whole,
    };
    needed.min(whole)
}

/// The pods that the stable version keeps where its share is none: one, as long as a Service selects
/// it and there is room for two versions.
pub(crate) fn kept_by_stable(release: &Release<'_>, rs: &ReplicaSetRecord, target: Pods) -> Pods {
    if target == Pods::ZERO && services::routed(release).contains(&rs.hash) {
        release.bounds.least_routed().min(Pods::ONE)
    } else {
        Pods::ZERO
    }
}

/// A step in words, as events have it: `setWeight: 20`, `pause: 5s`.
pub(crate) fn describe(step: &CanaryStep) -> String {
    if let Some(pause) = &step.pause {
        return match &pause.duration {
            Some(IntOrString::Int(seconds)) => format!("pause: {seconds}"),
            Some(IntOrString::String(text)) => format!("pause: {text}"),
            None => "pause".to_owned(),
        };
    }
    if let Some(weight) = step.set_weight {
        return format!("setWeight: {weight}");
    }
    if let Some(scale) = &step.set_canary_scale {
        let how = match (scale.match_traffic_weight, scale.replicas, scale.weight) {
            (false, Some(replicas), _) => format!("{{replicas: {replicas}}}"),
            (false, None, Some(weight)) => format!("{{weight: {weight}}}"),
            _ => "{matchTrafficWeight: true}".to_owned(),
        };
        return format!("setCanaryScale: {how}");
    }
    if let Some(analysis) = analysis::describe(step) {
        return analysis;
    }
    if let Some(route) = &step.set_header_route {
        return format!("setHeaderRoute: {}", route.name);
    }
    let mirror = step.set_mirror_route.as_ref();
    mirror.map_or_else(|| "unknown".to_owned(), |route| format!("setMirrorRoute: {}", route.name))
}
