//! The verdict on a metric, from its counts and its last measurement (spec §2.9).

use sluice_crd::analysis::{AnalysisPhase, MetricResult};

use super::compile::CompiledMetric;

/// Whether a phase is the end of what has it.
pub fn is_completed(phase: &AnalysisPhase) -> bool {
    matches!(
        phase,
        AnalysisPhase::Successful
            | AnalysisPhase::Failed
            | AnalysisPhase::Error
            | AnalysisPhase::Inconclusive
    )
}

/// Whether a phase that a metric that counts has reached ends the run.
pub(super) fn ends_the_run(phase: &AnalysisPhase) -> bool {
    is_completed(phase) && *phase != AnalysisPhase::Successful
}

/// From good to bad (spec §2.9).
pub(super) fn badness(phase: &AnalysisPhase) -> u8 {
    match phase {
        AnalysisPhase::Successful => 0,
        AnalysisPhase::Running => 1,
        AnalysisPhase::Pending | AnalysisPhase::Other(_) => 2,
        AnalysisPhase::Inconclusive => 3,
        AnalysisPhase::Error => 4,
        AnalysisPhase::Failed => 5,
    }
}

/// Where a metric stands.
pub(super) fn assess(
    metric: &CompiledMetric,
    result: &MetricResult,
    terminating: bool,
) -> AnalysisPhase {
    if is_completed(&result.phase) {
        return result.phase.clone();
    }
    match result.measurements.last() {
        None if terminating => return AnalysisPhase::Successful,
        None => return AnalysisPhase::Pending,
        Some(last) if !is_completed(&last.phase) => {
            // What nobody can end is not waited for.
            let waits = metric.outlives_its_call() || !terminating;
            return if waits { AnalysisPhase::Running } else { AnalysisPhase::Successful };
        }
        Some(_) => {}
    }
    if let Some((phase, _)) = limit_reached(metric, result) {
        return phase;
    }
    let enough = metric.consecutive_success_limit;
    if enough.is_some_and(|enough| i64::from(result.consecutive_success) >= enough) {
        return AnalysisPhase::Successful;
    }
    if metric.count.is_some_and(|count| i64::from(result.count) >= count) {
        return match (enough, metric.failure_limit) {
            (None, _) => AnalysisPhase::Successful,
            // Nothing but enough good ones in a row would have been a success.
            (Some(_), None) => AnalysisPhase::Failed,
            (Some(_), Some(_)) => AnalysisPhase::Inconclusive,
        };
    }
    if terminating { AnalysisPhase::Successful } else { AnalysisPhase::Running }
}

/// The limit that a metric is over, with the words for it; of several the last wins.
pub(super) fn limit_reached(
    metric: &CompiledMetric,
    result: &MetricResult,
) -> Option<(AnalysisPhase, String)> {
    let mut reached = None;
    if let Some(limit) = metric.failure_limit.filter(|limit| i64::from(result.failed) > *limit) {
        let words = format!("failed ({}) > failureLimit ({limit})", result.failed);
        reached = Some((AnalysisPhase::Failed, words));
    }
    let limit = metric.inconclusive_limit;
    if i64::from(result.inconclusive) > limit {
        let words = format!("inconclusive ({}) > inconclusiveLimit ({limit})", result.inconclusive);
        reached = Some((AnalysisPhase::Inconclusive, words));
    }
    let limit = metric.consecutive_error_limit;
    if i64::from(result.consecutive_error) > limit {
        let errors = result.consecutive_error;
        let words = format!("consecutiveErrors ({errors}) > consecutiveErrorLimit ({limit})");
        reached = Some((AnalysisPhase::Error, words));
    }
    reached
}

/// Why a metric ended as it did, where it did not end well.
pub(super) fn why(metric: &CompiledMetric, result: &MetricResult) -> Option<String> {
    if let Some((_, words)) = limit_reached(metric, result) {
        return Some(words);
    }
    let enough = metric.consecutive_success_limit?;
    ends_the_run(&result.phase).then(|| {
        format!(
            "consecutiveSuccess ({}) < consecutiveSuccessLimit ({enough}) after {} measurements",
            result.consecutive_success, result.count
        )
    })
}
