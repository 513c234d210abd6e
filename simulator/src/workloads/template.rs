//! The pod that a workload's template describes.

use serde_json::{Map, Value, json};

/// The reference to the workload in what it controls.
pub(super) fn owner_reference(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// A new pod of a ReplicaSet or a Job.
pub(super) fn pod(owner: &Value) -> Value {
    let template = &owner["spec"]["template"];
    let name = owner["metadata"]["name"].as_str().unwrap_or_default();
    let mut metadata = Map::new();
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template["metadata"].get(field) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    metadata.insert("generateName".into(), format!("{name}-").into());
    metadata.insert("ownerReferences".into(), json!([owner_reference(owner)]));
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": template["spec"],
    })
}
