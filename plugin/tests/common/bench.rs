//! The verbs on a simulated cluster: command line in, outputs and requests out.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use futures::FutureExt;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kubectl_argo_rollouts::args::Args;
use kubectl_argo_rollouts::output::Output;
use kubectl_argo_rollouts::session::Session;
use kubectl_argo_rollouts::verbs;
use kubectl_argo_rollouts::view::colour::Palette;
use serde_json::{Value, json};
use sluice_crd::rollout::Rollout;
use sluice_crd::time::Time;
use sluice_simulator::{Cluster, Crd, Options};

/// Who the plugin is, in the cluster's audit log.
pub(crate) const PLUGIN: &str = "plugin";
const NAMESPACE: &str = "shop";

/// A simulated cluster.
pub(crate) struct Bench {
    pub(crate) cluster: Cluster,
    limit: Option<Duration>,
}

/// What a verb printed, and the error that it ended with.
#[derive(Debug, PartialEq)]
pub(crate) struct Ran {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) failure: Option<String>,
}

/// An output that can be read while it is written.
#[derive(Clone, Default)]
pub(crate) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A definition of a kind that takes any object, with a status of its own or without.
pub(crate) fn open_crd(kind: &str, plural: &str, has_status: bool) -> Value {
    let subresources = if has_status { json!({"status": {}}) } else { json!({}) };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.argoproj.io")},
        "spec": {
            "group": "argoproj.io", "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(),
                "listKind": format!("{kind}List")},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true,
                "subresources": subresources,
                "schema": {"openAPIV3Schema": {"type": "object",
                    "x-kubernetes-preserve-unknown-fields": true}}}],
        },
    })
}

impl Bench {
    /// A cluster with Rollouts, and nothing else of ours.
    pub(crate) async fn new() -> Self {
        Self::with(&[open_crd("Rollout", "rollouts", true)], Options::stepped(7)).await
    }

    /// A cluster with these kinds.
    pub(crate) async fn with(crds: &[Value], options: Options) -> Self {
        let cluster = Cluster::new(options);
        for crd in crds {
            cluster.install(&Crd::parse(crd).unwrap());
        }
        cluster.start();
        let namespaces: Api<DynamicObject> =
            Api::all_with(cluster.client("owner"), &resource("", "v1", "Namespace", "namespaces"));
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        let namespace = serde_json::from_value(namespace).unwrap();
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        Self { cluster, limit: None }
    }

    /// The same with a limit to the time of requests.
    pub(crate) fn limited(self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Objects of a kind in the namespace, as their owner sees them.
    pub(crate) fn api(&self, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.cluster.client("owner"), NAMESPACE, resource)
    }

    pub(crate) fn rollouts(&self) -> Api<DynamicObject> {
        self.api(&ApiResource::erase::<Rollout>(&()))
    }

    /// Creates a Rollout with a status.
    pub(crate) async fn create(&self, name: &str, spec: Value, status: Value) {
        let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": name}, "spec": spec, "status": status});
        let object = serde_json::from_value(object).unwrap();
        self.rollouts().create(&PostParams::default(), &object).await.unwrap();
        self.set_status(name, status).await;
    }

    /// Changes a Rollout's status.
    pub(crate) async fn set_status(&self, name: &str, status: Value) {
        let merge = Patch::Merge(json!({"status": status}));
        let params = PatchParams::default();
        self.rollouts().patch_status(name, &params, &merge).await.unwrap();
    }

    /// Creates a ReplicaSet of a Rollout; the cluster's controllers make its pods.
    pub(crate) async fn create_set(&self, rollout: &str, hash: &str, replicas: i32, image: &str) {
        let owner = self.rollouts().get(rollout).await.unwrap();
        let labels = json!({"app": rollout, "rollouts-pod-template-hash": hash});
        let set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": format!("{rollout}-{hash}"), "labels": labels,
                "annotations": {"rollout.argoproj.io/revision": "1"},
                "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
                    "name": rollout, "uid": owner.metadata.uid, "controller": true}]},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "web", "image": image}]}}},
        });
        let sets = self.api(&resource("apps", "v1", "ReplicaSet", "replicasets"));
        sets.create(&PostParams::default(), &serde_json::from_value(set).unwrap()).await.unwrap();
    }

    /// Runs a verb to its end.
    pub(crate) async fn run(&self, line: &str) -> Ran {
        self.run_on(line, &verbs::never(), &Paper::default()).await
    }

    /// Runs a verb while a script goes on, until the script is over.
    pub(crate) async fn run_while(&self, line: &str, script: impl AsyncFnOnce(Paper)) -> Ran {
        let paper = Paper::default();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped = async move {
            // The script is over, whether it says so or is dropped.
            let _ = stopped.await;
        };
        let stopped = stopped.boxed().shared();
        let played = async {
            script(paper.clone()).await;
            drop(stop);
        };
        let (ran, ()) = tokio::join!(self.run_on(line, &stopped, &paper), played);
        ran
    }

    /// Runs a verb to its own end while a script goes on.
    pub(crate) async fn run_against(&self, line: &str, script: impl AsyncFnOnce(Paper)) -> Ran {
        let paper = Paper::default();
        let never = verbs::never();
        let ran = async {
            let ran = self.run_on(line, &never, &paper);
            tokio::time::timeout(Duration::from_secs(600), ran).await
        };
        let (ran, ()) = tokio::join!(ran, script(paper.clone()));
        ran.unwrap_or_else(|_| panic!("{line} did not end within ten minutes"))
    }

    async fn run_on(&self, line: &str, stop: &verbs::Stop, paper: &Paper) -> Ran {
        let words = std::iter::once("kubectl-argo-rollouts").chain(line.split_whitespace());
        let args = Args::try_parse_from(words).unwrap();
        let clock = self.cluster.clock();
        let client = self.cluster.client(PLUGIN);
        let namespace = args.kube.namespace.clone().unwrap_or_else(|| NAMESPACE.to_owned());
        let now = move || Time::new(clock.now());
        let session = Session::over(client, "https://simulated", namespace, now);
        let session = match self.limit {
            Some(limit) => session.limited(limit),
            None => session,
        };
        let (mut out, mut err) = (paper.clone(), Paper::default());
        let mut output = Output::plain(&mut out, &mut err).shown(false, Palette::PLAIN);
        let ran = verbs::run(&args.verb, async || Ok(session), &mut output, stop).await;
        Ran { out: out.text(), err: err.text(), failure: ran.err().map(|e| e.to_string()) }
    }

    /// What the plugin wrote: the resource with its subresource, the name, the body, the code.
    pub(crate) fn writes(&self) -> Vec<(String, String, Value, u16)> {
        let requests = self.cluster.requests(PLUGIN);
        let write = |request: &sluice_simulator::RequestRecord| {
            let resource = if request.subresource.is_empty() {
                request.resource.clone()
            } else {
                format!("{}/{}", request.resource, request.subresource)
            };
            let body = request.body.clone().unwrap_or_default();
            (resource, request.name.clone(), body, request.code)
        };
        requests.iter().filter(|request| request.is_write()).map(write).collect()
    }
}

fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    let gvk = kube::core::GroupVersionKind::gvk(group, version, kind);
    ApiResource::from_gvk_with_plural(&gvk, plural)
}

/// Waits, in virtual time, until the paper has this text; fails after ten minutes of it.
pub(crate) async fn eventually(paper: &Paper, text: &str) {
    for _ in 0..6000 {
        if paper.text().contains(text) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within ten minutes: {text:?} in {:?}", paper.text());
}
