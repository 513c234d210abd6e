//! A pod: its state in a word, as kubectl words it.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use sluice_crd::time::Time;

use super::icon::Icon;
use super::objects::{created, instant, name};

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodView {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Option<Time>,
    /// Its state in a word: `Running`, `CrashLoopBackOff`, `Init:0/2`.
    pub status: String,
    /// Containers that are ready.
    pub ready: usize,
    /// Containers that it has.
    pub containers: usize,
    /// How often containers were started again.
    pub restarts: i64,
    /// Since when it is being deleted, if it is.
    pub deleted: Option<Time>,
    /// Whether it is ready to serve.
    pub is_ready: bool,
}

impl PodView {
    /// The view of a pod.
    pub fn of(pod: &Pod) -> Self {
        let empty = PodStatus::default();
        let status = pod.status.as_ref().unwrap_or(&empty);
        let (word, ready, restarts) = state(pod, status);
        let conditions = status.conditions.iter().flatten();
        Self {
            name: name(&pod.metadata),
            created: created(&pod.metadata),
            status: word,
            ready,
            containers: pod.spec.as_ref().map_or(0, |spec| spec.containers.len()),
            restarts,
            deleted: pod.metadata.deletion_timestamp.as_ref().and_then(instant),
            is_ready: conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True"),
        }
    }

    /// Its sign.
    pub fn icon(&self) -> Icon {
        icon(&self.status)
    }
}

/// The state in a word, the number of ready containers, and that of restarts.
fn state(pod: &Pod, status: &PodStatus) -> (String, usize, i64) {
    let reason = status.reason.as_deref().filter(|reason| !reason.is_empty());
    let mut word = reason.or(status.phase.as_deref()).unwrap_or_default().to_owned();
    let mut ready = 0;
    let restarts = match initializing(pod, status) {
        Some((init, restarts)) => {
            word = init;
            restarts
        }
        None => {
            let containers: Vec<_> = status.container_statuses.iter().flatten().collect();
            let serves = |c: &&&ContainerStatus| c.ready && is_running(c);
            // The first container that has something to say is heard.
            if let Some(said) = containers.iter().find_map(|c| ended_or_waiting(c)) {
                word = said;
            }
            ready =
                containers.iter().filter(|c| ended_or_waiting(c).is_none()).filter(serves).count();
            if word == "Completed" && ready > 0 {
                "Running".clone_into(&mut word);
            }
            containers.iter().map(|c| i64::from(c.restart_count)).sum()
        }
    };
    if pod.metadata.deletion_timestamp.is_some() {
        let lost = reason == Some("NodeLost");
        (if lost { "Unknown" } else { "Terminating" }).clone_into(&mut word);
    }
    (word, ready, restarts)
}

fn is_running(container: &ContainerStatus) -> bool {
    container.state.as_ref().is_some_and(|state| state.running.is_some())
}

/// The word of the first init container that is not done, with the restarts up to it.
fn initializing(pod: &Pod, status: &PodStatus) -> Option<(String, i64)> {
    let declared: Vec<_> =
        pod.spec.iter().flat_map(|spec| spec.init_containers.iter().flatten()).collect();
    let is_sidecar = |name: &str| {
        let found = declared.iter().find(|container| container.name == name);
        found.is_some_and(|container| container.restart_policy.as_deref() == Some("Always"))
    };
    let mut restarts = 0;
    for (index, container) in status.init_container_statuses.iter().flatten().enumerate() {
        restarts += i64::from(container.restart_count);
        let state = container.state.as_ref();
        if let Some(ended) = state.and_then(|state| state.terminated.as_ref()) {
            if ended.exit_code == 0 {
                continue;
            }
            let how = termination(ended.reason.as_deref(), ended.signal, ended.exit_code);
            return Some((format!("Init:{how}"), restarts));
        }
        if is_sidecar(&container.name) && container.started == Some(true) {
            if container.ready {
                continue;
            }
            // A sidecar that has started holds nobody up; the pod's own state says enough.
            return None;
        }
        let waiting = state.and_then(|state| state.waiting.as_ref()?.reason.as_deref());
        return Some(match waiting {
            Some(reason) if !reason.is_empty() && reason != "PodInitializing" => {
                (format!("Init:{reason}"), restarts)
            }
            _ => (format!("Init:{index}/{}", declared.len()), restarts),
        });
    }
    None
}

/// Why a container does not run, if it waits or has ended.
fn ended_or_waiting(container: &ContainerStatus) -> Option<String> {
    let state = container.state.as_ref()?;
    let waiting = state.waiting.as_ref().and_then(|waiting| waiting.reason.clone());
    if let Some(reason) = waiting.filter(|reason| !reason.is_empty()) {
        return Some(reason);
    }
    let ended = state.terminated.as_ref()?;
    Some(termination(ended.reason.as_deref(), ended.signal, ended.exit_code))
}

