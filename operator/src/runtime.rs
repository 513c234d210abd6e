//! The loop: events in, keys out, passes run; everything that changes lives here, in one task.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kube::Client;
use kube::core::request::Request;
use sluice_planner::{Severity, Snapshot, Transition, Wake, release_all};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::Config;
use crate::counts::Counts;
use crate::events::{self, About};
use crate::failure::Failure;
use crate::key::Key;
use crate::leader::{self, Elector, Fence};
use crate::metrics::{Metrics, Sample};
use crate::queue::Queue;
use crate::reconcile::{
    CountsFate, FACTS_PAUSE, Limits, Outcome, Policy, Report, Shell, leads, reconcile,
};
use crate::watch::{self as watching, Scope};
use crate::world::record::Observed;
use crate::world::{Change, Event, ObjectId, PATIENCE, ResourceKind, World, named_services};
use crate::writer::{answered, path, release_patch, within};

/// Events that may wait between the watches and the loop.
const EVENT_BUFFER: usize = 1024;
/// How long work in flight may take to end when the controller is stopped.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);
/// How long series of an object that is gone are still served (spec §1.15).
const METRICS_LINGER: Duration = Duration::from_secs(65);

/// A question to the loop.
#[derive(Debug)]
pub enum Question {
    /// What `/metrics` shows of the Rollouts.
    Samples(oneshot::Sender<Vec<Sample>>),
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
        self.watch(event_in, &mut tasks);
        let (events, sender) = events::channel(self.client.clone(), self.metrics.clone());
        let sender = tokio::spawn(sender.run());

        let shell = Shell {
            client: self.client.clone(),
            clock: self.clock,
            events,
            metrics: self.metrics,
            policy: self.policy,
            fence,
        };
        let mut state = Loop::new(shell, &self.config, event_out, self.questions);
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
        let rollouts = scope(Some(rollouts));
        tasks.0.spawn(watching::run(client(), rollouts, events.clone(), Event::Rollout));
        let sets = scope(Some(hashed));
        tasks.0.spawn(watching::run(client(), sets, events.clone(), Event::ReplicaSet));
        tasks.0.spawn(watching::run(client(), scope(None), events, Event::Service));
    }
}

/// A pass, or a look at the API server, under way.
type Work = Pin<Box<dyn Future<Output = (Key, Instant, Finished)> + Send>>;

enum Finished {
    Pass(Report),
    /// Objects that were fetched because their records lagged behind our writes.
    Confirmed(Vec<Fetched>),
    /// Services of a Rollout that is gone have been let go, or not.
    Released(Result<(), Failure>),
}

/// An object that was fetched; `None` where it is not there.
type Fetched = (ObjectId, Result<Option<Event>, Failure>);

struct Loop {
    shell: Shell,
    concurrency: usize,
    settings: sluice_planner::Settings,
    world: World,
    queue: Queue,
    events: mpsc::Receiver<Event>,
    questions: mpsc::Receiver<Question>,
    work: FuturesUnordered<Work>,
    counts: Counts,
    facts_at: BTreeMap<Key, (i64, Instant)>,
    quarantine_told: BTreeMap<Key, String>,
    forget_at: BTreeMap<Key, Instant>,
    led: bool,
    synced: bool,
}

impl Loop {
    fn new(
        shell: Shell,
        config: &Config,
        events: mpsc::Receiver<Event>,
        questions: mpsc::Receiver<Question>,
    ) -> Self {
        Self {
            shell,
            concurrency: config.concurrency.max(1),
            settings: config.settings.clone(),
            world: World::default(),
            queue: Queue::new(config.order.clone()),
            events,
            questions,
            work: FuturesUnordered::new(),
            counts: Counts::default(),
            facts_at: BTreeMap::new(),
            quarantine_told: BTreeMap::new(),
            forget_at: BTreeMap::new(),
            led: false,
            synced: false,
        }
    }

    async fn run(&mut self, stop: &mut watch::Receiver<bool>) {
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
        self.look_at(affected, now);
        if !self.synced && self.world.unsynced().is_empty() {
            self.synced = true;
            let orphans = self.world.marked_without_rollout();
            self.look_at(orphans.into_iter().collect(), now);
            tracing::info!(rollouts = self.world.rollouts().count(), "the caches are synced");
        }
    }

    fn look_at(&mut self, keys: BTreeSet<Key>, now: Instant) {
        let added = keys.len();
        for key in keys {
            self.queue.add(key, now);
        }
        self.shell.metrics.queued(added, self.queue.depth(now));
    }

