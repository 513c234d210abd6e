//! The CustomResourceDefinitions and the installation as kubectl and its users meet them, on a real
//! API server.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "outside of a test function, clippy does not see a test"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use serde_json::{Value, json};
use sluice_e2e::controlplane::{ADMIN, Audit, ControlPlane, Namespace, Options, wait_for};
use sluice_e2e::kubectl::Kubectl;
use sluice_e2e::loopback::DEADLINE;
use sluice_e2e::scenarios::crds_folder;
use tokio::sync::OnceCell;

/// The files of `manifests/crds`, with the names of what they define.
const FILES: [(&str, &str); 5] = [
    ("analysisrun-crd.yaml", "analysisruns.argoproj.io"),
    ("analysistemplate-crd.yaml", "analysistemplates.argoproj.io"),
    ("clusteranalysistemplate-crd.yaml", "clusteranalysistemplates.argoproj.io"),
    ("experiment-crd.yaml", "experiments.argoproj.io"),
    ("rollout-crd.yaml", "rollouts.argoproj.io"),
];

/// The control plane that the tests share, with the CRDs as kubectl applies them.
async fn plane() -> &'static ControlPlane {
    static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
    PLANE
        .get_or_init(async || {
            let options = Options { audit: Audit::Off, ..Options::default() };
            let plane = ControlPlane::start(options).await;
            let plane = plane.unwrap_or_else(|error| panic!("{error}"));
            let kubectl = Kubectl::of(&plane, ADMIN).unwrap();
            for (file, name) in FILES {
                let path = crds_folder().join(file);
                let said = kubectl.quietly(&["apply", "-f", path.to_str().unwrap()], "").unwrap();
                assert_eq!(
                    said,
                    format!("customresourcedefinition.apiextensions.k8s.io/{name} created\n")
                );
            }
            // Waits until they are served, and changes nothing.
            plane.apply_crds(&crds_folder()).await.unwrap();
            plane
        })
        .await
}

/// kubectl in a namespace of the test's own.
async fn kubectl(name: &str) -> (Namespace, Kubectl) {
    let plane = plane().await;
    let namespace = plane.namespace(name).await.unwrap();
    let kubectl = Kubectl::of(plane, ADMIN).unwrap().namespace(namespace.name());
    (namespace, kubectl)
}

fn apply(kubectl: &Kubectl, object: &Value) {
    kubectl.quietly(&["apply", "-f", "-"], &object.to_string()).unwrap();
}

fn get(kubectl: &Kubectl, object: &str) -> Value {
    let text = kubectl.quietly(&["get", object, "-o=json"], "").unwrap();
    serde_json::from_str(&text).unwrap()
}

fn rollout(container: Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [container]},
            },
            "strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}},
        },
    })
}

fn web() -> Value {
    rollout(json!({"name": "web", "image": "web:1"}))
}

/// The words of a table's first line, each with the one below it.
fn columns(table: &str) -> Vec<(String, String)> {
    let mut lines = table.lines().map(|line| line.split_whitespace().map(str::to_owned));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else { return Vec::new() };
    names.zip(values).collect()
}

