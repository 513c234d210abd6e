//! The controller of the whole cluster, as `manifests/install.yaml` lets it work: with a token of its
//! service account, and no right but those of its ClusterRole and of its Role for the lease.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "outside of a test function, clippy does not see a test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Service};
use kube::runtime::watcher;
use kube::{Api, Client};
use serde_json::{Value, json};
use sluice_e2e::child::Child;
use sluice_e2e::controlplane::{
    ADMIN, ControlPlane, Namespace, OPERATOR, Options, Request, UNPRIVILEGED, verbs_used, wait_for,
    wait_for_all,
};
use sluice_e2e::kubectl::Kubectl;
use sluice_e2e::loopback::{DEADLINE, within};
use sluice_e2e::progress::Progress;
use sluice_e2e::rbac::{Grant, grants};
use sluice_e2e::release::{rollouts, rolls};
use sluice_e2e::scenarios::crds_folder;
use sluice_simulator::scenario::read_yaml_documents;

/// The namespace of the installation.
const HOME: &str = "argo-rollouts";

fn manifest() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/install.yaml")
}

/// A definition of Rollouts that lets everything in.
fn loose_definition() -> Value {
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "rollouts.argoproj.io"},
        "spec": {
            "group": "argoproj.io",
            "names": {"kind": "Rollout", "plural": "rollouts", "shortNames": ["ro"]},
            "scope": "Namespaced",
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": anything},
                "subresources": {"status": {}},
            }],
        },
    })
}

/// A template for all namespaces, which measures with a Job.
fn cluster_template() -> Value {
    let container = json!({"name": "test", "image": "test:1", "command": ["true"]});
    let pod = json!({"restartPolicy": "Never", "containers": [container]});
    let job = json!({"spec": {"backoffLimit": 0, "template": {"spec": pod}}});
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ClusterAnalysisTemplate",
        "metadata": {"name": "smoke"},
        "spec": {"metrics": [{"name": "test", "provider": {"job": job}}]},
    })
}

/// A canary with a Service for each version, an analysis, and no old versions kept.
fn canary(name: &str, image: &str) -> Value {
    let analysis = json!({"templates": [{"templateName": "smoke", "clusterScope": true}]});
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {
                    "labels": {"app": name},
                    "annotations": {"sluice.test/ready-after": "0s"},
                },
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
            "strategy": {"canary": {
                "stableService": format!("{name}-stable"),
                "canaryService": format!("{name}-canary"),
                "steps": [{"setWeight": 50}, {"analysis": analysis}],
            }},
        },
    })
}

/// A Rollout with something in it that is not what it should be.
fn broken(name: &str, pointer: &str, value: Value) -> Value {
    let mut rollout = canary(name, "app:1");
    // It would refuse the Services' absence later on.
    rollout["spec"]["strategy"] = json!({"canary": {}});
    *rollout.pointer_mut(pointer).unwrap() = value;
    rollout
}

struct Cluster {
    plane: ControlPlane,
    client: Client,
    kubectl: Kubectl,
}

impl Cluster {
    /// With the loose definition.
    async fn start() -> Self {
        let plane = ControlPlane::start(Options::default()).await;
        let plane = plane.unwrap_or_else(|error| panic!("{error}"));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rollout.yaml"), loose_definition().to_string()).unwrap();
        plane.apply_crds(folder.path()).await.unwrap();
        let client = plane.client(ADMIN).unwrap();
        let kubectl = Kubectl::of(&plane, ADMIN).unwrap();
        Self { plane, client, kubectl }
    }

    async fn namespace(&self, name: &str) -> Namespace {
        self.plane.namespace(name).await.unwrap()
    }

    fn apply(&self, namespace: &str, object: &Value) {
        let kubectl = self.kubectl.namespace(namespace);
        kubectl.quietly(&["apply", "-f", "-"], &object.to_string()).unwrap();
    }

    fn get(&self, namespace: &str, object: &str) -> Value {
        let kubectl = self.kubectl.namespace(namespace);
        serde_json::from_str(&kubectl.quietly(&["get", object, "-o=json"], "").unwrap()).unwrap()
    }

