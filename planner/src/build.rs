//! The ReplicaSet of a revision, as it is sent to the API server.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sluice_crd::identity::inject_anti_affinity;

use crate::ephemeral;
use crate::names::{DESIRED_REPLICAS, HASH_LABEL, NOT_INHERITED, REVISION, TEMPLATE_DIGEST};
use crate::quantity::Pods;
use crate::release::{Release, Strategy};
use crate::snapshot::RolloutRecord;

/// The annotations that a ReplicaSet of this Rollout inherits.
pub(crate) fn inherited(rollout: &RolloutRecord) -> BTreeMap<String, String> {
    rollout
        .annotations
        .iter()
        .filter(|(key, _)| !NOT_INHERITED.contains(key))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// What a new ReplicaSet is made from.
#[derive(Debug)]
pub(crate) struct Blueprint<'a> {
    pub(crate) release: &'a Release<'a>,
    pub(crate) name: &'a str,
    pub(crate) hash: &'a str,
    /// The pods that it begins with.
    pub(crate) pods: Pods,
}

/// The object: template and selector of the Rollout, the hash added to both.
pub(crate) fn replica_set(blueprint: &Blueprint<'_>) -> Value {
    let Blueprint { release, name, hash, pods } = *blueprint;
    let rollout = release.rollout;
    let mut template =
        rollout.spec.template.as_ref().map_or_else(|| json!({}), |template| template.to_value());
    set_label(&mut template, hash);
    inject(release, &mut template, hash);
    let labels = template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));

    let mut selector = serde_json::to_value(&rollout.spec.selector).unwrap_or(Value::Null);
    if !selector.is_object() {
        selector = json!({});
    }
    let match_labels = selector
        .as_object_mut()
        .map(|s| s.entry("matchLabels").or_insert_with(|| Value::Object(Map::new())));
    if let Some(Value::Object(match_labels)) = match_labels {
        match_labels.insert(HASH_LABEL.to_owned(), Value::from(hash));
    }

    let mut annotations = inherited(rollout);
    annotations.insert(REVISION.to_owned(), release.revision.to_string());
    annotations.insert(DESIRED_REPLICAS.to_owned(), release.replicas.to_string());
    annotations.insert(TEMPLATE_DIGEST.to_owned(), release.digest.to_string());
    ephemeral::dress(release, hash, &mut template, &mut annotations);

    let mut spec = json!({
        "replicas": pods.to_i32(),
        "selector": selector,
        "template": template,
    });
    if rollout.spec.min_ready_seconds != 0 {
        spec["minReadySeconds"] = Value::from(rollout.spec.min_ready_seconds);
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": rollout.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner_reference(rollout)],
        },
        "spec": spec,
    })
}

/// A version that comes beside a stable one keeps away from its nodes, if its Rollout wants that. What
/// exists is not changed when that version is stable itself.
fn inject(release: &Release<'_>, template: &mut Value, hash: &str) {
    let anti_affinity = match release.strategy {
        Strategy::Canary(canary) => &canary.anti_affinity,
        Strategy::BlueGreen(blue_green) => &blue_green.anti_affinity,
    };
    let stable = release.stable.as_ref().filter(|stable| stable.hash != hash);
    if let (Some(how), Some(stable)) = (anti_affinity, stable) {
        inject_anti_affinity(template, how, &stable.hash);
    }
}

/// What makes an object one of this Rollout's.
pub fn owner_reference(rollout: &RolloutRecord) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "name": rollout.name,
        "uid": rollout.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

fn set_label(template: &mut Value, hash: &str) {
    let Value::Object(template) = template else { return };
    let metadata = template.entry("metadata").or_insert_with(|| json!({}));
    if !metadata.is_object() {
        *metadata = json!({});
    }
    let labels = &mut metadata["labels"];
    if !labels.is_object() {
        *labels = json!({});
    }
    labels[HASH_LABEL] = Value::from(hash);
}
