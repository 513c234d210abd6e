//! What stands for fields that are left out (spec §1.1–1.8).
//!
//! Defaults are never written into objects: they are applied where a value is read, by these
//! methods.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::analysis::{
    CloudWatchMetric, DatadogMetric, InfluxdbMetric, Metric, NewRelicMetric, PrometheusMetric,
    WebMetric, WebMetricMethod,
};
use crate::experiment::{ExperimentSpec, TemplateSpec};
use crate::int_or_percent::{IntOrPercentError, RollingLimits, Rounding, resolve};
use crate::open_enum::open_enum;
use crate::rollout::{
    BlueGreenStrategy, CanaryStrategy, ObjectRef, RolloutAnalysisBackground, RolloutExperimentStep,
    RolloutExperimentTemplate, RolloutSpec, RolloutTrafficRouting,
};

/// `replicas` of Rollouts and of the templates of Experiments.
pub const REPLICAS: i64 = 1;
/// `revisionHistoryLimit`: old ReplicaSets.
pub const REVISION_HISTORY_LIMIT: i64 = 10;
/// `progressDeadlineSeconds` of Rollouts and Experiments.
pub const PROGRESS_DEADLINE_SECONDS: i64 = 600;
/// `scaleDownDelaySeconds` of either strategy and of Experiments.
pub const SCALE_DOWN_DELAY_SECONDS: i64 = 30;
/// `abortScaleDownDelaySeconds` of either strategy.
pub const ABORT_SCALE_DOWN_DELAY_SECONDS: i64 = 30;
/// `analysis.successfulRunHistoryLimit` and `unsuccessfulRunHistoryLimit`.
pub const RUN_HISTORY_LIMIT: i64 = 5;
/// `maxSurge` and `maxUnavailable`, percent.
pub const ROLLING_PERCENT: &str = "25";
/// `trafficRouting.maxTrafficWeight`.
pub const MAX_TRAFFIC_WEIGHT: i64 = 100;
/// Measurements that are kept of a metric without a `measurementRetention`.
pub const MEASUREMENT_RETENTION: i64 = 10;
/// `consecutiveErrorLimit` of a metric.
pub const CONSECUTIVE_ERROR_LIMIT: i64 = 4;

fn or(value: Option<i32>, default: i64) -> i64 {
    value.map_or(default, i64::from)
}

fn text_or<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
}

fn rolling(value: Option<&IntOrString>) -> IntOrString {
    value.cloned().unwrap_or_else(|| IntOrString::String(ROLLING_PERCENT.to_owned()))
}

/// A delay of which 0 means "never".
fn delay_or_never(value: Option<i32>) -> Option<i64> {
    match value {
        Some(0) => None,
        other => Some(or(other, ABORT_SCALE_DOWN_DELAY_SECONDS)),
    }
}

impl RolloutSpec {
    /// The wanted number of pods.
    pub fn replicas_or_default(&self) -> i64 {
        or(self.replicas, REPLICAS)
    }

    /// How many old ReplicaSets without pods are kept.
    pub fn revision_history_limit_or_default(&self) -> i64 {
        or(self.revision_history_limit, REVISION_HISTORY_LIMIT)
    }

    /// Seconds without progress after which the rollout counts as failed.
    pub fn progress_deadline_seconds_or_default(&self) -> i64 {
        or(self.progress_deadline_seconds, PROGRESS_DEADLINE_SECONDS)
    }

    /// How many successful AnalysisRuns are kept.
    pub fn successful_run_history_limit_or_default(&self) -> i64 {
        let limit = self.analysis.as_ref().and_then(|runs| runs.successful_run_history_limit);
        or(limit, RUN_HISTORY_LIMIT)
    }

    /// How many AnalysisRuns are kept that failed, were inconclusive or could not be measured.
    pub fn unsuccessful_run_history_limit_or_default(&self) -> i64 {
        let limit = self.analysis.as_ref().and_then(|runs| runs.unsuccessful_run_history_limit);
        or(limit, RUN_HISTORY_LIMIT)
    }

    /// How many revisions a rollback may pass and still be fast; 0 where there is no window.
    pub fn rollback_window_revisions_or_default(&self) -> i64 {
        self.rollback_window.as_ref().map_or(0, |window| i64::from(window.revisions))
    }
}

open_enum! {
    /// When the workload that a Rollout refers to gives up its pods (spec §2.8).
    ScaleDown {
        /// It keeps them.
        Never = "never",
        /// Once the first revision of the Rollout is healthy.
        OnSuccess = "onsuccess",
        /// As pods of the Rollout become ready.
        Progressively = "progressively",
    }
}

