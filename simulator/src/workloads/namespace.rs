//! The end of a namespace: everything in it goes, then it goes itself.

use serde_json::{Value, json};
use std::time::Duration;

use super::queue::Work;
use crate::api::Subresource;
use crate::kinds::GroupResource;
use crate::state::State;
use crate::store::Key;

/// How soon a namespace that is not yet empty is looked at again.
const AGAIN: Duration = Duration::from_millis(500);

/// Empties a namespace that is being deleted, and removes it when it is empty.
pub(super) fn sync(state: &mut State, name: &str) {
    let namespaces = GroupResource::new("", "namespaces");
    let key = Key::new("", name);
    let Some(namespace) = state.store.get(&namespaces, &key).cloned() else { return };
    if namespace["metadata"]["deletionTimestamp"].is_null() {
        return;
    }
    let mut left = Vec::new();
    for resource in state.store.resources_in(name) {
        for (key, object) in state.store.list(&resource, name) {
            left.push((resource.clone(), key.clone(), object.clone()));
        }
    }
    if left.is_empty() {
        let mut finished = Value::clone(&namespace);
        finished["spec"] = json!({});
        if namespace["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty) {
            state.write_internal(&namespaces, &key, Subresource::Main, None);
        } else if finished != *namespace {
            state.write_internal(&namespaces, &key, Subresource::Main, Some(finished));
        }
        return;
    }
    for (resource, key, object) in left {
        if object["metadata"]["deletionTimestamp"].is_null() {
            let options = json!({"propagationPolicy": "Background"});
            // What cannot be deleted now is met again at the next look.
            let _ = state.delete_internal(&resource, &key, &object["metadata"]["uid"], options);
        }
    }
    state.work.later(Work::Namespace(name.to_owned()), AGAIN);
}
