//! The EndpointSlice controller: where the pods of a Service are, and which of them serve.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::queue::Work;
use super::related::selects;
use super::{is_ready, pods, template};
use crate::api::Subresource;
use crate::clock::rfc3339;
use crate::kinds::GroupResource;
use crate::state::State;
use crate::store::Key;

const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const CONTROLLER: &str = "endpointslice-controller.k8s.io";
const HEADLESS: &str = "service.kubernetes.io/headless";
const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";
/// A slice holds at most so many endpoints, as those of the real controller do.
const ENDPOINTS_MAX: usize = 100;
/// How soon a refused write is tried again.
const RETRY: Duration = Duration::from_secs(1);

fn slices() -> GroupResource {
    GroupResource::new("discovery.k8s.io", "endpointslices")
}

/// Brings the slices of one Service up to date.
pub(super) fn sync(state: &mut State, key: &Key) {
    let services = GroupResource::new("", "services");
    let Some(service) = state.store.get(&services, key).cloned() else { return };
    // Endpoints of a Service without selector are somebody else's business.
    let unselective = service["spec"]["selector"].as_object().is_none_or(Map::is_empty);
    if unselective || service["spec"]["type"] == "ExternalName" {
        return;
    }
    let mut wanted = wanted(state, key, &service);
    let mut unused = Vec::new();
    // Slices whose ports are still wanted stay with these ports.
    for (name, slice) in existing(state, key, &service) {
        let same = wanted.iter().position(|other| other["ports"] == slice["ports"]);
        match same.map(|index| wanted.remove(index)) {
            Some(fresh) => replace(state, key, &name, &slice, fresh),
            None => unused.push((name, slice)),
        }
    }
    let mut unused = unused.into_iter();
    for fresh in wanted {
        match unused.next() {
            Some((name, slice)) => replace(state, key, &name, &slice, fresh),
            None => create(state, key, fresh),
        }
    }
    for (name, slice) in unused {
        let slice_key = Key::new(&key.namespace, &name);
        let deleted =
            state.delete_internal(&slices(), &slice_key, &slice["metadata"]["uid"], json!({}));
        again_if(state, key, deleted.is_err_and(|error| error.code != 404));
    }
}

/// The slices that this controller has made for a Service, in name order.
fn existing(state: &State, key: &Key, service: &Value) -> Vec<(String, Arc<Value>)> {
    let uid = service["metadata"]["uid"].as_str().unwrap_or_default();
    let mut found: Vec<(String, Arc<Value>)> = Vec::new();
    for (resource, dependent) in state.store.dependents(uid) {
        if resource != slices() || dependent.namespace != key.namespace {
            continue;
        }
        let Some(slice) = state.store.get(&resource, &dependent) else { continue };
        let labels = &slice["metadata"]["labels"];
        if labels[MANAGED_BY] == CONTROLLER && slice["metadata"]["deletionTimestamp"].is_null() {
            found.push((dependent.name.clone(), slice.clone()));
        }
    }
    found
}

/// The slices that there should be: one for each set of ports, or an empty one.
fn wanted(state: &State, key: &Key, service: &Value) -> Vec<Value> {
    let mut by_ports: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
    for (_, pod) in state.store.list(&pods(), &key.namespace) {
        let over = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let placed = pod["status"]["podIP"].as_str().is_some_and(|address| !address.is_empty());
        if over || !placed || !selects(service, pod) {
            continue;
        }
        let ports = ports(service, pod);
        let (_, endpoints) =
            by_ports.entry(ports.to_string()).or_insert_with(|| (ports, Vec::new()));
        endpoints.push(endpoint(service, pod));
    }
    if by_ports.is_empty() {
        return vec![slice(service, Value::Null, Value::Null)];
    }
    let full = |(ports, endpoints): (Value, Vec<Value>)| -> Vec<Value> {
        let parts = endpoints.chunks(ENDPOINTS_MAX);
        parts.map(|part| slice(service, ports.clone(), Value::from(part.to_vec()))).collect()
    };
    by_ports.into_values().flat_map(full).collect()
}

/// Where a pod listens for what a Service sends: named ports are looked up in its containers.
fn ports(service: &Value, pod: &Value) -> Value {
    let mut out = Vec::new();
    for port in service["spec"]["ports"].as_array().into_iter().flatten() {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let number = match &port["targetPort"] {
            Value::String(name) => {
                let containers = pod["spec"]["containers"].as_array();
                let declared =
                    containers.into_iter().flatten().filter_map(|c| c["ports"].as_array());
                let found = declared.flatten().find(|port| {
                    port["name"] == name.as_str()
                        && port["protocol"].as_str().unwrap_or("TCP") == protocol
                });
                found.map(|port| port["containerPort"].clone())
            }
            Value::Null => Some(port["port"].clone()),
            number => Some(number.clone()),
        };
        // A pod without that port is an endpoint all the same, for the other ports.
        let Some(number) = number else { continue };
        let name = port["name"].as_str().unwrap_or_default();
        let mut found = json!({"name": name, "port": number, "protocol": protocol});
        if let Some(application) = port["appProtocol"].as_str() {
            found["appProtocol"] = application.into();
        }
        out.push(found);
    }
    if out.is_empty() { Value::Null } else { out.into() }
}

fn endpoint(service: &Value, pod: &Value) -> Value {
    let terminating = !pod["metadata"]["deletionTimestamp"].is_null();
    let serving = is_ready(pod);
    let ready = service["spec"]["publishNotReadyAddresses"] == true || serving && !terminating;
    json!({
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {
            "kind": "Pod",
            "namespace": pod["metadata"]["namespace"],
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        },
    })
}

fn slice(service: &Value, ports: Value, endpoints: Value) -> Value {
    let name = service["metadata"]["name"].as_str().unwrap_or_default();
    let mut labels = service["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.insert(SERVICE_NAME.into(), name.into());
    labels.insert(MANAGED_BY.into(), CONTROLLER.into());
    if service["spec"]["clusterIP"] == "None" {
        labels.insert(HEADLESS.into(), "".into());
    }
    json!({
        "metadata": {
            "generateName": format!("{name}-"),
            "labels": labels,
            "ownerReferences": [template::owner_reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports,
    })
}

fn create(state: &mut State, key: &Key, mut fresh: Value) {
    fresh["metadata"]["annotations"] = json!({TRIGGER_TIME: rfc3339(state.now())});
    let created = state.create_internal(&slices(), &key.namespace, fresh);
    let refused = created.is_err_and(|error| !error.is_of_terminating_namespace());
    again_if(state, key, refused);
}

/// Writes what has changed of a slice, if anything has.
fn replace(state: &mut State, key: &Key, name: &str, slice: &Value, fresh: Value) {
    let mut object = slice.clone();
    object["metadata"]["labels"] = fresh["metadata"]["labels"].clone();
    object["endpoints"] = fresh["endpoints"].clone();
    object["ports"] = fresh["ports"].clone();
    if object == *slice {
        return;
    }
    object["metadata"]["annotations"][TRIGGER_TIME] = rfc3339(state.now()).into();
    let slice_key = Key::new(&key.namespace, name);
    let written = state.update_internal(&slices(), &slice_key, Subresource::Main, object);
    again_if(state, key, written.is_err());
}

fn again_if(state: &mut State, key: &Key, refused: bool) {
    if refused {
        state.work.later(Work::Endpoints(key.clone()), RETRY);
    }
}
