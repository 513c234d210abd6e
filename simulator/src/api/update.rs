//! PUT and PATCH of an object or of its status.

use serde_json::{Value, json};
use std::sync::Arc;

use super::admit::{FieldValidation, admit, root};
use super::{Call, Reply, Subresource, body, create, metadata, patch};
use crate::kinds::{Generation, Kind, validation};
use crate::schema::{duplicates, transitions, validate};
use crate::state::State;
use crate::status_error::{FieldError, StatusError};
use crate::store::Key;

/// PUT.
pub(super) fn update(state: &mut State, call: &Call) -> Result<Reply, StatusError> {
    let submitted = body::object(call)?;
    call.check_options("UpdateOptions")?;
    create::check_kind(state, call, &submitted)?;
    let validation = FieldValidation::of(call.parameter("fieldValidation"));
    let (mut object, warnings) = admit(&call.kind, submitted.clone(), validation)
        .map_err(|misfit| create::undecodable(&call.kind, &misfit))?;
    let key = Key::new(&call.namespace, &call.name);
    metadata::settle_place(&call.kind, &mut object, &call.namespace, &call.name)?;
    let Some(old) = state.store.get(call.resource(), &key).cloned() else {
        if call.kind.create_on_update && call.subresource == Subresource::Main {
            return create::create_object(state, call, submitted);
        }
        return Err(call.not_found());
    };
    if let Some(uid) = object["metadata"]["uid"].as_str()
        && old["metadata"]["uid"] != uid
    {
        let found = old["metadata"]["uid"].as_str().unwrap_or_default();
        let why =
            format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {found}");
        return Err(StatusError::conflict(call.resource(), &call.name, &why));
    }
    replace(state, call, &old, object, warnings)
}

/// PATCH.
pub(super) fn patch(state: &mut State, call: &Call) -> Result<Reply, StatusError> {
    let patch = body::patch(call)?;
    call.check_options("PatchOptions")?;
    let key = Key::new(&call.namespace, &call.name);
    let Some(old) = state.store.get(call.resource(), &key).cloned() else {
        return Err(call.not_found());
    };
    let patched = patch::apply(&old, patch)?;
    create::check_kind(state, call, &patched)?;
    let (object, warnings) = admit_patched(call, patched)?;
    replace(state, call, &old, object, warnings)
}

/// Reads a patched document into its kind.
///
/// # Errors
/// 422 about the patch; the place must not change either.
fn admit_patched(call: &Call, patched: Value) -> Result<(Value, Vec<String>), StatusError> {
    let text = patched.to_string();
    let validation = FieldValidation::of(call.parameter("fieldValidation"));
    let (mut object, warnings) = admit(&call.kind, patched, validation)
        .map_err(|misfit| unpatchable(&text, &misfit.text()))?;
    metadata::settle_place(&call.kind, &mut object, &call.namespace, &call.name)?;
    Ok((object, warnings))
}

/// 422 about a patch whose outcome does not fit.
pub(super) fn unpatchable(patched: &str, problem: &str) -> StatusError {
    StatusError::invalid("", "", "", &[FieldError::invalid("patch", &patched.into(), problem)])
}

/// Puts `object` in the place of `old`, after all checks.
pub(super) fn replace(
    state: &mut State,
    call: &Call,
    old: &Arc<Value>,
    mut object: Value,
    warnings: Vec<String>,
) -> Result<Reply, StatusError> {
    let kind = call.kind.clone();
    check_resource_version(call, old, &mut object)?;
    object = keep_what_is_not_ours(&kind, call.subresource, old, object);
    keep_system_fields(&kind, call.subresource, old, &mut object);
    let errors = problems(&kind, call.subresource, old, &object);
    if !errors.is_empty() {
        let (group, kind_name) = kind.qualified();
        return Err(StatusError::invalid(group, kind_name, &call.name, &errors));
    }
    let key = Key::new(&call.namespace, &call.name);
    if is_finished(&object) {
        if !call.is_dry_run() {
            state.remove(&kind, &key);
        }
        return Ok(Reply::Object { code: 200, object: Arc::new(object), warnings });
    }
    // A write that changes nothing is no write.
    let stored = if object == **old {
        old.clone()
    } else if call.is_dry_run() {
        Arc::new(object)
    } else {
        let Some(change) = state.commit(&kind, &key, Some(object)) else {
            return Err(StatusError::internal("the object was not stored"));
        };
        state.obey_crd(&change);
        change.object.clone()
    };
    Ok(Reply::Object { code: 200, object: stored, warnings })
}

