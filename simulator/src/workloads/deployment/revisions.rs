//! The ReplicaSets of a Deployment: which one is new, what it is called, and their annotations.

use serde_json::{Map, Value, json};
use std::sync::Arc;

use super::{Rollout, deployments, replica_sets, rolling::max_surge};
use crate::api::Subresource;
use crate::clock::rfc3339;
use crate::state::State;
use crate::status_error::StatusError;
use crate::store::Key;
use crate::workloads::{condition, set_condition, template};

pub(super) const HASH_LABEL: &str = "pod-template-hash";
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX: &str = "deployment.kubernetes.io/max-replicas";
/// Annotations of a Deployment that its ReplicaSets do not take over.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];
/// The characters of a hash in a name: no vowels, so no words.
const HASH_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The number of a revision; 0 for none.
pub(super) fn revision_of(object: &Value) -> i64 {
    let text = object["metadata"]["annotations"][REVISION].as_str();
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A pod template without the label that tells ReplicaSets apart.
fn plain(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(HASH_LABEL);
    }
    template
}

/// Whether a ReplicaSet is of the present template.
pub(super) fn is_of(set: &Value, deployment: &Value) -> bool {
    plain(&set["spec"]["template"]) == plain(&deployment["spec"]["template"])
}

/// As `pod-template-hash` is: FNV-1a of the template, in letters. The value is not that of a real
/// cluster, which hashes the template as Go prints it.
fn hash(template: &Value, collisions: i64) -> String {
    let text = match collisions {
        0 => template.to_string(),
        n => format!("{template}{n}"),
    };
    let fold = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let number = text.bytes().fold(0x811c_9dc5, fold);
    let letter = |digit: u8| char::from(HASH_ALPHABET[usize::from(digit) % HASH_ALPHABET.len()]);
    number.to_string().bytes().map(letter).collect()
}

