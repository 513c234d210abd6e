//! The label by which GitOps tools know that weights are ours for the moment, and the annotation that
//! counts the Rollouts that share a route: as the plugin has them, since rules in Argo CD name them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Config;
use crate::traffic::Intent;

const LABEL: &str = "rollouts.argoproj.io/gatewayapi-canary";
const LABEL_VALUE: &str = "in-progress";
const ANNOTATION: &str = "rollouts.argoproj.io/gatewayapi-active-rollouts";

/// Puts both on, or takes them off with the last Rollout that is under way.
pub(super) fn mark(config: &Config, intent: &Intent, route: &mut Value) {
    let or = |text: &str, default: &str| if text.is_empty() { default } else { text }.to_owned();
    let label = or(&config.in_progress_label_key, LABEL);
    let annotation = or(&config.active_rollouts_annotation_key, ANNOTATION);
    let listed = route["metadata"]["annotations"][&annotation].as_str().unwrap_or_default();
    let mut under_way: BTreeSet<String> =
        listed.split(',').map(|name| name.trim().to_owned()).filter(|n| !n.is_empty()).collect();
    if intent.is_under_way() && !config.disable_in_progress_label {
        under_way.insert(intent.rollout.clone());
    } else {
        under_way.remove(&intent.rollout);
    }
    let list = under_way.iter().cloned().collect::<Vec<_>>().join(",");
    let on = !under_way.is_empty();
    let value = or(&config.in_progress_label_value, LABEL_VALUE);
    put(route, "annotations", &annotation, on.then_some(list));
    put(route, "labels", &label, on.then_some(value));
}

fn put(route: &mut Value, field: &str, key: &str, value: Option<String>) {
    let Some(value) = value else {
        let metadata = route.get_mut("metadata").and_then(Value::as_object_mut);
        let Some(metadata) = metadata else { return };
        let map = metadata.get_mut(field).and_then(Value::as_object_mut);
        if map.is_some_and(|map| map.remove(key).is_some() && map.is_empty()) {
            metadata.remove(field);
        }
        return;
    };
    if route["metadata"].is_object() {
        route["metadata"][field][key] = value.into();
    }
}
