//! Passes over Rollouts.

use std::collections::BTreeSet;
use std::sync::Arc;

use sluice_planner::{
    Facts, FailureKind, OwnField, RolloutRecord, RunRecord, Snapshot, Wake, Workload, forget,
    release_all, remember, selector,
};
use tokio::time::Instant;

use super::METRICS_LINGER;
use super::confirm::fetch;
use super::looping::{Finished, Loop, Work};
use crate::failure::Failure;
use crate::key::Key;
use crate::reconcile::{CountsFate, FACTS_PAUSE, Limits, Outcome, Report, Shell, reconcile};
use crate::world::{ObjectId, PATIENCE, ResourceKind, named_services, referred};
use crate::writer::{release_patch, within};

impl Loop {
    pub(super) fn start_rollout(&mut self, key: &Key, now: Instant) -> Option<Work> {
        let Some(entry) = self.world.rollout(&key.namespace, &key.name) else {
            return self.after_deletion(key, now);
        };
        let record = match &entry.record {
            Ok(record) => Arc::clone(record),
            Err(error) => {
                let (uid, version, error) =
                    (entry.uid.clone(), entry.version.clone(), error.clone());
                self.quarantine(key, uid, version, error);
                return None;
            }
        };
        self.quarantine_is_over(key);
        self.forget_at.remove(key);
        if let Some(run) = self.verdict_to_be_seen(key, &record.uid) {
            // Not on a run's record that is older than what we have written of it (I12).
            self.shell.metrics.skipped_as_stale();
            self.wait_for_verdict.insert(run, key.clone());
            self.queue.add(key.clone(), now + PATIENCE);
            return None;
        }
        let routes = match self.routes_of(key, now) {
            Ok(routes) => routes,
            Err(fetch) => return Some(fetch),
        };
        let named = named_services(&record);
        let workload = self.world.workload_of(&record);
        let failure = self.unread(key, &record, &workload, now);
        let mut snapshot = Snapshot {
            now: self.shell.clock.now(),
            replica_sets: self.world.replica_sets_of(&record.uid),
            orphans: Vec::new(),
            services: self.world.services_of(&key.namespace, &key.name, &named),
            routes,
            workload,
            runs: self.runs_of(key, &record.uid),
            templates: self.world.templates_of(&record),
            facts: Facts {
                pods_in_trouble: self.troubled.get(key).cloned().unwrap_or_default(),
                set_fields: self.set_fields.get(key).cloned().unwrap_or_default(),
                load_balancers: self.looks.get(key).cloned(),
                refused_evictions: self.refused.get(key).cloned().unwrap_or_default(),
                settled_metadata: self.settled.get(key).cloned().unwrap_or_default(),
                ..Facts::default()
            },
            failure,
            settings: self.settings.clone(),
            rollout: record,
        };
        snapshot.orphans = self.world.orphans_in(&key.namespace, selector(&snapshot));
        let limits = Limits {
            counts: self.counts.are_due(key, now),
            facts: self.facts_at.get(key).is_none_or(|(generation, at)| {
                *generation != snapshot.rollout.generation || now >= *at + FACTS_PAUSE
            }),
            pods: self.pods_at.get(key).is_none_or(|at| now >= *at + FACTS_PAUSE),
            failures: self.queue.failures(key),
        };
        let (shell, key) = (self.shell.clone(), key.clone());
        Some(Box::pin(async move {
            (key, now, Finished::Pass(reconcile(shell, snapshot, limits).await))
        }))
    }

    /// The runs of a Rollout, with what the API server refuses of them.
    fn runs_of(&self, rollout: &Key, uid: &str) -> Vec<Arc<RunRecord>> {
        let refused = |run: &RunRecord| {
            let memory = self.runs.get(&Key::analysis_run(&rollout.namespace, &run.name))?;
            memory.refused.clone().filter(|_| memory.uid == run.uid)
        };
        let with_refusal = |run: Arc<RunRecord>| match refused(&run) {
            Some(refused) => Arc::new(RunRecord { refused: Some(refused), ..(*run).clone() }),
            None => run,
        };
        self.world.runs_of(uid).into_iter().map(with_refusal).collect()
    }

    /// Workloads of a Rollout's kind that cannot be read are told of once they should have been.
    fn unread(
        &mut self,
        key: &Key,
        rollout: &RolloutRecord,
        workload: &Workload,
        now: Instant,
    ) -> Option<sluice_planner::Failure> {
        let (kind, name) = referred(rollout).filter(|_| *workload == Workload::Unread)?;
        let until = self.workloads.patient_until(kind)?;
        if now < until {
            self.queue.add(key.clone(), until);
            return None;
        }
        let kind = kind.name();
        Some(sluice_planner::Failure {
            action: format!("read {kind} {name}"),
            kind: FailureKind::Other,
            message: format!(
                "the {kind}s have not been listed yet; may the controller list and watch them? \
                 (manifests/install.yaml grants it)"
            ),
        })
    }

    /// A run of a Rollout of which we have written a verdict that its record does not show yet. Other
    /// results are nothing to a Rollout: an abort does not wait for the next measurement.
    fn verdict_to_be_seen(&self, rollout: &Key, uid: &str) -> Option<Key> {
        let runs = self.world.runs_of(uid);
        let keys = runs.iter().map(|run| Key::analysis_run(&rollout.namespace, &run.name));
        let unseen = |run: &Key| {
            self.verdicts.contains(run) && self.world.pending().waits_since(run).is_some()
        };
        keys.into_iter().find(unseen)
    }

    pub(super) fn finish_pass(&mut self, key: Key, began: Instant, report: Report, now: Instant) {
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
        if report.fetched_pods {
            self.pods_at.insert(key.clone(), now);
        }
        if report.pods_in_trouble.is_empty() {
            self.troubled.remove(&key);
        } else {
            self.troubled.insert(key.clone(), report.pods_in_trouble);
        }
        match report.settled_metadata {
            Some(settled) if settled.is_empty() => drop(self.settled.remove(&key)),
            Some(settled) => drop(self.settled.insert(key.clone(), settled)),
            None => {}
        }
        if report.refused_evictions.is_empty() {
            self.refused.remove(&key);
        } else {
            self.refused.insert(key.clone(), report.refused_evictions);
        }
        match report.load_balancers {
            Some(look) => drop(self.looks.insert(key.clone(), look)),
            None => drop(self.looks.remove(&key)),
        }
        self.remember_fields(&key, report.set_fields);
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

    /// Lets go of the Services of a Rollout that is gone, once the API server has confirmed that.
    fn remember_fields(&mut self, key: &Key, set: Vec<OwnField>) {
        if set.is_empty() {
            return;
        }
        let now = self.shell.clock.now();
        // Of each update a few are remembered, and all of them for minutes only.
        if self.set_fields.len() >= self.set_fields_most {
            self.set_fields.retain(|_, set| {
                forget(set, now);
                !set.is_empty()
            });
            self.set_fields_most = 2 * self.set_fields.len() + 64;
        }
        let known = self.set_fields.entry(key.clone()).or_default();
        for own in set {
            remember(known, own, now);
        }
    }

    fn after_deletion(&mut self, key: &Key, now: Instant) -> Option<Work> {
        self.counts.forget(key);
        self.facts_at.remove(key);
        self.pods_at.remove(key);
        self.troubled.remove(key);
        self.refused.remove(key);
        self.looks.remove(key);
        self.set_fields.remove(key);
        self.settled.remove(key);
        self.not_filled.remove(key);
        self.quarantine_is_over(key);
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
