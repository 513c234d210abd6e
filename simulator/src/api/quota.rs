//! ResourceQuotas: how many objects of a kind a namespace may hold.

use serde_json::Value;

use crate::kinds::{GroupResource, Kind};
use crate::state::State;
use crate::status_error::StatusError;

/// Refuses an object that is one too many for a quota of its namespace. What a quota allows is what
/// its status says: one that its controller has not seen yet allows all.
pub(super) fn check(state: &State, kind: &Kind, object: &Value) -> Result<(), StatusError> {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    let namespace = text("namespace");
    let quotas = GroupResource::new("", "resourcequotas");
    for (key, quota) in state.store.list(&quotas, namespace) {
        let mut exceeded = Vec::new();
        for (name, limit) in limits(quota) {
            let counts = counted(name).is_some_and(|resource| resource == kind.resource);
            let used = if counts { used(state, name, namespace) } else { 0 };
            if counts && used >= limit {
                exceeded.push((name, used, limit));
            }
        }
        if exceeded.is_empty() {
            continue;
        }
        let list = |of: fn(&(&str, u64, u64)) -> u64| {
            exceeded.iter().map(|e| format!("{}={}", e.0, of(e))).collect::<Vec<_>>().join(",")
        };
        let why = format!(
            "exceeded quota: {}, requested: {}, used: {}, limited: {}",
            key.name,
            list(|_| 1),
            list(|(_, used, _)| *used),
            list(|(.., limit)| *limit)
        );
        return Err(StatusError::forbidden(&kind.resource, text("name"), &why));
    }
    Ok(())
}

/// What a quota allows, by name. Scopes are not looked at: a quota that has them holds for nothing.
fn limits(quota: &Value) -> Vec<(&str, u64)> {
    let spec = &quota["spec"];
    if !spec["scopes"].is_null() || !spec["scopeSelector"].is_null() {
        return Vec::new();
    }
    let hard = quota["status"]["hard"].as_object().into_iter().flatten();
    hard.filter_map(|(name, limit)| Some((name.as_str(), limit.as_str()?.parse().ok()?))).collect()
}

/// The objects that a name in a quota counts: `pods`, `count/pods`, `count/replicasets.apps`.
pub(crate) fn counted(name: &str) -> Option<GroupResource> {
    let qualified = if name == PODS { name } else { name.strip_prefix("count/")? };
    let (resource, group) = qualified.split_once('.').unwrap_or((qualified, ""));
    Some(GroupResource::new(group, resource))
}

/// Pods that are not over; the others are counted as `count/pods` alone.
const PODS: &str = "pods";

/// How many of what a name counts a namespace holds.
pub(crate) fn used(state: &State, name: &str, namespace: &str) -> u64 {
    let Some(resource) = counted(name) else { return 0 };
    let over =
        |pod: &Value| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let counts = |object: &Value| name != PODS || !over(object);
    state.store.list(&resource, namespace).filter(|(_, object)| counts(object)).count() as u64
}
