//! What the tests share: one control plane, and short ways to make and read objects.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "outside of a test function, clippy does not see a test"
)]

use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Map, Value, json};
use sluice_e2e::controlplane::{ControlPlane, Options, User};
use tokio::sync::OnceCell;

/// For waits that are to succeed: long enough for a machine that compiles at the same time.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The control plane that the tests of this binary share, each in namespaces of its own. It ends
/// with the process.
pub(crate) async fn plane() -> &'static ControlPlane {
    static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
    PLANE
        .get_or_init(async || {
            // Somebody whose requests no other test adds to.
            let extra_users = vec![User::new("auditee", &["system:masters"])];
            let options = Options { extra_users, ..Options::default() };
            ControlPlane::start(options).await.unwrap_or_else(|error| panic!("{error}"))
        })
        .await
}

pub(crate) fn pod(name: &str, image: &str, annotations: &[(&str, &str)]) -> Pod {
    let object = json!({
        "metadata": {"name": name, "annotations": map(annotations)},
        "spec": {"containers": [{"name": "app", "image": image}]},
    });
    serde_json::from_value(object).unwrap()
}

pub(crate) fn replica_set(name: &str, replicas: i32, annotations: &[(&str, &str)]) -> ReplicaSet {
    let object = json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": map(annotations)},
                "spec": {"containers": [{"name": "app", "image": "app:1"}]},
            },
        },
    });
    serde_json::from_value(object).unwrap()
}

fn map(pairs: &[(&str, &str)]) -> Map<String, Value> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()
}

pub(crate) fn ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
}

pub(crate) fn pod_phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// Why the first container waits, if it does.
pub(crate) fn waiting(pod: &Pod) -> Option<&str> {
    let containers = pod.status.as_ref()?.container_statuses.as_ref()?;
    containers.first()?.state.as_ref()?.waiting.as_ref()?.reason.as_deref()
}

/// The command line of a process, empty if there is none.
pub(crate) fn command_line(pid: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}