    fn services(&self, namespace: &str, name: &str) {
        for role in ["stable", "canary"] {
            let service = json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"name": format!("{name}-{role}")},
                "spec": {"selector": {"app": name}, "ports": [{"port": 80}]},
            });
            self.apply(namespace, &service);
        }
    }

    /// Installs Sluice, and starts its controller here with the token of its service account.
    async fn install(&self) -> Child {
        self.kubectl.quietly(&["apply", "-f", manifest().to_str().unwrap()], "").unwrap();
        self.authorizer_knows().await;
        let account = format!("--namespace={HOME}");
        let token = self.kubectl.quietly(&["create", "token", HOME, &account], "").unwrap();
        let kubeconfig = self.plane.kubeconfig(UNPRIVILEGED).unwrap();
        let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
        let token = format!("--token={}", token.trim());
        let program = Path::new(env!("CARGO_BIN_EXE_controller-under-test"));
        // The namespace is the Lease's, as POD_NAMESPACE of the Deployment is.
        Child::start(program, &[&kubeconfig, &token, &account]).unwrap()
    }

    /// The authorizer learns of roles and bindings by a watch.
    async fn authorizer_knows(&self) {
        let who = format!("--as={OPERATOR}");
        let may = |what: [&str; 3]| {
            let said = self.kubectl.run(&[&["auth", "can-i", &who], &what[..]].concat()).unwrap();
            said.stdout == "yes\n"
        };
        let learnt = within("the rights of the installation", async {
            while !(may(["create", "events", "--all-namespaces"])
                && may(["update", "leases", "--namespace=argo-rollouts"]))
            {
                tokio::task::yield_now().await;
            }
        });
        learnt.await.unwrap();
    }

    /// The events that say that a Rollout cannot be understood, once there is one.
    async fn quarantined(&self, namespace: &str, name: &str) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let about = format!("involvedObject.name={name},reason=ReconciliationError");
        let selection = watcher::Config::default().fields(&about);
        let told = wait_for_all(&events, selection, DEADLINE, |events| {
            let messages: Vec<String> =
                events.values().map(|event| event.message.clone().unwrap_or_default()).collect();
            (!messages.is_empty()).then_some(messages)
        });
        told.await.unwrap()
    }

    /// Old versions are cleared away.
    async fn keeps_versions(&self, namespace: &str, count: usize) {
        let sets: Api<ReplicaSet> = Api::namespaced(self.client.clone(), namespace);
        let selection = watcher::Config::default().labels("app=web");
        let few = |sets: &BTreeMap<_, ReplicaSet>| (sets.len() == count).then_some(());
        wait_for_all(&sets, selection, DEADLINE, few).await.unwrap();
    }

    /// The Service leads to the stable version.
    async fn leads_to_stable(&self, namespace: &str, service: &str) {
        let services: Api<Service> = Api::namespaced(self.client.clone(), namespace);
        let hash = "rollouts-pod-template-hash";
        let stable = self.get(namespace, "ro/web")["status"]["stableRS"].clone();
        let selects = |service: &Service| {
            let selector = service.spec.as_ref()?.selector.as_ref()?;
            (json!(selector.get(hash)) == stable).then_some(())
        };
        wait_for(&services, service, DEADLINE, selects).await.unwrap();
    }
}

/// What the installation grants, by the kind of the role.
fn granted(kind: &str) -> BTreeSet<Grant> {
    let objects = read_yaml_documents(&manifest()).unwrap();
    let role = objects.iter().find(|o| o["kind"] == kind && o["metadata"]["name"] == HOME);
    grants(role.unwrap())
}

/// That the controller kept to what it is granted, and was refused nothing.
fn rights_were_enough(requests: &[Request]) {
    let refused: Vec<&Request> = requests.iter().filter(|r| matches!(r.code, 401 | 403)).collect();
    assert!(refused.is_empty(), "{refused:?}");
    // Also in this log, one sees who it was.
    let agents: BTreeSet<&str> = requests.iter().map(|r| r.user_agent.as_str()).collect();
    let agent = concat!("sluice-controller/", env!("CARGO_PKG_VERSION"));
    assert_eq!(agents, [agent].into());
    let (of_lease, others): (Vec<Request>, Vec<Request>) =
        requests.iter().cloned().partition(|request| request.resource == "leases");
    assert!(of_lease.iter().all(|request| request.namespace == HOME), "{of_lease:?}");
    for (requests, kind) in [(of_lease, "Role"), (others, "ClusterRole")] {
        let (used, granted) = (verbs_used(&requests), granted(kind));
        assert!(!used.is_empty());
        assert!(used.is_subset(&granted), "{kind}: {:?}", used.difference(&granted));
    }
}

