//! Reading schemas: of CRDs, and of the JSON schemas that schemars generates for built-in types.

use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Bound, Limits, ListType, Schema, Type};

/// A schema that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("schema at {path}: {what}")]
pub struct SchemaProblem {
    /// Where in the schema, as a property path.
    pub path: String,
    /// What is wrong and what would be right.
    pub what: String,
}

/// CEL rules that were read but are not enforced: `path: rule`. Only `self == oldSelf` is.
pub(crate) type Unenforced = Vec<String>;

/// Reads the `openAPIV3Schema` of a CRD.
///
/// # Errors
/// A type or pattern that does not exist, at its path.
pub(crate) fn from_crd(schema: &Value) -> Result<(Arc<Schema>, Unenforced), SchemaProblem> {
    let mut reader = Reader { definitions: None, done: BTreeMap::new(), unenforced: Vec::new() };
    let schema = reader.read(schema, "")?;
    Ok((schema, reader.unenforced))
}

/// Reads a JSON schema with `$defs`, whose names end in the Go type's name.
///
/// # Errors
/// As [`from_crd`].
pub(crate) fn from_json_schema(schema: &Value) -> Result<Arc<Schema>, SchemaProblem> {
    let definitions = schema.get("$defs").and_then(Value::as_object);
    let mut reader = Reader { definitions, done: BTreeMap::new(), unenforced: Vec::new() };
    reader.read(schema, "")
}

struct Reader<'a> {
    definitions: Option<&'a Map<String, Value>>,
    done: BTreeMap<String, Arc<Schema>>,
    unenforced: Unenforced,
}

impl Reader<'_> {
    fn read(&mut self, source: &Value, path: &str) -> Result<Arc<Schema>, SchemaProblem> {
        if let Some(reference) = source["$ref"].as_str() {
            return self.reference(reference, path);
        }
        Ok(Arc::new(self.node(source, path)?))
    }

    fn reference(&mut self, reference: &str, path: &str) -> Result<Arc<Schema>, SchemaProblem> {
        let name = reference.trim_start_matches("#/$defs/");
        if let Some(done) = self.done.get(name) {
            return Ok(done.clone());
        }
        let definition = self.definitions.and_then(|all| all.get(name));
        let Some(definition) = definition else {
            let what = format!("{reference} is not defined; add it under $defs");
            return Err(SchemaProblem { path: path.to_owned(), what });
        };
        let mut schema = self.node(definition, path)?;
        schema.go_name = name.rsplit('.').next().unwrap_or(name).to_owned();
        let schema = Arc::new(schema);
        self.done.insert(name.to_owned(), schema.clone());
        Ok(schema)
    }

    fn node(&mut self, source: &Value, path: &str) -> Result<Schema, SchemaProblem> {
        let problem = |what: String| SchemaProblem { path: path.to_owned(), what };
        let flag = |key: &str| source[key].as_bool().unwrap_or(false);
        let text = |key: &str| source[key].as_str().unwrap_or_default().to_owned();

        let mut schema = Schema {
            int_or_string: flag("x-kubernetes-int-or-string"),
            format: text("format"),
            nullable: flag("nullable"),
            preserve_unknown: flag("x-kubernetes-preserve-unknown-fields"),
            embedded: flag("x-kubernetes-embedded-resource"),
            default: source.get("default").cloned(),
            allowed: source["enum"].as_array().cloned().unwrap_or_default(),
            minimum: bound(source, "minimum", "exclusiveMinimum"),
            maximum: bound(source, "maximum", "exclusiveMaximum"),
            multiple_of: source["multipleOf"].as_f64(),
            length: limits(source, "minLength", "maxLength"),
            item_count: limits(source, "minItems", "maxItems"),
            property_count: limits(source, "minProperties", "maxProperties"),
            unique_items: flag("uniqueItems"),
            ..Schema::default()
        };
        schema.ty = match source["type"].as_str() {
            None | Some("") => None,
            Some("object") => Some(Type::Object),
            Some("array") => Some(Type::Array),
            Some("string") => Some(Type::String),
            Some("integer") => Some(Type::Integer),
            Some("number") => Some(Type::Number),
            Some("boolean") => Some(Type::Boolean),
            Some(other) => {
                return Err(problem(format!(
                    "type {other:?} is unknown; use object, array, string, integer, number or \
                     boolean"
                )));
            }
        };
        if let Some(pattern) = source["pattern"].as_str().filter(|pattern| !pattern.is_empty()) {
            schema.pattern = Some(Regex::new(pattern).map_err(|error| {
                problem(format!("pattern {pattern:?} is not a regular expression: {error}"))
            })?);
        }
        if let Some(properties) = source["properties"].as_object() {
            for (name, property) in properties {
                let child = self.read(property, &format!("{path}.{name}"))?;
                schema.properties.insert(name.clone(), child);
            }
        }
        match &source["additionalProperties"] {
            Value::Bool(true) => {
                schema.additional =
                    Some(Arc::new(Schema { preserve_unknown: true, ..Schema::default() }));
            }
            Value::Null | Value::Bool(false) => {}
            other => schema.additional = Some(self.read(other, &format!("{path}[*]"))?),
        }
        if source["items"].is_object() {
            schema.items = Some(self.read(&source["items"], &format!("{path}[]"))?);
        }
        for name in source["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            schema.required.push(name.to_owned());
        }
        schema.list = match source["x-kubernetes-list-type"].as_str() {
            Some("set") => ListType::Set,
            Some("map") => {
                let keys = source["x-kubernetes-list-map-keys"].as_array();
                let keys = keys.into_iter().flatten().filter_map(Value::as_str);
                ListType::Map(keys.map(str::to_owned).collect())
            }
            _ => ListType::Atomic,
        };
        self.rules(&mut schema, source, path);
        for (key, list) in [
            ("anyOf", &mut schema.any_of),
            ("oneOf", &mut schema.one_of),
            ("allOf", &mut schema.all_of),
        ] {
            for alternative in source[key].as_array().into_iter().flatten() {
                list.push(self.read(alternative, path)?);
            }
        }
        if source["not"].is_object() {
            schema.not = Some(self.read(&source["not"], path)?);
        }
        Ok(schema)
    }

    fn rules(&mut self, schema: &mut Schema, source: &Value, path: &str) {
        for rule in source["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let expression = rule["rule"].as_str().unwrap_or_default().trim();
            let message = rule["message"].as_str().unwrap_or_default();
            // The one rule that the CRDs in use have: the field may not change.
            if matches!(expression, "self == oldSelf" | "oldSelf == self") {
                schema.immutable.push(match message {
                    "" => format!("failed rule: {expression}"),
                    message => message.to_owned(),
                });
            } else {
                self.unenforced.push(format!("{}: {expression}", path.trim_start_matches('.')));
            }
        }
    }
}

