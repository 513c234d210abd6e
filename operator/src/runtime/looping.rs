//! The loop itself: events in, keys out, work run.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sluice_planner::{Severity, Transition};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::routes::RouteWatches;
use super::workloads::WorkloadWatches;
use super::{EVENT_BUFFER, Question, SHUTDOWN_LIMIT};
use crate::analysis::{ConditionCache, Measured, RunMemory, Tools, Written};
use crate::config::Config;
use crate::counts::Counts;
use crate::events::About;
use crate::failure::Failure;
use crate::key::{Key, Kind};
use crate::metrics::{RunSample, Sample, Samples, TemplateSample};
use crate::queue::Queue;
use crate::reconcile::{Report, Shell, leads};
use crate::world::{Event, Gap, ObjectId, PATIENCE, World};

/// Writes to AnalysisRuns that may be under way beside the passes over Rollouts.
const RUN_WRITES: usize = 30;

/// A pass, or a look at the API server, under way.
pub(super) type Work = Pin<Box<dyn Future<Output = (Key, Instant, Finished)> + Send>>;

#[allow(clippy::large_enum_variant, reason = "one for each piece of work under way")]
pub(super) enum Finished {
    Pass(Report),
    /// Objects that were fetched because their records lagged behind our writes.
    Confirmed(Vec<Fetched>),
    /// Objects of routers that a Rollout has come to care about were fetched.
    Filled(Vec<Filled>),
    /// Services of a Rollout that is gone have been let go, or not.
    Released(Result<(), Failure>),
    /// An AnalysisRun was written; with so many of its results.
    Run(Box<RunWrite>),
}

/// A write to an AnalysisRun that has ended.
pub(super) struct RunWrite {
    pub(super) written: Written,
    /// How many of the results that are remembered are in it.
    pub(super) results: usize,
    /// Whether it is over with this.
    pub(super) verdict: bool,
    /// Told if it was written.
    pub(super) news: Vec<Transition>,
    pub(super) about: About,
    /// Measurements that it no longer keeps.
    pub(super) dropped: Vec<(String, sluice_crd::analysis::Measurement)>,
}

/// An object that was fetched; `None` where it is not there.
pub(super) type Fetched = (ObjectId, Result<Option<Event>, Failure>);

/// What was fetched of routers' objects: all that there are.
pub(super) type Filled = (Gap, Result<Vec<Event>, Failure>);

pub(super) struct Loop {
    pub(super) shell: Shell,
    concurrency: usize,
    pub(super) settings: sluice_planner::Settings,
    pub(super) world: World,
    pub(super) queue: Queue,
    events: mpsc::Receiver<Event>,
    questions: mpsc::Receiver<Question>,
    work: FuturesUnordered<Work>,
    pub(super) counts: Counts,
    pub(super) facts_at: BTreeMap<Key, (i64, Instant)>,
    pub(super) pods_at: BTreeMap<Key, Instant>,
    /// ReplicaSets whose pods have the labels and annotations of their role.
    pub(super) settled: BTreeMap<Key, BTreeMap<String, String>>,
    /// What keeps pods from serving, of Rollouts that stand still.
    pub(super) troubled: BTreeMap<Key, BTreeMap<String, Vec<sluice_planner::PodTrouble>>>,
    /// Pods that could not be evicted, of Rollouts that restart.
    pub(super) refused: BTreeMap<Key, BTreeMap<String, sluice_planner::RefusedEviction>>,
    /// The last look at the load balancers, of Rollouts that are verified.
    pub(super) looks: BTreeMap<Key, sluice_planner::traffic::alb::verify::Look>,
    /// What was set lately in objects of others.
    pub(super) set_fields: BTreeMap<Key, sluice_planner::SetFields>,
    /// So many of them are there when old ones are looked for next.
    pub(super) set_fields_most: usize,
    quarantine_told: BTreeMap<Key, String>,
    pub(super) forget_at: BTreeMap<Key, Instant>,
    led: bool,
    synced: bool,
    pub(super) workloads: WorkloadWatches,
    pub(super) routes: RouteWatches,
    /// Why objects of routers cannot be fetched, until it is tried again.
    pub(super) not_filled: BTreeMap<Key, String>,
    pub(super) tools: Tools,
    pub(super) runs: BTreeMap<Key, RunMemory>,
    pub(super) conditions: ConditionCache,
    /// Measurements under way.
    pub(super) measuring: JoinSet<Measured>,
    /// Runs of which a verdict was written that their records may not show yet.
    pub(super) verdicts: BTreeSet<Key>,
    /// Rollouts that wait until a verdict on one of their runs is seen that we have written.
    pub(super) wait_for_verdict: BTreeMap<Key, Key>,
}

