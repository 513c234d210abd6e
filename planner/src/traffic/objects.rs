//! The objects of routers: their kinds, which of them a Rollout names, and what is known of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Serialize;
use serde_json::Value;
use sluice_crd::validation::selector_matches as matches;

use super::gateway_api::book;

/// The kinds of objects that hold weights, or lead to such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[allow(missing_docs, reason = "the kinds as their projects name them")]
pub enum RouteKind {
    HttpRoute,
    GrpcRoute,
    TcpRoute,
    TlsRoute,
    VirtualService,
    DestinationRule,
    Ingress,
    TrafficSplit,
    TraefikService,
    ApisixRoute,
    Mapping,
    MeshVirtualService,
    MeshVirtualRouter,
    MeshVirtualNode,
    /// That of the Gateway API plugin, which kept places of rules in it.
    ConfigMap,
}

impl RouteKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::HttpRoute,
        Self::GrpcRoute,
        Self::TcpRoute,
        Self::TlsRoute,
        Self::VirtualService,
        Self::DestinationRule,
        Self::Ingress,
        Self::TrafficSplit,
        Self::TraefikService,
        Self::ApisixRoute,
        Self::Mapping,
        Self::MeshVirtualService,
        Self::MeshVirtualRouter,
        Self::MeshVirtualNode,
        Self::ConfigMap,
    ];

    /// `kind` of the objects.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HttpRoute => "HTTPRoute",
            Self::GrpcRoute => "GRPCRoute",
            Self::TcpRoute => "TCPRoute",
            Self::TlsRoute => "TLSRoute",
            Self::VirtualService | Self::MeshVirtualService => "VirtualService",
            Self::DestinationRule => "DestinationRule",
            Self::Ingress => "Ingress",
            Self::TrafficSplit => "TrafficSplit",
            Self::TraefikService => "TraefikService",
            Self::ApisixRoute => "ApisixRoute",
            Self::Mapping => "Mapping",
            Self::MeshVirtualRouter => "VirtualRouter",
            Self::MeshVirtualNode => "VirtualNode",
            Self::ConfigMap => "ConfigMap",
        }
    }

    /// The plural, as in paths and Roles.
    pub fn plural(self) -> &'static str {
        match self {
            Self::HttpRoute => "httproutes",
            Self::GrpcRoute => "grpcroutes",
            Self::TcpRoute => "tcproutes",
            Self::TlsRoute => "tlsroutes",
            Self::VirtualService | Self::MeshVirtualService => "virtualservices",
            Self::DestinationRule => "destinationrules",
            Self::Ingress => "ingresses",
            Self::TrafficSplit => "trafficsplits",
            Self::TraefikService => "traefikservices",
            Self::ApisixRoute => "apisixroutes",
            Self::Mapping => "mappings",
            Self::MeshVirtualRouter => "virtualrouters",
            Self::MeshVirtualNode => "virtualnodes",
            Self::ConfigMap => "configmaps",
        }
    }

    /// The only name that is read, of a kind that is mostly of no concern to Rollouts.
    pub fn only_name(self) -> Option<&'static str> {
        (self == Self::ConfigMap).then_some(book::NAME)
    }

    /// Group and version, the first one that the API server serves.
    pub fn versions(self) -> &'static [(&'static str, &'static str)] {
        const GATEWAY: &str = "gateway.networking.k8s.io";
        const ISTIO: &str = "networking.istio.io";
        match self {
            Self::HttpRoute => &[(GATEWAY, "v1"), (GATEWAY, "v1beta1")],
            Self::GrpcRoute => &[(GATEWAY, "v1"), (GATEWAY, "v1alpha2")],
            Self::TcpRoute => &[(GATEWAY, "v1alpha2")],
            Self::TlsRoute => &[(GATEWAY, "v1"), (GATEWAY, "v1alpha3"), (GATEWAY, "v1alpha2")],
            Self::VirtualService | Self::DestinationRule => {
                &[(ISTIO, "v1"), (ISTIO, "v1beta1"), (ISTIO, "v1alpha3")]
            }
            Self::Ingress => &[("networking.k8s.io", "v1")],
            Self::TrafficSplit => &[
                ("split.smi-spec.io", "v1alpha3"),
                ("split.smi-spec.io", "v1alpha2"),
                ("split.smi-spec.io", "v1alpha1"),
            ],
            Self::TraefikService => {
                &[("traefik.io", "v1alpha1"), ("traefik.containo.us", "v1alpha1")]
            }
            Self::ApisixRoute => &[("apisix.apache.org", "v2")],
            Self::Mapping => &[("getambassador.io", "v2"), ("getambassador.io", "v3alpha1")],
            Self::MeshVirtualService | Self::MeshVirtualRouter | Self::MeshVirtualNode => {
                &[("appmesh.k8s.aws", "v1beta2")]
            }
            Self::ConfigMap => &[("", "v1")],
        }
    }
}

