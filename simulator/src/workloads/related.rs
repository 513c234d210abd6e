//! What a change means for objects that are related to the changed one by nothing but a selector, or
//! by the owner of its owner.

use serde_json::Value;
use std::sync::Arc;

use super::queue::Work;
use super::{controller_of, is_ready, pods};
use crate::api::evict::covers;
use crate::kinds::GroupResource;
use crate::selector::LabelSelector;
use crate::store::{Change, Key, Store};

/// The work that a change makes in its surroundings.
pub(crate) fn related(store: &Store, change: &Change) -> Vec<Work> {
    match (change.resource.group.as_str(), change.resource.resource.as_str()) {
        ("", "pods") => of_pod(store, change),
        ("apps", "replicasets") => of_replica_set(store, change),
        // A budget counts pods by what their controller is asked for.
        ("apps", "deployments") => all(store, change, &budgets(), Work::Budget),
        _ => Vec::new(),
    }
}

fn budgets() -> GroupResource {
    GroupResource::new("policy", "poddisruptionbudgets")
}

fn quotas() -> GroupResource {
    GroupResource::new("", "resourcequotas")
}

fn sides(change: &Change) -> impl Iterator<Item = &Value> {
    let after = (!change.deleted).then_some(change.object.as_ref());
    change.before.as_deref().into_iter().chain(after)
}

/// Everything of a resource in the namespace of the change.
fn all(
    store: &Store,
    change: &Change,
    resource: &GroupResource,
    work: fn(Key) -> Work,
) -> Vec<Work> {
    store.list(resource, &change.key.namespace).map(|(key, _)| work(key.clone())).collect()
}

fn of_replica_set(store: &Store, change: &Change) -> Vec<Work> {
    let mut out = all(store, change, &budgets(), Work::Budget);
    if change.deleted || change.before.is_none() {
        out.extend(all(store, change, &quotas(), Work::Quota));
    }
    for set in sides(change) {
        match controller_of(set) {
            Some(owner) => out.extend(deployment_of(owner, &change.key.namespace)),
            // Any Deployment of the namespace may want to adopt it.
            None => {
                let deployments = GroupResource::new("apps", "deployments");
                out.extend(all(store, change, &deployments, Work::Deployment));
            }
        }
    }
    out
}

fn deployment_of(owner: &Value, namespace: &str) -> Option<Work> {
    let name = owner["name"].as_str()?;
    (owner["kind"] == "Deployment").then(|| Work::Deployment(Key::new(namespace, name)))
}

/// What of a pod others go by.
fn shown(pod: &Value) -> (&Value, &Value, &Value, &Value, bool, bool) {
    let (metadata, spec, status) = (&pod["metadata"], &pod["spec"], &pod["status"]);
    let going = !metadata["deletionTimestamp"].is_null();
    (
        &metadata["labels"],
        &spec["nodeName"],
        &status["podIP"],
        &status["phase"],
        is_ready(pod),
        going,
    )
}

fn of_pod(store: &Store, change: &Change) -> Vec<Work> {
    let namespace = &change.key.namespace;
    let before = change.before.as_deref();
    if !change.deleted && before.is_some_and(|before| shown(before) == shown(&change.object)) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for (key, service) in store.list(&GroupResource::new("", "services"), namespace) {
        if sides(change).any(|pod| selects(service, pod)) {
            out.push(Work::Endpoints(key.clone()));
        }
    }
    for (key, budget) in store.list(&budgets(), namespace) {
        if sides(change).any(|pod| covers(budget, pod)) {
            out.push(Work::Budget(key.clone()));
        }
    }
    out.extend(all(store, change, &quotas(), Work::Quota));
    if change.deleted {
        // A Deployment that recreates its pods waits until the old ones are gone.
        let sets = GroupResource::new("apps", "replicasets");
        let set = controller_of(&change.object)
            .filter(|owner| owner["kind"] == "ReplicaSet")
            .and_then(|owner| store.get(&sets, &Key::new(namespace, owner["name"].as_str()?)));
        out.extend(
            set.and_then(|set| controller_of(set))
                .and_then(|owner| deployment_of(owner, namespace)),
        );
    }
    out
}

/// Whether a Service selects a pod. One without selector selects none.
pub(super) fn selects(service: &Value, pod: &Value) -> bool {
    let labels = &pod["metadata"]["labels"];
    service["spec"]["selector"]
        .as_object()
        .is_some_and(|selector| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
}

/// The pods of a namespace that a label selector takes, in name order.
pub(super) fn selected_pods(
    store: &Store,
    namespace: &str,
    selector: &LabelSelector,
) -> Vec<Arc<Value>> {
    let all = store.list(&pods(), namespace).map(|(_, pod)| pod);
    all.filter(|pod| selector.matches(pod)).cloned().collect()
}