fn bound(source: &Value, key: &str, exclusive: &str) -> Option<Bound> {
    let value = source[key].as_f64()?;
    Some(Bound { value, exclusive: source[exclusive].as_bool().unwrap_or(false) })
}

fn limits(source: &Value, min: &str, max: &str) -> Limits {
    Limits { min: source[min].as_u64(), max: source[max].as_u64() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_transition_equality_is_enforced() {
        let (schema, unenforced) = from_crd(&json!({
            "type": "object",
            "properties": {"a": {
                "type": "string",
                "x-kubernetes-validations": [
                    {"rule": "self == oldSelf", "message": "is immutable"},
                    {"rule": "self.size() > 3"},
                ],
            }},
        }))
        .unwrap();
        assert_eq!(schema.properties["a"].immutable, ["is immutable"]);
        assert_eq!(unenforced, ["a: self.size() > 3"]);
    }

    #[test]
    fn bad_schemas_say_where() {
        let error = from_crd(&json!({"properties": {"a": {"type": "text"}}})).unwrap_err();
        assert_eq!(error.path, ".a");
        let error = from_crd(&json!({"pattern": "("})).unwrap_err();
        assert!(error.what.contains("not a regular expression"));
    }

    #[test]
    fn definitions_are_followed_and_named() {
        let schema = from_json_schema(&json!({
            "$defs": {"io.k8s.x.Inner": {"type": "object"}},
            "properties": {"a": {"$ref": "#/$defs/io.k8s.x.Inner"}},
        }))
        .unwrap();
        assert_eq!(schema.properties["a"].go_name, "Inner");
    }
}
