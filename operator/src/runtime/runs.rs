//! AnalysisRuns: planned in the loop, measured beside it, written like all else.

use std::sync::Arc;
use std::time::Duration;

use sluice_analysis::run::{News, RunPlan, RunSnapshot, RunUrgency, is_completed, plan};
use sluice_crd::analysis::AnalysisRunStatus;
use sluice_planner::{RunRecord, Severity, Transition};
use tokio::time::Instant;

use super::METRICS_LINGER;
use super::looping::{Finished, Loop, RunWrite, Work};
use crate::analysis::{Change, Measured, Order, RunMemory, Written, forget, measure, write};
use crate::events::About;
use crate::failure::Failure;
use crate::key::Key;
use crate::world::analysis::LiveRun;

/// Results wait so long for others of the same run, to be written together.
const TOGETHER: Duration = Duration::from_secs(1);

impl Loop {
    pub(super) fn start_run(&mut self, key: &Key, now: Instant) -> Option<Work> {
        // Its record shows all that was written.
        self.verdicts.remove(key);
        let Some(entry) = self.world.run(&key.namespace, &key.name) else {
            // What is still measured for it ends with this.
            self.runs.remove(key);
            self.quarantine_is_over(key);
            self.forget_at.entry(key.clone()).or_insert(now + METRICS_LINGER);
            return None;
        };
        let run = match &entry.record {
            Ok(run) => run,
            Err(error) => {
                let (uid, version, error) =
                    (entry.uid.clone(), entry.version.clone(), error.clone());
                self.runs.remove(key);
                self.quarantine(key, uid, version, error);
                return None;
            }
        };
        let (record, live) = (Arc::clone(&run.record), run.live.clone());
        self.quarantine_is_over(key);
        self.forget_at.remove(key);
        let Some(live) = live.filter(|_| !record.deleting) else {
            self.runs.remove(key);
            return None;
        };
        let status = live.status();
        let plan = self.plan_run(key, &record, &live, &status);
        self.begin_measurements(key, &record, &plan);
        if let Some(at) = plan.wake {
            let pause = (at - self.shell.clock.now()).to_std().unwrap_or_default();
            self.queue.add(key.clone(), now + pause + place_in_second(&record.uid));
        }
        self.write_run(key, &record, status, plan, now)
    }

    fn plan_run(
        &mut self,
        key: &Key,
        record: &RunRecord,
        live: &LiveRun,
        status: &AnalysisRunStatus,
    ) -> RunPlan {
        let clock = self.shell.clock.now();
        // One of the same name that was deleted is not this one.
        if self.runs.get(key).is_some_and(|memory| memory.uid != record.uid) {
            self.runs.remove(key);
        }
        let conditions = &mut self.conditions;
        let memory = self
            .runs
            .entry(key.clone())
            .or_insert_with(|| RunMemory::new(&record.uid, clock, live, conditions));
        memory.follow(live, status, conditions);
        plan(&RunSnapshot {
            now: clock,
            run: memory.compiled.as_deref(),
            terminate: record.terminate,
            ttl: live.ttl.as_ref(),
            status,
            began: memory.began,
            taken: &memory.taken,
            under_way: &memory.under_way(),
        })
    }

    fn begin_measurements(&mut self, key: &Key, record: &RunRecord, plan: &RunPlan) {
        let Some(memory) = self.runs.get_mut(key) else { return };
        for metric in &plan.abandon {
            memory.abandon(metric);
        }
        let Ok(compiled) = memory.compiled.clone() else { return };
        for one in &plan.measure {
            let ticket = memory.ticket();
            let order = Order {
                key: key.clone(),
                uid: record.uid.clone(),
                ticket,
                run: Arc::clone(&compiled),
                metric: one.metric.clone(),
                number: one.number,
                what: one.what.clone(),
            };
            let task = self.measuring.spawn(measure(self.tools.clone(), order));
            memory.begun(&one.metric, ticket, task);
        }
    }

