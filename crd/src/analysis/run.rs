//! AnalysisRun (spec §1.7).

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::{Argument, DryRun, MeasurementRetention, Metric};
use crate::omit::{is_false, is_zero};
use crate::open_enum::open_enum;
use crate::time::Time;

/// What an AnalysisRun measures (spec §1.7, §2.9).
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "argoproj.io",
    version = "v1alpha1",
    kind = "AnalysisRun",
    plural = "analysisruns",
    shortname = "ar",
    namespaced,
    status = "AnalysisRunStatus",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisRunSpec {
    /// The metrics.
    pub metrics: Vec<Metric>,
    /// The arguments, with their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
    /// Ends the run. Without failures so far it is successful. Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub terminate: bool,
    /// Metrics that are measured, but whose outcome does not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    /// How many measurements of which metrics are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    /// When the finished run is deleted. Default: never, by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_strategy: Option<TTLStrategy>,
}

/// When a finished run is deleted; the more specific field wins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TTLStrategy {
    /// Seconds after it ended, however it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_after_completion: Option<i32>,
    /// Seconds after it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_after_failure: Option<i32>,
    /// Seconds after it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_after_success: Option<i32>,
}

/// What came of an AnalysisRun so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisRunStatus {
    /// The verdict, once all metrics are done.
    pub phase: AnalysisPhase,
    /// Why it is so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What came of each metric.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metric_results: Vec<MetricResult>,
    /// When the run started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// The metrics that count, by phase.
    #[serde(default)]
    pub run_summary: RunSummary,
    /// The dry-run metrics, by phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run_summary: Option<RunSummary>,
    /// When the run ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
}

/// Numbers of metrics by phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// All of them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub count: i32,
    /// Successful ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub successful: i32,
    /// Failed ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: i32,
    /// Inconclusive ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub inconclusive: i32,
    /// Those that could not be measured.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub error: i32,
}

/// What came of a metric so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricResult {
    /// Name of the metric.
    pub name: String,
    /// The verdict on it.
    pub phase: AnalysisPhase,
    /// The last measurements, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measurement>,
    /// Why it is so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Completed measurements, without errors.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub count: i32,
    /// Good ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub successful: i32,
    /// Bad ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: i32,
    /// Inconclusive ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub inconclusive: i32,
    /// Errors.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub error: i32,
    /// Errors in a row, up to now.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub consecutive_error: i32,
    /// Whether its outcome does not count.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// What the provider tells of the metric, such as the query with its arguments filled in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Good values in a row, up to now.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub consecutive_success: i32,
}

/// One measurement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Measurement {
    /// The verdict on it.
    pub phase: AnalysisPhase,
    /// Why it is so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// The value, as text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// What the provider tells of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// When the provider is asked again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_at: Option<Time>,
}

open_enum! {
    /// Verdict on a measurement, a metric, a run or an experiment. From good to bad: Successful,
    /// Running, Pending, Inconclusive, Error, Failed; the worst of the parts is that of the whole.
    AnalysisPhase {
        /// Not started.
        Pending = "Pending",
        /// Going on.
        Running = "Running",
        /// Good.
        Successful = "Successful",
        /// Bad.
        Failed = "Failed",
        /// It could not be measured.
        Error = "Error",
        /// Neither good nor bad.
        Inconclusive = "Inconclusive",
    }
}
