//! A fleet of Rollouts that all move at once.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use kube::Client;
use kube::core::params::{Patch, PatchParams, PostParams, WatchParams};
use kube::core::{DynamicObject, WatchEvent, request::Request};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::process::Measured;
use super::report::{Figures, Latencies, Table};
use crate::controlplane::{self, ADMIN, ControlPlane, OPERATOR, Options};
use crate::scenarios::crds_folder;

/// The steps of every Rollout hold it for so long.
const PAUSES: Duration = Duration::from_secs(10);
/// How long nothing is done to see what is written at rest.
const IDLE: Duration = Duration::from_secs(15);
/// How long the whole fleet may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(1200);
/// Requests of the driver itself that are under way at once.
const DRIVERS: usize = 16;

/// What to run.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Rollouts.
    pub rollouts: usize,
    /// Pods of each.
    pub replicas: usize,
    /// The controllers: a name, and the command line that starts it. It finds KUBECONFIG set.
    pub controllers: Vec<(String, String)>,
    /// Where the figures go as JSON, too.
    pub json: Option<PathBuf>,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The control plane.
    #[error(transparent)]
    ControlPlane(#[from] controlplane::Error),
    /// The API server refused the driver.
    #[error("cannot {what}: {why}")]
    Request {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// The controller did not get there.
    #[error("{controller}: {done} of {all} Rollouts after {after:?}; its log: {log}")]
    Stuck {
        /// Which controller.
        controller: String,
        /// Rollouts that arrived.
        done: usize,
        /// All Rollouts.
        all: usize,
        /// How long it had.
        after: Duration,
        /// Its log file.
        log: String,
    },
    /// The controller or the file of figures.
    #[error("{what}: {why}")]
    Io {
        /// What.
        what: String,
        /// Why.
        why: std::io::Error,
    },
}

/// Runs every controller in turn, each on a fresh control plane, and prints the table.
///
/// # Errors
///
/// Where one could not be measured.
pub async fn run(fleet: &Fleet) -> Result<Vec<Figures>, Error> {
    let mut all = Vec::new();
    for (name, command) in &fleet.controllers {
        println!("{name}: {} Rollouts of {} pods", fleet.rollouts, fleet.replicas);
        all.push(measure(fleet, name, command).await?);
    }
    println!("\n{} Rollouts × {} pods\n{}", fleet.rollouts, fleet.replicas, Table(&all));
    if let Some(file) = &fleet.json {
        let text = serde_json::to_string_pretty(&all).unwrap_or_default();
        let what = file.display().to_string();
        std::fs::write(file, text).map_err(|why| Error::Io { what, why })?;
    }
    Ok(all)
}

/// When each Rollout last became healthy, by the revision that it was healthy at.
type Arrivals = BTreeMap<String, (u64, Instant)>;

struct Bench<'a> {
    fleet: &'a Fleet,
    name: &'a str,
    plane: ControlPlane,
    client: Client,
    arrivals: watch::Receiver<Arrivals>,
    log: PathBuf,
}

async fn measure(fleet: &Fleet, name: &str, command: &str) -> Result<Figures, Error> {
    let plane = ControlPlane::start(Options { keep_folder: false, ..Options::default() }).await?;
    plane.apply_crds(&crds_folder()).await?;
    let client = plane.client(ADMIN)?;
    install(&client).await?;
    let (sender, arrivals) = watch::channel(Arrivals::new());
    tokio::spawn(follow(client.clone(), sender));
    let log = plane.folder().join("controller.log");
    let bench = Bench { fleet, name, plane, client, arrivals, log };
    bench.run(command).await
}

