//! The rules of `metadata`.

use serde_json::{Map, Value};

use crate::kinds::Kind;
use crate::names::{label_value_problems, qualified_name_problems};
use crate::status_error::{FieldError, StatusError};

/// Annotations together may not exceed this.
const ANNOTATIONS_MAX: usize = 256 * 1024;

/// Makes sure that the object names the place that the request names, and fills the namespace in.
///
/// # Errors
/// 400 if they differ.
pub(super) fn settle_place(
    kind: &Kind,
    object: &mut Value,
    namespace: &str,
    name: &str,
) -> Result<(), StatusError> {
    let metadata = &mut object["metadata"];
    let found = metadata["namespace"].as_str().unwrap_or_default();
    if kind.namespaced {
        if found.is_empty() {
            metadata["namespace"] = namespace.into();
        } else if found != namespace {
            return Err(StatusError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the \
                 request",
            ));
        }
    }
    let found = metadata["name"].as_str().unwrap_or_default();
    if !name.is_empty() {
        if found.is_empty() {
            return Err(StatusError::bad_request(format!(
                "the name of the object ({name} based on URL) was undeterminable: name must be \
                 provided"
            )));
        }
        if found != name {
            return Err(StatusError::bad_request(format!(
                "the name of the object ({found}) does not match the name on the URL ({name})"
            )));
        }
    }
    Ok(())
}

/// What is wrong with the metadata of a new object.
pub(super) fn problems(kind: &Kind, object: &Value) -> Vec<FieldError> {
    let metadata = &object["metadata"];
    let mut errors = Vec::new();
    if let Some(prefix) = metadata["generateName"].as_str().filter(|prefix| !prefix.is_empty()) {
        for problem in kind.names.problems(prefix, true) {
            errors.push(FieldError::invalid("metadata.generateName", &prefix.into(), &problem));
        }
    }
    match metadata["name"].as_str().unwrap_or_default() {
        "" => {
            errors.push(FieldError::required("metadata.name", "name or generateName is required"));
        }
        name => {
            for problem in kind.names.problems(name, false) {
                errors.push(FieldError::invalid("metadata.name", &name.into(), &problem));
            }
        }
    }
    if !kind.namespaced && metadata["namespace"].as_str().is_some_and(|name| !name.is_empty()) {
        errors.push(FieldError::forbidden("metadata.namespace", "not allowed on this type"));
    }
    common_problems(metadata, &mut errors);
    for finalizer in strings(&metadata["finalizers"]) {
        for problem in qualified_name_problems(finalizer) {
            errors.push(FieldError::invalid("metadata.finalizers", &finalizer.into(), &problem));
        }
    }
    errors
}

/// What is wrong with the metadata of a changed object. System fields are already the old ones.
pub(super) fn update_problems(object: &Value, old: &Value) -> Vec<FieldError> {
    let (metadata, old) = (&object["metadata"], &old["metadata"]);
    let mut errors = Vec::new();
    if !old["deletionTimestamp"].is_null() {
        let known: Vec<&str> = strings(&old["finalizers"]).collect();
        let extra: Vec<&str> =
            strings(&metadata["finalizers"]).filter(|name| !known.contains(name)).collect();
        if !extra.is_empty() {
            let list: Vec<String> = extra.iter().map(|name| format!("\"{name}\"")).collect();
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new \
                 finalizers []string{{{}}}",
                list.join(", ")
            );
            errors.push(FieldError::forbidden("metadata.finalizers", &detail));
        }
    }
    for field in ["name", "namespace", "uid"] {
        if metadata[field] != old[field] {
            let path = format!("metadata.{field}");
            errors.push(FieldError::invalid(path, &metadata[field], "field is immutable"));
        }
    }
    common_problems(metadata, &mut errors);
    errors
}

fn common_problems(metadata: &Value, errors: &mut Vec<FieldError>) {
    for (key, value) in map(&metadata["labels"]) {
        let field = "metadata.labels";
        for problem in qualified_name_problems(key) {
            errors.push(FieldError::invalid(field, &key.as_str().into(), &problem));
        }
        for problem in label_value_problems(value.as_str().unwrap_or_default()) {
            errors.push(FieldError::invalid(field, value, &problem));
        }
    }
    let mut size = 0;
    for (key, value) in map(&metadata["annotations"]) {
        size += key.len() + value.as_str().unwrap_or_default().len();
        for problem in qualified_name_problems(&key.to_lowercase()) {
            let key = key.as_str().into();
            errors.push(FieldError::invalid("metadata.annotations", &key, &problem));
        }
    }
    if size > ANNOTATIONS_MAX {
        errors.push(FieldError::too_long("metadata.annotations", ANNOTATIONS_MAX as u64));
    }
    owner_problems(&metadata["ownerReferences"], errors);
}

fn owner_problems(owners: &Value, errors: &mut Vec<FieldError>) {
    let mut controllers: Vec<String> = Vec::new();
    for owner in owners.as_array().into_iter().flatten() {
        for (field, detail) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            let text = owner[field].as_str().unwrap_or_default();
            if text.is_empty() {
                let path = format!("metadata.ownerReferences.{field}");
                errors.push(FieldError::invalid(path, &Value::from(text), detail));
            }
        }
        if owner["controller"] == true {
            let text = |field: &str| owner[field].as_str().unwrap_or_default();
            controllers.push(format!("{}/{}", text("kind"), text("name")));
        }
    }
    if let [first, second, ..] = controllers.as_slice() {
        let detail = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for \
             {first} and {second}"
        );
        let field = "metadata.ownerReferences";
        errors.push(FieldError::invalid_text(field, &in_go_order(owners), &detail));
    }
}

/// Owner references as Go prints them: the fields in the order of the struct.
fn in_go_order(owners: &Value) -> String {
    const FIELDS: [&str; 6] =
        ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];
    let one = |owner: &Value| {
        let fields = FIELDS
            .iter()
            .filter_map(|field| owner.get(*field).map(|value| format!("\"{field}\":{value}")));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    };
    let all = owners.as_array().into_iter().flatten().map(one);
    format!("[{}]", all.collect::<Vec<_>>().join(","))
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn map(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}
