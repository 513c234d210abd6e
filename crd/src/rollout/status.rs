//! `Rollout.status` (spec §1.6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::AnalysisPhase;
use crate::observed_generation::ObservedGeneration;
use crate::omit::{is_false, is_zero};
use crate::open_enum::open_enum;
use crate::raw::RawJson;
use crate::time::Time;

/// DOC RolloutStatus
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// DOC RolloutStatus.abort
    #[serde(default, skip_serializing_if = "is_false")]
    pub abort: bool,
    /// DOC RolloutStatus.pauseConditions
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pause_conditions: Vec<PauseCondition>,
    /// DOC RolloutStatus.controllerPause
    #[serde(default, skip_serializing_if = "is_false")]
    pub controller_pause: bool,
    /// DOC RolloutStatus.abortedAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aborted_at: Option<Time>,
    /// DOC RolloutStatus.currentPodHash
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub current_pod_hash: String,
    /// DOC RolloutStatus.currentStepHash
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub current_step_hash: String,
    /// DOC RolloutStatus.replicas
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replicas: i32,
    /// DOC RolloutStatus.updatedReplicas
    #[serde(default, skip_serializing_if = "is_zero")]
    pub updated_replicas: i32,
    /// DOC RolloutStatus.readyReplicas
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ready_replicas: i32,
    /// DOC RolloutStatus.availableReplicas
    #[serde(default, skip_serializing_if = "is_zero")]
    pub available_replicas: i32,
    /// DOC RolloutStatus.currentStepIndex
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_step_index: Option<i32>,
    /// DOC RolloutStatus.collisionCount
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collision_count: Option<i32>,
    /// DOC RolloutStatus.observedGeneration
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<ObservedGeneration>,
    /// DOC RolloutStatus.conditions
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<RolloutCondition>,
    /// DOC RolloutStatus.canary
    #[serde(default)]
    pub canary: CanaryStatus,
    /// DOC RolloutStatus.blueGreen
    #[serde(default)]
    pub blue_green: BlueGreenStatus,
    /// DOC RolloutStatus.HPAReplicas
    #[serde(rename = "HPAReplicas", default, skip_serializing_if = "is_zero")]
    pub hpa_replicas: i32,
    /// DOC RolloutStatus.selector
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub selector: String,
    /// DOC RolloutStatus.stableRS
    #[serde(rename = "stableRS", default, skip_serializing_if = "String::is_empty")]
    pub stable_rs: String,
    /// DOC RolloutStatus.restartedAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Time>,
    /// DOC RolloutStatus.promoteFull
    #[serde(default, skip_serializing_if = "is_false")]
    pub promote_full: bool,
    /// DOC RolloutStatus.phase
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<RolloutPhase>,
    /// DOC RolloutStatus.message
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// DOC RolloutStatus.workloadObservedGeneration
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_observed_generation: Option<ObservedGeneration>,
    /// DOC RolloutStatus.alb
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alb: Option<ALBStatus>,
    /// DOC RolloutStatus.albs
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub albs: Vec<ALBStatus>,
    /// DOC RolloutStatus.duration
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<RolloutDurationStatus>,
}

/// DOC PauseCondition
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PauseCondition {
    /// DOC PauseCondition.reason
    pub reason: PauseReason,
    /// DOC PauseCondition.startTime
    pub start_time: Time,
}

/// DOC RolloutDurationStatus
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutDurationStatus {
    /// DOC RolloutDurationStatus.rolloutStartedAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout_started_at: Option<Time>,
    /// DOC RolloutDurationStatus.manualPauseStartedAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manual_pause_started_at: Option<Time>,
    /// DOC RolloutDurationStatus.totalManualPauseDurationSeconds
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_manual_pause_duration_seconds: Option<i64>,
    /// DOC RolloutDurationStatus.finishedAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// DOC RolloutDurationStatus.completionStatus
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_status: Option<CompletionStatus>,
}

/// DOC BlueGreenStatus
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlueGreenStatus {
    /// DOC BlueGreenStatus.previewSelector
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub preview_selector: String,
    /// DOC BlueGreenStatus.activeSelector
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub active_selector: String,
    /// DOC BlueGreenStatus.scaleUpPreviewCheckPoint
    #[serde(default, skip_serializing_if = "is_false")]
    pub scale_up_preview_check_point: bool,
    /// DOC BlueGreenStatus.prePromotionAnalysisRunStatus
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_promotion_analysis_run_status: Option<RolloutAnalysisRunStatus>,
    /// DOC BlueGreenStatus.postPromotionAnalysisRunStatus
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_promotion_analysis_run_status: Option<RolloutAnalysisRunStatus>,
}

/// DOC CanaryStatus
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryStatus {
    /// DOC CanaryStatus.currentStepAnalysisRunStatus
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_step_analysis_run_status: Option<RolloutAnalysisRunStatus>,
    /// DOC CanaryStatus.currentBackgroundAnalysisRunStatus
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_background_analysis_run_status: Option<RolloutAnalysisRunStatus>,
    /// DOC CanaryStatus.currentExperiment
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub current_experiment: String,
    /// DOC CanaryStatus.weights
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<TrafficWeights>,
    /// DOC CanaryStatus.stablePingPong
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable_ping_pong: Option<PingPongType>,
    /// DOC CanaryStatus.stepPluginStatuses
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub step_plugin_statuses: Vec<StepPluginStatus>,
}

/// DOC TrafficWeights
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrafficWeights {
    /// DOC TrafficWeights.canary
    pub canary: WeightDestination,
    /// DOC TrafficWeights.stable
    pub stable: WeightDestination,
    /// DOC TrafficWeights.additional
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional: Vec<WeightDestination>,
    /// DOC TrafficWeights.verified
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
}