impl ObjectRef {
    /// When the workload gives up its pods. An unknown text means never, as no text does.
    pub fn scale_down_or_default(&self) -> ScaleDown {
        match ScaleDown::from(self.scale_down.as_str()) {
            ScaleDown::Other(_) => ScaleDown::Never,
            known => known,
        }
    }
}

impl BlueGreenStrategy {
    /// Pods of the new version before it is promoted, of a Rollout with `replicas` pods.
    pub fn preview_replica_count_or_default(&self, replicas: i64) -> i64 {
        or(self.preview_replica_count, replicas)
    }

    /// Whether the switch happens by itself.
    pub fn auto_promotion_enabled_or_default(&self) -> bool {
        self.auto_promotion_enabled.unwrap_or(true)
    }

    /// Pods, or percent of them, that may be missing.
    pub fn max_unavailable_or_default(&self) -> IntOrString {
        rolling(self.max_unavailable.as_ref())
    }

    /// Pods of `replicas` that may be missing.
    ///
    /// # Errors
    ///
    /// The field is neither a number nor a percentage.
    pub fn max_unavailable_pods(&self, replicas: i64) -> Result<i64, IntOrPercentError> {
        resolve(&self.max_unavailable_or_default(), replicas, Rounding::Down)
    }

    /// Seconds between the switch and the scale-down of the old version.
    pub fn scale_down_delay_seconds_or_default(&self) -> i64 {
        or(self.scale_down_delay_seconds, SCALE_DOWN_DELAY_SECONDS)
    }

    /// How many old versions may wait for their scale-down at a time.
    pub fn scale_down_delay_revision_limit_or_default(&self) -> i64 {
        or(self.scale_down_delay_revision_limit, i64::from(i32::MAX))
    }

    /// Seconds between an abort and the scale-down of the new version; `None` is never.
    pub fn abort_scale_down_delay_seconds_or_default(&self) -> Option<i64> {
        delay_or_never(self.abort_scale_down_delay_seconds)
    }
}

impl CanaryStrategy {
    /// Pods, or percent of them, that may run beyond the wanted number.
    pub fn max_surge_or_default(&self) -> IntOrString {
        rolling(self.max_surge.as_ref())
    }

    /// Pods, or percent of them, that may be missing.
    pub fn max_unavailable_or_default(&self) -> IntOrString {
        rolling(self.max_unavailable.as_ref())
    }

    /// Both limits for `replicas` pods.
    pub fn rolling_limits(&self, replicas: i64) -> Result<RollingLimits, IntOrPercentError> {
        let (surge, unavailable) = (self.max_surge_or_default(), self.max_unavailable_or_default());
        RollingLimits::resolve(&surge, &unavailable, replicas)
    }

    /// Seconds between the promotion and the scale-down of the old version. Applies with
    /// `trafficRouting` only.
    pub fn scale_down_delay_seconds_or_default(&self) -> i64 {
        or(self.scale_down_delay_seconds, SCALE_DOWN_DELAY_SECONDS)
    }

    /// How many old versions may wait for their scale-down at a time.
    pub fn scale_down_delay_revision_limit_or_default(&self) -> i64 {
        or(self.scale_down_delay_revision_limit, i64::from(i32::MAX))
    }

    /// Seconds between an abort and the scale-down of the new version; `None` is never. Applies
    /// with `trafficRouting` only.
    pub fn abort_scale_down_delay_seconds_or_default(&self) -> Option<i64> {
        delay_or_never(self.abort_scale_down_delay_seconds)
    }

    /// Least number of pods of a version that has any.
    pub fn min_pods_per_replica_set_or_default(&self) -> i64 {
        or(self.min_pods_per_replica_set, 1)
    }

    /// The weight that means all requests.
    pub fn max_traffic_weight_or_default(&self) -> i64 {
        let routing = self.traffic_routing.as_ref();
        routing.map_or(MAX_TRAFFIC_WEIGHT, RolloutTrafficRouting::max_traffic_weight_or_default)
    }
}

impl RolloutTrafficRouting {
    /// The weight that means all requests.
    pub fn max_traffic_weight_or_default(&self) -> i64 {
        or(self.max_traffic_weight, MAX_TRAFFIC_WEIGHT)
    }
}

impl RolloutAnalysisBackground {
    /// Index of the step with which the analysis starts.
    pub fn starting_step_or_default(&self) -> i64 {
        or(self.starting_step, 0)
    }
}

impl RolloutExperimentStep {
    /// Seconds between the end of the experiment and the scale-down of its pods.
    pub fn scale_down_delay_seconds_or_default(&self) -> i64 {
        or(self.scale_down_delay_seconds, SCALE_DOWN_DELAY_SECONDS)
    }
}

