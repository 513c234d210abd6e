//! The sample: a Service, an AnalysisTemplate, a Rollout, and three versions of its image.

use serde::Deserialize;
use serde_json::{Value, json};
use sluice_crd::rollout::{CanaryStep, Rollout};

use crate::view::step::describe;

/// The namespace.
pub const NAMESPACE: &str = "shop";
/// The name of the Rollout and of the Service.
pub const NAME: &str = "checkout";
/// The version that is there first.
pub const FIRST: &str = "shop/checkout:1.0";
/// A version that is good.
pub const GOOD: &str = "shop/checkout:1.1";
/// A version that answers with errors as soon as it gets more than a third of the requests.
pub const BAD: &str = "shop/checkout:1.2";

/// What is applied, as it is shown.
pub const YAML: &str = include_str!("sample.yaml");

/// The CustomResourceDefinitions of what is applied, what is watched and what a tree may show.
pub(super) const CRDS: [&str; 5] = [
    include_str!("../../../manifests/crds/rollout-crd.yaml"),
    include_str!("../../../manifests/crds/experiment-crd.yaml"),
    include_str!("../../../manifests/crds/analysisrun-crd.yaml"),
    include_str!("../../../manifests/crds/analysistemplate-crd.yaml"),
    include_str!("../../../manifests/crds/clusteranalysistemplate-crd.yaml"),
];

/// Which part of the requests to a version that gets this share of all is answered well.
pub fn success(image: &str, share: f64) -> f64 {
    if image == BAD && share > 1.0 / 3.0 { 0.826 } else { 0.999 }
}

/// The objects of the sample: the Service, the AnalysisTemplate and the Rollout.
///
/// # Errors
///
/// The text is no YAML.
pub(super) fn objects() -> Result<Vec<Value>, serde_yaml_ng::Error> {
    serde_yaml_ng::Deserializer::from_str(YAML).map(Value::deserialize).collect()
}

/// What changes where the sample is applied with another image.
pub(super) fn with_image(image: &str) -> Value {
    let containers = json!([{"name": NAME, "image": image}]);
    json!({"spec": {"template": {"spec": {"containers": containers}}}})
}

/// The steps of a Rollout in one line: `setWeight: 20 → pause: 3s → … → 100 %`.
pub(super) fn way(rollout: &Rollout) -> String {
    let canary = rollout.spec.strategy.canary.as_ref();
    let steps = canary.iter().flat_map(|canary| canary.steps.iter().flatten());
    let mut words: Vec<String> = steps.map(step).collect();
    words.push("all pods".to_owned());
    words.join(" → ")
}

fn step(step: &CanaryStep) -> String {
    let endless = step.pause.as_ref().is_some_and(|pause| pause.duration.is_none());
    if endless { "pause until promoted".to_owned() } else { describe(step) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_can_be_read_and_told() {
        let objects = objects().unwrap();
        let kinds: Vec<_> = objects.iter().map(|object| object["kind"].as_str()).collect();
        assert_eq!(kinds, [Some("Service"), Some("AnalysisTemplate"), Some("Rollout")]);
        let rollout: Rollout = serde_json::from_value(objects[2].clone()).unwrap();
        assert_eq!(
            way(&rollout),
            "setWeight: 20 → pause: 3s → setWeight: 40 → pause: 4s → all pods"
        );
        let first = &objects[2]["spec"]["template"]["spec"]["containers"];
        assert_eq!(*first, with_image(FIRST)["spec"]["template"]["spec"]["containers"]);
    }
}
