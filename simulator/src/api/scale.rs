//! The scale subresource, `autoscaling/v1` Scale.

use serde_json::{Value, json};

use super::{Call, Reply, body, patch, update};
use crate::kinds::{Kind, ScalePaths};
use crate::selector::LabelSelector;
use crate::state::State;
use crate::status_error::{FieldError, StatusError};
use crate::store::Key;

fn at<'a>(object: &'a Value, path: &[String]) -> &'a Value {
    path.iter().fold(object, |value, step| &value[step])
}

fn set(object: &mut Value, path: &[String], value: Value) {
    let mut place = object;
    for step in path {
        place = &mut place[step];
    }
    *place = value;
}

fn dotted(path: &[String]) -> String {
    format!(".{}", path.join("."))
}

fn paths(call: &Call) -> Result<&ScalePaths, StatusError> {
    call.kind.scale.as_ref().ok_or_else(StatusError::no_such_path)
}

/// The Scale that shows an object.
fn scale_of(paths: &ScalePaths, object: &Value) -> Value {
    let metadata = &object["metadata"];
    let selector = match &paths.selector {
        Some(path) => at(object, path).as_str().unwrap_or_default().to_owned(),
        None => LabelSelector::from_object(&object["spec"]["selector"]).text(),
    };
    let mut scale = json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {},
        "status": {"replicas": at(object, &paths.status_replicas).as_i64().unwrap_or(0)},
    });
    // Zero replicas are not printed, for Go's sake.
    if let Some(replicas) = at(object, &paths.spec_replicas).as_i64().filter(|n| *n != 0) {
        scale["spec"]["replicas"] = replicas.into();
    }
    if !selector.is_empty() {
        scale["status"]["selector"] = selector.into();
    }
    scale
}

/// GET.
pub(super) fn get(state: &State, call: &Call) -> Result<Reply, StatusError> {
    let paths = paths(call)?;
    let key = Key::new(&call.namespace, &call.name);
    let object = state.store.get(call.resource(), &key).ok_or_else(|| call.not_found())?;
    if at(object, &paths.spec_replicas).is_null() {
        let path = dotted(&paths.spec_replicas);
        let message = format!("the spec replicas field {path:?} does not exist");
        return Err(StatusError::internal(&message));
    }
    Ok(Reply::json(200, &scale_of(paths, object)))
}

/// PUT.
pub(super) fn update(state: &mut State, call: &Call) -> Result<Reply, StatusError> {
    let submitted = body::object(call)?;
    apply(
        state,
        call,
        |_| Ok(submitted),
        |problem, _| {
            StatusError::bad_request(format!(
                "Scale in version \"v1\" cannot be handled as a Scale: {problem}"
            ))
        },
    )
}

/// PATCH: of the Scale, not of the object.
pub(super) fn patch(state: &mut State, call: &Call) -> Result<Reply, StatusError> {
    let patch = body::patch(call)?;
    apply(
        state,
        call,
        |scale| patch::apply(scale, patch),
        |problem, scale| update::unpatchable(&scale.to_string(), problem),
    )
}

fn apply(
    state: &mut State,
    call: &Call,
    change: impl FnOnce(&Value) -> Result<Value, StatusError>,
    undecodable: impl FnOnce(&str, &Value) -> StatusError,
) -> Result<Reply, StatusError> {
    let paths = paths(call)?.clone();
    let key = Key::new(&call.namespace, &call.name);
    let Some(old) = state.store.get(call.resource(), &key).cloned() else {
        return Err(call.not_found());
    };
    let scale = change(&scale_of(&paths, &old))?;
    let name = scale["metadata"]["name"].as_str().unwrap_or_default();
    if !name.is_empty() && name != call.name {
        return Err(StatusError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.name
        )));
    }
    let replicas = &scale["spec"]["replicas"];
    let replicas = match replicas {
        Value::Null => Value::from(0),
        Value::Number(number) if number.is_i64() || number.is_u64() => replicas.clone(),
        other => {
            let found = if other.is_string() { "string" } else { "value" };
            let problem = format!(
                "json: cannot unmarshal {found} into Go struct field ScaleSpec.spec.replicas of \
                 type int32"
            );
            return Err(undecodable(&problem, &scale));
        }
    };
    if replicas.as_i64().is_some_and(|replicas| replicas < 0) && !call.kind.custom {
        let detail = "must be greater than or equal to 0";
        let error = FieldError::invalid("spec.replicas", &replicas, detail);
        return Err(StatusError::invalid("autoscaling", "Scale", &call.name, &[error]));
    }
    let mut object = Value::clone(&old);
    set(&mut object, &paths.spec_replicas, replicas);
    // The Scale's resourceVersion is the object's; without one the write is unconditional.
    if let Some(version) = scale["metadata"]["resourceVersion"].as_str().filter(|v| !v.is_empty()) {
        object["metadata"]["resourceVersion"] = version.into();
    }
    match update::replace(state, call, &old, object, Vec::new())? {
        Reply::Object { object, .. } => Ok(Reply::json(200, &scale_of(&paths, &object))),
        other => Ok(other),
    }
}

/// What is wrong with the replica counts of a custom kind that can be scaled.
pub(super) fn replicas_problems(kind: &Kind, object: &Value, errors: &mut Vec<FieldError>) {
    let Some(paths) = &kind.scale else { return };
    for path in [&paths.spec_replicas, &paths.status_replicas] {
        let value = at(object, path);
        let field = dotted(path);
        match value.as_i64() {
            Some(number) if number < 0 => {
                let detail = "should be a non-negative integer";
                errors.push(FieldError::invalid(field, value, detail));
            }
            Some(number) if number > i64::from(i32::MAX) => {
                let detail = "should be less than or equal to 2147483647";
                errors.push(FieldError::invalid(field, value, detail));
            }
            None if !value.is_null() => {
                let ty = match value {
                    Value::Bool(_) => "bool",
                    Value::String(_) => "string",
                    Value::Array(_) => "[]interface {}",
                    Value::Object(_) => "map[string]interface {}",
                    Value::Null | Value::Number(_) => "float64",
                };
                let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let detail =
                    format!("{field} accessor error: {shown} is of the type {ty}, expected int64");
                errors.push(FieldError::invalid(field, &Value::from(0), &detail));
            }
            _ => {}
        }
    }
}
