//! Deployments, EndpointSlices, budgets, quotas and autoscalers, in virtual time.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, ResourceQuota, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Resource;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, EvictParams, Patch, PatchParams, PostParams,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluice_simulator::{Cluster, Crd, GroupResource, LOAD_ANNOTATION};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn api<K>(cluster: &Cluster) -> Api<K>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    Api::default_namespaced(cluster.client("tester"))
}

async fn create<K>(cluster: &Cluster, object: Value)
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned,
    K::DynamicType: Default,
{
    let object: K = serde_json::from_value(object).unwrap();
    api::<K>(cluster).create(&PostParams::default(), &object).await.unwrap();
}

async fn patch<K>(cluster: &Cluster, name: &str, merge: Value)
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    K::DynamicType: Default,
{
    let params = PatchParams::default();
    api::<K>(cluster).patch(name, &params, &Patch::Merge(merge)).await.unwrap();
}

fn deployment(replicas: i64, image: &str, strategy: Value) -> Value {
    json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "strategy": strategy,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    })
}

fn image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}})
}

fn service() -> Value {
    json!({
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    })
}

fn only(cluster: &Cluster, group: &str, resource: &str) -> Value {
    let objects = cluster.objects(group, resource);
    assert_eq!(objects.len(), 1, "{resource}");
    objects.into_iter().next().unwrap()
}

