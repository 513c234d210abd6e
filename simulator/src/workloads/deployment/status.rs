//! The status of a Deployment.

use chrono::Duration;
use serde_json::{Value, json};

use super::revisions::{put_last, set_deployment_condition, set_progress};
use super::rolling::max_unavailable;
use super::{Rollout, count, has_deadline, name, size};
use crate::clock::rfc3339;
use crate::state::State;
use crate::status_error::StatusError;
use crate::workloads::queue::Work;
use crate::workloads::{condition, time, until};

impl Rollout {
    /// The Deployment with its pods counted, and whether enough of them are available.
    fn counted(&self, now: &str) -> Value {
        let mut object = Value::clone(&self.deployment);
        let sum =
            |part: &str, field: &str| self.all().map(|set| count(set, part, field)).sum::<i64>();
        let available = sum("status", "availableReplicas");
        let updated = self.new.as_ref().map_or(0, |set| count(set, "status", "replicas"));
        let generation = object["metadata"]["generation"].clone();
        if !object["status"].is_object() {
            object["status"] = json!({});
        }
        if let Some(status) = object["status"].as_object_mut() {
            status.insert("observedGeneration".into(), generation);
            for (field, number) in [
                ("replicas", sum("status", "replicas")),
                ("updatedReplicas", updated),
                ("readyReplicas", sum("status", "readyReplicas")),
                ("availableReplicas", available),
                ("unavailableReplicas", (sum("spec", "replicas") - available).max(0)),
            ] {
                match number {
                    0 => status.remove(field),
                    number => status.insert(field.into(), number.into()),
                };
            }
        }
        let enough = available >= size(&self.deployment) - max_unavailable(&self.deployment);
        let (value, reason, message) = match enough {
            true => ("True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
            false => (
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            ),
        };
        let fresh = json!({"type": "Available", "status": value, "reason": reason,
            "message": message});
        set_deployment_condition(&mut object, fresh, now);
        object
    }

    /// Writes the counts alone: what a Deployment does that is paused, scaled or going.
    pub(super) fn write_counts(&mut self, state: &mut State) -> Result<(), StatusError> {
        let counted = self.counted(&rfc3339(state.now()));
        self.write_status(state, counted)
    }

    /// Whether all pods that are wanted are new and available, by the status that was written last.
    pub(super) fn is_complete(&self) -> bool {
        is_complete(&self.deployment)
    }

    /// Writes the counts, and how the rollout gets on.
    pub(super) fn write_progress(&mut self, state: &mut State) -> Result<(), StatusError> {
        let now = rfc3339(state.now());
        let mut object = self.counted(&now);
        let before = condition(&self.deployment, "Progressing").cloned();
        if !has_deadline(&object) {
            remove_condition(&mut object, "Progressing");
        } else if !rests(&object, before.as_ref()) {
            self.note_progress(state, &mut object, before.as_ref(), &now);
        }
        let failure =
            self.new.iter().chain(&self.old).find_map(|set| condition(set, "ReplicaFailure"));
        match failure {
            Some(failure) => {
                let mut failure = failure.clone();
                failure["type"] = "ReplicaFailure".into();
                set_deployment_condition(&mut object, failure, &now);
            }
            None => remove_condition(&mut object, "ReplicaFailure"),
        }
        self.write_status(state, object)?;
        self.watch_the_clock(state);
        Ok(())
    }

    fn note_progress(&self, state: &State, object: &mut Value, before: Option<&Value>, now: &str) {
        let of = match &self.new {
            Some(set) => format!("ReplicaSet {:?}", name(set)),
            None => format!("Deployment {:?}", name(&self.deployment)),
        };
        if is_complete(object) {
            let message = format!("{of} has successfully progressed.");
            set_progress(object, "True", "NewReplicaSetAvailable", &message, now);
        } else if has_progressed(&self.deployment, object) {
            let fresh = json!({"type": "Progressing", "status": "True",
                "reason": "ReplicaSetUpdated", "message": format!("{of} is progressing.")});
            put_last(object, fresh, now);
        } else if self.is_timed_out(state, before) {
            let message = format!("{of} has timed out progressing.");
            set_progress(object, "False", "ProgressDeadlineExceeded", &message, now);
        }
    }

    fn deadline(&self) -> Duration {
        Duration::seconds(count(&self.deployment, "spec", "progressDeadlineSeconds"))
    }

    fn is_timed_out(&self, state: &State, progressing: Option<&Value>) -> bool {
        let Some(condition) = progressing else { return false };
        match condition["reason"].as_str() {
            Some("NewReplicaSetAvailable" | "DeploymentPaused") => false,
            Some("ProgressDeadlineExceeded") => true,
            _ => time(&condition["lastUpdateTime"])
                .is_some_and(|since| since + self.deadline() < state.now()),
        }
    }

    /// A rollout that is under way comes back when its time is up, whether or not anything happens.
    fn watch_the_clock(&self, state: &mut State) {
        let Some(condition) = condition(&self.deployment, "Progressing") else { return };
        let over = matches!(
            condition["reason"].as_str(),
            Some("NewReplicaSetAvailable" | "ProgressDeadlineExceeded" | "DeploymentPaused")
        );
        let since = time(&condition["lastUpdateTime"]).filter(|_| has_deadline(&self.deployment));
        if let Some(since) = since.filter(|_| !over) {
            let second = Duration::seconds(1);
            let delay = until(state, since + self.deadline() + second);
            state.work.later(Work::Deployment(self.key.clone()), delay);
        }
    }

    /// Notes that a Deployment is paused, or is so no longer: its deadline stands still meanwhile.
    pub(super) fn note_pause(&mut self, state: &mut State) -> Result<(), StatusError> {
        let progressing = condition(&self.deployment, "Progressing");
        let reason = progressing.map_or("", |c| c["reason"].as_str().unwrap_or_default());
        if !has_deadline(&self.deployment) || reason == "ProgressDeadlineExceeded" {
            return Ok(());
        }
        let paused = self.deployment["spec"]["paused"] == true;
        let (reason, message) = match (paused, reason == "DeploymentPaused") {
            (true, false) => ("DeploymentPaused", "Deployment is paused"),
            (false, true) => ("DeploymentResumed", "Deployment is resumed"),
            _ => return Ok(()),
        };
        let mut object = Value::clone(&self.deployment);
        set_progress(&mut object, "Unknown", reason, message, &rfc3339(state.now()));
        self.write_status(state, object)
    }
}

fn remove_condition(object: &mut Value, ty: &str) {
    if let Some(list) = object["status"]["conditions"].as_array_mut() {
        list.retain(|condition| condition["type"] != ty);
    }
}

/// A rollout that was complete is not looked at again until there is another.
fn rests(object: &Value, progressing: Option<&Value>) -> bool {
    count(object, "status", "replicas") == count(object, "status", "updatedReplicas")
        && progressing.is_some_and(|condition| condition["reason"] == "NewReplicaSetAvailable")
}

fn is_complete(object: &Value) -> bool {
    let replicas = size(object);
    ["updatedReplicas", "replicas", "availableReplicas"]
        .iter()
        .all(|field| count(object, "status", field) == replicas)
        && count(object, "status", "observedGeneration") >= count(object, "metadata", "generation")
}

fn has_progressed(before: &Value, after: &Value) -> bool {
    let more = |field: &str| count(after, "status", field) > count(before, "status", field);
    let old = |object: &Value| {
        count(object, "status", "replicas") - count(object, "status", "updatedReplicas")
    };
    ["updatedReplicas", "readyReplicas", "availableReplicas"].iter().any(|field| more(field))
        || old(after) < old(before)
}
