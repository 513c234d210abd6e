//! How a Job ends. It is said twice: by an interim condition when it is decided, and by the last one
//! when all pods have ended.

use chrono::Duration;
use serde_json::{Map, Value, json};

use super::census::Census;
use crate::state::State;
use crate::workloads::{condition as condition_of, time};

/// The end of a Job, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    good: bool,
    reason: String,
    message: String,
}

/// A condition as Jobs have them.
pub(super) fn condition(ty: &str, value: &str, reason: &str, message: &str, now: &str) -> Value {
    json!({"type": ty, "status": value, "reason": reason, "message": message,
        "lastProbeTime": now, "lastTransitionTime": now})
}

impl Verdict {
    fn new(good: bool, reason: &str, message: &str) -> Verdict {
        Verdict { good, reason: reason.to_owned(), message: message.to_owned() }
    }

    /// Enough pods have succeeded.
    pub(super) fn complete() -> Verdict {
        Verdict::new(true, "CompletionsReached", "Reached expected number of succeeded pods")
    }

    /// The end that a Job has come to.
    pub(super) fn final_of(job: &Value) -> Option<Verdict> {
        Verdict::said(job, "Complete", true).or_else(|| Verdict::said(job, "Failed", false))
    }

    fn said(job: &Value, ty: &str, good: bool) -> Option<Verdict> {
        let found = condition_of(job, ty).filter(|found| found["status"] == "True")?;
        let text = |field: &str| found[field].as_str().unwrap_or_default();
        Some(Verdict::new(good, text("reason"), text("message")))
    }

    /// Whether it is decided: earlier, or now by too many failures or too much time.
    pub(super) fn reached(
        state: &State,
        job: &Value,
        status: &Map<String, Value>,
        census: &Census,
    ) -> Option<Verdict> {
        let earlier = Verdict::said(job, "SuccessCriteriaMet", true)
            .or_else(|| Verdict::said(job, "FailureTarget", false));
        if earlier.is_some() {
            return earlier;
        }
        let limit = job["spec"]["backoffLimit"].as_i64().unwrap_or(6);
        if census.failed_total > limit || too_many_restarts(job, census, limit) {
            let message = "Job has reached the specified backoff limit";
            return Some(Verdict::new(false, "BackoffLimitExceeded", message));
        }
        let seconds = job["spec"]["activeDeadlineSeconds"].as_i64()?;
        let start = status.get("startTime").and_then(time)?;
        let late = state.now() - start >= Duration::seconds(seconds);
        (late && job["spec"]["suspend"] != true).then(|| {
            let message = "Job was active longer than specified deadline";
            Verdict::new(false, "DeadlineExceeded", message)
        })
    }

    /// Whether it is a success.
    pub(super) fn is_good(&self) -> bool {
        self.good
    }

    /// The condition that says it before all pods have ended.
    pub(super) fn interim(&self) -> &'static str {
        if self.good { "SuccessCriteriaMet" } else { "FailureTarget" }
    }

    /// The condition that says it for good.
    pub(super) fn last(&self) -> &'static str {
        if self.good { "Complete" } else { "Failed" }
    }

    /// Whether the status says it already, if only for the time being.
    pub(super) fn is_noted(&self, status: &Map<String, Value>) -> bool {
        let conditions = status.get("conditions").and_then(Value::as_array);
        conditions.into_iter().flatten().any(|found| found["type"] == self.interim())
    }

    /// Says it in the status.
    pub(super) fn note(&self, status: &mut Map<String, Value>, ty: &str, now: &str) {
        let fresh = condition(ty, "True", &self.reason, &self.message, now);
        let conditions = status.entry("conditions").or_insert_with(|| json!([]));
        if let Some(list) = conditions.as_array_mut() {
            list.push(fresh);
        }
    }
}

/// Pods that start again by themselves are not counted as failed; their restarts are.
fn too_many_restarts(job: &Value, census: &Census, limit: i64) -> bool {
    if job["spec"]["template"]["spec"]["restartPolicy"] != "OnFailure" {
        return false;
    }
    let statuses =
        census.active.iter().flat_map(|pod| pod["status"]["containerStatuses"].as_array());
    let restarts: i64 = statuses.flatten().filter_map(|s| s["restartCount"].as_i64()).sum();
    restarts >= limit.max(1)
}