/// The sizes of the ReplicaSets by revision.
fn sizes(cluster: &Cluster) -> Vec<(String, i64)> {
    let of = |set: &Value| {
        let revision = &set["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
        (revision.as_str().unwrap().to_owned(), set["spec"]["replicas"].as_i64().unwrap())
    };
    let mut sizes: Vec<_> = cluster.objects("apps", "replicasets").iter().map(of).collect();
    sizes.sort();
    sizes
}

fn expect_sizes(cluster: &Cluster, wanted: &[(&str, i64)]) {
    let wanted: Vec<_> = wanted.iter().map(|(r, n)| ((*r).to_owned(), *n)).collect();
    assert_eq!(sizes(cluster), wanted);
}

async fn is_done(cluster: &Cluster, replicas: i64) {
    eventually("the Deployment is done", || {
        let status = &cluster.objects("apps", "deployments")[0]["status"];
        let generation = &cluster.objects("apps", "deployments")[0]["metadata"]["generation"];
        let progressing = status["conditions"].as_array().into_iter().flatten();
        let mut progressing = progressing.filter(|c| c["type"] == "Progressing");
        status["availableReplicas"] == replicas
            && status["replicas"] == replicas
            && status["updatedReplicas"] == replicas
            && status["observedGeneration"] == *generation
            && progressing.all(|c| c["reason"] == "NewReplicaSetAvailable")
    })
    .await;
}

/// Remembers the least and the most of what is counted after each write.
fn watch(
    cluster: &Cluster,
    mut count: impl FnMut(&[&Value]) -> Option<usize> + Send + 'static,
) -> Arc<Mutex<(usize, usize)>> {
    let seen = Arc::new(Mutex::new((usize::MAX, 0)));
    let noted = seen.clone();
    cluster.observe(move |_, objects| {
        let pods = objects.list(&GroupResource::new("", "pods"), "default");
        if let Some(found) = count(&pods) {
            let mut noted = noted.lock().unwrap();
            *noted = (noted.0.min(found), noted.1.max(found));
        }
    });
    seen
}

fn count_ready(pods: &[&Value]) -> usize {
    pods.iter().filter(|pod| is_ready(pod)).count()
}

#[tokio::test(start_paused = true)]
async fn a_rolling_update_keeps_within_its_limits() {
    for seed in 1..=8 {
        let cluster = cluster(seed);
        let strategy = json!({"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 1}});
        create::<Deployment>(&cluster, deployment(5, "web:v1", strategy)).await;
        is_done(&cluster, 5).await;
        let ready = watch(&cluster, |pods| Some(count_ready(pods)));
        let asked = Arc::new(Mutex::new(0));
        let most = asked.clone();
        cluster.observe(move |_, objects| {
            let sets = objects.list(&GroupResource::new("apps", "replicasets"), "default");
            let sum = sets.iter().filter_map(|set| set["spec"]["replicas"].as_i64()).sum();
            let mut most = most.lock().unwrap();
            *most = i64::max(*most, sum);
        });
        patch::<Deployment>(&cluster, "web", image("web:v2")).await;
        is_done(&cluster, 5).await;
        assert!(ready.lock().unwrap().0 >= 4, "seed {seed}: {ready:?}");
        assert_eq!(*asked.lock().unwrap(), 7, "seed {seed}");
        expect_sizes(&cluster, &[("1", 0), ("2", 5)]);
        let pods = cluster.objects("", "pods");
        assert!(pods.iter().all(|pod| {
            let hash = &pod["metadata"]["labels"]["pod-template-hash"];
            hash.is_string()
                && pod["metadata"]["name"].as_str().unwrap().contains(hash.as_str().unwrap())
        }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_does_not_come_up_stops_a_rolling_update() {
    let cluster = cluster(1);
    let mut object = deployment(4, "web:v1", Value::Null);
    object["spec"]["progressDeadlineSeconds"] = 60.into();
    create::<Deployment>(&cluster, object).await;
    is_done(&cluster, 4).await;
    patch::<Deployment>(&cluster, "web", image("web:v2-never-ready")).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(ready_pods(&cluster), 3);
    expect_sizes(&cluster, &[("1", 3), ("2", 2)]);
    // More pods are spread over both versions, as they were.
    patch::<Deployment>(&cluster, "web", json!({"spec": {"replicas": 8}})).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    expect_sizes(&cluster, &[("1", 6), ("2", 4)]);
    tokio::time::sleep(Duration::from_secs(120)).await;
    let deployment = only(&cluster, "apps", "deployments");
    let conditions = deployment["status"]["conditions"].as_array().unwrap();
    let progressing = conditions.iter().find(|c| c["type"] == "Progressing").unwrap();
    assert_eq!(progressing["reason"], "ProgressDeadlineExceeded");
    assert_eq!(deployment["status"]["unavailableReplicas"], 4);
    // Back to the first template is another revision of the same ReplicaSet.
    patch::<Deployment>(&cluster, "web", image("web:v1")).await;
    is_done(&cluster, 8).await;
    expect_sizes(&cluster, &[("2", 0), ("3", 8)]);
}

#[tokio::test(start_paused = true)]
async fn a_paused_deployment_scales_and_does_not_roll() {
    let cluster = cluster(2);
    create::<Deployment>(&cluster, deployment(2, "web:v1", Value::Null)).await;
    is_done(&cluster, 2).await;
    patch::<Deployment>(&cluster, "web", json!({"spec": {"paused": true}})).await;
    patch::<Deployment>(&cluster, "web", image("web:v2")).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    expect_sizes(&cluster, &[("1", 2)]);
    patch::<Deployment>(&cluster, "web", json!({"spec": {"replicas": 0}})).await;
    eventually("no pods", || cluster.objects("", "pods").is_empty()).await;
    patch::<Deployment>(&cluster, "web", json!({"spec": {"replicas": 3}})).await;
    eventually("pods", || ready_pods(&cluster) == 3).await;
    expect_sizes(&cluster, &[("1", 3)]);
    patch::<Deployment>(&cluster, "web", json!({"spec": {"paused": false}})).await;
    is_done(&cluster, 3).await;
    expect_sizes(&cluster, &[("1", 0), ("2", 3)]);
}

#[tokio::test(start_paused = true)]
async fn recreating_leaves_no_two_versions_at_a_time() {
    let cluster = cluster(3);
    create::<Deployment>(&cluster, deployment(3, "web:v1", json!({"type": "Recreate"}))).await;
    is_done(&cluster, 3).await;
    let versions = watch(&cluster, |pods| {
        let hashes = pods.iter().map(|pod| pod["metadata"]["labels"]["pod-template-hash"].as_str());
        Some(hashes.collect::<std::collections::BTreeSet<_>>().len())
    });
    patch::<Deployment>(&cluster, "web", image("web:v2")).await;
    is_done(&cluster, 3).await;
    assert_eq!(*versions.lock().unwrap(), (0, 1));
    expect_sizes(&cluster, &[("1", 0), ("2", 3)]);
}

#[tokio::test(start_paused = true)]
async fn old_replica_sets_are_deleted_and_orphans_adopted() {
    let cluster = cluster(4);
    let mut object = deployment(1, "web:v1", Value::Null);
    object["spec"]["revisionHistoryLimit"] = 1.into();
    create::<Deployment>(&cluster, object.clone()).await;
    is_done(&cluster, 1).await;
    for version in 2..=4 {
        patch::<Deployment>(&cluster, "web", image(&format!("web:v{version}"))).await;
        is_done(&cluster, 1).await;
    }
    eventually("two are left", || sizes(&cluster).len() == 2).await;
    expect_sizes(&cluster, &[("3", 0), ("4", 1)]);
    eventually("one pod", || cluster.objects("", "pods").len() == 1).await;
    let pod = only(&cluster, "", "pods")["metadata"]["uid"].clone();
    let orphan = DeleteParams {
        propagation_policy: Some(kube::api::PropagationPolicy::Orphan),
        ..DeleteParams::default()
    };
    api::<Deployment>(&cluster).delete("web", &orphan).await.unwrap();
    eventually("gone", || cluster.objects("apps", "deployments").is_empty()).await;
    object["spec"]["template"] = image("web:v4")["spec"]["template"].clone();
    object["spec"]["template"]["metadata"] = json!({"labels": {"app": "web"}});
    create::<Deployment>(&cluster, object).await;
    is_done(&cluster, 1).await;
    assert_eq!(only(&cluster, "", "pods")["metadata"]["uid"], pod, "it goes on with the old pod");
}

fn ready_endpoints(cluster: &Cluster) -> usize {
    let slices = cluster.objects("discovery.k8s.io", "endpointslices");
    let endpoints = slices.iter().filter_map(|slice| slice["endpoints"].as_array()).flatten();
    endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true).count()
}

#[tokio::test(start_paused = true)]
async fn endpoints_follow_pods_a_moment_later_and_in_few_writes() {
    let names = |seed| async move {
        let cluster = cluster(seed);
        create::<Service>(&cluster, service()).await;
        let free = json!({"metadata": {"name": "free"}, "spec": {"ports": [{"port": 80}]}});
        create::<Service>(&cluster, free).await;
        create_set(&cluster.client("tester"), &replica_set("web", 6, "web:v1")).await;
        eventually("ready", || ready_pods(&cluster) == 6).await;
        eventually("endpoints", || ready_endpoints(&cluster) == 6).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let slice = only(&cluster, "discovery.k8s.io", "endpointslices");
        let generation = slice["metadata"]["generation"].as_i64().unwrap();
        assert!(generation <= 8, "{generation} writes for six pods that come up");
        let pod = cluster.objects("", "pods")[0]["metadata"]["name"].as_str().unwrap().to_owned();
        let sick = json!({"metadata": {"annotations": {"sluice.test/pod": "never-ready"}}});
        patch::<Pod>(&cluster, &pod, sick).await;
        eventually("one less", || ready_endpoints(&cluster) == 5).await;
        // Nobody looks at a Service's pods that it does not select any more.
        patch::<Service>(&cluster, "web", json!({"spec": {"selector": {"app": "other"}}})).await;
        eventually("none", || ready_endpoints(&cluster) == 0).await;
        slice["metadata"]["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(names(5).await, names(5).await);
    assert_ne!(names(5).await, names(6).await);
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_the_budget() {
    for (seed, budget, least) in [
        (7, json!({"maxUnavailable": 1}), 3),
        (8, json!({"minAvailable": "50%"}), 2),
        (9, json!({"minAvailable": 3}), 3),
    ] {
        let cluster = cluster(seed);
        create::<Deployment>(&cluster, deployment(4, "web:v1", Value::Null)).await;
        is_done(&cluster, 4).await;
        let mut spec = budget;
        spec["selector"] = json!({"matchLabels": {"app": "web"}});
        let budget = json!({"metadata": {"name": "web"}, "spec": spec});
        create::<PodDisruptionBudget>(&cluster, budget).await;
        let ready = watch(&cluster, |pods| Some(count_ready(pods)));
        let before = cluster.objects("", "pods");
        let mut refused = 0;
        for pod in &before {
            let name = pod["metadata"]["name"].as_str().unwrap();
            while let Err(error) =
                pods(&cluster.client("drain")).evict(name, &EvictParams::default()).await
            {
                let kube::Error::Api(status) = error else { unreachable!("{error}") };
                assert_eq!((status.code, status.reason.as_str()), (429, "TooManyRequests"));
                refused += 1;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        eventually("all are new", || {
            let pods = cluster.objects("", "pods");
            let old = |pod: &&Value| {
                before.iter().any(|b| b["metadata"]["uid"] == pod["metadata"]["uid"])
            };
            ready_pods(&cluster) == 4 && pods.iter().filter(old).count() == 0
        })
        .await;
        assert!(refused > 0, "{seed}");
        assert_eq!(ready.lock().unwrap().0, least, "{seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_keeps_pods_out() {
    let cluster = cluster(10);
    let quota = json!({"metadata": {"name": "few"}, "spec": {"hard": {"pods": "2"}}});
    create::<ResourceQuota>(&cluster, quota).await;
    eventually("seen", || !only(&cluster, "", "resourcequotas")["status"]["used"].is_null()).await;
    create_set(&cluster.client("tester"), &replica_set("web", 3, "web:v1")).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let failure = only(&cluster, "apps", "replicasets")["status"]["conditions"][0].clone();
    assert_eq!(
        (&failure["type"], &failure["reason"]),
        (&json!("ReplicaFailure"), &json!("FailedCreate"))
    );
    let message = failure["message"].as_str().unwrap();
    let end = "is forbidden: exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2";
    assert!(message.ends_with(end), "{message}");
    assert_eq!(only(&cluster, "", "resourcequotas")["status"]["used"]["pods"], "2");
    patch::<ResourceQuota>(&cluster, "few", json!({"spec": {"hard": {"pods": "3"}}})).await;
    eventually("the third", || ready_pods(&cluster) == 3).await;
    eventually("no failure", || {
        only(&cluster, "apps", "replicasets")["status"]["conditions"].is_null()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_goes_takes_its_pods_first_and_lets_nothing_in() {
    let cluster = cluster(11);
    let client = cluster.client("tester");
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let space = serde_json::from_value(json!({"metadata": {"name": "space"}})).unwrap();
    namespaces.create(&PostParams::default(), &space).await.unwrap();
    let object = serde_json::from_value(deployment(2, "web:v1", Value::Null)).unwrap();
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "space");
    deployments.create(&PostParams::default(), &object).await.unwrap();
    eventually("ready", || ready_pods(&cluster) == 2).await;
    let pod = cluster.objects("", "pods")[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let held = json!({"metadata": {"finalizers": ["test/hold"]}});
    let pods: Api<Pod> = Api::namespaced(client.clone(), "space");
    pods.patch(&pod, &PatchParams::default(), &Patch::Merge(&held)).await.unwrap();
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "space");
    deployments.patch("web", &PatchParams::default(), &Patch::Merge(&held)).await.unwrap();
    namespaces.delete("space", &DeleteParams::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let status = |cluster: &Cluster| {
        let spaces = cluster.objects("", "namespaces");
        spaces.iter().find(|n| n["metadata"]["name"] == "space").unwrap()["status"].clone()
    };
    let said = status(&cluster);
    assert_eq!(said["phase"], "Terminating");
    // While a pod is left, nothing else goes; and what cannot be made is no failure.
    let set = only(&cluster, "apps", "replicasets");
    assert!(set["status"]["conditions"].is_null(), "{set}");
    assert_eq!(cluster.objects("", "pods").len(), 1);
    let maps: Api<ConfigMap> = Api::namespaced(client, "space");
    let map = serde_json::from_value(json!({"metadata": {"name": "late"}})).unwrap();
    let error = maps.create(&PostParams::default(), &map).await.unwrap_err();
    let kube::Error::Api(refusal) = error else { unreachable!("{error}") };
    let causes = refusal.details.clone().unwrap().causes;
    assert_eq!((refusal.code, causes[0].reason.as_str()), (403, "NamespaceTerminating"));
    let free = json!({"metadata": {"finalizers": null}});
    pods.patch(&pod, &PatchParams::default(), &Patch::Merge(&free)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let messages = status(&cluster)["conditions"].to_string();
    assert!(messages.contains("deployments.apps has 1 resource instances"), "{messages}");
    assert!(messages.contains("test/hold in 1 resource instances"), "{messages}");
    deployments.patch("web", &PatchParams::default(), &Patch::Merge(&free)).await.unwrap();
    eventually("gone", || {
        !cluster.objects("", "namespaces").iter().any(|n| n["metadata"]["name"] == "space")
    })
    .await;
}

fn autoscaler(target: (&str, &str), metric: Value, behavior: Value) -> Value {
    json!({
        "metadata": {"name": "web", "annotations": {LOAD_ANNOTATION: "200"}},
        "spec": {
            "scaleTargetRef": {"apiVersion": target.0, "kind": target.1, "name": "web"},
            "minReplicas": 2,
            "maxReplicas": 8,
            "metrics": [metric],
            "behavior": behavior,
        },
    })
}

fn external() -> Value {
    json!({"type": "External", "external": {"metric": {"name": "load"},
        "target": {"type": "AverageValue", "averageValue": "100"}}})
}

async fn load(cluster: &Cluster, total: &str) {
    let annotation = json!({"metadata": {"annotations": {LOAD_ANNOTATION: total}}});
    patch::<HorizontalPodAutoscaler>(cluster, "web", annotation).await;
}

fn replicas(cluster: &Cluster) -> i64 {
    only(cluster, "apps", "deployments")["spec"]["replicas"].as_i64().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_follows_the_load() {
    let cluster = cluster(12);
    create::<Deployment>(&cluster, deployment(2, "web:v1", Value::Null)).await;
    is_done(&cluster, 2).await;
    let object = autoscaler(("apps/v1", "Deployment"), external(), Value::Null);
    create::<HorizontalPodAutoscaler>(&cluster, object).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(replicas(&cluster), 2);
    load(&cluster, "215").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(replicas(&cluster), 2, "within the tolerance");
    load(&cluster, "350").await;
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert_eq!(replicas(&cluster), 4);
    is_done(&cluster, 4).await;
    load(&cluster, "5000").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(replicas(&cluster), 8, "no more than the maximum");
    let status = only(&cluster, "autoscaling", "horizontalpodautoscalers")["status"].clone();
    assert_eq!((&status["currentReplicas"], &status["desiredReplicas"]), (&json!(8), &json!(8)));
    assert!(status["conditions"].to_string().contains("TooManyReplicas"), "{status}");
    // What is too much is kept for five minutes.
    load(&cluster, "10").await;
    tokio::time::sleep(Duration::from_secs(240)).await;
    assert_eq!(replicas(&cluster), 8);
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(replicas(&cluster), 2, "no fewer than the minimum");
    let scaled = cluster.requests("controllers");
    let scaled = scaled.iter().filter(|r| r.subresource == "scale" && r.verb == "update");
    assert_eq!(scaled.count(), 3, "nothing is written that does not change");
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_counts_the_pods_that_a_custom_scale_selects() {
    let cluster = cluster(13);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/crds/rollout-crd.yaml");
    let crd = serde_yaml_ng::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    cluster.install(&Crd::parse(&crd).unwrap());
    let resource = ApiResource {
        group: "argoproj.io".into(),
        version: "v1alpha1".into(),
        api_version: "argoproj.io/v1alpha1".into(),
        kind: "Rollout".into(),
        plural: "rollouts".into(),
    };
    let rollouts: Api<DynamicObject> =
        Api::default_namespaced_with(cluster.client("me"), &resource);
    let rollout = DynamicObject::new("web", &resource).data(json!({"spec": {"replicas": 3,
        "selector": {"matchLabels": {"app": "web"}}}}));
    rollouts.create(&PostParams::default(), &rollout).await.unwrap();
    create_set(&cluster.client("tester"), &replica_set("web", 3, "web:v1")).await;
    eventually("ready", || ready_pods(&cluster) == 3).await;
    let metric = json!({"type": "Pods", "pods": {"metric": {"name": "requests"},
        "target": {"type": "AverageValue", "averageValue": "100"}}});
    let soon = json!({"scaleDown": {"stabilizationWindowSeconds": 0}});
    let object = autoscaler(("argoproj.io/v1alpha1", "Rollout"), metric, soon);
    create::<HorizontalPodAutoscaler>(&cluster, object).await;
    let replicas = |cluster: &Cluster| {
        only(cluster, "argoproj.io", "rollouts")["spec"]["replicas"].as_i64().unwrap()
    };
    let conditions = |cluster: &Cluster| {
        only(cluster, "autoscaling", "horizontalpodautoscalers")["status"]["conditions"].to_string()
    };
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(replicas(&cluster), 3, "without a selector in the status nothing is known");
    assert!(conditions(&cluster).contains("InvalidSelector"), "{}", conditions(&cluster));
    let status = json!({"status": {"HPAReplicas": 3, "selector": "app=web"}});
    rollouts.patch_status("web", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    load(&cluster, "510").await;
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert_eq!(replicas(&cluster), 6);
    // The three pods that there are have more to do than the target, and the next look says the same.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(replicas(&cluster), 6);
    load(&cluster, "150").await;
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert_eq!(replicas(&cluster), 2);
}
