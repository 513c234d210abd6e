//! What GitOps tools show of a Rollout is so, and does not flicker: `ArgoCD`, the health and the
//! actions of Argo CD; `kstatus`, which says the same by conditions (`user-interfaces` §2.1, §2.2).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Breach, Writer, hash, name};
use crate::scenario::gitops::argo_cd::{self, Action, Health};
use crate::scenario::gitops::kstatus::{self, KStatus};
use crate::scenario::mirror::Mirror;

/// What was shown of the Rollouts in their present epochs.
#[derive(Debug, Default)]
pub(super) struct Shown {
    courses: BTreeMap<String, Course>,
}

/// What was shown of a Rollout since its inputs were last changed.
#[derive(Debug)]
struct Course {
    epoch: Value,
    last: Health,
    /// What the pods were like when something was shown for the first time.
    before: BTreeMap<Health, Value>,
}

impl Shown {
    /// Looks at a state of a Rollout.
    pub(super) fn look(
        &mut self,
        mirror: &Mirror,
        before: Option<&Value>,
        rollout: &Value,
        writer: Writer,
    ) -> Vec<Breach> {
        let is_word =
            writer != Writer::User && before.is_none_or(|b| b["status"] != rollout["status"]);
        let mut argo = Vec::new();
        let mut conditions = Vec::new();
        if is_word {
            argo.extend(unfinished(rollout));
            argo.extend(no_way_on(rollout));
            conditions.extend(no_ready(rollout));
        }
        argo.extend(other_image(mirror, rollout));
        argo.extend(self.flicker(rollout, writer));
        conditions.extend(disagreement(rollout));
        let say = |promise| {
            move |what| Breach { promise, what: format!("Rollout {}: {what}", name(rollout)) }
        };
        let argo = argo.into_iter().map(say("ArgoCD"));
        argo.chain(conditions.into_iter().map(say("kstatus"))).collect()
    }

    /// Within an epoch nothing is shown a second time, once something else was shown.
    fn flicker(&mut self, rollout: &Value, writer: Writer) -> Option<String> {
        let (health, message) = argo_cd::health(rollout);
        let epoch = epoch(rollout);
        let known = self.courses.get_mut(name(rollout));
        let course = known.filter(|course| course.epoch == epoch && writer != Writer::User);
        let Some(course) = course else {
            // What a user writes is not what is shown for it.
            let mut before = BTreeMap::new();
            if writer != Writer::User {
                before.insert(health, pods(rollout));
            }
            let course = Course { epoch, last: health, before };
            self.courses.insert(name(rollout).to_owned(), course);
            return None;
        };
        let was = std::mem::replace(&mut course.last, health);
        if was == health {
            return None;
        }
        if was == Health::Healthy && !is_whole(rollout) || is_refused(rollout) {
            // There is reason to begin anew.
            course.before.clear();
        }
        let again = course.before.get(&health).is_some_and(|before| match health {
            // It goes on after a pause, or pods of a late version have come or gone.
            Health::Progressing => was != Health::Suspended && *before == pods(rollout),
            Health::Degraded => *before == pods(rollout),
            _ => true,
        });
        course.before.entry(health).or_insert_with(|| pods(rollout));
        again.then(|| format!("shown as {was}, and again as {health} ({message})"))
    }
}

/// All that may rightly change what is shown.
fn epoch(rollout: &Value) -> Value {
    let (meta, status) = (&rollout["metadata"], &rollout["status"]);
    json!([
        meta["uid"],
        meta["generation"],
        meta["annotations"]["rollout.argoproj.io/workload-generation"],
        argo_cd::is_observed(rollout) && argo_cd::is_workload_observed(rollout),
        status["currentStepIndex"],
        status["currentPodHash"],
        status["stableRS"],
        status["abort"],
        status["promoteFull"],
        status["restartedAt"],
    ])
}

fn pods(rollout: &Value) -> Value {
    let status = &rollout["status"];
    json!([
        status["replicas"],
        status["updatedReplicas"],
        status["readyReplicas"],
        status["availableReplicas"],
    ])
}

fn count(rollout: &Value, field: &str) -> i64 {
    rollout["status"][field].as_i64().unwrap_or(0)
}

fn replicas(rollout: &Value) -> i64 {
    rollout["spec"]["replicas"].as_i64().unwrap_or(1)
}

