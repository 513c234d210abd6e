//! Eviction: a deletion that PodDisruptionBudgets have a say in.

use serde_json::{Value, json};
use std::sync::Arc;

use super::{Call, Payload, Reply, Subresource, Verb, body, delete};
use crate::clock::rfc3339;
use crate::kinds::GroupResource;
use crate::selector::LabelSelector;
use crate::state::State;
use crate::status_error::{StatusError, go_quote};
use crate::store::Key;
use crate::workloads::{condition, is_ready, set_condition};

/// After how many seconds to ask again where a budget has not been looked at yet.
const RETRY_AFTER: u64 = 10;

fn budgets() -> GroupResource {
    GroupResource::new("policy", "poddisruptionbudgets")
}

/// POST of an Eviction.
pub(super) fn evict(state: &mut State, call: &Call) -> Result<Reply, StatusError> {
    let eviction = body::object(call)?;
    check_kind(&eviction)?;
    if eviction["metadata"]["name"] != call.name.as_str() {
        let message = "name in URL does not match name in Eviction object";
        return Err(StatusError::bad_request(message));
    }
    let key = Key::new(&call.namespace, &call.name);
    let Some(pod) = state.store.get(call.resource(), &key).cloned() else {
        return Err(call.not_found());
    };
    let mut options = eviction["deleteOptions"].clone();
    if options.is_null() {
        options = json!({});
    }
    let dry_run = call.is_dry_run() || options["dryRun"] == json!(["All"]);
    if !is_beyond_budgets(&pod) {
        spend(state, &pod, dry_run)?;
    }
    delete::check_preconditions(call, &options, &pod)?;
    if !dry_run {
        say_why(state, call, &key, &pod);
    }
    let deletion = Call {
        verb: Verb::Delete,
        subresource: Subresource::Main,
        payload: Payload::Json(options),
        ..call.clone()
    };
    delete::delete(state, &deletion)?;
    Ok(Reply::json(
        201,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "code": 201}),
    ))
}

fn check_kind(eviction: &Value) -> Result<(), StatusError> {
    let text = |field, usual| eviction[field].as_str().unwrap_or(usual);
    let (version, kind) = (text("apiVersion", "policy/v1"), text("kind", "Eviction"));
    if kind == "Eviction" && matches!(version, "policy/v1" | "policy/v1beta1") {
        return Ok(());
    }
    Err(StatusError::bad_request(format!(
        "{kind} in version {} cannot be handled as a Eviction: converting ({version}.{kind}) to \
         (policy.Eviction): unknown conversion",
        go_quote(version),
    )))
}

/// Whether a pod may go whatever budgets say: it does not serve yet, or not any more.
fn is_beyond_budgets(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Pending" | "Succeeded" | "Failed"))
        || !pod["metadata"]["deletionTimestamp"].is_null()
}

/// Takes one disruption from the budget of the pod, if it has one.
fn spend(state: &mut State, pod: &Value, dry_run: bool) -> Result<(), StatusError> {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
    let covering: Vec<(Key, Arc<Value>)> = state
        .store
        .list(&budgets(), &namespace)
        .filter(|(_, budget)| covers(budget, pod))
        .map(|(key, budget)| (key.clone(), budget.clone()))
        .collect();
    let (key, budget) = match covering.as_slice() {
        [] => return Ok(()),
        [one] => one,
        _ => {
            return Err(StatusError::unforeseen(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource \
                 does not support.",
            ));
        }
    };
    let status = &budget["status"];
    let count = |field: &str| status[field].as_i64().unwrap_or(0);
    if !is_ready(pod) {
        let healthy =
            count("desiredHealthy") > 0 && count("currentHealthy") >= count("desiredHealthy");
        if healthy || budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow" {
            return Ok(());
        }
    }
    let name = &key.name;
    let generation = budget["metadata"]["generation"].as_i64().unwrap_or(0);
    if count("observedGeneration") < generation {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Err(StatusError::over_budget(&why, RETRY_AFTER));
    }
    let allowed = count("disruptionsAllowed");
    if allowed == 0 {
        let why = format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            count("desiredHealthy"),
            count("currentHealthy"),
        );
        return Err(StatusError::over_budget(&why, 0));
    }
    if dry_run {
        return Ok(());
    }
    let now = rfc3339(state.now());
    let mut spent = Value::clone(budget);
    spent["status"]["disruptionsAllowed"] = (allowed - 1).into();
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    spent["status"]["disruptedPods"][pod_name] = now.as_str().into();
    if allowed == 1 {
        let insufficient = json!({"type": "DisruptionAllowed", "status": "False",
            "reason": "InsufficientPods", "message": "", "observedGeneration": generation});
        set_condition(&mut spent, insufficient, &now);
    }
    if let Some(kind) = state.kinds.get(&budgets()).cloned() {
        state.commit(&kind, key, Some(spent));
    }
    Ok(())
}

/// Whether a budget is about a pod. A selector of nothing selects all, none selects none.
pub(crate) fn covers(budget: &Value, pod: &Value) -> bool {
    let selector = &budget["spec"]["selector"];
    !selector.is_null() && LabelSelector::from_object(selector).matches(pod)
}

/// Notes in the pod why it goes.
fn say_why(state: &mut State, call: &Call, key: &Key, pod: &Value) {
    if condition(pod, "DisruptionTarget").is_some() {
        return;
    }
    let now = rfc3339(state.now());
    let mut object = pod.clone();
    let why = json!({"type": "DisruptionTarget", "status": "True", "lastProbeTime": null,
        "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"});
    set_condition(&mut object, why, &now);
    state.commit(&call.kind, key, Some(object));
}
