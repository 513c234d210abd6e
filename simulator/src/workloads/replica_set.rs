//! The ReplicaSet controller.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value, json};
use std::sync::Arc;

use super::queue::Work;
use super::{condition, controller_of, is_active, is_ready, pods, ranking, template, time, until};
use crate::api::{Payload, Subresource, Verb, route::Target};
use crate::clock::rfc3339;
use crate::kinds::GroupResource;
use crate::selector::LabelSelector;
use crate::state::State;
use crate::status_error::StatusError;
use crate::store::Key;

/// At most this many pods are created or deleted in one go.
const BURST_MAX: usize = 500;
/// How soon a refused creation is tried again.
const RETRY: std::time::Duration = std::time::Duration::from_secs(1);

fn replica_sets() -> GroupResource {
    GroupResource::new("apps", "replicasets")
}

/// Brings one ReplicaSet closer to what it should be.
pub(super) fn sync(state: &mut State, key: &Key) {
    let Some(set) = state.store.get(&replica_sets(), key).cloned() else { return };
    let selector = LabelSelector::from_object(&set["spec"]["selector"]);
    claim(state, &set, key, &selector);
    let owned = owned_pods(state, &set);
    let wanted = usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0);
    let mut failure = None;
    if set["metadata"]["deletionTimestamp"].is_null() {
        failure = scale(state, &set, key, &owned, wanted);
    }
    write_status(state, &set, key, &owned, failure.as_ref());
    if failure.is_some() {
        state.work.later(Work::ReplicaSet(key.clone()), RETRY);
    }
}

/// The live pods that the set controls, in name order.
fn owned_pods(state: &State, set: &Value) -> Vec<Arc<Value>> {
    let uid = set["metadata"]["uid"].as_str().unwrap_or_default();
    let dependents = state.store.dependents(uid);
    let pods = pods();
    dependents
        .iter()
        .filter(|(resource, _)| *resource == pods)
        .filter_map(|(resource, key)| state.store.get(resource, key))
        .filter(|pod| controller_of(pod).is_some_and(|owner| owner["uid"] == uid))
        .filter(|pod| is_active(pod))
        .cloned()
        .collect()
}

/// The live pods of all ReplicaSets that have the same controller as this one.
fn related_pods(state: &State, set: &Value) -> Vec<Arc<Value>> {
    let Some(owner) = controller_of(set) else { return owned_pods(state, set) };
    let owner = owner["uid"].as_str().unwrap_or_default();
    let siblings = state.store.dependents(owner);
    let sets = siblings.iter().filter(|(resource, _)| *resource == replica_sets());
    let sets = sets.filter_map(|(resource, key)| state.store.get(resource, key));
    sets.flat_map(|set| owned_pods(state, set)).collect()
}

/// Adopts matching pods without a controller, and releases own pods that no longer match.
fn claim(state: &mut State, set: &Value, key: &Key, selector: &LabelSelector) {
    if !set["metadata"]["deletionTimestamp"].is_null() {
        return;
    }
    let uid = &set["metadata"]["uid"];
    let mut changes = Vec::new();
    for pod in owned_pods(state, set) {
        if !selector.matches(&pod) {
            let mut released = Value::clone(&pod);
            let owners = released["metadata"]["ownerReferences"].as_array_mut();
            if let Some(owners) = owners {
                owners.retain(|owner| owner["uid"] != *uid);
            }
            changes.push(released);
        }
    }
    if state.orphan_pods.contains(&key.namespace) {
        for (_, pod) in state.store.list(&pods(), &key.namespace) {
            if controller_of(pod).is_none() && is_active(pod) && selector.matches(pod) {
                let mut adopted = Value::clone(pod);
                let owners = &mut adopted["metadata"]["ownerReferences"];
                if owners.is_null() {
                    *owners = json!([]);
                }
                if let Some(owners) = owners.as_array_mut() {
                    owners.push(template::owner_reference(set));
                }
                changes.push(adopted);
            }
        }
    }
    for pod in changes {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let pod_key = Key::new(&key.namespace, &name);
        state.write_internal(&pods(), &pod_key, Subresource::Main, Some(pod));
    }
}

