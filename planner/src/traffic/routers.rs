//! All routers of one canary: which objects they are made of, and what these are to be.
//!
//! Two things are asked of a router, and they are never asked in one breath: which pods its
//! destinations mean (`destinations`, where they are not Services), and how the requests are split
//! between them (`weights`).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use sluice_crd::rollout::{
    AppMeshVirtualService, CanaryStrategy, IstioDestinationRule, RolloutTrafficRouting,
};

use super::alb::verify::Asked;
use super::gateway_api::book::{self, Book};
use super::gateway_api::{self, Config, Kind};
use super::objects::{KindView, Named, RouteKey, RouteKind, RouteRecord, Routes, Selected};
use super::{Intent, Problem, alb, ambassador, apisix, app_mesh, istio, nginx, smi, traefik};
use crate::names::HASH_LABEL;
use crate::snapshot::RolloutRecord;

/// The routers that `spec.strategy.canary.trafficRouting` names.
#[derive(Clone, Debug)]
pub struct Routers<'a> {
    traffic: &'a RolloutTrafficRouting,
    gateway: Option<Result<Config, String>>,
    rollout: &'a RolloutRecord,
}

/// An object as it is, and as it is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Which one.
    pub key: RouteKey,
    /// As it is; none where it does not exist.
    pub now: Option<Arc<RouteRecord>>,
    /// As it is to be; none where there is to be none.
    pub then: Option<Value>,
}

impl Wanted {
    /// Whether it is as it is to be.
    pub fn is_so(&self) -> bool {
        self.now.as_ref().map(|record| &record.object) == self.then.as_ref()
    }
}

/// The hashes of the pods that the destinations of a router mean; what is not given stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hashes<'a> {
    /// Of the stable version.
    pub stable: Option<&'a str>,
    /// Of the new version.
    pub canary: Option<&'a str>,
}

/// The hash that one object's destination of a version selects now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The object.
    pub key: RouteKey,
    /// Of the stable version; none where it selects all.
    pub stable: Option<String>,
    /// Of the new version; none where it selects all.
    pub canary: Option<String>,
}

/// What there is to be, or why that cannot be said.
pub type Rendered = Result<Wanted, Problem>;

impl<'a> Routers<'a> {
    /// Those of a canary; none where it has none.
    pub fn of(rollout: &'a RolloutRecord, canary: &'a CanaryStrategy) -> Option<Self> {
        let traffic = canary.traffic_routing.as_ref()?;
        let gateway = traffic.plugins.get(gateway_api::KEY).map(Config::read);
        Some(Self { traffic, gateway, rollout })
    }

    fn key(&self, kind: RouteKind, name: &str) -> RouteKey {
        RouteKey { kind, namespace: self.rollout.namespace.clone(), name: name.to_owned() }
    }

    /// An object of Istio: `NAME`, or `NAME.NAMESPACE`.
    fn istio_key(&self, kind: RouteKind, name: &str) -> RouteKey {
        match name.split_once('.') {
            Some((name, namespace)) => {
                RouteKey { kind, namespace: namespace.to_owned(), name: name.to_owned() }
            }
            None => self.key(kind, name),
        }
    }

    fn gateway_key(&self, config: &Config, kind: Kind, name: &str) -> RouteKey {
        RouteKey {
            kind: gateway_kind(kind),
            namespace: self.gateway_namespace(config).to_owned(),
            name: name.to_owned(),
        }
    }

    fn gateway_namespace<'b>(&'b self, config: &'b Config) -> &'b str {
        if config.namespace.is_empty() { &self.rollout.namespace } else { &config.namespace }
    }

    /// The ConfigMap of the plugin, which it keeps for header routes. One of another name than it is by
    /// default is not read.
    fn book_key(&self, config: &Config) -> Option<RouteKey> {
        let is_read = ["", book::NAME].contains(&config.config_map.as_str());
        (is_read && !self.traffic.managed_routes.is_empty()).then(|| RouteKey {
            kind: RouteKind::ConfigMap,
            namespace: self.gateway_namespace(config).to_owned(),
            name: book::NAME.to_owned(),
        })
    }

