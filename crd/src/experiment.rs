//! Experiment (spec §1.8).

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::{AnalysisPhase, Argument, DryRun, MeasurementRetention};
use crate::omit::{is_false, is_zero};
use crate::open_enum::open_enum;
use crate::raw::Raw;
use crate::rollout::{AnalysisRunMetadata, ConditionStatus};
use crate::time::Time;

/// DOC ExperimentSpec
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "argoproj.io",
    version = "v1alpha1",
    kind = "Experiment",
    plural = "experiments",
    shortname = "exp",
    namespaced,
    status = "ExperimentStatus",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentSpec {
    /// DOC ExperimentSpec.templates
    pub templates: Vec<TemplateSpec>,
    /// DOC ExperimentSpec.duration
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub duration: String,
    /// DOC ExperimentSpec.progressDeadlineSeconds
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<i32>,
    /// DOC ExperimentSpec.terminate
    #[serde(default, skip_serializing_if = "is_false")]
    pub terminate: bool,
    /// DOC ExperimentSpec.analyses
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<ExperimentAnalysisTemplateRef>,
    /// DOC ExperimentSpec.scaleDownDelaySeconds
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_seconds: Option<i32>,
    /// DOC ExperimentSpec.dryRun
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    /// DOC ExperimentSpec.measurementRetention
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    /// DOC ExperimentSpec.analysisRunMetadata
    #[serde(default)]
    pub analysis_run_metadata: AnalysisRunMetadata,
}

/// DOC TemplateSpec
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateSpec {
    /// DOC TemplateSpec.name
    pub name: String,
    /// DOC TemplateSpec.replicas
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// DOC TemplateSpec.minReadySeconds
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// DOC TemplateSpec.selector
    #[schemars(required)]
    pub selector: Option<LabelSelector>,
    /// DOC TemplateSpec.template
    pub template: Raw<PodTemplateSpec>,
    /// DOC TemplateSpec.service
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<TemplateService>,
}

/// DOC TemplateService
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateService {
    /// DOC TemplateService.name
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// DOC TemplateStatus
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateStatus {
    /// DOC TemplateStatus.name
    pub name: String,
    /// DOC TemplateStatus.replicas
    pub replicas: i32,
    /// DOC TemplateStatus.updatedReplicas
    pub updated_replicas: i32,
    /// DOC TemplateStatus.readyReplicas
    pub ready_replicas: i32,
    /// DOC TemplateStatus.availableReplicas
    pub available_replicas: i32,
    /// DOC TemplateStatus.collisionCount
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collision_count: Option<i32>,
    /// DOC TemplateStatus.status
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<TemplateStatusCode>,
    /// DOC TemplateStatus.message
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// DOC TemplateStatus.lastTransitionTime
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
    /// DOC TemplateStatus.serviceName
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// DOC TemplateStatus.podTemplateHash
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pod_template_hash: String,
}

/// DOC ExperimentStatus
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentStatus {
    /// DOC ExperimentStatus.phase
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<AnalysisPhase>,
    /// DOC ExperimentStatus.message
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// DOC ExperimentStatus.templateStatuses
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub template_statuses: Vec<TemplateStatus>,
    /// DOC ExperimentStatus.availableAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_at: Option<Time>,
    /// DOC ExperimentStatus.conditions
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ExperimentCondition>,
    /// DOC ExperimentStatus.analysisRuns
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub analysis_runs: Vec<ExperimentAnalysisRunStatus>,
}

/// DOC ExperimentCondition
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentCondition {
    /// DOC ExperimentCondition.type
    pub r#type: String,
    /// DOC ExperimentCondition.status
    pub status: ConditionStatus,
    /// DOC ExperimentCondition.lastUpdateTime
    pub last_update_time: Time,
    /// DOC ExperimentCondition.lastTransitionTime
    pub last_transition_time: Time,
    /// DOC ExperimentCondition.reason
    pub reason: String,
    /// DOC ExperimentCondition.message
    pub message: String,
}

/// DOC ExperimentAnalysisTemplateRef
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentAnalysisTemplateRef {
    /// DOC ExperimentAnalysisTemplateRef.name
    pub name: String,
    /// DOC ExperimentAnalysisTemplateRef.templateName
    pub template_name: String,
    /// DOC ExperimentAnalysisTemplateRef.clusterScope
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_scope: Option<bool>,
    /// DOC ExperimentAnalysisTemplateRef.args
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
    /// DOC ExperimentAnalysisTemplateRef.requiredForCompletion
    #[serde(default, skip_serializing_if = "is_false")]
    pub required_for_completion: bool,
}

/// DOC ExperimentAnalysisRunStatus
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentAnalysisRunStatus {
    /// DOC ExperimentAnalysisRunStatus.name
    pub name: String,
    /// DOC ExperimentAnalysisRunStatus.analysisRun
    pub analysis_run: String,
    /// DOC ExperimentAnalysisRunStatus.phase
    pub phase: AnalysisPhase,
    /// DOC ExperimentAnalysisRunStatus.message
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

open_enum! {
    /// DOC TemplateStatusCode
    TemplateStatusCode {
        /// DOC TemplateStatusCode.Progressing
        Progressing = "Progressing",
        /// DOC TemplateStatusCode.Running
        Running = "Running",
        /// DOC TemplateStatusCode.Successful
        Successful = "Successful",
        /// DOC TemplateStatusCode.Failed
        Failed = "Failed",
        /// DOC TemplateStatusCode.Error
        Error = "Error",
    }
}
