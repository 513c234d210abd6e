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

/// One step of a canary (spec §1.4). It is meant to have exactly one field; of several, the order
/// of evaluation is pause, setCanaryScale, setWeight, experiment, analysis, setHeaderRoute,
/// setMirrorRoute, plugin, and the first decides when the step is done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryStep {
    /// Share of the requests (or of the pods, without a router) for the new version: 0 to 100, or
    /// to maxTrafficWeight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_weight: Option<i32>,
    /// Wait, for a while or for somebody to promote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<RolloutPause>,
    /// Run an experiment and wait until it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experiment: Option<RolloutExperimentStep>,
    /// Run an analysis and wait until it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis: Option<RolloutAnalysis>,
    /// Size of the new version apart from its share of the requests, for this and later steps. With
    /// trafficRouting only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_canary_scale: Option<SetCanaryScale>,
    /// Send requests with certain headers to the new version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_header_route: Option<SetHeaderRoute>,
    /// Send copies of requests to the new version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_mirror_route: Option<SetMirrorRoute>,
    /// Whatever a plugin does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginStep>,
}

/// A pause.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutPause {
    /// How long: seconds as a number or as digits in a string, or a Go duration such as 1h30m. Not
    /// negative. Default: until somebody promotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<IntOrString>,
}

/// The size of the new version. Of several fields, matchTrafficWeight wins over replicas, and
/// replicas over weight; no field at all is matchTrafficWeight.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetCanaryScale {
    /// Percent of spec.replicas, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
    /// Number of pods, at least 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// As many pods as the share of the requests asks for, which ends an earlier setCanaryScale.
    /// Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub match_traffic_weight: bool,
}

/// A route by header. Without match, the route is removed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetHeaderRoute {
    /// Name of the route, one of managedRoutes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Conditions that a request has to meet, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub r#match: Vec<HeaderRoutingMatch>,
}

/// A condition on a header.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderRoutingMatch {
    /// Name of the header.
    pub header_name: String,
    /// What its value has to be.
    #[schemars(with = "StringMatch")]
    pub header_value: Option<StringMatch>,
}

/// A route that copies requests. Without match, the route is removed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetMirrorRoute {
    /// Name of the route, one of managedRoutes.
    pub name: String,
    /// Which requests: those that meet one of these conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub r#match: Vec<RouteMatch>,
    /// Percent of these requests that are copied, 0 to 100. Default: what the router does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentage: Option<i32>,
}

/// A condition on a request; all fields that are set have to hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteMatch {
    /// Its HTTP method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<StringMatch>,
    /// Its path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<StringMatch>,
    /// Its headers, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, StringMatch>,
}

/// A condition on a text: exactly one field is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StringMatch {
    /// It is this text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub exact: String,
    /// It begins with this text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// It matches this regular expression, in the router's dialect.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub regex: String,
}

/// A step that a plugin carries out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginStep {
    /// Name of the plugin, OWNER/NAME.
    pub name: String,
    /// Configuration of the plugin, whatever it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<RawJson>,
}

/// An Experiment that a step starts (spec §1.8, §2.12).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutExperimentStep {
    /// The versions that run beside each other.
    pub templates: Vec<RolloutExperimentTemplate>,
    /// How long they do, a Go duration. Default: until the required analyses are done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub duration: String,
    /// Analyses during the experiment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<RolloutExperimentStepAnalysisTemplateRef>,
    /// Metrics that are measured, but whose outcome does not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    /// Labels and annotations of the AnalysisRuns.
    #[serde(default)]
    pub analysis_run_metadata: AnalysisRunMetadata,
    /// Seconds between the end of the experiment and the scale-down of its pods. Default 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_seconds: Option<i32>,
}

/// A version in an experiment of a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutExperimentTemplate {
    /// Name of the version, unique in the experiment.
    pub name: String,
    /// Whose pod template it uses.
    pub spec_ref: ReplicaSetSpecRef,
    /// Number of its pods. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Labels and annotations of its pods, beside those of the template.
    #[serde(default)]
    pub metadata: PodTemplateMetadata,
    /// Which pods belong to it. Default: the Rollout's selector.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "crate::go_order::label_selector"
    )]
    pub selector: Option<LabelSelector>,
    /// Its share of the requests while the experiment runs. With SMI, ALB, Istio or a plugin only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
    /// A Service for its pods. Default: one only where weight is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<TemplateService>,
}

/// An analysis in an experiment of a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutExperimentStepAnalysisTemplateRef {
    /// Name of the analysis, unique in the experiment.
    pub name: String,
    /// Name of the AnalysisTemplate or ClusterAnalysisTemplate.
    pub template_name: String,
    /// Whether it is a ClusterAnalysisTemplate. Default false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_scope: Option<bool>,
    /// Values for the arguments that the template declares.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<AnalysisRunArgument>,
    /// Whether the experiment ends when this analysis (with all other required ones) succeeded.
    /// Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required_for_completion: bool,
}

open_enum! {
    /// Whose pod template an experiment uses.
    ReplicaSetSpecRef {
        /// That of the new version.
        Canary = "canary",
        /// That of the stable version.
        Stable = "stable",
    }
}
