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

/// What a Rollout should be (spec §1.1).
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
    /// Number of pods. Default 1, at least 0; autoscalers write it through the scale subresource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Which pods belong to the Rollout: matches the labels of the template. Required unless
    /// workloadRef is set; immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// The pod template; each change is a new revision. Left out where workloadRef is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Raw<PodTemplateSpec>>,
    /// A workload whose pod template is used in place of one here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_ref: Option<ObjectRef>,
    /// Seconds that a pod has to be ready before it counts as available. Default 0; less than
    /// progressDeadlineSeconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_ready_seconds: i32,
    /// How far back a rollback skips steps and analyses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_window: Option<RollbackWindowSpec>,
    /// How a new version takes the place of the old one: exactly one of canary and blueGreen.
    #[serde(default)]
    pub strategy: RolloutStrategy,
    /// How many old ReplicaSets without pods are kept for a rollback. Default 10, at least 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i32>,
    /// Pauses the rollout, on behalf of the user. Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub paused: bool,
    /// Seconds without progress after which the rollout counts as failed. Default 600; pauses,
    /// analyses and experiments do not count (spec §2.6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<i32>,
    /// Whether the rollout is aborted when that deadline passes. Default false: it is reported
    /// only.
    #[serde(default, skip_serializing_if = "is_false")]
    pub progress_deadline_abort: bool,
    /// Pods that were created before this instant are replaced, a few at a time. An instant in the
    /// future waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_at: Option<Time>,
    /// How many AnalysisRuns are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis: Option<AnalysisRunStrategy>,
}

/// A reference to the workload that owns the pod template (spec §2.8).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// API version of the workload: apps/v1, or v1 for a PodTemplate.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Deployment, ReplicaSet or PodTemplate.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Name of the workload, in the Rollout's namespace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// When a Deployment gives its pods up: never (default), onsuccess (once the first revision is
    /// healthy) or progressively (as pods of the Rollout become ready). Any other text means never.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scale_down: String,
}

/// How a new version is released: exactly one field is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStrategy {
    /// At once, by switching a Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blue_green: Option<BlueGreenStrategy>,
    /// Step by step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryStrategy>,
}

/// Which rollbacks are fast (spec §2.6).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackWindowSpec {
    /// A rollback that passes fewer than this many revisions skips steps and analyses. Default 0:
    /// only the one to the stable version does.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revisions: i32,
}

/// How many finished AnalysisRuns and Experiments of a Rollout are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisRunStrategy {
    /// Successful ones. Default 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successful_run_history_limit: Option<i32>,
    /// Failed, inconclusive and erroneous ones together. Default 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsuccessful_run_history_limit: Option<i32>,
}
