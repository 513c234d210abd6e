//! `status.observedGeneration`: a string by default, a number for the readers that want one.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The generation that a status was computed from.
///
/// Argo Rollouts writes it as a string; kstatus (Flux, `helm --wait`) wants a number. Both are
/// read, and the form is kept; versions before 1.0 wrote a hash, which observes no generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObservedGeneration {
    /// As Argo Rollouts writes it.
    Text(String),
    /// As kstatus reads it.
    Number(i64),
}

impl ObservedGeneration {
    /// Whether the status speaks of this `metadata.generation`.
    pub fn is(&self, generation: i64) -> bool {
        match self {
            Self::Text(text) => text.parse() == Ok(generation),
            Self::Number(number) => *number == generation,
        }
    }
}

impl Serialize for ObservedGeneration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
        }
    }
}

impl<'de> Deserialize<'de> for ObservedGeneration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(i64),
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Text(text) => Self::Text(text),
            Either::Number(number) => Self::Number(number),
        })
    }
}

impl JsonSchema for ObservedGeneration {
    fn schema_name() -> Cow<'static, str> {
        "ObservedGeneration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-int-or-string": true})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_kept() {
        for text in ["\"3\"", "3"] {
            let observed: ObservedGeneration = serde_json::from_str(text).unwrap();
            assert!(observed.is(3) && !observed.is(4));
            assert_eq!(serde_json::to_string(&observed).unwrap(), text);
        }
        let hash: ObservedGeneration = serde_json::from_str("\"6d8f5\"").unwrap();
        assert!(!hash.is(6));
    }
}
