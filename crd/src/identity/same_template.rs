//! Whether a ReplicaSet runs the template that a Rollout wants.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use super::defaulted::{defaulted, is_empty};
use super::injected::without_anti_affinity;
use super::shape::{Default, Form, Kind, POD_TEMPLATE_SPEC, Shape};
use crate::quantity::Quantity;

/// The label by which the controller tells the pods of one revision from those of another.
pub const POD_TEMPLATE_HASH_LABEL: &str = "rollouts-pod-template-hash";

/// What to make of fields in a ReplicaSet that this build does not know and the Rollout does not
/// set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extras {
    /// They may be defaults of a newer API server: no difference.
    UnknownMayBeDefaults,
    /// They are a difference.
    Strict,
}

/// The first place where two templates differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where, below the template: `spec.containers[0].image`.
    pub path: String,
    /// What the Rollout asks for, with defaults; `None` where it sets nothing.
    pub desired: Option<Value>,
    /// What the ReplicaSet has, with defaults; `None` where it has nothing.
    pub actual: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<Value>| match value {
            Some(value) => value.to_string(),
            None => "nothing".to_owned(),
        };
        let (desired, actual) = (text(&self.desired), text(&self.actual));
        write!(f, "{}: the Rollout has {desired}, the ReplicaSet {actual}", self.path)
    }
}

/// Whether `actual`, the template of a ReplicaSet, is what the API server made of `desired`, the
/// template of a Rollout as the user wrote it (spec §2.1).
///
/// All that the Rollout sets has to be there, after defaulting. What the ReplicaSet has beyond that
/// is a difference where this build knows the field, since it knows the defaults as well (somebody
/// removed a probe, a variable, an element of a list); `extras` says what of unknown fields.
///
/// Not compared: the label [`POD_TEMPLATE_HASH_LABEL`], `creationTimestamp`, the deprecated
/// `serviceAccount`, and host ports that follow from `hostNetwork` (API servers before 1.28 filled
/// them in). Quantities compare by amount, lists in order: the order of variables, mounts and init
/// containers has a meaning.
///
/// An anti-affinity that a controller has injected does not count. Ephemeral metadata is not part of
/// the user's template either: take it out first ([`without_metadata`](super::without_metadata)).
pub fn same_template(desired: &Value, actual: &Value, extras: Extras) -> Result<(), Difference> {
    let (mut desired, mut actual) = (comparable(desired), comparable(actual));
    without_anti_affinity(&mut desired, &mut actual);
    let comparison = Comparison { extras };
    match comparison.compare(Kind::Object(&POD_TEMPLATE_SPEC), &desired, &actual) {
        Ok(()) => Ok(()),
        Err(found) => Err(found.into_difference()),
    }
}

/// A template with all defaults, without what does not count.
fn comparable(template: &Value) -> Value {
    let mut template = defaulted(template);
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("creationTimestamp");
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.remove(POD_TEMPLATE_HASH_LABEL);
        }
    }
    if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("serviceAccount");
        if spec.get("hostNetwork") == Some(&Value::Bool(true)) {
            for list in ["containers", "initContainers"] {
                fill_host_ports(spec, list);
            }
        }
    }
    template
}

fn fill_host_ports(spec: &mut Map<String, Value>, list: &str) {
    let containers = spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
    let ports = containers
        .filter_map(|container| container.get_mut("ports").and_then(Value::as_array_mut))
        .flatten()
        .filter_map(Value::as_object_mut);
    for port in ports {
        if !port.contains_key("hostPort")
            && let Some(number) = port.get("containerPort").cloned()
        {
            port.insert("hostPort".to_owned(), number);
        }
    }
}

/// A difference, its path still in the order from the inside out.
struct Found {
    path: Vec<String>,
    desired: Option<Value>,
    actual: Option<Value>,
}

impl Found {
    fn new(desired: Option<&Value>, actual: Option<&Value>) -> Self {
        Self { path: Vec::new(), desired: desired.cloned(), actual: actual.cloned() }
    }

    fn below(mut self, segment: String) -> Self {
        self.path.push(segment);
        self
    }

    fn into_difference(self) -> Difference {
        let path: String = self.path.into_iter().rev().collect();
        let path = path.strip_prefix('.').unwrap_or(&path).to_owned();
        Difference { path, desired: self.desired, actual: self.actual }
    }
}

struct Comparison {
    extras: Extras,
}

