//! The loop: events in, keys out, passes run; everything that changes lives here, in one task.

mod confirm;
mod looping;
mod rollouts;
mod routes;
mod runs;
mod workloads;

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::analysis::{Measuring, Tools};
use crate::clock::Clock;
use crate::config::Config;
use crate::events;
use crate::leader::{self, Elector, Fence};
use crate::metrics::{Metrics, Samples};
use crate::reconcile::{Policy, Shell};
use crate::watch::{self as watching, Scope};
use crate::world::{Event, ResourceKind};
use looping::Loop;
use routes::RouteWatches;
use workloads::WorkloadWatches;

/// Events that may wait between the watches and the loop.
const EVENT_BUFFER: usize = 1024;
/// How long work in flight may take to end when the controller is stopped.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);
/// How long series of an object that is gone are still served (spec §1.15).
const METRICS_LINGER: Duration = Duration::from_secs(65);

/// A question to the loop.
#[derive(Debug)]
pub enum Question {
    /// What `/metrics` shows of the objects.
    Samples(oneshot::Sender<Samples>),
    /// The kinds that have not been listed yet.
    Unsynced(oneshot::Sender<Vec<ResourceKind>>),
}

/// What the loop is made of.
pub struct Runtime {
    /// The switches.
    pub config: Config,
    /// The API server.
    pub client: Client,
    /// The clock.
    pub clock: Clock,
    /// The policy.
    pub policy: Policy,
    /// How measurements reach the world.
    pub measuring: Measuring,
    /// The metrics.
    pub metrics: Metrics,
    /// Questions from `/metrics` and `/readyz`.
    pub questions: mpsc::Receiver<Question>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Tasks that end with the loop.
struct Tasks(tokio::task::JoinSet<()>);

impl Runtime {
    /// Runs until `stop` is true, then lets the work in flight end and gives the lease back.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut tasks = Tasks(tokio::task::JoinSet::new());
        let (fence_in, fence) = watch::channel(None);
        self.elect(fence_in, &mut tasks);
        let (event_in, event_out) = mpsc::channel(EVENT_BUFFER);
        let (one, client) = (self.config.namespace.clone(), self.client.clone());
        let routes = RouteWatches::new(client.clone(), one.clone(), event_in.clone());
        let workloads = WorkloadWatches::new(client, one, event_in.clone());
        self.watch(event_in, &mut tasks);
        let (events, sender) = events::channel(self.client.clone(), self.metrics.clone());
        let sender = tokio::spawn(sender.run());

        let tools = Tools::new(&self.measuring, &self.client, &self.clock, &fence);
        let shell = Shell {
            client: self.client.clone(),
            clock: self.clock,
            events,
            metrics: self.metrics,
            policy: self.policy,
            aws: Arc::clone(&tools.aws),
            fence,
        };
        let watches = (workloads, routes);
        let mut state = Loop::new(shell, &self.config, tools, watches, event_out, self.questions);
        state.run(&mut stop).await;

        // No new work; what is under way ends, what was told is sent.
        tasks.0.abort_all();
        drop(state);
        let _ = tokio::time::timeout(SHUTDOWN_LIMIT, sender).await;
        if let Some(terms) = &self.config.lease {
            let release = leader::release(&self.client, terms);
            let _ = tokio::time::timeout(SHUTDOWN_LIMIT, release).await;
        }
    }

    fn elect(&self, fence: watch::Sender<Fence>, tasks: &mut Tasks) {
        match &self.config.lease {
            Some(terms) => {
                let clock = self.clock.clone();
                let elector = Elector::new(self.client.clone(), clock, terms.clone(), fence);
                tasks.0.spawn(elector.run());
            }
            None => {
                // Without an election this replica is alone: its fence is never reached.
                let far = Instant::now() + Duration::from_secs(60 * 60 * 24 * 365 * 30);
                tasks.0.spawn(async move {
                    fence.send_replace(Some(far));
                    fence.closed().await;
                });
            }
        }
    }

    fn watch(&self, events: mpsc::Sender<Event>, tasks: &mut Tasks) {
        let namespace = self.config.namespace.clone();
        let scope = |labels: Option<String>| Scope { namespace: namespace.clone(), labels };
        let instance = sluice_planner::names::INSTANCE_ID;
        let rollouts = match self.config.instance_id.as_str() {
            "" => format!("!{instance}"),
            id => format!("{instance}={id}"),
        };
        let hashed = sluice_planner::names::HASH_LABEL.to_owned();
        let client = || self.client.clone();
        let ours = scope(Some(rollouts));
        tasks.0.spawn(watching::run(client(), ours.clone(), events.clone(), Event::Rollout));
        tasks.0.spawn(watching::run(client(), ours, events.clone(), Event::AnalysisRun));
        let sets = scope(Some(hashed));
        tasks.0.spawn(watching::run(client(), sets, events.clone(), Event::ReplicaSet));
        tasks.0.spawn(watching::run(client(), scope(None), events.clone(), Event::Service));
        let all = scope(None);
        tasks.0.spawn(watching::run(client(), all, events.clone(), Event::AnalysisTemplate));
        if namespace.is_none() {
            let wrap = Event::ClusterAnalysisTemplate;
            tasks.0.spawn(watching::run(client(), Scope::default(), events, wrap));
        }
    }
}
