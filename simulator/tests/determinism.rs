//! The same seed gives the same run to the byte; other seeds give other interleavings.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use futures_util::StreamExt;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;
use sluice_simulator::{Cluster, Fault, Matcher, Options};
use std::collections::BTreeSet;
use std::time::Duration;

/// Watches pods and ReplicaSets, notes what becomes ready, and scales by what it has seen, while
/// another client changes the same objects.
async fn program(seed: u64) -> Vec<String> {
    let cluster = Cluster::new(Options { trace: true, ..Options::stepped(seed) });
    cluster.start();
    let matcher = Matcher { user: Some("user".into()), ..Matcher::default() };
    cluster.inject(matcher, 5, 1, Fault::LostReply);

    let operator = cluster.client("operator");
    let user = cluster.client("user");
    let noting = tokio::spawn(note_ready_pods(operator.clone()));
    let scaling = tokio::spawn(follow_sets(operator));
    for index in 0..3 {
        create_set(&user, &replica_set(&format!("web{index}"), 2, "nginx:1")).await;
    }
    for round in 0..4 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        for index in 0..3 {
            let patch = json!({"spec": {"replicas": (round + index) % 4}});
            // A conflict or a lost reply is part of the game.
            let name = format!("web{index}");
            let _ = sets(&user).patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        }
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    noting.abort();
    scaling.abort();
    cluster.trace()
}

async fn note_ready_pods(client: kube::Client) {
    let notes: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let mut known = BTreeSet::new();
    let mut events = pods(&client).watch(&WatchParams::default(), "0").await.unwrap().boxed();
    while let Some(Ok(event)) = events.next().await {
        let event: WatchEvent<Pod> = event;
        let (WatchEvent::Added(pod) | WatchEvent::Modified(pod)) = event else { continue };
        let name = pod.metadata.name.clone().unwrap();
        if is_ready(&serde_json::to_value(&pod).unwrap()) && known.insert(name.clone()) {
            let note = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
            notes.create(&PostParams::default(), &note).await.unwrap();
        }
    }
}

async fn follow_sets(client: kube::Client) {
    let mut events = sets(&client).watch(&WatchParams::default(), "0").await.unwrap().boxed();
    while let Some(Ok(event)) = events.next().await {
        let event: WatchEvent<ReplicaSet> = event;
        let (WatchEvent::Added(set) | WatchEvent::Modified(set)) = event else { continue };
        let available = set.status.as_ref().and_then(|status| status.available_replicas);
        let patch = json!({"metadata": {
            "resourceVersion": set.metadata.resource_version,
            "annotations": {"seen": available.unwrap_or(0).to_string()},
        }});
        let name = set.metadata.name.unwrap();
        let _ = sets(&client).patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await;
    }
}

fn run(seed: u64) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(program(seed))
}

#[test]
fn a_seed_runs_the_same_way_twice() {
    for seed in [1, 2, 99] {
        let (first, second) = (run(seed), run(seed));
        assert!(first.len() > 200, "the program is too quiet: {} lines", first.len());
        for kind in ["ADDED", "MODIFIED", "DELETED", " 409", "create configmaps"] {
            assert!(first.iter().any(|line| line.contains(kind)), "no {kind} with seed {seed}");
        }
        let difference = first.iter().zip(&second).find(|(a, b)| a != b);
        assert_eq!(difference, None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}

#[test]
fn seeds_give_different_schedules() {
    // Times aside: the order of what happened.
    let order = |seed| -> Vec<String> {
        let lines = run(seed).into_iter();
        lines.map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    };
    let schedules: BTreeSet<Vec<String>> = (0..20).map(order).collect();
    assert!(schedules.len() > 15, "only {} schedules of 20", schedules.len());
}
