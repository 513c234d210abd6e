//! What is allowed, but hardly meant (spec §2.14, 7 and 9).

use super::{Path, Warning, list, names_of};
use crate::analysis::{AnalysisTemplateSpec, Metric};
use crate::rollout::{CanaryStep, RolloutSpec, SetCanaryScale};

#[derive(Default)]
struct Warnings(Vec<Warning>);

impl Warnings {
    fn add(&mut self, path: &Path, detail: impl Into<String>) {
        self.0.push(Warning { path: path.0.clone(), detail: detail.into() });
    }
}

/// What is odd in the spec of a Rollout, in the order of its fields.
pub fn rollout_warnings(spec: &RolloutSpec) -> Vec<Warning> {
    let mut warnings = Warnings::default();
    let steps = spec.strategy.canary.iter().flat_map(|canary| canary.steps.iter().flatten());
    let path = Path::root("spec").field("strategy").field("canary").field("steps");
    for (index, step) in steps.enumerate() {
        let path = path.index(index);
        warn_of_kinds(step, &path, &mut warnings);
        if let Some(scale) = &step.set_canary_scale {
            warn_of_scale(scale, &path.field("setCanaryScale"), &mut warnings);
        }
        let percentage = step.set_mirror_route.as_ref().and_then(|route| route.percentage);
        if let Some(percentage) = percentage.filter(|percentage| !(0..=100).contains(percentage)) {
            let path = path.field("setMirrorRoute").field("percentage");
            warnings.add(&path, format!("is {percentage}, the router may refuse all but 0 to 100"));
        }
    }
    warnings.0
}

/// Kinds of a step in the order in which they are evaluated (§1.4): the first decides when the
/// step is done.
fn warn_of_kinds(step: &CanaryStep, path: &Path, warnings: &mut Warnings) {
    let kinds = [
        ("pause", step.pause.is_some()),
        ("setCanaryScale", step.set_canary_scale.is_some()),
        ("setWeight", step.set_weight.is_some()),
        ("experiment", step.experiment.is_some()),
        ("analysis", step.analysis.is_some()),
        ("setHeaderRoute", step.set_header_route.is_some()),
        ("setMirrorRoute", step.set_mirror_route.is_some()),
        ("plugin", step.plugin.is_some()),
    ];
    let set = names_of(&kinds, |is_set| is_set);
    if let [first, _, ..] = set.as_slice() {
        warnings.add(
            path,
            format!(
                "has {} at once, and is done when {first} is: make it several steps",
                list(&set)
            ),
        );
    }
}

fn warn_of_scale(scale: &SetCanaryScale, path: &Path, warnings: &mut Warnings) {
    let fields = [
        ("matchTrafficWeight", scale.match_traffic_weight),
        ("replicas", scale.replicas.is_some()),
        ("weight", scale.weight.is_some()),
    ];
    let set = names_of(&fields, |is_set| is_set);
    match set.as_slice() {
        [] => warnings.add(path, "is empty, which is the same as matchTrafficWeight: true"),
        [first, _, ..] => {
            warnings.add(path, format!("has {} at once, and only {first} counts", list(&set)))
        }
        [_] => {}
    }
    if let Some(weight) = scale.weight.filter(|weight| !(0..=100).contains(weight)) {
        let detail = format!("is {weight} percent of spec.replicas, 0 to 100 makes sense");
        warnings.add(&path.field("weight"), detail);
    }
    if let Some(replicas) = scale.replicas.filter(|replicas| *replicas < 0) {
        let detail = format!("is {replicas}, less than no pods: it counts as 0");
        warnings.add(&path.field("replicas"), detail);
    }
}

/// What is odd in the spec of an analysis template, in the order of its fields.
pub fn analysis_template_warnings(spec: &AnalysisTemplateSpec) -> Vec<Warning> {
    let mut warnings = Warnings::default();
    let path = Path::root("spec").field("metrics");
    for (index, metric) in spec.metrics.iter().enumerate() {
        warn_of_metric(metric, &path.index(index), &mut warnings);
    }
    warnings.0
}

/// What is odd in one metric; paths begin at the metric.
pub fn metric_warnings(metric: &Metric) -> Vec<Warning> {
    let mut warnings = Warnings::default();
    warn_of_metric(metric, &Path::root("metric"), &mut warnings);
    warnings.0
}

fn warn_of_metric(metric: &Metric, path: &Path, warnings: &mut Warnings) {
    // A Job and Kayenta judge by themselves.
    let judges = metric.provider.job.is_some() || metric.provider.kayenta.is_some();
    match (metric.success_condition.is_empty(), metric.failure_condition.is_empty()) {
        (true, true) if !judges => warnings.add(
            path,
            "has neither successCondition nor failureCondition, every value counts as good",
        ),
        (true, false) => warnings.add(
            &path.field("failureCondition"),
            "stands alone: a value that is not a number meets no comparison and counts as good",
        ),
        _ => {}
    }
}
