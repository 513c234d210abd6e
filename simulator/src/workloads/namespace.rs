//! The end of a namespace: its pods go, then everything else in it, then it goes itself.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::queue::Work;
use super::{pods, set_condition};
use crate::api::Subresource;
use crate::clock::rfc3339;
use crate::kinds::GroupResource;
use crate::state::State;
use crate::store::Key;

/// How soon a namespace that is not yet empty is looked at again.
const AGAIN: Duration = Duration::from_millis(500);

fn namespaces() -> GroupResource {
    GroupResource::new("", "namespaces")
}

/// Empties a namespace that is being deleted, and removes it when it is empty.
pub(super) fn sync(state: &mut State, name: &str) {
    let key = Key::new("", name);
    let Some(namespace) = state.store.get(&namespaces(), &key).cloned() else { return };
    if namespace["metadata"]["deletionTimestamp"].is_null() {
        return;
    }
    // Pods first: what they need is there until they are gone.
    let pods_left = contents(state, name, |resource| *resource == pods());
    let only_pods = !pods_left.is_empty();
    let left = if only_pods { pods_left } else { contents(state, name, |_| true) };
    if left.is_empty() {
        let mut finished = Value::clone(&namespace);
        finished["spec"] = json!({});
        if namespace["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty) {
            state.write_internal(&namespaces(), &key, Subresource::Main, None);
        } else if finished != *namespace {
            state.write_internal(&namespaces(), &key, Subresource::Main, Some(finished));
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
    say_what_remains(state, &key, &namespace, only_pods);
    state.work.later(Work::Namespace(name.to_owned()), AGAIN);
}

type Found = (GroupResource, Key, Arc<Value>);

fn contents(state: &State, name: &str, wanted: impl Fn(&GroupResource) -> bool) -> Vec<Found> {
    let mut found = Vec::new();
    for resource in state.store.resources_in(name).into_iter().filter(wanted) {
        for (key, object) in state.store.list(&resource, name) {
            found.push((resource.clone(), key.clone(), object.clone()));
        }
    }
    found
}

/// Says in the namespace what is still in it, and what holds that back. As long as there are pods,
/// the real controller looks no further and says that nothing is.
fn say_what_remains(state: &mut State, key: &Key, namespace: &Value, only_pods: bool) {
    let mut resources: BTreeMap<String, usize> = BTreeMap::new();
    let mut finalizers: BTreeMap<String, usize> = BTreeMap::new();
    for (resource, _, object) in contents(state, &key.name, |_| !only_pods) {
        let name = format!("{}.{}", resource.resource, resource.group);
        *resources.entry(name).or_default() += 1;
        let names = object["metadata"]["finalizers"].as_array();
        for name in names.into_iter().flatten().filter_map(Value::as_str) {
            *finalizers.entry(name.to_owned()).or_default() += 1;
        }
    }
    let listed = |counts: &BTreeMap<String, usize>, word: &str| {
        let one =
            |(name, count): (&String, &usize)| format!("{name} {word} {count} resource instances");
        counts.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let remaining = match resources.is_empty() {
        true => ("False", "ContentRemoved", "All content successfully removed".to_owned()),
        false => {
            let list = listed(&resources, "has");
            ("True", "SomeResourcesRemain", format!("Some resources are remaining: {list}"))
        }
    };
    let held = match finalizers.is_empty() {
        true => {
            let message = "All content-preserving finalizers finished".to_owned();
            ("False", "ContentHasNoFinalizers", message)
        }
        false => {
            let list = listed(&finalizers, "in");
            let message = format!("Some content in the namespace has finalizers remaining: {list}");
            ("True", "SomeFinalizersRemain", message)
        }
    };
    let mut object = namespace.clone();
    let now = rfc3339(state.now());
    let said = |text: &str| text.to_owned();
    let discovered = said("All resources successfully discovered");
    let parsed = said("All legacy kube types successfully parsed");
    let deleted = said("All content successfully deleted, may be waiting on finalization");
    for (ty, (status, reason, message)) in [
        ("NamespaceDeletionDiscoveryFailure", ("False", "ResourcesDiscovered", discovered)),
        ("NamespaceDeletionGroupVersionParsingFailure", ("False", "ParsedGroupVersions", parsed)),
        ("NamespaceDeletionContentFailure", ("False", "ContentDeleted", deleted)),
        ("NamespaceContentRemaining", remaining),
        ("NamespaceFinalizersRemaining", held),
    ] {
        let fresh = json!({"type": ty, "status": status, "reason": reason, "message": message});
        set_condition(&mut object, fresh, &now);
    }
    if object != *namespace {
        state.write_internal(&namespaces(), key, Subresource::Status, Some(object));
    }
}
