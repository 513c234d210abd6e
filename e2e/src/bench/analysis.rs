//! Many AnalysisRuns that measure at the same time: what the controller costs, on the simulated API
//! server and a stand-in for Prometheus, both served over HTTP by this process.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use kube::Client;
use kube::core::params::PostParams;
use kube::core::request::Request as KubeRequest;
use serde_json::{Value, json};
use sluice_simulator::metrics::{Labels, MetricsWorld};
use sluice_simulator::{Clock, Cluster, Options};
use tokio::net::TcpListener;

use super::process::Measured;
use crate::loopback::Server;
use crate::scenarios::crds;

/// The user that the controller is, for the simulated API server.
const CONTROLLER: &str = "controller";
const NAMESPACE: &str = "fleet";
/// How long the runs may take to be under way before figures are taken: the first measurements of
/// all of them come at once.
const WARM_UP: Duration = Duration::from_secs(15);

/// What to run.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// AnalysisRuns.
    pub runs: usize,
    /// The interval of the one metric of each [s].
    pub interval: u64,
    /// How long figures are taken [s].
    pub seconds: u64,
    /// The command line that starts the controller; it finds KUBECONFIG set.
    pub command: String,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct AnalysisFigures {
    /// Runs.
    pub runs: usize,
    /// Their interval [s].
    pub interval: u64,
    /// Queries that the stand-in for Prometheus answered, a second.
    pub measurements: f64,
    /// Writes of the controller, a second.
    pub writes: f64,
    /// Part of one processor [%].
    pub cpu: f64,
    /// Memory at the end [MiB].
    pub resident_mib: f64,
    /// The most memory [MiB].
    pub peak_mib: f64,
}

impl fmt::Display for AnalysisFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} AnalysisRuns, interval {} s", self.runs, self.interval)?;
        writeln!(f, "measurements a second   {:>8.1}", self.measurements)?;
        writeln!(f, "writes a second         {:>8.1}", self.writes)?;
        writeln!(f, "part of a processor [%] {:>8.1}", self.cpu)?;
        writeln!(f, "memory [MiB]            {:>8.1}", self.resident_mib)?;
        write!(f, "memory, peak [MiB]      {:>8.1}", self.peak_mib)
    }
}

/// Runs the controller on so many runs, and takes figures.
///
/// # Errors
///
/// Says what could not be set up, or that the controller has ended.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub async fn run_analysis(analysis: &Analysis) -> Result<AnalysisFigures, String> {
    let cluster = Cluster::new(Options::with_clock(1, Clock::real()));
    for crd in crds().map_err(|e| e.to_string())? {
        cluster.install(&crd);
    }
    cluster.start();
    let api = serve(cluster.client(CONTROLLER)).await?;
    let metrics = MetricsWorld::default();
    metrics.set(chrono::Utc::now(), "success_rate", &Labels::new(), &[0.99]);
    let world = metrics.clone();
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&asked);
    let prometheus = Server::start(move |request| {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        world.answer(&request, chrono::Utc::now())
    })
    .await?;
    let user = cluster.client("user");
    create(
        &user,
        "/api/v1/namespaces",
        &json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE},
        }),
    )
    .await?;
    for number in 0..analysis.runs {
        let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/analysisruns");
        create(&user, &path, &run(number, analysis.interval, &prometheus.url())).await?;
    }

    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, kubeconfig_for(&api)).map_err(|e| e.to_string())?;
    let log: PathBuf = folder.path().join("controller.log");
    let mut process = Measured::start(&analysis.command, &kubeconfig, &log)
        .map_err(|e| format!("cannot start `{}`: {e}", analysis.command))?;
    tokio::time::sleep(WARM_UP).await;

    let writes = || cluster.requests(CONTROLLER).iter().filter(|r| r.is_write()).count();
    let queries = || asked.load(std::sync::atomic::Ordering::Relaxed);
    let before = (process.cpu_seconds(), queries(), writes());
    tokio::time::sleep(Duration::from_secs(analysis.seconds)).await;
    let seconds = analysis.seconds.max(1) as f64;
    let figures = AnalysisFigures {
        runs: analysis.runs,
        interval: analysis.interval,
        measurements: (queries() - before.1) as f64 / seconds,
        writes: (writes() - before.2) as f64 / seconds,
        cpu: (process.cpu_seconds() - before.0) / seconds * 100.0,
        resident_mib: mib(process.resident_kib()),
        peak_mib: mib(process.peak_kib()),
    };
    if process.is_running() {
        return Ok(figures);
    }
    let log = std::fs::read_to_string(&log).unwrap_or_default();
    let last: Vec<&str> = log.lines().rev().take(5).collect();
    Err(format!("the controller has ended; its log ends with {}", last.join(" | ")))
}

#[allow(clippy::cast_precision_loss, reason = "memory far below 2^52 KiB")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn run(number: usize, interval: u64, prometheus: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
        "metadata": {"name": format!("run-{number:05}")},
        "spec": {"metrics": [{
            "name": "success-rate",
            "interval": format!("{interval}s"),
            "successCondition": "len(result) > 0 && result[0] >= 0.95",
            "provider": {"prometheus": {"address": prometheus, "query": "success_rate"}},
        }]},
    })
}

async fn create(client: &Client, path: &str, object: &Value) -> Result<(), String> {
    let body = object.to_string().into_bytes();
    let request = KubeRequest::new(path).create(&PostParams::default(), body);
    let request = request.map_err(|e| e.to_string())?;
    client.request::<Value>(request).await.map(drop).map_err(|e| e.to_string())
}

/// The simulated API server on a port of this machine.
async fn serve(client: Client) -> Result<String, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|e| e.to_string())?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let router = axum::Router::new().fallback(move |request: Request| {
        let client = client.clone();
        async move { passed_on(client, request).await }
    });
    tokio::spawn(async move {
        // It serves until the process ends.
        let _ = axum::serve(listener, router).await;
    });
    Ok(format!("http://{address}"))
}

async fn passed_on(client: Client, request: Request) -> Response {
    let refused = |why: String| {
        let mut response = Response::new(axum::body::Body::from(why));
        *response.status_mut() = http::StatusCode::BAD_GATEWAY;
        response
    };
    let (parts, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return refused(error.to_string()),
    };
    let request = http::Request::from_parts(parts, kube::client::Body::from(body.to_vec()));
    match client.send(request).await {
        Ok(response) => response.map(axum::body::Body::new),
        Err(error) => refused(error.to_string()),
    }
}

fn kubeconfig_for(server: &str) -> String {
    let cluster = json!({"name": "bench", "cluster": {"server": server}});
    let context = json!({"name": "bench", "context": {"cluster": "bench", "user": "bench"}});
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "bench",
        "clusters": [cluster], "contexts": [context], "users": [{"name": "bench", "user": {}}],
    })
    .to_string()
}
