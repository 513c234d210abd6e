//! The steps of a canary (spec §1.4).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::DryRun;
use crate::experiment::TemplateService;
use crate::omit::is_false;
use crate::open_enum::open_enum;
use crate::raw::RawJson;
use crate::rollout::{
    AnalysisRunArgument, AnalysisRunMetadata, PodTemplateMetadata, RolloutAnalysis,
};

/// DOC CanaryStep
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryStep {
    /// DOC CanaryStep.setWeight
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_weight: Option<i32>,
    /// DOC CanaryStep.pause
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<RolloutPause>,
    /// DOC CanaryStep.experiment
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experiment: Option<RolloutExperimentStep>,
    /// DOC CanaryStep.analysis
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis: Option<RolloutAnalysis>,
    /// DOC CanaryStep.setCanaryScale
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_canary_scale: Option<SetCanaryScale>,
    /// DOC CanaryStep.setHeaderRoute
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_header_route: Option<SetHeaderRoute>,
    /// DOC CanaryStep.setMirrorRoute
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_mirror_route: Option<SetMirrorRoute>,
    /// DOC CanaryStep.plugin
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginStep>,
}

/// DOC RolloutPause
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutPause {
    /// DOC RolloutPause.duration
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<IntOrString>,
}

/// DOC SetCanaryScale
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetCanaryScale {
    /// DOC SetCanaryScale.weight
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
    /// DOC SetCanaryScale.replicas
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// DOC SetCanaryScale.matchTrafficWeight
    #[serde(default, skip_serializing_if = "is_false")]
    pub match_traffic_weight: bool,
}

/// DOC SetHeaderRoute
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetHeaderRoute {
    /// DOC SetHeaderRoute.name
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// DOC SetHeaderRoute.match
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub r#match: Vec<HeaderRoutingMatch>,
}

/// DOC HeaderRoutingMatch
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderRoutingMatch {
    /// DOC HeaderRoutingMatch.headerName
    pub header_name: String,
    /// DOC HeaderRoutingMatch.headerValue
    #[schemars(required)]
    pub header_value: Option<StringMatch>,
}

/// DOC SetMirrorRoute
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetMirrorRoute {
    /// DOC SetMirrorRoute.name
    pub name: String,
    /// DOC SetMirrorRoute.match
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub r#match: Vec<RouteMatch>,
    /// DOC SetMirrorRoute.percentage
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentage: Option<i32>,
}

/// DOC RouteMatch
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteMatch {
    /// DOC RouteMatch.method
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<StringMatch>,
    /// DOC RouteMatch.path
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<StringMatch>,
    /// DOC RouteMatch.headers
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, StringMatch>,
}

/// DOC StringMatch
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StringMatch {
    /// DOC StringMatch.exact
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub exact: String,
    /// DOC StringMatch.prefix
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// DOC StringMatch.regex
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub regex: String,
}

/// DOC PluginStep
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginStep {
    /// DOC PluginStep.name
    pub name: String,
    /// DOC PluginStep.config
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<RawJson>,
}

/// DOC RolloutExperimentStep
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutExperimentStep {
    /// DOC RolloutExperimentStep.templates
    pub templates: Vec<RolloutExperimentTemplate>,
    /// DOC RolloutExperimentStep.duration
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub duration: String,
    /// DOC RolloutExperimentStep.analyses
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<RolloutExperimentStepAnalysisTemplateRef>,
    /// DOC RolloutExperimentStep.dryRun
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    /// DOC RolloutExperimentStep.analysisRunMetadata
    #[serde(default)]
    pub analysis_run_metadata: AnalysisRunMetadata,
    /// DOC RolloutExperimentStep.scaleDownDelaySeconds
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_seconds: Option<i32>,
}

/// DOC RolloutExperimentTemplate
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutExperimentTemplate {
    /// DOC RolloutExperimentTemplate.name
    pub name: String,
    /// DOC RolloutExperimentTemplate.specRef
    pub spec_ref: ReplicaSetSpecRef,
    /// DOC RolloutExperimentTemplate.replicas
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// DOC RolloutExperimentTemplate.metadata
    #[serde(default)]
    pub metadata: PodTemplateMetadata,
    /// DOC RolloutExperimentTemplate.selector
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "crate::go_order::label_selector"
    )]
    pub selector: Option<LabelSelector>,
    /// DOC RolloutExperimentTemplate.weight
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
    /// DOC RolloutExperimentTemplate.service
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<TemplateService>,
}

/// DOC RolloutExperimentStepAnalysisTemplateRef
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutExperimentStepAnalysisTemplateRef {
    /// DOC RolloutExperimentStepAnalysisTemplateRef.name
    pub name: String,
    /// DOC RolloutExperimentStepAnalysisTemplateRef.templateName
    pub template_name: String,
    /// DOC RolloutExperimentStepAnalysisTemplateRef.clusterScope
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_scope: Option<bool>,
    /// DOC RolloutExperimentStepAnalysisTemplateRef.args
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<AnalysisRunArgument>,
    /// DOC RolloutExperimentStepAnalysisTemplateRef.requiredForCompletion
    #[serde(default, skip_serializing_if = "is_false")]
    pub required_for_completion: bool,
}

open_enum! {
    /// DOC ReplicaSetSpecRef
    ReplicaSetSpecRef {
        /// DOC ReplicaSetSpecRef.Canary
        Canary = "canary",
        /// DOC ReplicaSetSpecRef.Stable
        Stable = "stable",
    }
}
