//! The life of a pod: scheduled, started, ready, or in trouble as its annotations say; and gone.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sluice_crd::duration::GoDuration;
use std::time::Duration;
use tokio::time::Instant;

use super::errand::Errand;
use super::queue::Work;
use super::{condition, job, pods};
use crate::api::Subresource;
use crate::clock::rfc3339;
use crate::kinds::pod_defaults::tag;
use crate::state::State;
use crate::store::Key;

/// How a pod behaves: `ready`, `never-ready`, `crash` or `image-missing`. Without it, a tag of an
/// image that contains `crash`, `never-ready` or `missing` means the same.
pub const BEHAVIOR_ANNOTATION: &str = "sluice.test/pod";
/// How long a pod needs to become ready: a Go duration such as `3s`.
pub const READY_AFTER_ANNOTATION: &str = "sluice.test/ready-after";
/// The scheduler that is simulated; pods of others wait for theirs.
const SCHEDULER: &str = "default-scheduler";

/// How a container ends that crashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// Its exit code.
    pub exit_code: i32,
    /// Its last words; may be empty.
    pub message: String,
}

impl Default for Crash {
    fn default() -> Crash {
        Crash { exit_code: 1, message: String::new() }
    }
}

/// What is remembered of a pod beyond its object, whose timestamps are whole seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct PodMemory {
    ready_at: Option<Instant>,
    /// When the pod of a Job has done what its command says.
    ends_at: Option<Instant>,
    gone_at: Option<Instant>,
    behavior: Option<Behavior>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behavior {
    Ready,
    NeverReady,
    Crash,
    ImageMissing,
}

impl Behavior {
    /// Whether the containers run.
    fn runs(self) -> bool {
        matches!(self, Behavior::Ready | Behavior::NeverReady)
    }

    fn of(state: &State, pod: &Value) -> Behavior {
        match pod["metadata"]["annotations"][BEHAVIOR_ANNOTATION].as_str() {
            Some("never-ready") => Behavior::NeverReady,
            Some("crash") => Behavior::Crash,
            Some("image-missing") => Behavior::ImageMissing,
            Some(_) => Behavior::Ready,
            None => Behavior::by_image(state, pod),
        }
    }

    fn by_image(state: &State, pod: &Value) -> Behavior {
        let containers = pod["spec"]["containers"].as_array();
        for container in containers.into_iter().flatten() {
            let image = container["image"].as_str().unwrap_or_default();
            if state.crashes.contains_key(image) {
                return Behavior::Crash;
            }
            let tag = tag(image);
            for (word, behavior) in [
                ("crash", Behavior::Crash),
                ("never-ready", Behavior::NeverReady),
                ("missing", Behavior::ImageMissing),
            ] {
                if tag.contains(word) {
                    return behavior;
                }
            }
        }
        Behavior::Ready
    }
}

/// Brings one pod to where it should be by now.
pub(super) fn sync(state: &mut State, key: &Key) {
    let Some(pod) = state.store.get(&pods(), key).cloned() else { return };
    if job::let_go(state, key, &pod) {
        return;
    }
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        terminate(state, key, &pod, &uid);
        return;
    }
    if matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
        return;
    }
    let behavior = Behavior::of(state, &pod);
    let placed = pod["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
    if !placed && pod["spec"]["schedulerName"] != SCHEDULER {
        return;
    }
    let ready_after = ready_after(state, &pod);
    let errand = Errand::of(&pod);
    let memory = state.pods.entry(uid).or_default();
    if let Some(errand) = errand {
        // A container that starts again begins its errand anew.
        if behavior.runs() && !memory.behavior.is_some_and(Behavior::runs) {
            memory.ends_at = Some(Instant::now() + errand.takes);
        }
        memory.ready_at = Some(Instant::now());
    } else if behavior == Behavior::Ready && memory.behavior != Some(Behavior::Ready) {
        // A pod that recovers does not start again: it is ready with the next look at it.
        let delay = if memory.behavior.is_some() { Duration::ZERO } else { ready_after };
        memory.ready_at = Some(Instant::now() + delay);
    }
    memory.behavior = Some(behavior);
    let is_fit = if errand.is_some() { behavior.runs() } else { behavior == Behavior::Ready };
    let ready_at = memory.ready_at.filter(|_| is_fit);
    let ends_at = memory.ends_at.filter(|_| behavior.runs());
    let ready = ready_at.is_some_and(|at| at <= Instant::now());

    let mut object = Value::clone(&pod);
    if !placed {
        assign(state, &mut object);
    }
    // It has been seen to run before it ends.
    let runs = !pod["status"]["containerStatuses"][0]["state"]["running"].is_null();
    let over = errand.filter(|_| runs && ends_at.is_some_and(|at| at <= Instant::now()));
    object["status"] = match over {
        Some(errand) => errand.ended(&object, state.now()),
        None => status(state, &object, behavior, ready),
    };
    if object != *pod {
        state.write_internal(&pods(), key, Subresource::Status, Some(object));
    }
    let next = ends_at.filter(|_| over.is_none()).or(ready_at.filter(|_| !ready));
    if let Some(at) = next {
        let delay = at.saturating_duration_since(Instant::now());
        state.work.later(Work::Pod(key.clone()), delay);
    }
}

fn ready_after(state: &State, pod: &Value) -> Duration {
    let annotation = pod["metadata"]["annotations"][READY_AFTER_ANNOTATION].as_str();
    let own = annotation.and_then(|text| text.parse::<GoDuration>().ok());
    let own = own.and_then(|own| u64::try_from(own.as_nanos()).ok()).map(Duration::from_nanos);
    let probe = &pod["spec"]["containers"][0]["readinessProbe"]["initialDelaySeconds"];
    let initial = Duration::from_secs(probe.as_u64().unwrap_or(0));
    own.unwrap_or(state.options.pod_ready_after) + initial
}

