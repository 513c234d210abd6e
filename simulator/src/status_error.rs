//! What the API server answers when it refuses: `v1.Status` with the reasons, codes and wording of
//! kube-apiserver, as recorded under `tests/replay`.

use serde_json::{Map, Value, json};
use std::fmt;

use crate::kinds::GroupResource;

/// A refusal, shown to clients as a `v1.Status` of status `Failure`.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusError {
    /// HTTP code, 400 to 599.
    pub code: u16,
    /// The machine-readable reason, such as `NotFound`; empty for the ones that have none.
    pub reason: String,
    /// The sentence for people.
    pub message: String,
    /// `details` as JSON; null when the server sends none.
    pub details: Value,
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.message, self.code, self.reason)
    }
}

impl std::error::Error for StatusError {}

/// One problem with one field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// The cause's reason, such as `FieldValueInvalid`.
    pub(crate) reason: &'static str,
    pub(crate) field: String,
    /// What stands behind `field: ` in the message.
    pub(crate) body: String,
}

impl FieldError {
    fn new(reason: &'static str, field: impl Into<String>, body: String) -> FieldError {
        FieldError { reason, field: field.into(), body }
    }

    pub(crate) fn required(field: impl Into<String>, detail: &str) -> FieldError {
        FieldError::new("FieldValueRequired", field, with_detail("Required value", detail))
    }

    pub(crate) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> FieldError {
        let body = with_detail(&format!("Invalid value: {}", go_value(value)), detail);
        FieldError::new("FieldValueInvalid", field, body)
    }

    /// As [`FieldError::invalid`], with the value as text: where its order of fields matters.
    pub(crate) fn invalid_text(field: impl Into<String>, value: &str, detail: &str) -> FieldError {
        let body = with_detail(&format!("Invalid value: {value}"), detail);
        FieldError::new("FieldValueInvalid", field, body)
    }

    /// Said of objects with other problems, whose CEL rules were therefore not checked.
    pub(crate) fn rules_not_checked() -> FieldError {
        let detail = "some validation rules were not checked because the object was invalid; \
                      correct the existing errors to complete validation";
        FieldError::invalid("<nil>", &Value::Null, detail)
    }

    /// Whether CEL rules are not checked for an object that has this problem.
    pub(crate) fn blocks_rules(&self) -> bool {
        matches!(
            self.reason,
            "FieldValueNotSupported"
                | "FieldValueRequired"
                | "FieldValueTooLong"
                | "FieldValueTooMany"
                | "FieldValueTypeInvalid"
        )
    }

    pub(crate) fn type_invalid(
        field: impl Into<String>,
        value: &Value,
        detail: &str,
    ) -> FieldError {
        FieldError { reason: "FieldValueTypeInvalid", ..FieldError::invalid(field, value, detail) }
    }

    pub(crate) fn not_supported(
        field: impl Into<String>,
        value: &Value,
        allowed: &[String],
    ) -> FieldError {
        let body = format!("Unsupported value: {}", go_value(value));
        let quoted: Vec<String> = allowed.iter().map(|value| go_quote(value)).collect();
        let detail = match quoted.len() {
            0 => String::new(),
            _ => format!("supported values: {}", quoted.join(", ")),
        };
        FieldError::new("FieldValueNotSupported", field, with_detail(&body, &detail))
    }

    pub(crate) fn duplicate(field: impl Into<String>, value: &Value) -> FieldError {
        let body = format!("Duplicate value: {}", go_value(value));
        FieldError::new("FieldValueDuplicate", field, body)
    }

    pub(crate) fn forbidden(field: impl Into<String>, detail: &str) -> FieldError {
        FieldError::new("FieldValueForbidden", field, with_detail("Forbidden", detail))
    }

    pub(crate) fn too_long(field: impl Into<String>, max: u64) -> FieldError {
        // The value is not repeated: it is too long by definition.
        let body = format!("Too long: may not be more than {max} bytes");
        FieldError::new("FieldValueTooLong", field, body)
    }

