//! Scenarios on a real control plane: each in a namespace of its own, the controller under the Role
//! of `manifests/namespace-install.yaml`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use futures::StreamExt;
use kube::core::params::{PostParams, WatchParams};
use kube::core::request::Request as ApiRequest;
use kube::core::{DynamicObject, WatchEvent};
use kube::{Client, Config};
use serde_json::{Value, json};
use sluice_simulator::metrics::MetricsWorld;
use sluice_simulator::scenario::{
    Backend, Environment, PROMETHEUS_ADDRESS, Pending, Refuse, Seen, Write, path,
    read_yaml_documents, router_crds,
};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::controlplane::{ADMIN, ControlPlane, Namespace, OPERATOR, Request};
use crate::loopback::Server;
use crate::prometheus::Prometheus;

/// The kinds that a scenario looks at.
const KINDS: [&str; 14] = [
    "Rollout",
    "ReplicaSet",
    "Service",
    "Pod",
    "AnalysisRun",
    "Job",
    "Event",
    "Deployment",
    "EndpointSlice",
    "ConfigMap",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "ResourceQuota",
    "Ingress",
];
/// How long a change is held back so that earlier ones of other watches are shown before it.
const HOLD: Duration = Duration::from_millis(250);

/// One scenario's part of a control plane.
pub struct OnControlPlane {
    plane: Arc<ControlPlane>,
    namespace: Namespace,
    client: Client,
    controller: Client,
    metrics: MetricsWorld,
    measured_by: MeasuredBy,
    seed: u64,
    /// Where changes go, once they are asked for.
    told: Mutex<Option<mpsc::UnboundedSender<(u64, Seen)>>>,
}

/// What answers at the address of the metrics; it ends with the scenario.
enum MeasuredBy {
    StandIn(Server),
    Real(Prometheus),
}

impl MeasuredBy {
    fn url(&self) -> String {
        match self {
            Self::StandIn(server) => server.url(),
            Self::Real(server) => server.url(),
        }
    }
}

impl OnControlPlane {
    /// A namespace with the controller's Role in it.
    ///
    /// # Errors
    ///
    /// Says what the API server refused.
    pub async fn new(plane: Arc<ControlPlane>, name: &str, seed: u64) -> Result<Self, String> {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let client = plane.client(ADMIN).map_err(|e| text(&e))?;
        let controller = without_retries(&plane, OPERATOR).await?;
        let namespace = plane.namespace(name).await.map_err(|e| text(&e))?;
        allow_controller(&client, namespace.name()).await?;
        let metrics = MetricsWorld::default();
        let answering = metrics.clone();
        let stand_in = Server::start(move |request| answering.answer(&request, Utc::now())).await?;
        let measured_by = MeasuredBy::StandIn(stand_in);
        let told = Mutex::default();
        Ok(Self { plane, namespace, client, controller, metrics, measured_by, seed, told })
    }

    /// Puts a real Prometheus in place of the stand-in; it scrapes what scenarios set.
    ///
    /// # Errors
    ///
    /// Says why there is none.
    pub async fn with_prometheus(mut self, program: &Path) -> Result<Self, String> {
        let metrics = self.metrics.clone();
        let server = Prometheus::start(program, move || metrics.exposition()).await;
        self.measured_by = MeasuredBy::Real(server.map_err(|e| e.to_string())?);
        Ok(self)
    }

    /// The controller's requests in this namespace.
    pub fn requests(&self) -> Vec<Request> {
        let mine = |r: &Request| r.user == OPERATOR && r.namespace == self.namespace.name();
        self.plane.audit().and_then(|log| log.select(mine)).unwrap_or_default()
    }
}

/// A client as the controller's binary sets it up.
///
/// # Errors
///
/// Says why there is none.
pub async fn without_retries(plane: &ControlPlane, user: &str) -> Result<Client, String> {
    let file = plane.kubeconfig(user).map_err(|e| e.to_string())?;
    let kubeconfig = kube::config::Kubeconfig::read_from(file).map_err(|e| e.to_string())?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &Default::default())
        .await
        .map_err(|e| e.to_string())?;
    config.default_retry = false;
    Client::try_from(config).map_err(|e| e.to_string())
}

/// Lets the controller work in a namespace, by Role and RoleBinding of the installation for one.
///
/// # Errors
///
/// Says what the API server refused.
pub async fn allow_controller(client: &Client, namespace: &str) -> Result<(), String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    for mut object in role_objects()? {
        object["metadata"]["namespace"] = Value::from(namespace);
        if let Some(subject) = object.pointer_mut("/subjects/0") {
            // The controller is the same user in every namespace.
            subject["namespace"] = Value::from("argo-rollouts");
        }
        let kind = object["kind"].as_str().unwrap_or_default();
        let plural = if kind == "Role" { "roles" } else { "rolebindings" };
        let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/{plural}");
        let body = object.to_string().into_bytes();
        let request =
            ApiRequest::new(path).create(&PostParams::default(), body).map_err(|e| text(&e))?;
        client.request::<Value>(request).await.map_err(|e| text(&e))?;
    }
    Ok(())
}

/// Role and RoleBinding of the installation for one namespace.
fn role_objects() -> Result<Vec<Value>, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/namespace-install.yaml");
    let objects = read_yaml_documents(&file).map_err(|e| e.to_string())?;
    let of_rbac = |o: &Value| matches!(o["kind"].as_str(), Some("Role" | "RoleBinding"));
    Ok(objects.into_iter().filter(of_rbac).collect())
}

