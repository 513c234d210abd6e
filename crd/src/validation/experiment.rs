//! The spec of an Experiment.

use super::analysis::{check_duration, check_retention, check_unique};
use super::pod_template::check_pod_template;
use super::selector::check_selector;
use super::{Path, Problem, Problems};
use crate::experiment::{ExperimentSpec, TemplateSpec};

/// All that is wrong with the spec of an Experiment, in the order of its fields.
pub fn validate_experiment(spec: &ExperimentSpec) -> Vec<Problem> {
    let mut problems = Problems::default();
    let path = Path::root("spec");
    let templates_path = path.field("templates");
    let names = spec.templates.iter().map(|template| template.name.as_str());
    check_unique(names, "a template", &templates_path, &mut problems);
    for (index, template) in spec.templates.iter().enumerate() {
        check_template(template, spec, &templates_path.index(index), &mut problems);
    }
    check_duration(&spec.duration, &path.field("duration"), &mut problems);
    if let Some(seconds) = spec.progress_deadline_seconds {
        problems.at_least(&path.field("progressDeadlineSeconds"), seconds, 0);
    }
    let analyses_path = path.field("analyses");
    let names = spec.analyses.iter().map(|analysis| analysis.name.as_str());
    check_unique(names, "an analysis", &analyses_path, &mut problems);
    for (index, analysis) in spec.analyses.iter().enumerate() {
        if analysis.template_name.is_empty() {
            let path = analyses_path.index(index).field("templateName");
            problems.add(&path, "is missing, name an AnalysisTemplate");
        }
    }
    check_retention(&spec.measurement_retention, &path, &mut problems);
    problems.0
}

fn check_template(
    template: &TemplateSpec,
    spec: &ExperimentSpec,
    path: &Path,
    problems: &mut Problems,
) {
    if let Some(replicas) = template.replicas {
        problems.at_least(&path.field("replicas"), replicas, 0);
    }
    let ready_path = path.field("minReadySeconds");
    problems.at_least(&ready_path, template.min_ready_seconds, 0);
    let (ready, deadline) =
        (i64::from(template.min_ready_seconds), spec.progress_deadline_seconds_or_default());
    if deadline >= 0 && ready >= deadline {
        problems.add(
            &ready_path,
            format!(
                "is {ready}, must be less than spec.progressDeadlineSeconds, which is {deadline}"
            ),
        );
    }
    match &template.selector {
        Some(selector) => check_selector(selector, &path.field("selector"), problems),
        None => problems
            .add(&path.field("selector"), "is missing, set it to some labels of the template"),
    }
    let (value, selector) = (template.template.to_value(), template.selector.as_ref());
    check_pod_template(&value, selector, &path.field("template"), problems);
}
