//! JSON that is carried, not interpreted: fields newer than our types are never lost.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
use serde_json::Value;

/// A JSON value kept as compact text with its keys in order, of the shape that `S` describes.
///
/// A `serde_json::Value` of a pod template takes ten times the memory of its text; a typed one
/// drops the fields that its version of the API does not know. `S` gives the CRD's schema only.
pub struct Raw<S> {
    json: Arc<str>,
    shape: PhantomData<fn() -> S>,
}

/// Any JSON at all (Go's `json.RawMessage`).
pub type RawJson = Raw<Anything>;

/// The shape of [`RawJson`]: an object with whatever fields.
#[derive(Debug)]
pub struct Anything;

impl<S> Raw<S> {
    /// Keeps `value`.
    pub fn new(value: &Value) -> Self {
        Self { json: value.to_string().into(), shape: PhantomData }
    }

    /// The text: compact, keys in order.
    pub fn as_str(&self) -> &str {
        &self.json
    }

    /// The value, decoded afresh.
    pub fn to_value(&self) -> Value {
        // The text was produced by serde_json; reading it back cannot fail.
        serde_json::from_str(&self.json).unwrap_or(Value::Null)
    }
}

impl<S> Clone for Raw<S> {
    fn clone(&self) -> Self {
        Self { json: Arc::clone(&self.json), shape: PhantomData }
    }
}

impl<S> Default for Raw<S> {
    fn default() -> Self {
        Self::new(&Value::Object(serde_json::Map::new()))
    }
}

impl<S> PartialEq for Raw<S> {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl<S> Eq for Raw<S> {}

impl<S> fmt::Debug for Raw<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.json)
    }
}

impl<S> Serialize for Raw<S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        let value: Value = serde_json::from_str(&self.json).map_err(ser::Error::custom)?;
        value.serialize(serializer)
    }
}

impl<'de, S> Deserialize<'de> for Raw<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&Value::deserialize(deserializer)?))
    }
}

impl<S: JsonSchema> JsonSchema for Raw<S> {
    fn schema_name() -> Cow<'static, str> {
        S::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        S::schema_id()
    }

    fn inline_schema() -> bool {
        S::inline_schema()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        S::json_schema(generator)
    }
}

impl JsonSchema for Anything {
    fn schema_name() -> Cow<'static, str> {
        "Anything".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_fields_and_key_order_survive() {
        let raw: RawJson =
            serde_json::from_value(json!({"b": 1, "a": {"fromTheFuture": [1.5]}})).unwrap();
        assert_eq!(raw.as_str(), r#"{"a":{"fromTheFuture":[1.5]},"b":1}"#);
        assert_eq!(
            serde_json::to_value(&raw).unwrap(),
            json!({"a": {"fromTheFuture": [1.5]}, "b": 1})
        );
    }
}
