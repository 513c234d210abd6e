//! Which features this build has. What it lacks is held, never half done (docs/architecture.md).

use sluice_crd::rollout::{CanaryStep, CanaryStrategy, RolloutSpec};

/// The path of the first field whose feature this build lacks.
pub(crate) fn first_unsupported(spec: &RolloutSpec) -> Option<String> {
    let canary = spec.strategy.canary.as_ref()?;
    in_canary(canary).map(|field| format!("spec.strategy.canary.{field}"))
}

fn in_canary(canary: &CanaryStrategy) -> Option<String> {
    let lacking = [
        ("trafficRouting", canary.traffic_routing.is_some()),
        ("dynamicStableScale", canary.dynamic_stable_scale),
        ("pingPong", canary.ping_pong.is_some()),
        ("minPodsPerReplicaSet", canary.min_pods_per_replica_set.is_some()),
    ];
    if let Some((field, _)) = lacking.iter().find(|(_, used)| *used) {
        return Some((*field).to_owned());
    }
    let steps = canary.steps.as_deref().unwrap_or_default();
    steps
        .iter()
        .enumerate()
        .find_map(|(i, step)| in_step(step).map(|kind| format!("steps[{i}].{kind}")))
}

fn in_step(step: &CanaryStep) -> Option<&'static str> {
    let lacking = [
        ("experiment", step.experiment.is_some()),
        ("setCanaryScale", step.set_canary_scale.is_some()),
        ("setHeaderRoute", step.set_header_route.is_some()),
        ("setMirrorRoute", step.set_mirror_route.is_some()),
        ("plugin", step.plugin.is_some()),
    ];
    lacking.iter().find(|(_, used)| *used).map(|(kind, _)| *kind)
}