/// How a container ended: `Error`, `Signal:9`, `ExitCode:1`.
fn termination(reason: Option<&str>, signal: Option<i32>, exit_code: i32) -> String {
    match (reason.filter(|reason| !reason.is_empty()), signal) {
        (Some(reason), _) => reason.to_owned(),
        (None, Some(signal)) if signal != 0 => format!("Signal:{signal}"),
        (None, _) => format!("ExitCode:{exit_code}"),
    }
}

fn icon(status: &str) -> Icon {
    match status {
        _ if status.starts_with("Init:") => Icon::Progressing,
        _ if status.starts_with("Signal:") || status.starts_with("ExitCode:") => Icon::Bad,
        _ if status.ends_with("Error") || status.starts_with("Err") => Icon::Warning,
        "Pending" | "Terminating" | "ContainerCreating" | "PodInitializing" => Icon::Progressing,
        "Running" | "Completed" => Icon::Good,
        "Failed" | "InvalidImageName" | "CrashLoopBackOff" | "OOMKilled" | "Evicted" => Icon::Bad,
        "ImagePullBackOff" | "RegistryUnavailable" => Icon::Warning,
        "Unknown" => Icon::Unknown,
        _ => Icon::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn view(metadata: Value, status: Value) -> PodView {
        let mut pod = json!({
            "metadata": {"name": "web-1"},
            "spec": {
                "containers": [{"name": "web"}, {"name": "log"}],
                "initContainers": [{"name": "wait"}, {"name": "mesh", "restartPolicy": "Always"}],
            },
            "status": status,
        });
        for (key, value) in metadata.as_object().into_iter().flatten() {
            pod["metadata"][key] = value.clone();
        }
        PodView::of(&serde_json::from_value(pod).unwrap())
    }

    fn container(name: &str, ready: bool, restarts: i32, state: Value) -> Value {
        json!({"name": name, "ready": ready, "restartCount": restarts, "state": state,
               "image": "i", "imageID": ""})
    }

    fn words(status: Value) -> (String, String, i64) {
        let pod = view(json!({}), status);
        let status = format!("{} {}", pod.icon().sign(), pod.status);
        (status, format!("{}/{}", pod.ready, pod.containers), pod.restarts)
    }

    #[test]
    fn containers_speak_for_the_pod() {
        let running = json!({"running": {}});
        let crash = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let both = json!({"phase": "Running", "containerStatuses": [
            container("web", true, 0, running.clone()), container("log", true, 1, running.clone())]});
        assert_eq!(words(both), ("✔ Running".into(), "2/2".into(), 1));
        let one = json!({"phase": "Running", "containerStatuses": [
            container("web", false, 4, crash), container("log", true, 0, running.clone())]});
        assert_eq!(words(one), ("✖ CrashLoopBackOff".into(), "1/2".into(), 4));
        let ended = json!({"phase": "Running", "containerStatuses": [
            container("web", false, 0, json!({"terminated": {"exitCode": 137, "signal": 9}})),
            container("log", false, 0, json!({"terminated": {"exitCode": 1}}))]});
        assert_eq!(words(ended).0, "✖ Signal:9");
        let done = json!({"phase": "Running", "containerStatuses": [
            container("web", false, 0, json!({"terminated": {"exitCode": 0, "reason": "Completed"}})),
            container("log", true, 0, running)]});
        assert_eq!(words(done).0, "✔ Running");
        assert_eq!(words(json!({"phase": "Pending"})), ("◌ Pending".into(), "0/2".into(), 0));
        assert_eq!(words(json!({"phase": "Failed", "reason": "Evicted"})).0, "✖ Evicted");
    }

    #[test]
    fn init_containers_come_first() {
        let init = |state: Value| {
            words(json!({"phase": "Pending", "initContainerStatuses": [
                container("wait", false, 2, state)]}))
        };
        assert_eq!(init(json!({"running": {}})), ("◌ Init:0/2".into(), "0/2".into(), 2));
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff"}});
        assert_eq!(init(waiting).0, "◌ Init:ImagePullBackOff");
        assert_eq!(init(json!({"waiting": {"reason": "PodInitializing"}})).0, "◌ Init:0/2");
        assert_eq!(init(json!({"terminated": {"exitCode": 3}})).0, "◌ Init:ExitCode:3");
        let done = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
        assert_eq!(init(done).0, "◌ Pending");
    }

    #[test]
    fn deletion_outweighs_all() {
        let deleted = json!({"deletionTimestamp": "2026-11-21T07:28:07Z"});
        assert_eq!(view(deleted.clone(), json!({"phase": "Running"})).status, "Terminating");
        let lost = json!({"phase": "Running", "reason": "NodeLost"});
        assert_eq!(view(deleted, lost).status, "Unknown");
    }
}