    fn answer(&self, question: Question) {
        match question {
            Question::Samples(to) => {
                let records = self.world.rollouts().filter_map(|(_, e)| e.record.as_ref().ok());
                let _ = to.send(records.map(|rollout| Sample::from(&**rollout)).collect());
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
        let Some(entry) = self.world.rollout(&key.namespace, &key.name) else {
            return self.after_deletion(key, now);
        };
        let record = match &entry.record {
            Ok(record) => std::sync::Arc::clone(record),
            Err(error) => {
                let (uid, version, error) =
                    (entry.uid.clone(), entry.version.clone(), error.clone());
                self.quarantine(key, uid, version, error);
                return None;
            }
        };
        self.quarantine_told.remove(key);
        self.forget_at.remove(key);
        let named = named_services(&record);
        let snapshot = Snapshot {
            now: self.shell.clock.now(),
            replica_sets: self.world.replica_sets_of(&record.uid),
            orphans: self.world.orphans_of(&record),
            services: self.world.services_of(&key.namespace, &key.name, &named),
            facts: Default::default(),
            failure: None,
            settings: self.settings.clone(),
            rollout: record,
        };
        let limits = Limits {
            counts: self.counts.are_due(key, now),
            facts: self.facts_at.get(key).is_none_or(|(generation, at)| {
                *generation != snapshot.rollout.generation || now >= *at + FACTS_PAUSE
            }),
            failures: self.queue.failures(key),
        };
        let (shell, key) = (self.shell.clone(), key.clone());
        Some(Box::pin(async move {
            (key, now, Finished::Pass(reconcile(shell, snapshot, limits).await))
        }))
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
            Finished::Released(Ok(())) => self.queue.done(&key),
            Finished::Released(Err(failure)) => self.retry(&key, &failure, now),
        }
    }

    fn finish_pass(&mut self, key: Key, began: Instant, report: Report, now: Instant) {
        self.shell.metrics.reconciled(&key.namespace, &key.name, now - began);
        for wrote in report.wrote {
            self.world.wrote(&key, wrote, now);
        }
        if report.fetched_facts
            && let Some(entry) = self.world.rollout(&key.namespace, &key.name)
            && let Ok(record) = &entry.record
        {
            self.facts_at.insert(key.clone(), (record.generation, now));
        }
        match report.counts {
            CountsFate::HeldBack => {
                let due = self.counts.held_back(&key, now);
                self.queue.add(key.clone(), due);
            }
            CountsFate::Written => self.counts.written(&key, now),
            CountsFate::None => self.counts.settled(&key, now),
        }
        match report.outcome {
            Outcome::Done(wake) => {
                if let Wake::At(at) = wake {
                    let pause = (at - self.shell.clock.now()).to_std().unwrap_or_default();
                    self.queue.add(key.clone(), now + pause);
                }
                self.queue.done(&key);
            }
            Outcome::LookAgain => {
                self.shell.metrics.reconcile_failed(&key.namespace, &key.name);
                self.queue.failed(&key, now);
            }
            Outcome::Failed(failure) => self.retry(&key, &failure, now),
        }
    }

    fn retry(&mut self, key: &Key, failure: &Failure, now: Instant) {
        self.shell.metrics.reconcile_failed(&key.namespace, &key.name);
        let pause = self.queue.failed(key, now);
        if *failure != Failure::NotLeader {
            tracing::warn!(
                %key, category = failure.category(), "{failure}; trying again in {pause:?}"
            );
        }
    }

    /// An object that cannot be understood: told of once, left alone, in nobody's way.
    fn quarantine(&mut self, key: &Key, uid: String, version: String, error: String) {
        if self.quarantine_told.get(key) == Some(&error) {
            return;
        }
        let message = format!(
            "{key} cannot be understood and is left as it is: {error}. \
             Correct the field; the controller goes on by itself then."
        );
        tracing::error!("{message}");
        let about = About {
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

    /// Lets go of the Services of a Rollout that is gone, once the API server has confirmed that.
    fn after_deletion(&mut self, key: &Key, now: Instant) -> Option<Work> {
        self.counts.forget(key);
        self.facts_at.remove(key);
        self.quarantine_told.remove(key);
        self.forget_at.entry(key.clone()).or_insert(now + METRICS_LINGER);
        let services = self.world.services_of(&key.namespace, &key.name, &[]);
        if services.is_empty() {
            return None;
        }
        let actions = release_all(&services, &key.name, &BTreeSet::new());
        let (shell, key) = (self.shell.clone(), key.clone());
        Some(Box::pin(async move {
            let released = release(&shell, &key, actions).await;
            (key, now, Finished::Released(released))
        }))
    }

    fn confirm(&self, key: Key, overdue: Vec<ObjectId>, now: Instant) -> Work {
        let client = self.shell.client.clone();
        Box::pin(async move {
            let mut fetched = Vec::new();
            for id in overdue {
                let found = fetch(&client, &id).await;
                fetched.push((id, found));
            }
            (key, now, Finished::Confirmed(fetched))
        })
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn fetch(client: &Client, id: &ObjectId) -> Result<Option<Event>, Failure> {
    let (namespace, name) = &id.place;
    let request = Request::new(path(id.kind, namespace))
        .get(name, &Default::default())
        .map_err(kube::Error::BuildRequest)?;
    let event = match id.kind {
        ResourceKind::Rollout => answered(client.request::<Observed<_>>(request))
            .await
            .map(|o| Event::Rollout(Change::Applied(o))),
        ResourceKind::ReplicaSet => answered(client.request::<Observed<_>>(request))
            .await
            .map(|o| Event::ReplicaSet(Change::Applied(o))),
        ResourceKind::Service => answered(client.request::<Observed<_>>(request))
            .await
            .map(|o| Event::Service(Change::Applied(o))),
    };
    match event {
        Ok(event) => Ok(Some(event)),
        Err(failure) if failure.is_not_found() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// A Rollout of another instance of the controller has no record here either: only the API
/// server's word counts.
async fn release(
    shell: &Shell,
    key: &Key,
    actions: Vec<sluice_planner::Action>,
) -> Result<(), Failure> {
    let rollout =
        ObjectId { kind: ResourceKind::Rollout, place: (key.namespace.clone(), key.name.clone()) };
    if fetch(&shell.client, &rollout).await?.is_some() {
        return Ok(());
    }
    let fence = (*shell.fence.borrow()).ok_or(Failure::NotLeader)?;
    for action in actions {
        if let sluice_planner::Action::ReleaseService { service, resource_version, selects_hash } =
            action
        {
            let body = release_patch(&resource_version, selects_hash);
            let request = crate::writer::patch_request(
                ResourceKind::Service,
                &key.namespace,
                &service,
                &body,
            )?;
            within(fence, shell.client.request::<serde_json::Value>(request)).await?;
        }
    }
    Ok(())
}
