//! AnalysisTemplate and ClusterAnalysisTemplate (spec §1.7).

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::MetricProvider;
use crate::rollout::{AnalysisTemplateRef, FieldRef};

/// DOC AnalysisTemplateSpec
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
    /// DOC AnalysisTemplateSpec.metrics
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// DOC AnalysisTemplateSpec.args
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
    /// DOC AnalysisTemplateSpec.dryRun
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    /// DOC AnalysisTemplateSpec.measurementRetention
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    /// DOC AnalysisTemplateSpec.templates
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<AnalysisTemplateRef>,
}

/// DOC Metric
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// DOC Metric.name
    pub name: String,
    /// DOC Metric.interval
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub interval: String,
    /// DOC Metric.initialDelay
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub initial_delay: String,
    /// DOC Metric.count
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<IntOrString>,
    /// DOC Metric.successCondition
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub success_condition: String,
    /// DOC Metric.failureCondition
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub failure_condition: String,
    /// DOC Metric.failureLimit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_limit: Option<IntOrString>,
    /// DOC Metric.inconclusiveLimit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inconclusive_limit: Option<IntOrString>,
    /// DOC Metric.consecutiveErrorLimit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_error_limit: Option<IntOrString>,
    /// DOC Metric.provider
    pub provider: MetricProvider,
    /// DOC Metric.consecutiveSuccessLimit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_success_limit: Option<IntOrString>,
}

/// DOC DryRun
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRun {
    /// DOC DryRun.metricName
    pub metric_name: String,
}

/// DOC MeasurementRetention
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeasurementRetention {
    /// DOC MeasurementRetention.metricName
    pub metric_name: String,
    /// DOC MeasurementRetention.limit
    pub limit: i32,
}

/// DOC Argument
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Argument {
    /// DOC Argument.name
    pub name: String,
    /// DOC Argument.value
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// DOC Argument.valueFrom
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<ValueFrom>,
}

/// DOC ValueFrom
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValueFrom {
    /// DOC ValueFrom.secretKeyRef
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
    /// DOC ValueFrom.fieldRef
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_ref: Option<FieldRef>,
}

/// DOC SecretKeyRef
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// DOC SecretKeyRef.name
    pub name: String,
    /// DOC SecretKeyRef.key
    pub key: String,
}

/// DOC ClusterAnalysisTemplateSpec
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
