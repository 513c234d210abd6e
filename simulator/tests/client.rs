//! What kube's own machinery finds: discovery, watchers, reflectors, and what is not served.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
    WatchEvent, WatchParams,
};
use kube::discovery::{Discovery, Scope};
use kube::runtime::watcher;
use proptest::prelude::*;
use serde_json::json;
use sluice_simulator::{Clock, Cluster, Crd, GroupResource, Options};
use std::collections::BTreeMap;
use std::time::Duration;

fn rollout_crd() -> Crd {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/crds/rollout-crd.yaml");
    let crd = serde_yaml_ng::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    Crd::parse(&crd).unwrap()
}

#[tokio::test(start_paused = true)]
async fn discovery_finds_built_in_and_installed_kinds() {
    let cluster = cluster(1);
    cluster.install(&rollout_crd());
    let client = cluster.client("me");
    let version = client.apiserver_version().await.unwrap();
    assert_eq!((version.major.as_str(), version.minor.as_str()), ("1", "34"));
    let discovery = Discovery::new(client.clone()).run().await.unwrap();
    let find = |group: &str, kind: &str| {
        let group = discovery.get(group).unwrap();
        group.recommended_kind(kind).unwrap()
    };
    let (rollout, capabilities) = find("argoproj.io", "Rollout");
    assert_eq!((rollout.plural.as_str(), capabilities.scope), ("rollouts", Scope::Namespaced));
    let subresources: Vec<&str> =
        capabilities.subresources.iter().map(|(name, _)| name.plural.as_str()).collect();
    assert_eq!(subresources, ["status", "scale"]);
    assert_eq!(find("", "Namespace").1.scope, Scope::Cluster);
    assert_eq!(find("apps", "ReplicaSet").0.api_version, "apps/v1");

    let crds: Api<DynamicObject> =
        Api::all_with(client, &find("apiextensions.k8s.io", "CustomResourceDefinition").0);
    crds.delete("rollouts.argoproj.io", &DeleteParams::default()).await.unwrap();
    assert!(cluster.objects("apiextensions.k8s.io", "customresourcedefinitions").is_empty());
    let rollouts: Api<DynamicObject> = Api::all_with(cluster.client("me"), &rollout);
    assert!(rollouts.list(&ListParams::default()).await.is_err(), "not served any more");
}

#[tokio::test(start_paused = true)]
async fn watchers_relist_after_their_version_expires() {
    for strategy in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let cluster = cluster(2);
        let client = cluster.client("me");
        create_set(&client, &replica_set("web", 2, "nginx:1")).await;
        let mut events = watcher::watcher(pods(&client), strategy).boxed();
        let mut restarts = 0;
        let mut ready = 0;
        while ready < 2 {
            match events.next().await.unwrap().unwrap() {
                watcher::Event::Apply(pod) | watcher::Event::InitApply(pod) => {
                    ready += usize::from(is_ready(&serde_json::to_value(&pod).unwrap()));
                }
                watcher::Event::Init => restarts += 1,
                watcher::Event::InitDone | watcher::Event::Delete(_) => {}
            }
        }
        assert_eq!(restarts, 1);
        let resource = GroupResource::new("", "pods");
        let annotate = json!({"metadata": {"annotations": {"a": "b"}}});
        let name = cluster.objects("", "pods")[0]["metadata"]["name"].as_str().unwrap().to_owned();
        cluster.close_watches(Some("me"), &resource);
        pods(&client).patch(&name, &PatchParams::default(), &Patch::Merge(annotate)).await.unwrap();
        cluster.compact();
        // The watch ends, the next one is told that its version is gone, and a new list follows.
        let mut expired = false;
        loop {
            match events.next().await.unwrap() {
                Err(error) => {
                    expired = expired || error.to_string().contains("too old resource version")
                }
                Ok(watcher::Event::Init) => break,
                Ok(_) => {}
            }
        }
        assert!(expired);
        cluster.cut("me");
        let mut lost = false;
        for _ in 0..20 {
            lost = lost || events.next().await.unwrap().is_err();
        }
        assert!(lost, "a cut connection shows");
    }
}