fn names(table: &str) -> Vec<String> {
    columns(table).into_iter().map(|(name, _)| name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_applies_each_definition() {
    let plane = plane().await;
    let kubectl = Kubectl::of(plane, ADMIN).unwrap();
    let in_folder = std::fs::read_dir(crds_folder()).unwrap();
    let in_folder = in_folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(in_folder.collect::<BTreeSet<_>>(), FILES.map(|(file, _)| file.to_owned()).into());
    for (file, name) in FILES {
        let path = crds_folder().join(file);
        let said = kubectl.quietly(&["apply", "-f", path.to_str().unwrap()], "").unwrap();
        assert_eq!(
            said,
            format!("customresourcedefinition.apiextensions.k8s.io/{name} unchanged\n")
        );
        let definition = get(&kubectl, &format!("crd/{name}"));
        let conditions: BTreeSet<(&str, &str)> = definition["status"]["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| (c["type"].as_str().unwrap(), c["status"].as_str().unwrap()))
            .collect();
        // Another one would be NonStructuralSchema.
        assert_eq!(conditions, [("Established", "True"), ("NamesAccepted", "True")].into());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_managers_own_different_containers() {
    let (_namespace, kubectl) = kubectl("managers").await;
    let apply_as = |manager: &str, object: &Value| {
        let manager = format!("--field-manager={manager}");
        kubectl.with_input(&["apply", "--server-side", &manager, "-f", "-"], &object.to_string())
    };
    let mesh = |containers: Value| {
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"containers": containers}}},
        })
    };
    let images = || -> BTreeSet<(String, String)> {
        let rollout = get(&kubectl, "ro/web");
        let containers = rollout["spec"]["template"]["spec"]["containers"].as_array().cloned();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        containers.unwrap().iter().map(|c| (text(&c["name"]), text(&c["image"]))).collect()
    };
    let pair = |name: &str, image: &str| (name.to_owned(), image.to_owned());

    assert!(apply_as("app", &web()).unwrap().success);
    let proxy = json!([{"name": "proxy", "image": "proxy:1", "ports": [{"containerPort": 80}]}]);
    let said = apply_as("mesh", &mesh(proxy)).unwrap();
    assert!(said.success, "{said:?}");
    assert_eq!(images(), [pair("proxy", "proxy:1"), pair("web", "web:1")].into());

    let next = rollout(json!({"name": "web", "image": "web:2"}));
    assert!(apply_as("app", &next).unwrap().success);
    assert_eq!(images(), [pair("proxy", "proxy:1"), pair("web", "web:2")].into());

    let said = apply_as("mesh", &mesh(json!([{"name": "web", "image": "mine"}]))).unwrap();
    assert!(!said.success);
    assert!(said.stderr.contains("conflict with \"app\""), "{said:?}");

    // What a manager no longer applies goes, and only that.
    let aside = json!([{"name": "aside", "image": "aside:1"}]);
    assert!(apply_as("mesh", &mesh(aside)).unwrap().success);
    assert_eq!(images(), [pair("aside", "aside:1"), pair("web", "web:2")].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn quantities_may_be_numbers() {
    let (_namespace, kubectl) = kubectl("quantities").await;
    let requests = json!({"cpu": 0.5, "memory": "1.5Gi", "ephemeral-storage": 1000});
    let limits = json!({"cpu": "750m", "example.com/gpu": 1});
    let resources = json!({"requests": requests, "limits": limits});
    apply(&kubectl, &rollout(json!({"name": "web", "image": "web:1", "resources": resources})));
    let stored = get(&kubectl, "ro/web");
    assert_eq!(stored["spec"]["template"]["spec"]["containers"][0]["resources"], resources);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused() {
    let (_namespace, kubectl) = kubectl("refused").await;
    let with = |pointer: &str, value: Value| {
        let mut object = web();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[field] = value;
        object.to_string()
    };
    let container = "/spec/template/spec/containers/0";
    let twins = json!([{"name": "web", "image": "web:1"}, {"name": "web", "image": "web:2"}]);
    for (object, message) in [
        (
            with(&format!("{container}/imagee"), json!("web:1")),
            "unknown field \"spec.template.spec.containers[0].imagee\"",
        ),
        (with("/spec/strategy/canray", json!({})), "unknown field \"spec.strategy.canray\""),
        (
            with(&format!("{container}/ports"), json!([{"containerPort": "http"}])),
            "spec.template.spec.containers[0].ports[0].containerPort",
        ),
        (
            with("/spec/template/spec/containers", twins),
            "spec.template.spec.containers[1]: Duplicate",
        ),
        (with("/spec/replicas", json!("two")), "spec.replicas: Invalid value"),
        (with("/spec/strategy/canary/steps", json!([{"setWeight": "half"}])), "setWeight"),
    ] {
        let said = kubectl.with_input(&["apply", "-f", "-"], &object).unwrap();
        assert!(!said.success, "{object}");
        assert!(said.stderr.contains(message), "{message:?} in {}", said.stderr);
    }
    assert_eq!(kubectl.quietly(&["get", "ro", "-o=name"], "").unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_selector_cannot_be_changed() {
    let (_namespace, kubectl) = kubectl("selector").await;
    apply(&kubectl, &web());
    let change = r#"{"spec": {"selector": {"matchLabels": {"app": "other"}}}}"#;
    let said = kubectl.run(&["patch", "ro/web", "--type=merge", "-p", change]).unwrap();
    assert!(!said.success);
    assert!(said.stderr.contains("spec.selector: Invalid value"), "{said:?}");
    assert!(said.stderr.contains("immutable"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_explained() {
    let (_namespace, kubectl) = kubectl("explain").await;
    let explain = |path: &str| kubectl.quietly(&["explain", path], "").unwrap();
    let strategy = explain("rollout.spec.strategy");
    for part in
        ["KIND:       Rollout", "FIELD: strategy", "blueGreen\t<Object>", "canary\t<Object>"]
    {
        assert!(strategy.contains(part), "{part:?} in {strategy}");
    }
    assert!(!strategy.contains("<no description>"), "{strategy}");
    for (path, field) in [
        ("ro.spec.strategy.canary.steps", "setWeight\t<integer>"),
        ("rollout.spec.template.spec.containers", "imagePullPolicy\t<string>"),
        ("rollout.status", "currentPodHash\t<string>"),
        ("experiment.spec", "templates\t<[]Object>"),
        ("analysisrun.spec.metrics", "successCondition\t<string>"),
        ("analysistemplate.spec.metrics.provider", "prometheus\t<Object>"),
        ("clusteranalysistemplate.spec", "args\t<[]Object>"),
    ] {
        let text = explain(path);
        assert!(text.contains(field), "{field:?} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn short_names_give_the_columns_that_people_know() {
    let (_namespace, kubectl) = kubectl("columns").await;
    apply(&kubectl, &web());
    let status = json!({"status": {
        "HPAReplicas": 4, "replicas": 5, "updatedReplicas": 3, "availableReplicas": 1,
    }});
    let patch = ["patch", "ro/web", "--subresource=status", "--type=merge", "-p"];
    kubectl.quietly(&[&patch[..], &[&status.to_string()]].concat(), "").unwrap();
    let table = kubectl.quietly(&["get", "ro"], "").unwrap();
    let rows = columns(&table);
    let rows: Vec<(&str, &str)> = rows.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let expected = [
        ("NAME", "web"),
        ("DESIRED", "2"),
        ("CURRENT", "5"),
        ("UP-TO-DATE", "3"),
        ("AVAILABLE", "1"),
    ];
    assert_eq!(rows[..5], expected, "{table}");
    assert_eq!(rows[5].0, "AGE");

    let provider = json!({"web": {"url": "http://x", "jsonPath": "{$.y}"}});
    let metrics = json!([{"name": "m", "provider": provider}]);
    let object = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": kind,
            "metadata": {"name": "some"}, "spec": spec, "status": {"phase": "Running"},
        })
    };
    for (kind, short, spec) in [
        ("AnalysisRun", "ar", json!({"metrics": metrics})),
        ("Experiment", "exp", json!({"templates": []})),
    ] {
        apply(&kubectl, &object(kind, spec));
        let table = kubectl.quietly(&["get", short], "").unwrap();
        assert_eq!(names(&table), ["NAME", "STATUS", "AGE"], "{kind}");
        // No status subresource: what is applied is kept.
        assert!(columns(&table).contains(&("STATUS".into(), "Running".into())), "{table}");
    }
    for (kind, short) in [("AnalysisTemplate", "at"), ("ClusterAnalysisTemplate", "cat")] {
        let mut template = object(kind, json!({"metrics": metrics}));
        template.as_object_mut().unwrap().remove("status");
        apply(&kubectl, &template);
        let table = kubectl.quietly(&["get", short], "").unwrap();
        assert_eq!(names(&table), ["NAME", "AGE"], "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_rollouts_have_subresources() {
    let (_namespace, kubectl) = kubectl("subresources").await;
    let served = kubectl.quietly(&["get", "--raw", "/apis/argoproj.io/v1alpha1"], "").unwrap();
    let served: Value = serde_json::from_str(&served).unwrap();
    let resources: BTreeSet<&str> = served["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["name"].as_str().unwrap())
        .collect();
    let expected = [
        "analysisruns",
        "analysistemplates",
        "clusteranalysistemplates",
        "experiments",
        "rollouts",
        "rollouts/scale",
        "rollouts/status",
    ];
    assert_eq!(resources, expected.into());

    // A status that is applied with the object is nobody's business.
    let mut object = web();
    object["status"] = json!({"phase": "Healthy"});
    apply(&kubectl, &object);
    assert_eq!(get(&kubectl, "ro/web")["status"]["phase"], Value::Null);
    // Both forms of observedGeneration are stored as they are written.
    for written in [json!("3"), json!(3)] {
        let status = json!({"status": {"observedGeneration": written}}).to_string();
        let patch = ["patch", "ro/web", "--subresource=status", "--type=merge", "-p", &status];
        kubectl.quietly(&patch, "").unwrap();
        assert_eq!(get(&kubectl, "ro/web")["status"]["observedGeneration"], written);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_scales() {
    let (namespace, kubectl) = kubectl("scale").await;
    apply(&kubectl, &web());
    let said = kubectl.quietly(&["scale", "ro/web", "--replicas=5"], "").unwrap();
    assert_eq!(said, "rollout.argoproj.io/web scaled\n");
    assert_eq!(get(&kubectl, "ro/web")["spec"]["replicas"], 5);
    let outdated = ["scale", "rollout", "web", "--current-replicas=2", "--replicas=9"];
    let said = kubectl.run(&outdated).unwrap();
    assert!(!said.success && said.stderr.contains("Expected replicas to be 2, was 5"), "{said:?}");
    let current = ["scale", "rollout", "web", "--current-replicas=5", "--replicas=3"];
    kubectl.quietly(&current, "").unwrap();
    assert_eq!(get(&kubectl, "ro/web")["spec"]["replicas"], 3);

    // What an autoscaler reads.
    let status = json!({"status": {"HPAReplicas": 4, "selector": "app=web"}}).to_string();
    let patch = ["patch", "ro/web", "--subresource=status", "--type=merge", "-p", &status];
    kubectl.quietly(&patch, "").unwrap();
    let name = namespace.name();
    let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{name}/rollouts/web/scale");
    let scale = kubectl.quietly(&["get", "--raw", &path], "").unwrap();
    let scale: Value = serde_json::from_str(&scale).unwrap();
    assert_eq!(scale["kind"], "Scale");
    assert_eq!(scale["spec"], json!({"replicas": 3}));
    assert_eq!(scale["status"], json!({"replicas": 4, "selector": "app=web"}));
}

fn manifest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests").join(name)
}

const RESTRICTED: [&str; 2] =
    ["pod-security.kubernetes.io/enforce=restricted", "pod-security.kubernetes.io/warn=restricted"];

/// That the pod of the installation runs.
async fn is_available(deployments: &Api<Deployment>) {
    let available = |deployment: &Deployment| {
        let status = deployment.status.clone().unwrap_or_default();
        (status.available_replicas == Some(1)).then_some(())
    };
    wait_for(deployments, "argo-rollouts", DEADLINE, available).await.unwrap();
}

/// Whether the API server would let somebody do something.
fn may(kubectl: &Kubectl, who: &str, what: &[&str]) -> bool {
    let who = format!("--as={who}");
    let said = kubectl.run(&[&["auth", "can-i", &who], what].concat()).unwrap();
    match said.stdout.trim() {
        "yes" => true,
        "no" => false,
        other => panic!("{other}: {said:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_installation_runs_where_pods_are_restricted() {
    let (elsewhere, _) = kubectl("elsewhere").await;
    let plane = plane().await;
    let kubectl = Kubectl::of(plane, ADMIN).unwrap();
    let file = manifest("install.yaml");
    let file = file.to_str().unwrap();
    let said = kubectl.quietly(&["apply", "-f", file], "").unwrap();
    assert!(said.lines().all(|line| line.ends_with(" created")), "{said}");
    let label = [&["label", "namespace", "argo-rollouts", "--overwrite"], &RESTRICTED[..]].concat();
    kubectl.quietly(&label, "").unwrap();
    let said = kubectl.quietly(&["apply", "-f", file], "").unwrap();
    assert!(said.lines().all(|line| line.ends_with(" unchanged")), "{said}");
    let client = plane.client(ADMIN).unwrap();
    is_available(&Api::namespaced(client.clone(), "argo-rollouts")).await;

    let account = "system:serviceaccount:argo-rollouts:argo-rollouts";
    let there = format!("--namespace={}", elsewhere.name());
    assert!(may(&kubectl, account, &["patch", "rollouts.argoproj.io/status", &there]));
    assert!(may(&kubectl, account, &["list", "rollouts.argoproj.io", "--all-namespaces"]));
    // Single keys for measurements, and never a list of them.
    assert!(may(&kubectl, account, &["get", "secrets", &there]));
    assert!(!may(&kubectl, account, &["list", "secrets", &there]));
    assert!(!may(&kubectl, account, &["update", "leases", &there]));

    // Whoever may edit or view a namespace may do so with its Rollouts.
    let roles: Api<ClusterRole> = Api::all(client);
    for (role, resource, person) in
        [("edit", "rollouts/status", "editor"), ("view", "rollouts/scale", "viewer")]
    {
        let has_rule = |role: &ClusterRole| {
            let rules = role.rules.iter().flatten();
            let of =
                |list: &Option<Vec<String>>, item: &str| list.iter().flatten().any(|i| i == item);
            let mut ours = rules.filter(|r| of(&r.api_groups, "argoproj.io"));
            ours.any(|rule| of(&rule.resources, resource)).then_some(())
        };
        wait_for(&roles, role, DEADLINE, has_rule).await.unwrap();
        let (role, user) = (format!("--clusterrole={role}"), format!("--user={person}"));
        kubectl.quietly(&["create", "rolebinding", person, &role, &user, &there], "").unwrap();
    }
    let rollouts = "rollouts.argoproj.io";
    // The authorizer learns of bindings by a watch.
    let learnt = tokio::time::timeout(DEADLINE, async {
        while !(may(&kubectl, "editor", &["create", rollouts, &there])
            && may(&kubectl, "viewer", &["get", rollouts, &there]))
        {
            tokio::task::yield_now().await;
        }
    });
    learnt.await.unwrap();
    assert!(!may(&kubectl, "viewer", &["patch", rollouts, &there]));
    assert!(!may(&kubectl, "editor", &["create", rollouts, "--namespace=default"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_installation_of_one_namespace_runs_where_pods_are_restricted() {
    let (namespace, kubectl) = kubectl("one").await;
    let (elsewhere, _) = self::kubectl("not-the-one").await;
    let name = namespace.name();
    kubectl.quietly(&[&["label", "namespace", name], &RESTRICTED[..]].concat(), "").unwrap();
    // That there is somebody who warns and refuses.
    let careless = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "careless"},
        "spec": {
            "selector": {"matchLabels": {"app": "careless"}},
            "template": {
                "metadata": {"labels": {"app": "careless"}},
                "spec": {"containers": [{"name": "app", "image": "app:1"}]},
            },
        },
    });
    let said = kubectl.with_input(&["apply", "-f", "-"], &careless.to_string()).unwrap();
    assert!(said.stderr.contains("would violate PodSecurity \"restricted:latest\""), "{said:?}");

    let file = manifest("namespace-install.yaml");
    let said = kubectl.quietly(&["apply", "-f", file.to_str().unwrap()], "").unwrap();
    assert!(said.lines().all(|line| line.ends_with(" created")), "{said}");
    is_available(&namespace.api()).await;

    let account = format!("system:serviceaccount:{name}:argo-rollouts");
    let there = format!("--namespace={}", elsewhere.name());
    assert!(may(&kubectl, &account, &["patch", "rollouts.argoproj.io/status"]));
    assert!(may(&kubectl, &account, &["update", "leases"]));
    assert!(may(&kubectl, &account, &["get", "secrets"]));
    assert!(!may(&kubectl, &account, &["list", "secrets"]));
    assert!(!may(&kubectl, &account, &["get", "secrets", &there]));
    assert!(!may(&kubectl, &account, &["list", "rollouts.argoproj.io", &there]));
}