impl Bench<'_> {
    async fn run(mut self, command: &str) -> Result<Figures, Error> {
        let mut process = self.start(command)?;
        let mut figures = Figures {
            controller: self.name.to_owned(),
            rollouts: self.fleet.rollouts,
            replicas: self.fleet.replicas,
            ..Figures::default()
        };

        self.phase("created");
        let mark = self.mark().await?;
        self.each(|bench, i| bench.create(i)).await?;
        self.arrive(1, self.fleet.rollouts).await?;
        self.settle().await;
        let requests = self.since(mark).await?;
        figures.writes_created = self.per_rollout(count(&requests, is_write));

        self.phase("at rest");
        let mark = self.mark().await?;
        tokio::time::sleep(IDLE).await;
        figures.writes_idle = count(&self.since(mark).await?, is_write);
        figures.idle_seconds = IDLE.as_secs_f64();
        figures.resident_rest_mib = mib(process.resident_kib());

        self.phase("updated");
        let mark = self.mark().await?;
        let cpu = process.cpu_seconds();
        let began = Instant::now();
        let asked = self.each(|bench, i| bench.update(i, "v2")).await?;
        self.arrive(2, self.fleet.rollouts).await?;
        figures.cpu_seconds_updated = process.cpu_seconds() - cpu;
        let arrivals = self.arrivals.borrow().clone();
        let last = arrivals.values().map(|(_, at)| *at).max().unwrap_or(began);
        figures.update_seconds = (last - began).as_secs_f64();
        let beyond = asked.iter().filter_map(|(i, asked)| {
            let (_, at) = arrivals.get(&rollout_name(*i))?;
            Some((*at - *asked).as_secs_f64() - PAUSES.as_secs_f64())
        });
        figures.latency = Latencies::of(beyond.collect());
        self.settle().await;
        let requests = self.since(mark).await?;
        figures.writes_updated = self.per_rollout(count(&requests, is_write));
        figures.events_updated = self.per_rollout(count(&requests, is_event));
        figures.reads_updated = self.per_rollout(count(&requests, is_read));
        figures.conflicts_updated = count(&requests, |r| r.code == 409);
        figures.requests_updated = by_kind(&requests);
        figures.resident_peak_mib = mib(process.peak_kib());

        self.phase("killed and restarted");
        drop(process);
        self.update(0, "v3").await?;
        let mark = self.mark().await?;
        let began = chrono::Utc::now();
        process = self.start(command)?;
        self.arrive(3, 1).await?;
        let requests = self.since(mark).await?;
        let first = requests.iter().filter(|r| is_write(r) && r.code < 300).map(|r| r.time).min();
        figures.restart_seconds = first.map_or(f64::NAN, |at| (at - began).as_seconds_f64());
        if !process.is_running() {
            println!("  note: {} had ended by the end", self.name);
        }
        Ok(figures)
    }

    fn start(&self, command: &str) -> Result<Measured, Error> {
        let kubeconfig = self.plane.kubeconfig(OPERATOR)?;
        Measured::start(command, &kubeconfig, &self.log)
            .map_err(|why| Error::Io { what: format!("cannot start `{command}`"), why })
    }

    fn phase(&self, phase: &str) {
        println!("  {}: {phase}", chrono::Utc::now().format("%H:%M:%S"));
    }

    /// Where the audit log stands.
    async fn mark(&self) -> Result<usize, Error> {
        self.plane.settle_audit().await?;
        Ok(self.plane.audit()?.requests(OPERATOR)?.len())
    }

    async fn since(&self, mark: usize) -> Result<Vec<controlplane::Request>, Error> {
        self.plane.settle_audit().await?;
        Ok(self.plane.audit()?.requests(OPERATOR)?.split_off(mark))
    }

    /// What trails behind the last healthy status: events, counts.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(5)).await;
    }

    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn per_rollout(&self, count: u64) -> f64 {
        count as f64 / self.fleet.rollouts.max(1) as f64
    }

    /// Does something for each Rollout, several at once; when each was asked for.
    async fn each<'s, F>(
        &'s self,
        act: impl Fn(&'s Self, usize) -> F,
    ) -> Result<Vec<(usize, Instant)>, Error>
    where
        F: Future<Output = Result<(), Error>> + 's,
    {
        let acts = (0..self.fleet.rollouts).map(|i| {
            let act = act(self, i);
            async move { act.await.map(|()| (i, Instant::now())) }
        });
        let mut done = Vec::new();
        let mut acts = stream::iter(acts).buffer_unordered(DRIVERS);
        while let Some(result) = acts.next().await {
            done.push(result?);
        }
        Ok(done)
    }

    /// Waits until so many Rollouts are healthy at a generation or later.
    async fn arrive(&mut self, generation: u64, rollouts: usize) -> Result<(), Error> {
        let arrived = |arrivals: &Arrivals| {
            arrivals.values().filter(|(at, _)| *at >= generation).count() >= rollouts
        };
        let wait = self.arrivals.wait_for(arrived);
        if tokio::time::timeout(PATIENCE, wait).await.is_ok() {
            return Ok(());
        }
        let arrivals = self.arrivals.borrow();
        Err(Error::Stuck {
            controller: self.name.to_owned(),
            done: arrivals.values().filter(|(at, _)| *at >= generation).count(),
            all: rollouts,
            after: PATIENCE,
            log: std::fs::read_to_string(&self.log)
                .map(|log| log.lines().rev().take(5).collect::<Vec<_>>().join(" | "))
                .unwrap_or_default(),
        })
    }

    async fn create(&self, i: usize) -> Result<(), Error> {
        let name = rollout_name(i);
        let pause = json!({"pause": {"duration": "5s"}});
        let steps = json!([{"setWeight": 20}, pause, {"setWeight": 60}, pause]);
        let rollout = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": name},
            "spec": {
                "replicas": self.fleet.replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "web", "image": "shop/web:v1"}]},
                },
                "strategy": {"canary": {"steps": steps}},
            },
        });
        let body = rollout.to_string().into_bytes();
        send(&self.client, "create a Rollout", rollouts().create(&PostParams::default(), body))
            .await
    }

    async fn update(&self, i: usize, version: &str) -> Result<(), Error> {
        let containers = json!([{"name": "web", "image": format!("shop/web:{version}")}]);
        let merge = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        let params = PatchParams::default();
        let patch = rollouts().patch(&rollout_name(i), &params, &Patch::Merge(merge));
        send(&self.client, "update a Rollout", patch).await
    }
}