impl Loop {
    pub(super) fn new(
        shell: Shell,
        config: &Config,
        tools: Tools,
        (workloads, routes): (WorkloadWatches, RouteWatches),
        events: mpsc::Receiver<Event>,
        questions: mpsc::Receiver<Question>,
    ) -> Self {
        Self {
            shell,
            concurrency: config.concurrency.max(1) + RUN_WRITES,
            settings: config.settings.clone(),
            world: config.namespace.as_deref().map(World::of_one_namespace).unwrap_or_default(),
            queue: Queue::new(config.order.clone()),
            events,
            questions,
            work: FuturesUnordered::new(),
            counts: Counts::default(),
            facts_at: BTreeMap::new(),
            pods_at: BTreeMap::new(),
            troubled: BTreeMap::new(),
            refused: BTreeMap::new(),
            looks: BTreeMap::new(),
            set_fields: BTreeMap::new(),
            set_fields_most: 0,
            settled: BTreeMap::new(),
            quarantine_told: BTreeMap::new(),
            forget_at: BTreeMap::new(),
            led: false,
            synced: false,
            workloads,
            routes,
            not_filled: BTreeMap::new(),
            tools,
            runs: BTreeMap::new(),
            conditions: ConditionCache::default(),
            measuring: JoinSet::new(),
            verdicts: BTreeSet::new(),
            wait_for_verdict: BTreeMap::new(),
        }
    }

