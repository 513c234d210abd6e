//! Argo CD: how healthy it shows a Rollout, which actions it offers, and what they write
//! (`user-interfaces` §2.1).

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The health that Argo CD shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// All is as it is to be.
    Healthy,
    /// It is on the way.
    Progressing,
    /// It waits for somebody, or for a time.
    Suspended,
    /// It has failed.
    Degraded,
    /// Argo CD cannot tell.
    Unknown,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What Argo CD shows while the controller has not seen the spec as it is.
pub const NOT_OBSERVED: &str = "Waiting for rollout spec update to be observed";

/// The health of a Rollout, and the message beside it.
pub fn health(rollout: &Value) -> (Health, String) {
    let status = &rollout["status"];
    if status.is_null() || !is_observed(rollout) || !is_workload_observed(rollout) {
        return (Health::Progressing, NOT_OBSERVED.to_owned());
    }
    let Some(phase) = status["phase"].as_str().filter(|phase| !phase.is_empty()) else {
        return without_phase(rollout);
    };
    let health = match phase {
        "Healthy" => Health::Healthy,
        "Progressing" => Health::Progressing,
        "Paused" => Health::Suspended,
        "Degraded" => Health::Degraded,
        _ => Health::Unknown,
    };
    (health, status["message"].as_str().unwrap_or_default().to_owned())
}

/// Whether the status speaks of the spec as it is. A generation that is no number, or one that is
/// yet to come, is taken for a hash of versions before 0.10, which says nothing.
pub fn is_observed(rollout: &Value) -> bool {
    let generation = number(&rollout["metadata"]["generation"]).unwrap_or(0);
    number(&rollout["status"]["observedGeneration"]).is_none_or(|seen| seen >= generation)
}

/// The same of the workload that a Rollout refers to; what is not a number says nothing.
pub fn is_workload_observed(rollout: &Value) -> bool {
    if rollout["spec"]["workloadRef"].is_null() {
        return true;
    }
    let mark = &rollout["metadata"]["annotations"]["rollout.argoproj.io/workload-generation"];
    let seen = &rollout["status"]["workloadObservedGeneration"];
    match (number(mark), number(seen)) {
        (Some(mark), Some(seen)) => mark == seen,
        _ => true,
    }
}

/// A number, or a text that is one.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// What is concluded of a status without a phase, as versions before 1.0 left it.
fn without_phase(rollout: &Value) -> (Health, String) {
    let (spec, status) = (&rollout["spec"], &rollout["status"]);
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let bad = conditions.find(|c| {
        let fatal = ["RolloutAborted", "ProgressDeadlineExceeded"];
        c["type"] == "InvalidSpec"
            || c["type"] == "Progressing" && fatal.iter().any(|reason| c["reason"] == *reason)
    });
    if let Some(bad) = bad {
        let message = bad["message"].as_str().unwrap_or_default();
        return (Health::Degraded, message.to_owned());
    }
    if has_pauses(status) || spec["paused"] == true {
        return (Health::Suspended, "paused".to_owned());
    }
    let count = |field: &str| status[field].as_i64().unwrap_or(0);
    let current = &status["currentPodHash"];
    let blue_green = !spec["strategy"]["blueGreen"].is_null();
    let waits = if current.is_null() {
        "no version is known"
    } else if count("updatedReplicas") < spec["replicas"].as_i64().unwrap_or(1) {
        "pods of the new version are missing"
    } else if count("availableReplicas") < count("updatedReplicas") {
        "pods are not available"
    } else if blue_green && status["blueGreen"]["activeSelector"] != *current {
        "clients are yet to be switched"
    } else if !blue_green && count("replicas") > count("updatedReplicas") {
        "pods of old versions are there"
    } else if status["stableRS"] != *current {
        "the new version is not stable"
    } else {
        return (Health::Healthy, String::new());
    };
    (Health::Progressing, waits.to_owned())
}

fn has_pauses(status: &Value) -> bool {
    status["pauseConditions"].as_array().is_some_and(|pauses| !pauses.is_empty())
}