/// DOC WeightDestination
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WeightDestination {
    /// DOC WeightDestination.weight
    pub weight: i32,
    /// DOC WeightDestination.serviceName
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// DOC WeightDestination.podTemplateHash
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pod_template_hash: String,
}

/// DOC RolloutAnalysisRunStatus
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutAnalysisRunStatus {
    /// DOC RolloutAnalysisRunStatus.name
    pub name: String,
    /// DOC RolloutAnalysisRunStatus.status
    pub status: AnalysisPhase,
    /// DOC RolloutAnalysisRunStatus.message
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// DOC StepPluginStatus
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepPluginStatus {
    /// DOC StepPluginStatus.index
    pub index: i32,
    /// DOC StepPluginStatus.name
    pub name: String,
    /// DOC StepPluginStatus.operation
    pub operation: StepPluginOperation,
    /// DOC StepPluginStatus.phase
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<StepPluginPhase>,
    /// DOC StepPluginStatus.message
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// DOC StepPluginStatus.startedAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// DOC StepPluginStatus.updatedAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Time>,
    /// DOC StepPluginStatus.finishedAt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// DOC StepPluginStatus.backoff
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub backoff: String,
    /// DOC StepPluginStatus.executions
    #[serde(default, skip_serializing_if = "is_zero")]
    pub executions: i32,
    /// DOC StepPluginStatus.disabled
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// DOC StepPluginStatus.status
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RawJson>,
}

/// DOC ALBStatus
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ALBStatus {
    /// DOC ALBStatus.loadBalancer
    #[serde(default)]
    pub load_balancer: AwsResourceRef,
    /// DOC ALBStatus.canaryTargetGroup
    #[serde(default)]
    pub canary_target_group: AwsResourceRef,
    /// DOC ALBStatus.stableTargetGroup
    #[serde(default)]
    pub stable_target_group: AwsResourceRef,
    /// DOC ALBStatus.ingress
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ingress: String,
}

/// DOC AwsResourceRef
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsResourceRef {
    /// DOC AwsResourceRef.name
    pub name: String,
    /// DOC AwsResourceRef.arn
    pub arn: String,
    /// DOC AwsResourceRef.fullName
    pub full_name: String,
}

/// DOC RolloutCondition
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutCondition {
    /// DOC RolloutCondition.type
    pub r#type: String,
    /// DOC RolloutCondition.status
    pub status: ConditionStatus,
    /// DOC RolloutCondition.lastUpdateTime
    pub last_update_time: Time,
    /// DOC RolloutCondition.lastTransitionTime
    pub last_transition_time: Time,
    /// DOC RolloutCondition.reason
    pub reason: String,
    /// DOC RolloutCondition.message
    pub message: String,
}

open_enum! {
    /// DOC RolloutPhase
    RolloutPhase {
        /// DOC RolloutPhase.Healthy
        Healthy = "Healthy",
        /// DOC RolloutPhase.Degraded
        Degraded = "Degraded",
        /// DOC RolloutPhase.Progressing
        Progressing = "Progressing",
        /// DOC RolloutPhase.Paused
        Paused = "Paused",
    }
}

open_enum! {
    /// DOC PauseReason
    PauseReason {
        /// DOC PauseReason.InconclusiveAnalysisRun
        InconclusiveAnalysisRun = "InconclusiveAnalysisRun",
        /// DOC PauseReason.InconclusiveExperiment
        InconclusiveExperiment = "InconclusiveExperiment",
        /// DOC PauseReason.CanaryPauseStep
        CanaryPauseStep = "CanaryPauseStep",
        /// DOC PauseReason.BlueGreenPause
        BlueGreenPause = "BlueGreenPause",
    }
}

open_enum! {
    /// DOC CompletionStatus
    CompletionStatus {
        /// DOC CompletionStatus.Promoted
        Promoted = "Promoted",
        /// DOC CompletionStatus.FastPromoted
        FastPromoted = "FastPromoted",
        /// DOC CompletionStatus.Aborted
        Aborted = "Aborted",
        /// DOC CompletionStatus.Superseded
        Superseded = "Superseded",
        /// DOC CompletionStatus.RolledBack
        RolledBack = "RolledBack",
        /// DOC CompletionStatus.FastRolledBack
        FastRolledBack = "FastRolledBack",
    }
}

open_enum! {
    /// DOC PingPongType
    PingPongType {
        /// DOC PingPongType.Ping
        Ping = "ping",
        /// DOC PingPongType.Pong
        Pong = "pong",
    }
}

open_enum! {
    /// DOC StepPluginOperation
    StepPluginOperation {
        /// DOC StepPluginOperation.Run
        Run = "Run",
        /// DOC StepPluginOperation.Terminate
        Terminate = "Terminate",
        /// DOC StepPluginOperation.Abort
        Abort = "Abort",
    }
}

open_enum! {
    /// DOC StepPluginPhase
    StepPluginPhase {
        /// DOC StepPluginPhase.Running
        Running = "Running",
        /// DOC StepPluginPhase.Successful
        Successful = "Successful",
        /// DOC StepPluginPhase.Failed
        Failed = "Failed",
        /// DOC StepPluginPhase.Error
        Error = "Error",
    }
}

open_enum! {
    /// DOC ConditionStatus
    ConditionStatus {
        /// DOC ConditionStatus.True
        True = "True",
        /// DOC ConditionStatus.False
        False = "False",
        /// DOC ConditionStatus.Unknown
        Unknown = "Unknown",
    }
}