/// Whether there are all pods of the new version.
fn is_whole(rollout: &Value) -> bool {
    ["updatedReplicas", "availableReplicas"]
        .into_iter()
        .all(|field| count(rollout, field) >= replicas(rollout))
}

/// Whether something that the Rollout refers to is missing, or a write is refused.
fn is_refused(rollout: &Value) -> bool {
    let mut conditions = rollout["status"]["conditions"].as_array().into_iter().flatten();
    let of = |kind: &str| ["InvalidSpec", "ReplicaFailure"].contains(&kind);
    conditions.any(|c| c["type"].as_str().is_some_and(of))
}

/// Healthy is what is promoted, whole, and waits for nobody.
fn unfinished(rollout: &Value) -> Option<String> {
    if argo_cd::health(rollout).0 != Health::Healthy {
        return None;
    }
    let (spec, status) = (&rollout["spec"], &rollout["status"]);
    let steps = spec["strategy"]["canary"]["steps"].as_array().map_or(0, Vec::len);
    let what = if status["stableRS"].as_str().unwrap_or_default().is_empty() {
        "nothing is stable"
    } else if status["stableRS"] != status["currentPodHash"] {
        "its new version is not stable"
    } else if status["abort"] == true {
        "it is aborted"
    } else if status["promoteFull"] == true {
        "it is being promoted"
    } else if spec["paused"] == true || !status["pauseConditions"].is_null() {
        "it is paused"
    } else if !is_whole(rollout) {
        "pods are missing"
    } else if steps > 0 && status["currentStepIndex"].as_u64() != u64::try_from(steps).ok() {
        "steps are left"
    } else {
        return None;
    };
    Some(format!("shown as Healthy while {what}"))
}

/// Healthy is shown of the version that the spec asks for, and of no other.
fn other_image(mirror: &Mirror, rollout: &Value) -> Option<String> {
    if argo_cd::health(rollout).0 != Health::Healthy || !rollout["spec"]["template"].is_object() {
        return None;
    }
    let images = |object: &Value| -> BTreeSet<String> {
        let containers = object["spec"]["template"]["spec"]["containers"].as_array();
        let images = containers.into_iter().flatten().filter_map(|c| c["image"].as_str());
        images.map(str::to_owned).collect()
    };
    let sets = mirror.replica_sets_of(rollout);
    let new = sets.iter().find(|rs| rollout["status"]["currentPodHash"] == hash(rs))?;
    let (runs, wanted) = (images(new), images(rollout));
    (runs != wanted).then(|| format!("shown as Healthy with {runs:?} in place of {wanted:?}"))
}

/// Argo CD offers a way on from wherever a Rollout stands still.
fn no_way_on(rollout: &Value) -> Option<String> {
    let (health, message) = argo_cd::health(rollout);
    let enabled = |action: Action| action.is_enabled(rollout);
    let aborted = health == Health::Degraded && message.starts_with("RolloutAborted");
    if health == Health::Suspended && !enabled(Action::Resume) {
        Some(format!("shown as Suspended ({message}), and cannot be resumed"))
    } else if aborted && (!enabled(Action::Retry) || enabled(Action::Abort)) {
        Some(format!("shown as aborted ({message}), and cannot be retried"))
    } else {
        None
    }
}

/// What the controller says is said by `Ready`, too.
fn no_ready(rollout: &Value) -> Option<String> {
    let mut conditions = rollout["status"]["conditions"].as_array().into_iter().flatten();
    let told = conditions.any(|c| c["type"] == "Ready");
    (!told).then(|| "its status was written without a condition Ready".to_owned())
}

/// kstatus says what Argo CD says, once the spec is observed.
fn disagreement(rollout: &Value) -> Option<String> {
    if no_ready(rollout).is_some() {
        return None;
    }
    let (health, message) = argo_cd::health(rollout);
    let expected = match health {
        Health::Healthy => KStatus::Current,
        Health::Degraded => KStatus::Failed,
        Health::Progressing | Health::Suspended => KStatus::InProgress,
        Health::Unknown => KStatus::Unknown,
    };
    let observed = argo_cd::is_observed(rollout) && argo_cd::is_workload_observed(rollout);
    let says = match kstatus::kstatus(rollout) {
        // A text as generation: what it would say, were it a number.
        KStatus::Unknown if observed => kstatus::by_conditions(rollout),
        says => says,
    };
    let is_open = [KStatus::Terminating, KStatus::Unknown].contains(&says) || !observed;
    (says != expected && !is_open)
        .then(|| format!("kstatus says {says:?} where Argo CD says {health} ({message})"))
}

