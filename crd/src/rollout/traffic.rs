//! Traffic routing (spec §1.5).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::omit::is_zero;
use crate::raw::RawJson;

/// DOC RolloutTrafficRouting
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutTrafficRouting {
    /// DOC RolloutTrafficRouting.istio
    #[serde(skip_serializing_if = "Option::is_none")]
    pub istio: Option<IstioTrafficRouting>,
    /// DOC RolloutTrafficRouting.nginx
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nginx: Option<NginxTrafficRouting>,
    /// DOC RolloutTrafficRouting.alb
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alb: Option<ALBTrafficRouting>,
    /// DOC RolloutTrafficRouting.smi
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smi: Option<SMITrafficRouting>,
    /// DOC RolloutTrafficRouting.ambassador
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ambassador: Option<AmbassadorTrafficRouting>,
    /// DOC RolloutTrafficRouting.appMesh
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_mesh: Option<AppMeshTrafficRouting>,
    /// DOC RolloutTrafficRouting.traefik
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traefik: Option<TraefikTrafficRouting>,
    /// DOC RolloutTrafficRouting.managedRoutes
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_routes: Vec<ManagedRoute>,
    /// DOC RolloutTrafficRouting.apisix
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apisix: Option<ApisixTrafficRouting>,
    /// DOC RolloutTrafficRouting.plugins
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<String, RawJson>,
    /// DOC RolloutTrafficRouting.maxTrafficWeight
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_traffic_weight: Option<i32>,
}

/// DOC MangedRoutes
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedRoute {
    /// DOC MangedRoutes.name
    pub name: String,
}

/// DOC ALBTrafficRouting
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ALBTrafficRouting {
    /// DOC ALBTrafficRouting.ingress
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ingress: String,
    /// DOC ALBTrafficRouting.servicePort
    pub service_port: i32,
    /// DOC ALBTrafficRouting.rootService
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub root_service: String,
    /// DOC ALBTrafficRouting.annotationPrefix
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub annotation_prefix: String,
    /// DOC ALBTrafficRouting.stickinessConfig
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stickiness_config: Option<StickinessConfig>,
    /// DOC ALBTrafficRouting.ingresses
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ingresses: Vec<String>,
}

/// DOC StickinessConfig
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StickinessConfig {
    /// DOC StickinessConfig.enabled
    pub enabled: bool,
    /// DOC StickinessConfig.durationSeconds
    pub duration_seconds: i64,
}

/// DOC TraefikTrafficRouting
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TraefikTrafficRouting {
    /// DOC TraefikTrafficRouting.weightedTraefikServiceName
    pub weighted_traefik_service_name: String,
}

/// DOC ApisixTrafficRouting
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApisixTrafficRouting {
    /// DOC ApisixTrafficRouting.route
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<ApisixRoute>,
}

/// DOC ApisixRoute
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApisixRoute {
    /// DOC ApisixRoute.name
    pub name: String,
    /// DOC ApisixRoute.rules
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}

/// DOC AmbassadorTrafficRouting
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AmbassadorTrafficRouting {
    /// DOC AmbassadorTrafficRouting.mappings
    pub mappings: Vec<String>,
}

/// DOC SMITrafficRouting
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SMITrafficRouting {
    /// DOC SMITrafficRouting.rootService
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub root_service: String,
    /// DOC SMITrafficRouting.trafficSplitName
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub traffic_split_name: String,
}

/// DOC NginxTrafficRouting
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NginxTrafficRouting {
    /// DOC NginxTrafficRouting.annotationPrefix
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub annotation_prefix: String,
    /// DOC NginxTrafficRouting.stableIngress
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stable_ingress: String,
    /// DOC NginxTrafficRouting.additionalIngressAnnotations
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub additional_ingress_annotations: BTreeMap<String, String>,
    /// DOC NginxTrafficRouting.stableIngresses
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stable_ingresses: Vec<String>,
    /// DOC NginxTrafficRouting.canaryIngressAnnotations
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub canary_ingress_annotations: BTreeMap<String, String>,
}

/// DOC IstioTrafficRouting
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IstioTrafficRouting {
    /// DOC IstioTrafficRouting.virtualService
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_service: Option<IstioVirtualService>,
    /// DOC IstioTrafficRouting.destinationRule
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_rule: Option<IstioDestinationRule>,
    /// DOC IstioTrafficRouting.virtualServices
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub virtual_services: Vec<IstioVirtualService>,
}

/// DOC IstioVirtualService
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IstioVirtualService {
    /// DOC IstioVirtualService.name
    pub name: String,
    /// DOC IstioVirtualService.routes
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// DOC IstioVirtualService.tlsRoutes
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tls_routes: Vec<TLSRoute>,
    /// DOC IstioVirtualService.tcpRoutes
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tcp_routes: Vec<TCPRoute>,
}

/// DOC TLSRoute
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TLSRoute {
    /// DOC TLSRoute.port
    #[serde(default, skip_serializing_if = "is_zero")]
    pub port: i64,
    /// DOC TLSRoute.sniHosts
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sni_hosts: Vec<String>,
}

/// DOC TCPRoute
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TCPRoute {
    /// DOC TCPRoute.port
    #[serde(default, skip_serializing_if = "is_zero")]
    pub port: i64,
}

/// DOC IstioDestinationRule
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IstioDestinationRule {
    /// DOC IstioDestinationRule.name
    pub name: String,
    /// DOC IstioDestinationRule.canarySubsetName
    pub canary_subset_name: String,
    /// DOC IstioDestinationRule.stableSubsetName
    pub stable_subset_name: String,
    /// DOC IstioDestinationRule.additionalSubsetNames
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional_subset_names: Vec<String>,
}

/// DOC AppMeshTrafficRouting
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppMeshTrafficRouting {
    /// DOC AppMeshTrafficRouting.virtualService
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_service: Option<AppMeshVirtualService>,
    /// DOC AppMeshTrafficRouting.virtualNodeGroup
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_node_group: Option<AppMeshVirtualNodeGroup>,
}

/// DOC AppMeshVirtualService
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppMeshVirtualService {
    /// DOC AppMeshVirtualService.name
    pub name: String,
    /// DOC AppMeshVirtualService.routes
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
}

/// DOC AppMeshVirtualNodeGroup
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppMeshVirtualNodeGroup {
    /// DOC AppMeshVirtualNodeGroup.canaryVirtualNodeRef
    #[schemars(required)]
    pub canary_virtual_node_ref: Option<AppMeshVirtualNodeReference>,
    /// DOC AppMeshVirtualNodeGroup.stableVirtualNodeRef
    #[schemars(required)]
    pub stable_virtual_node_ref: Option<AppMeshVirtualNodeReference>,
}

/// DOC AppMeshVirtualNodeReference
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppMeshVirtualNodeReference {
    /// DOC AppMeshVirtualNodeReference.name
    pub name: String,
}
