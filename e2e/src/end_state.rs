//! What two runs of a scenario are compared by: all that is left in the end but for uids, versions,
//! times and the names of pods (I24).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sluice_simulator::scenario::kind_of;

/// Objects by kind and name, without what differs from run to run.
pub type EndState = BTreeMap<String, Value>;

/// Fields that name a run and not a state.
const VOLATILE: [&str; 25] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "observedGeneration",
    "managedFields",
    "duration",
    "startTime",
    "lastTransitionTime",
    "lastUpdateTime",
    "lastScaleTime",
    "abortedAt",
    "startedAt",
    "finishedAt",
    "resumeAt",
    "completedAt",
    "completionTime",
    "lastProbeTime",
    "clusterIP",
    "clusterIPs",
    "deletionTimestamp",
    // How often a Deployment was written, and scaled by how much at a time.
    "workloadObservedGeneration",
    "rollout.argoproj.io/workload-generation",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
];

/// The end state of these objects; pods count by their ReplicaSets, and so do EndpointSlices; leases
/// not at all.
pub fn normalized(objects: &[Value]) -> EndState {
    objects
        .iter()
        .filter(|object| {
            let kind = object["kind"].as_str();
            !matches!(kind, Some("Pod" | "EndpointSlice" | "Lease" | "Event"))
        })
        .map(|object| {
            let name = format!(
                "{} {}",
                kind_of(object),
                without_uids(object["metadata"]["name"].as_str().unwrap_or_default())
            );
            (name, without_volatile(&without_tally(object)))
        })
        .collect()
}

/// How often a run measured that others ended, and what, is a matter of when.
fn without_tally(object: &Value) -> Value {
    let mut object = object.clone();
    let background = object["metadata"]["labels"]["rollout-type"] == "Background";
    if object["kind"] != "AnalysisRun" || !(background || object["spec"]["terminate"] == true) {
        return object;
    }
    for result in object["status"]["metricResults"].as_array_mut().into_iter().flatten() {
        *result = json!({"name": result["name"], "phase": result["phase"]});
    }
    if let Some(summary) = object.pointer_mut("/status/runSummary") {
        *summary = json!({});
    }
    object
}

fn without_volatile(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(key, _)| !VOLATILE.contains(&key.as_str()))
                .map(|(key, value)| (key.clone(), without_volatile(value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(without_volatile).collect();
            // Conditions stand in the order in which they last changed.
            if items.iter().all(|item| item["type"].is_string()) {
                items.sort_by_key(|item| item["type"].to_string());
            }
            Value::Array(items)
        }
        Value::String(text) => Value::from(without_uids(&without_instants(text))),
        other => other.clone(),
    }
}

/// Messages tell instants: `paused since 2026-01-01T00:00:07Z`.
fn without_instants(text: &str) -> String {
    let is_instant = |word: &str| {
        let word = word.trim_end_matches([';', ':', ',', ')', '.']);
        word.len() == 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T'
    };
    let words = text.split(' ').map(|word| if is_instant(word) { "<instant>" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Jobs of measurements are named by the uid of their run, their pods are labelled with their own,
/// and messages name both.
fn without_uids(text: &str) -> String {
    let groups = [8, 4, 4, 4, 12];
    let is_uid = |part: &str| {
        let mut lengths = part.split('-').map(str::len);
        let hex = part.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
        hex && groups.iter().all(|group| lengths.next() == Some(*group)) && lengths.next().is_none()
    };
    let word = |word: &str| {
        let parts = word.split('.').map(|part| if is_uid(part) { "<uid>" } else { part });
        parts.collect::<Vec<_>>().join(".")
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Where two end states differ first, if they do.
pub fn difference(expected: &EndState, found: &EndState) -> Option<String> {
    for (name, value) in expected {
        match found.get(name) {
            None => return Some(format!("{name} is missing")),
            Some(other) if other != value => {
                return Some(format!("{name}: {}", first_difference(value, other, "")));
            }
            Some(_) => {}
        }
    }
    found.keys().find(|name| !expected.contains_key(*name)).map(|name| format!("{name} is left"))
}

fn first_difference(a: &Value, b: &Value, path: &str) -> String {
    if let (Value::Object(a), Value::Object(b)) = (a, b) {
        let keys = a.keys().chain(b.keys());
        for key in keys {
            let (x, y) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
            if x != y {
                return first_difference(x, y, &format!("{path}.{key}"));
            }
        }
    }
    if let (Value::Array(a), Value::Array(b)) = (a, b)
        && a.len() == b.len()
        && let Some(i) = (0..a.len()).find(|i| a[*i] != b[*i])
    {
        return first_difference(&a[i], &b[i], &format!("{path}[{i}]"));
    }
    format!("{path} is {b}, not {a}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_run_does_not_count() {
        let job = |uid: &str, time: &str| {
            json!({
                "kind": "Job",
                "metadata": {"name": format!("{uid}.smoke.1"), "labels": {"controller-uid": uid}},
                "status": {"succeeded": 1, "completionTime": time},
            })
        };
        let one = job("fbfd5d2e-4492-4caf-8089-0d7547d737ea", "2026-01-01T00:00:00Z");
        let other = job("a808d883-a38b-4db2-b399-0b71ee532eae", "2026-01-01T00:00:07Z");
        let (one, other) = (normalized(&[one]), normalized(&[other]));
        assert_eq!(difference(&one, &other), None);
        assert!(one.contains_key("Job <uid>.smoke.1"), "{one:?}");
        let failed = normalized(&[json!({"kind": "Job", "metadata": {"name": "a.smoke.1"}})]);
        assert!(difference(&one, &failed).is_some());
    }
}
