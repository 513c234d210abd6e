//! How much of the traffic the new version shall have, and how much it has.

use sluice_crd::rollout::{CanaryStep, CanaryStrategy, RolloutStatus};

use super::replica_set::{ReplicaSetView, Tag};

/// The step that is under way; none past the last, or without steps.
pub fn current_step<'a>(
    canary: &'a CanaryStrategy,
    status: &RolloutStatus,
) -> Option<(usize, &'a CanaryStep)> {
    let index = usize::try_from(status.current_step_index.unwrap_or(0)).unwrap_or(0);
    canary.steps.as_ref()?.get(index).map(|step| (index, step))
}

/// The weight that is asked for: of the last `setWeight` up to the current step, all of it past the
/// end, nothing after an abort (spec §2.4).
pub fn set_weight(canary: &CanaryStrategy, status: &RolloutStatus) -> i64 {
    if status.abort {
        return 0;
    }
    let Some((index, _)) = current_step(canary, status) else {
        return canary.max_traffic_weight_or_default();
    };
    let so_far = canary.steps.iter().flatten().take(index + 1);
    so_far.filter_map(|step| step.set_weight).last().map_or(0, i64::from)
}

/// The weight that the new version has: what the router was given, or the new version's share of
/// the available pods. Where the new version is the stable one, what is asked for.
pub fn actual_weight(
    canary: &CanaryStrategy,
    status: &RolloutStatus,
    sets: &[ReplicaSetView],
) -> i64 {
    let is_promoted = !status.stable_rs.is_empty() && status.stable_rs == status.current_pod_hash;
    if is_promoted {
        return set_weight(canary, status);
    }
    if canary.traffic_routing.is_some() {
        let given = status.canary.weights.as_ref();
        return given.map_or_else(
            || set_weight(canary, status),
            |weights| i64::from(weights.canary.weight),
        );
    }
    let available = i64::from(status.available_replicas);
    let new = sets.iter().find(|set| set.is(&Tag::Canary));
    match new {
        Some(new) if available > 0 => i64::from(new.available) * 100 / available,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn weight(steps: Value, status: Value) -> i64 {
        let canary: CanaryStrategy = serde_json::from_value(json!({"steps": steps})).unwrap();
        set_weight(&canary, &serde_json::from_value(status).unwrap())
    }

    #[test]
    fn the_last_weight_so_far_counts() {
        let steps = json!([{"pause": {}}, {"setWeight": 20}, {"pause": {}}, {"setWeight": 60}]);
        for (index, expected) in [(0, 0), (1, 20), (2, 20), (3, 60), (4, 100), (9, 100), (-1, 0)] {
            let status = json!({"currentStepIndex": index});
            assert_eq!(weight(steps.clone(), status), expected, "{index}");
        }
        assert_eq!(weight(steps.clone(), json!({})), 0);
        assert_eq!(weight(steps, json!({"currentStepIndex": 3, "abort": true})), 0);
        assert_eq!(weight(json!(null), json!({})), 100);
    }
}
