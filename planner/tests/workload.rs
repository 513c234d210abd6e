//! What holds for every Deployment that a Rollout refers to: it gives up no pod that is needed, and
//! none that would not be given back.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_crd::raw::Raw;
use sluice_planner::{
    Action, Pods, ReplicaSetRecord, RolloutRecord, ServiceRecord, Settings, Snapshot, Workload,
    WorkloadRecord, names, plan,
};

fn now() -> DateTime<Utc> {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

#[derive(Clone, Debug)]
struct World {
    replicas: i64,
    scale_down: &'static str,
    /// Asked for, there, available.
    pods: [i64; 3],
    /// Asked for, available.
    deployment: [i64; 2],
    flags: [bool; 6],
}

fn world() -> impl Strategy<Value = World> {
    let modes = prop::sample::select(vec!["", "never", "onsuccess", "progressively", "often"]);
    let counts = (0i64..6, [0i64..6, 0i64..6, 0i64..6], [0i64..6, 0i64..6]);
    (modes, counts, any::<[bool; 6]>()).prop_map(|(scale_down, counts, flags)| {
        let (replicas, pods, deployment) = counts;
        World { replicas, scale_down, pods, deployment, flags }
    })
}

fn template() -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "shop/web:v1"}]},
    })
}

fn snapshot(world: &World) -> Snapshot {
    let [bound, stable, aborted, deleting, asked, healthy] = world.flags;
    let spec = json!({
        "replicas": world.replicas,
        "workloadRef": {
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "web",
            "scaleDown": world.scale_down,
        },
        "strategy": {"canary": {"maxSurge": 1}},
    });
    let status = json!({
        "observedGeneration": "1",
        "workloadObservedGeneration": "1",
        "currentPodHash": "a",
        "stableRS": if stable { "a" } else { "" },
        "abort": aborted && !stable,
        "phase": if healthy { "Healthy" } else { "Progressing" },
    });
    let [desired, there, available] = world.pods;
    let mut set = ReplicaSetRecord {
        name: "web-a".to_owned(),
        uid: "a".to_owned(),
        resource_version: "1".to_owned(),
        hash: "a".to_owned(),
        desired: Pods(desired),
        replicas: Pods(there.max(available)),
        ready: Pods(available),
        available: Pods(available),
        ..Default::default()
    };
    let digest = Settings::default().identity.template_digest(&Raw::new(&template()));
    set.annotations = [
        (names::REVISION.to_owned(), "1".to_owned()),
        (names::TEMPLATE_DIGEST.to_owned(), digest.to_string()),
    ]
    .into_iter()
    .collect();
    let give_back = (names::GIVE_BACK.to_owned(), "true".to_owned());
    let workload = WorkloadRecord {
        name: "web".to_owned(),
        resource_version: "1".to_owned(),
        generation: 1,
        template: Raw::new(&template()),
        selector: serde_json::from_value(json!({"matchLabels": {"app": "web"}})).unwrap(),
        desired: Pods(world.deployment[0]),
        available: Pods(world.deployment[1]),
        ..Default::default()
    };
    Snapshot {
        now: now(),
        rollout: Arc::new(RolloutRecord {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "uid".to_owned(),
            resource_version: "1".to_owned(),
            generation: 1,
            created: None,
            deleting,
            finalizers: if bound { vec![names::GIVE_BACK.to_owned()] } else { Vec::new() },
            labels: Default::default(),
            annotations: Some(give_back).filter(|_| asked).into_iter().collect(),
            spec: Arc::new(serde_json::from_value(spec).unwrap()),
            status: serde_json::from_value(status).unwrap(),
        }),
        replica_sets: vec![Arc::new(set)],
        orphans: Vec::new(),
        services: Default::default(),
        workload: Workload::Found(Arc::new(workload)),
        routes: Default::default(),
        runs: Vec::new(),
        templates: Default::default(),
        facts: Default::default(),
        failure: None,
        settings: Settings::default(),
    }
}

/// Pods that serve when all of these actions are carried out.
fn serving(world: &World, actions: &[Action]) -> (i64, i64) {
    let [mut desired, _, available] = world.pods;
    let [mut of_deployment, its_available] = world.deployment;
    let count = |desired: i64, of_deployment: i64| {
        available.min(desired) + its_available.min(of_deployment)
    };
    let before = count(desired, of_deployment);
    for action in actions {
        match action {
            Action::PatchReplicaSet { scale: Some((_, to)), .. } => desired = to.0,
            Action::ScaleDeployment { scale: (_, to), .. } => of_deployment = to.0,
            _ => {}
        }
    }
    (before, count(desired, of_deployment))
}

