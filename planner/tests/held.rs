//! What this build lacks is held: every field of the API is either done or named here.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use sluice_planner::{Plan, RolloutRecord, Settings, Snapshot, plan};

/// Fields whose features are there, or that matter only together with one that is held.
const DONE: [(&str, &[&str]); 3] = [
    (
        "spec",
        &[
            "analysis",
            "minReadySeconds",
            "paused",
            "progressDeadlineAbort",
            "progressDeadlineSeconds",
            "replicas",
            "restartAt",
            "revisionHistoryLimit",
            "rollbackWindow",
            "selector",
            "strategy",
            "template",
            "workloadRef",
        ],
    ),
    (
        "spec.strategy.canary",
        &[
            "abortScaleDownDelaySeconds",
            "analysis",
            "antiAffinity",
            "canaryMetadata",
            "canaryService",
            "dynamicStableScale",
            "maxSurge",
            "maxUnavailable",
            "minPodsPerReplicaSet",
            "pingPong",
            "replicaProgressThreshold",
            "scaleDownDelayRevisionLimit",
            "scaleDownDelaySeconds",
            "stableMetadata",
            "stableService",
            "steps",
            "trafficRouting",
        ],
    ),
    (
        "spec.strategy.canary.steps[0]",
        &["analysis", "pause", "setCanaryScale", "setHeaderRoute", "setMirrorRoute", "setWeight"],
    ),
];

/// Fields that are held, with a value that passes validation.
fn held() -> Vec<(&'static str, &'static str, Value)> {
    let step = "spec.strategy.canary.steps[0]";
    vec![
        (
            step,
            "experiment",
            json!({"templates": [{"name": "a", "specRef": "canary"}], "duration": "1h"}),
        ),
        (step, "plugin", json!({"name": "org/step"})),
    ]
}

fn planned(spec: Value) -> Plan {
    plan(&Snapshot {
        now: "2026-11-21T08:00:00Z".parse().unwrap(),
        rollout: Arc::new(RolloutRecord {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "uid".to_owned(),
            resource_version: "1".to_owned(),
            generation: 1,
            created: None,
            deleting: false,
            finalizers: Vec::new(),
            labels: Default::default(),
            annotations: Default::default(),
            spec: Arc::new(serde_json::from_value(spec).unwrap()),
            status: Default::default(),
        }),
        replica_sets: Vec::new(),
        orphans: Vec::new(),
        services: Default::default(),
        workload: Default::default(),
        routes: Default::default(),
        runs: Vec::new(),
        templates: Default::default(),
        facts: Default::default(),
        failure: None,
        settings: Settings::default(),
    })
}

fn spec(strategy: Value) -> Value {
    json!({
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "shop/web:1"}]},
        },
        "strategy": strategy,
    })
}

fn assert_held(spec: Value, path: &str) {
    let plan = planned(spec);
    let status = plan.status.unwrap().status;
    assert_eq!(status.message, format!("UnsupportedFeature: {path}"));
    assert!(plan.actions.is_empty(), "{path}: {:?}", plan.actions);
}

#[test]
fn each_feature_that_is_not_there_is_held_by_its_path() {
    for (place, field, value) in held() {
        let mut spec = spec(json!({"canary": {"steps": [{}]}}));
        let canary = &mut spec["strategy"]["canary"];
        canary["steps"][0][field] = value;
        assert_held(spec, &format!("{place}.{field}"));
    }
}

#[test]
fn a_router_by_an_unknown_plugin_is_held() {
    let routers = json!({"plugins": {"org/router": {}}});
    let canary = json!({"canary": {"steps": [{"setWeight": 20}], "trafficRouting": routers}});
    assert_held(spec(canary), "spec.strategy.canary.trafficRouting.plugins[org/router]");
}

#[test]
fn no_field_of_the_definition_is_neither_done_nor_held() {
    let crd = include_str!("../../manifests/crds/rollout-crd.yaml");
    let crd: Value = serde_yaml_ng::from_str(crd).unwrap();
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let canary = &spec["properties"]["strategy"]["properties"]["canary"];
    let step = &canary["properties"]["steps"]["items"];
    for ((place, done), schema) in DONE.into_iter().zip([spec, canary, step]) {
        let defined: BTreeSet<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let held = held();
        let held = held.iter().filter(|(at, ..)| *at == place).map(|(_, field, _)| *field);
        let known: BTreeSet<&str> = done.iter().copied().chain(held).collect();
        assert_eq!(defined, known, "{place}");
    }
}
