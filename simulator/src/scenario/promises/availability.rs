//! I1: no write of the controller lowers the pods that serve below the floor, or below what there
//! were where they were fewer already. Pods of the Deployment that a Rollout refers to serve as well.

use serde_json::Value;

use super::{Breach, active_hash, desired, hash, name, serving};
use crate::scenario::mirror::{Mirror, Seen};

/// Looks at a ReplicaSet that is asked for fewer pods, or is gone.
pub(super) fn floor(
    mirror: &Mirror,
    rollout: &Value,
    before: Option<&Value>,
    seen: &Seen,
) -> Option<Breach> {
    let before = before?;
    let now_desired = if seen.deleted { 0 } else { desired(&seen.object) };
    if now_desired >= desired(before) || seen.deleted && !rollout_lives(rollout) {
        return None;
    }
    // Of blue-green, only the version that clients use carries load.
    let is_blue_green = !rollout["spec"]["strategy"]["blueGreen"].is_null();
    if is_blue_green && active_hash(mirror, rollout) != Some(hash(before)) {
        return None;
    }
    let others: i64 = mirror
        .replica_sets_of(rollout)
        .into_iter()
        .filter(|rs| name(rs) != name(before) && !is_blue_green)
        .map(serving)
        .sum();
    let others = others + of_workload(mirror, rollout);
    let was = others + serving(before);
    let is = others + serving(before).min(now_desired);
    let floor = floor_of(rollout, &seen.object);
    (is < was.min(floor)).then(|| Breach {
        promise: "I1",
        what: format!(
            "ReplicaSet {} goes from {} to {now_desired} pods: {is} serve, {was} did, at least \
             {floor} have to",
            name(before),
            desired(before),
        ),
    })
}

/// The pods that serve of the Deployment that the Rollout takes its template from.
fn of_workload(mirror: &Mirror, rollout: &Value) -> i64 {
    let workload = &rollout["spec"]["workloadRef"];
    let name = workload["name"].as_str().filter(|_| workload["kind"] == "Deployment");
    let deployment = name.and_then(|name| mirror.get("Deployment", name));
    let sets = deployment.map(|deployment| mirror.replica_sets_of(deployment));
    sets.into_iter().flatten().map(serving).sum()
}

fn rollout_lives(rollout: &Value) -> bool {
    rollout["metadata"]["deletionTimestamp"].is_null()
}

/// `replicas − maxUnavailable`, by the replicas that the controller went by.
fn floor_of(rollout: &Value, rs: &Value) -> i64 {
    let noted = rs["metadata"]["annotations"]["rollout.argoproj.io/desired-replicas"].as_str();
    let replicas = noted
        .and_then(|n| n.parse().ok())
        .unwrap_or_else(|| rollout["spec"]["replicas"].as_i64().unwrap_or(1));
    if !rollout["spec"]["strategy"]["blueGreen"].is_null() {
        return replicas;
    }
    (replicas - slack(rollout, replicas)).max(0)
}

/// How many pods of a canary may be unavailable.
pub(super) fn slack(rollout: &Value, replicas: i64) -> i64 {
    let canary = &rollout["spec"]["strategy"]["canary"];
    let surge = share(&canary["maxSurge"], replicas, true);
    let slack = share(&canary["maxUnavailable"], replicas, false);
    if surge == 0 && slack == 0 { 1 } else { slack }
}

/// A number of pods or a percentage of them; 25 % where nothing is said (spec §1.3).
fn share(value: &Value, replicas: i64, round_up: bool) -> i64 {
    let percent = match value {
        Value::Number(n) => return n.as_i64().unwrap_or(0),
        Value::String(text) => text.trim_end_matches('%').parse().unwrap_or(0),
        _ => 25,
    };
    let hundredths: i64 = replicas * percent;
    if round_up { (hundredths + 99) / 100 } else { hundredths / 100 }
}

#[cfg(test)]
mod tests {
    use super::super::{Onlooker, Writer};
    use super::*;
    use serde_json::json;

    fn set(name: &str, owner: (&str, &str), replicas: i64) -> Value {
        json!({
            "kind": "ReplicaSet",
            "metadata": {"name": name, "ownerReferences": [
                {"kind": owner.0, "uid": owner.1, "controller": true}]},
            "spec": {"replicas": replicas},
            "status": {"availableReplicas": replicas},
        })
    }

    #[test]
    fn pods_of_the_deployment_that_is_referred_to_count() {
        for (beside, broken) in [(0, true), (2, true), (4, false)] {
            let mut onlooker = Onlooker::default();
            for object in [
                json!({"kind": "Deployment", "metadata": {"name": "web", "uid": "d"}}),
                set("web-1", ("Deployment", "d"), beside),
                json!({"kind": "Rollout", "metadata": {"name": "web", "uid": "r"},
                    "spec": {"replicas": 4, "workloadRef": {"kind": "Deployment", "name": "web"}}}),
                set("web-2", ("Rollout", "r"), 4),
                set("web-2", ("Rollout", "r"), 0),
            ] {
                onlooker.look(&Seen { object, deleted: false }, Writer::Unknown);
            }
            let found = onlooker.breaches().iter().map(|b| b.promise);
            // These objects have no conditions, which is another matter.
            let found: Vec<&str> = found.filter(|promise| *promise != "kstatus").collect();
            assert_eq!(found, if broken { vec!["I1"] } else { Vec::new() }, "{beside}");
        }
    }
}
