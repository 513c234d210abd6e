//! Traffic routing, in the context of its canary.

use super::{Path, Problems};
use crate::rollout::{AppMeshTrafficRouting, CanaryStrategy, RolloutTrafficRouting};

/// Names of the routers that are set up, as in the API.
pub(super) fn routers(routing: &RolloutTrafficRouting) -> Vec<&'static str> {
    let set = [
        ("istio", routing.istio.is_some()),
        ("nginx", routing.nginx.is_some()),
        ("alb", routing.alb.is_some()),
        ("smi", routing.smi.is_some()),
        ("ambassador", routing.ambassador.is_some()),
        ("appMesh", routing.app_mesh.is_some()),
        ("traefik", routing.traefik.is_some()),
        ("apisix", routing.apisix.is_some()),
        ("plugins", !routing.plugins.is_empty()),
    ];
    set.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
}

/// Most routers need both Services. `path` is that of the canary.
pub(super) fn check_services(
    routing: &RolloutTrafficRouting,
    canary: &CanaryStrategy,
    path: &Path,
    problems: &mut Problems,
) {
    let routers = routers(routing);
    let has_ping_pong = canary.ping_pong.is_some();
    let has_subsets = routing.istio.as_ref().is_some_and(|istio| istio.destination_rule.is_some());
    let needs_services = |router: &&&str| match **router {
        "plugins" => false,
        "alb" => !has_ping_pong,
        "istio" => !has_ping_pong && !has_subsets,
        _ => true,
    };
    if let Some(router) = routers.iter().find(needs_services) {
        for (name, service) in
            [("canaryService", &canary.canary_service), ("stableService", &canary.stable_service)]
        {
            if service.is_empty() {
                problems.add(
                    &path.field(name),
                    format!("is missing, trafficRouting.{router} needs it"),
                );
            }
        }
    }
}

pub(super) fn check(routing: &RolloutTrafficRouting, path: &Path, problems: &mut Problems) {
    let supports_max_weight = routing.nginx.is_some() || !routing.plugins.is_empty();
    if let Some(weight) = routing.max_traffic_weight {
        let path = path.field("maxTrafficWeight");
        if supports_max_weight {
            problems.at_least(&path, weight, 1);
        } else {
            problems.add(&path, "works with nginx and plugins only, remove it");
        }
    }
    check_names(routing, path, problems);
}

/// A router that names no object would leave the requests where they are.
fn check_names(routing: &RolloutTrafficRouting, path: &Path, problems: &mut Problems) {
    let mut one_or_several = |router, [one, several]: [&str; 2], is_set: [bool; 2], kind| {
        let path = path.field(router);
        match is_set {
            [false, false] => {
                problems.add(&path, format!("names no {kind}, set {one} or {several}"));
            }
            [true, true] => problems.add(
                &path.field(several),
                format!("must not be set beside {one}, remove one of them"),
            ),
            _ => {}
        }
    };
    if let Some(nginx) = &routing.nginx {
        let is_set = [!nginx.stable_ingress.is_empty(), !nginx.stable_ingresses.is_empty()];
        one_or_several("nginx", ["stableIngress", "stableIngresses"], is_set, "Ingress");
    }
    if let Some(alb) = &routing.alb {
        let is_set = [!alb.ingress.is_empty(), !alb.ingresses.is_empty()];
        one_or_several("alb", ["ingress", "ingresses"], is_set, "Ingress");
    }
    if let Some(istio) = &routing.istio {
        let is_set = [istio.virtual_service.is_some(), !istio.virtual_services.is_empty()];
        let fields = ["virtualService", "virtualServices"];
        one_or_several("istio", fields, is_set, "VirtualService");
    }
    if routing.ambassador.as_ref().is_some_and(|ambassador| ambassador.mappings.is_empty()) {
        problems.add(
            &path.field("ambassador").field("mappings"),
            "is missing, it has to name a Mapping",
        );
    }
    if routing.traefik.as_ref().is_some_and(|it| it.weighted_traefik_service_name.is_empty()) {
        let path = path.field("traefik").field("weightedTraefikServiceName");
        problems.add(&path, "is missing, it has to name a TraefikService");
    }
    let route = routing.apisix.as_ref().map(|apisix| apisix.route.as_ref());
    if route.is_some_and(|route| route.is_none_or(|route| route.name.is_empty())) {
        let path = path.field("apisix").field("route").field("name");
        problems.add(&path, "is missing, it has to name an ApisixRoute");
    }
    if let Some(mesh) = &routing.app_mesh {
        check_mesh(mesh, &path.field("appMesh"), problems);
    }
}

fn check_mesh(mesh: &AppMeshTrafficRouting, path: &Path, problems: &mut Problems) {
    if mesh.virtual_service.as_ref().is_none_or(|service| service.name.is_empty()) {
        let path = path.field("virtualService").field("name");
        problems.add(&path, "is missing, it has to name a VirtualService");
    }
    let group = mesh.virtual_node_group.as_ref();
    let stable = group.and_then(|group| group.stable_virtual_node_ref.as_ref());
    let canary = group.and_then(|group| group.canary_virtual_node_ref.as_ref());
    for (name, node) in [("stableVirtualNodeRef", stable), ("canaryVirtualNodeRef", canary)] {
        if node.is_none_or(|node| node.name.is_empty()) {
            let path = path.field("virtualNodeGroup").field(name).field("name");
            problems.add(&path, "is missing, it has to name a VirtualNode");
        }
    }
}
