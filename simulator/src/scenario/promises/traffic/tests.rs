use serde_json::{Value, json};

use super::super::{Onlooker, Writer};
use super::Traffic;
use crate::scenario::mirror::{Mirror, Seen};

const LABEL: &str = "rollouts-pod-template-hash";

fn rollout(status: Value) -> Value {
    json!({
        "kind": "Rollout", "metadata": {"name": "web", "uid": "r"},
        "spec": {"replicas": 4, "strategy": {"canary": {
            "canaryService": "canary", "stableService": "stable",
            "steps": [{"setWeight": 50}, {"pause": {}}],
            "trafficRouting": {
                "managedRoutes": [{"name": "beta"}],
                "plugins": {"argoproj-labs/gatewayAPI": {"httpRoute": "web"}}}}}},
        "status": status,
    })
}

fn set(hash: &str, replicas: i64, available: i64) -> Value {
    json!({
        "kind": "ReplicaSet",
        "metadata": {"name": format!("web-{hash}"), "labels": {(LABEL): hash},
            "ownerReferences": [{"kind": "Rollout", "uid": "r", "controller": true}]},
        "spec": {"replicas": replicas,
            "template": {"metadata": {"labels": {"app": "web", (LABEL): hash}}}},
        "status": {"availableReplicas": available},
    })
}

fn service(name: &str, hash: &str) -> Value {
    json!({"kind": "Service", "metadata": {"name": name,
        "annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "web"}},
        "spec": {"selector": {"app": "web", (LABEL): hash}}})
}

fn route(canary: u64, stable: u64) -> Value {
    json!({"kind": "HTTPRoute", "metadata": {"name": "web", "generation": 1},
        "spec": {"hostnames": ["shop"], "rules": [{"backendRefs": [
            {"name": "canary", "weight": canary}, {"name": "stable", "weight": stable},
            {"name": "other", "weight": 0}]}]}})
}

/// A canary of version b beside four pods of version a, at weight 0.
fn setting() -> Onlooker {
    let mut onlooker = Onlooker::default();
    for object in [
        rollout(json!({"currentPodHash": "b", "stableRS": "a", "currentStepIndex": 0})),
        set("a", 4, 4),
        set("b", 0, 0),
        service("stable", "a"),
        service("canary", "a"),
        route(0, 100),
    ] {
        onlooker.look(&Seen { object, deleted: false }, Writer::User);
    }
    assert_eq!(found(&onlooker), [] as [&str; 0]);
    onlooker
}

/// What was found by this module, or by others about the same.
fn found(onlooker: &Onlooker) -> Vec<&'static str> {
    let all = onlooker.breaches().iter().map(|breach| breach.promise);
    // These objects have no conditions, which is another matter.
    all.filter(|promise| !["kstatus", "ArgoCD", "Back", "silence"].contains(promise)).collect()
}

fn see(onlooker: &mut Onlooker, objects: impl IntoIterator<Item = Value>) {
    for object in objects {
        onlooker.look(&Seen { object, deleted: false }, Writer::Unknown);
    }
}

#[test]
fn a_weight_after_its_pods_is_good() {
    let mut onlooker = setting();
    see(&mut onlooker, [set("b", 2, 0), set("b", 2, 2), service("canary", "b"), route(50, 50)]);
    // Back to stable, then the pods go.
    let aborted = json!({"currentPodHash": "b", "stableRS": "a", "abort": true});
    see(&mut onlooker, [rollout(aborted), route(0, 100), service("canary", "a"), set("b", 0, 0)]);
    assert_eq!(found(&onlooker), [] as [&str; 0]);
}

#[test]
fn a_weight_before_its_pods_is_not() {
    let mut none = setting();
    see(&mut none, [set("b", 2, 0), set("b", 2, 1), service("canary", "b"), set("b", 2, 0)]);
    see(&mut none, [route(50, 50)]);
    assert_eq!(found(&none), ["I2"]);
    let mut few = setting();
    see(&mut few, [set("b", 2, 1), service("canary", "b"), route(50, 50)]);
    assert_eq!(found(&few), ["I4"]);
    // Pods that fail are nobody's doing, as long as one serves.
    let mut failing = setting();
    see(&mut failing, [set("b", 2, 2), service("canary", "b"), set("b", 2, 1), route(50, 50)]);
    assert_eq!(found(&failing), [] as [&str; 0]);
}