/// An object that is being deleted goes when its last finalizer goes.
fn is_finished(object: &Value) -> bool {
    let metadata = &object["metadata"];
    let finalizers = metadata["finalizers"].as_array().map_or(0, Vec::len);
    !metadata["deletionTimestamp"].is_null()
        && finalizers == 0
        && metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
        && object["spec"]["finalizers"].as_array().is_none_or(Vec::is_empty)
}

fn check_resource_version(call: &Call, old: &Value, object: &mut Value) -> Result<(), StatusError> {
    let current = &old["metadata"]["resourceVersion"];
    match object["metadata"]["resourceVersion"].as_str().unwrap_or_default() {
        "" | "0" => {
            if !call.kind.unconditional_update {
                let error = FieldError::invalid(
                    "metadata.resourceVersion",
                    &Value::from(0),
                    "must be specified for an update",
                );
                let resource = call.resource();
                return Err(StatusError::invalid(
                    &resource.group,
                    &resource.resource,
                    &call.name,
                    &[error],
                ));
            }
            object["metadata"]["resourceVersion"] = current.clone();
            Ok(())
        }
        version if version.parse::<u64>().is_err() => Err(StatusError::unforeseen(format!(
            "strconv.ParseUint: parsing \"{version}\": invalid syntax"
        ))),
        version if current == version => Ok(()),
        _ => Err(StatusError::modified(call.resource(), &call.name)),
    }
}

/// The main resource does not touch the status, and the status nothing else.
fn keep_what_is_not_ours(
    kind: &Kind,
    subresource: Subresource,
    old: &Value,
    mut object: Value,
) -> Value {
    let take = |from: &Value, into: &mut Value, field: &str| {
        if let Some(map) = into.as_object_mut() {
            match from.get(field) {
                Some(value) => map.insert(field.to_owned(), value.clone()),
                None => map.remove(field),
            };
        }
    };
    match subresource {
        Subresource::Status if kind.custom => {
            let mut kept = old.clone();
            take(&object, &mut kept, "status");
            kept
        }
        Subresource::Status => {
            take(old, &mut object, "spec");
            if kind.kind == "Pod"
                && let Some(owners) = old["metadata"].get("ownerReferences")
            {
                object["metadata"]["ownerReferences"] = owners.clone();
            }
            object
        }
        Subresource::Main | Subresource::Scale | Subresource::Eviction => {
            if kind.status_subresource {
                take(old, &mut object, "status");
            }
            object
        }
    }
}

fn keep_system_fields(kind: &Kind, subresource: Subresource, old: &Value, object: &mut Value) {
    let changed = match kind.generation {
        Generation::None => false,
        _ if subresource == Subresource::Status => false,
        Generation::Spec => object["spec"] != old["spec"],
        Generation::AllButMetadata => {
            let outside = |value: &Value| {
                let mut copy = value.clone();
                copy["metadata"] = json!(null);
                copy
            };
            outside(object) != outside(old)
        }
    };
    let Some(metadata) = object["metadata"].as_object_mut() else { return };
    for field in
        ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"]
    {
        match old["metadata"].get(field) {
            Some(value) => metadata.insert(field.to_owned(), value.clone()),
            None => metadata.remove(field),
        };
    }
    metadata.entry("uid").or_insert_with(|| old["metadata"]["uid"].clone());
    if changed {
        let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
        metadata.insert("generation".into(), generation.into());
    }
}

fn problems(kind: &Kind, subresource: Subresource, old: &Value, object: &Value) -> Vec<FieldError> {
    // The server looks at the metadata twice, once for all kinds and once for this one.
    let mut errors = metadata::update_problems(object, old);
    errors.extend(errors.clone());
    if !kind.custom {
        errors.extend(validation::problems(kind, object, Some(old)));
        return errors;
    }
    match (subresource, kind.schema.properties.get("status")) {
        (Subresource::Status, Some(schema)) => {
            let mut found = Vec::new();
            if let Some(status) = object.get("status") {
                validate(status, schema, &root(), &mut found);
            }
            for error in &mut found {
                error.field = format!("status.{}", error.field);
            }
            errors.extend(found);
            super::scale::replicas_problems(kind, object, &mut errors);
        }
        (Subresource::Status, None) => {}
        (Subresource::Main | Subresource::Scale | Subresource::Eviction, _) => {
            validate(object, &kind.schema, &root(), &mut errors);
            super::scale::replicas_problems(kind, object, &mut errors);
        }
    }
    // Lists that were wrong before may stay wrong.
    let mut before = Vec::new();
    duplicates(old, &kind.schema, &root(), &mut before);
    if before.is_empty() {
        duplicates(object, &kind.schema, &root(), &mut errors);
    }
    if !errors.iter().any(FieldError::blocks_rules) {
        transitions(object, old, &kind.schema, &root(), &mut errors);
    } else if kind.has_rules {
        errors.push(FieldError::rules_not_checked());
    }
    errors
}