/// One object of a router.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RouteKey {
    /// Its kind.
    pub kind: RouteKind,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.name)
    }
}

/// What is known of the objects of a kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum KindView {
    /// They have not been listed yet.
    #[default]
    Unread,
    /// The API server does not serve the kind: its CRD is not installed.
    NotInstalled,
    /// They cannot be read, and why (not allowed to, in most cases).
    Unreadable(String),
    /// They have been listed, under this group and version: `traefik.io/v1alpha1`.
    Listed(String),
}

/// An object of a router as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouteRecord {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`: what writes are conditional on.
    pub resource_version: String,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// The uid of the owner that controls it, if there is one.
    pub controller: Option<String>,
    /// All of it but `metadata.managedFields`.
    pub object: Value,
}

/// What is known of the objects that a Rollout names or controls.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes {
    /// Those that there are.
    pub objects: BTreeMap<RouteKey, Arc<RouteRecord>>,
    /// Their kinds; one that is not there has not been listed.
    pub kinds: BTreeMap<RouteKind, KindView>,
    /// The only namespace that is read, where the controller is installed for one.
    pub only_namespace: Option<String>,
}

impl Routes {
    /// What is known of a kind.
    pub fn kind(&self, kind: RouteKind) -> &KindView {
        self.kinds.get(&kind).unwrap_or(&KindView::Unread)
    }
}

/// The objects that a Rollout needs to know of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named {
    /// By name.
    pub keys: BTreeSet<RouteKey>,
    /// By their labels.
    pub selected: Vec<Selected>,
    /// Of these kinds all that the Rollout controls, in its own namespace.
    pub controlled: BTreeSet<RouteKind>,
    /// Of these as well, where they are read anyway: what was made for a router that the Rollout had
    /// before another one.
    pub left: BTreeSet<RouteKind>,
}

impl Named {
    /// The kinds that have to be read.
    pub fn kinds(&self) -> BTreeSet<RouteKind> {
        let named = self.keys.iter().map(|key| key.kind);
        let selected = self.selected.iter().map(|selected| selected.kind);
        named.chain(selected).chain(self.controlled.iter().copied()).collect()
    }

    /// The kinds of which all that the Rollout controls counts.
    pub fn of_controller(&self) -> impl Iterator<Item = RouteKind> {
        self.controlled.union(&self.left).copied()
    }

    /// Whether an object with these labels is one of them; `owner` is the uid of what controls it,
    /// `rollout` that of the Rollout, which is in `namespace`.
    pub fn has(
        &self,
        key: &RouteKey,
        labels: &BTreeMap<String, String>,
        owner: Option<&str>,
        (namespace, rollout): (&str, &str),
    ) -> bool {
        self.keys.contains(key)
            || self.selected.iter().any(|selected| {
                selected.kind == key.kind
                    && selected.namespace == key.namespace
                    && matches(&selected.selector, labels)
            })
            || (self.of_controller().any(|kind| kind == key.kind)
                && key.namespace == namespace
                && owner == Some(rollout))
    }
}

/// Whether a selector selects an object.
pub(super) fn is_selected(selector: &LabelSelector, object: &Value) -> bool {
    let labels = object["metadata"]["labels"].as_object();
    let labels = labels.into_iter().flatten();
    let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    matches(selector, &labels.collect())
}

/// Objects that are found by their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    /// Their kind.
    pub kind: RouteKind,
    /// Their namespace.
    pub namespace: String,
    /// Their labels.
    pub selector: LabelSelector,
}
