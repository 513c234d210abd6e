use super::*;
use crate::identity::generate::{Fields, template_strategy_with};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

fn template() -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [{
                "name": "web",
                "image": "shop/web:v1",
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}],
                "resources": {"limits": {"cpu": "1000m"}},
                "livenessProbe": {"httpGet": {"port": 8080}},
            }],
        },
    })
}

/// What the API server stores for [`template`], with the controller's label.
fn stored() -> Value {
    let mut stored = defaulted(&template());
    stored["metadata"]["creationTimestamp"] = Value::Null;
    stored["metadata"]["labels"][POD_TEMPLATE_HASH_LABEL] = json!("5f8cb5778f");
    stored
}

fn compare(desired: &Value, actual: &Value) -> Result<(), String> {
    same_template(desired, actual, Extras::UnknownMayBeDefaults).map_err(|d| d.to_string())
}

/// The templates of every Rollout that Argo Rollouts left behind, and of its ReplicaSets.
#[test]
fn recorded_templates_find_their_replica_set() {
    let items = |text: &str| -> Vec<Value> {
        let list: Value = serde_yaml_ng::from_str(text).unwrap();
        list["items"].as_array().unwrap().clone()
    };
    let rollouts = items(include_str!("../../../tests/data/recorded/rollouts.yaml"));
    let sets = items(include_str!("../../../tests/data/recorded/replicasets.yaml"));
    for rollout in &rollouts {
        let desired = &rollout["spec"]["template"];
        let owned = |set: &&Value| {
            set["metadata"]["ownerReferences"][0]["uid"] == rollout["metadata"]["uid"]
        };
        let same: Vec<&Value> = sets
            .iter()
            .filter(owned)
            .filter(|set| {
                let actual = &set["spec"]["template"];
                same_template(desired, actual, Extras::Strict).is_ok()
            })
            .map(|set| &set["metadata"]["labels"][POD_TEMPLATE_HASH_LABEL])
            .collect();
        assert_eq!(same, [&rollout["status"]["currentPodHash"]], "{}", rollout["metadata"]["name"]);
    }
}

#[test]
fn what_the_api_server_made_of_it_is_the_same() {
    assert_eq!(compare(&template(), &stored()), Ok(()));
    assert_eq!(same_template(&template(), &stored(), Extras::Strict), Ok(()));
}

#[test]
fn a_difference_says_where_and_what() {
    let mut desired = template();
    desired["spec"]["containers"][0]["image"] = json!("shop/web:v2");
    assert_eq!(
        compare(&desired, &stored()).unwrap_err(),
        r#"spec.containers[0].image: the Rollout has "shop/web:v2", the ReplicaSet "shop/web:v1""#
    );
    let mut desired = template();
    desired["spec"]["containers"][0]["resources"]["limits"]["memory"] = json!("1Gi");
    assert_eq!(
        compare(&desired, &stored()).unwrap_err(),
        r#"spec.containers[0].resources.limits[memory]: the Rollout has "1Gi", the ReplicaSet nothing"#
    );
}

#[test]
fn what_was_removed_is_a_difference() {
    for (pointer, path) in [
        ("/spec/containers/0/livenessProbe", "spec.containers[0].livenessProbe"),
        ("/spec/containers/0/env/1", "spec.containers[0].env[1]"),
        ("/spec/containers/0/resources/limits", "spec.containers[0].resources.limits"),
        ("/metadata/labels/app", "metadata.labels"),
    ] {
        let mut desired = template();
        remove(&mut desired, pointer);
        let found = same_template(&desired, &stored(), Extras::UnknownMayBeDefaults).unwrap_err();
        assert_eq!(found.path, path);
        assert_eq!(found.desired, None);
    }
}

#[test]
fn the_order_of_variables_counts() {
    let mut desired = template();
    desired["spec"]["containers"][0]["env"].as_array_mut().unwrap().reverse();
    assert!(compare(&desired, &stored()).is_err());
}

