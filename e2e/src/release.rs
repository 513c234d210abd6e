//! A release, from the change of a Rollout to the pods that have it.

use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::controlplane::{wait_for, wait_for_all};
use crate::loopback::DEADLINE;

/// The Rollouts of a namespace.
#[must_use]
pub fn rollouts(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Rollout");
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk(&kind))
}

/// Applies a Rollout and waits until a controller calls it healthy, and until pods with its
/// template are available, as many as it wants.
///
/// # Errors
///
/// Says what was refused, or what did not come.
pub async fn rolls(client: &Client, namespace: &str, rollout: &Value) -> Result<(), String> {
    let rollouts = rollouts(client, namespace);
    let name = rollout["metadata"]["name"].as_str().unwrap_or_default();
    let params = PatchParams::apply("a-user");
    let applied = rollouts.patch(name, &params, &Patch::Apply(rollout)).await;
    let generation = applied.map_err(|e| e.to_string())?.metadata.generation.unwrap_or_default();
    let generation = generation.to_string();
    let is_healthy = |rollout: &DynamicObject| {
        let status = &rollout.data["status"];
        let seen = status["observedGeneration"].as_str() == Some(&generation);
        (seen && status["phase"] == "Healthy").then_some(())
    };
    wait_for(&rollouts, name, DEADLINE, is_healthy).await.map_err(|e| e.to_string())?;

    let container = |template: &Value| template["spec"]["containers"][0]["image"].clone();
    let image = container(&rollout["spec"]["template"]);
    let serves = |set: &ReplicaSet| {
        let available = set.status.as_ref().and_then(|status| status.available_replicas);
        container(&json!(set)["spec"]["template"]) == image
            && json!(available) == rollout["spec"]["replicas"]
    };
    let sets: Api<ReplicaSet> = Api::namespaced(client.clone(), namespace);
    let found = wait_for_all(&sets, watcher::Config::default(), DEADLINE, |sets| {
        sets.values().any(&serves).then_some(())
    });
    found.await.map_err(|e| e.to_string())
}
