//! ResourceQuotas: how many pods a namespace may hold.

use serde_json::Value;

use crate::kinds::{GroupResource, Kind};
use crate::state::State;
use crate::status_error::StatusError;

/// Refuses a pod that is one too many for a quota of its namespace. What a quota allows is what its
/// status says: one that its controller has not seen yet allows all.
pub(super) fn check(state: &State, kind: &Kind, object: &Value) -> Result<(), StatusError> {
    if kind.kind != "Pod" || kind.custom {
        return Ok(());
    }
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    let namespace = text("namespace");
    let quotas = GroupResource::new("", "resourcequotas");
    for (key, quota) in state.store.list(&quotas, namespace) {
        let Some(limit) = limit(quota) else { continue };
        let used = pods_in(state, namespace);
        if used >= limit {
            let why = format!(
                "exceeded quota: {}, requested: pods=1, used: pods={used}, limited: pods={limit}",
                key.name
            );
            return Err(StatusError::forbidden(&kind.resource, text("name"), &why));
        }
    }
    Ok(())
}

/// How many pods a quota allows, if it speaks of pods at all. Scopes are not looked at: a quota
/// that has them holds for no pod.
fn limit(quota: &Value) -> Option<u64> {
    let spec = &quota["spec"];
    if !spec["scopes"].is_null() || !spec["scopeSelector"].is_null() {
        return None;
    }
    quota["status"]["hard"]["pods"].as_str()?.parse().ok()
}

/// The pods of a namespace that count for quotas: those that are not over.
pub(crate) fn pods_in(state: &State, namespace: &str) -> u64 {
    let pods = GroupResource::new("", "pods");
    let over =
        |pod: &Value| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    state.store.list(&pods, namespace).filter(|(_, pod)| !over(pod)).count() as u64
}