/// One list a kind serves all namespaces; what a plan asks for besides is picked by labels.
fn lists_are_of_the_cluster(requests: &[Request]) {
    let lists = requests.iter().filter(|request| request.verb == "list");
    let (whole, facts): (Vec<_>, Vec<_>) = lists.partition(|list| list.namespace.is_empty());
    let mut kinds: Vec<&str> = whole.iter().map(|request| request.resource.as_str()).collect();
    kinds.sort_unstable();
    let all = [
        "analysisruns",
        "analysistemplates",
        "clusteranalysistemplates",
        "replicasets",
        "rollouts",
        "services",
    ];
    assert_eq!(kinds, all, "{whole:?}");
    let unpicked: Vec<_> =
        facts.iter().filter(|list| !list.uri.contains("labelSelector=")).collect();
    assert!(unpicked.is_empty(), "{unpicked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_namespaces_are_served_and_what_is_broken_stops_nobody_else() {
    let mut progress = Progress::start("cluster_wide");
    let cluster = Cluster::start().await;
    let (one, other) = (cluster.namespace("one").await, cluster.namespace("other").await);
    let (one, other) = (one.name(), other.name());

    progress.phase("broken Rollouts, from the time of a looser definition");
    cluster.apply(one, &broken("many", "/spec/replicas", json!("many")));
    cluster.apply(one, &broken("words", "/spec/strategy/canary", json!({"steps": "all"})));
    cluster.apply(other, &broken("empty", "/spec", json!("nothing")));
    cluster.apply(other, &broken("past", "/spec/replicas", json!(1)));
    let status = json!({"status": {"currentStepIndex": "two"}}).to_string();
    let patch = ["patch", "ro/past", "--subresource=status", "--type=merge", "-p", &status];
    cluster.kubectl.namespace(other).quietly(&patch, "").unwrap();
    cluster.plane.apply_crds(&crds_folder()).await.unwrap();
    let all_broken = [
        (one, "many", "spec.replicas: "),
        (one, "words", "spec.strategy.canary.steps: "),
        (other, "empty", "spec: "),
        (other, "past", "status.currentStepIndex: "),
    ];
    let version = |namespace: &str, name: &str| {
        cluster.get(namespace, &format!("ro/{name}"))["metadata"]["resourceVersion"].clone()
    };
    let before = all_broken.map(|(namespace, name, _)| version(namespace, name));

    progress.phase("releases in two namespaces");
    for namespace in [one, other] {
        cluster.services(namespace, "web");
    }
    cluster.apply(one, &cluster_template());
    let child = cluster.install().await;
    child.logs(&["the caches are synced"]).await.unwrap();
    for version in 1..=4 {
        let rollout = canary("web", &format!("web:{version}"));
        let (a, b) = tokio::join!(
            rolls(&cluster.client, one, &rollout),
            rolls(&cluster.client, other, &rollout)
        );
        a.unwrap();
        b.unwrap();
    }
    for namespace in [one, other] {
        for service in ["web-stable", "web-canary"] {
            cluster.leads_to_stable(namespace, service).await;
        }
        cluster.keeps_versions(namespace, 2).await;
    }

    progress.phase("what is broken is told of once and left alone");
    for (namespace, name, part) in all_broken {
        let messages = cluster.quarantined(namespace, name).await;
        let [message] = &messages[..] else { panic!("{messages:?}") };
        let beginning =
            format!("{namespace}/{name} cannot be understood and is left as it is: {part}");
        assert!(message.contains(&beginning), "{message}");
    }
    assert_eq!(before, all_broken.map(|(namespace, name, _)| version(namespace, name)));
    let sets = cluster.get(one, "rs");
    for set in sets["items"].as_array().unwrap() {
        assert_eq!(set["metadata"]["ownerReferences"][0]["name"], "web", "{set}");
    }
    assert_eq!(child.health("/readyz").await.unwrap(), (200, "ok".to_owned()));

    progress.phase("what is corrected goes on by itself");
    for (namespace, name) in [(one, "many"), (one, "words"), (other, "empty")] {
        let mut corrected = canary(name, "app:1");
        corrected["spec"]["strategy"] = json!({"canary": {}});
        // Replaced whole: a spec that is a text cannot be merged into.
        let kubectl = cluster.kubectl.namespace(namespace);
        kubectl.quietly(&["replace", "-f", "-"], &corrected.to_string()).unwrap();
        is_healthy(&cluster.client, namespace, name).await;
    }
    let status = json!({"status": {"currentStepIndex": null}}).to_string();
    let patch = ["patch", "ro/past", "--subresource=status", "--type=merge", "-p", &status];
    cluster.kubectl.namespace(other).quietly(&patch, "").unwrap();
    is_healthy(&cluster.client, other, "past").await;

    progress.phase("rights");
    child.terminate().unwrap();
    assert_eq!(child.end().await.unwrap().status.code(), Some(0));
    let leases: Api<Lease> = Api::namespaced(cluster.client.clone(), HOME);
    let lease = leases.get("argo-rollouts-controller-lock").await.unwrap();
    assert_eq!(lease.spec.unwrap().holder_identity.as_deref(), Some(""));
    cluster.plane.settle_audit().await.unwrap();
    let requests = cluster.plane.audit().unwrap().requests(OPERATOR).unwrap();
    rights_were_enough(&requests);
    lists_are_of_the_cluster(&requests);
}

async fn is_healthy(client: &Client, namespace: &str, name: &str) {
    let healthy = |rollout: &kube::core::DynamicObject| {
        (rollout.data["status"]["phase"] == "Healthy").then_some(())
    };
    wait_for(&rollouts(client, namespace), name, DEADLINE, healthy).await.unwrap();
}
