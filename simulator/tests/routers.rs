//! The kinds of routers: not there until their CRDs are installed, and then like any others.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::cluster;
use futures_util::StreamExt;
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
    WatchEvent, WatchParams,
};
use serde_json::{Value, json};
use sluice_simulator::scenario::router_crds;
use sluice_simulator::{Cluster, Crd};

fn set(name: &str) -> Vec<Crd> {
    router_crds(name).unwrap().iter().map(|crd| Crd::parse(crd).unwrap()).collect()
}

fn routes(cluster: &Cluster, version: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", version, "HTTPRoute");
    Api::default_namespaced_with(cluster.client("me"), &ApiResource::from_gvk(&kind))
}

fn route() -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web"},
        "spec": {
            "parentRefs": [{"name": "gateway", "sectionName": "http"}],
            "rules": [{
                "backendRefs": [{"name": "stable", "port": 80}, {"name": "canary", "port": 80, "weight": 0}],
                "timeouts": {"request": "3s"},
            }],
        },
    }))
    .unwrap()
}

fn code<T: std::fmt::Debug>(answer: kube::Result<T>) -> (u16, String) {
    match answer.unwrap_err() {
        kube::Error::Api(status) => (status.code, status.message.clone()),
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_installed_is_not_there() {
    let cluster = cluster(1);
    for version in ["v1", "v1beta1"] {
        let (code, message) = code(routes(&cluster, version).list(&ListParams::default()).await);
        assert_eq!((code, message.contains("404 page not found")), (404, true), "{message}");
    }
    set("gateway-api").iter().for_each(|crd| cluster.install(crd));
    assert!(routes(&cluster, "v1").list(&ListParams::default()).await.unwrap().items.is_empty());
    let params = WatchParams::default();
    assert_eq!(code(routes(&cluster, "v1beta1").list(&ListParams::default()).await).0, 404);
    let answer = routes(&cluster, "v1beta1").watch(&params, "0").await.map(drop);
    assert_eq!(code(answer).0, 404);
}

#[tokio::test(start_paused = true)]
async fn routes_are_created_patched_watched_and_go_with_their_crd() {
    let cluster = cluster(1);
    set("gateway-api").iter().for_each(|crd| cluster.install(crd));
    let api = routes(&cluster, "v1");
    let created = api.create(&PostParams::default(), &route()).await.unwrap();
    assert_eq!(created.metadata.generation, Some(1));
    let rule = &created.data["spec"]["rules"][0];
    assert_eq!(rule["backendRefs"][0]["weight"], 1, "the default");
    assert_eq!(rule["timeouts"]["request"], "3s", "what is not typed is kept");
    let version = created.metadata.resource_version.clone().unwrap();
    let mut events = api.watch(&WatchParams::default(), &version).await.unwrap().boxed();

    let mut refs = rule["backendRefs"].clone();
    refs[1]["weight"] = json!(20);
    let mut rules = created.data["spec"]["rules"].clone();
    rules[0]["backendRefs"] = refs;
    let merge = json!({"spec": {"rules": rules}});
    let patched = api.patch("web", &PatchParams::default(), &Patch::Merge(&merge)).await.unwrap();
    assert_eq!(patched.metadata.generation, Some(2));
    let status = json!({"status": {"parents": []}});
    let seen =
        api.patch_status("web", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    assert_eq!(seen.metadata.generation, Some(2));

    rules[0]["backendRefs"][1]["weight"] = json!(-1);
    let merge = json!({"spec": {"rules": rules}});
    let (code, message) =
        code(api.patch("web", &PatchParams::default(), &Patch::Merge(&merge)).await);
    assert_eq!(code, 422);
    assert!(message.contains("spec.rules[0].backendRefs[1].weight"), "{message}");

    set("gateway-api").iter().for_each(|crd| cluster.uninstall(crd));
    let mut told = Vec::new();
    while let Some(Ok(event)) = events.next().await {
        told.push(match event {
            WatchEvent::Modified(_) => "modified",
            WatchEvent::Deleted(_) => "deleted",
            _ => "other",
        });
    }
    assert_eq!(told, ["modified", "modified", "deleted"]);
    assert!(api.list(&ListParams::default()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn two_groups_may_have_a_kind_of_the_same_name() {
    let cluster = cluster(1);
    let sets = ["istio", "app-mesh"];
    sets.iter().flat_map(|name| set(name)).for_each(|crd| cluster.install(&crd));
    for (group, version) in [("networking.istio.io", "v1"), ("appmesh.k8s.aws", "v1beta2")] {
        let kind = GroupVersionKind::gvk(group, version, "VirtualService");
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> = Api::default_namespaced_with(cluster.client("me"), &resource);
        let object: Value = json!({"metadata": {"name": "web"}, "spec": {},
            "apiVersion": format!("{group}/{version}"), "kind": "VirtualService"});
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        api.create(&PostParams::default(), &object).await.unwrap();
        assert_eq!(cluster.objects(group, "virtualservices").len(), 1);
    }
}
