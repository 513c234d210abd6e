//! Whether an object is as the schema of its kind says: fields that there are, of types that fit.
//! The schemas are those of the CustomResourceDefinitions.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;
use sluice_crd::manifest::manifests;

use super::Kind;

/// Fields of `metadata`, which a CustomResourceDefinition does not describe.
const METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The schemas by kind. That they can be made is tested where the definitions are generated.
static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let all = manifests().unwrap_or_default().into_iter().map(|manifest| manifest.definition);
    let schema = |mut definition: Value| {
        let kind = definition["spec"]["names"]["kind"].as_str()?.to_owned();
        Some((kind, definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take()))
    };
    all.filter_map(schema).collect()
});

/// All that does not fit, each with its path, in the order of the paths.
pub(super) fn misfits(kind: Kind, object: &Value) -> Vec<String> {
    let Some(schema) = SCHEMAS.get(kind.as_str()) else { return Vec::new() };
    let mut found = Misfits(Vec::new());
    found.look(object, schema, "");
    let unknown = object["metadata"].as_object().into_iter().flat_map(|fields| fields.keys());
    for field in unknown.filter(|field| !METADATA.contains(&field.as_str())) {
        found.add(&format!("metadata.{field}"), "unknown field");
    }
    found.0.sort();
    found.0
}

struct Misfits(Vec<String>);

impl Misfits {
    fn add(&mut self, path: &str, problem: &str) {
        self.0.push(format!("{path}: {problem}"));
    }

    fn look(&mut self, value: &Value, schema: &Value, path: &str) {
        // A null is an absent field to the API server.
        if value.is_null() {
            return;
        }
        if let Some(wanted) = wanted(value, schema) {
            return self.add(path, &format!("is {}, must be {wanted}", described(value)));
        }
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let at = join(path, name);
                    let known = schema["properties"].get(name);
                    match known.or_else(|| schema.get("additionalProperties")) {
                        Some(known) => self.look(field, known, &at),
                        None if is_open(schema, path) => {}
                        None => self.add(&at, "unknown field"),
                    }
                }
                let required = schema["required"].as_array().into_iter().flatten();
                for name in required.filter_map(Value::as_str) {
                    if fields.get(name).is_none_or(Value::is_null) {
                        self.add(&join(path, name), "is missing");
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.look(item, schema, &format!("{path}[{index}]"));
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Whether an object may hold what is not described.
fn is_open(schema: &Value, path: &str) -> bool {
    path == "metadata" || schema["x-kubernetes-preserve-unknown-fields"] == true
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// What a value should be, where it is something else.
fn wanted(value: &Value, schema: &Value) -> Option<&'static str> {
    if schema["x-kubernetes-int-or-string"] == true {
        let fits = value.is_string() || is_whole(value);
        return (!fits).then_some("a whole number or a text");
    }
    let (fits, wanted) = match schema["type"].as_str()? {
        "string" => (value.is_string(), "a text"),
        "integer" => (is_whole(value), "a whole number"),
        "number" => (value.is_number(), "a number"),
        "boolean" => (value.is_boolean(), "true or false"),
        "array" => (value.is_array(), "a list"),
        "object" => (value.is_object(), "an object"),
        _ => return None,
    };
    (!fits).then_some(wanted)
}

/// Also `3.0`, which JSON takes for a whole number.
fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
