//! Reading request bodies.

use serde_json::Value;
use std::borrow::Cow;

use super::{Call, Payload};
use crate::status_error::StatusError;

/// What a patch request wants applied.
#[derive(Debug)]
pub(super) enum PatchBody {
    Json(Value),
    Merge(Value),
}

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";

fn media_type(call: &Call) -> &str {
    call.content_type.split(';').next().unwrap_or_default().trim()
}

fn bytes(call: &Call) -> &[u8] {
    match &call.payload {
        Payload::Bytes(bytes) => bytes,
        Payload::None | Payload::Json(_) => b"",
    }
}

/// The object of a create or update.
///
/// # Errors
/// 415 for other formats than JSON, 400 for broken JSON.
pub(super) fn object(call: &Call) -> Result<Value, StatusError> {
    if let Payload::Json(value) = &call.payload {
        return Ok(value.clone());
    }
    match media_type(call) {
        // Without a content type the body counts as JSON.
        "" | JSON => {}
        _ => {
            let protobuf = "application/vnd.kubernetes.protobuf";
            return Err(StatusError::unsupported_media_type(&[JSON, YAML, protobuf]));
        }
    }
    serde_json::from_slice(bytes(call)).map_err(|error| {
        StatusError::bad_request(format!("the body of the request is not JSON: {error}"))
    })
}

/// The patch of a patch request.
///
/// # Errors
/// 415 for kinds of patch that are not served, 400 for broken ones.
pub(super) fn patch(call: &Call) -> Result<PatchBody, StatusError> {
    let json_patch = "application/json-patch+json";
    let merge_patch = "application/merge-patch+json";
    let media_type = media_type(call);
    if media_type != json_patch && media_type != merge_patch {
        return Err(StatusError::unsupported_media_type(&[json_patch, merge_patch]));
    }
    let value: Cow<'_, Value> = match &call.payload {
        Payload::Json(value) => Cow::Borrowed(value),
        Payload::None | Payload::Bytes(_) => {
            Cow::Owned(serde_json::from_slice(bytes(call)).map_err(|error| {
                StatusError::bad_request(format!("error decoding patch: {error}"))
            })?)
        }
    };
    let value = value.into_owned();
    Ok(if media_type == json_patch { PatchBody::Json(value) } else { PatchBody::Merge(value) })
}

/// The options in the body of a delete; an object without fields if there is none.
///
/// # Errors
/// 500 for broken JSON: nobody foresaw it.
pub(super) fn delete_options(call: &Call) -> Result<Value, StatusError> {
    match &call.payload {
        Payload::Json(value) => Ok(value.clone()),
        _ if bytes(call).is_empty() => Ok(Value::Object(serde_json::Map::new())),
        _ => object(call).map_err(|error| StatusError::unforeseen(error.message)),
    }
}

/// What was sent, for the audit log.
pub(crate) fn for_audit(payload: &Payload) -> Option<Value> {
    match payload {
        Payload::Bytes(bytes) if !bytes.is_empty() => Some(
            serde_json::from_slice(bytes)
                .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into()),
        ),
        Payload::None | Payload::Bytes(_) | Payload::Json(_) => None,
    }
}
