//! Reading built-in kinds as the API server does: into Go structs and back. Unknown fields fall
//! away, nulls and empty optional collections too, quantities take their canonical form.

use serde_json::{Map, Value};

use super::{FieldPath, Schema, Type, formats};
use crate::status_error::go_quote;
use sluice_crd::quantity::Quantity;

/// Passes a value through its Go type. Unknown fields are collected into `unknown` by path.
///
/// # Errors
/// The decoding error in Go's words.
pub(crate) fn decode(
    value: Value,
    schema: &Schema,
    unknown: &mut Vec<String>,
) -> Result<Value, String> {
    let place = Place { owner: &schema.go_name, go_path: String::new(), path: FieldPath::root() };
    decode_node(value, schema, &place, unknown)
}

struct Place<'a> {
    /// The innermost struct, by its Go name.
    owner: &'a str,
    /// Field names without list indexes: how Go prints paths.
    go_path: String,
    path: FieldPath,
}

impl<'a> Place<'a> {
    fn child(&self, owner: &'a str, name: &str) -> Place<'a> {
        let go_path = match self.go_path.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.go_path),
        };
        Place { owner, go_path, path: self.path.child(name) }
    }

    fn item(&self, index: usize) -> Place<'a> {
        Place { owner: self.owner, go_path: self.go_path.clone(), path: self.path.index(index) }
    }
}

fn decode_node(
    value: Value,
    schema: &Schema,
    place: &Place<'_>,
    unknown: &mut Vec<String>,
) -> Result<Value, String> {
    if schema.go_name == "Quantity" {
        return match Quantity::from_json(&value) {
            Ok(quantity) => Ok(Value::String(quantity.to_string())),
            Err(_) => Err("quantities must match the regular expression \
                         '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                .to_owned()),
        };
    }
    match (value, schema.ty) {
        (Value::Object(map), Some(Type::Object) | None) => {
            decode_object(map, schema, place, unknown)
        }
        (Value::Array(items), Some(Type::Array) | None) => {
            let Some(known) = &schema.items else { return Ok(Value::Array(items)) };
            let mut decoded = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                decoded.push(decode_node(item, known, &place.item(index), unknown)?);
            }
            Ok(Value::Array(decoded))
        }
        (value @ Value::String(_), None) if schema.int_or_string => Ok(value),
        (Value::Number(number), None) if schema.int_or_string => {
            integer(&number).ok_or_else(|| mismatch(&Value::Number(number), schema, place))
        }
        (value, None) if schema.int_or_string => Err(mismatch(&value, schema, place)),
        (Value::Number(number), Some(Type::Integer)) => {
            integer(&number).ok_or_else(|| mismatch(&Value::Number(number), schema, place))
        }
        (Value::String(text), Some(Type::String)) => {
            if schema.format == "date-time" && !formats::accepts("date-time", &text) {
                let quoted = go_quote(&text);
                return Err(format!(
                    "parsing time {quoted} as \"2006-01-02T15:04:05Z07:00\": cannot parse {quoted} \
                     as \"2006\"",
                ));
            }
            if schema.format == "byte" && !formats::accepts("byte", &text) {
                return Err("illegal base64 data at input byte 0".to_owned());
            }
            Ok(Value::String(text))
        }
        (value @ Value::Bool(_), Some(Type::Boolean))
        | (value @ Value::Number(_), Some(Type::Number))
        | (value @ Value::Null, _)
        | (value, None) => Ok(value),
        (value, Some(_)) => Err(mismatch(&value, schema, place)),
    }
}

fn decode_object(
    map: Map<String, Value>,
    schema: &Schema,
    place: &Place<'_>,
    unknown: &mut Vec<String>,
) -> Result<Value, String> {
    let mut decoded = Map::new();
    for (key, value) in map {
        if let Some(known) = schema.properties.get(&key) {
            let value = decode_node(value, known, &place.child(&schema.go_name, &key), unknown)?;
            let kept = schema.required.contains(&key) || is_pointer(schema, &key);
            if !is_omitted(&value, known, kept) {
                decoded.insert(key, value);
            }
        } else if let Some(known) = &schema.additional {
            let value = decode_node(value, known, &place.child(place.owner, &key), unknown)?;
            let value = if value.is_null() { zero(known) } else { value };
            decoded.insert(key, value);
        } else if schema.properties.is_empty() {
            // An open object, such as a raw extension.
            decoded.insert(key, value);
        } else {
            unknown.push(place.child(place.owner, &key).path.as_str().to_owned());
        }
    }
    Ok(Value::Object(decoded))
}

