//! When a pod answers: from when it is ready until some seconds after its deletion, as a well-behaved
//! one does that goes on serving until routers have heard of it.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use tokio::time::Instant;

/// For so long a pod goes on after its deletion.
pub const SERVES_ON: Duration = Duration::from_secs(5);
/// The annotation that keeps its object longer than that; whole seconds.
pub const GONE_AFTER: (&str, &str) = ("sluice.test/gone-after", "8s");
/// Label of pods: the template that they are made from.
const HASH_LABEL: &str = "rollouts-pod-template-hash";

/// What a pod tells of itself in its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `NAMESPACE/NAME`.
    pub pod: String,
    /// The hash of its template, or its name where it has none.
    pub version: String,
    /// Whether its image says that it answers with errors.
    pub fails: bool,
}

/// How far a pod has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is not ready.
    Coming,
    /// It is ready.
    Serving,
    /// It was deleted while it was ready, and serves until then.
    Going(Instant),
    /// It serves no more.
    Gone,
}

impl Stage {
    /// Whether requests are answered.
    #[must_use]
    pub fn serves(self, now: Instant) -> bool {
        match self {
            Self::Serving => true,
            Self::Going(until) => now < until,
            Self::Coming | Self::Gone => false,
        }
    }

    /// What follows from the pod as it is now.
    #[must_use]
    pub fn next(self, pod: &Pod, now: Instant) -> Self {
        let is_ready = is_ready(pod);
        match self {
            // What was heard of first counts: the object changes again while it goes.
            Self::Going(_) | Self::Gone => self,
            Self::Coming | Self::Serving if pod.metadata.deletion_timestamp.is_some() => {
                if self == Self::Serving || is_ready {
                    Self::Going(now + SERVES_ON)
                } else {
                    Self::Gone
                }
            }
            Self::Coming | Self::Serving if is_ready => Self::Serving,
            Self::Coming | Self::Serving => Self::Coming,
        }
    }
}

/// What the answers of this pod say.
#[must_use]
pub(super) fn identity(pod: &Pod) -> Identity {
    let name = pod.name_any();
    let version = pod.labels().get(HASH_LABEL).cloned().unwrap_or_else(|| name.clone());
    let image = pod.spec.as_ref().and_then(|spec| spec.containers.first()?.image.clone());
    let tag = image.as_deref().and_then(|image| image.rsplit(':').next()).unwrap_or_default();
    Identity {
        pod: format!("{}/{name}", pod.namespace().unwrap_or_default()),
        version,
        fails: tag.contains("errors"),
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(ready: &str, deleted: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "web-a-1", "namespace": "demo", "labels": {HASH_LABEL: "a"},
                "deletionTimestamp": deleted},
            "spec": {"containers": [{"name": "web", "image": "shop/web:v2-errors"}]},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        }))
        .unwrap()
    }

    #[test]
    fn a_pod_serves_from_ready_until_some_time_after_its_deletion() {
        let now = Instant::now();
        let deleted = json!("2026-01-01T00:00:30Z");
        let serving = Stage::Coming.next(&pod("False", Value::Null), now);
        assert_eq!(serving, Stage::Coming);
        let serving = serving.next(&pod("True", Value::Null), now);
        assert_eq!(serving, Stage::Serving);
        let going = serving.next(&pod("True", deleted.clone()), now);
        assert_eq!(going, Stage::Going(now + SERVES_ON));
        assert!(going.serves(now + SERVES_ON / 2));
        assert!(!going.serves(now + SERVES_ON));
        // A later change of the object does not make it live longer.
        assert_eq!(going.next(&pod("True", deleted.clone()), now + SERVES_ON / 2), going);
        assert_eq!(Stage::Coming.next(&pod("False", deleted), now), Stage::Gone);
    }

    #[test]
    fn a_pod_that_is_no_longer_ready_does_not_answer() {
        let now = Instant::now();
        assert!(!Stage::Serving.next(&pod("False", Value::Null), now).serves(now));
    }

    #[test]
    fn answers_say_who_it_was() {
        let identity = identity(&pod("True", Value::Null));
        let wanted =
            Identity { pod: "demo/web-a-1".to_owned(), version: "a".to_owned(), fails: true };
        assert_eq!(identity, wanted);
    }
}
