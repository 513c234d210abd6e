//! `foreign`: what users and other tools own in the objects of routers stays as it is, byte for byte,
//! through every write of the controller (issue 6).

use serde_json::{Map, Value};

use super::roles::Roles;
use crate::scenario::mirror::Mirror;
use crate::scenario::promises::{Breach, name};
use crate::scenario::routers::read::GATEWAY_API;

/// The kinds that are looked at.
pub(super) const KINDS: [&str; 14] = [
    "HTTPRoute",
    "GRPCRoute",
    "TCPRoute",
    "TLSRoute",
    "VirtualService",
    "DestinationRule",
    "Ingress",
    "TrafficSplit",
    "TraefikService",
    "ApisixRoute",
    "Mapping",
    "VirtualService.appmesh.k8s.aws",
    "VirtualRouter",
    "VirtualNode",
];

/// The label of a version.
const HASH: &str = "rollouts-pod-template-hash";
/// Annotations that are the controller's.
const ANNOTATIONS: [&str; 2] = [
    "argo-rollouts.argoproj.io/managed-by-rollouts",
    "rollouts.argoproj.io/managed-alb-annotations",
];

/// Looks at a write of the controller.
pub(super) fn touched(
    mirror: &Mirror,
    kind: &str,
    before: Option<&Value>,
    after: &Value,
) -> Option<Breach> {
    let before = before.filter(|before| !is_owned(before))?;
    let roles = Roles::of_all(mirror.all("Rollout"));
    let (was, is) = (strip(kind, before, &roles), strip(kind, after, &roles));
    let at = difference(&was, &is, "")?;
    let what = format!("{kind} {}: {at}", name(after));
    Some(Breach { promise: "foreign", what })
}

/// Whether it is a Rollout's, with all that is in it.
pub(super) fn is_owned(object: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners.into_iter().flatten().any(|owner| owner["kind"] == "Rollout")
}

/// The object without what is the controller's, and what is the API server's.
fn strip(kind: &str, object: &Value, roles: &Roles) -> Value {
    let mut out = object.clone();
    if let Some(fields) = out.as_object_mut() {
        // Written by gateways.
        fields.remove("status");
    }
    if let Some(metadata) = out.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["resourceVersion", "generation", "managedFields"] {
            metadata.remove(field);
        }
        for (field, keys) in [("labels", &[][..]), ("annotations", &ANNOTATIONS[..])] {
            prune(metadata, field, |key| {
                keys.contains(&key) || roles.marks.iter().any(|mark| mark == key)
            });
        }
    }
    let named = |to: &Value, field: &str| to[field].as_str().is_some_and(|name| roles.names(name));
    match kind {
        "VirtualService" => {
            without_managed(&mut out, "/spec/http", roles);
            for part in ["http", "tls", "tcp"] {
                let destination = |to: &Value| {
                    let to = &to["destination"];
                    let host = to["host"].as_str().and_then(|host| host.split('.').next());
                    named(to, "subset") || host.is_some_and(|host| roles.names(host))
                };
                each(&mut out, &format!("/spec/{part}"), |route| {
                    without_weights(route, "/route", destination);
                });
            }
        }
        "DestinationRule" => each(&mut out, "/spec/subsets", |subset| {
            if named(subset, "name")
                && let Some(subset) = subset.as_object_mut()
            {
                prune(subset, "labels", |key| key == HASH);
            }
        }),
        "Ingress" => ingress(&mut out, roles),
        "TraefikService" => {
            without_weights(&mut out, "/spec/weighted/services", |to| named(to, "name"));
        }
        "ApisixRoute" => {
            without_managed(&mut out, "/spec/http", roles);
            each(&mut out, "/spec/http", |rule| {
                without_weights(rule, "/backends", |to| named(to, "serviceName"));
            });
        }
        "VirtualRouter" => each(&mut out, "/spec/routes", |route| {
            for kind in ["httpRoute", "http2Route", "grpcRoute", "tcpRoute"] {
                let targets = format!("/{kind}/action/weightedTargets");
                without_weights(route, &targets, |to| named(&to["virtualNodeRef"], "name"));
            }
        }),
        "VirtualNode" if roles.names(name(object)) => {
            let selector = out.pointer_mut("/spec/podSelector").and_then(Value::as_object_mut);
            if let Some(selector) = selector {
                prune(selector, "matchLabels", |key| key == HASH);
            }
            if let Some(spec) = out.get_mut("spec").and_then(Value::as_object_mut)
                && spec.get("podSelector").is_some_and(|s| s.as_object().is_some_and(Map::is_empty))
            {
                spec.remove("podSelector");
            }
        }
        kind if GATEWAY_API.contains(&kind) => {
            without_managed(&mut out, "/spec/rules", roles);
            each(&mut out, "/spec/rules", |rule| {
                without_weights(rule, "/backendRefs", |to| named(to, "name"));
            });
        }
        _ => {}
    }
    out
}

/// Actions and conditions in annotations, and paths to managed routes.
fn ingress(out: &mut Value, roles: &Roles) {
    if let Some(metadata) = out.get_mut("metadata").and_then(Value::as_object_mut) {
        prune(metadata, "annotations", |key| {
            let part = key.split_once('/').map_or("", |(_, part)| part);
            let of = |prefix: &str| part.strip_prefix(prefix);
            of("actions.").is_some_and(|service| {
                roles.actions.iter().any(|root| root == service) || roles.is_managed(service)
            }) || of("conditions.").is_some_and(|service| roles.is_managed(service))
        });
    }
    each(out, "/spec/rules", |rule| {
        let paths = rule.pointer_mut("/http/paths").and_then(Value::as_array_mut);
        if let Some(paths) = paths {
            paths.retain(|path| {
                let service = path["backend"]["service"]["name"].as_str().unwrap_or_default();
                !roles.is_managed(service)
            });
        }
    });
}

/// Takes keys out of a map; a map that is empty is as good as none.
fn prune(parent: &mut Map<String, Value>, field: &str, goes: impl Fn(&str) -> bool) {
    let Some(map) = parent.get_mut(field).and_then(Value::as_object_mut) else { return };
    map.retain(|key, _| !goes(key));
    if map.is_empty() {
        parent.remove(field);
    }
}

fn each(object: &mut Value, pointer: &str, mut change: impl FnMut(&mut Value)) {
    let list = object.pointer_mut(pointer).and_then(Value::as_array_mut);
    list.into_iter().flatten().for_each(&mut change);
}

fn without_weights(object: &mut Value, pointer: &str, ours: impl Fn(&Value) -> bool) {
    each(object, pointer, |to| {
        if ours(to)
            && let Some(to) = to.as_object_mut()
        {
            to.remove("weight");
        }
    });
}

fn without_managed(object: &mut Value, pointer: &str, roles: &Roles) {
    let list = object.pointer_mut(pointer).and_then(Value::as_array_mut);
    if let Some(list) = list {
        list.retain(|rule| !rule["name"].as_str().is_some_and(|name| roles.is_managed(name)));
    }
}

/// Where two values differ first.
fn difference(was: &Value, is: &Value, path: &str) -> Option<String> {
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => was.keys().chain(is.keys()).find_map(|key| {
            let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
            difference(&of(was), &of(is), &format!("{path}.{key}"))
        }),
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            let mut all = was.iter().zip(is).enumerate();
            all.find_map(|(i, (was, is))| difference(was, is, &format!("{path}[{i}]")))
        }
        (was, is) => (was != is).then(|| format!("{path} was {was}, and is {is}")),
    }
}
