//! Traffic routing (spec §1.5).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::omit::is_zero;
use crate::raw::RawJson;

/// The routers that send a canary its share of the requests (spec §1.5). Several may be set; all of
/// them get the same weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutTrafficRouting {
    /// Istio: weights in a VirtualService, subsets in a DestinationRule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub istio: Option<IstioTrafficRouting>,
    /// The NGINX ingress controller: a second, canary Ingress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nginx: Option<NginxTrafficRouting>,
    /// The AWS load balancer controller: an action in an annotation of the Ingress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alb: Option<ALBTrafficRouting>,
    /// Service Mesh Interface: a TrafficSplit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smi: Option<SMITrafficRouting>,
    /// Ambassador (Emissary): a second, canary Mapping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ambassador: Option<AmbassadorTrafficRouting>,
    /// AWS App Mesh: weights in a VirtualRouter, labels in VirtualNodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_mesh: Option<AppMeshTrafficRouting>,
    /// Traefik: weights in a TraefikService.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traefik: Option<TraefikTrafficRouting>,
    /// Names of the routes that steps may create, highest precedence first. Steps that set header
    /// or mirror routes use names from this list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_routes: Vec<ManagedRoute>,
    /// Apache APISIX: weights in an ApisixRoute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apisix: Option<ApisixTrafficRouting>,
    /// Routers beyond the built-in ones, by name (such as argoproj-labs/gatewayAPI), each with a
    /// configuration of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<String, RawJson>,
    /// The weight that means all requests. Default 100, at least 1; with nginx and plugins only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_traffic_weight: Option<i32>,
}

/// A route that steps may create, change and remove.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedRoute {
    /// Name of the route, unique in the list.
    pub name: String,
}

/// How an AWS application load balancer splits the requests (spec §1.5).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ALBTrafficRouting {
    /// Name of the Ingress whose actions carry the weights. Either this or ingresses.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ingress: String,
    /// Port of the Services in the forward action.
    pub service_port: i32,
    /// Service that the rules of the Ingress name. Default: the stable Service.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub root_service: String,
    /// Prefix of the action annotation. Default alb.ingress.kubernetes.io.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub annotation_prefix: String,
    /// Whether a client stays with the target group that it met first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stickiness_config: Option<StickinessConfig>,
    /// Names of several Ingresses with the same weights. Either this or ingress.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ingresses: Vec<String>,
}

/// Stickiness of the target groups of an AWS load balancer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StickinessConfig {
    /// Whether clients stick to a target group.
    pub enabled: bool,
    /// How long they do, in seconds, 1 to 604800.
    pub duration_seconds: i64,
}

/// How Traefik splits the requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TraefikTrafficRouting {
    /// Name of the TraefikService whose weighted services are changed.
    pub weighted_traefik_service_name: String,
}

/// How Apache APISIX splits the requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApisixTrafficRouting {
    /// The ApisixRoute to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<ApisixRoute>,
}

/// An ApisixRoute and its rules.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApisixRoute {
    /// Name of the ApisixRoute.
    pub name: String,
    /// Names of the HTTP rules to change. Default: the only one there is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}

/// How Ambassador splits the requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AmbassadorTrafficRouting {
    /// Names of the Mappings of the stable Service; each gets a canary twin.
    pub mappings: Vec<String>,
}

/// How a service mesh splits the requests through a TrafficSplit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SMITrafficRouting {
    /// Service that clients address. Default: the stable Service.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub root_service: String,
    /// Name of the TrafficSplit. Default: the name of the Rollout.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub traffic_split_name: String,
}

/// How the NGINX ingress controller splits the requests (spec §1.5).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NginxTrafficRouting {
    /// Prefix of the canary annotations. Default nginx.ingress.kubernetes.io.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub annotation_prefix: String,
    /// Name of the Ingress of the stable Service. Either this or stableIngresses.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stable_ingress: String,
    /// Annotations of the canary Ingress, under the prefix, beside the weight (such as
    /// canary-by-header).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub additional_ingress_annotations: BTreeMap<String, String>,
    /// Names of several Ingresses with the same weights. Either this or stableIngress.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stable_ingresses: Vec<String>,
    /// Annotations of the canary Ingress, with their full keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub canary_ingress_annotations: BTreeMap<String, String>,
}

/// How Istio splits the requests (spec §1.5).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IstioTrafficRouting {
    /// The VirtualService whose routes carry the weights. Either this or virtualServices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_service: Option<IstioVirtualService>,
    /// The DestinationRule whose subsets tell the versions apart. Without it, the two Services do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_rule: Option<IstioDestinationRule>,
    /// Several VirtualServices with the same weights. Either this or virtualService.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub virtual_services: Vec<IstioVirtualService>,
}

/// A VirtualService and its routes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IstioVirtualService {
    /// Name of the VirtualService; NAME.NAMESPACE for one in another namespace.
    pub name: String,
    /// Names of the HTTP routes to change. Default: the only one there is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// TLS routes to change, found by port and host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tls_routes: Vec<TLSRoute>,
    /// TCP routes to change, found by port.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tcp_routes: Vec<TCPRoute>,
}

/// How to find a TLS route.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TLSRoute {
    /// Port that the route matches.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub port: i64,
    /// All host names (SNI) that the route matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sni_hosts: Vec<String>,
}

/// How to find a TCP route.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TCPRoute {
    /// Port that the route matches.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub port: i64,
}

/// A DestinationRule and its subsets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IstioDestinationRule {
    /// Name of the DestinationRule.
    pub name: String,
    /// Subset of the new version.
    pub canary_subset_name: String,
    /// Subset of the stable version.
    pub stable_subset_name: String,
    /// Further subsets, for the templates of experiments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_subset_names: Vec<String>,
}

/// How AWS App Mesh splits the requests (spec §1.5).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppMeshTrafficRouting {
    /// The VirtualService whose router carries the weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_service: Option<AppMeshVirtualService>,
    /// The VirtualNodes of the two versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_node_group: Option<AppMeshVirtualNodeGroup>,
}

/// A VirtualService of App Mesh and its routes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppMeshVirtualService {
    /// Name of the VirtualService.
    pub name: String,
    /// Names of the routes to change. Default: the only one there is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
}

/// The VirtualNodes that a route chooses between.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppMeshVirtualNodeGroup {
    /// The VirtualNode of the new version.
    #[schemars(with = "AppMeshVirtualNodeReference")]
    pub canary_virtual_node_ref: Option<AppMeshVirtualNodeReference>,
    /// The VirtualNode of the stable version.
    #[schemars(with = "AppMeshVirtualNodeReference")]
    pub stable_virtual_node_ref: Option<AppMeshVirtualNodeReference>,
}

/// A VirtualNode.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppMeshVirtualNodeReference {
    /// Name of the VirtualNode.
    pub name: String,
}