impl Backend for OnControlPlane {
    fn client(&self) -> Client {
        self.client.clone()
    }

    fn namespace(&self) -> String {
        self.namespace.name().to_owned()
    }

    fn environment(&self) -> Environment {
        Environment {
            client: self.controller.clone(),
            now: Arc::new(Utc::now),
            namespace: self.namespace(),
            seed: self.seed,
            // Its own is tried here too.
            http: None,
            metrics_address: self.measured_by.url(),
            variables: [(PROMETHEUS_ADDRESS.to_owned(), self.measured_by.url())].into(),
        }
    }

    fn metrics(&self) -> &MetricsWorld {
        &self.metrics
    }

    fn changes(&self) -> Pending<'_, mpsc::UnboundedReceiver<Seen>> {
        Box::pin(async move {
            let (raw_in, raw_out) = mpsc::unbounded_channel();
            for kind in KINDS {
                let client = self.client.clone();
                let path = path(kind, self.namespace.name());
                tokio::spawn(watch(client, kind.to_owned(), path, raw_in.clone()));
            }
            *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(raw_in);
            let (sender, receiver) = mpsc::unbounded_channel();
            tokio::spawn(in_order(raw_out, sender));
            receiver
        })
    }

    fn writes(&self) -> Vec<Write> {
        let is_write = |r: &Request| {
            matches!(r.verb.as_str(), "create" | "update" | "patch" | "delete")
                && r.resource != "events"
                && r.resource != "leases"
        };
        let requests = self.requests();
        let writes = requests.iter().filter(|r| is_write(r));
        writes
            .map(|r| Write {
                verb: r.verb.clone(),
                resource: r.resource_path(),
                name: r.name.clone(),
                code: r.code,
            })
            .collect()
    }

    fn refuse(&self, _: &Refuse) -> Result<(), String> {
        Err("a real API server refuses nothing on demand: mark the scenario only-simulator".into())
    }

    fn install<'a>(&'a self, set: &'a str) -> Pending<'a, Result<(), String>> {
        Box::pin(async move {
            let crds = router_crds(set)?;
            self.plane.install_crds(&crds).await.map_err(|e| e.to_string())?;
            let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let Some(told) = told else { return Ok(()) };
            for crd in &crds {
                let text = |pointer| crd.pointer(pointer).and_then(Value::as_str).unwrap_or("");
                let path = format!(
                    "/apis/{}/{}/namespaces/{}/{}",
                    text("/spec/group"),
                    text("/spec/versions/0/name"),
                    self.namespace.name(),
                    text("/spec/names/plural"),
                );
                let kind = text("/spec/names/kind").to_owned();
                tokio::spawn(watch(self.client.clone(), kind, path, told.clone()));
            }
            Ok(())
        })
    }

    fn uninstall(&self, set: &str) -> Result<(), String> {
        Err(format!(
            "other scenarios may need the CRDs of {set}, on the same API server: mark the scenario \
             only-simulator"
        ))
    }

    fn serves_load(&self) -> bool {
        // The real controller asks APIs of metrics, which nobody serves here.
        false
    }

    fn settle(&self) -> Duration {
        // Past the time that counts may wait, and pods that are going.
        Duration::from_secs(9)
    }
}

/// Watches one kind from the beginning; a watch that ends is taken up where it ended.
async fn watch(client: Client, kind: String, path: String, to: mpsc::UnboundedSender<(u64, Seen)>) {
    let mut version = "0".to_owned();
    loop {
        let params = WatchParams::default();
        let Ok(request) = ApiRequest::new(path.clone()).watch(&params, &version) else { return };
        let Ok(stream) = client.request_events::<DynamicObject>(request).await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let mut stream = std::pin::pin!(stream);
        while let Some(Ok(event)) = stream.next().await {
            let (object, deleted) = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, false),
                WatchEvent::Deleted(object) => (object, true),
                WatchEvent::Bookmark(bookmark) => {
                    version = bookmark.metadata.resource_version;
                    continue;
                }
                WatchEvent::Error(_) => break,
            };
            version = object.metadata.resource_version.clone().unwrap_or_default();
            let number = version.parse().unwrap_or(0);
            let mut object = json!(object);
            object["kind"] = Value::from(kind.as_str());
            if to.send((number, Seen { object, deleted })).is_err() {
                return;
            }
        }
    }
}

/// Merges watches into the order of versions: each change waits for stragglers.
async fn in_order(mut from: mpsc::UnboundedReceiver<(u64, Seen)>, to: mpsc::UnboundedSender<Seen>) {
    let mut held: BTreeMap<u64, (Instant, Seen)> = BTreeMap::new();
    loop {
        let due = held.values().map(|(arrived, _)| *arrived + HOLD).min();
        let arrival = async {
            match due {
                Some(due) => tokio::time::timeout_at(due, from.recv()).await.ok(),
                None => Some(from.recv().await),
            }
        };
        match arrival.await {
            Some(Some((version, seen))) => {
                held.insert(version, (Instant::now(), seen));
            }
            Some(None) => return,
            None => {
                let now = Instant::now();
                let ripe = held.iter().filter(|(_, (arrived, _))| *arrived + HOLD <= now);
                let Some(last) = ripe.map(|(version, _)| *version).max() else { continue };
                let later = held.split_off(&(last + 1));
                for (_, seen) in std::mem::replace(&mut held, later).into_values() {
                    if to.send(seen).is_err() {
                        return;
                    }
                }
            }
        }
    }
}
