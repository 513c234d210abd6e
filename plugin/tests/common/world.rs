//! Objects for the snapshots: a canary of four pods, `web` in `shop`, at half past seven.

use kubectl_argo_rollouts::view::Objects;
use serde_json::{Value, json};
use sluice_crd::time::Time;

/// What the Rollout's revisions run.
pub(crate) const OLD: &str = "565dc5796b";
pub(crate) const NEW: &str = "76c8df8f9f";

/// When all is looked at.
pub(crate) fn now() -> Time {
    Time::parse("2026-11-21T07:30:00Z").unwrap()
}

/// So many seconds before that.
pub(crate) fn ago(seconds: i64) -> Time {
    now().plus_seconds(-seconds)
}

/// A world of one Rollout.
pub(crate) struct World {
    pub(crate) rollout: Value,
    sets: Vec<Value>,
    pods: Vec<Value>,
}

/// A canary with this status, a few fields of which are filled in.
pub(crate) fn canary(status: Value) -> World {
    let steps = json!([
        {"setWeight": 25}, {"pause": {"duration": "30s"}}, {"setWeight": 75},
        {"pause": {"duration": "10m"}}, {"pause": {}}, {"setWeight": 90},
    ]);
    let mut status = status;
    if !status.is_null() && status["currentPodHash"].is_null() {
        status["currentPodHash"] = json!(NEW);
        status["stableRS"] = json!(OLD);
    }
    let rollout = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "web", "namespace": "shop", "uid": "r", "generation": 2,
            "creationTimestamp": ago(3 * 24 * 3600),
            "annotations": {"rollout.argoproj.io/revision": "2"}},
        "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"canary": {"steps": steps}}},
        "status": status,
    });
    World { rollout, sets: Vec::new(), pods: Vec::new() }
}

impl World {
    /// Adds a ReplicaSet; those of the same hash as a version's have its part.
    pub(crate) fn set(mut self, hash: &str, revision: i64, desired: i32, available: i32) -> Self {
        self.sets.push(json!({
            "metadata": {"name": format!("web-{hash}"), "uid": hash, "generation": 1,
                "creationTimestamp": ago(if revision == 1 { 3 * 24 * 3600 } else { 128 }),
                "labels": {"rollouts-pod-template-hash": hash},
                "annotations": {"rollout.argoproj.io/revision": revision.to_string()},
                "ownerReferences": [{"apiVersion": "", "kind": "Rollout", "name": "web", "uid": "r"}]},
            "spec": {"replicas": desired, "selector": {},
                "template": {"spec": {"containers": [
                    {"name": "web", "image": format!("shop/web:v{revision}")}]}}},
            "status": {"replicas": desired, "availableReplicas": available, "observedGeneration": 1},
        }));
        self
    }

    /// Changes the last ReplicaSet.
    pub(crate) fn but(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(self.sets.last_mut().unwrap());
        self
    }

    /// Adds a pod of a ReplicaSet.
    pub(crate) fn pod(mut self, hash: &str, suffix: &str, age: i64, status: Value) -> Self {
        let deleted = (status["deleted"] == true).then(|| ago(-10));
        self.pods.push(json!({
            "metadata": {"name": format!("web-{hash}-{suffix}"), "uid": suffix,
                "creationTimestamp": ago(age), "deletionTimestamp": deleted,
                "ownerReferences": [{"apiVersion": "", "kind": "ReplicaSet", "name": "", "uid": hash}]},
            "spec": {"containers": [{"name": "web"}]},
            "status": status,
        }));
        self
    }

    /// The typed objects.
    pub(crate) fn objects(self) -> Objects {
        let typed = |values| serde_json::from_value(Value::Array(values)).unwrap();
        Objects {
            replica_sets: typed(self.sets),
            pods: serde_json::from_value(Value::Array(self.pods)).unwrap(),
            ..Objects::of(serde_json::from_value(self.rollout).unwrap())
        }
    }
}

fn pod_status(ready: bool, since: i64, container: Value) -> Value {
    let mut container = container;
    container["name"] = json!("web");
    container["image"] = json!("");
    container["imageID"] = json!("");
    container["ready"] = json!(ready);
    container["restartCount"] = json!(container["restartCount"].as_i64().unwrap_or(0));
    let ready = if ready { "True" } else { "False" };
    json!({
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": ago(since)}],
        "containerStatuses": [container],
    })
}

/// A pod that serves.
pub(crate) fn serves() -> Value {
    pod_status(true, 100, json!({"state": {"running": {}}}))
}

/// A pod that is being deleted.
pub(crate) fn goes() -> Value {
    let mut status = serves();
    status["deleted"] = json!(true);
    status
}

/// A pod whose container crashes.
pub(crate) fn crashes(restarts: i64) -> Value {
    pod_status(
        false,
        125,
        json!({
            "restartCount": restarts,
            "state": {"waiting": {"reason": "CrashLoopBackOff",
                "message": "back-off 40s restarting failed container=web"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": ago(12)}},
        }),
    )
}

/// A pod whose image cannot be pulled.
pub(crate) fn lacks_image() -> Value {
    pod_status(
        false,
        120,
        json!({"state": {"waiting": {"reason": "ImagePullBackOff",
        "message": "Back-off pulling image \"shop/web:v2\""}}}),
    )
}

/// A pod that no node takes.
pub(crate) fn unscheduled() -> Value {
    json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
        "reason": "Unschedulable", "message": "0/3 nodes are available: 3 Insufficient cpu."}]})
}

/// A condition.
pub(crate) fn condition(kind: &str, status: &str, age: i64, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message,
        "lastUpdateTime": ago(age), "lastTransitionTime": ago(age)})
}
