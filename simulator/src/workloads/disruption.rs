//! The disruption controller: how many pods a PodDisruptionBudget can spare.

use chrono::{DateTime, Duration, Utc};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Map, Value, json};
use sluice_crd::int_or_percent::{Rounding, resolve};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::queue::Work;
use super::{controller_of, is_ready, related, set_condition, time, until};
use crate::api::Subresource;
use crate::clock::rfc3339;
use crate::kinds::GroupResource;
use crate::selector::LabelSelector;
use crate::state::State;
use crate::store::Key;

/// How long a pod that was evicted, and is still there, is not counted as healthy.
const DISRUPTED_FOR: Duration = Duration::minutes(2);
/// How soon a refused write is tried again.
const RETRY: std::time::Duration = std::time::Duration::from_secs(1);

/// Counts the pods of one budget anew.
pub(super) fn sync(state: &mut State, key: &Key) {
    let budgets = GroupResource::new("policy", "poddisruptionbudgets");
    let Some(budget) = state.store.get(&budgets, key).cloned() else { return };
    if !budget["metadata"]["deletionTimestamp"].is_null() {
        return;
    }
    let now = state.now();
    let selector = &budget["spec"]["selector"];
    let pods: Vec<Arc<Value>> = if selector.is_null() {
        Vec::new()
    } else {
        let selector = LabelSelector::from_object(selector);
        related::selected_pods(&state.store, &key.namespace, &selector)
    };
    let disrupted = still_disrupted(&budget, &pods, now);
    let is_out = |pod: &Value| disrupted.contains_key(name(pod)) || is_going(pod);
    let healthy = pods.iter().filter(|pod| is_ready(pod) && !is_out(pod)).count() as i64;
    let (expected, desired) = wanted(state, &budget, &pods);
    let spare = if expected > 0 { (healthy - desired).max(0) } else { 0 };

    let mut object = Value::clone(&budget);
    let generation = budget["metadata"]["generation"].clone();
    for (field, count) in [
        ("currentHealthy", healthy),
        ("desiredHealthy", desired),
        ("disruptionsAllowed", spare),
        ("expectedPods", expected),
    ] {
        object["status"][field] = count.into();
    }
    object["status"]["observedGeneration"] = generation.clone();
    if let Some(status) = object["status"].as_object_mut() {
        status.remove("disruptedPods");
        if !disrupted.is_empty() {
            status.insert("disruptedPods".into(), Value::Object(disrupted.clone()));
        }
    }
    let (value, reason) =
        if spare > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let condition = json!({"type": "DisruptionAllowed", "status": value, "reason": reason,
        "message": "", "observedGeneration": generation});
    set_condition(&mut object, condition, &rfc3339(now));
    if let Some(first) = disrupted.values().filter_map(time).min() {
        let delay = until(state, first + DISRUPTED_FOR);
        state.work.later(Work::Budget(key.clone()), delay);
    }
    if object["status"] != budget["status"]
        && state.update_internal(&budgets, key, Subresource::Status, object).is_err()
    {
        state.work.later(Work::Budget(key.clone()), RETRY);
    }
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn is_going(pod: &Value) -> bool {
    !pod["metadata"]["deletionTimestamp"].is_null()
}

/// The evicted pods whose deletion has not been seen yet.
fn still_disrupted(budget: &Value, pods: &[Arc<Value>], now: DateTime<Utc>) -> Map<String, Value> {
    let noted = budget["status"]["disruptedPods"].as_object().cloned().unwrap_or_default();
    let stays = |pod: &str| pods.iter().any(|other| name(other) == pod && !is_going(other));
    let recent = |at: &Value| time(at).is_some_and(|at| at + DISRUPTED_FOR > now);
    noted.into_iter().filter(|(pod, at)| stays(pod) && recent(at)).collect()
}

/// How many pods there should be, and how many of them healthy.
fn wanted(state: &State, budget: &Value, pods: &[Arc<Value>]) -> (i64, i64) {
    let spec = &budget["spec"];
    let read = |value: &Value| serde_json::from_value::<IntOrString>(value.clone()).ok();
    let share = |value: &IntOrString, of| resolve(value, of, Rounding::Up).unwrap_or(0);
    if let Some(most) = read(&spec["maxUnavailable"]).filter(|_| !spec["maxUnavailable"].is_null())
    {
        let expected = asked_for(state, pods);
        return (expected, (expected - share(&most, expected)).max(0));
    }
    match read(&spec["minAvailable"]).filter(|_| !spec["minAvailable"].is_null()) {
        Some(IntOrString::Int(least)) => (pods.len() as i64, i64::from(least)),
        Some(least) => {
            let expected = asked_for(state, pods);
            (expected, share(&least, expected))
        }
        None => (pods.len() as i64, 0),
    }
}

/// The pods that the controllers of these pods are asked for. A ReplicaSet stands for itself unless a
/// Deployment controls it; pods without a controller do not count.
fn asked_for(state: &State, pods: &[Arc<Value>]) -> i64 {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for pod in pods {
        let Some(mut owner) = controller(state, pod) else { continue };
        if let Some(above) = controller(state, &owner).filter(|above| above["kind"] == "Deployment")
        {
            owner = above;
        }
        let uid = owner["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        counts.insert(uid, owner["spec"]["replicas"].as_i64().unwrap_or(0));
    }
    counts.values().sum()
}

fn controller(state: &State, object: &Value) -> Option<Arc<Value>> {
    let (resource, key) = state.store.by_uid(controller_of(object)?["uid"].as_str()?)?;
    state.store.get(resource, key).cloned()
}