#[tokio::test(start_paused = true)]
async fn patches_that_are_not_served_say_so() {
    let cluster = cluster(3);
    let client = cluster.client("me");
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    for patch in [Patch::Apply(map.clone()), Patch::Strategic(map)] {
        let error = maps.patch("a", &PatchParams::apply("me"), &patch).await.unwrap_err();
        let kube::Error::Api(status) = error else {
            unreachable!("{error}");
        };
        assert_eq!((status.code, status.reason.as_str()), (415, "UnsupportedMediaType"));
        assert!(status.message.contains("application/merge-patch+json"), "{}", status.message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_namespace_takes_everything_with_it() {
    let cluster = cluster(4);
    let client = cluster.client("me");
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let space = serde_json::from_value(json!({"metadata": {"name": "space"}})).unwrap();
    namespaces.create(&PostParams::default(), &space).await.unwrap();
    let sets = Api::namespaced(client.clone(), "space");
    sets.create(&PostParams::default(), &replica_set("web", 2, "nginx:1")).await.unwrap();
    eventually("ready", || ready_pods(&cluster) == 2).await;
    namespaces.delete("space", &DeleteParams::default()).await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client, "space");
    let map = serde_json::from_value(json!({"metadata": {"name": "late"}})).unwrap();
    let error = maps.create(&PostParams::default(), &map).await.unwrap_err();
    assert!(error.to_string().contains("because it is being terminated"), "{error}");
    eventually("gone", || {
        !cluster.objects("", "namespaces").iter().any(|n| n["metadata"]["name"] == "space")
    })
    .await;
    assert!(cluster.objects("", "pods").is_empty());
    assert!(cluster.objects("apps", "replicasets").is_empty());
}

/// Not in virtual time: the same cluster serves a playground.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_machines_clock_will_do() {
    let zero = Duration::ZERO..Duration::ZERO;
    let cluster = Cluster::new(Options {
        watch_delay: zero.clone(),
        request_latency: zero.clone(),
        reaction: zero,
        pod_ready_after: Duration::ZERO,
        ..Options::with_clock(5, Clock::real())
    });
    cluster.start();
    let client = cluster.client("me");
    create_set(&client, &replica_set("web", 1, "nginx:1")).await;
    let mut events = pods(&client).watch(&WatchParams::default(), "0").await.unwrap().boxed();
    loop {
        let event: WatchEvent<Pod> = events.next().await.unwrap().unwrap();
        if let WatchEvent::Added(pod) | WatchEvent::Modified(pod) = event
            && is_ready(&serde_json::to_value(&pod).unwrap())
        {
            break;
        }
    }
}

#[derive(Debug, Clone)]
enum Op {
    Put { name: u8, app: Option<u8>, data: u8 },
    Delete { name: u8 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0_u8..4, prop::option::of(0_u8..2), 0_u8..3)
            .prop_map(|(name, app, data)| Op::Put { name, app, data }),
        1 => (0_u8..4).prop_map(|name| Op::Delete { name }),
    ]
}

async fn apply(maps: &Api<ConfigMap>, op: &Op) {
    match op {
        Op::Put { name, app, data } => {
            let name = format!("m{name}");
            let labels = app.map(|app| json!({"app": format!("a{app}")}));
            let object: ConfigMap = serde_json::from_value(json!({
                "metadata": {"name": name, "labels": labels},
                "data": {"k": data.to_string()},
            }))
            .unwrap();
            if maps.get_opt(&name).await.unwrap().is_some() {
                maps.replace(&name, &PostParams::default(), &object).await.unwrap();
            } else {
                maps.create(&PostParams::default(), &object).await.unwrap();
            }
        }
        Op::Delete { name } => {
            // What is not there cannot be deleted; that is fine.
            let _ = maps.delete(&format!("m{name}"), &DeleteParams::default()).await;
        }
    }
}

type View = BTreeMap<String, ConfigMap>;

fn fold(view: &mut View, event: WatchEvent<ConfigMap>) {
    let name = |map: &ConfigMap| map.metadata.name.clone().unwrap();
    match event {
        WatchEvent::Added(map) => {
            assert!(view.insert(name(&map), map).is_none(), "added twice");
        }
        WatchEvent::Modified(map) => {
            assert!(view.insert(name(&map), map).is_some(), "modified before it was added");
        }
        WatchEvent::Deleted(map) => {
            assert!(view.remove(&name(&map)).is_some(), "deleted before it was added");
        }
        WatchEvent::Bookmark(_) | WatchEvent::Error(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A list at some version and the watch from there make the list of later: for any history,
    /// any moment and any selection.
    #[test]
    fn list_and_watch_make_the_later_list(
        ops in prop::collection::vec(op(), 1..25),
        cut in 0_usize..25,
        seed in 0_u64..1000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let cluster = Cluster::new(Options::stepped(seed));
            let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client("me"));
            let chosen = ListParams::default().labels("app=a0");
            let (early, late) = ops.split_at(cut.min(ops.len()));
            for op in early {
                apply(&maps, op).await;
            }
            let list = maps.list(&chosen).await.unwrap();
            let version = list.metadata.resource_version.clone().unwrap();
            let mut view: View = BTreeMap::new();
            for map in list.items {
                view.insert(map.metadata.name.clone().unwrap(), map);
            }
            for op in late {
                apply(&maps, op).await;
            }
            let params = WatchParams::default().labels("app=a0").timeout(5);
            let mut events = maps.watch(&params, &version).await.unwrap().boxed();
            while let Some(event) = events.next().await {
                fold(&mut view, event.unwrap());
            }
            let expected = maps.list(&chosen).await.unwrap().items;
            let seen: Vec<ConfigMap> = view.into_values().collect();
            assert_eq!(seen, expected);
        });
    }
}

#[tokio::test(start_paused = true)]
async fn dynamic_objects_of_a_custom_kind() {
    let cluster = cluster(6);
    cluster.install(&rollout_crd());
    let resource = ApiResource {
        group: "argoproj.io".into(),
        version: "v1alpha1".into(),
        api_version: "argoproj.io/v1alpha1".into(),
        kind: "Rollout".into(),
        plural: "rollouts".into(),
    };
    let rollouts: Api<DynamicObject> =
        Api::default_namespaced_with(cluster.client("me"), &resource);
    let rollout = DynamicObject::new("web", &resource).data(
        json!({"spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]}}}}),
    );
    rollouts.create(&PostParams::default(), &rollout).await.unwrap();
    let status = json!({"status": {"HPAReplicas": 2, "selector": "app=web"}});
    rollouts.patch_status("web", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    let scale = rollouts.get_scale("web").await.unwrap();
    assert_eq!(scale.spec.unwrap().replicas, Some(2));
    let status = scale.status.unwrap();
    assert_eq!((status.replicas, status.selector.as_deref()), (2, Some("app=web")));
    let read = rollouts.get("web").await.unwrap();
    assert_eq!(read.metadata.generation, Some(1), "the status does not count");
}
