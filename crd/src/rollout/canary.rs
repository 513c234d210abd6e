//! The canary strategy (spec §1.3).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::omit::is_false;
use crate::open_enum::open_enum;
use crate::rollout::{CanaryStep, RolloutAnalysisBackground, RolloutTrafficRouting};

/// A new version that takes over step by step (spec §1.3, §2.3, §2.4).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryStrategy {
    /// Name of a Service that is kept on the pods of the new version. Most routers need it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub canary_service: String,
    /// Name of a Service that is kept on the pods of the stable version. Most routers need it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stable_service: String,
    /// What happens on the way from the stable to the new version, in order. Without steps it is a
    /// rolling update. Any change of the list starts over with the first step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<CanaryStep>>,
    /// The router that gives the new version its share of the requests. Without one, the share
    /// follows from the number of pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_routing: Option<RolloutTrafficRouting>,
    /// Pods, or percent of spec.replicas (rounded down), that may be missing on the way. Default
    /// 25%; 1 where this and maxSurge come to 0. Any string is a percentage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
    /// Pods, or percent of spec.replicas (rounded up), that may run beyond spec.replicas on the
    /// way. Default 25%. Any string is a percentage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_surge: Option<IntOrString>,
    /// An analysis beside the steps; if it fails, the rollout is aborted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis: Option<RolloutAnalysisBackground>,
    /// Keeps pods of the new version away from nodes that run the stable one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anti_affinity: Option<AntiAffinity>,
    /// Labels and annotations that pods have while they are the new version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_metadata: Option<PodTemplateMetadata>,
    /// Labels and annotations that pods have while they are the stable version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable_metadata: Option<PodTemplateMetadata>,
    /// Seconds between the promotion and the scale-down of the old version, so that routers learn
    /// of it. Default 30; with trafficRouting only, and not with dynamicStableScale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_seconds: Option<i32>,
    /// How many old versions may wait for their scale-down at a time; the others go at once.
    /// Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_revision_limit: Option<i32>,
    /// Seconds between an abort and the scale-down of the new version. Default 30; 0 keeps it. With
    /// trafficRouting only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort_scale_down_delay_seconds: Option<i32>,
    /// Whether the stable version shrinks as requests move to the new one. Default false: it keeps
    /// all its pods until the promotion. With trafficRouting only.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dynamic_stable_scale: bool,
    /// Two Services that take the roles of canary and stable in turn, so that the one with the
    /// requests never changes its pods. In place of canaryService and stableService.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_pong: Option<PingPongSpec>,
    /// Least number of pods of a version that has any. Default: 1; with trafficRouting only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_pods_per_replica_set: Option<i32>,
    /// How many of a step's pods have to be available before the next step. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_progress_threshold: Option<ReplicaProgressThreshold>,
}

/// When the pods of a step count as there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaProgressThreshold {
    /// Whether value counts pods or percent.
    pub r#type: ProgressType,
    /// Pods, or percent of the step's pods, that have to be available. Percent 1 to 100.
    pub value: i32,
}

/// The two Services of a ping-pong canary, both required and different.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PingPongSpec {
    /// Name of the one Service.
    pub ping_service: String,
    /// Name of the other Service.
    pub pong_service: String,
}

/// How strictly new pods avoid the nodes of stable ones: exactly one field is set. It is added to
/// new pods only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AntiAffinity {
    /// They avoid them where that is possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_during_scheduling_ignored_during_execution:
        Option<PreferredDuringSchedulingIgnoredDuringExecution>,
    /// They are never placed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_during_scheduling_ignored_during_execution:
        Option<RequiredDuringSchedulingIgnoredDuringExecution>,
}

/// Avoid nodes of the stable version where that is possible.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreferredDuringSchedulingIgnoredDuringExecution {
    /// Weight among the scheduler's preferences, 1 to 100.
    pub weight: i32,
}

/// Never share a node with the stable version. It has no fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequiredDuringSchedulingIgnoredDuringExecution {}

/// Labels and annotations of pods that come and go with a role, without new pods.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodTemplateMetadata {
    /// Additional labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Additional annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

open_enum! {
    /// What a progress threshold counts.
    ProgressType {
        /// Percent of the pods that the step asks for.
        Percent = "Percent",
        /// Pods.
        Pods = "Pods",
    }
}
