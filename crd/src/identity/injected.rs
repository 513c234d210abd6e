//! What the controller adds to the template of a ReplicaSet: no part of what its user wrote.

use serde_json::{Map, Value, json};

use super::same_template::POD_TEMPLATE_HASH_LABEL;
use crate::rollout::{AntiAffinity, PodTemplateMetadata};

/// Where pods of two versions do not meet.
const TOPOLOGY: &str = "kubernetes.io/hostname";

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Keeps the pods of a template away from those of the stable version (spec §1.3).
pub fn inject_anti_affinity(template: &mut Value, how: &AntiAffinity, stable_hash: &str) {
    let expression =
        json!({"key": POD_TEMPLATE_HASH_LABEL, "operator": "In", "values": [stable_hash]});
    let term =
        json!({"labelSelector": {"matchExpressions": [expression]}, "topologyKey": TOPOLOGY});
    let (list, entry) = match &how.preferred_during_scheduling_ignored_during_execution {
        Some(preferred) => {
            (PREFERRED, json!({"weight": preferred.weight, "podAffinityTerm": term}))
        }
        None => (REQUIRED, term),
    };
    let mut at = template;
    for field in ["spec", "affinity", "podAntiAffinity"] {
        let Some(fields) = object(at) else { return };
        at = fields.entry(field).or_insert(Value::Null);
    }
    let Some(fields) = object(at) else { return };
    match fields.entry(list).or_insert(Value::Null) {
        Value::Array(entries) => entries.push(entry),
        other => *other = Value::Array(vec![entry]),
    }
}

/// The fields of a value; nothing becomes an object, anything else is left alone.
fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut()
}

/// Takes an anti-affinity out of `actual` that a controller has put there, and out of both what is
/// empty then.
pub(super) fn without_anti_affinity(desired: &mut Value, actual: &mut Value) {
    let written = |list: &str| {
        let found = desired.pointer(&format!("/spec/affinity/podAntiAffinity/{list}"));
        found.and_then(Value::as_array).cloned().unwrap_or_default()
    };
    for (list, written) in [(REQUIRED, written(REQUIRED)), (PREFERRED, written(PREFERRED))] {
        let pointer = format!("/spec/affinity/podAntiAffinity/{list}");
        if let Some(Value::Array(entries)) = actual.pointer_mut(&pointer) {
            entries.retain(|entry| !is_injected(entry) || written.contains(entry));
        }
    }
    for template in [desired, actual] {
        for (parent, field) in [
            ("/spec/affinity/podAntiAffinity", REQUIRED),
            ("/spec/affinity/podAntiAffinity", PREFERRED),
            ("/spec/affinity", "podAntiAffinity"),
            ("/spec", "affinity"),
        ] {
            let Some(Value::Object(fields)) = template.pointer_mut(parent) else { continue };
            let is_empty = match fields.get(field) {
                Some(Value::Null) => true,
                Some(Value::Array(entries)) => entries.is_empty(),
                Some(Value::Object(fields)) => fields.is_empty(),
                _ => false,
            };
            if is_empty {
                fields.remove(field);
            }
        }
    }
}

fn is_injected(entry: &Value) -> bool {
    let term = entry.get("podAffinityTerm").unwrap_or(entry);
    let expressions = term.pointer("/labelSelector/matchExpressions").and_then(Value::as_array);
    let hashes = |expression: &Value| {
        expression["key"] == POD_TEMPLATE_HASH_LABEL && expression["operator"] == "In"
    };
    term["topologyKey"] == TOPOLOGY
        && expressions.is_some_and(|all| all.len() == 1 && all.iter().all(hashes))
}

/// Takes labels and annotations out of two templates that a controller has put on `actual`, the
/// template of a ReplicaSet (spec §1.2, §1.3: `canaryMetadata` and its like).
pub fn without_metadata(desired: &mut Value, actual: &mut Value, put_on: &PodTemplateMetadata) {
    let parts = [("labels", &put_on.labels), ("annotations", &put_on.annotations)];
    for (part, entries) in parts {
        let pointer = format!("/metadata/{part}");
        for (key, value) in entries {
            let Some(Value::Object(fields)) = actual.pointer_mut(&pointer) else { continue };
            // Another value is somebody else's.
            if fields.get(key).and_then(Value::as_str) != Some(value) {
                continue;
            }
            fields.remove(key);
            // What was there before it nobody knows.
            if let Some(Value::Object(fields)) = desired.pointer_mut(&pointer) {
                fields.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Extras, same_template};
    use crate::rollout::{
        PreferredDuringSchedulingIgnoredDuringExecution,
        RequiredDuringSchedulingIgnoredDuringExecution,
    };

    fn template(affinity: Value) -> Value {
        let mut template = json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "shop/web:v1"}]},
        });
        if !affinity.is_null() {
            template["spec"]["affinity"] = affinity;
        }
        template
    }

    fn both() -> [AntiAffinity; 2] {
        [
            AntiAffinity {
                required_during_scheduling_ignored_during_execution: Some(
                    RequiredDuringSchedulingIgnoredDuringExecution {},
                ),
                ..AntiAffinity::default()
            },
            AntiAffinity {
                preferred_during_scheduling_ignored_during_execution: Some(
                    PreferredDuringSchedulingIgnoredDuringExecution { weight: 7 },
                ),
                ..AntiAffinity::default()
            },
        ]
    }

    fn same(desired: &Value, actual: &Value) -> bool {
        same_template(desired, actual, Extras::Strict).is_ok()
    }

    #[test]
    fn what_was_injected_is_no_difference() {
        let own = json!({"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "web"}}});
        for affinity in [
            Value::Null,
            json!({}),
            json!({"podAntiAffinity": {}}),
            json!({"podAntiAffinity": {REQUIRED: [own.clone()]}}),
            json!({"podAntiAffinity": {PREFERRED: [{"weight": 1, "podAffinityTerm": own}]}}),
            json!({"nodeAffinity": {PREFERRED: []}}),
        ] {
            let desired = template(affinity);
            for how in both() {
                let mut actual = desired.clone();
                inject_anti_affinity(&mut actual, &how, "abc");
                assert_ne!(actual, desired);
                assert!(same(&desired, &actual), "{desired}\n{actual}");
                // Somebody has written it himself, then.
                assert!(!same(&actual, &desired) && same(&actual, &actual));
            }
        }
    }

    #[test]
    fn an_anti_affinity_of_the_users_is_a_difference() {
        let own = json!({"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "web"}}});
        let actual = template(json!({"podAntiAffinity": {REQUIRED: [own]}}));
        assert!(!same(&template(Value::Null), &actual));
    }

    #[test]
    fn metadata_that_was_put_on_is_no_difference() {
        let put_on = PodTemplateMetadata {
            labels: [("role".to_owned(), "canary".to_owned())].into(),
            annotations: [("note".to_owned(), "x".to_owned())].into(),
        };
        let mut actual = template(Value::Null);
        actual["metadata"]["labels"]["role"] = json!("canary");
        actual["metadata"]["annotations"] = json!({"note": "x"});
        for before in [Value::Null, json!("web")] {
            let mut desired = template(Value::Null);
            if !before.is_null() {
                desired["metadata"]["labels"]["role"] = before;
            }
            let mut actual = actual.clone();
            without_metadata(&mut desired, &mut actual, &put_on);
            assert!(same(&desired, &actual));
        }
        let (mut desired, mut edited) = (template(Value::Null), actual);
        edited["metadata"]["labels"]["role"] = json!("edited");
        without_metadata(&mut desired, &mut edited, &put_on);
        assert!(!same(&desired, &edited));
    }
}