/// Puts the annotations of the Deployment and its revision on its new ReplicaSet; whether that
/// changes it.
fn annotate(set: &mut Value, deployment: &Value, revision: i64, is_new: bool) {
    let old = revision_of(set);
    let taken = deployment["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    let mut annotations = set["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    for (key, value) in taken.into_iter().filter(|(key, _)| !OWN.contains(&key.as_str())) {
        annotations.insert(key, value);
    }
    if old < revision {
        annotations.insert(REVISION.into(), revision.to_string().into());
        if old > 0 {
            let history = annotations.get(REVISION_HISTORY).and_then(Value::as_str);
            let history = history.map_or_else(|| old.to_string(), |all| format!("{all},{old}"));
            annotations.insert(REVISION_HISTORY.into(), history.into());
        }
    }
    if is_new {
        size_annotations(&mut annotations, deployment);
    }
    set["metadata"]["annotations"] = Value::Object(annotations);
}

/// How many pods the Deployment is to have, and may have at most.
pub(super) fn size_annotations(annotations: &mut Map<String, Value>, deployment: &Value) {
    let replicas = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    annotations.insert(DESIRED.into(), replicas.to_string().into());
    annotations.insert(MAX.into(), (replicas + max_surge(deployment)).to_string().into());
}

impl Rollout {
    /// Makes sure that the new ReplicaSet is annotated as it should be, and exists if it may be
    /// created.
    ///
    /// # Errors
    /// The refusal of a write.
    pub(super) fn settle_new(
        &mut self,
        state: &mut State,
        may_create: bool,
    ) -> Result<(), StatusError> {
        let revision = self.old.iter().map(|set| revision_of(set)).max().unwrap_or(0) + 1;
        if let Some(found) = &self.new {
            let mut set = Value::clone(found);
            annotate(&mut set, &self.deployment, revision, false);
            let minimum = self.deployment["spec"].get("minReadySeconds");
            match (minimum, set["spec"].as_object_mut()) {
                (Some(seconds), Some(spec)) => {
                    spec.insert("minReadySeconds".into(), seconds.clone());
                }
                (None, Some(spec)) => {
                    spec.remove("minReadySeconds");
                }
                (_, None) => {}
            }
            let set = self.write_set(state, set)?;
            let message = format!("Found new replica set {:?}", super::name(&set));
            let revision = revision_of(&set);
            self.new = Some(set);
            return self.note(state, revision, ("FoundNewReplicaSet", &message));
        }
        if !may_create {
            return Ok(());
        }
        let set = self.create_new(state, revision)?;
        let message = format!("Created new replica set {:?}", super::name(&set));
        self.new = Some(set);
        self.note(state, revision, ("NewReplicaSetCreated", &message))
    }

    fn create_new(&mut self, state: &mut State, revision: i64) -> Result<Arc<Value>, StatusError> {
        let collisions = self.deployment["status"]["collisionCount"].as_i64().unwrap_or(0);
        let template = &self.deployment["spec"]["template"];
        let hash = hash(template, collisions);
        let name = format!("{}-{hash}", super::name(&self.deployment));
        let mut template = template.clone();
        template["metadata"]["labels"][HASH_LABEL] = hash.as_str().into();
        let mut selector = self.deployment["spec"]["selector"].clone();
        selector["matchLabels"][HASH_LABEL] = hash.as_str().into();
        let mut set = json!({
            "metadata": {
                "name": name,
                "labels": template["metadata"]["labels"],
                "ownerReferences": [template::owner_reference(&self.deployment)],
            },
            "spec": {"selector": selector, "template": template, "replicas": self.size_of_new(0)},
        });
        let minimum = &self.deployment["spec"]["minReadySeconds"];
        if !minimum.is_null() {
            set["spec"]["minReadySeconds"] = minimum.clone();
        }
        annotate(&mut set, &self.deployment, revision, true);
        match state.create_internal(&replica_sets(), &self.key.namespace, set) {
            // The name is another template's: the next name is tried.
            Err(error) if error.code == 409 => {
                let mut object = Value::clone(&self.deployment);
                object["status"]["collisionCount"] = (collisions + 1).into();
                self.write_status(state, object)?;
                Err(error)
            }
            Err(error) if error.is_of_terminating_namespace() => Err(error),
            Err(error) => {
                let why = format!("Failed to create new replica set {name:?}: {}", error.message);
                self.progress(state, "False", "ReplicaSetCreateError", &why)?;
                Err(error)
            }
            created => created,
        }
    }

    /// Notes the revision, and progress where none has been noted yet, or a new set has come.
    fn note(
        &mut self,
        state: &mut State,
        revision: i64,
        (reason, message): (&str, &str),
    ) -> Result<(), StatusError> {
        let mut object = Value::clone(&self.deployment);
        object["metadata"]["annotations"][REVISION] = revision.to_string().into();
        let has_none = condition(&object, "Progressing").is_none();
        if super::has_deadline(&object) && (has_none || reason == "NewReplicaSetCreated") {
            let now = rfc3339(state.now());
            set_progress(&mut object, "True", reason, message, &now);
        }
        self.write_status(state, object)
    }

    fn progress(
        &mut self,
        state: &mut State,
        status: &str,
        reason: &str,
        message: &str,
    ) -> Result<(), StatusError> {
        let mut object = Value::clone(&self.deployment);
        let now = rfc3339(state.now());
        set_progress(&mut object, status, reason, message, &now);
        self.write_status(state, object)
    }

    /// Writes a ReplicaSet if it has changed; as it is then.
    pub(super) fn write_set(
        &self,
        state: &mut State,
        set: Value,
    ) -> Result<Arc<Value>, StatusError> {
        let key = Key::new(&self.key.namespace, super::name(&set));
        if let Some(found) = state.store.get(&replica_sets(), &key).filter(|found| ***found == set)
        {
            return Ok(found.clone());
        }
        state.update_internal(&replica_sets(), &key, Subresource::Main, set)
    }

    /// Writes the Deployment's status and annotations if they have changed.
    pub(super) fn write_status(
        &mut self,
        state: &mut State,
        object: Value,
    ) -> Result<(), StatusError> {
        if object != *self.deployment {
            let key = self.key.clone();
            self.deployment =
                state.update_internal(&deployments(), &key, Subresource::Status, object)?;
        }
        Ok(())
    }
}

/// Puts a condition as Deployments have them: one of the same status and reason stays as it is.
pub(super) fn set_deployment_condition(object: &mut Value, fresh: Value, now: &str) {
    let ty = fresh["type"].as_str().unwrap_or_default().to_owned();
    let old = condition(object, &ty);
    if old.is_some_and(|old| old["status"] == fresh["status"] && old["reason"] == fresh["reason"]) {
        return;
    }
    put_last(object, fresh, now);
}

/// Puts a condition last; it takes the place of the one of its type.
pub(super) fn put_last(object: &mut Value, mut fresh: Value, now: &str) {
    fresh["lastUpdateTime"] = now.into();
    let ty = fresh["type"].as_str().unwrap_or_default().to_owned();
    set_condition(object, fresh, now);
    let Some(list) = object["status"]["conditions"].as_array_mut() else { return };
    if let Some(place) = list.iter().position(|condition| condition["type"] == ty.as_str()) {
        let condition = list.remove(place);
        list.push(condition);
    }
}

pub(super) fn set_progress(
    object: &mut Value,
    status: &str,
    reason: &str,
    message: &str,
    now: &str,
) {
    let fresh = json!({"type": "Progressing", "status": status, "reason": reason,
        "message": message});
    set_deployment_condition(object, fresh, now);
}
