//! I25: the scale subresource tells the truth, so that an autoscaler goes by the pods that carry the
//! load: those of all versions of a canary, and of blue-green those that clients use.

use serde_json::Value;

use super::{Breach, active_hash, hash, name};
use crate::scenario::mirror::Mirror;

/// Looks at a Rollout at rest: what the status says of the pods that its selector selects.
pub(super) fn truth(mirror: &Mirror, rollout: &Value) -> Vec<Breach> {
    let status = &rollout["status"];
    let Some(selector) = status["selector"].as_str().filter(|s| !s.is_empty()) else {
        return Vec::new();
    };
    // A spec that is refused is not looked into, and its Services may be missing; what was given back
    // has no pods, and no Service is its own.
    if status["message"].as_str().is_some_and(is_refused) {
        return Vec::new();
    }
    let mut out = Vec::new();
    let said = status["HPAReplicas"].as_i64().unwrap_or(0);
    let sets = mirror.replica_sets_of(rollout);
    let pods = sets.iter().flat_map(|rs| mirror.pods_of(rs));
    let found = pods.filter(|pod| stays(pod) && selects(selector, pod)).count();
    if usize::try_from(said) != Ok(found) {
        out.push(format!("HPAReplicas is {said}, and {selector} selects {found} pods"));
    }
    let active = active_hash(mirror, rollout).filter(|to| sets.iter().any(|rs| hash(rs) == *to));
    let named = selector.split(',').find_map(|term| term.strip_prefix(HASH));
    if named != active {
        out.push(format!("the selector of the Scale is {selector}; clients use {active:?}"));
    }
    let what = |what| format!("Rollout {}: {what}", name(rollout));
    out.into_iter().map(|text| Breach { promise: "I25", what: what(text) }).collect()
}

/// The term of a selector that names a version.
const HASH: &str = "rollouts-pod-template-hash=";

fn is_refused(message: &str) -> bool {
    ["InvalidSpec", "UnsupportedFeature", "given back"].iter().any(|word| message.starts_with(word))
}

/// Whether a pod counts for its ReplicaSet: it is not going, and not over.
fn stays(pod: &Value) -> bool {
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    pod["metadata"]["deletionTimestamp"].is_null() && !["Failed", "Succeeded"].contains(&phase)
}

/// Whether a pod has the labels that a selector names; of its terms, those of one value.
fn selects(selector: &str, pod: &Value) -> bool {
    let labels = &pod["metadata"]["labels"];
    selector
        .split(',')
        .filter_map(|term| term.split_once('='))
        .all(|(key, value)| labels[key].as_str() == Some(value))
}

#[cfg(test)]
mod tests {
    use super::super::Watchman;
    use crate::scenario::mirror::{Mirror, Seen};
    use serde_json::{Value, json};

    fn owned(kind: &str, name: &str, owner: (&str, &str), hash: &str) -> Value {
        json!({
            "kind": kind,
            "metadata": {"name": name, "uid": name, "labels": {"app": "web", (LABEL): hash},
                "ownerReferences": [{"kind": owner.0, "uid": owner.1, "controller": true}]},
        })
    }

    const LABEL: &str = "rollouts-pod-template-hash";

    fn found(strategy: &Value, selector: &str, replicas: i64) -> Vec<String> {
        let (mut mirror, mut watchman) = (Mirror::default(), Watchman::default());
        let rollout = json!({
            "kind": "Rollout", "metadata": {"name": "web", "uid": "web"},
            "spec": {"strategy": strategy},
            "status": {"HPAReplicas": replicas, "selector": selector},
        });
        let service = json!({"kind": "Service", "metadata": {"name": "active"},
            "spec": {"selector": {"app": "web", (LABEL): "a"}}});
        for object in [
            rollout,
            service,
            owned("ReplicaSet", "web-a", ("Rollout", "web"), "a"),
            owned("ReplicaSet", "web-b", ("Rollout", "web"), "b"),
            owned("Pod", "web-a-1", ("ReplicaSet", "web-a"), "a"),
            owned("Pod", "web-b-1", ("ReplicaSet", "web-b"), "b"),
        ] {
            mirror.take(&Seen { object, deleted: false });
        }
        watchman.all_told(&mirror);
        watchman.breaches().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_canary_counts_the_pods_of_all_versions() {
        let canary = json!({"canary": {}});
        assert!(found(&canary, "app=web", 2).is_empty());
        assert_eq!(
            found(&canary, "app=web", 1),
            ["I25: Rollout web: HPAReplicas is 1, and app=web selects 2 pods"]
        );
    }

    #[test]
    fn blue_green_counts_those_that_clients_use() {
        let blue_green = json!({"blueGreen": {"activeService": "active"}});
        assert!(found(&blue_green, &format!("app=web,{LABEL}=a"), 1).is_empty());
        for (selector, replicas) in [("app=web", 2), (&*format!("app=web,{LABEL}=b"), 1)] {
            assert_eq!(found(&blue_green, selector, replicas).len(), 1, "{selector}");
        }
    }
}
