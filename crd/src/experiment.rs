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

/// Versions that run beside each other for a while, and analyses that compare them (spec §1.8,
/// §2.12).
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
    /// The versions.
    pub templates: Vec<TemplateSpec>,
    /// How long they run once all are available, a Go duration. Default: until the required
    /// analyses are done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub duration: String,
    /// Seconds that the versions may take to become available. Default 600.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<i32>,
    /// Ends the experiment. Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub terminate: bool,
    /// The analyses. One that fails ends the experiment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<ExperimentAnalysisTemplateRef>,
    /// Seconds between the end and the scale-down of the pods. Default 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_seconds: Option<i32>,
    /// Metrics that are measured, but whose outcome does not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    /// How many measurements of which metrics are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    /// Labels and annotations of the AnalysisRuns.
    #[serde(default)]
    pub analysis_run_metadata: AnalysisRunMetadata,
}

/// A version in an experiment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateSpec {
    /// Name of the version, unique in the experiment.
    pub name: String,
    /// Number of its pods. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Seconds that a pod has to be ready before it counts as available. Default 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// Which pods belong to it: matches the labels of the template, and no other version's pods.
    #[schemars(with = "LabelSelector")]
    pub selector: Option<LabelSelector>,
    /// Its pod template.
    pub template: Raw<PodTemplateSpec>,
    /// A Service for its pods. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<TemplateService>,
}

/// A Service that an experiment creates for a version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateService {
    /// Name of the Service. Default: that of the version's ReplicaSet.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// Where a version of an experiment stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateStatus {
    /// Name of the version.
    pub name: String,
    /// Its pods.
    pub replicas: i32,
    /// Its pods with the current template.
    pub updated_replicas: i32,
    /// Its ready pods.
    pub ready_replicas: i32,
    /// Its available pods.
    pub available_replicas: i32,
    /// How often the name of its ReplicaSet was taken by another template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collision_count: Option<i32>,
    /// Where it stands, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<TemplateStatusCode>,
    /// Why it is so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When status last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
    /// Its Service.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// The hash of its pod template.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pod_template_hash: String,
}

/// Where an experiment stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentStatus {
    /// The verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<AnalysisPhase>,
    /// Why it is so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Where each version stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub template_statuses: Vec<TemplateStatus>,
    /// When all versions had become available; duration counts from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_at: Option<Time>,
    /// Conditions, one of a type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ExperimentCondition>,
    /// What came of each analysis.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub analysis_runs: Vec<ExperimentAnalysisRunStatus>,
}

/// A condition of an Experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentCondition {
    /// What it is about: InvalidSpec, Progressing, Running, Completed or ReplicaFailure.
    pub r#type: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// When it was last confirmed.
    pub last_update_time: Time,
    /// When its status last changed.
    pub last_transition_time: Time,
    /// Why, in a word for programs.
    pub reason: String,
    /// Why, for people.
    pub message: String,
}

/// An analysis in an experiment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentAnalysisTemplateRef {
    /// Name of the analysis, unique in the experiment.
    pub name: String,
    /// Name of the AnalysisTemplate or ClusterAnalysisTemplate.
    pub template_name: String,
    /// Whether it is a ClusterAnalysisTemplate. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_scope: Option<bool>,
    /// Values for the arguments that the template declares. They may hold
    /// `{{templates.NAME.podTemplateHash}}`, `{{templates.NAME.replicaset.name}}`,
    /// `{{experiment.availableAt}}` and `{{experiment.finishedAt}}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
    /// Whether the experiment ends when this analysis (with all other required ones) succeeded.
    /// Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required_for_completion: bool,
}

/// What came of an analysis of an experiment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentAnalysisRunStatus {
    /// Name of the analysis.
    pub name: String,
    /// Name of the AnalysisRun.
    pub analysis_run: String,
    /// Its phase.
    pub phase: AnalysisPhase,
    /// Its message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

open_enum! {
    /// Where a version of an experiment stands, in a word.
    TemplateStatusCode {
        /// Its pods are becoming available.
        Progressing = "Progressing",
        /// It runs for the experiment's duration.
        Running = "Running",
        /// It ran for the whole duration.
        Successful = "Successful",
        /// Its pods did not become available in time.
        Failed = "Failed",
        /// It could not be created.
        Error = "Error",
    }
}
