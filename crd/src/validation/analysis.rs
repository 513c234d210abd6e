//! Metrics, and the specs that hold them.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Path, Problem, Problems};
use crate::analysis::{
    AnalysisRunSpec, AnalysisTemplateSpec, Argument, MeasurementRetention, Metric, MetricProvider,
};
use crate::duration::{DurationError, GoDuration};

/// All that is wrong with the spec of an AnalysisTemplate or ClusterAnalysisTemplate, in the order
/// of its fields.
///
/// A text with an argument in it (`{{args.x}}`) may become anything and is not judged.
pub fn validate_analysis_template(spec: &AnalysisTemplateSpec) -> Vec<Problem> {
    let mut problems = Problems::default();
    let path = Path::root("spec");
    if spec.metrics.is_empty() && spec.templates.is_empty() {
        problems.add(&path.field("metrics"), "is empty, add a metric or name other templates");
    }
    check_metrics(&spec.metrics, &path.field("metrics"), &mut problems);
    check_argument_names(&spec.args, &path.field("args"), &mut problems);
    check_retention(&spec.measurement_retention, &path, &mut problems);
    problems.0
}

/// All that is wrong with the spec of an AnalysisRun, in the order of its fields.
pub fn validate_analysis_run(spec: &AnalysisRunSpec) -> Vec<Problem> {
    let mut problems = Problems::default();
    let path = Path::root("spec");
    if spec.metrics.is_empty() {
        problems.add(&path.field("metrics"), "is empty, add a metric");
    }
    check_metrics(&spec.metrics, &path.field("metrics"), &mut problems);
    let args_path = path.field("args");
    check_argument_names(&spec.args, &args_path, &mut problems);
    for (index, argument) in spec.args.iter().enumerate() {
        let from = argument.value_from.as_ref();
        let has_source = from.is_some_and(|from| from.secret_key_ref.is_some());
        if argument.value.is_none() && !has_source {
            problems.add(
                &args_path.index(index),
                format!("`{}` has no value, set value or valueFrom.secretKeyRef", argument.name),
            );
        }
    }
    check_retention(&spec.measurement_retention, &path, &mut problems);
    problems.0
}

/// Names that occur once, and arguments with one source at most.
fn check_argument_names(arguments: &[Argument], path: &Path, problems: &mut Problems) {
    let names = arguments.iter().map(|argument| argument.name.as_str());
    check_unique(names, "an argument", path, problems);
    for (index, argument) in arguments.iter().enumerate() {
        if argument.value.is_some() && argument.value_from.is_some() {
            let path = path.index(index);
            problems.add(&path, "has value and valueFrom, set only one of them");
        }
    }
}

/// Names in a list that have to be there and to differ.
pub(super) fn check_unique<'a>(
    names: impl IntoIterator<Item = &'a str>,
    what: &str,
    path: &Path,
    problems: &mut Problems,
) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.into_iter().enumerate() {
        let path = path.index(index).field("name");
        if name.is_empty() {
            problems.add(&path, "is missing");
        } else if !seen.insert(name) {
            problems.add(&path, format!("is `{name}`, which names {what} further up already"));
        }
    }
}

pub(super) fn check_retention(
    retention: &[MeasurementRetention],
    path: &Path,
    problems: &mut Problems,
) {
    for (index, rule) in retention.iter().enumerate() {
        let path = path.field("measurementRetention").index(index).field("limit");
        problems.at_least(&path, rule.limit, 1);
    }
}

fn check_metrics(metrics: &[Metric], path: &Path, problems: &mut Problems) {
    check_unique(metrics.iter().map(|metric| metric.name.as_str()), "a metric", path, problems);
    for (index, metric) in metrics.iter().enumerate() {
        check_metric(metric, &path.index(index), problems);
    }
}

/// A number that is known now; `None` where an argument will fill it in, or it is no number.
fn number(
    value: Option<&IntOrString>,
    least: i64,
    path: &Path,
    problems: &mut Problems,
) -> Option<i64> {
    let number = match value {
        None => 0,
        Some(IntOrString::Int(number)) => i64::from(*number),
        Some(IntOrString::String(text)) if is_templated(text) => return None,
        Some(IntOrString::String(text)) => match text.parse() {
            Ok(number) => number,
            Err(_) => {
                problems.add(path, format!("is `{text}`, must be a whole number"));
                return None;
            }
        },
    };
    problems.at_least(path, number, least);
    Some(number)
}

fn is_templated(text: &str) -> bool {
    text.contains("{{")
}

fn check_metric(metric: &Metric, path: &Path, problems: &mut Problems) {
    check_duration(&metric.interval, &path.field("interval"), problems);
    check_duration(&metric.initial_delay, &path.field("initialDelay"), problems);
    let mut get = |name: &str, value: &Option<IntOrString>, least| {
        number(value.as_ref(), least, &path.field(name), problems)
    };
    let count = get("count", &metric.count, 0);
    let failures = get("failureLimit", &metric.failure_limit, -1);
    let inconclusive = get("inconclusiveLimit", &metric.inconclusive_limit, 0);
    get("consecutiveErrorLimit", &metric.consecutive_error_limit, 0);
    let successes = get("consecutiveSuccessLimit", &metric.consecutive_success_limit, 0);

    if let Some(count) = count.filter(|count| *count > 0) {
        if count > 1 && metric.interval.is_empty() {
            problems
                .add(&path.field("interval"), format!("is missing, a count of {count} needs it"));
        }
        if let (Some(failures), Some(successes)) = (failures, successes)
            && count < failures.saturating_add(successes)
        {
            problems.add(
                &path.field("count"),
                format!(
                    "is {count}, must be at least failureLimit and consecutiveSuccessLimit together, {failures} + {successes}"
                ),
            );
        }
        if let Some(limit) = inconclusive.filter(|limit| count < *limit) {
            problems.add(
                &path.field("count"),
                format!("is {count}, must be at least inconclusiveLimit, which is {limit}"),
            );
        }
    }
    if failures == Some(-1) && successes == Some(0) {
        problems.add(
            &path.field("failureLimit"),
            "is -1, which needs a consecutiveSuccessLimit above 0",
        );
    }
    check_provider(&metric.provider, &path.field("provider"), problems);
}

/// A Go duration, if there is one.
pub(super) fn check_duration(text: &str, path: &Path, problems: &mut Problems) {
    if text.is_empty() || is_templated(text) {
        return;
    }
    let duration: Result<GoDuration, DurationError> = text.parse();
    if let Err(error) = duration {
        problems.add(path, error.to_string());
    }
}

fn check_provider(provider: &MetricProvider, path: &Path, problems: &mut Problems) {
    problems.exactly_one(
        path,
        &[
            ("prometheus", provider.prometheus.is_some()),
            ("kayenta", provider.kayenta.is_some()),
            ("web", provider.web.is_some()),
            ("datadog", provider.datadog.is_some()),
            ("wavefront", provider.wavefront.is_some()),
            ("newRelic", provider.new_relic.is_some()),
            ("job", provider.job.is_some()),
            ("cloudWatch", provider.cloud_watch.is_some()),
            ("graphite", provider.graphite.is_some()),
            ("influxdb", provider.influxdb.is_some()),
            ("skywalking", provider.skywalking.is_some()),
            ("plugin", !provider.plugin.is_empty()),
        ],
    );
}
