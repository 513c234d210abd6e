//! Values of the wrong type, wherever they are in a template.

use serde_json::Value;

use crate::identity::shape::{Kind, POD_TEMPLATE_SPEC};
use crate::quantity::Quantity;
use crate::validation::{Path, Problems};

pub(super) fn check(template: &Value, path: &Path, problems: &mut Problems) {
    check_kind(Kind::Object(&POD_TEMPLATE_SPEC), template, path, problems);
}

/// Fields that are not known are left alone, and so is `null`, which is no value.
fn check_kind(kind: Kind, value: &Value, path: &Path, problems: &mut Problems) {
    match (kind, value) {
        (_, Value::Null) | (Kind::Any, _) => {}
        (Kind::Object(shape), Value::Object(fields)) => {
            for field in shape.fields {
                if let Some(value) = fields.get(field.name) {
                    check_kind(field.kind, value, &path.field(field.name), problems);
                }
            }
        }
        (Kind::List(element), Value::Array(values)) => {
            for (index, value) in values.iter().enumerate() {
                check_kind(*element, value, &path.index(index), problems);
            }
        }
        (Kind::Map(element), Value::Object(entries)) => {
            for (key, value) in entries {
                check_kind(*element, value, &path.key(key), problems);
            }
        }
        (Kind::Resources, Value::Object(entries)) => {
            for (key, value) in entries {
                check_kind(Kind::Quantity, value, &path.key(key), problems);
            }
        }
        (Kind::Quantity, Value::String(_) | Value::Number(_)) => {
            if let Err(error) = Quantity::from_json(value) {
                problems.add(path, format!("`{}` {error}", plain(value)));
            }
        }
        (kind, value) if fits(kind, value) => {}
        (kind, value) => {
            problems.add(path, format!("is {}, must be {}", shown(value), wanted(kind)));
        }
    }
}

fn fits(kind: Kind, value: &Value) -> bool {
    let is_whole = || value.is_i64() || value.is_u64();
    match kind {
        Kind::Text | Kind::Time => value.is_string(),
        Kind::Bool => value.is_boolean(),
        Kind::Int => is_whole(),
        Kind::IntOrString => is_whole() || value.is_string(),
        _ => false,
    }
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a text (in quotes, if it looks like something else)",
        Kind::Bool => "true or false",
        Kind::Int => "a whole number",
        Kind::Time => "an instant such as 2026-11-21T07:27:41Z",
        Kind::IntOrString => "a whole number or a text",
        Kind::Quantity => "a quantity such as 500m or 1Gi",
        Kind::List(_) => "a list",
        Kind::Object(_) | Kind::Map(_) | Kind::Resources | Kind::Any => "an object",
    }
}

/// A value in a message: texts bare, and large ones by their type.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        scalar => format!("`{}`", plain(scalar)),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
