use super::*;
use crate::identity::generate::{Fields, template_strategy_with};
use proptest::prelude::*;
use serde_json::json;

fn pod(spec: Value) -> Value {
    defaulted(&json!({"spec": spec}))["spec"].clone()
}

fn container(container: Value) -> Value {
    pod(json!({"containers": [container]}))["containers"][0].clone()
}

/// Everything that the API server adds to the smallest template there is.
#[test]
fn a_small_template_gets_all_the_defaults() {
    let template = json!({
        "metadata": {"labels": {"app": "web"}, "creationTimestamp": null},
        "spec": {"containers": [{"name": "web", "image": "shop/web:v1"}]},
    });
    assert_eq!(
        defaulted(&template),
        json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": [{
                    "name": "web",
                    "image": "shop/web:v1",
                    "imagePullPolicy": "IfNotPresent",
                    "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                }],
                "dnsPolicy": "ClusterFirst",
                "restartPolicy": "Always",
                "schedulerName": "default-scheduler",
                "securityContext": {},
                "terminationGracePeriodSeconds": 30,
            },
        })
    );
}

#[test]
fn probes_and_ports() {
    let completed = container(json!({
        "ports": [{"containerPort": 80}],
        "livenessProbe": {"grpc": {"port": 9000}, "periodSeconds": 0},
        "readinessProbe": {"httpGet": {"port": "http"}, "periodSeconds": 3},
        "lifecycle": {"preStop": {"httpGet": {"port": 80, "path": "/bye"}}},
    }));
    assert_eq!(completed["ports"], json!([{"containerPort": 80, "protocol": "TCP"}]));
    assert_eq!(
        completed["livenessProbe"],
        json!({
            "grpc": {"port": 9000, "service": ""},
            "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
        })
    );
    assert_eq!(
        completed["readinessProbe"],
        json!({
            "httpGet": {"port": "http", "path": "/", "scheme": "HTTP"},
            "timeoutSeconds": 1, "periodSeconds": 3, "successThreshold": 1, "failureThreshold": 3,
        })
    );
    assert_eq!(
        completed["lifecycle"],
        json!({"preStop": {"httpGet": {"port": 80, "path": "/bye", "scheme": "HTTP"}}})
    );
}

#[test]
fn resources_take_their_canonical_form_and_requests_stay_empty() {
    let completed = container(json!({
        "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi", "odd": null}, "requests": {}},
    }));
    let expected = json!({"limits": {"cpu": "500m", "memory": "1Gi", "odd": "0"}});
    assert_eq!(completed["resources"], expected);
}

/// A zero is dropped where the API cannot tell it from an absent value, and kept where it can.
#[test]
fn empty_values() {
    let spec = pod(json!({
        "hostNetwork": false,
        "automountServiceAccountToken": false,
        "tolerations": [],
        "nodeSelector": {},
        "hostname": "",
        "affinity": {},
        "priority": 0,
    }));
    let spec = spec.as_object().unwrap();
    for dropped in ["hostNetwork", "tolerations", "nodeSelector", "hostname"] {
        assert!(!spec.contains_key(dropped), "{dropped}");
    }
    for kept in ["automountServiceAccountToken", "affinity", "priority"] {
        assert!(spec.contains_key(kept), "{kept}");
    }
}

#[test]
fn volumes() {
    let volumes = pod(json!({"volumes": [
        {"name": "none"},
        {"name": "secret", "secret": {"secretName": "s"}},
        {"name": "host", "hostPath": {"path": "/"}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        {"name": "field", "downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "f"}}]}},
        {"name": "image", "image": {"reference": "models:latest"}},
        {"name": "newer", "fromTheFuture": {}},
    ]}))["volumes"]
        .clone();
    assert_eq!(
        volumes,
        json!([
            {"name": "none", "emptyDir": {}},
            {"name": "secret", "secret": {"secretName": "s", "defaultMode": 420}},
            {"name": "host", "hostPath": {"path": "/", "type": ""}},
            {"name": "token", "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}},
            ]}},
            {"name": "field", "downwardAPI": {"defaultMode": 420, "items": [
                {"path": "p", "fieldRef": {"fieldPath": "f", "apiVersion": "v1"}},
            ]}},
            {"name": "image", "image": {"reference": "models:latest", "pullPolicy": "Always"}},
            {"name": "newer", "fromTheFuture": {}},
        ])
    );
}

#[test]
fn the_old_name_of_the_service_account() {
    for (written, expected) in [
        (json!({"serviceAccountName": "a"}), "a"),
        (json!({"serviceAccount": "b"}), "b"),
        (json!({"serviceAccountName": "a", "serviceAccount": "b"}), "a"),
        (json!({"serviceAccountName": "", "serviceAccount": "b"}), "b"),
    ] {
        let spec = pod(written);
        assert_eq!(
            (&spec["serviceAccountName"], &spec["serviceAccount"]),
            (&json!(expected), &json!(expected))
        );
    }
    assert_eq!(pod(json!({"serviceAccount": ""})).get("serviceAccountName"), None);
}

#[test]
fn what_is_not_understood_stays() {
    let odd = json!({
        "metadata": "text",
        "spec": {
            "containers": [{"name": 7, "resources": {"limits": {"cpu": "lots"}}, "new": {"a": null}}],
            "volumes": {"not": "a list"},
            "restartPolicy": 3,
        },
    });
    let completed = defaulted(&odd);
    assert_eq!(completed["metadata"], odd["metadata"]);
    assert_eq!(completed["spec"]["volumes"], odd["spec"]["volumes"]);
    assert_eq!(completed["spec"]["restartPolicy"], 3);
    let (given, container) = (&odd["spec"]["containers"][0], &completed["spec"]["containers"][0]);
    for field in ["name", "resources", "new"] {
        assert_eq!(container[field], given[field]);
    }
    for nothing in [json!(null), json!(3), json!([])] {
        defaulted(&nothing);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn completing_twice_changes_nothing(template in template_strategy_with(Fields::WithGated)) {
        let once = defaulted(&template);
        prop_assert_eq!(defaulted(&once), once);
    }
}
