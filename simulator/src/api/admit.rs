//! What happens to a submitted object before it is stored: read into its kind, pruned, defaulted,
//! and validated.

use serde_json::{Map, Value};
use std::sync::{Arc, LazyLock};

use crate::kinds::builtin::builtin_kinds;
use crate::kinds::{GroupResource, Kind, defaults};
use crate::schema::{FieldPath, Schema, builtin, custom};

/// A submitted object that does not fit its kind.
#[derive(Debug)]
pub(super) enum Misfit {
    /// Not decodable, in Go's words.
    Decoding(String),
    /// Fields that the kind does not have, where the client asked to be strict.
    Unknown(Vec<String>),
}

impl Misfit {
    /// The text behind `strict decoding error: `, or the decoding error.
    pub(super) fn text(&self) -> String {
        match self {
            Misfit::Decoding(text) => text.clone(),
            Misfit::Unknown(fields) => format!("strict decoding error: {}", unknown_text(fields)),
        }
    }
}

fn unknown_text(fields: &[String]) -> String {
    let named: Vec<String> =
        fields.iter().map(|field| format!("unknown field \"{field}\"")).collect();
    named.join(", ")
}

/// How to treat fields that the kind does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

impl FieldValidation {
    pub(super) fn of(parameter: &str) -> FieldValidation {
        match parameter {
            "Ignore" => FieldValidation::Ignore,
            "Strict" => FieldValidation::Strict,
            _ => FieldValidation::Warn,
        }
    }
}

/// Reads an object into its kind. Returns it with what to warn about.
///
/// # Errors
/// What does not fit.
pub(super) fn admit(
    kind: &Kind,
    mut object: Value,
    validation: FieldValidation,
) -> Result<(Value, Vec<String>), Misfit> {
    let mut unknown = Vec::new();
    // Whoever manages which field is not modelled.
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        metadata.remove("selfLink");
    }
    if kind.custom {
        whole_numbers(&mut object);
        if let Some(metadata) = object.get_mut("metadata").map(Value::take) {
            let mut unknown_metadata = Vec::new();
            let decoded = builtin::decode(metadata, metadata_schema(), &mut unknown_metadata)
                .map_err(Misfit::Decoding)?;
            object["metadata"] = decoded;
            unknown.extend(unknown_metadata.iter().map(|field| format!("metadata.{field}")));
        }
        unknown.extend(custom::prune(&mut object, &kind.schema));
        custom::fill_defaults(&mut object, &kind.schema);
        custom::drop_nulls(&mut object, &kind.schema);
    } else {
        object = builtin::decode(object, &kind.schema, &mut unknown).map_err(Misfit::Decoding)?;
        defaults::fill(kind, &mut object);
    }
    if let Some(map) = object.as_object_mut() {
        map.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        map.insert("apiVersion".into(), kind.api_version().into());
        map.insert("kind".into(), kind.kind.as_str().into());
    }
    if !unknown.is_empty() && validation == FieldValidation::Strict {
        return Err(Misfit::Unknown(unknown));
    }
    let warnings = match validation {
        FieldValidation::Warn => {
            unknown.iter().map(|field| format!("unknown field \"{field}\"")).collect()
        }
        FieldValidation::Ignore | FieldValidation::Strict => Vec::new(),
    };
    Ok((object, warnings))
}

fn metadata_schema() -> &'static Schema {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        let pods = builtin_kinds().get(&GroupResource::new("", "pods")).cloned();
        let schema = pods.and_then(|kind| kind.schema.properties.get("metadata").cloned());
        schema.unwrap_or_default()
    });
    &SCHEMA
}

/// Go writes numbers without a fraction as integers.
fn whole_numbers(value: &mut Value) {
    /// Beyond this a float need not be a whole number that it stands for.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < EXACT_MAX);
            if let Some(float) = float {
                *value = Value::from(float as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The root of an object, as a path.
pub(super) fn root() -> FieldPath {
    FieldPath::root()
}
