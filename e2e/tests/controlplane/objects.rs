//! Namespaces, waits and definitions: what tests handle objects with.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace as NamespaceObject, Pod};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use sluice_e2e::controlplane::{ADMIN, wait_for, wait_until_gone};

use crate::support::{DEADLINE, plane, pod};

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_are_distinct_and_go_when_dropped() {
    let plane = plane().await;
    let one = plane.namespace("own").await.unwrap();
    let two = plane.namespace("own").await.unwrap();
    assert_ne!(one.name(), two.name());
    one.api::<Pod>().create(&PostParams::default(), &pod("p", "app:1", &[])).await.unwrap();
    let all: Api<NamespaceObject> = Api::all(plane.client(ADMIN).unwrap());
    let name = one.name().to_owned();
    drop(one);
    wait_until_gone(&all, &name, DEADLINE).await.unwrap();
    all.get(two.name()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_fails_shows_what_was_seen() {
    let namespace = plane().await.namespace("waiting").await.unwrap();
    let maps: Api<ConfigMap> = namespace.api();
    let map = json!({"metadata": {"name": "m"}, "data": {"colour": "blue"}});
    maps.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await.unwrap();
    let waited = wait_for(&maps, "m", Duration::from_millis(500), |map| {
        (map.data.as_ref()?.get("colour")? == "green").then_some(())
    })
    .await;
    let error = waited.unwrap_err().to_string();
    assert!(error.contains("[metadata.name=m]: not as expected within 500ms"), "{error}");
    assert!(error.contains(r#""colour":"blue""#), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn crds_are_served_once_applied() {
    let plane = plane().await;
    let folder = tempfile::tempdir().unwrap();
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.test.example"},
        "spec": {
            "group": "test.example",
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }],
        },
    });
    std::fs::write(folder.path().join("widget.yaml"), format!("---\n{crd:#}\n")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not a manifest").unwrap();
    for _ in 0..2 {
        assert_eq!(plane.apply_crds(folder.path()).await.unwrap(), ["widgets.test.example"]);
    }
    let list = http::Request::get("/apis/test.example/v1/widgets").body(Vec::new()).unwrap();
    plane.client(ADMIN).unwrap().request_text(list).await.unwrap();

    std::fs::write(folder.path().join("zzz.yaml"), "kind: CustomResourceDefinition\n").unwrap();
    let error = plane.apply_crds(folder.path()).await.unwrap_err().to_string();
    assert!(error.ends_with("zzz.yaml has no metadata.name"), "{error}");
}
