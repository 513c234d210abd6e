//! ReplicaSets, pods and the garbage collector, seen through an unmodified kube client.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, WatchEvent, WatchParams};
use serde_json::json;
use sluice_simulator::Crash;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_replica_set_makes_pods_that_become_ready() {
    let cluster = cluster(1);
    let client = cluster.client("tester");
    let began = cluster.clock().now();
    create_set(&client, &replica_set("web", 3, "nginx:1")).await;

    let mut ready = std::collections::BTreeSet::new();
    let params = WatchParams::default().labels("app=web");
    let mut events = pods(&client).watch(&params, "0").await.unwrap().boxed();
    while ready.len() < 3 {
        let event: WatchEvent<Pod> = events.next().await.unwrap().unwrap();
        if let WatchEvent::Added(pod) | WatchEvent::Modified(pod) = event
            && is_ready(&serde_json::to_value(&pod).unwrap())
        {
            let owner = &pod.metadata.owner_references.unwrap()[0];
            assert_eq!((owner.name.as_str(), owner.controller), ("web", Some(true)));
            ready.insert(pod.metadata.name.unwrap());
        }
    }
    let took = cluster.clock().now() - began;
    assert!(took >= chrono::Duration::seconds(1), "ready after a second, not {took}");
    assert!(took < chrono::Duration::seconds(2), "ready after a second, not {took}");

    eventually("the status says so", || {
        let set = &cluster.objects("apps", "replicasets")[0];
        set["status"]
            == json!({"replicas": 3, "fullyLabeledReplicas": 3, "readyReplicas": 3,
                "availableReplicas": 3, "observedGeneration": 1})
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn scaling_down_takes_the_pods_that_are_not_ready() {
    let cluster = cluster(2);
    let client = cluster.client("tester");
    create_set(&client, &replica_set("web", 4, "nginx:1")).await;
    eventually("ready", || ready_pods(&cluster) == 4).await;
    let victim = cluster.objects("", "pods")[2]["metadata"]["name"].as_str().unwrap().to_owned();
    let crash = json!({"metadata": {"annotations": {"sluice.test/pod": "crash"}}});
    pods(&client).patch(&victim, &PatchParams::default(), &Patch::Merge(crash)).await.unwrap();
    eventually("crashed", || ready_pods(&cluster) == 3).await;
    let pod = pods(&client).get(&victim).await.unwrap();
    let status = &pod.status.unwrap().container_statuses.unwrap()[0];
    assert_eq!(status.restart_count, 1);
    let waiting = status.state.clone().unwrap().waiting.unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("CrashLoopBackOff"));

    let scale = json!({"spec": {"replicas": 3}});
    sets(&client).patch_scale("web", &PatchParams::default(), &Patch::Merge(scale)).await.unwrap();
    eventually("gone", || cluster.objects("", "pods").len() == 3).await;
    assert_eq!(ready_pods(&cluster), 3, "the crashed one went");
}

#[tokio::test(start_paused = true)]
async fn containers_of_an_image_crash_as_told() {
    let cluster = cluster(2);
    let client = cluster.client("tester");
    let crash = Crash { exit_code: 78, message: "no such table".to_owned() };
    cluster.crash_image("shop/web:2", crash);
    create_set(&client, &replica_set("old", 1, "shop/web:1")).await;
    create_set(&client, &replica_set("new", 1, "shop/web:2")).await;
    eventually("one is ready, one has crashed", || {
        let pods = cluster.objects("", "pods");
        ready_pods(&cluster) == 1
            && pods.iter().any(|pod| pod["status"]["containerStatuses"][0]["restartCount"] == 1)
    })
    .await;
    let statuses = cluster.objects("", "pods").into_iter().map(|mut pod| {
        let status = pod["status"]["containerStatuses"][0].take();
        (status["image"].clone(), status["lastState"].clone())
    });
    let last: std::collections::BTreeMap<_, _> =
        statuses.map(|(image, last)| (image.to_string(), last)).collect();
    assert_eq!(last["\"shop/web:1\""], json!({}));
    let ended = &last["\"shop/web:2\""]["terminated"];
    assert_eq!((&ended["exitCode"], &ended["message"]), (&json!(78), &json!("no such table")));
}

#[tokio::test(start_paused = true)]
async fn pods_behave_as_annotations_and_images_say() {
    let cluster = cluster(3);
    let client = cluster.client("tester");
    for (name, image) in [("a", "web:never-ready"), ("b", "web:missing-1"), ("c", "web:1")] {
        create_set(&client, &replica_set(name, 1, image)).await;
    }
    eventually("one is ready", || ready_pods(&cluster) == 1).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(ready_pods(&cluster), 1);
    let phases: Vec<_> = cluster
        .objects("", "pods")
        .iter()
        .map(|pod| pod["status"]["phase"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(phases, ["Running", "Pending", "Running"]);

    let healed = json!({"metadata": {"annotations": {"sluice.test/pod": "ready"}}});
    for pod in cluster.objects("", "pods") {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let params = PatchParams::default();
        pods(&client).patch(name, &params, &Patch::Merge(&healed)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ready_pods(&cluster), 3, "within a second");
}

#[tokio::test(start_paused = true)]
async fn min_ready_seconds_delays_availability() {
    let cluster = cluster(4);
    let client = cluster.client("tester");
    let mut set = replica_set("web", 2, "nginx:1");
    set.spec.min_ready_seconds = Some(30);
    create_set(&client, &set).await;
    eventually("ready", || ready_pods(&cluster) == 2).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let status = |field: &str| cluster.objects("apps", "replicasets")[0]["status"][field].clone();
    assert_eq!(status("readyReplicas"), 2);
    assert!(status("availableReplicas").is_null());
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(status("availableReplicas"), 2);
}

#[tokio::test(start_paused = true)]
async fn deleting_a_set_deletes_its_pods() {
    for (params, pods_left) in [
        (DeleteParams::background(), 0),
        (DeleteParams::foreground(), 0),
        (
            DeleteParams {
                propagation_policy: Some(kube::api::PropagationPolicy::Orphan),
                ..DeleteParams::default()
            },
            2,
        ),
    ] {
        let cluster = cluster(5);
        let client = cluster.client("tester");
        create_set(&client, &replica_set("web", 2, "nginx:1")).await;
        eventually("ready", || ready_pods(&cluster) == 2).await;
        let left_early = std::sync::Arc::new(std::sync::Mutex::new(None));
        let seen = left_early.clone();
        cluster.observe(move |write, objects| {
            if write.resource.resource == "replicasets" && write.after.is_none() {
                let pods = sluice_simulator::GroupResource::new("", "pods");
                *seen.lock().unwrap() = Some(objects.list(&pods, "default").len());
            }
        });
        sets(&client).delete("web", &params).await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(cluster.objects("apps", "replicasets").is_empty());
        let pods = cluster.objects("", "pods");
        assert_eq!(pods.len(), pods_left, "{params:?}");
        let pods_at_the_end = left_early.lock().unwrap().unwrap();
        match params.propagation_policy.unwrap() {
            // The owner goes last.
            kube::api::PropagationPolicy::Foreground => assert_eq!(pods_at_the_end, 0),
            _ => assert_eq!(pods_at_the_end, 2),
        }
        for pod in pods {
            assert!(pod["metadata"]["ownerReferences"].is_null(), "released");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn orphans_are_adopted_by_the_next_set() {
    let cluster = cluster(6);
    let client = cluster.client("tester");
    create_set(&client, &replica_set("web", 2, "nginx:1")).await;
    eventually("ready", || ready_pods(&cluster) == 2).await;
    let before: Vec<_> =
        cluster.objects("", "pods").iter().map(|p| p["metadata"]["uid"].clone()).collect();
    let orphan = DeleteParams {
        propagation_policy: Some(kube::api::PropagationPolicy::Orphan),
        ..DeleteParams::default()
    };
    sets(&client).delete("web", &orphan).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    create_set(&client, &replica_set("web", 2, "nginx:1")).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let pods = cluster.objects("", "pods");
    let after: Vec<_> = pods.iter().map(|p| p["metadata"]["uid"].clone()).collect();
    assert_eq!(before, after);
    assert!(pods.iter().all(|pod| pod["metadata"]["ownerReferences"][0]["name"] == "web"));
}
