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

}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

