//! What k8s-openapi does not say of Kubernetes' own types: a table taken from an API server.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::schema::SchemaError;

/// Of the fields in this table, those whose keys could be left out. A custom resource would need
/// a default of `""` for them, which would then be written into stored objects.
const WITHOUT_KEYS: [(&str, &str); 1] = [("io.k8s.api.core.v1.PodSpec", "imagePullSecrets")];

const CONTAINER_PORT: &str = "io.k8s.api.core.v1.ContainerPort";

#[derive(Deserialize)]
struct Table {
    fields: BTreeMap<String, BTreeMap<String, Merge>>,
    #[serde(rename = "atomicTypes")]
    atomic_types: BTreeSet<String>,
    #[serde(rename = "namesWithDefault")]
    names_with_default: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    /// A list of objects with these keys.
    Keys(Vec<String>),
    /// `atomic` or `set`.
    Kind(String),
}

/// The table.
pub(super) struct Builtin(Table);

impl Builtin {
    pub(super) fn load() -> Result<Self, SchemaError> {
        serde_json::from_str(include_str!("builtin-types.json"))
            .map(Self)
            .map_err(SchemaError::Table)
    }

    /// Amends the schema of the type `name`: how it and its properties are merged, and what may be
    /// left out.
    pub(super) fn amend(&self, name: &str, schema: &mut Value) {
        if self.0.names_with_default.contains(name) {
            let required = schema.get_mut("required").and_then(Value::as_array_mut);
            let is_empty = required.is_some_and(|required| {
                required.retain(|field| field != "name");
                required.is_empty()
            });
            if let Some(schema) = schema.as_object_mut().filter(|_| is_empty) {
                schema.remove("required");
            }
        }
        if name == CONTAINER_PORT {
            // A key of a list has to have a value.
            schema["properties"]["protocol"]["default"] = json!("TCP");
        }
        if self.0.atomic_types.contains(name) {
            schema["x-kubernetes-map-type"] = json!("atomic");
        }
        for (field, merge) in self.0.fields.get(name).into_iter().flatten() {
            if WITHOUT_KEYS.contains(&(name, field.as_str())) {
                continue;
            }
            let Some(property) = schema["properties"].get_mut(field) else { continue };
            match merge {
                Merge::Keys(keys) => {
                    property["x-kubernetes-list-type"] = json!("map");
                    property["x-kubernetes-list-map-keys"] = json!(keys);
                }
                Merge::Kind(kind) if property["type"] == "array" => {
                    property["x-kubernetes-list-type"] = json!(kind);
                }
                Merge::Kind(kind) => property["x-kubernetes-map-type"] = json!(kind),
            }
        }
    }
}
