//! AnalysisRun (spec §1.7).

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::{Argument, DryRun, MeasurementRetention, Metric};
use crate::omit::{is_false, is_zero};
use crate::open_enum::open_enum;
use crate::time::Time;

/// DOC AnalysisRunSpec
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
    /// DOC AnalysisRunSpec.metrics
    pub metrics: Vec<Metric>,
    /// DOC AnalysisRunSpec.args
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
    /// DOC AnalysisRunSpec.terminate
    #[serde(default, skip_serializing_if = "is_false")]
    pub terminate: bool,
    /// DOC AnalysisRunSpec.dryRun
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    /// DOC AnalysisRunSpec.measurementRetention
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    /// DOC AnalysisRunSpec.ttlStrategy
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_strategy: Option<TTLStrategy>,
}

/// DOC TTLStrategy
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TTLStrategy {
    /// DOC TTLStrategy.secondsAfterCompletion
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_after_completion: Option<i32>,
    /// DOC TTLStrategy.secondsAfterFailure
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_after_failure: Option<i32>,
    /// DOC TTLStrategy.secondsAfterSuccess
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_after_success: Option<i32>,
}

/// DOC AnalysisRunStatus
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisRunStatus {
    /// DOC AnalysisRunStatus.phase
    pub phase: AnalysisPhase,
    /// DOC AnalysisRunStatus.message
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// DOC AnalysisRunStatus.metricResults
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metric_results: Vec<MetricResult>,
    /// DOC AnalysisRunStatus.startedAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// DOC AnalysisRunStatus.runSummary
    #[serde(default)]
    pub run_summary: RunSummary,
    /// DOC AnalysisRunStatus.dryRunSummary
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run_summary: Option<RunSummary>,
    /// DOC AnalysisRunStatus.completedAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
}

/// DOC RunSummary
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// DOC RunSummary.count
    #[serde(default, skip_serializing_if = "is_zero")]
    pub count: i32,
    /// DOC RunSummary.successful
    #[serde(default, skip_serializing_if = "is_zero")]
    pub successful: i32,
    /// DOC RunSummary.failed
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: i32,
    /// DOC RunSummary.inconclusive
    #[serde(default, skip_serializing_if = "is_zero")]
    pub inconclusive: i32,
    /// DOC RunSummary.error
    #[serde(default, skip_serializing_if = "is_zero")]
    pub error: i32,
}

/// DOC MetricResult
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricResult {
    /// DOC MetricResult.name
    pub name: String,
    /// DOC MetricResult.phase
    pub phase: AnalysisPhase,
    /// DOC MetricResult.measurements
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measurement>,
    /// DOC MetricResult.message
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// DOC MetricResult.count
    #[serde(default, skip_serializing_if = "is_zero")]
    pub count: i32,
    /// DOC MetricResult.successful
    #[serde(default, skip_serializing_if = "is_zero")]
    pub successful: i32,
    /// DOC MetricResult.failed
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: i32,
    /// DOC MetricResult.inconclusive
    #[serde(default, skip_serializing_if = "is_zero")]
    pub inconclusive: i32,
    /// DOC MetricResult.error
    #[serde(default, skip_serializing_if = "is_zero")]
    pub error: i32,
    /// DOC MetricResult.consecutiveError
    #[serde(default, skip_serializing_if = "is_zero")]
    pub consecutive_error: i32,
    /// DOC MetricResult.dryRun
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// DOC MetricResult.metadata
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// DOC MetricResult.consecutiveSuccess
    #[serde(default, skip_serializing_if = "is_zero")]
    pub consecutive_success: i32,
}

/// DOC Measurement
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Measurement {
    /// DOC Measurement.phase
    pub phase: AnalysisPhase,
    /// DOC Measurement.message
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// DOC Measurement.startedAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// DOC Measurement.finishedAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// DOC Measurement.value
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// DOC Measurement.metadata
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// DOC Measurement.resumeAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_at: Option<Time>,
}

open_enum! {
    /// DOC AnalysisPhase
    AnalysisPhase {
        /// DOC AnalysisPhase.Pending
        Pending = "Pending",
        /// DOC AnalysisPhase.Running
        Running = "Running",
        /// DOC AnalysisPhase.Successful
        Successful = "Successful",
        /// DOC AnalysisPhase.Failed
        Failed = "Failed",
        /// DOC AnalysisPhase.Error
        Error = "Error",
        /// DOC AnalysisPhase.Inconclusive
        Inconclusive = "Inconclusive",
    }
}