    pub(crate) fn too_many(field: impl Into<String>, actual: usize, max: u64) -> FieldError {
        let body = format!("Too many: {actual}: must have at most {max} items");
        FieldError::new("FieldValueTooMany", field, body)
    }

    fn message(&self) -> String {
        format!("{}: {}", self.field, self.body)
    }
}

fn with_detail(body: &str, detail: &str) -> String {
    if detail.is_empty() { body.to_owned() } else { format!("{body}: {detail}") }
}

/// A Go `%q`.
pub(crate) fn go_quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.push_str(&format!("\\x{:02x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// How `field.Error` prints a bad value: strings quoted, the rest as JSON.
fn go_value(value: &Value) -> String {
    match value {
        Value::String(text) => go_quote(text),
        Value::Null => "null".to_owned(),
        other => other.to_string(),
    }
}

impl StatusError {
    fn new(code: u16, reason: &str, message: String, details: Value) -> StatusError {
        StatusError { code, reason: reason.to_owned(), message, details }
    }

    /// A refusal of any kind, without details: what fault injection uses.
    pub fn plain(code: u16, reason: &str, message: &str) -> StatusError {
        StatusError::new(code, reason, message.to_owned(), Value::Null)
    }

    pub(crate) fn not_found(resource: &GroupResource, name: &str) -> StatusError {
        let message = format!("{resource} {} not found", go_quote(name));
        StatusError::new(404, "NotFound", message, named(resource, name))
    }

    /// The path leads nowhere: the server does not even answer in JSON.
    pub(crate) fn no_such_path() -> StatusError {
        StatusError::new(404, "", "404 page not found\n".to_owned(), Value::Null)
    }

    /// The resource is served, but has no such part.
    pub(crate) fn no_such_resource() -> StatusError {
        let message = "the server could not find the requested resource".to_owned();
        StatusError::new(404, "NotFound", message, json!({}))
    }

    /// Whether the body is the bare message.
    pub(crate) fn is_plain_text(&self) -> bool {
        self.code == 404 && self.reason.is_empty()
    }

    pub(crate) fn already_exists(resource: &GroupResource, name: &str) -> StatusError {
        let message = format!("{resource} {} already exists", go_quote(name));
        StatusError::new(409, "AlreadyExists", message, named(resource, name))
    }

    pub(crate) fn conflict(resource: &GroupResource, name: &str, why: &str) -> StatusError {
        let message =
            format!("Operation cannot be fulfilled on {resource} {}: {why}", go_quote(name));
        StatusError::new(409, "Conflict", message, named(resource, name))
    }

    /// The write carried a resourceVersion that is no longer the object's.
    pub(crate) fn modified(resource: &GroupResource, name: &str) -> StatusError {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        StatusError::conflict(resource, name, why)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> StatusError {
        StatusError::new(400, "BadRequest", message.into(), Value::Null)
    }

    pub(crate) fn forbidden(resource: &GroupResource, name: &str, why: &str) -> StatusError {
        let message = match name {
            "" => format!("{resource} is forbidden: {why}"),
            name => format!("{resource} {} is forbidden: {why}", go_quote(name)),
        };
        StatusError::new(403, "Forbidden", message, named(resource, name))
    }

    /// 422 over the fields. `kind` is what the message starts with: a kind for objects, a resource
    /// for some metadata checks.
    pub(crate) fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Self {
        let qualified = match group {
            "" => kind.to_owned(),
            group => format!("{kind}.{group}"),
        };
        // Equal messages are said once, as Go's aggregate does.
        let mut messages: Vec<String> = Vec::new();
        for error in errors {
            let message = error.message();
            if !messages.contains(&message) {
                messages.push(message);
            }
        }
        let list = match messages.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{qualified} {} is invalid: {list}", go_quote(name));
        let causes: Vec<Value> = errors
            .iter()
            .map(|error| {
                let mut cause = Map::new();
                cause.insert("reason".into(), error.reason.into());
                cause.insert("message".into(), error.body.as_str().into());
                if !error.field.is_empty() {
                    cause.insert("field".into(), error.field.as_str().into());
                }
                Value::Object(cause)
            })
            .collect();
        let mut details = Map::new();
        for (key, value) in [("group", group), ("kind", kind), ("name", name)] {
            if !value.is_empty() {
                details.insert(key.into(), value.into());
            }
        }
        details.insert("causes".into(), causes.into());
        StatusError::new(422, "Invalid", message, Value::Object(details))
    }

    /// A JSON patch that cannot be applied, a failed `test` included. The server does not say why.
    pub(crate) fn unprocessable_patch() -> StatusError {
        let message = "the server rejected our request due to an error in our request".to_owned();
        StatusError::new(422, "Invalid", message, json!({}))
    }

    pub(crate) fn method_not_allowed() -> StatusError {
        let message = "the server does not allow this method on the requested resource".to_owned();
        StatusError::new(405, "MethodNotAllowed", message, json!({}))
    }

    pub(crate) fn unsupported_media_type(accepted: &[&str]) -> StatusError {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        StatusError::new(415, "UnsupportedMediaType", message, Value::Null)
    }

    /// A PodDisruptionBudget that does not allow an eviction; `retry_after` in seconds, 0 for none.
    pub(crate) fn over_budget(why: &str, retry_after: u64) -> StatusError {
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        let mut details = json!({"causes": [{"reason": "DisruptionBudget", "message": why}]});
        if retry_after > 0 {
            details["retryAfterSeconds"] = retry_after.into();
        }
        StatusError::new(429, "TooManyRequests", message.to_owned(), details)
    }

    /// Whether a creation was refused because its namespace is going.
    pub(crate) fn is_of_terminating_namespace(&self) -> bool {
        let causes = self.details["causes"].as_array();
        causes.into_iter().flatten().any(|cause| cause["reason"] == "NamespaceTerminating")
    }

    pub(crate) fn expired(message: impl Into<String>) -> StatusError {
        StatusError::new(410, "Expired", message.into(), Value::Null)
    }

    pub(crate) fn internal(message: &str) -> StatusError {
        let details = json!({ "causes": [{ "message": message }] });
        let message = format!("Internal error occurred: {message}");
        StatusError::new(500, "InternalError", message, details)
    }

    /// A failure that the server did not foresee: no reason, no details.
    pub(crate) fn unforeseen(message: impl Into<String>) -> StatusError {
        StatusError::new(500, "", message.into(), Value::Null)
    }

    /// The resourceVersion asked for lies in the future.
    pub(crate) fn too_large_resource_version(asked: u64, current: u64) -> StatusError {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let details = json!({
            "causes": [
                { "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }
            ],
            "retryAfterSeconds": 1,
        });
        StatusError::new(504, "Timeout", message, details)
    }

    /// The body of the answer.
    pub fn to_status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.as_str().into();
        }
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }
}

fn named(resource: &GroupResource, name: &str) -> Value {
    let mut details = Map::new();
    for (key, value) in
        [("name", name), ("group", resource.group.as_str()), ("kind", resource.resource.as_str())]
    {
        if !value.is_empty() {
            details.insert(key.into(), value.into());
        }
    }
    Value::Object(details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wording_of_a_missing_object() {
        let resource = GroupResource::new("argoproj.io", "rollouts");
        let error = StatusError::not_found(&resource, "web");
        assert_eq!(error.message, "rollouts.argoproj.io \"web\" not found");
        assert_eq!(
            error.to_status()["details"],
            json!({"name": "web", "group": "argoproj.io", "kind": "rollouts"})
        );
    }

    #[test]
    fn several_field_errors_stand_in_brackets() {
        let one = FieldError::required("spec.a", "");
        let two = FieldError::invalid("spec.b", &json!("x"), "must be y");
        let error = StatusError::invalid("g", "K", "n", &[one.clone(), two, one]);
        assert_eq!(
            error.message,
            "K.g \"n\" is invalid: [spec.a: Required value, spec.b: Invalid value: \"x\": must be y]"
        );
        assert_eq!(error.details["causes"].as_array().unwrap().len(), 3);
    }
}
