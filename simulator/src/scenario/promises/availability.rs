//! I1: no write of the controller lowers the pods that serve below the floor, or below what there
//! were where they were fewer already.

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
    let canary = &rollout["spec"]["strategy"]["canary"];
    let surge = share(&canary["maxSurge"], replicas, true);
    let slack = share(&canary["maxUnavailable"], replicas, false);
    let slack = if surge == 0 && slack == 0 { 1 } else { slack };
    (replicas - slack).max(0)
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
