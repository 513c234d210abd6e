//! What holds for every snapshot of a canary with a router, however it came about: routes that
//! somebody else has written, Services that lead anywhere, pods that are gone.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_crd::identity::{step_hash, template_digest};
use sluice_planner::traffic::objects::{KindView, RouteKey, RouteKind, RouteRecord, Routes};
use sluice_planner::{
    Action, Pods, ReplicaSetRecord, RolloutRecord, ServiceRecord, Settings, Snapshot, names, plan,
};

/// The hashes of the versions: what is asked for is `a`.
const HASHES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
struct World {
    replicas: i64,
    steps: Value,
    dynamic: bool,
    index: i32,
    stable: Option<usize>,
    current: bool,
    /// Abort, full promotion, paused.
    flags: [bool; 3],
    /// Asked for, available.
    sets: [Option<[i64; 2]>; 3],
    /// What the stable and the canary Service select.
    services: [Option<usize>; 2],
    /// The weights in the route; none where they cannot be ours.
    weight: Option<u32>,
    told: Option<u32>,
}

fn any_world() -> impl Strategy<Value = World> {
    let step = prop_oneof![
        prop::sample::select(vec![0u32, 10, 50, 100]).prop_map(|w| json!({"setWeight": w})),
        (0i32..4).prop_map(|pods| json!({"setCanaryScale": {"replicas": pods}})),
        Just(json!({"pause": {}})),
    ];
    let steps = prop::collection::vec(step, 1..4).prop_map(Value::from);
    let set = || {
        let counts = (0i64..7, 0i64..7).prop_map(|(d, a)| [d, a.min(d)]);
        prop::option::weighted(0.8, counts)
    };
    let weight = || prop::option::of(prop::sample::select(vec![0u32, 10, 33, 50, 100]));
    let who = || prop::option::of(0usize..3);
    (
        (0i64..7, steps, any::<bool>(), 0i32..4),
        (who(), any::<bool>(), any::<[bool; 3]>()),
        [set(), set(), set()],
        ([who(), who()], weight(), weight()),
    )
        .prop_map(
            |((replicas, steps, dynamic, index), (stable, current, flags), sets, rest)| {
                let (services, weight, told) = rest;
                World {
                    replicas,
                    steps,
                    dynamic,
                    index,
                    stable,
                    current,
                    flags,
                    sets,
                    services,
                    weight,
                    told,
                }
            },
        )
}

fn route(weight: Option<u32>) -> Value {
    let mut refs =
        vec![json!({"name": "stable", "port": 80}), json!({"name": "canary", "port": 80})];
    match weight {
        Some(weight) => {
            refs[0]["weight"] = (100 - weight).into();
            refs[1]["weight"] = weight.into();
        }
        // Shares that no step asks for.
        None => {
            refs[0]["weight"] = 7.into();
            refs[1]["weight"] = 5.into();
        }
    }
    let mut route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "9"},
        "spec": {"rules": [{"backendRefs": refs}]},
    });
    if weight.is_some_and(|weight| weight > 0) {
        route["metadata"]["labels"] =
            json!({"rollouts.argoproj.io/gatewayapi-canary": "in-progress"});
        route["metadata"]["annotations"] =
            json!({"rollouts.argoproj.io/gatewayapi-active-rollouts": "shop/web"});
    }
    route
}

