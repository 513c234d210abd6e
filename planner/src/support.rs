//! Which features this build has. What it lacks is held, never half done (docs/architecture.md).

use sluice_crd::rollout::{CanaryStep, CanaryStrategy, RolloutSpec};

use crate::traffic::gateway_api;

/// The path of the first field whose feature this build lacks.
pub(crate) fn first_unsupported(spec: &RolloutSpec) -> Option<String> {
    let canary = spec.strategy.canary.as_ref()?;
    in_canary(canary).map(|field| format!("spec.strategy.canary.{field}"))
}

fn in_canary(canary: &CanaryStrategy) -> Option<String> {
    let plugins = canary.traffic_routing.iter().flat_map(|traffic| traffic.plugins.keys());
    if let Some(plugin) = plugins.into_iter().find(|plugin| *plugin != gateway_api::KEY) {
        return Some(format!("trafficRouting.plugins[{plugin}]"));
    }
    let steps = canary.steps.as_deref().unwrap_or_default();
    steps
        .iter()
        .enumerate()
        .find_map(|(i, step)| in_step(step).map(|kind| format!("steps[{i}].{kind}")))
}

fn in_step(step: &CanaryStep) -> Option<&'static str> {
    let lacking = [("experiment", step.experiment.is_some()), ("plugin", step.plugin.is_some())];
    lacking.iter().find(|(_, used)| *used).map(|(kind, _)| *kind)
}
