//! Which pods a ReplicaSet gives up first.

use chrono::{DateTime, Utc};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{condition, is_ready, time};

const COST_ANNOTATION: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Sorts pods so that the first ones go first: unassigned, pending, not ready, cheap, crowded on
/// their node, ready for a shorter time, restarted more often, younger. What crowds a node are the
/// `related` pods: those of all ReplicaSets of the same owner.
pub(super) fn sort_for_deletion(
    pods: &mut [Arc<Value>],
    related: &[Arc<Value>],
    now: DateTime<Utc>,
) {
    let mut on_node: BTreeMap<String, usize> = BTreeMap::new();
    for pod in related {
        *on_node.entry(node(pod).to_owned()).or_default() += 1;
    }
    pods.sort_by(|a, b| {
        let crowd = |pod: &Value| on_node.get(node(pod)).copied().unwrap_or_default();
        assigned(a)
            .cmp(&assigned(b))
            .then_with(|| phase_rank(a).cmp(&phase_rank(b)))
            .then_with(|| is_ready(a).cmp(&is_ready(b)))
            .then_with(|| cost(a).cmp(&cost(b)))
            .then_with(|| crowd(b).cmp(&crowd(a)))
            .then_with(|| ready_rank(a, b, now))
            .then_with(|| restarts(b).cmp(&restarts(a)))
            .then_with(|| {
                let created = |pod: &Value| time(&pod["metadata"]["creationTimestamp"]);
                age_rank(created(a), created(b), uid(a), uid(b), now)
            })
    });
}

fn node(pod: &Value) -> &str {
    pod["spec"]["nodeName"].as_str().unwrap_or_default()
}

fn uid(pod: &Value) -> &str {
    pod["metadata"]["uid"].as_str().unwrap_or_default()
}

fn assigned(pod: &Value) -> bool {
    !node(pod).is_empty()
}

fn phase_rank(pod: &Value) -> u8 {
    match pod["status"]["phase"].as_str() {
        Some("Pending") => 0,
        Some("Running") => 2,
        _ => 1,
    }
}

fn cost(pod: &Value) -> i32 {
    let text = pod["metadata"]["annotations"][COST_ANNOTATION].as_str();
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn restarts(pod: &Value) -> i64 {
    let statuses = pod["status"]["containerStatuses"].as_array();
    let counts = statuses.into_iter().flatten().filter_map(|s| s["restartCount"].as_i64());
    counts.max().unwrap_or(0)
}

fn ready_rank(a: &Value, b: &Value, now: DateTime<Utc>) -> Ordering {
    let since = |pod: &Value| {
        is_ready(pod)
            .then(|| condition(pod, "Ready").and_then(|c| time(&c["lastTransitionTime"])))
            .flatten()
    };
    match (since(a), since(b)) {
        (Some(x), Some(y)) => age_rank(Some(x), Some(y), uid(a), uid(b), now),
        _ => Ordering::Equal,
    }
}

/// The younger first, but ages of the same order of magnitude (power of two, in seconds) count as
/// equal and are drawn by uid, so that no age group is wiped out.
fn age_rank(
    a: Option<DateTime<Utc>>,
    b: Option<DateTime<Utc>>,
    uid_a: &str,
    uid_b: &str,
    now: DateTime<Utc>,
) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return Ordering::Equal };
    if a == b {
        return Ordering::Equal;
    }
    let magnitude = |time: DateTime<Utc>| {
        let nanos = (now - time).num_nanoseconds().unwrap_or(i64::MAX).max(1);
        nanos.ilog2()
    };
    magnitude(a).cmp(&magnitude(b)).then_with(|| uid_a.cmp(uid_b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn order(pods: Vec<Value>) -> Vec<String> {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let mut pods: Vec<Arc<Value>> = pods.into_iter().map(Arc::new).collect();
        let related = pods.clone();
        sort_for_deletion(&mut pods, &related, now);
        pods.iter().map(|pod| uid(pod).to_owned()).collect()
    }

    fn pod(uid: &str, node: &str, phase: &str, ready_for: Option<i64>, restarts: i64) -> Value {
        let now = 1_000_000;
        let stamp = |age: i64| {
            let time = DateTime::from_timestamp(now - age, 0).unwrap();
            crate::clock::rfc3339(time)
        };
        let mut pod = json!({
            "metadata": {"uid": uid, "creationTimestamp": stamp(5000)},
            "spec": {"nodeName": node},
            "status": {"phase": phase, "containerStatuses": [{"restartCount": restarts}]},
        });
        if let Some(age) = ready_for {
            pod["status"]["conditions"] = json!([
                {"type": "Ready", "status": "True", "lastTransitionTime": stamp(age)}
            ]);
        }
        pod
    }

    #[test]
    fn the_least_useful_goes_first() {
        let ranked = order(vec![
            pod("old", "n1", "Running", Some(4000), 0),
            pod("young", "n2", "Running", Some(3), 0),
            pod("unready", "n3", "Running", None, 0),
            pod("pending", "n4", "Pending", None, 0),
            pod("nowhere", "", "Pending", None, 0),
        ]);
        assert_eq!(ranked, ["nowhere", "pending", "unready", "young", "old"]);
    }

    #[test]
    fn crowded_nodes_and_restarts() {
        let ranked = order(vec![
            pod("alone", "n1", "Running", Some(100), 0),
            pod("b", "n2", "Running", Some(100), 0),
            pod("a", "n2", "Running", Some(100), 3),
        ]);
        assert_eq!(ranked, ["a", "b", "alone"]);
    }

    #[test]
    fn pods_of_sibling_sets_crowd_a_node_too() {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let own = ["n1", "n2"].map(|n| Arc::new(pod(n, n, "Running", Some(100), 0)));
        let mut related = own.to_vec();
        related.push(Arc::new(pod("sibling", "n2", "Running", Some(100), 0)));
        let mut ranked = own.to_vec();
        sort_for_deletion(&mut ranked, &related, now);
        assert_eq!(uid(&ranked[0]), "n2");
    }

    #[test]
    fn deletion_cost() {
        let mut dear = pod("dear", "n1", "Running", Some(1), 0);
        dear["metadata"]["annotations"] = json!({COST_ANNOTATION: "10"});
        let ranked = order(vec![dear, pod("cheap", "n2", "Running", Some(9000), 0)]);
        assert_eq!(ranked, ["cheap", "dear"]);
    }
}
