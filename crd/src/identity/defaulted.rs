//! What the API server makes of a pod template.

use std::mem;

use serde_json::{Map, Value};

use super::image::default_pull_policy;
use super::shape::{Default, Field, Form, Kind, POD_TEMPLATE_SPEC, Rule, Shape};
use crate::quantity::Quantity;

/// Annotations by which Kubernetes 1.5 passed init containers on; the API server drops them.
const DROPPED_ANNOTATIONS: [&str; 4] = [
    "pod.alpha.kubernetes.io/init-containers",
    "pod.alpha.kubernetes.io/init-container-statuses",
    "pod.beta.kubernetes.io/init-containers",
    "pod.beta.kubernetes.io/init-container-statuses",
];

/// `template` as kube-apiserver returns it inside an `apps/v1` ReplicaSet: with all defaults
/// filled in, quantities in their canonical form, and what it holds to be empty left out.
///
/// The defaults that the API server sets on Pods only (requests from limits, host ports,
/// `enableServiceLinks`) are not among them. What this build does not know, and what has the wrong
/// type, stays as it is. A field whose feature gate is off on the server is dropped there, and
/// kept here.
///
/// Idempotent.
pub fn defaulted(template: &Value) -> Value {
    complete(Kind::Object(&POD_TEMPLATE_SPEC), template.clone())
}

/// A value of `kind`, completed; `null` is an absent value.
fn complete(kind: Kind, value: Value) -> Value {
    match (kind, value) {
        (Kind::Object(shape), Value::Null) => Value::Object(complete_object(shape, Map::new())),
        (Kind::Object(shape), Value::Object(fields)) => {
            Value::Object(complete_object(shape, fields))
        }
        (Kind::List(element), Value::Array(values)) => {
            values.into_iter().map(|value| complete(*element, value)).collect()
        }
        (Kind::Map(element), Value::Object(entries)) => Value::Object(
            entries.into_iter().map(|(key, value)| (key, complete(*element, value))).collect(),
        ),
        (Kind::Resources, Value::Object(entries)) => {
            let rounded = |value| match Quantity::from_json(&value) {
                Ok(quantity) => quantity.rounded_to_milli().to_string().into(),
                Err(_) if value.is_null() => Kind::Quantity.zero(),
                Err(_) => value,
            };
            Value::Object(entries.into_iter().map(|(key, value)| (key, rounded(value))).collect())
        }
        (Kind::Quantity, value @ (Value::String(_) | Value::Number(_))) => {
            Quantity::from_json(&value).map_or(value, |quantity| quantity.to_string().into())
        }
        (kind, Value::Null) => kind.zero(),
        (_, value) => value,
    }
}

fn complete_object(shape: &Shape, mut given: Map<String, Value>) -> Map<String, Value> {
    apply_rule(shape.rule, &mut given);
    for field in shape.fields {
        match complete_field(field, given.remove(field.name)) {
            Some(value) => given.insert(field.name.to_owned(), value),
            None => None,
        };
    }
    given
}

/// What is written for a field, if anything is.
fn complete_field(field: &Field, given: Option<Value>) -> Option<Value> {
    let given = given.filter(|value| !value.is_null());
    let default = match field.default {
        Default::Written(literal) => Some(complete(field.kind, literal.to_value())),
        Default::Meant(_) | Default::None => None,
    };
    let is_pointer = matches!(field.form, Form::Pointer | Form::Nullable);
    if is_pointer {
        let given = given.map(|value| complete(field.kind, value));
        let absent = (field.form == Form::Nullable).then_some(Value::Null);
        return given.or(default).or(absent);
    }
    let value = complete(field.kind, given.unwrap_or(Value::Null));
    let is_empty = is_empty(field.kind, &value);
    match field.form {
        _ if !is_empty => Some(value),
        // Its storage knows no empty lists: they come back as no list.
        Form::Always => default.or(Some(field.kind.zero())),
        _ => default,
    }
}

/// Whether `value` is what a variable of this kind holds before anything is assigned to it.
pub(super) fn is_empty(kind: Kind, value: &Value) -> bool {
    match (kind, value) {
        (Kind::Object(_), _) => false,
        (Kind::List(_), Value::Array(values)) => values.is_empty(),
        (Kind::Map(_) | Kind::Resources, Value::Object(entries)) => entries.is_empty(),
        _ => *value == kind.zero(),
    }
}

fn apply_rule(rule: Rule, given: &mut Map<String, Value>) {
    match rule {
        Rule::None => {}
        Rule::PodTemplate => {
            let annotations = given.get_mut("metadata").and_then(|m| m.get_mut("annotations"));
            if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
                annotations.retain(|key, _| !DROPPED_ANNOTATIONS.contains(&key.as_str()));
            }
        }
        Rule::PodSpec => mirror_service_account(given),
        Rule::Container => set_pull_policy(given, "image", "imagePullPolicy"),
        Rule::ImageVolume => set_pull_policy(given, "reference", "pullPolicy"),
        Rule::Volume => {
            // Also a source that this build does not know is a source.
            let is_source = |(name, value): (&String, &Value)| name != "name" && !value.is_null();
            if !given.iter().any(is_source) {
                given.insert("emptyDir".to_owned(), Value::Object(Map::new()));
            }
        }
    }
}

/// `serviceAccount` is an old name of `serviceAccountName`: read where that is missing, and always
/// written.
fn mirror_service_account(given: &mut Map<String, Value>) {
    const NAME: &str = "serviceAccountName";
    const DEPRECATED: &str = "serviceAccount";
    let is_set = |value: &Value| value.as_str().is_none_or(|text| !text.is_empty());
    let mut take = |key| given.get_mut(key).map(mem::take).filter(|v| !v.is_null() && is_set(v));
    let (name, deprecated) = (take(NAME), take(DEPRECATED));
    if let Some(name) = name.or(deprecated) {
        given.insert(NAME.to_owned(), name.clone());
        given.insert(DEPRECATED.to_owned(), name);
    }
}

fn set_pull_policy(given: &mut Map<String, Value>, image: &str, policy: &str) {
    let is_set = match given.get(policy) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    };
    if !is_set {
        let image = given.get(image).and_then(Value::as_str).unwrap_or_default();
        let default = default_pull_policy(image);
        given.insert(policy.to_owned(), default.into());
    }
}

#[cfg(test)]
mod tests;
