//! `step_hash` against what Argo Rollouts computed: its own function's vectors, and the statuses
//! that it left on a cluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use serde_json::Value;
use sluice_crd::identity::step_hash;
use sluice_crd::rollout::{CanaryStep, Rollout, RolloutExperimentStep, RolloutExperimentTemplate};

#[test]
fn recorded_vectors() {
    let rows =
        include_str!("../data/hashes.tsv").lines().filter(|line| line.starts_with("steps\t"));
    let mut count = 0;
    for row in rows {
        let columns: Vec<&str> = row.split('\t').collect();
        let steps: Vec<CanaryStep> = serde_json::from_str(columns[2]).unwrap();
        assert_eq!(step_hash(Some(&steps)), columns[1], "{}", columns[2]);
        count += 1;
    }
    assert_eq!(count, 15);
}

#[test]
fn recorded_statuses() {
    let list: Value =
        serde_yaml_ng::from_str(include_str!("../data/recorded/rollouts.yaml")).unwrap();
    let mut canaries = 0;
    for item in list["items"].as_array().unwrap() {
        let rollout: Rollout = serde_json::from_value(item.clone()).unwrap();
        let Some(canary) = &rollout.spec.strategy.canary else { continue };
        let status = rollout.status.as_ref().unwrap();
        assert_eq!(step_hash(canary.steps.as_deref()), status.current_step_hash, "{item}");
        canaries += 1;
    }
    assert_eq!(canaries, 5);
}

/// FNV-32a of `null`, which Go writes for a nil slice, and of `[]`.
#[test]
fn no_steps_and_an_empty_list_differ() {
    assert_eq!(step_hash(None), "5ffbfbbd64");
    assert_eq!(step_hash(Some(&[])), "5f8cb5778f");
}

/// No vector has a selector with both parts; Go declares `matchLabels` first.
#[test]
fn selectors_keep_the_order_of_go() {
    let selector = LabelSelector {
        match_labels: Some([("a".to_owned(), "b".to_owned())].into()),
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: "k".to_owned(),
            operator: "Exists".to_owned(),
            values: None,
        }]),
    };
    let template = RolloutExperimentTemplate { selector: Some(selector), ..Default::default() };
    let step = RolloutExperimentStep { templates: vec![template], ..Default::default() };
    let text = serde_json::to_string(&step).unwrap();
    let expected = r#""selector":{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"k","operator":"Exists"}]}"#;
    assert!(text.contains(expected), "{text}");
}
