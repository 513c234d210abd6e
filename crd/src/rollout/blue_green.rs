//! The blue-green strategy (spec §1.2).

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::omit::is_zero;
use crate::rollout::{AntiAffinity, PodTemplateMetadata, RolloutAnalysis};

/// Two full sets of pods, and a Service that is switched from one to the other (spec §1.2, §2.7).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlueGreenStrategy {
    /// Name of the Service that clients use. Required; it always selects exactly one version.
    pub active_service: String,
    /// Name of the Service that selects the new version before the switch. Default: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub preview_service: String,
    /// Pods of the new version until it is promoted; then it grows to spec.replicas before the
    /// switch. Default: spec.replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_replica_count: Option<i32>,
    /// Whether the switch happens by itself once the new version is ready. Default true; with
    /// false, somebody promotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_promotion_enabled: Option<bool>,
    /// Seconds between "ready" and the switch. Default 0; without effect where autoPromotionEnabled
    /// is false.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub auto_promotion_seconds: i32,
    /// Pods, or percent of spec.replicas (rounded down), that may be missing while pods are
    /// replaced or restarted. Default 25%. Any string is a percentage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
    /// Seconds between the switch and the scale-down of the old version, so that routers learn of
    /// the switch. Default 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_seconds: Option<i32>,
    /// How many old versions may wait for their scale-down at a time; the others go at once.
    /// Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_revision_limit: Option<i32>,
    /// An analysis that has to succeed before the switch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_promotion_analysis: Option<RolloutAnalysis>,
    /// Keeps pods of the new version away from nodes that run the stable one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anti_affinity: Option<AntiAffinity>,
    /// An analysis after the switch; if it fails, the switch is taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_promotion_analysis: Option<RolloutAnalysis>,
    /// Labels and annotations that pods have while they are behind the preview Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_metadata: Option<PodTemplateMetadata>,
    /// Labels and annotations that pods have while they are behind the active Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_metadata: Option<PodTemplateMetadata>,
    /// Seconds between an abort and the scale-down of the new version. Default 30; 0 keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort_scale_down_delay_seconds: Option<i32>,
}
