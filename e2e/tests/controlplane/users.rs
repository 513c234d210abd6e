//! Who may do what, and what is known of it afterwards.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::config::Kubeconfig;
use kube::{Api, Client};
use serde_json::json;
use sluice_e2e::controlplane::{ADMIN, OPERATOR, UNPRIVILEGED, WaitError, counts, wait_for};

use crate::support::{DEADLINE, plane};

#[tokio::test(flavor = "multi_thread")]
async fn audit_log_counts_what_a_user_did() {
    let plane = plane().await;
    let namespace = plane.namespace("audit").await.unwrap();
    let client = plane.client("auditee").unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client, namespace.name());
    let map = |name: &str| -> ConfigMap {
        serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
    };
    for name in ["a", "b"] {
        maps.create(&PostParams::default(), &map(name)).await.unwrap();
    }
    maps.create(&PostParams::default(), &map("a")).await.unwrap_err();
    maps.get("missing").await.unwrap_err();
    let patch = Patch::Merge(json!({"data": {"k": "v"}}));
    maps.patch("a", &PatchParams::default(), &patch).await.unwrap();
    let apply = Patch::Apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"},
    }));
    maps.patch("c", &PatchParams::apply("test"), &apply).await.unwrap();
    maps.list(&ListParams::default()).await.unwrap();
    wait_for(&maps, "a", DEADLINE, |_| Some(())).await.unwrap();
    maps.delete("b", &Default::default()).await.unwrap();

    plane.settle_audit().await.unwrap();
    let requests = plane.audit().unwrap().requests("auditee").unwrap();
    let table: BTreeMap<String, u64> =
        counts(&requests).into_iter().map(|(sort, n)| (sort.to_string(), n)).collect();
    let expected = [
        ("create configmaps 201", 2),
        ("create configmaps 409", 1),
        ("delete configmaps 200", 1),
        ("get configmaps 404", 1),
        // The watch begins with a list.
        ("list configmaps 200", 2),
        ("patch configmaps 200", 1),
        ("patch configmaps 201", 1),
        // The one of wait_for, which may have ended before the server opened it.
        ("watch configmaps 200", 1),
    ];
    for (sort, number) in &expected {
        if !sort.starts_with("watch") {
            assert_eq!(table.get(*sort), Some(number), "{sort} in {table:?}");
        }
    }
    assert!(table.keys().all(|sort| expected.iter().any(|(e, _)| e == sort)), "{table:?}");
    for request in &requests {
        assert_eq!(request.namespace, namespace.name());
        assert!(request.latency < DEADLINE, "{request:?}");
    }
    let used = plane.audit().unwrap().verbs_used("auditee").unwrap();
    for verb in ["create", "delete", "get", "list", "patch"] {
        assert!(used.contains(&(String::new(), "configmaps".to_owned(), verb.to_owned())));
    }
    assert!(!used.iter().any(|(_, _, verb)| verb == "update"), "{used:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rbac_is_enforced() {
    let plane = plane().await;
    let namespace = plane.namespace("rbac").await.unwrap();
    for user in [UNPRIVILEGED, OPERATOR] {
        let pods: Api<Pod> = Api::namespaced(plane.client(user).unwrap(), namespace.name());
        match pods.list(&ListParams::default()).await {
            Err(kube::Error::Api(status)) => assert_eq!(status.code, 403, "{status:?}"),
            other => panic!("{user}: {other:?}"),
        }
        match wait_for(&pods, "p", DEADLINE, |_| Some(())).await {
            Err(WaitError::Refused { .. }) => {}
            other => panic!("{user}: {other:?}"),
        }
    }
    // The operator's rights come from RBAC objects that name its service account.
    let admin = plane.client(ADMIN).unwrap();
    let rights: [(&str, serde_json::Value); 2] = [
        (
            "roles",
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                "metadata": {"name": "reader"},
                "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
            }),
        ),
        (
            "rolebindings",
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": {"name": "reader"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
                "subjects": [{"kind": "ServiceAccount", "name": "argo-rollouts", "namespace": "argo-rollouts"}],
            }),
        ),
    ];
    for (resource, object) in rights {
        let path = format!(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/{resource}",
            namespace.name()
        );
        let request = http::Request::post(path)
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes())
            .unwrap();
        admin.request_text(request).await.unwrap();
    }
    let pods: Api<Pod> = Api::namespaced(plane.client(OPERATOR).unwrap(), namespace.name());
    // The authorizer learns of the binding by a watch.
    let answer = tokio::time::timeout(DEADLINE, async {
        loop {
            match pods.list(&ListParams::default()).await {
                Err(kube::Error::Api(status)) if status.code == 403 => {}
                other => return other,
            }
        }
    });
    answer.await.unwrap().unwrap();
    assert!(pods.get("p").await.is_err(), "only what the role names is granted");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_know_the_server_by_its_certificate() {
    let plane = plane().await;
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig(ADMIN).unwrap()).unwrap();
    let mut config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    Client::try_from(config.clone()).unwrap().apiserver_version().await.unwrap();
    // With the authorities of this machine instead, nobody vouches for the server.
    config.root_cert = None;
    let stranger = Client::try_from(config).unwrap().apiserver_version().await;
    let error = format!("{:?}", stranger.unwrap_err());
    assert!(error.contains("UnknownIssuer"), "{error}");
}