/// Creates what is missing or deletes what is too much; returns the first refusal.
fn scale(
    state: &mut State,
    set: &Value,
    key: &Key,
    owned: &[Arc<Value>],
    wanted: usize,
) -> Option<(&'static str, StatusError)> {
    if owned.len() < wanted {
        let pod = template::pod(set);
        for _ in 0..(wanted - owned.len()).min(BURST_MAX) {
            let target = Target {
                resource: &pods(),
                namespace: &key.namespace,
                name: "",
                subresource: Subresource::Main,
            };
            let payload = Payload::Json(pod.clone());
            if let Err(error) = state.internal(Verb::Create, target, payload, &[]) {
                // Nothing can be created there any more: that is no failure.
                if error.is_of_terminating_namespace() {
                    return None;
                }
                return Some(("FailedCreate", error));
            }
        }
    } else if owned.len() > wanted {
        let mut ranked = owned.to_vec();
        ranking::sort_for_deletion(&mut ranked, &related_pods(state, set), state.now());
        for pod in ranked.iter().take((owned.len() - wanted).min(BURST_MAX)) {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let pod_key = Key::new(&key.namespace, name);
            let uid = &pod["metadata"]["uid"];
            let options = Value::Object(Map::new());
            match state.delete_internal(&pods(), &pod_key, uid, options) {
                Err(error) if error.code != 404 => return Some(("FailedDelete", error)),
                _ => {}
            }
        }
    }
    None
}

/// Since when a pod is available, if it is or will be by waiting alone.
fn available_at(pod: &Value, min_ready_seconds: i64) -> Option<DateTime<Utc>> {
    let ready = condition(pod, "Ready").filter(|condition| condition["status"] == "True")?;
    Some(time(&ready["lastTransitionTime"])? + Duration::seconds(min_ready_seconds))
}

fn write_status(
    state: &mut State,
    set: &Value,
    key: &Key,
    owned: &[Arc<Value>],
    failure: Option<&(&'static str, StatusError)>,
) {
    let now = state.now();
    let min_ready = set["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
    let labels = &set["spec"]["template"]["metadata"]["labels"];
    let carries_labels = |pod: &Value| {
        labels.as_object().into_iter().flatten().all(|(k, v)| pod["metadata"]["labels"][k] == *v)
    };
    let times: Vec<DateTime<Utc>> =
        owned.iter().filter_map(|pod| available_at(pod, min_ready)).collect();
    // A timestamp is a whole second, rounded down: without a minimum a ready pod is available.
    let available = times.iter().filter(|at| min_ready == 0 || **at <= now).count();
    let mut status = Map::new();
    status.insert("replicas".into(), owned.len().into());
    for (field, count) in [
        ("fullyLabeledReplicas", owned.iter().filter(|pod| carries_labels(pod)).count()),
        ("readyReplicas", owned.iter().filter(|pod| is_ready(pod)).count()),
        ("availableReplicas", available),
    ] {
        if count > 0 {
            status.insert(field.into(), count.into());
        }
    }
    status.insert("observedGeneration".into(), set["metadata"]["generation"].clone());
    if let Some((reason, error)) = failure {
        let since = condition(set, "ReplicaFailure")
            .map_or_else(|| rfc3339(now).into(), |old| old["lastTransitionTime"].clone());
        status.insert(
            "conditions".into(),
            json!([{
                "type": "ReplicaFailure",
                "status": "True",
                "reason": reason,
                "message": error.message,
                "lastTransitionTime": since,
            }]),
        );
    }
    // The next pod to become available brings us back, whether or not anything changes by then.
    if min_ready > 0
        && let Some(next) = times.iter().filter(|at| **at > now).min()
    {
        let delay = until(state, *next);
        state.work.later(Work::ReplicaSet(key.clone()), delay);
    }
    let status = Value::Object(status);
    let Some(current) = state.store.get(&replica_sets(), key) else { return };
    if current["status"] == status {
        return;
    }
    let mut object = Value::clone(current);
    object["status"] = status;
    let target = Target {
        resource: &replica_sets(),
        namespace: &key.namespace,
        name: &key.name,
        subresource: Subresource::Status,
    };
    if state.internal(Verb::Update, target, Payload::Json(object), &[]).is_err() {
        state.work.later(Work::ReplicaSet(key.clone()), RETRY);
    }
}
