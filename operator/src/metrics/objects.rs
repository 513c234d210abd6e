//! What objects are, read off the records when it is scraped.

use prometheus::{GaugeVec, Opts, Registry};
use sluice_crd::rollout::RolloutPhase;
use sluice_planner::{RolloutRecord, conditions};

use crate::world::Place;
use crate::world::analysis::{MetricInfo, OwnedRun};

/// All objects as they are scraped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// Rollouts.
    pub rollouts: Vec<Sample>,
    /// AnalysisRuns.
    pub runs: Vec<RunSample>,
    /// AnalysisTemplates and ClusterAnalysisTemplates.
    pub templates: Vec<TemplateSample>,
}

impl Samples {
    pub(super) fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        rollouts_of(&self.rollouts, registry)?;
        runs_of(&self.runs, registry)?;
        templates_of(&self.templates, registry)
    }
}

fn gauge(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<GaugeVec, prometheus::Error> {
    let gauge = GaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

/// A Rollout as it is scraped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    namespace: String,
    name: String,
    strategy: &'static str,
    phase: &'static str,
    desired: i64,
    available: i64,
    unavailable: i64,
    updated: i64,
}

/// The phases of `rollout_info` (spec §1.15).
const PHASES: [&str; 7] =
    ["InvalidSpec", "Completed", "Progressing", "Paused", "Timeout", "Error", "Abort"];

impl From<&RolloutRecord> for Sample {
    fn from(rollout: &RolloutRecord) -> Self {
        let status = &rollout.status;
        let strategy = &rollout.spec.strategy;
        let available = i64::from(status.available_replicas);
        Self {
            namespace: rollout.namespace.clone(),
            name: rollout.name.clone(),
            strategy: if strategy.blue_green.is_some() {
                "blueGreen"
            } else if strategy.canary.is_some() {
                "canary"
            } else {
                "none"
            },
            phase: phase(rollout),
            desired: rollout.spec.replicas_or_default(),
            available,
            unavailable: (i64::from(status.replicas) - available).max(0),
            updated: i64::from(status.updated_replicas),
        }
    }
}

fn phase(rollout: &RolloutRecord) -> &'static str {
    let status = &rollout.status;
    if conditions::is_true(status, conditions::kinds::INVALID_SPEC) {
        return "InvalidSpec";
    }
    let reason = conditions::get(status, conditions::kinds::PROGRESSING).map(|c| c.reason.as_str());
    match (reason, &status.phase) {
        (Some(conditions::reasons::ROLLOUT_ABORTED), _) => "Abort",
        (Some(conditions::reasons::TIMED_OUT), _) => "Timeout",
        (Some(conditions::reasons::REPLICA_SET_CREATE_ERROR), _) => "Error",
        (_, Some(RolloutPhase::Healthy)) => "Completed",
        (_, Some(RolloutPhase::Paused)) => "Paused",
        (_, Some(RolloutPhase::Degraded)) => "Error",
        _ => "Progressing",
    }
}

fn rollouts_of(rollouts: &[Sample], registry: &Registry) -> Result<(), prometheus::Error> {
    let gauge = |name: &str, help: &str, labels: &[&str]| gauge(registry, name, help, labels);
    let object = ["namespace", "name"];
    let info_labels = ["namespace", "name", "strategy", "traffic_router", "phase"];
    let info = gauge("rollout_info", "Information about rollout.", &info_labels)?;
    let phase = gauge(
        "rollout_phase",
        "Information on the state of the rollout (DEPRECATED - use rollout_info)",
        &["namespace", "name", "strategy", "phase"],
    )?;
    let count = |what: &str| {
        let help = format!("The number of {what} replicas per rollout.");
        gauge(&format!("rollout_info_replicas_{what}"), &help, &object)
    };
    let (available, unavailable) = (count("available")?, count("unavailable")?);
    let (desired, updated) = (count("desired")?, count("updated")?);
    for r in rollouts {
        let at = [r.namespace.as_str(), r.name.as_str()];
        info.with_label_values(&[at[0], at[1], r.strategy, "", r.phase]).set(1.0);
        for p in PHASES {
            let value = f64::from(u8::from(p == r.phase));
            phase.with_label_values(&[at[0], at[1], r.strategy, p]).set(value);
        }
        #[allow(clippy::cast_precision_loss, reason = "numbers of pods are far below 2^52")]
        let set = |gauge: &GaugeVec, value: i64| gauge.with_label_values(&at).set(value as f64);
        set(&available, r.available);
        set(&unavailable, r.unavailable);
        set(&desired, r.desired);
        set(&updated, r.updated);
    }
    Ok(())
}