    pub(super) async fn run(&mut self, stop: &mut watch::Receiver<bool>) {
        let mut fence = self.shell.fence.clone();
        let mut asked = true;
        loop {
            self.dispatch();
            let due = self.next_look();
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Some((key, began, finished)) = self.work.next(), if !self.work.is_empty() => {
                    self.finish(key, began, finished);
                }
                Some(done) = self.measuring.join_next(), if !self.measuring.is_empty() => {
                    // One that was abandoned ends with an error, and nobody waits for it.
                    if let Ok(measured) = done {
                        self.measured(measured);
                    }
                }
                Some(event) = self.events.recv() => self.take(event),
                question = self.questions.recv(), if asked => match question {
                    Some(question) => self.answer(question),
                    None => asked = false,
                },
                Ok(()) = fence.changed() => {}
                () = sleep_until(due) => {}
            }
        }
        let limit = Instant::now() + SHUTDOWN_LIMIT;
        while let Ok(Some(_)) = tokio::time::timeout_at(limit, self.work.next()).await {}
    }

    fn next_look(&self) -> Option<Instant> {
        let can_start = self.synced && self.led && self.work.len() < self.concurrency;
        let due = self.queue.next_due().filter(|_| can_start);
        let fence = (*self.shell.fence.borrow()).filter(|_| self.led);
        let forget = self.forget_at.values().min().copied();
        [due, fence, forget].into_iter().flatten().min()
    }

    /// Takes in an event and all that wait behind it.
    fn take(&mut self, event: Event) {
        let now = Instant::now();
        let mut affected = self.world.take(event, now);
        let mut more = EVENT_BUFFER;
        while let (true, Ok(event)) = (more > 0, self.events.try_recv()) {
            affected.extend(self.world.take(event, now));
            more -= 1;
        }
        self.workloads.follow(self.world.referred_kinds(), now);
        self.routes.follow(self.world.named_route_kinds());
        self.look_at(affected, now);
        if !self.synced && self.world.unsynced().is_empty() {
            self.synced = true;
            let orphans = self.world.marked_without_rollout();
            self.look_at(orphans.into_iter().collect(), now);
            tracing::info!(rollouts = self.world.rollouts().count(), "the caches are synced");
        }
    }

    pub(super) fn look_at(&mut self, keys: BTreeSet<Key>, now: Instant) {
        let added = keys.len();
        for key in keys {
            if let Some(rollout) = self.wait_for_verdict.remove(&key) {
                self.queue.add(rollout, now);
            }
            self.queue.add(key, now);
        }
        self.shell.metrics.queued(added, self.queue.depth(now));
    }

    fn answer(&self, question: Question) {
        match question {
            Question::Samples(to) => {
                let rollouts = self.world.rollouts().filter_map(|(_, e)| e.record.as_ref().ok());
                let templates = self.world.all_templates();
                let _ = to.send(Samples {
                    rollouts: rollouts.map(|rollout| Sample::from(&**rollout)).collect(),
                    runs: self.world.runs().map(RunSample::from).collect(),
                    templates: templates.map(TemplateSample::from).collect(),
                });
            }
            Question::Unsynced(to) => {
                let _ = to.send(self.world.unsynced());
            }
        }
    }

    /// Starts as much work as may run at once.
    fn dispatch(&mut self) {
        let now = Instant::now();
        let led = leads(*self.shell.fence.borrow(), now);
        if led != self.led {
            self.led = led;
            self.shell.metrics.leads(led);
            // Who leads now measures by himself; what was measured here is nobody's any more. Should
            // it be this replica again, all of it is looked at anew: a measurement that ends with
            // this comes back to nobody.
            for key in std::mem::take(&mut self.runs).into_keys() {
                self.queue.add(key, now);
            }
        }
        let gone: Vec<Key> =
            self.forget_at.iter().filter(|(_, at)| **at <= now).map(|(k, _)| k.clone()).collect();
        for key in gone {
            self.forget_at.remove(&key);
            self.shell.metrics.forget(&key.namespace, &key.name);
        }
        while self.synced && self.led && self.work.len() < self.concurrency {
            let Some(key) = self.queue.pop(now) else { return };
            match self.start(&key, now) {
                Some(work) => self.work.push(work),
                None => self.queue.put_off(&key),
            }
        }
    }

    /// The work that a key needs now, if any.
    fn start(&mut self, key: &Key, now: Instant) -> Option<Work> {
        if let Some(since) = self.world.pending().waits_since(key) {
            let overdue = self.world.pending().overdue(key, now);
            if overdue.is_empty() {
                self.shell.metrics.skipped_as_stale();
                self.queue.add(key.clone(), since + PATIENCE);
                return None;
            }
            return Some(self.confirm(key.clone(), overdue, now));
        }
        match key.kind {
            Kind::Rollout => self.start_rollout(key, now),
            Kind::AnalysisRun => self.start_run(key, now),
            // They are not reconciled yet, and nothing queues them.
            Kind::Experiment => None,
        }
    }

    fn finish(&mut self, key: Key, began: Instant, finished: Finished) {
        let now = Instant::now();
        match finished {
            Finished::Pass(report) => self.finish_pass(key, began, report, now),
            Finished::Confirmed(fetched) => {
                for (id, result) in fetched {
                    let affected = match result {
                        Ok(Some(event)) => {
                            let affected = self.world.take(event, now);
                            self.world.confirmed(&id);
                            affected
                        }
                        Ok(None) => self.world.is_gone(&id),
                        Err(failure) => {
                            tracing::warn!(%key, "cannot fetch an object to see an own write: {failure}");
                            self.queue.failed(&key, now);
                            return;
                        }
                    };
                    self.look_at(affected, now);
                }
                self.queue.add(key.clone(), now);
                self.queue.done(&key);
            }
            Finished::Filled(filled) => self.filled(&key, filled, now),
            Finished::Run(write) => self.finish_run(key, began, *write, now),
            Finished::Released(Ok(())) => self.queue.done(&key),
            Finished::Released(Err(failure)) => self.retry(&key, &failure, now),
        }
    }

    pub(super) fn retry(&mut self, key: &Key, failure: &Failure, now: Instant) {
        self.shell.metrics.reconcile_failed(&key.namespace, &key.name);
        let pause = self.queue.failed(key, now);
        if *failure != Failure::NotLeader {
            tracing::warn!(
                %key, category = failure.category(), "{failure}; trying again in {pause:?}"
            );
        }
    }

    /// An object can be understood again.
    pub(super) fn quarantine_is_over(&mut self, key: &Key) {
        self.quarantine_told.remove(key);
    }

    /// An object that cannot be understood: told of once, left alone, in nobody's way.
    pub(super) fn quarantine(&mut self, key: &Key, uid: String, version: String, error: String) {
        if self.quarantine_told.get(key) == Some(&error) {
            return;
        }
        let message = format!(
            "{key} cannot be understood and is left as it is: {error}. \
             Correct the field; the controller goes on by itself then."
        );
        tracing::error!("{message}");
        let about = About {
            kind: key.kind.name(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            uid,
            resource_version: version,
        };
        let transition = Transition {
            severity: Severity::Warning,
            reason: "ReconciliationError",
            message,
            revision: 0,
            occasion: error.clone(),
        };
        self.shell.events.tell(&about, &transition, self.shell.clock.now());
        self.quarantine_told.insert(key.clone(), error);
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
