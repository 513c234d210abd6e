//! The blue-green strategy (spec §1.2).

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::omit::is_zero;
use crate::rollout::{AntiAffinity, PodTemplateMetadata, RolloutAnalysis};

/// DOC BlueGreenStrategy
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlueGreenStrategy {
    /// DOC BlueGreenStrategy.activeService
    pub active_service: String,
    /// DOC BlueGreenStrategy.previewService
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub preview_service: String,
    /// DOC BlueGreenStrategy.previewReplicaCount
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_replica_count: Option<i32>,
    /// DOC BlueGreenStrategy.autoPromotionEnabled
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_promotion_enabled: Option<bool>,
    /// DOC BlueGreenStrategy.autoPromotionSeconds
    #[serde(default, skip_serializing_if = "is_zero")]
    pub auto_promotion_seconds: i32,
    /// DOC BlueGreenStrategy.maxUnavailable
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
    /// DOC BlueGreenStrategy.scaleDownDelaySeconds
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_seconds: Option<i32>,
    /// DOC BlueGreenStrategy.scaleDownDelayRevisionLimit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_revision_limit: Option<i32>,
    /// DOC BlueGreenStrategy.prePromotionAnalysis
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_promotion_analysis: Option<RolloutAnalysis>,
    /// DOC BlueGreenStrategy.antiAffinity
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anti_affinity: Option<AntiAffinity>,
    /// DOC BlueGreenStrategy.postPromotionAnalysis
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_promotion_analysis: Option<RolloutAnalysis>,
    /// DOC BlueGreenStrategy.previewMetadata
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_metadata: Option<PodTemplateMetadata>,
    /// DOC BlueGreenStrategy.activeMetadata
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_metadata: Option<PodTemplateMetadata>,
    /// DOC BlueGreenStrategy.abortScaleDownDelaySeconds
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort_scale_down_delay_seconds: Option<i32>,
}
