//! Validation of custom resources against their schema, with the wording of kube-openapi.

use serde_json::{Number, Value};

use super::{Bound, FieldPath, Schema, Type, formats};
use crate::status_error::FieldError;

/// All that is wrong with a value. `path` is where it stands in the object.
pub(crate) fn validate(
    value: &Value,
    schema: &Schema,
    path: &FieldPath,
    errors: &mut Vec<FieldError>,
) {
    if value.is_null() && schema.nullable {
        return;
    }
    if !type_matches(value, schema) {
        errors.push(wrong_type(value, schema, path));
        return;
    }
    combinations(value, schema, path, errors);
    match value {
        Value::String(text) => check_string(text, schema, path, errors),
        Value::Number(number) => check_number(number, schema, path, errors),
        Value::Array(items) => check_array(items, schema, path, errors),
        Value::Object(map) => {
            check_count(map.len(), schema, path, errors);
            for name in &schema.required {
                if !map.contains_key(name) {
                    errors.push(FieldError::required(path.child(name).as_str(), ""));
                }
            }
            for (key, child) in map {
                let known = schema.properties.get(key).or(schema.additional.as_ref());
                if let Some(known) = known {
                    validate(child, known, &path.child(key), errors);
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    if !schema.allowed.is_empty() && !schema.allowed.contains(value) {
        let allowed: Vec<String> = schema
            .allowed
            .iter()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect();
        errors.push(FieldError::not_supported(path.as_str(), value, &allowed));
    }
}

/// The transition rules `self == oldSelf`; they bind only where the field existed before.
pub(crate) fn transitions(
    value: &Value,
    old: &Value,
    schema: &Schema,
    path: &FieldPath,
    errors: &mut Vec<FieldError>,
) {
    for message in &schema.immutable {
        if value != old {
            // The server prints the type in the place of the value.
            errors.push(FieldError::invalid(path.as_str(), &type_name(value).into(), message));
        }
    }
    // Items of lists are not correlated: no rule in use needs it.
    if let (Value::Object(map), Value::Object(old_map)) = (value, old) {
        for (key, child) in map {
            let known = schema.properties.get(key).or(schema.additional.as_ref());
            if let (Some(known), Some(old_child)) = (known, old_map.get(key)) {
                transitions(child, old_child, known, &path.child(key), errors);
            }
        }
    }
}

fn is_integral(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|f| f.fract() == 0.0)
}

fn type_matches(value: &Value, schema: &Schema) -> bool {
    if schema.int_or_string {
        return match value {
            Value::String(_) => true,
            Value::Number(number) => is_integral(number),
            _ => false,
        };
    }
    let Some(ty) = schema.ty else { return true };
    match (ty, value) {
        (Type::Object, Value::Object(_))
        | (Type::Array, Value::Array(_))
        | (Type::String, Value::String(_))
        | (Type::Number, Value::Number(_))
        | (Type::Boolean, Value::Bool(_)) => true,
        (Type::Integer, Value::Number(number)) => is_integral(number),
        _ => false,
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn wrong_type(value: &Value, schema: &Schema, path: &FieldPath) -> FieldError {
    let wanted = match (schema.int_or_string, schema.ty) {
        (true, _) | (false, None) => "integer,string",
        (false, Some(ty)) => ty.name(),
    };
    let found = type_name(value);
    let detail = format!("{} in body must be of type {wanted}: \"{found}\"", path.as_str());
    FieldError::type_invalid(path.as_str(), &Value::from(found), &detail)
}

fn in_body(path: &FieldPath, rest: &str) -> String {
    format!("{} in body {rest}", path.as_str())
}

fn check_string(text: &str, schema: &Schema, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let length = text.chars().count() as u64;
    let value = || Value::from(text);
    if let Some(max) = schema.length.max.filter(|max| length > *max) {
        errors.push(FieldError::too_long(path.as_str(), max));
    }
    if let Some(min) = schema.length.min.filter(|min| length < *min) {
        let detail = in_body(path, &format!("should be at least {min} chars long"));
        errors.push(FieldError::invalid(path.as_str(), &value(), &detail));
    }
    if let Some(pattern) = schema.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
        let detail = in_body(path, &format!("should match '{}'", pattern.as_str()));
        errors.push(FieldError::invalid(path.as_str(), &value(), &detail));
    }
    if !formats::accepts(&schema.format, text) {
        let format = &schema.format;
        let detail = in_body(path, &format!("must be of type {format}: {text:?}"));
        errors.push(FieldError::type_invalid(path.as_str(), &value(), &detail));
    }
}

fn check_number(number: &Number, schema: &Schema, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let Some(value) = number.as_f64() else { return };
    let mut refuse = |rest: String| {
        let detail = in_body(path, &rest);
        errors.push(FieldError::invalid(path.as_str(), &Value::Number(number.clone()), &detail));
    };
    if let Some(Bound { value: min, exclusive }) = schema.minimum {
        if exclusive && value <= min {
            refuse(format!("should be greater than {min}"));
        } else if value < min {
            refuse(format!("should be greater than or equal to {min}"));
        }
    }
    if let Some(Bound { value: max, exclusive }) = schema.maximum {
        if exclusive && value >= max {
            refuse(format!("should be less than {max}"));
        } else if value > max {
            refuse(format!("should be less than or equal to {max}"));
        }
    }
    if let Some(step) = schema.multiple_of.filter(|step| *step > 0.0 && value % step != 0.0) {
        refuse(format!("should be a multiple of {step}"));
    }
}

fn check_array(items: &[Value], schema: &Schema, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let count = items.len() as u64;
    if let Some(max) = schema.item_count.max.filter(|max| count > *max) {
        errors.push(FieldError::too_many(path.as_str(), items.len(), max));
    }
    if let Some(min) = schema.item_count.min.filter(|min| count < *min) {
        let detail = in_body(path, &format!("should have at least {min} items"));
        errors.push(FieldError::invalid(path.as_str(), &Value::from(count), &detail));
    }
    let repeated = |(index, item): (usize, &Value)| items[..index].contains(item);
    if schema.unique_items && items.iter().enumerate().any(repeated) {
        let detail = in_body(path, "shouldn't contain duplicates");
        errors.push(FieldError::invalid(path.as_str(), &Value::from(items), &detail));
    }
    if let Some(known) = &schema.items {
        for (index, item) in items.iter().enumerate() {
            validate(item, known, &path.index(index), errors);
        }
    }
}

fn check_count(count: usize, schema: &Schema, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let limits = schema.property_count;
    if let Some(max) = limits.max.filter(|max| count as u64 > *max) {
        errors.push(FieldError::too_many(path.as_str(), count, max));
    }
    if let Some(min) = limits.min.filter(|min| (count as u64) < *min) {
        let detail = in_body(path, &format!("should have at least {min} properties"));
        errors.push(FieldError::invalid(path.as_str(), &Value::from(count), &detail));
    }
}

fn combinations(value: &Value, schema: &Schema, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let passes = |alternative: &Schema| {
        let mut found = Vec::new();
        validate(value, alternative, path, &mut found);
        found.is_empty()
    };
    let refuse = |errors: &mut Vec<FieldError>, rest: &str| {
        let subject = path.as_str();
        let detail = format!("{:?} must validate {rest}", subject);
        errors.push(FieldError::invalid(subject, &Value::from(""), &detail));
    };
    if !schema.any_of.is_empty() && !schema.any_of.iter().any(|schema| passes(schema)) {
        refuse(errors, "at least one schema (anyOf)");
    }
    if !schema.one_of.is_empty() {
        match schema.one_of.iter().filter(|schema| passes(schema)).count() {
            1 => {}
            0 => refuse(errors, "one and only one schema (oneOf). Found none valid"),
            many => {
                let rest =
                    format!("one and only one schema (oneOf). Found {many} valid alternatives");
                refuse(errors, &rest);
            }
        }
    }
    for part in &schema.all_of {
        validate(value, part, path, errors);
    }
    if schema.not.as_ref().is_some_and(|schema| passes(schema)) {
        let detail = format!("{:?} must not validate the schema (not)", path.as_str());
        errors.push(FieldError::invalid(path.as_str(), &Value::from(""), &detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::from_crd;
    use serde_json::json;

    fn problems(schema: Value, value: Value) -> Vec<String> {
        let schema = from_crd(&schema).unwrap().0;
        let mut errors = Vec::new();
        validate(&value, &schema, &FieldPath::root().child("spec"), &mut errors);
        errors.into_iter().map(|error| format!("{}: {}", error.field, error.body)).collect()
    }

    #[test]
    fn wording() {
        let schema = json!({"type": "object", "required": ["a"], "properties": {
            "n": {"type": "integer", "minimum": 0},
            "s": {"type": "string", "enum": ["x", "y"]},
            "i": {"x-kubernetes-int-or-string": true},
            "l": {"type": "array", "items": {"type": "boolean"}},
        }});
        assert_eq!(
            problems(schema, json!({"n": -1, "s": "z", "i": true, "l": [1]})),
            [
                "spec.a: Required value",
                "spec.i: Invalid value: \"boolean\": spec.i in body must be of type \
                 integer,string: \"boolean\"",
                "spec.l[0]: Invalid value: \"integer\": spec.l[0] in body must be of type \
                 boolean: \"integer\"",
                "spec.n: Invalid value: -1: spec.n in body should be greater than or equal to 0",
                "spec.s: Unsupported value: \"z\": supported values: \"x\", \"y\"",
            ]
        );
    }

    #[test]
    fn whole_floats_are_integers() {
        let schema = json!({"type": "integer"});
        assert!(problems(schema.clone(), json!(3.0)).is_empty());
        assert_eq!(problems(schema, json!(3.5)).len(), 1);
    }

    #[test]
    fn transition_equality() {
        let schema = from_crd(&json!({"type": "object", "properties": {"a": {
            "type": "object",
            "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed"}],
        }}}))
        .unwrap()
        .0;
        let mut errors = Vec::new();
        let path = FieldPath::root();
        transitions(&json!({"a": {"x": 1}}), &json!({}), &schema, &path, &mut errors);
        assert!(errors.is_empty(), "the first value is free");
        transitions(&json!({"a": {"x": 1}}), &json!({"a": {"x": 2}}), &schema, &path, &mut errors);
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].body, "Invalid value: \"object\": fixed");
    }
}
