//! I7: an aborted revision gains no pods. I16: what is stable changes only by full promotion.

use serde_json::Value;

use super::{Breach, available, desired, hash, name, named_services, selected_hash};
use crate::scenario::mirror::{Mirror, Seen};

/// I7: looks at a ReplicaSet that is asked for more pods.
pub(super) fn no_resurrection(
    rollout: &Value,
    before: Option<&Value>,
    seen: &Seen,
) -> Option<Breach> {
    let status = &rollout["status"];
    // The controller has taken note of the abort; before that its writes may be under way.
    // A full promotion that is asked for afterwards takes it back.
    let aborted =
        status["abort"] == true && !status["abortedAt"].is_null() && status["promoteFull"] != true;
    let was = before.map_or(0, desired);
    let current = status["currentPodHash"].as_str() == Some(hash(&seen.object));
    let stable = status["stableRS"].as_str() == Some(hash(&seen.object));
    let more = !seen.deleted && desired(&seen.object) > was;
    (aborted && current && !stable && more).then(|| Breach {
        promise: "I7",
        what: format!(
            "ReplicaSet {} was aborted and goes from {was} to {} pods",
            name(&seen.object),
            desired(&seen.object)
        ),
    })
}

/// I16: looks at a Rollout whose stable version changes.
pub(super) fn stable(mirror: &Mirror, before: Option<&Value>, rollout: &Value) -> Vec<Breach> {
    let was = before.and_then(|b| b["status"]["stableRS"].as_str()).unwrap_or_default();
    let status = &rollout["status"];
    let is = status["stableRS"].as_str().unwrap_or_default();
    if was == is || before.is_none() {
        return Vec::new();
    }
    let mut out = Vec::new();
    if status["currentPodHash"] != is {
        out.push(format!("{is} became stable and is not the current version"));
    }
    let steps = rollout["spec"]["strategy"]["canary"]["steps"].as_array().map_or(0, Vec::len);
    if steps > 0 && status["currentStepIndex"].as_u64() != u64::try_from(steps).ok() {
        out.push(format!("{is} became stable at step {} of {steps}", status["currentStepIndex"]));
    }
    let sets = mirror.replica_sets_of(rollout);
    let serves = sets.iter().find(|rs| hash(rs) == is).map_or(0, |rs| available(rs));
    if serves == 0 && rollout["spec"]["replicas"] != 0 {
        out.push(format!("{is} became stable without a pod that serves"));
    }
    for (field, service) in named_services(rollout) {
        let selected = mirror.get("Service", service).and_then(selected_hash);
        if !was.is_empty()
            && ["stableService", "activeService"].contains(&field)
            && selected != Some(is)
        {
            out.push(format!("{is} became stable before Service {service} selected it"));
        }
    }
    out.into_iter().map(|what| Breach { promise: "I16", what }).collect()
}
