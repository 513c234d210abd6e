//! Things that have happened, each told once: as an event, later as a notification.

use serde::Serialize;

/// A step in the life of a Rollout that people or other programs are told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// Whether it is good or bad news.
    pub severity: Severity,
    /// The event's reason, in upstream's words (spec §1.14).
    pub reason: &'static str,
    /// The event's message.
    pub message: String,
    /// The revision that it is about, 0 where there is none.
    pub revision: i64,
    /// What tells it from others of the same reason and revision: a step, an instant, a version.
    /// Uid, revision, reason and this are the key under which it is delivered at most once.
    pub occasion: String,
}

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Severity {
    /// As it should be.
    Normal,
    /// Something to look at.
    Warning,
}

impl Severity {
    /// As events have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Reasons of events, as Argo Rollouts has them (spec §1.14, `recorded/events.txt`).
pub mod reasons {
    #![allow(missing_docs, reason = "the constants are their own text")]
    pub const ADDED_TO_INFORMER: &str = "RolloutAddedToInformer";
    pub const NEW_REPLICA_SET_CREATED: &str = "NewReplicaSetCreated";
    pub const ROLLOUT_UPDATED: &str = "RolloutUpdated";
    pub const ROLLOUT_NOT_COMPLETED: &str = "RolloutNotCompleted";
    pub const ROLLOUT_COMPLETED: &str = "RolloutCompleted";
    pub const ROLLOUT_STEP_COMPLETED: &str = "RolloutStepCompleted";
    pub const ROLLOUT_PAUSED: &str = "RolloutPaused";
    pub const ROLLOUT_RESUMED: &str = "RolloutResumed";
    pub const ROLLOUT_ABORTED: &str = "RolloutAborted";
    pub const ROLLOUT_RETRY: &str = "RolloutRetry";
    pub const SCALING_DEPLOYMENT: &str = "ScalingDeployment";
    pub const SCALING_REPLICA_SET: &str = "ScalingReplicaSet";
    pub const TRAFFIC_WEIGHT_UPDATED: &str = "TrafficWeightUpdated";
    pub const TARGET_GROUP_VERIFIED: &str = "TargetGroupVerified";
    pub const TARGET_GROUP_UNVERIFIED: &str = "TargetGroupUnverified";
    pub const WEIGHT_VERIFY_ERROR: &str = "WeightVerifyError";
    pub const LOAD_BALANCER_NOT_FOUND: &str = "LoadBalancerNotFound";
    pub const SWITCH_SERVICE: &str = "SwitchService";
    pub const SKIP_STEPS: &str = "SkipSteps";
    pub const REPLICA_SET_CREATE_ERROR: &str = "ReplicaSetCreateError";
    pub const FIELD_TAKEN_BACK: &str = "FieldTakenBack";
    pub const INVALID_SPEC: &str = "InvalidSpec";
    pub const UNSUPPORTED_FEATURE: &str = "UnsupportedFeature";
    /// Ours: nothing has moved for a while.
    pub const STANDS_STILL: &str = "RolloutStandsStill";
    pub const PROGRESS_DEADLINE_EXCEEDED: &str = "ProgressDeadlineExceeded";

    /// Of an AnalysisRun that has come to a phase; none where it has not begun.
    pub fn analysis_run(phase: &sluice_crd::analysis::AnalysisPhase) -> Option<&'static str> {
        use sluice_crd::analysis::AnalysisPhase;
        Some(match phase {
            AnalysisPhase::Pending => "AnalysisRunPending",
            AnalysisPhase::Running => "AnalysisRunRunning",
            AnalysisPhase::Successful => "AnalysisRunSuccessful",
            AnalysisPhase::Failed => "AnalysisRunFailed",
            AnalysisPhase::Error => "AnalysisRunError",
            AnalysisPhase::Inconclusive => "AnalysisRunInconclusive",
            AnalysisPhase::Other(_) => return None,
        })
    }
}

impl Transition {
    /// Good news.
    pub fn normal(
        reason: &'static str,
        revision: i64,
        occasion: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Normal,
            reason,
            message: message.into(),
            revision,
            occasion: occasion.into(),
        }
    }

    /// Bad news.
    pub fn warning(
        reason: &'static str,
        revision: i64,
        occasion: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::normal(reason, revision, occasion, message) }
    }
}
