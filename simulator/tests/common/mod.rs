//! What the tests share: a cluster, and objects to put into it.
#![allow(dead_code, clippy::unwrap_used)]

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};
use sluice_simulator::{Cluster, Options};
use std::time::Duration;

/// A running cluster in stepped time.
pub(crate) fn cluster(seed: u64) -> Cluster {
    let cluster = Cluster::new(Options::stepped(seed));
    cluster.start();
    cluster
}

/// A ReplicaSet of pods with one container.
pub(crate) fn replica_set(name: &str, replicas: i32, image: &str) -> ReplicaSet {
    serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    }))
    .unwrap()
}

/// Creates a ReplicaSet in the default namespace.
pub(crate) async fn create_set(client: &kube::Client, set: &ReplicaSet) -> ReplicaSet {
    let sets: Api<ReplicaSet> = Api::default_namespaced(client.clone());
    sets.create(&PostParams::default(), set).await.unwrap()
}

/// Waits, in virtual time, until the condition holds; fails after ten minutes of it.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let mut tries = 0;
    while !holds() {
        tries += 1;
        assert!(tries < 6000, "not within ten minutes: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The pods of the cluster that are ready and not being deleted.
pub(crate) fn ready_pods(cluster: &Cluster) -> usize {
    cluster.objects("", "pods").iter().filter(|pod| is_ready(pod)).count()
}

pub(crate) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    pod["metadata"]["deletionTimestamp"].is_null()
        && conditions
            .into_iter()
            .flatten()
            .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

pub(crate) fn pods(client: &kube::Client) -> Api<Pod> {
    Api::default_namespaced(client.clone())
}

pub(crate) fn sets(client: &kube::Client) -> Api<ReplicaSet> {
    Api::default_namespaced(client.clone())
}