/// A blue-green Rollout in its preview that is to be given back: what is written next.
fn given_back_in_the_preview(released: bool, previewed: i64) -> Vec<Action> {
    let whole = World {
        replicas: 2,
        scale_down: "onsuccess",
        pods: [2, 2, 2],
        deployment: [2, 2],
        flags: [true, true, false, false, true, true],
    };
    let mut s = snapshot(&whole);
    let mut rollout = (*s.rollout).clone();
    let spec = json!({
        "replicas": 2,
        "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "strategy": {"blueGreen": {"activeService": "web", "previewService": "next"}},
    });
    rollout.spec = Arc::new(serde_json::from_value(spec).unwrap());
    s.rollout = Arc::new(rollout);
    let preview = ReplicaSetRecord {
        name: "web-b".to_owned(),
        uid: "b".to_owned(),
        hash: "b".to_owned(),
        desired: Pods(previewed),
        replicas: Pods(previewed),
        available: Pods(previewed),
        ..Default::default()
    };
    s.replica_sets.push(Arc::new(preview));
    for (name, hash) in [("web", Some("a")), ("next", Some("b").filter(|_| !released))] {
        let hash = hash.map(|hash| (names::HASH_LABEL.to_owned(), hash.to_owned()));
        let service = ServiceRecord {
            name: name.to_owned(),
            selector: hash.into_iter().collect(),
            managed_by: Some("web".to_owned()).filter(|_| name == "web" || !released),
            ..Default::default()
        };
        s.services.insert(name.to_owned(), Arc::new(service));
    }
    let moves =
        |a: &Action| matches!(a, Action::ReleaseService { .. } | Action::PatchReplicaSet { .. });
    plan(&s).actions.into_iter().filter(moves).collect()
}

#[test]
fn a_version_in_its_preview_gets_no_clients_when_it_is_given_back() {
    let released = |actions: &[Action], name: &str| matches!(actions, [Action::ReleaseService { service, .. }] if service == name);
    assert!(released(&given_back_in_the_preview(false, 2), "next"));
    let emptied = given_back_in_the_preview(true, 2);
    assert!(
        matches!(&emptied[..], [Action::PatchReplicaSet { name, scale: Some((_, to)), .. }]
            if name == "web-b" && *to == Pods(0)),
        "{emptied:?}"
    );
    assert!(released(&given_back_in_the_preview(true, 0), "web"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_deployment_gives_up_a_pod_that_is_needed(world in world()) {
        let plan = plan(&snapshot(&world));
        let scales = |a: &Action| matches!(a, Action::ScaleDeployment { .. });
        if plan.actions.iter().any(scales) {
            let (before, after) = serving(&world, &plan.actions);
            prop_assert!(after >= before.min(world.replicas), "{:?}", plan.actions);
        }
    }

    #[test]
    fn what_is_not_bound_takes_nothing(world in world()) {
        let [bound, _, _, deleting, asked, _] = world.flags;
        let plan = plan(&snapshot(&world));
        for action in &plan.actions {
            if let Action::ScaleDeployment { scale: (from, to), .. } = action {
                prop_assert!(to != from);
                if to < from {
                    prop_assert!(bound && !deleting && !asked, "{action:?}");
                    prop_assert!(["onsuccess", "progressively"].contains(&world.scale_down));
                } else {
                    prop_assert!(to.0 <= world.replicas, "{action:?}");
                }
            }
        }
    }

    #[test]
    fn the_pods_of_a_rollout_that_goes_are_the_last(world in world()) {
        let [bound, _, _, deleting, asked, _] = world.flags;
        let [desired, available] = world.deployment;
        let has_pods = desired.min(available) >= world.replicas;
        for action in plan(&snapshot(&world)).actions {
            let gives = match &action {
                Action::SetFinalizers { finalizers } => finalizers.is_empty() && deleting,
                Action::PatchReplicaSet { scale: Some((_, to)), .. } => asked && to.0 == 0,
                _ => false,
            };
            prop_assert!(!gives || (has_pods || world.replicas == 0), "{bound} {action:?}");
        }
    }
}