const NAMESPACE: &str = "fleet";

fn rollouts() -> Request {
    Request::new(format!("/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/rollouts"))
}

fn rollout_name(i: usize) -> String {
    format!("web-{i:04}")
}

async fn send(
    client: &Client,
    what: &str,
    request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
) -> Result<(), Error> {
    let failed = |why: &dyn Display| Error::Request { what: what.to_owned(), why: why.to_string() };
    let request = request.map_err(|e| failed(&e))?;
    client.request::<Value>(request).await.map(drop).map_err(|e| failed(&e))
}

/// The installation's rights for the controller, and the fleet's namespace.
async fn install(client: &Client) -> Result<(), Error> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/install.yaml");
    let objects = sluice_simulator::scenario::read_yaml_documents(&file).map_err(|e| {
        Error::Request { what: "read the manifests".to_owned(), why: e.to_string() }
    })?;
    let fleet = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    for object in objects.into_iter().chain([fleet]) {
        let rbac = "/apis/rbac.authorization.k8s.io/v1";
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let path = match object["kind"].as_str() {
            Some("Namespace") => "/api/v1/namespaces".to_owned(),
            Some("ClusterRole") => format!("{rbac}/clusterroles"),
            Some("ClusterRoleBinding") => format!("{rbac}/clusterrolebindings"),
            Some("Role") => format!("{rbac}/namespaces/{namespace}/roles"),
            Some("RoleBinding") => format!("{rbac}/namespaces/{namespace}/rolebindings"),
            _ => continue,
        };
        let body = object.to_string().into_bytes();
        let create = Request::new(path).create(&PostParams::default(), body);
        send(client, "install the controller's rights", create).await?;
    }
    // Other controllers of these CRDs may ask for more than ours.
    let all = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "benchmark"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin",
        },
        "subjects": [{
            "kind": "ServiceAccount", "name": "argo-rollouts", "namespace": "argo-rollouts",
        }],
    });
    let body = all.to_string().into_bytes();
    let path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    let create = Request::new(path).create(&PostParams::default(), body);
    send(client, "install the controller's rights", create).await
}

/// Follows the fleet; notes when each Rollout is healthy at the generation that it is at.
async fn follow(client: Client, arrivals: watch::Sender<Arrivals>) {
    let mut version = "0".to_owned();
    loop {
        let Ok(request) = rollouts().watch(&WatchParams::default(), &version) else { return };
        let Ok(stream) = client.request_events::<DynamicObject>(request).await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let mut stream = std::pin::pin!(stream);
        while let Some(Ok(event)) = stream.next().await {
            let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event else {
                continue;
            };
            version = object.metadata.resource_version.clone().unwrap_or_default();
            let generation = object.metadata.generation.unwrap_or(0).unsigned_abs();
            let status = &object.data["status"];
            let observed = match &status["observedGeneration"] {
                Value::String(text) => text.parse().unwrap_or(0),
                other => other.as_u64().unwrap_or(0),
            };
            if status["phase"] == "Healthy" && observed == generation {
                let name = object.metadata.name.unwrap_or_default();
                arrivals.send_if_modified(|arrivals| {
                    let known = arrivals.get(&name).is_some_and(|(at, _)| *at >= generation);
                    if !known {
                        arrivals.insert(name, (generation, Instant::now()));
                    }
                    !known
                });
            }
        }
    }
}

fn is_event(r: &controlplane::Request) -> bool {
    r.resource == "events" && matches!(r.verb.as_str(), "create" | "patch" | "update")
}

fn is_write(r: &controlplane::Request) -> bool {
    matches!(r.verb.as_str(), "create" | "update" | "patch" | "delete")
        && r.resource != "events"
        && r.resource != "leases"
}

fn is_read(r: &controlplane::Request) -> bool {
    matches!(r.verb.as_str(), "get" | "list") && r.resource != "leases"
}

fn count(
    requests: &[controlplane::Request],
    which: impl Fn(&controlplane::Request) -> bool,
) -> u64 {
    requests.iter().filter(|r| which(r)).count() as u64
}

fn by_kind(requests: &[controlplane::Request]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for r in requests {
        *counts.entry(format!("{} {} {}", r.verb, r.resource_path(), r.code)).or_insert(0) += 1;
    }
    counts
}

#[allow(clippy::cast_precision_loss, reason = "memory far below 2^52 KiB")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