/// An AnalysisRun as it is scraped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSample {
    namespace: String,
    name: String,
    phase: String,
    metrics: std::sync::Arc<[MetricInfo]>,
}

/// The phases of runs and their metrics (spec §1.15).
const RUN_PHASES: [&str; 6] =
    ["Pending", "Running", "Successful", "Failed", "Error", "Inconclusive"];

impl From<&OwnedRun> for RunSample {
    fn from(run: &OwnedRun) -> Self {
        Self {
            namespace: run.namespace.clone(),
            name: run.record.name.clone(),
            phase: run.record.phase.to_string(),
            metrics: std::sync::Arc::clone(&run.metrics),
        }
    }
}

fn runs_of(runs: &[RunSample], registry: &Registry) -> Result<(), prometheus::Error> {
    let gauge = |name: &str, help: &str, labels: &[&str]| gauge(registry, name, help, labels);
    let of_run = ["namespace", "name", "phase"];
    let info = gauge("analysis_run_info", "Information about analysis run.", &of_run)?;
    let phase = gauge(
        "analysis_run_phase",
        "Information on the state of the Analysis Run (DEPRECATED - use analysis_run_info)",
        &of_run,
    )?;
    let metric_type = gauge(
        "analysis_run_metric_type",
        "Information on the type of a specific metric in the Analysis Runs",
        &["namespace", "name", "metric", "type"],
    )?;
    let metric_phase = gauge(
        "analysis_run_metric_phase",
        "Information on the duration of a specific metric in the Analysis Run",
        &["namespace", "name", "metric", "type", "dry_run", "phase"],
    )?;
    let is = |yes: bool| f64::from(u8::from(yes));
    for run in runs {
        let (namespace, name) = (run.namespace.as_str(), run.name.as_str());
        info.with_label_values(&[namespace, name, &run.phase]).set(1.0);
        for p in RUN_PHASES {
            phase.with_label_values(&[namespace, name, p]).set(is(p == run.phase));
        }
        for m in &*run.metrics {
            metric_type.with_label_values(&[namespace, name, &m.name, m.provider]).set(1.0);
            let dry = if m.dry_run { "true" } else { "false" };
            for p in RUN_PHASES {
                let labels = [namespace, name, &m.name, m.provider, dry, p];
                metric_phase.with_label_values(&labels).set(is(p == m.phase));
            }
        }
    }
    Ok(())
}

/// A template as it is scraped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateSample {
    namespace: String,
    name: String,
    /// Names and providers.
    metrics: Vec<(String, &'static str)>,
}

impl From<(&Place, &[MetricInfo])> for TemplateSample {
    fn from(((namespace, name), metrics): (&Place, &[MetricInfo])) -> Self {
        Self {
            namespace: namespace.clone(),
            name: name.clone(),
            metrics: metrics.iter().map(|m| (m.name.clone(), m.provider)).collect(),
        }
    }
}

fn templates_of(
    templates: &[TemplateSample],
    registry: &Registry,
) -> Result<(), prometheus::Error> {
    let gauge = |name: &str, help: &str, labels: &[&str]| gauge(registry, name, help, labels);
    let help = "Information about analysis templates.";
    let info = gauge("analysis_template_info", help, &["namespace", "name"])?;
    let metric = gauge(
        "analysis_template_metric_info",
        "Information on metrics in analysis templates.",
        &["namespace", "name", "type", "metric"],
    )?;
    for template in templates {
        let (namespace, name) = (template.namespace.as_str(), template.name.as_str());
        info.with_label_values(&[namespace, name]).set(1.0);
        for (metric_name, provider) in &template.metrics {
            metric.with_label_values(&[namespace, name, *provider, metric_name]).set(1.0);
        }
    }
    Ok(())
}