#[cfg(test)]
mod tests {
    use super::super::Onlooker;
    use super::*;
    use crate::scenario::mirror::Seen;

    fn state(status: &Value) -> Value {
        let mut rollout = json!({"kind": "Rollout",
            "metadata": {"name": "web", "uid": "r", "generation": 1},
            "spec": {"replicas": 2, "strategy": {"canary": {"steps": [{"pause": {}}]}}},
            "status": {"observedGeneration": "1", "currentPodHash": "b", "stableRS": "a",
                "currentStepIndex": 0, "updatedReplicas": 2, "availableReplicas": 2}});
        for (field, value) in status.as_object().into_iter().flatten() {
            rollout["status"][field] = value.clone();
        }
        let phase = rollout["status"]["phase"].clone();
        let ready = phase == "Healthy";
        let mut conditions =
            vec![json!({"type": "Ready", "status": if ready {"True"} else {"False"}})];
        if phase == "Degraded" {
            conditions.push(json!({"type": "Stalled", "status": "True"}));
        }
        if rollout["status"]["conditions"].is_null() {
            rollout["status"]["conditions"] = Value::from(conditions);
        }
        rollout
    }

    fn breaches(states: &[Value]) -> Vec<&'static str> {
        let mut onlooker = Onlooker::default();
        for status in states {
            let object = state(status);
            onlooker.look(&Seen { object, deleted: false }, Writer::Unknown);
        }
        let ours = |promise: &&str| ["ArgoCD", "kstatus"].contains(promise);
        onlooker.breaches().iter().map(|breach| breach.promise).filter(ours).collect()
    }

    fn healthy(available: i64) -> Value {
        let phase = if available < 2 { "Progressing" } else { "Healthy" };
        json!({"phase": phase, "stableRS": "b", "currentStepIndex": 1,
            "availableReplicas": available})
    }

    fn paused() -> Value {
        json!({"phase": "Paused", "pauseConditions": [{"reason": "CanaryPauseStep"}]})
    }

    #[test]
    fn what_goes_on_and_what_is_healthy_is_fine() {
        let progressing = json!({"phase": "Progressing"});
        let none: [&str; 0] = [];
        assert_eq!(breaches(&[progressing.clone(), paused(), progressing, healthy(2)]), none);
        assert_eq!(breaches(&[healthy(2), healthy(1), healthy(2)]), none);
    }

    #[test]
    fn healthy_before_its_time_is_seen() {
        for status in [
            json!({"phase": "Healthy"}),
            json!({"phase": "Healthy", "stableRS": "b"}),
            json!({"phase": "Healthy", "stableRS": "b", "currentStepIndex": 1, "abort": true}),
            json!({"phase": "Healthy", "stableRS": "b", "currentStepIndex": 1,
                "availableReplicas": 1}),
        ] {
            assert_eq!(breaches(std::slice::from_ref(&status)), ["ArgoCD"], "{status}");
        }
    }

    #[test]
    fn a_flicker_is_seen() {
        let progressing = json!({"phase": "Progressing"});
        assert_eq!(breaches(&[paused(), progressing.clone(), paused()]), ["ArgoCD"]);
        let mut off = healthy(2);
        off["phase"] = json!("Progressing");
        assert_eq!(breaches(&[healthy(2), off, healthy(2)]), ["ArgoCD"]);
    }

    #[test]
    fn what_offers_no_way_on_is_seen() {
        assert_eq!(breaches(&[json!({"phase": "Paused"})]), ["ArgoCD"]);
        let aborted = json!({"phase": "Degraded", "message": "RolloutAborted: x"});
        assert_eq!(breaches(std::slice::from_ref(&aborted)), ["ArgoCD"]);
        let mut retriable = aborted;
        retriable["abort"] = json!(true);
        assert!(breaches(&[retriable]).is_empty());
    }

    #[test]
    fn conditions_that_say_otherwise_are_seen() {
        for conditions in [
            json!([]),
            json!([{"type": "Ready", "status": "True"}]),
            json!([{"type": "Ready", "status": "False"}, {"type": "Stalled", "status": "True"}]),
        ] {
            let status = json!({"phase": "Progressing", "conditions": conditions});
            assert_eq!(breaches(std::slice::from_ref(&status)), ["kstatus"], "{status}");
        }
    }
}
