//! I2: no Service is pointed at a version without a pod that serves. I3: a version is emptied only
//! after nothing selects it. I6: after an abort everything is back on the stable version.

use serde_json::Value;

use super::{Breach, available, desired, hash, name, named_services, selected_hash};
use crate::scenario::mirror::{Mirror, Seen};

/// The annotation that names the Rollout that manages a Service.
const MANAGED_BY: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";

/// I2: looks at a Service whose hash changes.
pub(super) fn capacity(mirror: &Mirror, before: Option<&Value>, seen: &Seen) -> Option<Breach> {
    let to = selected_hash(&seen.object).filter(|_| !seen.deleted)?;
    if before.and_then(selected_hash) == Some(to) {
        return None;
    }
    let mark = &seen.object["metadata"]["annotations"][MANAGED_BY];
    let rollout = mirror.all("Rollout").find(|rollout| rollout["metadata"]["name"] == *mark)?;
    if rollout["spec"]["replicas"] == 0 || rollout["status"]["abort"] == true {
        return None;
    }
    let serves: i64 = mirror.all("ReplicaSet").filter(|rs| hash(rs) == to).map(available).sum();
    (serves == 0).then(|| Breach {
        promise: "I2",
        what: format!("Service {} selects {to}, of which no pod serves", name(&seen.object)),
    })
}

/// I3: looks at a ReplicaSet that is emptied or deleted.
pub(super) fn drained(
    mirror: &Mirror,
    rollout: &Value,
    before: Option<&Value>,
    seen: &Seen,
) -> Option<Breach> {
    let before = before?;
    let emptied = seen.deleted || desired(&seen.object) == 0;
    let replicas = rollout["spec"]["replicas"].as_i64().unwrap_or(1);
    let lives = rollout["metadata"]["deletionTimestamp"].is_null();
    if !emptied || desired(before) == 0 || replicas == 0 || !lives {
        return None;
    }
    // One pod, no surge: the strategy itself leaves no room for two versions side by side.
    if replicas == 1 && rollout["spec"]["strategy"]["canary"]["maxSurge"] == 0 {
        return None;
    }
    let selecting = named_services(rollout).into_iter().find(|(_, service)| {
        mirror.get("Service", service).and_then(selected_hash) == Some(hash(before))
    });
    selecting.map(|(_, service)| Breach {
        promise: "I3",
        what: format!("ReplicaSet {} is emptied while Service {service} selects it", name(before)),
    })
}

/// I6: looks at an aborted Rollout at rest.
pub(super) fn aborted(mirror: &Mirror, rollout: &Value) -> Vec<Breach> {
    let status = &rollout["status"];
    let stable_hash = status["stableRS"].as_str().unwrap_or_default();
    let sets = mirror.replica_sets_of(rollout);
    let stable = sets.iter().find(|rs| hash(rs) == stable_hash);
    let Some(stable) = stable.filter(|_| status["abort"] == true) else { return Vec::new() };
    let replicas = rollout["spec"]["replicas"].as_i64().unwrap_or(1);
    let mut out: Vec<String> = Vec::new();
    let whole = available(stable) >= replicas;
    let strategy = &rollout["spec"]["strategy"]["blueGreen"];
    // Of blue-green it may keep pods for a while, or for good, behind the preview Service alone.
    let kept = |rs: &Value| {
        !strategy.is_null()
            && (strategy["abortScaleDownDelaySeconds"] == 0
                || !rs["metadata"]["annotations"]["scale-down-deadline"].is_null())
    };
    let others = sets.iter().filter(|rs| hash(rs) != stable_hash && desired(rs) > 0);
    for rs in others.filter(|rs| whole && !kept(rs)) {
        out.push(format!(
            "ReplicaSet {} of the aborted update keeps {} pods",
            name(rs),
            desired(rs)
        ));
    }
    for (field, service) in named_services(rollout) {
        let selected = mirror.get("Service", service).and_then(selected_hash);
        let is_kept = field == "previewService"
            && sets.iter().any(|rs| selected == Some(hash(rs)) && desired(rs) > 0);
        if available(stable) > 0 && selected != Some(stable_hash) && !is_kept {
            out.push(format!("Service {service} selects {selected:?} after an abort"));
        }
    }
    out.into_iter().map(|what| Breach { promise: "I6", what }).collect()
}
