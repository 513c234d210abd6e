//! What keeps a pod from serving.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition, PodStatus};
use sluice_crd::time::Time;

use crate::view::age::{self, distance, human_duration};
use crate::view::objects::instant;
use crate::view::pod::PodView;

/// Characters of a message that are shown, at most: some hold a whole log.
const MESSAGE_MAX: usize = 240;

/// A pod that does not serve, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodTrouble {
    /// The pod's name.
    pub name: String,
    /// Its state in a word.
    pub status: String,
    /// Since when it is not ready.
    pub since: Option<Time>,
    /// What keeps it, the most important first.
    pub details: Vec<String>,
    /// The container whose log says more, and whether it is that of its last run.
    pub log: Option<(String, bool)>,
}

impl PodTrouble {
    /// What keeps a pod, if something does. A pod counts as available when it has been ready for
    /// `min_ready_seconds`.
    pub(super) fn of(pod: &Pod, min_ready_seconds: i32, now: Time) -> Option<Self> {
        let view = PodView::of(pod);
        let empty = PodStatus::default();
        let status = pod.status.as_ref().unwrap_or(&empty);
        let ready = condition(status, "Ready");
        let changed = ready.and_then(|c| instant(c.last_transition_time.as_ref()?));
        let mut details = Vec::new();
        if let Some(deleted) = view.deleted {
            details.push(format!(
                "is being deleted, the end of its grace period is {}",
                age::instant(deleted, now)
            ));
        } else if view.is_ready {
            let since = changed.filter(|_| min_ready_seconds > 0)?;
            let ready_for = now.seconds_since(since);
            let left = i64::from(min_ready_seconds).saturating_sub(ready_for);
            if left <= 0 {
                return None;
            }
            details.push(format!(
                "ready for {} of the {min_ready_seconds}s of minReadySeconds",
                human_duration(ready_for)
            ));
        } else {
            details.extend(unscheduled(status));
            details.extend(status.message.as_deref().map(shorten));
        }
        let containers: Vec<_> = status
            .init_container_statuses
            .iter()
            .flatten()
            .chain(status.container_statuses.iter().flatten())
            .collect();
        if !view.is_ready {
            details
                .extend(containers.iter().flat_map(|container| container_trouble(container, now)));
        }
        if details.is_empty() {
            details.extend(gates(status));
        }
        Some(Self {
            name: view.name,
            status: view.status,
            since: changed.filter(|_| !view.is_ready).or(view.created),
            details,
            log: containers.iter().find_map(|container| log(container)),
        })
    }
}

fn condition<'a>(status: &'a PodStatus, kind: &str) -> Option<&'a PodCondition> {
    status.conditions.iter().flatten().find(|condition| condition.type_ == kind)
}

/// Why no node takes the pod.
fn unscheduled(status: &PodStatus) -> Option<String> {
    let condition = condition(status, "PodScheduled").filter(|c| c.status == "False")?;
    let reason = condition.reason.as_deref().unwrap_or("not scheduled");
    Some(match condition.message.as_deref() {
        Some(message) if !message.is_empty() => {
            format!("no node takes it ({reason}): {}", shorten(message))
        }
        _ => format!("no node takes it ({reason})"),
    })
}

fn container_trouble(container: &ContainerStatus, now: Time) -> Vec<String> {
    let mut said = Vec::new();
    let name = &container.name;
    let Some(state) = &container.state else { return said };
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or("no reason given");
        said.push(match waiting.message.as_deref() {
            Some(message) if !message.is_empty() => {
                format!("container {name} waits: {reason}: {}", shorten(message))
            }
            _ => format!("container {name} waits: {reason}"),
        });
    }
    if let Some(ended) = state.terminated.as_ref().filter(|ended| ended.exit_code != 0) {
        said.push(format!("container {name} {}", ending(ended, now)));
    }
    if state.running.is_some() && !container.ready {
        let probe = if container.started == Some(false) { "startup" } else { "readiness" };
        said.push(format!("container {name} runs, its {probe} probe does not pass"));
    }
    let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    if let Some(ended) = last.filter(|_| !container.ready) {
        said.push(format!(
            "container {name} {}; {} restarts",
            ending(ended, now),
            container.restart_count
        ));
    } else if container.restart_count > 0 && !container.ready {
        said.push(format!(
            "container {name} has been started again {} times",
            container.restart_count
        ));
    }
    said
}

/// How a container ended: `ended 12s ago with exit code 1 (Error)`.
fn ending(ended: &k8s_openapi::api::core::v1::ContainerStateTerminated, now: Time) -> String {
    let mut text = "ended".to_owned();
    if let Some(at) = ended.finished_at.as_ref().and_then(instant) {
        text = format!("{text} {}", distance(at, now));
    }
    text = format!("{text} with exit code {}", ended.exit_code);
    if let Some(reason) = ended.reason.as_deref().filter(|reason| !reason.is_empty()) {
        text = format!("{text} ({reason})");
    }
    match ended.message.as_deref().map(str::trim) {
        Some(message) if !message.is_empty() => format!("{text}: {}", shorten(message)),
        _ => text,
    }
}

/// Readiness gates, and whatever else the pod waits for while its containers are ready.
fn gates(status: &PodStatus) -> Vec<String> {
    let open = |c: &&PodCondition| c.status != "True";
    let conditions = status.conditions.iter().flatten().filter(open);
    let text = |c: &PodCondition| {
        let why = c.message.as_deref().or(c.reason.as_deref()).unwrap_or_default();
        format!("{} is {}: {}", c.type_, c.status, shorten(why)).trim_end_matches(": ").to_owned()
    };
    let all: Vec<String> = conditions.map(text).collect();
    if all.is_empty() { vec!["nothing is known of it yet".to_owned()] } else { all }
}

