//! What keeps pods from serving.

use kube::Client;
use kube::core::params::ListParams;
use kube::core::request::Request;
use serde::Deserialize;
use sluice_crd::time::Time;
use sluice_planner::names::HASH_LABEL;
use sluice_planner::{Cause, Ended, PodTrouble, Snapshot, Waits, label_selector};

use crate::failure::Failure;
use crate::writer::answered;

/// So many are kept: one is told, and one is enough to give up.
const KEPT: usize = 3;

#[derive(Debug, Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<Pod>,
}

#[derive(Debug, Deserialize)]
struct Pod {
    metadata: Meta,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: String,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: String,
    conditions: Vec<Condition>,
    init_container_statuses: Vec<Container>,
    container_statuses: Vec<Container>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    r#type: String,
    status: String,
    #[serde(default)]
    message: String,
    last_transition_time: Option<Time>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    name: String,
    image: String,
    ready: bool,
    started: Option<bool>,
    restart_count: i64,
    state: State,
    last_state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    waiting: Option<Waiting>,
    running: Option<Running>,
    terminated: Option<Terminated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: String,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Running {}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Terminated {
    exit_code: i64,
    reason: String,
    message: String,
}

impl From<Terminated> for Ended {
    fn from(from: Terminated) -> Self {
        Self { exit_code: from.exit_code, reason: from.reason, message: from.message }
    }
}

/// What keeps the pods of one version from serving, the worst first, by one LIST by labels.
///
/// # Errors
///
/// As the API server answers.
pub(crate) async fn pods_in_trouble(
    client: &Client,
    snapshot: &Snapshot,
    hash: &str,
) -> Result<Vec<PodTrouble>, Failure> {
    let selector = sluice_planner::selector(snapshot).map(label_selector).unwrap_or_default();
    let hashed = format!("{HASH_LABEL}={hash}");
    let labels = [selector, hashed].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>();
    let params = ListParams::default().labels(&labels.join(","));
    let path = format!("/api/v1/namespaces/{}/pods", snapshot.rollout.namespace);
    let request = Request::new(path).list(&params).map_err(kube::Error::BuildRequest)?;
    let list: List = answered(client.request(request)).await?;
    Ok(PodTrouble::worst(list.items.into_iter().filter_map(trouble).collect(), KEPT))
}

fn trouble(pod: Pod) -> Option<PodTrouble> {
    let Pod { metadata, status } = pod;
    let over = ["Succeeded", "Failed"].contains(&status.phase.as_str());
    if metadata.deletion_timestamp.is_some() || over {
        return None;
    }
    let find = |kind: &str| status.conditions.iter().find(|c| c.r#type == kind);
    let ready = find("Ready");
    if ready.is_some_and(|c| c.status == "True") {
        return None;
    }
    let since = ready.and_then(|c| c.last_transition_time).or(metadata.creation_timestamp);
    let unscheduled = find("PodScheduled").filter(|c| c.status == "False");
    let closed = |c: &&Condition| c.status == "False" && !KUBELETS.contains(&c.r#type.as_str());
    let gate = status.conditions.iter().find(closed).map(|c| c.r#type.clone());
    let cause = if let Some(condition) = unscheduled {
        Cause::NoNode(condition.message.clone())
    } else {
        let init = status.init_container_statuses.into_iter().filter_map(not_done);
        let mut containers = status.container_statuses.into_iter().filter_map(not_ready);
        init.chain(containers.by_ref()).next().or(gate.map(Cause::Gate))?
    };
    Some(PodTrouble { pod: metadata.name, since, cause })
}

/// Conditions that the kubelet derives from others; what else is False is a readiness gate.
const KUBELETS: [&str; 6] = [
    "Ready",
    "ContainersReady",
    "Initialized",
    "PodScheduled",
    "PodReadyToStartContainers",
    "DisruptionTarget",
];

/// What an init container keeps its pod waiting with.
fn not_done(container: Container) -> Option<Cause> {
    let ended_well = container.state.terminated.as_ref().is_some_and(|t| t.exit_code == 0);
    // One that restarts always (a sidecar) is done when it has started.
    let is_sidecar = container.state.running.is_some() && container.started == Some(true);
    if ended_well || container.ready || is_sidecar { None } else { not_ready(container) }
}

fn not_ready(container: Container) -> Option<Cause> {
    if container.ready {
        return None;
    }
    let Container { name, image, restart_count: restarts, state, last_state, started, .. } =
        container;
    let ended = last_state.terminated.or(state.terminated).map(Ended::from);
    Some(match state.waiting {
        Some(Waiting { reason, message }) => {
            Cause::Waits(Waits { container: name, image, reason, message, restarts, ended })
        }
        None => Cause::Unready { container: name, started: started != Some(false), ended },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;

    fn words(status: Value) -> Option<String> {
        let created = "2026-01-01T00:00:00Z";
        let pod =
            json!({"metadata": {"name": "a", "creationTimestamp": created}, "status": status});
        trouble(serde_json::from_value(pod).unwrap()).map(|trouble| trouble.to_string())
    }

    #[test]
    fn of_what_keeps_a_pod_the_first_is_told() {
        let ready = json!({"name": "web", "ready": true, "state": {"running": {}}});
        let probed =
            json!({"name": "web", "ready": false, "started": true, "state": {"running": {}}});
        let condition = |kind: &str, status: &str| json!({"type": kind, "status": status});
        let since = "Pod a is not ready since 2026-01-01T00:00:00Z";
        for (status, expected) in [
            (json!({}), None),
            (json!({"conditions": [condition("Ready", "True")]}), None),
            (
                json!({"containerStatuses": [probed]}),
                Some("the readiness probe of container web does not pass"),
            ),
            (
                json!({
                    "conditions": [condition("PodScheduled", "True"), condition("lb/ok", "False")],
                    "containerStatuses": [ready],
                }),
                Some("its readiness gate lb/ok is not True"),
            ),
            (
                json!({"conditions": [
                    {"type": "PodScheduled", "status": "False", "message": "0/3 nodes fit"},
                ]}),
                Some("no node takes it: 0/3 nodes fit"),
            ),
            (
                json!({
                    "initContainerStatuses": [
                        {"name": "one", "ready": false, "state": {"terminated": {"exitCode": 0}}},
                        {"name": "two", "ready": false, "restartCount": 2,
                         "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                         "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}},
                    ],
                    "containerStatuses": [
                        {"name": "web", "state": {"waiting": {"reason": "PodInitializing"}}},
                    ],
                }),
                Some("container two ends again and again with exit code 3 (Error)"),
            ),
        ] {
            let expected = expected.map(|expected| format!("{since}: {expected}"));
            assert_eq!(words(status.clone()), expected, "{status}");
        }
    }
}
