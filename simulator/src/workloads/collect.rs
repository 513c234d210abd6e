//! The garbage collector: what has lost its owners goes, and owners wait for their dependents
//! where the deletion asks for that.

use serde_json::{Value, json};

use super::queue::Work;
use crate::api::{Payload, Subresource, Verb, route::Target};
use crate::kinds::GroupResource;
use crate::state::State;
use crate::store::Key;

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// Looks at one object: as an owner that is being deleted, and as a dependent.
pub(super) fn sync(state: &mut State, resource: &GroupResource, key: &Key) {
    let Some(object) = state.store.get(resource, key).cloned() else { return };
    let deleting = !object["metadata"]["deletionTimestamp"].is_null();
    if deleting && has_finalizer(&object, ORPHAN) {
        orphan(state, resource, key, &object);
        return;
    }
    if deleting && has_finalizer(&object, FOREGROUND) {
        delete_dependents(state, resource, key, &object);
        return;
    }
    if !deleting {
        attend_to_owners(state, resource, key, &object);
    }
}

pub(super) fn has_finalizer(object: &Value, name: &str) -> bool {
    let finalizers = object["metadata"]["finalizers"].as_array();
    finalizers.into_iter().flatten().any(|finalizer| finalizer == name)
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

fn patch(state: &mut State, resource: &GroupResource, key: &Key, patch: Value) {
    let target = Target {
        resource,
        namespace: &key.namespace,
        name: &key.name,
        subresource: Subresource::Main,
    };
    let missing = |code| code == 404;
    if let Err(error) = state.internal(Verb::Patch, target, Payload::Json(patch), &[])
        && !missing(error.code)
    {
        let again = std::time::Duration::from_secs(1);
        state.work.later(Work::Collect(resource.clone(), key.clone()), again);
    }
}

pub(super) fn remove_finalizer(state: &mut State, resource: &GroupResource, key: &Key, name: &str) {
    let Some(object) = state.store.get(resource, key) else { return };
    let finalizers = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let kept: Vec<Value> = finalizers.into_iter().filter(|other| other != name).collect();
    patch(state, resource, key, json!({"metadata": {"finalizers": kept}}));
}

/// Takes the owner out of all its dependents, then lets it go.
fn orphan(state: &mut State, resource: &GroupResource, key: &Key, owner: &Value) {
    for (dependent_resource, dependent) in state.store.dependents(uid(owner)) {
        remove_owners(state, &dependent_resource, &dependent, &[uid(owner).to_owned()]);
    }
    remove_finalizer(state, resource, key, ORPHAN);
}

fn remove_owners(state: &mut State, resource: &GroupResource, key: &Key, uids: &[String]) {
    let Some(object) = state.store.get(resource, key) else { return };
    let owners = object["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
    let kept: Vec<Value> = owners
        .into_iter()
        .filter(|owner| !uids.iter().any(|uid| owner["uid"] == uid.as_str()))
        .collect();
    // An empty list would stay in custom objects.
    let kept = if kept.is_empty() { Value::Null } else { Value::from(kept) };
    patch(state, resource, key, json!({"metadata": {"ownerReferences": kept}}));
}

/// Deletes the dependents that block the owner; without any, lets it go.
fn delete_dependents(state: &mut State, resource: &GroupResource, key: &Key, owner: &Value) {
    let mut blocked = false;
    for (dependent_resource, dependent) in state.store.dependents(uid(owner)) {
        let Some(object) = state.store.get(&dependent_resource, &dependent).cloned() else {
            continue;
        };
        let owners = object["metadata"]["ownerReferences"].as_array();
        let blocks = owners.into_iter().flatten().any(|reference| {
            reference["uid"] == uid(owner) && reference["blockOwnerDeletion"] == true
        });
        if !blocks {
            continue;
        }
        blocked = true;
        if object["metadata"]["deletionTimestamp"].is_null() {
            attend_to_owners(state, &dependent_resource, &dependent, &object);
        }
    }
    if !blocked {
        remove_finalizer(state, resource, key, FOREGROUND);
    }
}

/// Deletes an object that has no owner left, and cleans up references to owners that are gone.
fn attend_to_owners(state: &mut State, resource: &GroupResource, key: &Key, object: &Value) {
    let owners = object["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
    if owners.is_empty() {
        return;
    }
    let (mut solid, mut gone, mut waiting) = (0, Vec::new(), Vec::new());
    for reference in &owners {
        let owner_uid = reference["uid"].as_str().unwrap_or_default();
        let owner = state.store.by_uid(owner_uid).cloned();
        let owner = owner.and_then(|(resource, key)| state.store.get(&resource, &key).cloned());
        match owner {
            None => gone.push(owner_uid.to_owned()),
            Some(owner)
                if !owner["metadata"]["deletionTimestamp"].is_null()
                    && has_finalizer(&owner, FOREGROUND) =>
            {
                waiting.push(owner_uid.to_owned());
            }
            Some(_) => solid += 1,
        }
    }
    if solid > 0 {
        let lost: Vec<String> = gone.into_iter().chain(waiting).collect();
        if !lost.is_empty() {
            remove_owners(state, resource, key, &lost);
        }
        return;
    }
    let policy = if !waiting.is_empty() && !state.store.dependents(uid(object)).is_empty() {
        "Foreground"
    } else if has_finalizer(object, ORPHAN) {
        "Orphan"
    } else if has_finalizer(object, FOREGROUND) {
        "Foreground"
    } else {
        "Background"
    };
    let options = json!({"propagationPolicy": policy});
    let deleted = state.delete_internal(resource, key, &object["metadata"]["uid"], options);
    if deleted.is_err_and(|error| error.code != 404) {
        let again = std::time::Duration::from_secs(1);
        state.work.later(Work::Collect(resource.clone(), key.clone()), again);
    }
}
