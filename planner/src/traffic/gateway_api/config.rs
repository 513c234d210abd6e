//! `trafficRouting.plugins["argoproj-labs/gatewayAPI"]`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;
use sluice_crd::raw::RawJson;

/// The key in `trafficRouting.plugins`.
pub const KEY: &str = "argoproj-labs/gatewayAPI";

/// What users of the plugin write. Fields that it has and that make no difference here are read over.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// The namespace of the routes. Default: that of the Rollout.
    pub namespace: String,
    http_route: String,
    http_route_rule_name: String,
    grpc_route: String,
    grpc_route_rule_name: String,
    tcp_route: String,
    tcp_route_rule_name: String,
    tls_route: String,
    tls_route_rule_name: String,
    http_routes: Vec<Entry>,
    grpc_routes: Vec<Entry>,
    tcp_routes: Vec<Entry>,
    tls_routes: Vec<Entry>,
    http_route_selector: Option<LabelSelector>,
    grpc_route_selector: Option<LabelSelector>,
    tcp_route_selector: Option<LabelSelector>,
    tls_route_selector: Option<LabelSelector>,
    /// The name of the ConfigMap that the plugin keeps.
    pub config_map: String,
    /// No label while something goes to the new version.
    pub disable_in_progress_label: bool,
    /// Another key for that label.
    pub in_progress_label_key: String,
    /// Another value for it.
    pub in_progress_label_value: String,
    /// Another key for the annotation that lists the Rollouts under way.
    pub active_rollouts_annotation_key: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Entry {
    name: String,
    use_header_routes: bool,
    rule_name: String,
}

/// The kinds of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the kinds as the Gateway API names them")]
pub enum Kind {
    Http,
    Grpc,
    Tcp,
    Tls,
}

impl Kind {
    /// `kind` of the objects.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTPRoute",
            Self::Grpc => "GRPCRoute",
            Self::Tcp => "TCPRoute",
            Self::Tls => "TLSRoute",
        }
    }
}

/// A route that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Whether `setHeaderRoute` counts for it.
    pub header_routes: bool,
    /// The only rule that counts, by its `name`.
    pub rule: Option<String>,
}

impl Config {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// In words, what cannot be read.
    pub fn read(json: &RawJson) -> Result<Self, String> {
        serde_json::from_str(json.as_str()).map_err(|error| error.to_string())
    }

    /// The routes by name; a single one takes header routes, one of a list where it says so.
    pub fn named(&self) -> Vec<Named> {
        let kinds = [
            (Kind::Http, &self.http_route, &self.http_route_rule_name, &self.http_routes),
            (Kind::Grpc, &self.grpc_route, &self.grpc_route_rule_name, &self.grpc_routes),
            (Kind::Tcp, &self.tcp_route, &self.tcp_route_rule_name, &self.tcp_routes),
            (Kind::Tls, &self.tls_route, &self.tls_route_rule_name, &self.tls_routes),
        ];
        let filled = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let mut out: Vec<Named> = Vec::new();
        for (kind, single, rule, list) in kinds {
            let single = filled(single).map(|name| Named {
                kind,
                name,
                header_routes: true,
                rule: filled(rule),
            });
            let listed = list.iter().filter(|entry| !entry.name.is_empty()).map(|entry| Named {
                kind,
                name: entry.name.clone(),
                header_routes: entry.use_header_routes,
                rule: filled(&entry.rule_name),
            });
            for named in single.into_iter().chain(listed) {
                if !out.iter().any(|known| known.kind == kind && known.name == named.name) {
                    out.push(named);
                }
            }
        }
        out
    }

    /// The labels by which further routes are found.
    pub fn selected(&self) -> Vec<(Kind, &LabelSelector)> {
        let all = [
            (Kind::Http, &self.http_route_selector),
            (Kind::Grpc, &self.grpc_route_selector),
            (Kind::Tcp, &self.tcp_route_selector),
            (Kind::Tls, &self.tls_route_selector),
        ];
        all.into_iter().filter_map(|(kind, selector)| Some((kind, selector.as_ref()?))).collect()
    }
}