fn snapshot(world: &World) -> Snapshot {
    let now: DateTime<Utc> = "2026-11-21T08:00:00Z".parse().unwrap();
    let spec: sluice_crd::rollout::RolloutSpec = serde_json::from_value(json!({
        "replicas": world.replicas,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "shop/web:a"}]},
        },
        "paused": world.flags[2],
        "strategy": {"canary": {
            "stableService": "stable", "canaryService": "canary", "steps": world.steps,
            "dynamicStableScale": world.dynamic,
            "trafficRouting": {"plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "web"}}},
        }},
    }))
    .unwrap();
    let steps = spec.strategy.canary.as_ref().unwrap().steps.as_deref();
    let mut status = json!({
        "currentPodHash": if world.current { "a" } else { "b" },
        "stableRS": world.stable.map_or("", |i| HASHES[i]),
        "currentStepIndex": world.index,
        "currentStepHash": step_hash(steps),
        "abort": world.flags[0],
        "promoteFull": world.flags[1],
    });
    if let Some(told) = world.told {
        status["canary"]["weights"] =
            json!({"canary": {"weight": told}, "stable": {"weight": 100 - told}});
    }
    let digest = template_digest(spec.template.as_ref().unwrap()).to_string();
    let set = |(i, counts): (usize, &Option<[i64; 2]>)| {
        let [desired, available] = (*counts)?;
        let annotations = [
            (names::REVISION.to_owned(), (3 - i).to_string()),
            (names::DESIRED_REPLICAS.to_owned(), world.replicas.to_string()),
            (
                names::TEMPLATE_DIGEST.to_owned(),
                if i == 0 { digest.clone() } else { format!("v1:{i}") },
            ),
        ];
        Some(Arc::new(ReplicaSetRecord {
            name: format!("web-{}", HASHES[i]),
            uid: format!("uid-{i}"),
            resource_version: "1".to_owned(),
            hash: HASHES[i].to_owned(),
            annotations: annotations.into_iter().collect(),
            desired: Pods(desired),
            replicas: Pods(desired),
            ready: Pods(available),
            available: Pods(available),
            ..ReplicaSetRecord::default()
        }))
    };
    let service = |(name, selects): (&str, &Option<usize>)| {
        let mut selector = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        if let Some(hash) = selects.and_then(|i| HASHES.get(i)) {
            selector.insert(names::HASH_LABEL.to_owned(), (*hash).to_owned());
        }
        let record = ServiceRecord {
            name: name.to_owned(),
            resource_version: "1".to_owned(),
            selector,
            managed_by: selects.map(|_| "web".to_owned()),
            ..ServiceRecord::default()
        };
        (name.to_owned(), Arc::new(record))
    };
    let key = RouteKey {
        kind: RouteKind::HttpRoute,
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    };
    let record = RouteRecord {
        resource_version: "9".to_owned(),
        object: route(world.weight),
        ..RouteRecord::default()
    };
    let listed = KindView::Listed("gateway.networking.k8s.io/v1".to_owned());
    let templates = (1..3).map(|i| (format!("web-{}", HASHES[i]), json!({"spec": {"other": i}})));
    Snapshot {
        now,
        rollout: Arc::new(RolloutRecord {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "uid".to_owned(),
            resource_version: "1".to_owned(),
            generation: 7,
            created: None,
            deleting: false,
            finalizers: Vec::new(),
            labels: Default::default(),
            annotations: Default::default(),
            spec: Arc::new(spec),
            status: serde_json::from_value(status).unwrap(),
        }),
        replica_sets: world.sets.iter().enumerate().filter_map(set).collect(),
        orphans: Vec::new(),
        services: ["stable", "canary"].into_iter().zip(&world.services).map(service).collect(),
        routes: Routes {
            objects: [(key, Arc::new(record))].into(),
            kinds: [(RouteKind::HttpRoute, listed)].into(),
            only_namespace: None,
        },
        workload: Default::default(),
        runs: Vec::new(),
        templates: Default::default(),
        facts: sluice_planner::Facts {
            templates: Some(templates.collect()),
            ..sluice_planner::Facts::default()
        },
        failure: None,
        settings: Settings::default(),
    }
}

/// The weight of the canary that a plan writes.
fn written(actions: &[Action]) -> Option<i64> {
    actions.iter().find_map(|action| match action {
        Action::PatchRoute { patch, .. } => {
            patch["spec"]["rules"][0]["backendRefs"][1]["weight"].as_i64()
        }
        _ => None,
    })
}

fn asked(s: &Snapshot, actions: &[Action]) -> BTreeMap<String, i64> {
    let mut asked: BTreeMap<String, i64> =
        s.replica_sets.iter().map(|rs| (rs.hash.clone(), rs.desired.0)).collect();
    for action in actions {
        if let Action::PatchReplicaSet { name, scale: Some((_, to)), .. } = action {
            asked.insert(name.trim_start_matches("web-").to_owned(), to.0);
        }
    }
    asked
}

fn moved(actions: &[Action], name: &str) -> Option<String> {
    actions.iter().find_map(|action| match action {
        Action::SelectPods { service, to, from, .. }
            if service == name && *from != Some(to.clone()) =>
        {
            Some(to.clone())
        }
        _ => None,
    })
}

fn serving(s: &Snapshot, hash: &str) -> i64 {
    s.replica_sets
        .iter()
        .find(|rs| rs.hash == hash)
        .map_or(0, |rs| rs.available.0.min(rs.desired.0))
}

