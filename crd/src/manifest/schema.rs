//! From a JSON schema of our types to the structural schema that a CRD has.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::builtin::Builtin;

/// Why no schema came out. All of them are mistakes in the types.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The table of built-in types cannot be read.
    #[error("builtin-types.json cannot be read: {0}")]
    Table(#[source] serde_json::Error),
    /// A construct that a structural schema has no place for.
    #[error("{path}: a CRD cannot say {what}: write the schema of this type by hand")]
    Unsupported {
        /// Where in the schema.
        path: String,
        /// The construct.
        what: String,
    },
}

/// Names of the schemas of Kubernetes' own types begin so.
const KUBERNETES: &str = "io.k8s.";
/// Types of Kubernetes that are written by hand.
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

/// What a structural schema says of a value, beside its description and what it consists of.
const KEPT: [&str; 5] = [
    "type",
    "format",
    "required",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
];
/// What is dropped without loss: defaults are applied where values are read, never stored.
const DROPPED: [&str; 6] = ["default", "title", "$schema", "$defs", "minimum", "maximum"];

/// The structural schema of `T`, with descriptions of our own fields and none of Kubernetes'.
pub(super) fn structural<T: JsonSchema>(builtin: &Builtin) -> Result<Value, SchemaError> {
    let root = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    let root = root.to_value();
    let none = Map::new();
    let definitions = root.get("$defs").and_then(Value::as_object).unwrap_or(&none);
    Converter { definitions, builtin }.convert(&root, true, "")
}

struct Converter<'a> {
    definitions: &'a Map<String, Value>,
    builtin: &'a Builtin,
}

impl Converter<'_> {
    fn convert(&self, schema: &Value, is_ours: bool, path: &str) -> Result<Value, SchemaError> {
        let unsupported =
            |what: &str| SchemaError::Unsupported { path: path.to_owned(), what: what.to_owned() };
        let Some(schema) = schema.as_object() else {
            return Err(unsupported(&schema.to_string()));
        };
        let mut result = match self.referred(schema, is_ours, path)? {
            Some(referred) => referred,
            None => json!({}),
        };
        for (keyword, value) in schema {
            match keyword.as_str() {
                "$ref" | "anyOf" | "allOf" => {}
                "description" if is_ours => {
                    if let Some(text) = value.as_str() {
                        result["description"] = json!(plain(text));
                    }
                }
                "description" => {}
                "type" => {
                    result["type"] =
                        json!(type_name(value).ok_or_else(|| unsupported("several types"))?)
                }
                "properties" => result["properties"] = self.convert_all(value, is_ours, path)?,
                "items" => result["items"] = self.convert(value, is_ours, &format!("{path}[]"))?,
                "additionalProperties" => {
                    result[keyword] = self.convert(value, is_ours, &format!("{path}{{}}"))?;
                }
                kept if KEPT.contains(&kept) => result[kept] = value.clone(),
                dropped if DROPPED.contains(&dropped) => {}
                other => return Err(unsupported(other)),
            }
        }
        Ok(result)
    }

    fn convert_all(&self, value: &Value, is_ours: bool, path: &str) -> Result<Value, SchemaError> {
        let properties = value.as_object().into_iter().flatten();
        properties
            .map(|(name, schema)| {
                let path = format!("{path}.{name}");
                Ok((name.clone(), self.convert(schema, is_ours, &path)?))
            })
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object)
    }

    /// What a reference stands for. `anyOf` is a type of ours that may be absent.
    fn referred(
        &self,
        schema: &Map<String, Value>,
        is_ours: bool,
        path: &str,
    ) -> Result<Option<Value>, SchemaError> {
        let is_null = |schema: &&Value| schema["type"] == "null";
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let name = reference.trim_start_matches("#/$defs/");
            return self.definition(name, is_ours, path).map(Some);
        }
        let alternatives = schema.get("anyOf").or_else(|| schema.get("allOf"));
        let Some(alternatives) = alternatives.and_then(Value::as_array) else { return Ok(None) };
        let mut alternatives = alternatives.iter().filter(|schema| !is_null(schema));
        match (alternatives.next(), alternatives.next()) {
            (Some(only), None) => self.convert(only, is_ours, path).map(Some),
            _ => {
                Err(SchemaError::Unsupported { path: path.to_owned(), what: "alternatives".into() })
            }
        }
    }

    fn definition(&self, name: &str, is_ours: bool, path: &str) -> Result<Value, SchemaError> {
        match name {
            // Numbers with a fraction too, such as `cpu: 0.5`, so no type at all.
            QUANTITY => return Ok(json!({"x-kubernetes-preserve-unknown-fields": true})),
            INT_OR_STRING => return Ok(json!({"x-kubernetes-int-or-string": true})),
            _ => {}
        }
        let is_ours = is_ours && !name.starts_with(KUBERNETES);
        let definition = self.definitions.get(name).ok_or_else(|| SchemaError::Unsupported {
            path: path.to_owned(),
            what: format!("a reference to {name}"),
        })?;
        let mut schema = self.convert(definition, is_ours, path)?;
        self.builtin.amend(name, &mut schema);
        Ok(schema)
    }
}

/// The type of a value that is present.
fn type_name(value: &Value) -> Option<&str> {
    match value {
        Value::String(name) => Some(name),
        Value::Array(names) => {
            let mut names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.next().filter(|_| names.next().is_none())
        }
        _ => None,
    }
}

/// A doc comment as text for users: on one line, without markup and references to the
/// specification.
fn plain(text: &str) -> String {
    let mut text = text.replace('\n', " ").replace('`', "");
    while let Some(start) = text.find(" (spec §") {
        let Some(length) = text[start..].find(')') else { break };
        text.replace_range(start..=start + length, "");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_become_plain_text() {
        assert_eq!(
            plain("How `x` is\nset (spec §1.2, §3). Or\nnot (spec §4)."),
            "How x is set. Or not."
        );
    }

    #[test]
    fn alternatives_are_refused() {
        #[derive(JsonSchema)]
        #[allow(dead_code)]
        struct Odd {
            either: Either,
        }
        #[derive(JsonSchema)]
        #[allow(dead_code)]
        #[schemars(untagged)]
        enum Either {
            Number(i32),
            Text(String),
        }
        let error = structural::<Odd>(&Builtin::load().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            ".either: a CRD cannot say alternatives: write the schema of this type by hand"
        );
    }
}