#[test]
fn unknown_fields_may_be_defaults_of_a_newer_server() {
    let mut actual = stored();
    actual["spec"]["containers"][0]["fromTheFuture"] = json!({"a": 1});
    assert_eq!(compare(&template(), &actual), Ok(()));
    let found = same_template(&template(), &actual, Extras::Strict).unwrap_err();
    assert_eq!(found.path, "spec.containers[0].fromTheFuture");

    let mut desired = template();
    desired["spec"]["containers"][0]["fromTheFuture"] = json!({"a": 1, "list": [{"b": 2}]});
    assert!(compare(&desired, &actual).is_err());
    actual["spec"]["containers"][0]["fromTheFuture"] =
        json!({"a": 1, "filled": true, "list": [{"b": 2, "filled": 1}], "none": {}});
    assert_eq!(compare(&desired, &actual), Ok(()));
    assert!(same_template(&desired, &actual, Extras::Strict).is_err());
    assert!(compare(&desired, &stored()).is_err());
}

#[test]
fn unknown_but_empty_is_nothing() {
    let mut actual = stored();
    for empty in [json!(null), json!(""), json!([]), json!({}), json!(false), json!(0)] {
        actual["spec"]["fromTheFuture"] = empty;
        assert_eq!(same_template(&template(), &actual, Extras::Strict), Ok(()));
    }
}

#[test]
fn amounts_are_compared_not_their_notation() {
    let mut actual = stored();
    actual["spec"]["containers"][0]["resources"]["limits"]["cpu"] = json!("1.000");
    assert_eq!(compare(&template(), &actual), Ok(()));
    actual["spec"]["containers"][0]["resources"]["limits"]["cpu"] = json!("1001m");
    assert!(compare(&template(), &actual).is_err());
}

/// Before Kubernetes 1.28, the API server gave the containers of a template on the host's network
/// their ports there.
#[test]
fn host_ports_follow_from_the_host_network() {
    let mut desired = template();
    desired["spec"]["containers"][0]["ports"] = json!([{"containerPort": 80}]);
    let mut actual = defaulted(&desired);
    actual["spec"]["containers"][0]["ports"][0]["hostPort"] = json!(80);
    assert!(compare(&desired, &actual).is_err());
    desired["spec"]["hostNetwork"] = json!(true);
    actual["spec"]["hostNetwork"] = json!(true);
    assert_eq!(compare(&desired, &actual), Ok(()));
    actual["spec"]["containers"][0]["ports"][0]["hostPort"] = json!(81);
    assert!(compare(&desired, &actual).is_err());
}

#[test]
fn a_mode_that_is_meant_may_be_written() {
    let mut desired = template();
    desired["spec"]["volumes"] = json!([{"name": "v", "emptyDir": {}}]);
    let mut actual = defaulted(&desired);
    actual["spec"]["volumes"][0]["emptyDir"]["mode"] = json!(0o777);
    assert_eq!(compare(&desired, &actual), Ok(()));
    actual["spec"]["volumes"][0]["emptyDir"]["mode"] = json!(0o700);
    assert!(compare(&desired, &actual).is_err());
}

/// JSON pointers of all values in `value` that hold no others.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(fields) if !fields.is_empty() => fields
            .iter()
            .for_each(|(key, value)| leaves(value, &format!("{pointer}/{}", escape(key)), found)),
        Value::Array(values) if !values.is_empty() => values
            .iter()
            .enumerate()
            .for_each(|(index, value)| leaves(value, &format!("{pointer}/{index}"), found)),
        _ => found.push(pointer.to_owned()),
    }
}

fn remove(value: &mut Value, pointer: &str) {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    match value.pointer_mut(parent).unwrap() {
        Value::Object(fields) => {
            fields.remove(&last.replace("~1", "/").replace("~0", "~")).unwrap();
        }
        Value::Array(values) => {
            values.remove(last.parse().unwrap());
        }
        other => panic!("{other} holds nothing"),
    }
}

fn change(value: &mut Value) {
    *value = match value.take() {
        Value::String(text) => json!(text + "x"),
        Value::Number(number) => json!(number.as_f64().unwrap() + 1.0),
        Value::Bool(flag) => json!(!flag),
        other => panic!("{other} is no leaf to change"),
    };
}

