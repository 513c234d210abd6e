//! AnalysisTemplate and ClusterAnalysisTemplate (spec §1.7).

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::MetricProvider;
use crate::rollout::{AnalysisTemplateRef, FieldRef};

/// Metrics that say whether a version is good (spec §1.7).
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "argoproj.io",
    version = "v1alpha1",
    kind = "AnalysisTemplate",
    plural = "analysistemplates",
    shortname = "at",
    namespaced,
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisTemplateSpec {
    /// The metrics; a run is successful when all of them are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// The arguments that the metrics use, as `{{args.NAME}}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
    /// Metrics that are measured, but whose outcome does not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    /// How many measurements of which metrics are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    /// Further templates whose metrics and arguments are added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<AnalysisTemplateRef>,
}

/// Something to measure, and which values are good (spec §2.9, §2.10).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// Name of the metric, unique in the run.
    pub name: String,
    /// Time between measurements, a Go duration, counted from the end of the last. Required where
    /// count is above 1. Without a count it goes on until the analysis is stopped.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub interval: String,
    /// Time before the first measurement, a Go duration. Default: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub initial_delay: String,
    /// Number of measurements. Default: 1 without an interval, no end with one; 0 is the same as
    /// unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<IntOrString>,
    /// Expression over result that holds for a good value, such as `result[0] >= 0.95`. Without any
    /// condition, each value is good.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub success_condition: String,
    /// Expression over result that holds for a bad value. It wins over successCondition; a value
    /// that meets neither is inconclusive.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub failure_condition: String,
    /// How many bad values are tolerated. Default 0; -1 is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_limit: Option<IntOrString>,
    /// How many inconclusive values are tolerated. Default 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inconclusive_limit: Option<IntOrString>,
    /// How many errors in a row are tolerated. Default 4. An error does not count as a measurement
    /// and is tried again after 10 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_error_limit: Option<IntOrString>,
    /// What measures it.
    pub provider: MetricProvider,
    /// How many good values in a row are enough. Default 0: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_success_limit: Option<IntOrString>,
}

/// Metrics that are measured, but whose outcome does not count.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRun {
    /// Regular expression over the names of metrics, unanchored. It has to match one.
    pub metric_name: String,
}

/// How many measurements of certain metrics are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeasurementRetention {
    /// Regular expression over the names of metrics, unanchored. It has to match one.
    pub metric_name: String,
    /// How many, at least 1. Metrics without a rule keep 10.
    pub limit: i32,
}

/// An argument of an analysis: its value, where that comes from, or none, if whoever starts the
/// analysis gives it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Argument {
    /// Name of the argument, unique in the list.
    pub name: String,
    /// Its value, or the default of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Where the value is read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<ValueFrom>,
}

/// Where an argument takes its value from: exactly one field is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValueFrom {
    /// A key of a Secret, read when a measurement is taken and kept out of logs and messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
    /// A field; Rollouts resolve it, AnalysisRuns by themselves do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_ref: Option<FieldRef>,
}

/// A key of a Secret in the AnalysisRun's namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    pub name: String,
    /// The key.
    pub key: String,
}

/// An analysis template for all namespaces.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "argoproj.io",
    version = "v1alpha1",
    kind = "ClusterAnalysisTemplate",
    plural = "clusteranalysistemplates",
    shortname = "cat",
    derive = "PartialEq"
)]
#[serde(transparent)]
pub struct ClusterAnalysisTemplateSpec(pub AnalysisTemplateSpec);
