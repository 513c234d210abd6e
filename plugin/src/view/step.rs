//! The steps of a canary in words, as the controller words them in events and reasons.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use sluice_crd::rollout::{CanaryStep, RolloutPause, SetCanaryScale};

/// A step in words: `setWeight: 20`, `pause: 5m`, `analysis: success-rate`. Of several fields the
/// one that decides when the step is over (spec §1.4).
pub fn describe(step: &CanaryStep) -> String {
    if let Some(pause) = &step.pause {
        return describe_pause(pause);
    }
    if let Some(scale) = &step.set_canary_scale {
        return format!("setCanaryScale: {}", describe_scale(scale));
    }
    if let Some(weight) = step.set_weight {
        return format!("setWeight: {weight}");
    }
    if let Some(experiment) = &step.experiment {
        let names: Vec<_> = experiment.templates.iter().map(|t| t.name.as_str()).collect();
        return format!("experiment: {}", names.join(", "));
    }
    if let Some(analysis) = &step.analysis {
        let names: Vec<_> = analysis.templates.iter().map(|t| t.template_name.as_str()).collect();
        return format!("analysis: {}", names.join(", "));
    }
    if let Some(route) = &step.set_header_route {
        return format!("setHeaderRoute: {}", route.name);
    }
    if let Some(route) = &step.set_mirror_route {
        return format!("setMirrorRoute: {}", route.name);
    }
    step.plugin.as_ref().map_or_else(
        || "a step of a kind that this version does not know".to_owned(),
        |plugin| format!("plugin: {}", plugin.name),
    )
}

fn describe_pause(pause: &RolloutPause) -> String {
    match &pause.duration {
        None => "pause".to_owned(),
        Some(IntOrString::Int(seconds)) => format!("pause: {seconds}s"),
        Some(IntOrString::String(text)) if text.chars().all(|c| c.is_ascii_digit()) => {
            format!("pause: {text}s")
        }
        Some(IntOrString::String(text)) => format!("pause: {text}"),
    }
}

fn describe_scale(scale: &SetCanaryScale) -> String {
    match (scale.match_traffic_weight, scale.replicas, scale.weight) {
        (false, Some(replicas), _) => format!("{replicas} pods"),
        (false, None, Some(weight)) => format!("{weight}%"),
        _ => "as the weight".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn each_kind_has_its_words() {
        let words = |step: Value| describe(&serde_json::from_value(step).unwrap());
        for (step, expected) in [
            (json!({"setWeight": 20}), "setWeight: 20"),
            (json!({"pause": {}}), "pause"),
            (json!({"pause": {"duration": 30}}), "pause: 30s"),
            (json!({"pause": {"duration": "30"}}), "pause: 30s"),
            (json!({"pause": {"duration": "1h30m"}, "setWeight": 5}), "pause: 1h30m"),
            (json!({"setCanaryScale": {"replicas": 3}}), "setCanaryScale: 3 pods"),
            (json!({"setCanaryScale": {"weight": 25}}), "setCanaryScale: 25%"),
            (
                json!({"setCanaryScale": {"weight": 25, "matchTrafficWeight": true}}),
                "setCanaryScale: as the weight",
            ),
            (
                json!({"analysis": {"templates": [{"templateName": "success-rate"}]}}),
                "analysis: success-rate",
            ),
            (
                json!({"experiment": {"templates": [
                {"name": "a", "specRef": "canary"}, {"name": "b", "specRef": "stable"}]}}),
                "experiment: a, b",
            ),
            (json!({"setHeaderRoute": {"name": "beta"}}), "setHeaderRoute: beta"),
            (json!({"setMirrorRoute": {"name": "copy"}}), "setMirrorRoute: copy"),
            (json!({"plugin": {"name": "acme/gate"}}), "plugin: acme/gate"),
            (json!({"fromTheFuture": {}}), "a step of a kind that this version does not know"),
        ] {
            assert_eq!(words(step), expected);
        }
    }
}
