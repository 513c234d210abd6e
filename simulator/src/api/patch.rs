//! Applying patches.

use json_patch::{AddOperation, PatchOperation};
use serde_json::{Map, Value};

use super::body::PatchBody;
use crate::status_error::StatusError;

/// A JSON patch may not have more operations.
const OPERATIONS_MAX: usize = 10_000;

/// The document after the patch.
///
/// # Errors
/// 400 for what is not a patch, 422 for one that cannot be applied.
pub(super) fn apply(document: &Value, patch: PatchBody) -> Result<Value, StatusError> {
    match patch {
        PatchBody::Merge(Value::Object(patch)) => {
            let mut document = document.clone();
            merge(&mut document, Value::Object(patch));
            Ok(document)
        }
        PatchBody::Merge(other) => Err(StatusError::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type \
             map[string]interface {{}}",
            go_name(&other)
        ))),
        PatchBody::Json(patch) => {
            let operations = patch.as_array().map_or(0, Vec::len);
            if operations > OPERATIONS_MAX {
                return Err(StatusError::plain(
                    413,
                    "RequestEntityTooLarge",
                    &format!(
                        "Request entity too large: The allowed maximum operations in a JSON patch \
                         is {OPERATIONS_MAX}, got {operations}"
                    ),
                ));
            }
            if !patch.is_array() {
                return Err(StatusError::bad_request(format!(
                    "error decoding patch: json: cannot unmarshal {} into Go value of type \
                     []handlers.jsonPatchOp",
                    go_name(&patch)
                )));
            }
            let patch: json_patch::Patch =
                serde_json::from_value(patch).map_err(|_| StatusError::unprocessable_patch())?;
            let mut document = document.clone();
            for operation in patch.0 {
                let Some(operation) = as_the_server_reads_it(operation, &document) else {
                    continue;
                };
                json_patch::patch(&mut document, &[operation])
                    .map_err(|_| StatusError::unprocessable_patch())?;
            }
            Ok(document)
        }
    }
}

/// The server is laxer than RFC 6902: an absent field of an object can be replaced, and tests
/// equal to null. None if nothing is left to do.
fn as_the_server_reads_it(operation: PatchOperation, document: &Value) -> Option<PatchOperation> {
    let path = operation.path().as_str();
    let absent = path.rsplit_once('/').is_some_and(|(parent, _)| {
        document.pointer(parent).is_some_and(Value::is_object) && document.pointer(path).is_none()
    });
    match operation {
        PatchOperation::Replace(replace) if absent => {
            let (path, value) = (replace.path, replace.value);
            Some(PatchOperation::Add(AddOperation { path, value }))
        }
        PatchOperation::Test(test) if absent && test.value.is_null() => None,
        other => Some(other),
    }
}

/// RFC 7386: null removes, objects merge, everything else replaces.
fn merge(document: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *document = patch;
        return;
    };
    if !document.is_object() {
        *document = Value::Object(Map::new());
    }
    if let Some(map) = document.as_object_mut() {
        for (key, value) in patch {
            if value.is_null() {
                map.remove(&key);
            } else {
                merge(map.entry(key).or_insert(Value::Null), value);
            }
        }
    }
}

fn go_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merge_patches() {
        let document = json!({"a": {"b": 1, "c": 2}, "l": [1]});
        let patch = json!({"a": {"b": null, "d": {"e": null, "f": 3}}, "l": [2, 3]});
        let result = apply(&document, PatchBody::Merge(patch)).unwrap();
        assert_eq!(result, json!({"a": {"c": 2, "d": {"f": 3}}, "l": [2, 3]}));
    }

    #[test]
    fn json_patches() {
        let document = json!({"a": 1});
        let patch = |patch: Value| apply(&document, PatchBody::Json(patch));
        let result = patch(json!([{"op": "test", "path": "/a", "value": 1},
            {"op": "replace", "path": "/a", "value": 2}]));
        assert_eq!(result.unwrap(), json!({"a": 2}));
        let absent = patch(json!([{"op": "test", "path": "/b", "value": null},
            {"op": "replace", "path": "/b", "value": 2}]));
        assert_eq!(absent.unwrap(), json!({"a": 1, "b": 2}));
        for bad in [
            json!([{"op": "test", "path": "/a", "value": 2}]),
            json!([{"op": "replace", "path": "/b/c", "value": 2}]),
            json!([{"op": "test", "path": "/b", "value": 2}]),
            json!([{"op": "remove", "path": "/b"}]),
        ] {
            assert_eq!(patch(bad).unwrap_err().code, 422);
        }
        assert_eq!(patch(json!({})).unwrap_err().code, 400);
    }
}