/// Strings that are pointers in Go: an empty one is a value.
const POINTERS: [(&str, &str); 7] = [
    ("EndpointPort", "name"),
    ("GRPCAction", "service"),
    ("HostPathVolumeSource", "type"),
    ("IngressSpec", "ingressClassName"),
    ("LeaseSpec", "holderIdentity"),
    ("ServicePort", "appProtocol"),
    ("ServiceSpec", "loadBalancerClass"),
];

fn is_pointer(owner: &Schema, field: &str) -> bool {
    POINTERS.contains(&(owner.go_name.as_str(), field))
}

/// Whether Go's `omitempty` would leave the field out. Numbers and booleans stay: most of them are
/// pointers, which keep an explicit zero.
fn is_omitted(value: &Value, schema: &Schema, kept: bool) -> bool {
    match value {
        Value::Null => true,
        _ if kept => false,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty() && schema.additional.is_some(),
        Value::String(text) => text.is_empty() && schema.format.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn zero(schema: &Schema) -> Value {
    match schema.ty {
        Some(Type::String) => Value::from(""),
        Some(Type::Integer | Type::Number) => Value::from(0),
        Some(Type::Boolean) => Value::from(false),
        Some(Type::Object | Type::Array) | None => Value::Null,
    }
}

fn integer(number: &serde_json::Number) -> Option<Value> {
    if number.is_i64() || number.is_u64() {
        return Some(Value::Number(number.clone()));
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
    // Beyond 2^53 a float is no exact integer.
    (float.abs() <= 9_007_199_254_740_992.0).then(|| Value::from(float as i64))
}

fn mismatch(value: &Value, schema: &Schema, place: &Place<'_>) -> String {
    let found = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(number) if number.is_f64() => format!("number {number}"),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    };
    let wanted = go_type(schema);
    if place.go_path.is_empty() {
        return format!("json: cannot unmarshal {found} into Go value of type {wanted}");
    }
    let (owner, path) = (place.owner, &place.go_path);
    format!("json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {wanted}")
}

fn go_type(schema: &Schema) -> String {
    if schema.int_or_string {
        return "intstr.IntOrString".to_owned();
    }
    match schema.ty {
        Some(Type::Integer) if schema.format.is_empty() => "int64".to_owned(),
        Some(Type::Integer) => schema.format.clone(),
        Some(Type::Number) => "float64".to_owned(),
        Some(Type::Boolean) => "bool".to_owned(),
        Some(Type::String) => "string".to_owned(),
        Some(Type::Array) => {
            format!("[]{}", schema.items.as_deref().map_or_else(String::new, go_type))
        }
        Some(Type::Object) | None => match &schema.additional {
            Some(values) => format!("map[string]{}", go_type(values)),
            None => format!("v1.{}", schema.go_name),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::GroupResource;
    use crate::kinds::builtin::builtin_kinds;
    use serde_json::json;

    fn replica_set(object: Value) -> (Result<Value, String>, Vec<String>) {
        let kinds = builtin_kinds();
        let kind = &kinds[&GroupResource::new("apps", "replicasets")];
        let mut unknown = Vec::new();
        (decode(object, &kind.schema, &mut unknown), unknown)
    }

    #[test]
    fn go_round_trip() {
        let (decoded, unknown) = replica_set(json!({
            "metadata": {"name": "x", "labels": {}, "ownerReferences": null},
            "spec": {"replicas": 0, "paused": true, "selector": {"matchLabels": {"a": "b"}},
                "template": {"spec": {"nodeName": "", "volumes": [{"name": "v", "emptyDir": {}}],
                    "containers": [{"name": "c", "what": 1,
                        "resources": {"requests": {"cpu": 0.5}}}]}}},
        }));
        assert_eq!(
            decoded.unwrap(),
            json!({
                "metadata": {"name": "x"},
                "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}},
                    "template": {"spec": {"volumes": [{"name": "v", "emptyDir": {}}],
                        "containers": [{"name": "c",
                            "resources": {"requests": {"cpu": "500m"}}}]}}},
            })
        );
        assert_eq!(unknown, ["spec.paused", "spec.template.spec.containers[0].what"]);
    }

    #[test]
    fn go_type_errors() {
        let (decoded, _) = replica_set(json!({"spec": {"replicas": "3"}}));
        assert_eq!(
            decoded.unwrap_err(),
            "json: cannot unmarshal string into Go struct field ReplicaSetSpec.spec.replicas of \
             type int32"
        );
        let containers = json!([{"name": 1}]);
        let (decoded, _) =
            replica_set(json!({"spec": {"template": {"spec": {"containers": containers}}}}));
        assert_eq!(
            decoded.unwrap_err(),
            "json: cannot unmarshal number into Go struct field \
             Container.spec.template.spec.containers.name of type string"
        );
    }
}