#[test]
fn a_selector_moves_requests_too() {
    let mut onlooker = setting();
    see(&mut onlooker, [set("b", 2, 2), service("stable", "b")]);
    assert_eq!(found(&onlooker), ["I4"], "four pods' worth to two");
}

#[test]
fn pods_that_requests_need_stay() {
    let mut onlooker = setting();
    see(&mut onlooker, [set("b", 2, 2), service("canary", "b"), route(50, 50)]);
    see(&mut onlooker, [set("a", 2, 2)]);
    assert_eq!(found(&onlooker), [] as [&str; 0], "half of them carry half of the requests");
    see(&mut onlooker, [set("a", 1, 2)]);
    assert_eq!(found(&onlooker), ["I3"]);
    see(&mut onlooker, [route(0, 100)]);
    assert_eq!(found(&onlooker), ["I3", "I4"], "one pod for all requests");
}

#[test]
fn what_a_user_does_is_no_breach() {
    let mut onlooker = setting();
    onlooker.look(&Seen { object: route(50, 50), deleted: false }, Writer::User);
    assert_eq!(found(&onlooker), [] as [&str; 0]);
}

#[test]
fn what_others_own_stays() {
    for (pointer, value, broken) in [
        ("/spec/hostnames/0", json!("other"), true),
        ("/spec/rules/0/backendRefs/2/weight", json!(7), true),
        ("/spec/rules/0/backendRefs/0/weight", json!(0), false),
        ("/metadata/generation", json!(2), false),
    ] {
        let mut onlooker = setting();
        let mut written = route(0, 100);
        *written.pointer_mut(pointer).unwrap() = value;
        see(&mut onlooker, [written]);
        let expected: &[&str] = if broken { &["foreign"] } else { &[] };
        assert_eq!(found(&onlooker), expected, "{pointer}");
    }
    let mut onlooker = setting();
    let mut written = route(0, 100);
    written["spec"]["rules"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"name": "beta-1", "backendRefs": [{"name": "stable"}]}));
    written["status"] = json!({"parents": []});
    written["metadata"]["labels"] =
        json!({"rollouts.argoproj.io/gatewayapi-canary": "in-progress"});
    see(&mut onlooker, [written]);
    assert_eq!(found(&onlooker), [] as [&str; 0]);
}

#[test]
fn an_abort_ends_on_stable() {
    let aborted = json!({"currentPodHash": "b", "stableRS": "a", "currentStepIndex": 0,
        "abort": true});
    for (weight, promises) in [(0, &[][..]), (50, &["I6"][..])] {
        let mut onlooker = setting();
        see(&mut onlooker, [set("b", 2, 2), route(weight, 100 - weight), rollout(aborted.clone())]);
        see(&mut onlooker, [set("b", 0, 0)]);
        onlooker.at_rest();
        assert_eq!(found(&onlooker), promises, "{weight}");
    }
}

#[test]
fn a_step_costs_so_many_writes() {
    let at = |index: u64| {
        let status = json!({"currentPodHash": "b", "stableRS": "a", "currentStepIndex": index});
        let mut rollout = rollout(status);
        rollout["spec"]["strategy"]["canary"]["steps"] =
            json!([{"pause": {}}, {"setWeight": 50}, {"pause": {}}]);
        rollout
    };
    for (most, broken) in [(3, false), (2, true)] {
        let (mut mirror, mut traffic) = (Mirror::default(), Traffic::new(Some(most)));
        let mut look = |object: Value| {
            let seen = Seen { object, deleted: false };
            let before = mirror.take(&seen);
            let found = traffic.look(&mirror, before.as_ref(), &seen, Writer::Unknown);
            found.into_iter().filter(|breach| breach.promise == "writes").count()
        };
        let quiet = [at(0), set("b", 0, 0), route(0, 100), at(1), set("b", 2, 0), set("b", 2, 2)];
        // How many pods are available is written by somebody else.
        assert_eq!(quiet.into_iter().map(&mut look).sum::<usize>(), 0);
        assert_eq!(look(route(50, 50)), 0);
        assert_eq!(look(at(2)), usize::from(broken), "{most}");
    }
}