/// The container whose log says more: one that ended, or one that runs without becoming ready.
fn log(container: &ContainerStatus) -> Option<(String, bool)> {
    if container.ready {
        return None;
    }
    let state = container.state.as_ref();
    let has_ended_before =
        container.last_state.as_ref().is_some_and(|state| state.terminated.is_some())
            || container.restart_count > 0;
    let runs = state.is_some_and(|state| state.running.is_some());
    let failed = state.and_then(|state| state.terminated.as_ref());
    if failed.is_some_and(|ended| ended.exit_code != 0) || (runs && !has_ended_before) {
        return Some((container.name.clone(), false));
    }
    has_ended_before.then(|| (container.name.clone(), true))
}

/// The first line, cut where it is too long.
fn shorten(message: &str) -> String {
    let line = message.trim().lines().next().unwrap_or_default();
    if line.chars().count() <= MESSAGE_MAX {
        return line.to_owned();
    }
    let cut: String = line.chars().take(MESSAGE_MAX).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn now() -> Time {
        Time::parse("2026-11-21T07:30:00Z").unwrap()
    }

    fn trouble(metadata: Value, status: Value, min_ready_seconds: i32) -> Option<PodTrouble> {
        let mut pod = json!({
            "metadata": {"name": "web-1", "creationTimestamp": "2026-11-21T07:28:00Z"},
            "spec": {"containers": [{"name": "web"}]},
            "status": status,
        });
        for (key, value) in metadata.as_object().into_iter().flatten() {
            pod["metadata"][key] = value.clone();
        }
        PodTrouble::of(&serde_json::from_value(pod).unwrap(), min_ready_seconds, now())
    }

    fn details(status: Value) -> Vec<String> {
        trouble(json!({}), status, 0).unwrap().details
    }

    fn ready(value: &str) -> Value {
        json!({"type": "Ready", "status": value, "lastTransitionTime": "2026-11-21T07:29:30Z"})
    }

    fn container(fields: Value) -> Value {
        let mut container = json!({"name": "web", "image": "", "imageID": "", "ready": false,
            "restartCount": 0});
        for (key, value) in fields.as_object().into_iter().flatten() {
            container[key] = value.clone();
        }
        container
    }

    #[test]
    fn ready_pods_have_none() {
        let status = json!({"conditions": [ready("True")]});
        assert_eq!(trouble(json!({}), status.clone(), 0), None);
        assert_eq!(trouble(json!({}), status.clone(), 30), None);
        let early = trouble(json!({}), status, 31).unwrap();
        assert_eq!(early.details, ["ready for 30s of the 31s of minReadySeconds"]);
    }

    #[test]
    fn a_crash_is_told_with_its_last_end() {
        let crash = container(json!({
            "restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error",
                "finishedAt": "2026-11-21T07:29:48Z", "message": "no such table\nmore"}},
        }));
        let status = json!({"conditions": [ready("False")], "containerStatuses": [crash]});
        let told = trouble(json!({}), status, 0).unwrap();
        assert_eq!(
            told.details,
            [
                "container web waits: CrashLoopBackOff: back-off 40s",
                "container web ended 12s ago with exit code 1 (Error): no such table; 4 restarts",
            ]
        );
        assert_eq!(told.since, Time::parse("2026-11-21T07:29:30Z").ok());
        assert_eq!(told.log, Some(("web".to_owned(), true)));
    }

    #[test]
    fn a_pod_without_a_node_says_why() {
        let status = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled",
            "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]});
        let told = trouble(json!({}), status, 0).unwrap();
        assert_eq!(told.details, ["no node takes it (Unschedulable): 0/3 nodes are available"]);
        assert_eq!(told.since, Time::parse("2026-11-21T07:28:00Z").ok());
        assert_eq!(told.log, None);
    }

    #[test]
    fn probes_and_gates_may_hold_a_pod() {
        let runs = container(json!({"started": true, "state": {"running": {}}}));
        let status = json!({"conditions": [ready("False")], "containerStatuses": [runs]});
        let told = trouble(json!({}), status, 0).unwrap();
        assert_eq!(told.details, ["container web runs, its readiness probe does not pass"]);
        assert_eq!(told.log, Some(("web".to_owned(), false)));
        let starts = container(json!({"started": false, "state": {"running": {}}}));
        assert_eq!(
            details(json!({"containerStatuses": [starts]})),
            ["container web runs, its startup probe does not pass"]
        );
        let gate = json!({"type": "example.com/lb", "status": "False", "message": "not attached"});
        let serves = container(json!({"ready": true, "state": {"running": {}}}));
        assert_eq!(
            details(json!({"conditions": [gate], "containerStatuses": [serves]})),
            ["example.com/lb is False: not attached"]
        );
        assert_eq!(details(json!({})), ["nothing is known of it yet"]);
    }

    #[test]
    fn long_messages_are_cut() {
        let long = "x".repeat(1000);
        let waits =
            container(json!({"state": {"waiting": {"reason": "ErrImagePull", "message": long}}}));
        let told = details(json!({"containerStatuses": [waits]}));
        assert_eq!(told, [format!("container web waits: ErrImagePull: {}…", "x".repeat(240))]);
    }

    #[test]
    fn a_pod_that_is_deleted_says_so() {
        let deleted = json!({"deletionTimestamp": "2026-11-21T07:30:20Z"});
        let told = trouble(deleted, json!({"conditions": [ready("True")]}), 0).unwrap();
        assert_eq!(
            told.details,
            ["is being deleted, the end of its grace period is 2026-11-21T07:30:20Z (in 20s)"]
        );
        assert_eq!(told.status, "Terminating");
    }
}