/// Leaves that say what would be so without them. `parent` is the object that holds the leaf.
fn is_default(pointer: &str, parent: &Value, value: &Value) -> bool {
    let field = pointer.rsplit('/').next().unwrap();
    let in_spec = pointer.matches('/').count() == 2;
    match field {
        "restartPolicy" => in_spec && value == "Always",
        "dnsPolicy" => value == "ClusterFirst",
        "schedulerName" => value == "default-scheduler",
        "terminationGracePeriodSeconds" => in_spec && value == 30,
        "securityContext" => in_spec && *value == json!({}),
        "terminationMessagePath" => value == "/dev/termination-log",
        "terminationMessagePolicy" => value == "File",
        "protocol" => value == "TCP",
        "scheme" => value == "HTTP",
        "path" => value == "/" && parent.get("port").is_some(),
        "service" => value == "" && parent.get("port").is_some(),
        "timeoutSeconds" | "successThreshold" => value == 1,
        "periodSeconds" => value == 10,
        "failureThreshold" => value == 3,
        "apiVersion" => value == "v1",
        "divisor" => value == "0",
        "defaultMode" => value == 0o644,
        "expirationSeconds" => value == 3600,
        "volumeMode" => value == "Filesystem",
        "optional" => value == false && parent.get("volumeName").is_some(),
        "type" => value == "" && parent.get("path").is_some(),
        "emptyDir" => *value == json!({}),
        "iscsiInterface" => value == "default",
        "pool" => value == "rbd",
        "user" => value == "admin",
        "keyring" => value == "/etc/ceph/keyring",
        "cachingMode" => value == "ReadWrite",
        "fsType" => {
            value == "ext4" && parent.get("diskURI").is_some()
                || value == "xfs" && parent.get("gateway").is_some()
        }
        "readOnly" => value == false && parent.get("diskURI").is_some(),
        "kind" => value == "Shared",
        "storageMode" => value == "ThinProvisioned",
        _ => false,
    }
}

/// Leaves that make no difference, by the documentation of [`same_template`].
fn is_documented_no_op(template: &Value, pointer: &str) -> bool {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = template.pointer(parent).unwrap();
    let value = template.pointer(pointer).unwrap();
    let on_host_network = template["spec"]["hostNetwork"] == true;
    let has_name = template["spec"]["serviceAccountName"].as_str().is_some_and(|n| !n.is_empty());
    value.is_null()
        || pointer == "/metadata/creationTimestamp"
        || pointer == "/spec/serviceAccount" && has_name
        || pointer == "/spec/serviceAccountName" && parent.get("serviceAccount") == Some(value)
        || field == "hostPort" && on_host_network && parent["containerPort"] == *value
        || is_default(pointer, parent, value)
}

/// Where the user's choice is the one that the image's name stands for, or where nothing is
/// written, leaves are not asked about: other tests do that.
fn is_asked_about(template: &Value, pointer: &str) -> bool {
    let value = template.pointer(pointer).unwrap();
    let is_policy = pointer.ends_with("/imagePullPolicy") || pointer.ends_with("/pullPolicy");
    !is_policy && (!is_blank(value) || is_documented_no_op(template, pointer))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_template_is_the_same_as_what_becomes_of_it(t in template_strategy_with(Fields::WithGated)) {
        prop_assert_eq!(same_template(&t, &defaulted(&t), Extras::Strict), Ok(()));
        prop_assert_eq!(same_template(&defaulted(&t), &t, Extras::Strict), Ok(()));
    }

    #[test]
    fn every_leaf_counts(t in template_strategy_with(Fields::WithGated), which: Index) {
        let mut all = Vec::new();
        leaves(&t, "", &mut all);
        all.retain(|pointer| is_asked_about(&t, pointer));
        let pointer = &all[which.index(all.len())];

        let mut without = t.clone();
        remove(&mut without, pointer);
        let expected = is_documented_no_op(&t, pointer);
        let found = compare(&without, &defaulted(&t));
        prop_assert_eq!(found.is_ok(), expected, "without {}: {:?}", pointer, found);
        prop_assert_eq!(compare(&t, &defaulted(&without)).is_ok(), expected, "added {}", pointer);
    }

    #[test]
    fn every_change_counts(t in template_strategy_with(Fields::WithGated), which: Index) {
        let mut all = Vec::new();
        leaves(&t, "", &mut all);
        let has_name = t["spec"]["serviceAccountName"].as_str().is_some_and(|n| !n.is_empty());
        all.retain(|pointer| {
            let value = t.pointer(pointer).unwrap();
            let is_scalar = !value.is_null() && !value.is_array() && !value.is_object();
            is_scalar && !(pointer == "/spec/serviceAccount" && has_name)
        });
        let pointer = &all[which.index(all.len())];

        let mut changed = t.clone();
        change(changed.pointer_mut(pointer).unwrap());
        prop_assert!(compare(&changed, &defaulted(&t)).is_err(), "{}", pointer);
        prop_assert!(compare(&t, &defaulted(&changed)).is_err(), "{}", pointer);
    }
}
