//! What the story plays on: a simulated cluster, the operator, and who looks at both.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluice_crd::time::Time;
use sluice_operator::Policy;
use sluice_operator::clock::Clock as OperatorClock;
use sluice_operator::config::Config;
use sluice_operator::metrics::Metrics;
use sluice_operator::runtime::Runtime;
use sluice_planner::plan;
use sluice_simulator::scenario::{Breach, Onlooker, PROMISES, Seen, Writer};
use sluice_simulator::{Clock, Cluster, Crd, GroupResource, Options};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::Problem;
use super::gauge::Gauge;
use super::sample::{self, CRDS, NAMESPACE};
use super::summary::Facts;
use super::traffic::{Success, Traffic};
use super::way_back::WayBack;
use crate::session::Session;

/// The operator and the person, as the audit log names them.
const OPERATOR: &str = "operator";
const PERSON: &str = "you";
/// How long a good pod needs to become ready: long enough to be seen.
const POD_READY_AFTER: Duration = Duration::from_millis(1_200);

/// What may be different where nobody looks on.
#[derive(Clone)]
pub struct Setting {
    /// The cluster.
    pub cluster: Options,
    /// What the operator goes by.
    pub policy: Policy,
    /// How versions answer.
    pub success: Success,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setting").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Setting {
    /// As users see it: real time, and another run each time.
    pub fn real() -> Self {
        let now = Clock::real().now();
        let seed = u64::try_from(now.timestamp_micros()).unwrap_or_default();
        Self::over(Options::with_clock(seed, Clock::real()))
    }

    /// On a cluster with this clock and chance.
    pub fn over(cluster: Options) -> Self {
        let cluster = Options { pod_ready_after: POD_READY_AFTER, ..cluster };
        Self { cluster, policy: Arc::new(plan), success: sample::success }
    }
}

/// What is looked at after every write.
struct Observed {
    gauge: Gauge,
    onlooker: Onlooker,
    traffic: Traffic,
    way_back: WayBack,
}

/// A cluster in which the operator runs. Both end with it.
pub(super) struct Stage {
    cluster: Cluster,
    observed: Arc<Mutex<Observed>>,
    operator: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Stage {
    /// Starts both; the gauge is for so many pods.
    pub(super) fn start(setting: Setting, pods: usize) -> Result<Self, Problem> {
        let cluster = Cluster::new(setting.cluster);
        for text in CRDS {
            let value = serde_yaml_ng::from_str(text).map_err(|e| Problem::Stage(e.to_string()))?;
            let crd = Crd::parse(&value).map_err(|e| Problem::Stage(e.to_string()))?;
            cluster.install(&crd);
        }
        let traffic = Traffic::new(setting.success);
        let observed = Observed {
            gauge: Gauge::new(pods),
            onlooker: Onlooker::default(),
            traffic: traffic.clone(),
            way_back: WayBack::default(),
        };
        let observed = Arc::new(Mutex::new(observed));
        observe(&cluster, Arc::clone(&observed));
        cluster.start();

        let metrics = Metrics::new().map_err(|e| Problem::Stage(e.to_string()))?;
        let (_asks, questions) = mpsc::channel(1);
        let (stop, stopped) = watch::channel(false);
        let clock = cluster.clock();
        let runtime = Runtime {
            config: Config::default(),
            client: cluster.client(OPERATOR),
            clock: OperatorClock::new(move || clock.now()),
            policy: setting.policy,
            measuring: traffic.measuring(cluster.clock()),
            metrics,
            questions,
        };
        let operator = tokio::spawn(runtime.run(stopped));
        Ok(Self { cluster, observed, operator, stop })
    }

    /// The person's connection.
    pub(super) fn session(&self) -> Session {
        let clock = self.cluster.clock();
        let now = move || Time::new(clock.now());
        Session::over(self.cluster.client(PERSON), "the playground", NAMESPACE, now)
    }

    /// Ends the operator and says what was measured; the versions and the time are not known here.
    pub(super) async fn end(mut self) -> Facts {
        self.stop.send_replace(true);
        // It ends by itself; whether it was well is seen in what it did.
        let _ = (&mut self.operator).await;
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        observed.onlooker.at_rest();
        let requests = self.cluster.requests(OPERATOR);
        let (writes, reads): (Vec<_>, Vec<_>) = requests.iter().partition(|r| r.is_write());
        let write = |r: &&sluice_simulator::RequestRecord| match r.subresource.as_str() {
            "" => format!("{} {}", r.verb, r.resource),
            part => format!("{} {}/{part}", r.verb, r.resource),
        };
        let events = self.cluster.objects("", "events");
        let reason =
            |event: &serde_json::Value| event["reason"].as_str().unwrap_or_default().to_owned();
        Facts {
            gauge: observed.gauge.clone(),
            requests: observed.traffic.requests(self.cluster.clock().now()),
            way_back: observed.way_back.took(),
            promises: PROMISES.map(|(_, what)| what).to_vec(),
            changes: observed.onlooker.changes(),
            breaches: observed.onlooker.breaches().iter().map(Breach::to_string).collect(),
            writes: counted(writes.iter().map(write)),
            reads: reads.len(),
            events: counted(events.iter().map(reason)),
            ..Facts::default()
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.operator.abort();
    }
}

fn observe(cluster: &Cluster, observed: Arc<Mutex<Observed>>) {
    let pods = GroupResource::new("", "pods");
    let clock = cluster.clock();
    cluster.observe(move |write, objects| {
        let deleted = write.after.is_none();
        let Some(object) = write.after.or(write.before) else { return };
        if object["metadata"]["namespace"] != NAMESPACE || object["kind"] == "Event" {
            return;
        }
        let mut observed = observed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock.now();
        observed.gauge.look(objects.list(&pods, NAMESPACE));
        observed.traffic.look(now, objects.list(&pods, NAMESPACE));
        observed.way_back.look(now, object, objects.list(&pods, NAMESPACE));
        let writer = if write.request.user == PERSON { Writer::User } else { Writer::Unknown };
        observed.onlooker.look(&Seen { object: object.clone(), deleted }, writer);
    });
}

fn counted(words: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    counts
}
