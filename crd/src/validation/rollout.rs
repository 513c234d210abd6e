//! The spec of a Rollout.

use serde_json::Value;

use super::pod_template::check_pod_template;
use super::selector::check_selector;
use super::{Path, Problem, Problems, blue_green, canary, names};
use crate::rollout::{ObjectRef, RolloutSpec};

/// All that is wrong with the spec of a Rollout, in the order of its fields.
pub fn validate_rollout(spec: &RolloutSpec) -> Vec<Problem> {
    let mut problems = Problems::default();
    let path = Path::root("spec");
    if let Some(replicas) = spec.replicas {
        problems.at_least(&path.field("replicas"), replicas, 0);
    }
    check_workload(spec, &path, &mut problems);
    problems.at_least(&path.field("minReadySeconds"), spec.min_ready_seconds, 0);
    check_strategy(spec, &path.field("strategy"), &mut problems);
    if let Some(limit) = spec.revision_history_limit {
        problems.at_least(&path.field("revisionHistoryLimit"), limit, 0);
    }
    let (deadline, ready) =
        (spec.progress_deadline_seconds_or_default(), i64::from(spec.min_ready_seconds));
    let deadline_path = path.field("progressDeadlineSeconds");
    if deadline < 0 {
        problems.at_least(&deadline_path, deadline, 0);
    } else if deadline <= ready {
        problems.add(
            &deadline_path,
            format!("is {deadline}, must be more than minReadySeconds, which is {ready}"),
        );
    }
    problems.0
}

/// The pods: a selector and a template, or a reference to a workload that has them.
fn check_workload(spec: &RolloutSpec, path: &Path, problems: &mut Problems) {
    let template_path = path.field("template");
    match &spec.selector {
        Some(selector) => check_selector(selector, &path.field("selector"), problems),
        None if spec.workload_ref.is_none() => problems
            .add(&path.field("selector"), "is missing, set it to some labels of spec.template"),
        None => {}
    }
    let template = spec.template.as_ref().map(|raw| raw.to_value()).filter(|v| !is_hollow(v));
    match (&template, &spec.workload_ref) {
        (Some(template), None) => {
            check_pod_template(template, spec.selector.as_ref(), &template_path, problems);
        }
        (None, None) => problems.add(&template_path, "is missing, set it or workloadRef"),
        (Some(_), Some(_)) => {
            problems.add(&template_path, "must be empty where workloadRef is set");
        }
        (None, Some(_)) => {}
    }
    if let Some(workload) = &spec.workload_ref {
        check_workload_ref(workload, &path.field("workloadRef"), problems);
    }
}

/// Whether a template holds nothing: what clients send for one that nobody wrote.
fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(is_hollow),
        Value::Array(values) => values.is_empty(),
        Value::String(_) | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn check_workload_ref(workload: &ObjectRef, path: &Path, problems: &mut Problems) {
    let known = [("apps/v1", "Deployment"), ("apps/v1", "ReplicaSet"), ("v1", "PodTemplate")];
    let (api_version, kind) = (workload.api_version.as_str(), workload.kind.as_str());
    if !known.contains(&(api_version, kind)) {
        problems.add(
            path,
            format!(
                "refers to a `{kind}` of `{api_version}`, must be a Deployment or ReplicaSet of apps/v1 or a PodTemplate of v1"
            ),
        );
    }
    problems.check(&path.field("name"), names::dns_subdomain(&workload.name));
}

fn check_strategy(spec: &RolloutSpec, path: &Path, problems: &mut Problems) {
    let strategy = &spec.strategy;
    problems.exactly_one(
        path,
        &[("blueGreen", strategy.blue_green.is_some()), ("canary", strategy.canary.is_some())],
    );
    if let Some(blue_green) = &strategy.blue_green {
        let history_limit = spec.revision_history_limit_or_default();
        blue_green::check(blue_green, history_limit, &path.field("blueGreen"), problems);
    }
    if let Some(canary) = &strategy.canary {
        canary::check(canary, &path.field("canary"), problems);
    }
}
