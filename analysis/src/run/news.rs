//! What has happened in a run, told once: as events.

use std::collections::BTreeSet;

use sluice_crd::analysis::{AnalysisPhase, AnalysisRunStatus, Metric};

use super::assess::is_completed;
use super::compile::CompiledRun;
use crate::expr::condition_warnings;

/// One thing that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Whether it is bad news.
    pub warning: bool,
    /// The event's reason, in upstream's words where it has them: `AnalysisRunFailed`,
    /// `MetricFailed`.
    pub reason: &'static str,
    /// The event's message.
    pub message: String,
    /// What tells it from others of its reason within one run.
    pub occasion: String,
}

/// The reason of an event about something in a metric that is allowed, but hardly meant.
const WARNING: &str = "AnalysisWarning";

impl News {
    pub(super) fn completed(phase: &AnalysisPhase) -> Self {
        Self {
            warning: is_bad(phase),
            reason: of_run(phase),
            message: format!("Analysis Completed. Result: {phase}"),
            occasion: String::new(),
        }
    }

    fn metric_completed(name: &str, phase: &AnalysisPhase) -> Self {
        Self {
            warning: is_bad(phase),
            reason: of_metric(phase),
            message: format!("Metric '{name}' Completed. Result: {phase}"),
            occasion: name.to_owned(),
        }
    }

    fn warning(name: &str, detail: &str) -> Self {
        Self {
            warning: true,
            reason: WARNING,
            message: format!("Metric '{name}': {detail}"),
            occasion: format!("{name} {detail}"),
        }
    }
}

fn of_run(phase: &AnalysisPhase) -> &'static str {
    match phase {
        AnalysisPhase::Successful => "AnalysisRunSuccessful",
        AnalysisPhase::Failed => "AnalysisRunFailed",
        AnalysisPhase::Error => "AnalysisRunError",
        AnalysisPhase::Inconclusive => "AnalysisRunInconclusive",
        AnalysisPhase::Pending | AnalysisPhase::Running | AnalysisPhase::Other(_) => {
            "AnalysisRunRunning"
        }
    }
}

fn of_metric(phase: &AnalysisPhase) -> &'static str {
    match phase {
        AnalysisPhase::Successful => "MetricSuccessful",
        AnalysisPhase::Failed => "MetricFailed",
        AnalysisPhase::Error => "MetricError",
        AnalysisPhase::Inconclusive => "MetricInconclusive",
        AnalysisPhase::Pending | AnalysisPhase::Running | AnalysisPhase::Other(_) => {
            "MetricRunning"
        }
    }
}

fn is_bad(phase: &AnalysisPhase) -> bool {
    matches!(phase, AnalysisPhase::Failed | AnalysisPhase::Error)
}

/// What a new status tells that the old one did not. `came_in` names the metrics that it adds
/// measurements to.
pub(super) fn news(
    old: &AnalysisRunStatus,
    new: &AnalysisRunStatus,
    run: &CompiledRun,
    came_in: &BTreeSet<&str>,
) -> Vec<News> {
    let mut out = Vec::new();
    if is_completed(&new.phase) {
        out.push(News::completed(&new.phase));
    }
    let before = |name: &str| old.metric_results.iter().find(|r| r.name == name);
    for result in new.metric_results.iter().filter(|result| is_completed(&result.phase)) {
        if before(&result.name).is_none_or(|before| !is_completed(&before.phase)) {
            out.push(News::metric_completed(&result.name, &result.phase));
        }
    }
    let first = |name: &str| came_in.contains(name) && before(name).is_none();
    for metric in run.metrics.iter().filter(|metric| first(metric.name())) {
        let details = oddities(&metric.metric);
        out.extend(details.iter().map(|detail| News::warning(metric.name(), detail)));
    }
    out
}

/// What is allowed in a metric, but hardly meant.
fn oddities(metric: &Metric) -> Vec<String> {
    let mut out: Vec<String> = sluice_crd::validation::metric_warnings(metric)
        .into_iter()
        .map(|warning| warning.detail)
        .collect();
    out.extend(condition_warnings(metric).iter().map(ToString::to_string));
    let provider = &metric.provider;
    let insecure = provider.prometheus.as_ref().is_some_and(|p| p.insecure)
        || provider.web.as_ref().is_some_and(|w| w.insecure);
    if insecure {
        out.push(
            "insecure is true: the server's certificate is not checked, whoever answers is \
             believed"
                .to_owned(),
        );
    }
    out
}