/// Whether the weight in the route is none that the Rollout asks for, or did last.
fn is_strange(world: &World) -> bool {
    let asked =
        |weight| world.steps.as_array().is_some_and(|s| s.contains(&json!({"setWeight": weight})));
    let ours = |weight| [0, 100].contains(&weight) || world.told == Some(weight) || asked(weight);
    !world.weight.is_some_and(ours)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_same_snapshot_gives_the_same_plan(world in any_world()) {
        let s = snapshot(&world);
        prop_assert_eq!(plan(&s), plan(&s));
    }

    /// I2, I4: more requests go to the canary only where its Service leads to the new version, and that
    /// serves.
    #[test]
    fn more_is_sent_only_to_pods_that_serve(world in any_world()) {
        let s = snapshot(&world);
        let Some(weight) = written(&plan(&s).actions) else { return Ok(()) };
        if weight > world.weight.map_or(5, i64::from) {
            let answers = |service: &str| match s.services[service].hash() {
                Some(hash) => serving(&s, hash) > 0,
                None => HASHES.iter().any(|hash| serving(&s, hash) > 0),
            };
            let to = s.services["canary"].hash().unwrap_or_default();
            let serves = to == "a" && answers("canary");
            // What somebody else wrote is put back to what was written last, or less, but not to where
            // nobody answers while the stable version does.
            let is_put_back = is_strange(&world)
                && world.told.is_some_and(|told| weight <= i64::from(told))
                && (answers("canary") || !answers("stable"));
            prop_assert!(serves || is_put_back, "{weight} to {to}");
        }
    }

    /// I3: no version loses pods that what is sent to it needs, as it stands before this plan.
    #[test]
    fn what_requests_are_sent_to_keeps_its_pods(world in any_world()) {
        let s = snapshot(&world);
        let asked = asked(&s, &plan(&s).actions);
        let weight = world.weight.map_or(1, i64::from);
        for (name, weight) in [("canary", weight), ("stable", world.weight.map_or(1, |w| 100 - i64::from(w)))] {
            let Some(hash) = s.services[name].hash().filter(|_| weight > 0) else { continue };
            let Some(rs) = s.replica_sets.iter().find(|rs| rs.hash == hash) else { continue };
            let least = rs.desired.0.min(1).min(world.replicas);
            prop_assert!(asked[hash] >= least, "{hash} is sent {weight} and has {asked:?}");
        }
    }

    /// No Service moves off a version that requests are sent to, but for the way back.
    #[test]
    fn a_service_moves_while_nothing_is_sent_to_it(world in any_world()) {
        let s = snapshot(&world);
        let Some(to) = moved(&plan(&s).actions, "canary") else { return Ok(()) };
        let from = s.services["canary"].hash();
        if world.weight != Some(0) && from.is_some() && world.stable.is_some_and(|i| s.replica_sets.iter().any(|rs| rs.hash == HASHES[i])) {
            prop_assert!(false, "from {from:?} to {to} while {:?} are sent", world.weight);
        }
    }

    /// The status comes to rest while nothing else changes: a promotion, and what follows from it.
    #[test]
    fn a_status_comes_to_rest(world in any_world()) {
        let mut s = snapshot(&world);
        for _ in 0..2 {
            let Some(write) = plan(&s).status else { return Ok(()) };
            let mut rollout = (*s.rollout).clone();
            rollout.status = write.status;
            s.rollout = Arc::new(rollout);
        }
        let again = plan(&s);
        prop_assert!(again.status.is_none(), "{:#?}\n{:#?}", s.rollout.status, again.status);
    }

    /// At rest nothing is written: once all is as it is to be, no route is written again.
    #[test]
    fn weights_arrive(world in any_world()) {
        let mut s = snapshot(&world);
        for _ in 0..6 {
            let plan = plan(&s);
            if let Some(write) = plan.status {
                let mut rollout = (*s.rollout).clone();
                rollout.status = write.status;
                s.rollout = Arc::new(rollout);
            }
            for action in plan.actions {
                let Action::PatchRoute { key, patch, .. } = action else { continue };
                let record = s.routes.objects.get_mut(&key).unwrap();
                json_patch::merge(&mut Arc::make_mut(record).object, &patch);
            }
        }
        let again = plan(&s).actions.into_iter().find(|a| matches!(a, Action::PatchRoute { .. }));
        prop_assert!(again.is_none(), "{again:?} is written again and again");
    }
}

/// A `setCanaryScale` of no pods, in the middle of a canary that half of the requests are sent to.
fn scaled_to_none(dynamic: bool, sets: [i64; 2]) -> World {
    let [new, stable] = sets;
    World {
        replicas: 4,
        steps: json!([{"setWeight": 50}, {"setCanaryScale": {"replicas": 0}}]),
        dynamic,
        index: 1,
        stable: Some(1),
        current: true,
        flags: [false; 3],
        sets: [Some([new, new]), Some([stable, stable]), None],
        services: [Some(1), Some(0)],
        weight: Some(50),
        told: Some(50),
    }
}

#[test]
fn pods_go_after_the_requests() {
    for (world, pods) in
        [(scaled_to_none(false, [2, 4]), [2, 4]), (scaled_to_none(true, [2, 2]), [2, 4])]
    {
        let s = snapshot(&world);
        let asked = asked(&s, &plan(&s).actions);
        assert_eq!([asked["a"], asked["b"]], pods, "{world:?}");
    }
}
