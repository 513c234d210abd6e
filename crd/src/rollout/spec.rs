//! `Rollout.spec` (spec §1.1).

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::omit::{is_false, is_zero};
use crate::raw::Raw;
use crate::rollout::{BlueGreenStrategy, CanaryStrategy, RolloutStatus};
use crate::time::Time;

/// DOC RolloutSpec
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "argoproj.io",
    version = "v1alpha1",
    kind = "Rollout",
    plural = "rollouts",
    shortname = "ro",
    namespaced,
    status = "RolloutStatus",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct RolloutSpec {
    /// DOC RolloutSpec.replicas
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// DOC RolloutSpec.selector
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// DOC RolloutSpec.template
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Raw<PodTemplateSpec>>,
    /// DOC RolloutSpec.workloadRef
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_ref: Option<ObjectRef>,
    /// DOC RolloutSpec.minReadySeconds
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// DOC RolloutSpec.rollbackWindow
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_window: Option<RollbackWindowSpec>,
    /// DOC RolloutSpec.strategy
    #[serde(default)]
    pub strategy: RolloutStrategy,
    /// DOC RolloutSpec.revisionHistoryLimit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i32>,
    /// DOC RolloutSpec.paused
    #[serde(default, skip_serializing_if = "is_false")]
    pub paused: bool,
    /// DOC RolloutSpec.progressDeadlineSeconds
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<i32>,
    /// DOC RolloutSpec.progressDeadlineAbort
    #[serde(default, skip_serializing_if = "is_false")]
    pub progress_deadline_abort: bool,
    /// DOC RolloutSpec.restartAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_at: Option<Time>,
    /// DOC RolloutSpec.analysis
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis: Option<AnalysisRunStrategy>,
}

/// DOC ObjectRef
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// DOC ObjectRef.apiVersion
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// DOC ObjectRef.kind
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// DOC ObjectRef.name
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// DOC ObjectRef.scaleDown
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scale_down: String,
}

/// DOC RolloutStrategy
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStrategy {
    /// DOC RolloutStrategy.blueGreen
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blue_green: Option<BlueGreenStrategy>,
    /// DOC RolloutStrategy.canary
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryStrategy>,
}

/// DOC RollbackWindowSpec
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackWindowSpec {
    /// DOC RollbackWindowSpec.revisions
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revisions: i32,
}

/// DOC AnalysisRunStrategy
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisRunStrategy {
    /// DOC AnalysisRunStrategy.successfulRunHistoryLimit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successful_run_history_limit: Option<i32>,
    /// DOC AnalysisRunStrategy.unsuccessfulRunHistoryLimit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsuccessful_run_history_limit: Option<i32>,
}