impl Comparison {
    fn compare(&self, kind: Kind, desired: &Value, actual: &Value) -> Result<(), Found> {
        match (kind, desired, actual) {
            (Kind::Object(shape), Value::Object(desired), Value::Object(actual)) => {
                self.compare_objects(shape, desired, actual)
            }
            (Kind::List(element), Value::Array(desired), Value::Array(actual)) => {
                self.compare_lists(*element, desired, actual)
            }
            (Kind::Map(element), Value::Object(desired), Value::Object(actual)) => {
                self.compare_entries(*element, desired, actual)
            }
            (Kind::Resources, Value::Object(desired), Value::Object(actual)) => {
                self.compare_entries(Kind::Quantity, desired, actual)
            }
            (Kind::Quantity, desired, actual) if same_amount(desired, actual) => Ok(()),
            (Kind::Any, desired, actual) => self.compare_unknown(desired, actual),
            _ if desired == actual => Ok(()),
            _ => Err(Found::new(Some(desired), Some(actual))),
        }
    }

    fn compare_objects(
        &self,
        shape: &Shape,
        desired: &Map<String, Value>,
        actual: &Map<String, Value>,
    ) -> Result<(), Found> {
        for field in shape.fields {
            let (ours, theirs) = (desired.get(field.name), actual.get(field.name));
            let meant = match field.default {
                Default::Meant(literal) => Some(literal.to_value()),
                Default::Written(_) | Default::None => None,
            };
            let or_meant = |value: Option<&Value>| value.cloned().or_else(|| meant.clone());
            let result = match (or_meant(ours), or_meant(theirs)) {
                (Some(ours), Some(theirs)) => self.compare(field.kind, &ours, &theirs),
                (None, None) => Ok(()),
                (one, other) => {
                    let value = one.as_ref().or(other.as_ref());
                    let is_nothing = |v: &Value| {
                        v.is_null() || field.form != Form::Pointer && is_empty(field.kind, v)
                    };
                    if value.is_some_and(is_nothing) {
                        Ok(())
                    } else {
                        Err(Found::new(ours, theirs))
                    }
                }
            };
            result.map_err(|found| found.below(format!(".{}", field.name)))?;
        }
        let is_known = |key: &String| shape.fields.iter().any(|field| field.name == key);
        self.compare_keys(desired, actual, |key| !is_known(key))
    }

    /// Entries that the user chose: each one counts.
    fn compare_entries(
        &self,
        element: Kind,
        desired: &Map<String, Value>,
        actual: &Map<String, Value>,
    ) -> Result<(), Found> {
        let keys: BTreeSet<&String> = desired.keys().chain(actual.keys()).collect();
        for key in keys {
            let result = match (desired.get(key), actual.get(key)) {
                (Some(desired), Some(actual)) => self.compare(element, desired, actual),
                (desired, actual) => Err(Found::new(desired, actual)),
            };
            result.map_err(|found| found.below(format!("[{key}]")))?;
        }
        Ok(())
    }

    fn compare_lists(
        &self,
        element: Kind,
        desired: &[Value],
        actual: &[Value],
    ) -> Result<(), Found> {
        for index in 0..desired.len().max(actual.len()) {
            let result = match (desired.get(index), actual.get(index)) {
                (Some(desired), Some(actual)) => self.compare(element, desired, actual),
                (desired, actual) => Err(Found::new(desired, actual)),
            };
            result.map_err(|found| found.below(format!("[{index}]")))?;
        }
        Ok(())
    }

    /// Values below a field that this build does not know.
    fn compare_unknown(&self, desired: &Value, actual: &Value) -> Result<(), Found> {
        match (desired, actual) {
            (Value::Object(desired), Value::Object(actual)) => {
                self.compare_keys(desired, actual, |_| true)
            }
            (Value::Array(desired), Value::Array(actual)) => {
                self.compare_lists(Kind::Any, desired, actual)
            }
            _ if desired == actual => Ok(()),
            _ => Err(Found::new(Some(desired), Some(actual))),
        }
    }

    fn compare_keys(
        &self,
        desired: &Map<String, Value>,
        actual: &Map<String, Value>,
        compares: impl Fn(&String) -> bool,
    ) -> Result<(), Found> {
        let keys: BTreeSet<&String> = desired.keys().chain(actual.keys()).collect();
        for key in keys.into_iter().filter(|key| compares(key)) {
            let result = match (desired.get(key), actual.get(key)) {
                (Some(desired), Some(actual)) => self.compare_unknown(desired, actual),
                (None, Some(_)) if self.extras == Extras::UnknownMayBeDefaults => Ok(()),
                (desired, actual) => {
                    let empty = desired.or(actual).is_none_or(is_blank);
                    if empty { Ok(()) } else { Err(Found::new(desired, actual)) }
                }
            };
            result.map_err(|found| found.below(format!(".{key}")))?;
        }
        Ok(())
    }
}

fn same_amount(desired: &Value, actual: &Value) -> bool {
    match (Quantity::from_json(desired), Quantity::from_json(actual)) {
        (Ok(desired), Ok(actual)) => desired == actual,
        _ => false,
    }
}

/// What an API server may leave out of a field of whatever type.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

#[cfg(test)]
mod tests;