/// An action of Argo CD on a Rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Replaces the pods.
    Restart,
    /// Ends a pause.
    Resume,
    /// Back to the stable version.
    Abort,
    /// From the first step on, after an abort.
    Retry,
    /// No further step.
    Pause,
    /// Skips all steps.
    PromoteFull,
    /// Skips the step that is under way.
    SkipCurrentStep,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Restart,
        Self::Resume,
        Self::Abort,
        Self::Retry,
        Self::Pause,
        Self::PromoteFull,
        Self::SkipCurrentStep,
    ];

    /// Whether Argo CD offers it of this Rollout.
    pub fn is_enabled(self, rollout: &Value) -> bool {
        let (spec, status) = (&rollout["spec"], &rollout["status"]);
        let promoted = status["currentPodHash"] == status["stableRS"];
        let aborted = status["abort"] == true;
        match self {
            Self::Restart => true,
            // Where there is a list of pauses, `spec.paused` is not looked at.
            Self::Resume => match &status["pauseConditions"] {
                Value::Null => spec["paused"] == true,
                pauses => pauses.as_array().is_some_and(|pauses| !pauses.is_empty()),
            },
            Self::Abort => !promoted && !aborted,
            Self::Retry => !promoted && aborted,
            Self::Pause => !promoted && !aborted && spec["paused"] != true,
            Self::PromoteFull => {
                let generation = number(&rollout["metadata"]["generation"]).unwrap_or(0);
                let seen = number(&status["observedGeneration"]);
                let is_old = seen.is_none_or(|seen| seen > generation);
                !(promoted || is_old && !spec["strategy"]["blueGreen"].is_null())
            }
            Self::SkipCurrentStep => {
                let steps = steps(rollout);
                steps > 0 && status["currentStepIndex"].as_u64() != Some(steps)
            }
        }
    }

    /// The Rollout as the action would have it.
    fn applied(self, rollout: &Value, now: &str) -> Value {
        let mut wanted = rollout.clone();
        match self {
            Self::Restart => wanted["spec"]["restartAt"] = Value::from(now),
            Self::Resume => {
                remove(&mut wanted["status"], "pauseConditions");
                if rollout["spec"]["paused"] == true {
                    wanted["spec"]["paused"] = Value::from(false);
                }
            }
            Self::Abort => wanted["status"]["abort"] = Value::from(true),
            Self::Retry => remove(&mut wanted["status"], "abort"),
            Self::Pause => wanted["spec"]["paused"] = Value::from(true),
            Self::PromoteFull => wanted["status"]["promoteFull"] = Value::from(true),
            Self::SkipCurrentStep => {
                let index = rollout["status"]["currentStepIndex"].as_u64().unwrap_or(0);
                if index < steps(rollout) {
                    remove(&mut wanted["status"], "pauseConditions");
                    wanted["status"]["currentStepIndex"] = Value::from(index + 1);
                }
            }
        }
        wanted
    }

    /// The merge patches that it sends: that of the status first, then that of the rest.
    pub fn patches(self, rollout: &Value, now: &str) -> Vec<(Option<&'static str>, Value)> {
        let wanted = self.applied(rollout, now);
        let mut rest = difference(rollout, &wanted);
        let mut patches = Vec::new();
        if let Some(status) = rest.as_object_mut().and_then(|fields| fields.remove("status")) {
            patches.push((Some("status"), json!({"status": status})));
        }
        if rest.as_object().is_some_and(|fields| !fields.is_empty()) {
            patches.push((None, rest));
        }
        patches
    }
}

fn steps(rollout: &Value) -> u64 {
    let steps = rollout["spec"]["strategy"]["canary"]["steps"].as_array();
    steps.and_then(|steps| u64::try_from(steps.len()).ok()).unwrap_or(0)
}

fn remove(fields: &mut Value, field: &str) {
    if let Some(fields) = fields.as_object_mut() {
        fields.remove(field);
    }
}

/// The merge patch (RFC 7386) that makes one object of another.
fn difference(from: &Value, to: &Value) -> Value {
    let (Some(old), Some(new)) = (from.as_object(), to.as_object()) else { return to.clone() };
    let mut patch = Map::new();
    for field in old.keys().filter(|field| !new.contains_key(*field)) {
        patch.insert(field.clone(), Value::Null);
    }
    for (field, value) in new {
        match old.get(field) {
            Some(before) if before == value => {}
            Some(before) => drop(patch.insert(field.clone(), difference(before, value))),
            None => drop(patch.insert(field.clone(), value.clone())),
        }
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests;