/// A node and an address.
fn assign(state: &mut State, pod: &mut Value) {
    state.assigned += 1;
    let node = state.assigned % u64::from(state.options.nodes.max(1));
    let address = state.assigned;
    pod["spec"]["nodeName"] = format!("node-{node}").into();
    let ip = format!("10.244.{}.{}", (address / 250) % 250, address % 250 + 1);
    pod["status"]["hostIP"] = format!("10.0.0.{}", node + 1).into();
    pod["status"]["podIP"] = ip.as_str().into();
    pod["status"]["podIPs"] = json!([{"ip": ip}]);
    pod["status"]["startTime"] = rfc3339(state.now()).into();
}

fn status(state: &State, pod: &Value, behavior: Behavior, ready: bool) -> Value {
    let now = state.now();
    let mut status = pod["status"].as_object().cloned().unwrap_or_default();
    let phase = if behavior == Behavior::ImageMissing { "Pending" } else { "Running" };
    status.insert("phase".into(), phase.into());
    let containers = pod["spec"]["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let statuses: Vec<Value> =
        containers.iter().map(|c| container_status(state, pod, c, behavior, ready)).collect();
    status.insert("containerStatuses".into(), statuses.into());

    let names: Vec<&str> = containers.iter().filter_map(|c| c["name"].as_str()).collect();
    let message = format!("containers with unready status: [{}]", names.join(" "));
    let mut conditions = Vec::new();
    for (ty, holds) in [
        ("Initialized", true),
        ("Ready", ready),
        ("ContainersReady", ready),
        ("PodScheduled", true),
    ] {
        let value = if holds { "True" } else { "False" };
        let mut fresh = Map::new();
        fresh.insert("type".into(), ty.into());
        fresh.insert("status".into(), value.into());
        fresh.insert("lastProbeTime".into(), Value::Null);
        if !holds {
            fresh.insert("reason".into(), "ContainersNotReady".into());
            fresh.insert("message".into(), message.as_str().into());
        }
        let since = condition(pod, ty)
            .filter(|old| old["status"] == value)
            .map_or_else(|| rfc3339(now).into(), |old| old["lastTransitionTime"].clone());
        fresh.insert("lastTransitionTime".into(), since);
        conditions.push(Value::Object(fresh));
    }
    status.insert("conditions".into(), conditions.into());
    Value::Object(status)
}

fn container_status(
    state: &State,
    pod: &Value,
    container: &Value,
    behavior: Behavior,
    ready: bool,
) -> Value {
    let now = state.now();
    let statuses = pod["status"]["containerStatuses"].as_array();
    let old = statuses.into_iter().flatten().find(|old| old["name"] == container["name"]);
    let restarts = old.and_then(|old| old["restartCount"].as_i64()).unwrap_or(0);
    let image = container["image"].as_str().unwrap_or_default();
    let ended = old.map(|old| &old["lastState"]).filter(|last| !last["terminated"].is_null());
    let last = match ended {
        Some(ended) => ended.clone(),
        None if behavior == Behavior::Crash => end(state.crashes.get(image), now),
        None => json!({}),
    };
    let (state, restarts) = match behavior {
        Behavior::Ready | Behavior::NeverReady => {
            let running = old.map(|old| &old["state"]["running"]).filter(|run| !run.is_null());
            let started = running.map_or_else(|| json!({"startedAt": rfc3339(now)}), Value::clone);
            (json!({"running": started}), restarts)
        }
        Behavior::Crash => {
            let message = "back-off restarting failed container";
            let waiting = json!({"reason": "CrashLoopBackOff", "message": message});
            (json!({"waiting": waiting}), restarts.max(1))
        }
        Behavior::ImageMissing => {
            let message = format!("Back-off pulling image \"{image}\"");
            let waiting = json!({"reason": "ImagePullBackOff", "message": message});
            (json!({"waiting": waiting}), restarts)
        }
    };
    json!({
        "name": container["name"],
        "image": image,
        "imageID": "",
        "ready": ready,
        "started": behavior.runs(),
        "restartCount": restarts,
        "lastState": last,
        "state": state,
    })
}

/// The last state of a container that has crashed.
fn end(crash: Option<&Crash>, now: DateTime<Utc>) -> Value {
    let Crash { exit_code, message } = crash.cloned().unwrap_or_default();
    let at = rfc3339(now);
    let mut ended =
        json!({"exitCode": exit_code, "reason": "Error", "startedAt": at, "finishedAt": at});
    if !message.is_empty() {
        ended["message"] = message.into();
    }
    json!({"terminated": ended})
}

/// The kubelet's part of a deletion: some time later the pod is gone for good.
fn terminate(state: &mut State, key: &Key, pod: &Value, uid: &str) {
    let range = state.options.pod_termination.clone();
    let delay = state.termination.duration(&range);
    let memory = state.pods.entry(uid.to_owned()).or_default();
    let gone_at = *memory.gone_at.get_or_insert_with(|| Instant::now() + delay);
    let now = Instant::now();
    if gone_at > now {
        state.work.later(Work::Pod(key.clone()), gone_at - now);
        return;
    }
    let waits = pod["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
    let grace = pod["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
    if waits && grace == 0 {
        return;
    }
    let options = json!({"gracePeriodSeconds": 0});
    let deleted = state.delete_internal(&pods(), key, &pod["metadata"]["uid"], options);
    if deleted.is_err() {
        state.work.later(Work::Pod(key.clone()), Duration::from_secs(1));
    }
}
