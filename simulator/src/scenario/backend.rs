//! Where a scenario runs, and which controller is tried: the runner knows neither.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kube::Client;
use sluice_providers::http::HttpClient;
use tokio::sync::mpsc;

use super::file::{ControllerOptions, Refuse};
use super::mirror::Seen;
use crate::metrics::MetricsWorld;

/// A future of a trait object.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A write of the controller, as the API server has counted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// `create`, `update`, `patch`, `delete`.
    pub verb: String,
    /// The resource, with its subresource: `rollouts/status`.
    pub resource: String,
    /// The object.
    pub name: String,
    /// The HTTP status that answered it.
    pub code: u16,
}

/// A cluster in which one scenario runs.
pub trait Backend: Send + Sync {
    /// The client of the scenario's user, who may do anything.
    fn client(&self) -> Client;
    /// The namespace of the scenario.
    fn namespace(&self) -> String;
    /// What the controller under test is given.
    fn environment(&self) -> Environment;
    /// What there is to be measured: answered by at [`Environment::metrics_address`], or shown to a
    /// real Prometheus that answers there.
    fn metrics(&self) -> &MetricsWorld;
    /// Every change in the namespace from now on, in the order of versions.
    fn changes(&self) -> Pending<'_, mpsc::UnboundedReceiver<Seen>>;
    /// The controller's writes so far, events and leases left out.
    fn writes(&self) -> Vec<Write>;
    /// Refuses the next matching write of the controller.
    ///
    /// # Errors
    ///
    /// Where the backend cannot.
    fn refuse(&self, refuse: &Refuse) -> Result<(), String>;
    /// Serves the kinds of a set of CRDs of routers from now on, and tells of their objects.
    fn install<'a>(&'a self, set: &'a str) -> Pending<'a, Result<(), String>>;
    /// Serves them no longer.
    ///
    /// # Errors
    ///
    /// Where others need them.
    fn uninstall(&self, set: &str) -> Result<(), String>;
    /// Whether the load of a `load` step is what autoscalers measure.
    fn serves_load(&self) -> bool;
    /// The time that passes between two looks at something that should not change.
    fn settle(&self) -> Duration;
}

/// What a controller under test runs with.
#[derive(Clone)]
pub struct Environment {
    /// Its client.
    pub client: Client,
    /// Its clock.
    pub now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// The namespace that it looks after.
    pub namespace: String,
    /// A seed, for what it may choose freely.
    pub seed: u64,
    /// Its way out to servers of metrics; `None` where it is to take its own, which is tried then
    /// too. Delays are in the time of the runtime: virtual where that is.
    pub http: Option<HttpClient>,
    /// Where the metrics of the scenario are: the base URL, as `${METRICS}` in the scenario.
    pub metrics_address: String,
    /// Its environment variables, `ARGO_ROLLOUTS_PROMETHEUS_ADDRESS` among them.
    pub variables: BTreeMap<String, String>,
}

/// The variable that names the Prometheus server of metrics that name none.
pub const PROMETHEUS_ADDRESS: &str = "ARGO_ROLLOUTS_PROMETHEUS_ADDRESS";

/// A controller that scenarios are run against.
pub trait ControllerUnderTest: Send + Sync {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// Names an option that it does not know.
    fn start(
        &self,
        environment: Environment,
        options: &ControllerOptions,
    ) -> Result<Running, String> {
        Ok(self.prepare(environment, options)?())
    }

    /// Makes ready to start it later.
    ///
    /// # Errors
    ///
    /// Names an option that it does not know.
    fn prepare(
        &self,
        environment: Environment,
        options: &ControllerOptions,
    ) -> Result<Start, String>;
}

/// Starts a controller, once.
pub type Start = Box<dyn FnOnce() -> Running + Send>;

/// A controller that runs; it dies when this is dropped.
pub struct Running {
    task: tokio::task::JoinHandle<()>,
    stop: Option<Box<dyn FnOnce() + Send>>,
}

impl Running {
    /// A controller that is this task and that `stop` asks to end.
    pub fn new(task: tokio::task::JoinHandle<()>, stop: impl FnOnce() + Send + 'static) -> Self {
        Self { task, stop: Some(Box::new(stop)) }
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            stop();
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How often each resource was written, by verb.
pub fn tally(writes: &[Write]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for write in writes {
        *tally.entry(format!("{} {}", write.verb, write.resource)).or_insert(0) += 1;
    }
    tally
}
