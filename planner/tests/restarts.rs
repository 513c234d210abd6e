//! A restart takes away no more than can be spared, however the pods stand (`spec.restartAt`).

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::json;
use sluice_crd::identity::template_digest;
use sluice_crd::time::Time;
use sluice_planner::{
    Action, Facts, Need, PodRecord, Pods, RefusedEviction, ReplicaSetRecord, RolloutRecord,
    Settings, Snapshot, names, plan,
};

fn now() -> DateTime<Utc> {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

fn ago(seconds: i64) -> Time {
    Time::new(now() - TimeDelta::seconds(seconds))
}

/// How a pod stands: older than the order, ready for so long, on its way out.
type Pod = (bool, Option<i64>, bool);

fn record((i, (old, ready, deleting)): (usize, &Pod)) -> PodRecord {
    PodRecord {
        name: format!("web-a-{i}"),
        uid: format!("uid-{i}"),
        owner: "uid-a".to_owned(),
        created: Some(ago(if *old { 1_000 } else { 50 })),
        deleting: *deleting,
        ready_since: ready.map(ago),
        ..PodRecord::default()
    }
}

/// A version that is stable and whole, and that was told to restart 100 s ago.
fn steady(replicas: i64, slack: i64, pods: &[Pod], facts: Facts) -> Snapshot {
    let spec: sluice_crd::rollout::RolloutSpec = serde_json::from_value(json!({
        "replicas": replicas,
        "restartAt": ago(100),
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "shop/web:1"}]}},
        "strategy": {"canary": {"maxSurge": 1, "maxUnavailable": slack}},
    }))
    .unwrap();
    let digest = template_digest(spec.template.as_ref().unwrap()).to_string();
    let step_hash = sluice_crd::identity::step_hash(None);
    let status = json!({
        "currentPodHash": "a", "stableRS": "a", "currentStepHash": step_hash,
        "observedGeneration": "1",
    });
    let annotations =
        [(names::REVISION.to_owned(), "1".to_owned()), (names::TEMPLATE_DIGEST.to_owned(), digest)];
    let serving = pods.iter().filter(|(_, ready, deleting)| ready.is_some() && !deleting).count();
    let set = ReplicaSetRecord {
        name: "web-a".to_owned(),
        uid: "uid-a".to_owned(),
        hash: "a".to_owned(),
        annotations: annotations.into_iter().collect(),
        desired: Pods(replicas),
        replicas: Pods(replicas),
        available: Pods(i64::try_from(serving).unwrap()),
        ..ReplicaSetRecord::default()
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
            deleting: false,
            finalizers: Vec::new(),
            labels: Default::default(),
            annotations: [(names::REVISION.to_owned(), "1".to_owned())].into_iter().collect(),
            spec: Arc::new(spec),
            status: serde_json::from_value(status).unwrap(),
        }),
        replica_sets: vec![Arc::new(set)],
        orphans: Vec::new(),
        services: Default::default(),
        runs: Vec::new(),
        templates: Default::default(),
        workload: Default::default(),
        routes: Default::default(),
        facts,
        failure: None,
        settings: Settings::default(),
    }
}

fn seen(pods: &[Pod]) -> Facts {
    let records = pods.iter().enumerate().map(record).collect();
    Facts { pods: Some(Ok(records)), ..Facts::default() }
}

fn evicted(actions: &[Action]) -> Vec<usize> {
    let names = actions.iter().filter_map(|action| match action {
        Action::EvictPod { name, .. } => name.rsplit_once('-'),
        _ => None,
    });
    names.map(|(_, i)| i.parse().unwrap()).collect()
}

const OLD: Pod = (true, Some(900), false);
const NEW: Pod = (false, Some(40), false);

#[test]
fn pods_are_asked_for_first() {
    let plan = plan(&steady(2, 1, &[OLD, OLD], Facts::default()));
    assert!(plan.needs.contains(&Need::Pods) && evicted(&plan.actions).is_empty());
}

#[test]
fn one_that_has_just_become_ready_makes_up_for_none_yet() {
    let settled = [OLD, OLD, NEW];
    assert_eq!(evicted(&plan(&steady(3, 1, &settled, seen(&settled))).actions), [0]);
    let fresh = [OLD, OLD, (false, Some(1), false)];
    assert!(evicted(&plan(&steady(3, 1, &fresh, seen(&fresh))).actions).is_empty());
}

#[test]
fn one_that_does_not_serve_waits_for_nobody() {
    let pods = [(true, None, false), OLD, NEW];
    assert_eq!(evicted(&plan(&steady(3, 1, &pods, seen(&pods))).actions), [0]);
}

#[test]
fn one_that_has_clients_and_is_not_available_yet_is_not_taken_for_one_that_serves_nobody() {
    let pods = [OLD, OLD, OLD];
    let mut s = steady(3, 1, &pods, seen(&pods));
    let mut rollout = (*s.rollout).clone();
    let mut spec = (*rollout.spec).clone();
    spec.min_ready_seconds = 3_600;
    rollout.spec = Arc::new(spec);
    s.rollout = Arc::new(rollout);
    assert!(evicted(&plan(&s).actions).is_empty());
}

#[test]
fn a_refusal_is_told_and_tried_again_later() {
    let pods = [OLD, OLD, NEW];
    let refused = |seconds: i64| {
        let mut facts = seen(&pods);
        let message = "the budget says no".to_owned();
        let refusal = RefusedEviction { at: now() - TimeDelta::seconds(seconds), message };
        facts.refused_evictions.insert("web-a-0".to_owned(), refusal);
        plan(&steady(3, 1, &pods, facts))
    };
    assert_eq!(evicted(&refused(10).actions), [1]);
    assert_eq!(evicted(&refused(30).actions), [0]);
    for plan in [refused(10), refused(30)] {
        let said = plan.reasons[0].to_string();
        assert!(said.contains("pod web-a-0 cannot be evicted: the budget says no"), "{said}");
    }
}

#[test]
fn it_is_over_when_no_old_pod_is_left() {
    let pods = [NEW, NEW, (true, Some(900), true)];
    let plan = plan(&steady(3, 1, &pods, seen(&pods)));
    assert_eq!(plan.status.unwrap().status.restarted_at, Some(ago(100)));
}

proptest! {
    #[test]
    fn no_more_go_than_can_be_spared(
        pods in prop::collection::vec(
            (any::<bool>(), prop::option::of(0i64..20), any::<bool>()), 0..10),
        replicas in 0i64..8, slack in 0i64..4,
    ) {
        let plan = plan(&steady(replicas, slack, &pods, seen(&pods)));
        let gone = evicted(&plan.actions);
        let serves = |i: &usize| pods[*i].1.is_some() && !pods[*i].2;
        let before = (0..pods.len()).filter(serves).count();
        let lost = gone.iter().filter(|i| serves(i)).count();
        let concurrency = slack.max(1);
        let floor = replicas - concurrency;
        let left = i64::try_from(before - lost).unwrap();
        prop_assert!(lost == 0 || left >= floor, "{gone:?} go, {left} are left, floor {floor}");
        prop_assert!(i64::try_from(gone.len()).unwrap() <= concurrency);
        prop_assert!(gone.iter().all(|i| pods[*i].0 && !pods[*i].2), "{gone:?}");
    }
}