    /// The write that a plan asks for, if it is due.
    fn write_run(
        &mut self,
        key: &Key,
        record: &Arc<RunRecord>,
        before: AnalysisRunStatus,
        plan: RunPlan,
        now: Instant,
    ) -> Option<Work> {
        let memory = self.runs.get_mut(key)?;
        let change = match plan.status {
            _ if plan.delete => Change::Delete,
            None => {
                memory.unwritten_since = None;
                // Of metrics that the spec no longer has.
                memory.taken.clear();
                return None;
            }
            Some(status) => {
                let since = *memory.unwritten_since.get_or_insert(now);
                if plan.urgency == RunUrgency::Soon && now < since + TOGETHER {
                    self.queue.add(key.clone(), since + TOGETHER);
                    return None;
                }
                Change::Status(Box::new((before, status)))
            }
        };
        let results = memory.taken.len();
        let verdict =
            matches!(&change, Change::Status(statuses) if is_completed(&statuses.1.phase));
        let about = about(key, record);
        let news = plan.news.iter().map(transition).collect();
        let dropped = plan.dropped;
        let (shell, key, record) = (self.shell.clone(), key.clone(), Arc::clone(record));
        Some(Box::pin(async move {
            let fence = *shell.fence.borrow();
            let written = match fence {
                Some(fence) => {
                    let (client, metrics) = (&shell.client, &shell.metrics);
                    write(client, metrics, &key.namespace, &record, change, fence).await
                }
                None => Written { wrote: None, result: Err(Failure::NotLeader) },
            };
            let write = RunWrite { written, results, verdict, news, about, dropped };
            (key, now, Finished::Run(Box::new(write)))
        }))
    }

    pub(super) fn finish_run(&mut self, key: Key, began: Instant, write: RunWrite, now: Instant) {
        let RunWrite { written, results, verdict, news, about, dropped } = write;
        self.shell.metrics.run_reconciled(&key.namespace, &key.name, now - began);
        if let Some(wrote) = written.wrote {
            self.world.wrote(&key, wrote, now);
        }
        match written.result {
            Ok(()) => {
                if verdict {
                    self.verdicts.insert(key.clone());
                }
                let mut was_refused = false;
                if let Some(memory) = self.runs.get_mut(&key) {
                    was_refused = memory.refused.is_some();
                    memory.written(results);
                }
                if was_refused {
                    self.look_at_owner(&key, now);
                }
                if !dropped.is_empty() {
                    let uid = about.uid.clone();
                    tokio::spawn(forget(self.tools.clone(), key.clone(), uid, dropped));
                }
                for transition in &news {
                    self.shell.events.tell(&about, transition, self.shell.clock.now());
                }
                // Its record comes in as an event, and looks at it again.
                self.queue.done(&key);
            }
            Err(Failure::Conflict(_)) => {
                self.shell.metrics.run_reconcile_failed(&key.namespace, &key.name);
                self.queue.failed(&key, now);
            }
            Err(failure) => {
                match (&failure, self.runs.get_mut(&key)) {
                    (Failure::Unanswered(_), Some(memory)) => memory.not_answered(),
                    (Failure::Refused { .. }, Some(memory)) => {
                        // The release that it measures must know that nobody learns of its verdict.
                        let said = failure.to_string();
                        if memory.refused.replace(said.clone()) != Some(said) {
                            self.look_at_owner(&key, now);
                        }
                    }
                    _ => {}
                }
                self.retry(&key, &failure, now);
            }
        }
    }

    /// Looks at the Rollout of a run again, if it has one.
    fn look_at_owner(&mut self, run: &Key, now: Instant) {
        if let Some(rollout) = self.world.rollout_of_run(&run.namespace, &run.name) {
            self.queue.add(rollout, now);
        }
    }

    /// A measurement has come back.
    pub(super) fn measured(&mut self, measured: Measured) {
        let Measured { key, uid, ticket, taken } = measured;
        let Some(memory) = self.runs.get_mut(&key).filter(|memory| memory.uid == uid) else {
            return;
        };
        if memory.came_back(ticket, taken) {
            self.queue.add(key, Instant::now());
        }
    }
}

/// Times in a status are whole seconds: without this, all runs with the same interval would measure
/// at the same instant. Less than a second, always the same for a run: the interval stays exact.
fn place_in_second(uid: &str) -> Duration {
    let mixed =
        uid.bytes().fold(0_u64, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(u64::from(byte)));
    Duration::from_millis(mixed % 1000)
}

fn about(key: &Key, record: &RunRecord) -> About {
    About {
        kind: key.kind.name(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        uid: record.uid.clone(),
        resource_version: record.resource_version.clone(),
    }
}

fn transition(news: &News) -> Transition {
    Transition {
        severity: if news.warning { Severity::Warning } else { Severity::Normal },
        reason: news.reason,
        message: news.message.clone(),
        revision: 0,
        occasion: news.occasion.clone(),
    }
}