    /// What the plugin keeps, without what it tells of this Rollout; none where there is no such.
    pub fn book(&self, routes: &Routes) -> Option<Wanted> {
        let Some(Ok(config)) = &self.gateway else { return None };
        let key = self.book_key(config)?;
        let now = routes.objects.get(&key).filter(|record| !record.deleting)?;
        let managed = self.traffic.managed_routes.iter().map(|route| route.name.clone());
        let managed: Vec<String> = managed.collect();
        let named = self.gateway_routes(config, routes);
        let then = book::without(&now.object, &managed, &named);
        Some(Wanted { key, now: Some(now.clone()), then })
    }

    fn destination_rule(&self) -> Option<&'a IstioDestinationRule> {
        self.traffic.istio.as_ref()?.destination_rule.as_ref()
    }

    fn mesh_service(&self) -> Option<&'a AppMeshVirtualService> {
        self.traffic.app_mesh.as_ref()?.virtual_service.as_ref()
    }

    /// The VirtualNodes of App Mesh: stable and canary.
    fn mesh_nodes(&self) -> Option<(&'a str, &'a str)> {
        let group = self.traffic.app_mesh.as_ref()?.virtual_node_group.as_ref()?;
        let stable = group.stable_virtual_node_ref.as_ref()?;
        let canary = group.canary_virtual_node_ref.as_ref()?;
        Some((&stable.name, &canary.name))
    }

    /// Adds the objects that have to be known; some lead to others, which `routes` has to have for
    /// that.
    pub(super) fn name_all(&self, routes: &Routes, out: &mut Named) {
        let traffic = self.traffic;
        if let Some(Ok(config)) = &self.gateway {
            let named = config.named().into_iter();
            out.keys.extend(named.map(|named| self.gateway_key(config, named.kind, &named.name)));
            let selected = config.selected().into_iter();
            out.selected.extend(selected.map(|(kind, selector)| Selected {
                kind: gateway_kind(kind),
                namespace: self.gateway_namespace(config).to_owned(),
                selector: selector.clone(),
            }));
            out.keys.extend(self.book_key(config));
        }
        if let Some(istio) = &traffic.istio {
            for service in istio.virtual_service.iter().chain(&istio.virtual_services) {
                out.keys.insert(self.istio_key(RouteKind::VirtualService, &service.name));
            }
            if let Some(rule) = &istio.destination_rule {
                out.keys.insert(self.istio_key(RouteKind::DestinationRule, &rule.name));
            }
        }
        if let Some(config) = &traffic.nginx {
            for name in nginx::stable_ingresses(config) {
                let canary = nginx::canary_name(&self.rollout.name, name);
                out.keys.insert(self.key(RouteKind::Ingress, name));
                out.keys.insert(self.key(RouteKind::Ingress, &canary));
            }
            out.controlled.insert(RouteKind::Ingress);
        }
        if let Some(config) = &traffic.alb {
            for name in alb::ingresses(config) {
                out.keys.insert(self.key(RouteKind::Ingress, name));
            }
        }
        if let Some(config) = &traffic.smi {
            let name = smi::name(config, &self.rollout.name);
            out.keys.insert(self.key(RouteKind::TrafficSplit, name));
            out.controlled.insert(RouteKind::TrafficSplit);
        }
        if let Some(config) = &traffic.traefik {
            let name = &config.weighted_traefik_service_name;
            out.keys.insert(self.key(RouteKind::TraefikService, name));
        }
        if let Some(route) = traffic.apisix.as_ref().and_then(|config| config.route.as_ref()) {
            out.keys.insert(self.key(RouteKind::ApisixRoute, &route.name));
            // Argo Rollouts makes a route of its own for each header route.
            out.controlled.insert(RouteKind::ApisixRoute);
        }
        if let Some(config) = &traffic.ambassador {
            for name in &config.mappings {
                out.keys.insert(self.key(RouteKind::Mapping, name));
                out.keys.insert(self.key(RouteKind::Mapping, &ambassador::canary_name(name)));
            }
            out.controlled.insert(RouteKind::Mapping);
        }
        if let Some(service) = self.mesh_service() {
            out.keys.insert(self.key(RouteKind::MeshVirtualService, &service.name));
            if let Ok(router) = self.mesh_router(service, routes) {
                out.keys.insert(router);
            }
        }
        if let Some((stable, canary)) = self.mesh_nodes() {
            out.keys.insert(self.key(RouteKind::MeshVirtualNode, stable));
            out.keys.insert(self.key(RouteKind::MeshVirtualNode, canary));
        }
    }

    /// The VirtualRouter that a VirtualService of App Mesh leads to.
    fn mesh_router(
        &self,
        service: &AppMeshVirtualService,
        routes: &Routes,
    ) -> Result<RouteKey, Problem> {
        let key = self.key(RouteKind::MeshVirtualService, &service.name);
        let record = found(&key, routes)?;
        let to = &record.object["spec"]["provider"]["virtualRouter"]["virtualRouterRef"];
        let Some(name) = to["name"].as_str() else {
            return Err(Problem {
                object: key.to_string(),
                field: "spec.provider.virtualRouter".to_owned(),
                what:
                    "is not there; the VirtualService has to lead to a VirtualRouter, which holds \
                       the weights"
                        .to_owned(),
            });
        };
        let namespace = to["namespace"].as_str().unwrap_or(&self.rollout.namespace);
        Ok(RouteKey {
            kind: RouteKind::MeshVirtualRouter,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Whether the destinations of a router mean pods by themselves, and not by way of Services.
    pub fn has_destinations(&self) -> bool {
        self.destination_rule().is_some() || self.mesh_nodes().is_some()
    }

    /// What the destinations that are not Services select now.
    pub fn selected(&self, routes: &Routes) -> Vec<Destination> {
        let mut out = Vec::new();
        if let Some(rule) = self.destination_rule() {
            let key = self.istio_key(RouteKind::DestinationRule, &rule.name);
            if let Ok(record) = found(&key, routes) {
                let of = |name: &str| istio::selected(name, &record.object);
                let (stable, canary) = (of(&rule.stable_subset_name), of(&rule.canary_subset_name));
                out.push(Destination { key, stable, canary });
            }
        }
        if let Some((stable, canary)) = self.mesh_nodes() {
            let key = self.key(RouteKind::MeshVirtualNode, canary);
            let of = |name: &str| {
                let key = self.key(RouteKind::MeshVirtualNode, name);
                let record = found(&key, routes).ok()?;
                let labels = &record.object["spec"]["podSelector"]["matchLabels"];
                labels[HASH_LABEL].as_str().map(str::to_owned)
            };
            out.push(Destination { stable: of(stable), canary: of(canary), key });
        }
        out
    }

    /// The destinations that are not Services, as they are to be.
    pub fn destinations(&self, hashes: Hashes<'_>, routes: &Routes) -> Vec<Rendered> {
        let mut out = Vec::new();
        if let Some(rule) = self.destination_rule() {
            let key = self.istio_key(RouteKind::DestinationRule, &rule.name);
            out.push(changed(key, routes, |object| {
                istio::subsets(rule, &self.rollout.name, hashes.stable, hashes.canary, object)
            }));
        }
        if let Some((stable, canary)) = self.mesh_nodes() {
            for (name, hash) in [(stable, hashes.stable), (canary, hashes.canary)] {
                let key = self.key(RouteKind::MeshVirtualNode, name);
                out.push(changed(key, routes, |object| {
                    Ok(hash.map_or_else(|| object.clone(), |hash| app_mesh::node(hash, object)))
                }));
            }
        }
        out
    }

    /// Whether the routers say that they do what stands in their objects; none where none of them
    /// can be asked.
    pub fn verified(&self, routes: &Routes) -> Option<Result<(), Problem>> {
        let Some(Ok(config)) = &self.gateway else { return None };
        let said = self.gateway_routes(config, routes).into_iter().filter_map(|named| {
            let key = self.gateway_key(config, named.kind, &named.name);
            gateway_api::verified(&found(&key, routes).ok()?.object).map(|said| {
                said.map_err(|what| Problem {
                    object: key.to_string(),
                    field: "status.parents".to_owned(),
                    what,
                })
            })
        });
        said.reduce(|a, b| a.and(b))
    }

    /// The Ingresses of AWS load balancers, with what may be asked about them.
    pub fn balancers<'b>(&'b self, services: [&'b str; 2], routes: &'b Routes) -> Vec<Asked<'b>> {
        let Some(config) = &self.traffic.alb else { return Vec::new() };
        let record = |name: &str| {
            let record = routes.objects.get(&self.key(RouteKind::Ingress, name))?;
            (!record.deleting).then_some(&**record)
        };
        alb::verify::asked(config, services, record).collect()
    }

    /// The objects that hold the weights, as they are to be.
    pub fn weights(&self, intent: &Intent, routes: &Routes) -> Vec<Rendered> {
        let mut out = Vec::new();
        self.gateway_weights(intent, routes, &mut out);
        self.mesh_weights(intent, routes, &mut out);
        self.owned_weights(intent, routes, &mut out);
        let traffic = self.traffic;
        if let Some(istio) = &traffic.istio {
            for service in istio.virtual_service.iter().chain(&istio.virtual_services) {
                let key = self.istio_key(RouteKind::VirtualService, &service.name);
                out.push(changed(key, routes, |object| {
                    istio::render(service, istio.destination_rule.as_ref(), intent, object)
                }));
            }
        }
        if let Some(config) = &traffic.alb {
            for name in alb::ingresses(config) {
                let key = self.key(RouteKind::Ingress, name);
                out.push(changed(key, routes, |object| alb::render(config, intent, object)));
            }
        }
        if let Some(config) = &traffic.traefik {
            let name = &config.weighted_traefik_service_name;
            let key = self.key(RouteKind::TraefikService, name);
            out.push(changed(key, routes, |object| traefik::render(name, intent, object)));
        }
        if let Some(route) = traffic.apisix.as_ref().and_then(|config| config.route.as_ref()) {
            let key = self.key(RouteKind::ApisixRoute, &route.name);
            out.push(changed(key, routes, |object| apisix::render(route, intent, object)));
        }
        out
    }

    fn gateway_weights(&self, intent: &Intent, routes: &Routes, out: &mut Vec<Rendered>) {
        let config = match &self.gateway {
            None => return,
            Some(Ok(config)) => config,
            Some(Err(what)) => {
                out.push(Err(Problem {
                    object: "spec.strategy.canary.trafficRouting".to_owned(),
                    field: format!("plugins[{}]", gateway_api::KEY),
                    what: what.clone(),
                }));
                return;
            }
        };
        let named = self.gateway_routes(config, routes);
        for (kind, _) in config.selected() {
            let (of, namespace) = (gateway_kind(kind), self.gateway_namespace(config));
            if let Err(problem) = served(of, namespace, routes) {
                out.push(Err(problem));
                continue;
            }
            if !named.iter().any(|n| n.kind == kind) {
                out.push(Err(Problem {
                    object: "spec.strategy.canary.trafficRouting".to_owned(),
                    field: format!("plugins[{}]", gateway_api::KEY),
                    what: format!(
                        "no {} in namespace {namespace} has the labels of the selector",
                        kind.name()
                    ),
                }));
            }
        }
        if named.is_empty() && config.selected().is_empty() {
            out.push(Err(Problem {
                object: "spec.strategy.canary.trafficRouting".to_owned(),
                field: format!("plugins[{}]", gateway_api::KEY),
                what: "names no route; set httpRoute, grpcRoute, tcpRoute or tlsRoute".to_owned(),
            }));
        }
        let book = self.book_key(config).and_then(|key| routes.objects.get(&key));
        let book = book.map(|record| Book::read(&record.object)).unwrap_or_default();
        for named in named {
            let key = self.gateway_key(config, named.kind, &named.name);
            out.push(changed(key, routes, |object| {
                gateway_api::render(config, &book, &named, intent, object)
            }));
        }
    }

    /// The routes of the Gateway API, those that are found by their labels as well.
    fn gateway_routes(&self, config: &Config, routes: &Routes) -> Vec<gateway_api::Named> {
        let mut named = config.named();
        for (kind, selector) in config.selected() {
            let (of, namespace) = (gateway_kind(kind), self.gateway_namespace(config));
            for (key, record) in &routes.objects {
                let is_meant = key.kind == of
                    && key.namespace == namespace
                    && super::objects::is_selected(selector, &record.object);
                if is_meant && !named.iter().any(|n| n.kind == kind && n.name == key.name) {
                    let (name, header_routes) = (key.name.clone(), true);
                    named.push(gateway_api::Named { kind, name, header_routes, rule: None });
                }
            }
        }
        named
    }

    fn mesh_weights(&self, intent: &Intent, routes: &Routes, out: &mut Vec<Rendered>) {
        let Some((service, nodes)) = self.mesh_service().zip(self.mesh_nodes()) else { return };
        out.push(self.mesh_router(service, routes).and_then(|key| {
            changed(key, routes, |object| app_mesh::router(&service.routes, nodes, intent, object))
        }));
    }

    /// Objects that are the Rollout's own.
    fn owned_weights(&self, intent: &Intent, routes: &Routes, out: &mut Vec<Rendered>) {
        let owner = crate::build::owner_reference(self.rollout);
        if let Some(config) = &self.traffic.nginx {
            for name in nginx::stable_ingresses(config) {
                let key = self.key(RouteKind::Ingress, name);
                let canary = nginx::canary_name(&self.rollout.name, name);
                let canary = self.key(RouteKind::Ingress, &canary);
                out.push(beside(&key, canary, routes, |stable, current| {
                    nginx::render(config, intent, &owner, stable, current).map(Some)
                }));
            }
        }
        if let Some(config) = &self.traffic.ambassador {
            for name in &config.mappings {
                let key = self.key(RouteKind::Mapping, name);
                let canary = self.key(RouteKind::Mapping, &ambassador::canary_name(name));
                out.push(beside(&key, canary, routes, |stable, current| {
                    ambassador::render(intent, &owner, stable, current)
                }));
            }
        }
        if let Some(config) = &self.traffic.smi {
            let key = self.key(RouteKind::TrafficSplit, smi::name(config, &self.rollout.name));
            out.push(existing(&key, routes).and_then(|(now, served)| {
                let version = served.rsplit('/').next().unwrap_or_default();
                let current = now.as_ref().map(|record| &record.object);
                let then = smi::render(config, version, intent, &owner, current)?;
                Ok(Wanted { key, now, then: Some(then) })
            }));
        }
    }
}

/// Objects that the Rollout made for a router that it no longer names: they go.
pub(crate) fn left_behind(
    rollout: &RolloutRecord,
    wanted: &BTreeSet<RouteKey>,
    routes: &Routes,
) -> Vec<Wanted> {
    let traffic = rollout.spec.strategy.canary.as_ref().and_then(|c| c.traffic_routing.as_ref());
    let is_managed = |name: &str| {
        traffic.is_some_and(|traffic| traffic.managed_routes.iter().any(|route| route.name == name))
    };
    let own = |record: &Arc<RouteRecord>| {
        record.controller.as_deref() == Some(rollout.uid.as_str()) && !record.deleting
    };
    // Of these the Rollout's owner may have hung others on it.
    let is_made = |key: &RouteKey| key.kind != RouteKind::ApisixRoute || is_managed(&key.name);
    routes
        .objects
        .iter()
        .filter(|(key, record)| own(record) && is_made(key) && !wanted.contains(key))
        .map(|(key, record)| Wanted { key: key.clone(), now: Some(record.clone()), then: None })
        .collect()
}

fn gateway_kind(kind: Kind) -> RouteKind {
    match kind {
        Kind::Http => RouteKind::HttpRoute,
        Kind::Grpc => RouteKind::GrpcRoute,
        Kind::Tcp => RouteKind::TcpRoute,
        Kind::Tls => RouteKind::TlsRoute,
    }
}

/// An object that has to be there, changed.
fn changed(
    key: RouteKey,
    routes: &Routes,
    change: impl FnOnce(&Value) -> Result<Value, Problem>,
) -> Rendered {
    let now = found(&key, routes)?;
    let then = change(&now.object)?;
    Ok(Wanted { key, now: Some(now), then: Some(then) })
}

/// An object that stands beside another one, which has to be there.
fn beside(
    stable: &RouteKey,
    key: RouteKey,
    routes: &Routes,
    render: impl FnOnce(&Value, Option<&Value>) -> Result<Option<Value>, Problem>,
) -> Rendered {
    let stable = found(stable, routes)?;
    let (now, _) = existing(&key, routes)?;
    let then = render(&stable.object, now.as_ref().map(|record| &record.object))?;
    Ok(Wanted { key, now, then })
}

fn found(key: &RouteKey, routes: &Routes) -> Result<Arc<RouteRecord>, Problem> {
    existing(key, routes)?.0.ok_or_else(|| Problem {
        object: key.to_string(),
        field: "metadata.name".to_owned(),
        what: format!("does not exist in namespace {}", key.namespace),
    })
}

/// An object, if it exists, and the group and version under which its kind is served.
fn existing(
    key: &RouteKey,
    routes: &Routes,
) -> Result<(Option<Arc<RouteRecord>>, String), Problem> {
    let version = served(key.kind, &key.namespace, routes)
        .map_err(|problem| Problem { object: key.to_string(), ..problem })?;
    let record = routes.objects.get(key);
    if record.is_some_and(|record| record.deleting) {
        let what = "is being deleted".to_owned();
        let field = "metadata.deletionTimestamp".to_owned();
        return Err(Problem { object: key.to_string(), field, what });
    }
    Ok((record.cloned(), version))
}

/// The group and version under which a kind is served.
fn served(kind: RouteKind, namespace: &str, routes: &Routes) -> Result<String, Problem> {
    let group = kind.versions().first().map_or("", |(group, _)| group);
    let plural = kind.plural();
    let what = match routes.kind(kind) {
        _ if routes.only_namespace.as_ref().is_some_and(|only| only != namespace) => {
            format!("namespace {namespace} is not that of this controller, which reads no other")
        }
        KindView::Listed(version) => return Ok(version.clone()),
        KindView::Unread => "has not been read yet".to_owned(),
        KindView::NotInstalled => {
            format!("the API server does not serve {plural}.{group}; install its CRD")
        }
        KindView::Unreadable(why) => format!("{plural}.{group} cannot be read: {why}"),
    };
    Err(Problem { object: kind.name().to_owned(), field: "kind".to_owned(), what })
}

/// The objects that a Rollout needs to know of. Some lead to others: asked again with the `routes` that
/// have been found, it may name more.
pub fn named(rollout: &RolloutRecord, routes: &Routes) -> Named {
    let mut out = Named::default();
    let canary = rollout.spec.strategy.canary.as_ref();
    let routers = canary.and_then(|canary| Routers::of(rollout, canary));
    if let Some(routers) = &routers {
        routers.name_all(routes, &mut out);
    }
    // It had a router: what it made for that may have to go. Where it has another one now, no kind is
    // read for that alone: it would be for as long as there is a Rollout with a router.
    if rollout.status.canary.weights.is_some() {
        let made = [RouteKind::Ingress, RouteKind::Mapping, RouteKind::TrafficSplit];
        if routers.is_some() { &mut out.left } else { &mut out.controlled }.extend(made);
    }
    out
}

/// Whether objects of a kind that is named have not been read yet.
pub fn is_unread(named: &Named, routes: &Routes) -> bool {
    named.kinds().into_iter().any(|kind| *routes.kind(kind) == KindView::Unread)
}