impl RolloutExperimentTemplate {
    /// Number of pods.
    pub fn replicas_or_default(&self) -> i64 {
        or(self.replicas, REPLICAS)
    }
}

impl ExperimentSpec {
    /// Seconds that the versions may take to become available.
    pub fn progress_deadline_seconds_or_default(&self) -> i64 {
        or(self.progress_deadline_seconds, PROGRESS_DEADLINE_SECONDS)
    }

    /// Seconds between the end and the scale-down of the pods.
    pub fn scale_down_delay_seconds_or_default(&self) -> i64 {
        or(self.scale_down_delay_seconds, SCALE_DOWN_DELAY_SECONDS)
    }
}

impl TemplateSpec {
    /// Number of pods.
    pub fn replicas_or_default(&self) -> i64 {
        or(self.replicas, REPLICAS)
    }
}

/// A limit of a metric that is no whole number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a whole number")]
pub struct NotAnInteger(pub String);

/// The number in a field that templates may fill in with a text.
fn whole_number(value: Option<&IntOrString>, default: i64) -> Result<i64, NotAnInteger> {
    match value {
        None => Ok(default),
        Some(IntOrString::Int(number)) => Ok(i64::from(*number)),
        Some(IntOrString::String(text)) => text.parse().map_err(|_| NotAnInteger(text.clone())),
    }
}

/// Numbers of a metric may be texts, for the sake of arguments: these methods are for metrics
/// whose arguments are filled in.
impl Metric {
    /// How many measurements are taken; `None` is no end (spec §2.9).
    pub fn effective_count(&self) -> Result<Option<i64>, NotAnInteger> {
        let count = whole_number(self.count.as_ref(), 0)?;
        Ok(match count {
            0 if self.interval.is_empty() => Some(1),
            0 => None,
            count => Some(count),
        })
    }

    /// How many bad values are tolerated; -1 is no limit.
    pub fn failure_limit_or_default(&self) -> Result<i64, NotAnInteger> {
        whole_number(self.failure_limit.as_ref(), 0)
    }

    /// How many inconclusive values are tolerated.
    pub fn inconclusive_limit_or_default(&self) -> Result<i64, NotAnInteger> {
        whole_number(self.inconclusive_limit.as_ref(), 0)
    }

    /// How many errors in a row are tolerated.
    pub fn consecutive_error_limit_or_default(&self) -> Result<i64, NotAnInteger> {
        whole_number(self.consecutive_error_limit.as_ref(), CONSECUTIVE_ERROR_LIMIT)
    }

    /// How many good values in a row are enough; 0 is "all of them".
    pub fn consecutive_success_limit_or_default(&self) -> Result<i64, NotAnInteger> {
        whole_number(self.consecutive_success_limit.as_ref(), 0)
    }
}

impl PrometheusMetric {
    /// How long the server may take, in seconds.
    pub fn timeout_or_default(&self) -> i64 {
        self.timeout.unwrap_or(30)
    }
}

impl NewRelicMetric {
    /// How long the server may take, in seconds.
    pub fn timeout_or_default(&self) -> i64 {
        self.timeout.unwrap_or(5)
    }

    /// Name of the Secret with the credentials.
    pub fn profile_or_default(&self) -> &str {
        text_or(&self.profile, "newrelic")
    }
}

impl InfluxdbMetric {
    /// Name of the Secret with the credentials.
    pub fn profile_or_default(&self) -> &str {
        text_or(&self.profile, "influxdb")
    }
}

impl WebMetric {
    /// The HTTP method.
    pub fn method_or_default(&self) -> WebMetricMethod {
        match &self.method {
            Some(method) if !method.as_str().is_empty() => method.clone(),
            _ => WebMetricMethod::Get,
        }
    }

    /// How long the server may take, in seconds.
    pub fn timeout_seconds_or_default(&self) -> i64 {
        if self.timeout_seconds == 0 { 10 } else { self.timeout_seconds }
    }

    /// Which part of the answer is the value.
    pub fn json_path_or_default(&self) -> &str {
        text_or(&self.json_path, "{$}")
    }
}

impl DatadogMetric {
    /// How far back the query looks.
    pub fn interval_or_default(&self) -> &str {
        text_or(&self.interval, "5m")
    }

    /// Version of the API.
    pub fn api_version_or_default(&self) -> &str {
        text_or(&self.api_version, "v1")
    }

    /// How long the server may take.
    pub fn request_timeout_or_default(&self) -> &str {
        text_or(&self.request_timeout, "10s")
    }
}

impl CloudWatchMetric {
    /// How far back the queries look.
    pub fn interval_or_default(&self) -> &str {
        text_or(&self.interval, "5m")
    }
}

#[cfg(test)]
mod tests;
