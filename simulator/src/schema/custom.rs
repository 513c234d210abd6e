//! What the API server does to a custom resource before it validates it: unknown fields are
//! pruned, defaults are filled in, nulls that the schema does not allow are dropped.

use serde_json::Value;

use super::{FieldPath, Schema};

const META_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Removes what the schema does not know; returns the paths of it, sorted.
pub(crate) fn prune(object: &mut Value, schema: &Schema) -> Vec<String> {
    let mut unknown = Vec::new();
    prune_node(object, Some(schema), &FieldPath::root(), true, &mut unknown);
    unknown.sort();
    unknown
}

fn prune_node(
    value: &mut Value,
    schema: Option<&Schema>,
    path: &FieldPath,
    root: bool,
    unknown: &mut Vec<String>,
) {
    match value {
        Value::Object(map) => {
            let embedded = root || schema.is_some_and(|schema| schema.embedded);
            map.retain(|key, child| {
                if embedded && META_FIELDS.contains(&key.as_str()) {
                    return true;
                }
                let known = schema
                    .and_then(|schema| schema.properties.get(key).or(schema.additional.as_ref()));
                match known {
                    Some(known) => {
                        prune_node(child, Some(known), &path.child(key), false, unknown);
                        true
                    }
                    None if schema.is_some_and(|schema| schema.preserve_unknown) => true,
                    None => {
                        unknown.push(path.child(key).as_str().to_owned());
                        false
                    }
                }
            });
        }
        Value::Array(items) => {
            let child = schema.and_then(|schema| schema.items.as_deref());
            // A list inside a preserved tree has no schema and is kept whole.
            if child.is_none() && schema.is_some_and(|schema| schema.preserve_unknown) {
                return;
            }
            for (index, item) in items.iter_mut().enumerate() {
                prune_node(item, child, &path.index(index), false, unknown);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Fills in the defaults of absent fields, and of nulls that the schema does not allow.
pub(crate) fn fill_defaults(value: &mut Value, schema: &Schema) {
    match value {
        Value::Object(map) => {
            for (name, property) in &schema.properties {
                let Some(default) = &property.default else { continue };
                match map.get(name) {
                    Some(Value::Null) if property.nullable => {}
                    None | Some(Value::Null) => {
                        map.insert(name.clone(), default.clone());
                    }
                    Some(_) => {}
                }
            }
            for (key, child) in map.iter_mut() {
                let known = schema.properties.get(key).or(schema.additional.as_ref());
                if let Some(known) = known {
                    fill_defaults(child, known);
                }
            }
        }
        Value::Array(items) => {
            if let Some(known) = &schema.items {
                for item in items {
                    fill_defaults(item, known);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Drops nulls of fields that are not nullable: they mean "absent".
pub(crate) fn drop_nulls(value: &mut Value, schema: &Schema) {
    match value {
        Value::Object(map) => {
            map.retain(|key, child| {
                let known = schema.properties.get(key).or(schema.additional.as_ref());
                let Some(known) = known else { return true };
                // A null map entry is an error of its own, not an absent field.
                if child.is_null() && !known.nullable && schema.properties.contains_key(key) {
                    return false;
                }
                drop_nulls(child, known);
                true
            });
        }
        Value::Array(items) => {
            if let Some(known) = &schema.items {
                for item in items {
                    drop_nulls(item, known);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::from_crd;
    use serde_json::json;

    fn schema(source: Value) -> std::sync::Arc<Schema> {
        from_crd(&source).unwrap().0
    }

    #[test]
    fn unknown_fields_are_pruned_and_named() {
        let schema = schema(json!({"type": "object", "properties": {"spec": {
            "type": "object",
            "properties": {
                "a": {"type": "string"},
                "list": {"type": "array", "items": {
                    "type": "object", "properties": {"x": {"type": "integer"}},
                }},
                "map": {"type": "object", "additionalProperties": {"type": "string"}},
                "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            },
        }}}));
        let mut object = json!({
            "apiVersion": "g/v1", "kind": "K", "metadata": {"name": "n"}, "extra": 1,
            "spec": {"a": "1", "b": 2, "list": [{"x": 1, "y": 2}], "map": {"any": "v"},
                     "open": {"deep": [{"z": 1}]}},
        });
        let unknown = prune(&mut object, &schema);
        assert_eq!(unknown, ["extra", "spec.b", "spec.list[0].y"]);
        assert_eq!(
            object["spec"],
            json!({"a": "1", "list": [{"x": 1}], "map": {"any": "v"}, "open": {"deep": [{"z": 1}]}})
        );
    }

    #[test]
    fn defaults_and_nulls() {
        let schema = schema(json!({"type": "object", "properties": {
            "a": {"type": "integer", "default": 3},
            "b": {"type": "integer", "default": 4, "nullable": true},
            "c": {"type": "integer"},
            "d": {"type": "object", "properties": {"e": {"type": "string", "default": "x"}}},
        }}));
        let mut object = json!({"a": null, "b": null, "c": null, "d": {}});
        fill_defaults(&mut object, &schema);
        drop_nulls(&mut object, &schema);
        assert_eq!(object, json!({"a": 3, "b": null, "d": {"e": "x"}}));
    }
}
