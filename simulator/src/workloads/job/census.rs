//! The pods of a Job, counted.

use chrono::{DateTime, Duration, Utc};
use serde_json::Value;
use std::sync::Arc;

use super::TRACKING;
use crate::state::State;
use crate::store::Key;
use crate::workloads::{collect, controller_of, is_active, is_ready, pods, time};

/// The first wait after a failure; doubled with each failure that follows.
const BACK_OFF: i64 = 10;
const BACK_OFF_MAX: i64 = 600;

/// The pods of a Job as a sync finds them, and what it makes of them.
#[derive(Debug)]
pub(super) struct Census {
    all: Vec<Arc<Value>>,
    /// Neither over nor going.
    pub(super) active: Vec<Arc<Value>>,
    /// Of the active ones, those that are ready.
    pub(super) ready: usize,
    /// Going, and not over before.
    pub(super) terminating: usize,
    /// The uids of those that have succeeded and are not yet counted.
    pub(super) succeeded: Vec<String>,
    /// All that have ever succeeded, and failed.
    succeeded_total: i64,
    pub(super) failed_total: i64,
    failed: Vec<String>,
}

fn phase(pod: &Value) -> &str {
    pod["status"]["phase"].as_str().unwrap_or_default()
}

fn is_going(pod: &Value) -> bool {
    !pod["metadata"]["deletionTimestamp"].is_null()
}

fn uid(pod: &Value) -> String {
    pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

/// When a pod's containers ended.
fn finished_at(pod: &Value) -> Option<DateTime<Utc>> {
    let statuses = pod["status"]["containerStatuses"].as_array();
    let ends = statuses.into_iter().flatten();
    ends.filter_map(|status| time(&status["state"]["terminated"]["finishedAt"])).max()
}

impl Census {
    /// Looks at all pods that the Job controls.
    pub(super) fn take(state: &State, job: &Value) -> Census {
        let job_uid = job["metadata"]["uid"].as_str().unwrap_or_default();
        let dependents = state.store.dependents(job_uid);
        let resource = pods();
        let all: Vec<Arc<Value>> = dependents
            .iter()
            .filter(|(other, _)| *other == resource)
            .filter_map(|(resource, key)| state.store.get(resource, key))
            .filter(|pod| controller_of(pod).is_some_and(|owner| owner["uid"] == job_uid))
            .cloned()
            .collect();
        let only_failed = job["spec"]["podReplacementPolicy"] == "Failed";
        let failed = |pod: &Value| {
            phase(pod) == "Failed" || !only_failed && is_going(pod) && phase(pod) != "Succeeded"
        };
        let uncounted = |is: &dyn Fn(&Value) -> bool| -> Vec<String> {
            let pods = all.iter().filter(|pod| collect::has_finalizer(pod, TRACKING) && is(pod));
            pods.map(|pod| uid(pod)).collect()
        };
        let succeeded = uncounted(&|pod| phase(pod) == "Succeeded");
        let failed = uncounted(&failed);
        let counted = |field: &str| job["status"][field].as_i64().unwrap_or(0);
        let total = |field: &str, more: &[String]| counted(field) + more.len() as i64;
        let active: Vec<Arc<Value>> = all.iter().filter(|pod| is_active(pod)).cloned().collect();
        let over = |pod: &Value| matches!(phase(pod), "Succeeded" | "Failed");
        Census {
            ready: active.iter().filter(|pod| is_ready(pod)).count(),
            terminating: all.iter().filter(|pod| is_going(pod) && !over(pod)).count(),
            succeeded_total: total("succeeded", &succeeded),
            failed_total: total("failed", &failed),
            all,
            active,
            succeeded,
            failed,
        }
    }

    /// The uids of those that have failed and are not yet counted. When the Job is decided, every
    /// pod that has not succeeded counts as failed.
    pub(super) fn failed(&self, decided: bool) -> Vec<String> {
        if !decided {
            return self.failed.clone();
        }
        let held = self.all.iter().filter(|pod| collect::has_finalizer(pod, TRACKING));
        held.filter(|pod| phase(pod) != "Succeeded").map(|pod| uid(pod)).collect()
    }

    /// The pods that need not be held any longer.
    pub(super) fn released(&self, all: bool) -> Vec<Key> {
        let held = self.all.iter().filter(|pod| collect::has_finalizer(pod, TRACKING));
        let due = held.filter(|pod| {
            let uid = uid(pod);
            all || self.succeeded.contains(&uid) || self.failed.contains(&uid)
        });
        let text = |pod: &Value, field: &str| {
            pod["metadata"][field].as_str().unwrap_or_default().to_owned()
        };
        due.map(|pod| Key::new(&text(pod, "namespace"), &text(pod, "name"))).collect()
    }

    /// How many pods should run now.
    pub(super) fn wanted(&self, job: &Value) -> i64 {
        let parallelism = job["spec"]["parallelism"].as_i64().unwrap_or(1);
        match job["spec"]["completions"].as_i64() {
            Some(completions) => (completions - self.succeeded_total).clamp(0, parallelism),
            // One that succeeds ends the work for all: those that run go on to their end.
            None if self.succeeded_total > 0 => self.active.len() as i64,
            None => parallelism,
        }
    }

    /// Whether enough pods have succeeded.
    pub(super) fn is_complete(&self, job: &Value) -> bool {
        let enough = job["spec"]["completions"].as_i64().unwrap_or(1);
        self.succeeded_total >= enough && self.active.is_empty()
    }

    /// Takes so many pods out of those that run, those that are not ready first.
    pub(super) fn dismiss(&mut self, count: usize) -> Vec<Arc<Value>> {
        self.active.sort_by_key(|pod| is_ready(pod));
        let dismissed: Vec<Arc<Value>> =
            self.active.drain(..count.min(self.active.len())).collect();
        self.ready -= dismissed.iter().filter(|pod| is_ready(pod)).count();
        self.terminating += dismissed.len();
        dismissed
    }

    /// A pod that counts neither as good nor as failed.
    pub(super) fn forget(&mut self, pod: &Value) {
        self.all.retain(|other| uid(other) != uid(pod));
    }

    /// How long no new pod is made, for the failures since the last success.
    pub(super) fn pause_after_failures(&self, now: DateTime<Utc>) -> Duration {
        let ends = |wanted: &'static str| {
            let pods = self.all.iter().filter(move |pod| phase(pod) == wanted);
            pods.filter_map(|pod| finished_at(pod))
        };
        let success = ends("Succeeded").max();
        let failures: Vec<DateTime<Utc>> =
            ends("Failed").filter(|end| success.is_none_or(|success| *end > success)).collect();
        let Some(last) = failures.iter().max() else { return Duration::zero() };
        let doublings = u32::try_from(failures.len() - 1).unwrap_or(u32::MAX);
        let seconds = 2_i64.saturating_pow(doublings).saturating_mul(BACK_OFF).min(BACK_OFF_MAX);
        (*last + Duration::seconds(seconds) - now).max(Duration::zero())
    }
}
