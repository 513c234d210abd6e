//! The canary strategy (spec §1.3).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::omit::is_false;
use crate::open_enum::open_enum;
use crate::rollout::{CanaryStep, RolloutAnalysisBackground, RolloutTrafficRouting};

/// DOC CanaryStrategy
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryStrategy {
    /// DOC CanaryStrategy.canaryService
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub canary_service: String,
    /// DOC CanaryStrategy.stableService
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stable_service: String,
    /// DOC CanaryStrategy.steps
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<CanaryStep>>,
    /// DOC CanaryStrategy.trafficRouting
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_routing: Option<RolloutTrafficRouting>,
    /// DOC CanaryStrategy.maxUnavailable
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
    /// DOC CanaryStrategy.maxSurge
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_surge: Option<IntOrString>,
    /// DOC CanaryStrategy.analysis
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis: Option<RolloutAnalysisBackground>,
    /// DOC CanaryStrategy.antiAffinity
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anti_affinity: Option<AntiAffinity>,
    /// DOC CanaryStrategy.canaryMetadata
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_metadata: Option<PodTemplateMetadata>,
    /// DOC CanaryStrategy.stableMetadata
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable_metadata: Option<PodTemplateMetadata>,
    /// DOC CanaryStrategy.scaleDownDelaySeconds
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_seconds: Option<i32>,
    /// DOC CanaryStrategy.scaleDownDelayRevisionLimit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_revision_limit: Option<i32>,
    /// DOC CanaryStrategy.abortScaleDownDelaySeconds
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort_scale_down_delay_seconds: Option<i32>,
    /// DOC CanaryStrategy.dynamicStableScale
    #[serde(default, skip_serializing_if = "is_false")]
    pub dynamic_stable_scale: bool,
    /// DOC CanaryStrategy.pingPong
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_pong: Option<PingPongSpec>,
    /// DOC CanaryStrategy.minPodsPerReplicaSet
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_pods_per_replica_set: Option<i32>,
    /// DOC CanaryStrategy.replicaProgressThreshold
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_progress_threshold: Option<ReplicaProgressThreshold>,
}

/// DOC ReplicaProgressThreshold
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaProgressThreshold {
    /// DOC ReplicaProgressThreshold.type
    pub r#type: ProgressType,
    /// DOC ReplicaProgressThreshold.value
    pub value: i32,
}

/// DOC PingPongSpec
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PingPongSpec {
    /// DOC PingPongSpec.pingService
    pub ping_service: String,
    /// DOC PingPongSpec.pongService
    pub pong_service: String,
}

/// DOC AntiAffinity
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AntiAffinity {
    /// DOC AntiAffinity.preferredDuringSchedulingIgnoredDuringExecution
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_during_scheduling_ignored_during_execution:
        Option<PreferredDuringSchedulingIgnoredDuringExecution>,
    /// DOC AntiAffinity.requiredDuringSchedulingIgnoredDuringExecution
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_during_scheduling_ignored_during_execution:
        Option<RequiredDuringSchedulingIgnoredDuringExecution>,
}

/// DOC PreferredDuringSchedulingIgnoredDuringExecution
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreferredDuringSchedulingIgnoredDuringExecution {
    /// DOC PreferredDuringSchedulingIgnoredDuringExecution.weight
    pub weight: i32,
}

/// DOC RequiredDuringSchedulingIgnoredDuringExecution
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequiredDuringSchedulingIgnoredDuringExecution {}

/// DOC PodTemplateMetadata
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodTemplateMetadata {
    /// DOC PodTemplateMetadata.labels
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// DOC PodTemplateMetadata.annotations
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

open_enum! {
    /// DOC ProgressType
    ProgressType {
        /// DOC ProgressType.Percent
        Percent = "Percent",
        /// DOC ProgressType.Pods
        Pods = "Pods",
    }
}
