//! Scenarios in memory: the simulated cluster, and a controller that dies at a chosen write.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::backend::{
    Backend, ControllerUnderTest, Environment, PROMETHEUS_ADDRESS, Pending, Running, Start, Write,
};
use super::file::{ControllerOptions, Refuse};
use super::mirror::Seen;
use super::resources::group_of;
use super::routers::crds;
use super::way_out;
use crate::cluster::{Cluster, Options};
use crate::faults::{Cut, Fault, Matcher};
use crate::kinds::{Crd, GroupResource};
use crate::metrics::MetricsWorld;

/// The controller under test, as the audit log names it.
const CONTROLLER: &str = "controller";
/// The scenario's user.
const USER: &str = "scenario";
const NAMESPACE: &str = "scenario";

/// A simulated cluster for one scenario.
pub struct InMemory {
    cluster: Arc<Cluster>,
    metrics: MetricsWorld,
    seed: u64,
}

impl InMemory {
    /// A cluster in virtual time, with these CRDs. Needs a paused tokio runtime.
    pub fn new(seed: u64, crds: &[Crd]) -> Self {
        Self::with_options(Options::stepped(seed), crds)
    }

    /// As [`InMemory::new`] with other delays.
    pub fn with_options(options: Options, crds: &[Crd]) -> Self {
        let seed = options.seed;
        let cluster = Cluster::new(options);
        for crd in crds {
            cluster.install(crd);
        }
        cluster.start();
        Self { cluster: Arc::new(cluster), metrics: MetricsWorld::default(), seed }
    }

    /// The cluster itself.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// A controller whose connection is cut at its n-th write, and that then starts anew.
    pub fn dying<'a>(
        &self,
        controller: &'a (dyn ControllerUnderTest + 'a),
        nth_write: u64,
        cut: Cut,
    ) -> Dying<'a> {
        Dying {
            controller,
            cluster: Arc::clone(&self.cluster),
            nth_write,
            cut,
            armed: Mutex::new(false),
        }
    }
}

impl Backend for InMemory {
    fn client(&self) -> Client {
        self.cluster.client(USER)
    }

    fn namespace(&self) -> String {
        NAMESPACE.to_owned()
    }

    fn environment(&self) -> Environment {
        let clock = self.cluster.clock();
        Environment {
            client: self.cluster.client(CONTROLLER),
            now: Arc::new(move || clock.now()),
            namespace: NAMESPACE.to_owned(),
            seed: self.seed,
            http: Some(way_out::http_client(Arc::clone(&self.cluster), self.metrics.clone())),
            metrics_address: way_out::ADDRESS.to_owned(),
            variables: [(PROMETHEUS_ADDRESS.to_owned(), way_out::ADDRESS.to_owned())].into(),
        }
    }

    fn metrics(&self) -> &MetricsWorld {
        &self.metrics
    }

    fn changes(&self) -> Pending<'_, mpsc::UnboundedReceiver<Seen>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.cluster.observe(move |write, _| {
            let deleted = write.after.is_none();
            let Some(object) = write.after.or(write.before) else { return };
            if object["metadata"]["namespace"] == NAMESPACE {
                // The receiver is gone when the scenario is over.
                let _ = sender.send(Seen { object: object.clone(), deleted });
            }
        });
        Box::pin(async move {
            let client = self.cluster.client(USER);
            let body = json!({"metadata": {"name": NAMESPACE}}).to_string().into_bytes();
            let request = kube::core::Request::new("/api/v1/namespaces")
                .create(&kube::core::params::PostParams::default(), body);
            if let Ok(request) = request {
                // It may exist already.
                let _ = client.request::<Value>(request).await;
            }
            receiver
        })
    }

    fn writes(&self) -> Vec<Write> {
        let requests = self.cluster.requests(CONTROLLER);
        let counts = |r: &&crate::audit::RequestRecord| {
            r.is_write() && r.resource != "events" && r.resource != "leases"
        };
        requests
            .iter()
            .filter(counts)
            .map(|r| Write {
                verb: r.verb.clone(),
                resource: if r.subresource.is_empty() {
                    r.resource.clone()
                } else {
                    format!("{}/{}", r.resource, r.subresource)
                },
                name: r.name.clone(),
                code: r.code,
            })
            .collect()
    }

    fn refuse(&self, refuse: &Refuse) -> Result<(), String> {
        let (group, plural) = group_of(&refuse.resource)
            .ok_or_else(|| format!("scenarios know no resource {}", refuse.resource))?;
        let matcher = Matcher {
            user: Some(CONTROLLER.to_owned()),
            verbs: vec![refuse.verb.clone()],
            resource: Some(GroupResource::new(group, plural)),
            ..Matcher::default()
        };
        let times = refuse.times.map_or(u64::MAX, |times| times as u64);
        let fault = if refuse.answer_lost {
            Fault::LostReply
        } else {
            Fault::Status {
                code: refuse.code,
                reason: refuse.reason.clone(),
                message: refuse.message.clone(),
            }
        };
        if refuse.times == Some(0) {
            self.cluster.clear_faults();
        } else {
            self.cluster.inject(matcher, 1, times, fault);
        }
        Ok(())
    }

    fn install<'a>(&'a self, set: &'a str) -> Pending<'a, Result<(), String>> {
        let crds = crds_of(set);
        Box::pin(async move {
            crds?.iter().for_each(|crd| self.cluster.install(crd));
            Ok(())
        })
    }

    fn uninstall(&self, set: &str) -> Result<(), String> {
        crds_of(set)?.iter().for_each(|crd| self.cluster.uninstall(crd));
        Ok(())
    }

    fn serves_load(&self) -> bool {
        true
    }

    fn settle(&self) -> Duration {
        // Past every delay of the cluster, and the time that counts may wait.
        Duration::from_secs(15)
    }
}

fn crds_of(set: &str) -> Result<Vec<Crd>, String> {
    let crds = crds::of_set(set)?;
    crds.iter().map(|crd| Crd::parse(crd).map_err(|problem| problem.to_string())).collect()
}

/// A controller that dies once, at a chosen write, and starts again at once.
pub struct Dying<'a> {
    controller: &'a (dyn ControllerUnderTest + 'a),
    cluster: Arc<Cluster>,
    nth_write: u64,
    cut: Cut,
    armed: Mutex<bool>,
}

impl ControllerUnderTest for Dying<'_> {
    fn start(
        &self,
        environment: Environment,
        options: &ControllerOptions,
    ) -> Result<Running, String> {
        let running = self.controller.start(environment.clone(), options)?;
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        if !*armed {
            *armed = true;
            self.cluster.disconnect(CONTROLLER, self.nth_write, self.cut);
        }
        let died = self.cluster.disconnected(CONTROLLER);
        let next = Environment { client: self.cluster.client(CONTROLLER), ..environment };
        let second = self.controller.prepare(next, options)?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            tokio::pin!(died);
            let mut running = running;
            let mut stopped = stopped;
            tokio::select! {
                biased;
                () = &mut died => {
                    // Dropped, not stopped: it has no say in it.
                    drop(running);
                    running = second();
                    let _ = (&mut stopped).await;
                }
                _ = &mut stopped => {}
            }
            running.stop().await;
        });
        Ok(Running::new(task, move || {
            let _ = stop.send(());
        }))
    }

    fn prepare(
        &self,
        environment: Environment,
        options: &ControllerOptions,
    ) -> Result<Start, String> {
        self.controller.prepare(environment, options)
    }
}
