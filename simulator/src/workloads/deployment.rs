//! The Deployment controller: a ReplicaSet for each template, and pods that move from the old ones
//! to the new one.

mod revisions;
mod rolling;
mod status;

use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

use super::queue::Work;
use super::{controller_of, pods, template};
use crate::kinds::GroupResource;
use crate::selector::LabelSelector;
use crate::state::State;
use crate::status_error::StatusError;
use crate::store::Key;
use revisions::{DESIRED, is_of, revision_of};

/// How soon a refused write is tried again.
const RETRY: Duration = Duration::from_secs(1);

fn deployments() -> GroupResource {
    GroupResource::new("apps", "deployments")
}

fn replica_sets() -> GroupResource {
    GroupResource::new("apps", "replicasets")
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn count(object: &Value, part: &str, field: &str) -> i64 {
    object[part][field].as_i64().unwrap_or(0)
}

/// How many pods a ReplicaSet is asked for.
fn size(set: &Value) -> i64 {
    count(set, "spec", "replicas")
}

fn has_deadline(deployment: &Value) -> bool {
    deployment["spec"]["progressDeadlineSeconds"]
        .as_i64()
        .is_some_and(|seconds| seconds != i64::from(i32::MAX))
}

/// A Deployment with its ReplicaSets, as one sync finds and changes them.
struct Rollout {
    key: Key,
    deployment: Arc<Value>,
    new: Option<Arc<Value>>,
    /// The others, the oldest first.
    old: Vec<Arc<Value>>,
}

/// Brings one Deployment closer to what it should be.
pub(super) fn sync(state: &mut State, key: &Key) {
    let Some(deployment) = state.store.get(&deployments(), key).cloned() else { return };
    let mut rollout = Rollout { key: key.clone(), deployment, new: None, old: Vec::new() };
    if let Err(error) = rollout.sync(state)
        && !error.is_of_terminating_namespace()
    {
        state.work.later(Work::Deployment(key.clone()), RETRY);
    }
}

impl Rollout {
    fn sync(&mut self, state: &mut State) -> Result<(), StatusError> {
        let lives = self.deployment["metadata"]["deletionTimestamp"].is_null();
        if lives {
            self.claim(state);
        }
        self.find(state);
        if !lives {
            return self.write_counts(state);
        }
        self.note_pause(state)?;
        let paused = self.deployment["spec"]["paused"] == true;
        if paused || self.was_scaled() {
            self.settle_new(state, false)?;
            self.scale(state)?;
            return self.write_counts(state);
        }
        let moved = match self.deployment["spec"]["strategy"]["type"].as_str() {
            Some("Recreate") => self.recreate(state)?,
            _ => self.roll(state)?,
        };
        if !moved && self.is_complete() {
            self.clean_up(state);
        }
        self.write_progress(state)
    }

    /// The ReplicaSets that the Deployment controls, the oldest first.
    fn find(&mut self, state: &State) {
        let uid = &self.deployment["metadata"]["uid"];
        let dependents = state.store.dependents(uid.as_str().unwrap_or_default());
        let mut sets: Vec<Arc<Value>> = dependents
            .iter()
            .filter(|(resource, _)| *resource == replica_sets())
            .filter_map(|(resource, key)| state.store.get(resource, key))
            .filter(|set| controller_of(set).is_some_and(|owner| owner["uid"] == *uid))
            .cloned()
            .collect();
        let age = |set: &Value| {
            let created = set["metadata"]["creationTimestamp"].as_str().unwrap_or_default();
            (created.to_owned(), revision_of(set), name(set).to_owned())
        };
        sets.sort_by_key(|set| age(set));
        let newest = sets.iter().position(|set| is_of(set, &self.deployment));
        self.new = newest.map(|index| sets.remove(index));
        self.old = sets;
    }

    /// Adopts ReplicaSets that match and belong to nobody, and releases those that match no longer.
    fn claim(&self, state: &mut State) {
        let selector = LabelSelector::from_object(&self.deployment["spec"]["selector"]);
        let uid = &self.deployment["metadata"]["uid"];
        let mut changed = Vec::new();
        for (_, set) in state.store.list(&replica_sets(), &self.key.namespace) {
            let own = controller_of(set).is_some_and(|owner| owner["uid"] == *uid);
            let orphan =
                controller_of(set).is_none() && set["metadata"]["deletionTimestamp"].is_null();
            let mut object = Value::clone(set);
            let owners = &mut object["metadata"]["ownerReferences"];
            if owners.is_null() {
                *owners = json!([]);
            }
            let Some(owners) = owners.as_array_mut() else { continue };
            match selector.matches(set) {
                true if orphan => owners.push(template::owner_reference(&self.deployment)),
                false if own => owners.retain(|owner| owner["uid"] != *uid),
                _ => continue,
            }
            changed.push(object);
        }
        for set in changed {
            // One that cannot be claimed now is met again at the next look.
            let _ = self.write_set(state, set);
        }
    }

    /// Whether `spec.replicas` has changed since the ReplicaSets were sized.
    fn was_scaled(&self) -> bool {
        let replicas = size(&self.deployment);
        self.all().filter(|set| size(set) > 0).any(|set| {
            let noted = set["metadata"]["annotations"][DESIRED].as_str();
            noted.and_then(|text| text.parse::<i64>().ok()).is_some_and(|noted| noted != replicas)
        })
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.old.iter().chain(&self.new)
    }

    /// All old pods go before the first new one comes. Whether a ReplicaSet was scaled.
    fn recreate(&mut self, state: &mut State) -> Result<bool, StatusError> {
        self.settle_new(state, false)?;
        let mut moved = false;
        for index in 0..self.old.len() {
            moved |= self.resize_old(state, index, 0)?;
        }
        if moved || self.old_pods_run(state) {
            return Ok(true);
        }
        self.settle_new(state, true)?;
        self.resize_new(state, size(&self.deployment))
    }

    /// Whether a pod of an old version is still there, if only on its way out.
    fn old_pods_run(&self, state: &State) -> bool {
        let over =
            |pod: &Value| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        self.old.iter().any(|set| {
            let uid = set["metadata"]["uid"].as_str().unwrap_or_default();
            let dependents = state.store.dependents(uid);
            let mut pods = dependents
                .iter()
                .filter(|(resource, _)| *resource == pods())
                .filter_map(|(resource, key)| state.store.get(resource, key));
            count(set, "status", "replicas") > 0 || pods.any(|pod| !over(pod))
        })
    }

    /// Deletes the oldest empty ReplicaSets beyond `spec.revisionHistoryLimit`.
    fn clean_up(&self, state: &mut State) {
        let limit = self.deployment["spec"]["revisionHistoryLimit"].as_u64();
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let mut sets: Vec<&Arc<Value>> = self.old.iter().collect();
        sets.retain(|set| set["metadata"]["deletionTimestamp"].is_null());
        sets.sort_by_key(|set| revision_of(set));
        for set in sets.iter().take(sets.len().saturating_sub(limit)) {
            let seen = count(set, "status", "observedGeneration");
            let idle = count(set, "status", "replicas") == 0 && size(set) == 0;
            if !idle || count(set, "metadata", "generation") > seen {
                continue;
            }
            let key = Key::new(&self.key.namespace, name(set));
            let background = json!({"propagationPolicy": "Background"});
            // One that cannot be deleted now is met again at the next look.
            let _ =
                state.delete_internal(&replica_sets(), &key, &set["metadata"]["uid"], background);
        }
    }
}
