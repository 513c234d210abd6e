//! DELETE of an object.

use chrono::{DateTime, Duration};
use serde_json::{Value, json};
use std::sync::Arc;

use super::{Call, Reply, body, success};
use crate::clock::rfc3339;
use crate::kinds::Kind;
use crate::state::State;
use crate::status_error::{FieldError, StatusError};
use crate::store::Key;

/// Waits for the dependents to be released.
pub(crate) const ORPHAN_FINALIZER: &str = "orphan";
/// Waits for the dependents to be deleted.
pub(crate) const FOREGROUND_FINALIZER: &str = "foregroundDeletion";

/// DELETE.
pub(super) fn delete(state: &mut State, call: &Call) -> Result<Reply, StatusError> {
    let mut options = body::delete_options(call)?;
    for field in ["propagationPolicy", "gracePeriodSeconds"] {
        if let Some(value) = call.query.get(field) {
            options[field] = value.parse::<i64>().map_or(value.as_str().into(), Value::from);
        }
    }
    let key = Key::new(&call.namespace, &call.name);
    let Some(old) = state.store.get(call.resource(), &key).cloned() else {
        return Err(call.not_found());
    };
    check_options(&options)?;
    check_preconditions(call, &options, &old)?;
    let dry_run = call.is_dry_run() || options["dryRun"] == json!(["All"]);
    let kind = call.kind.clone();

    let mut object = Value::clone(&old);
    set_finalizers(&kind, &mut object, &options);
    let grace = grace_seconds(&kind, &old, &options);
    let pending = object["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty())
        || kind.kind == "Namespace" && old["spec"]["finalizers"].as_array().is_some();
    let deleting = !old["metadata"]["deletionTimestamp"].is_null();
    let old_grace = old["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
    // A deletion under way can be hastened, not restarted.
    if deleting && old_grace > 0 && grace >= old_grace {
        return Ok(Reply::object(200, old));
    }
    let graceful = kind.kind == "Pod";
    if graceful || pending {
        mark(state, &kind, &old, &mut object, grace);
    }
    let mut stored = old.clone();
    if (graceful || pending) && !dry_run && object != *old {
        stored = match state.commit(&kind, &key, Some(object.clone())) {
            Some(change) => change.object.clone(),
            None => stored,
        };
    } else if dry_run {
        stored = Arc::new(object);
    }
    if grace == 0 && !pending {
        let gone = if dry_run { None } else { state.remove(&kind, &key) };
        return Ok(if kind.returns_deleted {
            Reply::object(200, gone.unwrap_or(stored))
        } else {
            let uid = old["metadata"]["uid"].as_str().unwrap_or_default();
            Reply::json(200, &success(call, uid))
        });
    }
    let mut warnings = Vec::new();
    if kind.kind == "Job" && options["propagationPolicy"].is_null() {
        warnings.push(
            "child pods are preserved by default when jobs are deleted; set \
             propagationPolicy=Background to remove them or set propagationPolicy=Orphan to \
             suppress this warning"
                .to_owned(),
        );
    }
    Ok(Reply::Object { code: 200, object: stored, warnings })
}

/// Notes in the object that it is being deleted, and until when.
fn mark(state: &State, kind: &Kind, old: &Value, object: &mut Value, grace: i64) {
    let now = state.options.clock.now();
    let metadata = &old["metadata"];
    let deadline = match metadata["deletionTimestamp"].as_str() {
        None => now + Duration::seconds(grace),
        // Hastened: counted from when the deletion began, but not into the past.
        Some(before) => {
            let old_grace = metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
            let before = DateTime::parse_from_rfc3339(before).unwrap_or_default().to_utc();
            if grace < old_grace {
                (before - Duration::seconds(old_grace - grace)).max(now)
            } else {
                before
            }
        }
    };
    object["metadata"]["deletionTimestamp"] = rfc3339(deadline).into();
    if metadata["deletionTimestamp"].is_null()
        && let Some(generation) = metadata["generation"].as_i64()
    {
        object["metadata"]["generation"] = (generation + 1).into();
    }
    if kind.kind == "Namespace" {
        object["status"]["phase"] = "Terminating".into();
    } else {
        object["metadata"]["deletionGracePeriodSeconds"] = grace.into();
    }
}

fn check_options(options: &Value) -> Result<(), StatusError> {
    let policy = &options["propagationPolicy"];
    let allowed = ["Foreground", "Background", "Orphan"];
    if policy.is_null() || allowed.iter().any(|allowed| policy == allowed) {
        return Ok(());
    }
    let mut values = allowed.map(str::to_owned).to_vec();
    values.push("nil".to_owned());
    let error = FieldError::not_supported("propagationPolicy", policy, &values);
    Err(StatusError::invalid("meta.k8s.io", "DeleteOptions", "", &[error]))
}

pub(super) fn check_preconditions(
    call: &Call,
    options: &Value,
    old: &Value,
) -> Result<(), StatusError> {
    let preconditions = &options["preconditions"];
    for (field, title, doubt) in [
        ("uid", "UID", "The object might have been deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "The object might have been modified"),
    ] {
        let Some(wanted) = preconditions[field].as_str() else { continue };
        let found = old["metadata"][field].as_str().unwrap_or_default();
        if wanted != found {
            let why = format!(
                "the {title} in the precondition ({wanted}) does not match the {title} in record \
                 ({found}). {doubt}"
            );
            // Here the server names the kind where it names the resource elsewhere.
            let mut resource = call.resource().clone();
            resource.resource = call.kind.kind.clone();
            return Err(StatusError::conflict(&resource, &call.name, &why));
        }
    }
    Ok(())
}

/// The finalizers that the propagation policy asks for, beside the object's own.
fn set_finalizers(kind: &Kind, object: &mut Value, options: &Value) {
    let finalizers = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let has = |name: &str| finalizers.iter().any(|finalizer| finalizer == name);
    let wanted = match options["propagationPolicy"].as_str() {
        Some("Orphan") => Some(ORPHAN_FINALIZER),
        Some("Foreground") => Some(FOREGROUND_FINALIZER),
        Some(_) => None,
        // Without a policy, what the object already waits for, and what the kind is used to.
        None if has(ORPHAN_FINALIZER) => Some(ORPHAN_FINALIZER),
        None if has(FOREGROUND_FINALIZER) => Some(FOREGROUND_FINALIZER),
        None if kind.kind == "Job" => Some(ORPHAN_FINALIZER),
        None => None,
    };
    let mut kept: Vec<Value> = finalizers
        .iter()
        .filter(|name| **name != ORPHAN_FINALIZER && **name != FOREGROUND_FINALIZER)
        .cloned()
        .collect();
    kept.extend(wanted.map(Value::from));
    if let Some(metadata) = object["metadata"].as_object_mut() {
        if kept.is_empty() {
            metadata.remove("finalizers");
        } else {
            metadata.insert("finalizers".into(), kept.into());
        }
    }
}

/// How long the object may take to go; only running pods take time.
fn grace_seconds(kind: &Kind, old: &Value, options: &Value) -> i64 {
    let assigned = old["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
    let phase = old["status"]["phase"].as_str().unwrap_or_default();
    if kind.kind != "Pod" || !assigned || matches!(phase, "Succeeded" | "Failed") {
        return 0;
    }
    let requested = options["gracePeriodSeconds"].as_i64();
    let default = old["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
    match requested.unwrap_or(default) {
        seconds if seconds < 0 => 1,
        seconds => seconds,
    }
}

impl State {
    /// Takes an object out of the store; returns its last state.
    pub(crate) fn remove(&mut self, kind: &Kind, key: &Key) -> Option<Arc<Value>> {
        let change = self.commit(kind, key, None)?;
        self.obey_crd(&change);
        Some(change.object.clone())
    }
}
