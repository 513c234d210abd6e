//! `Rollout.status` (spec §1.6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::AnalysisPhase;
use crate::observed_generation::ObservedGeneration;
use crate::omit::{is_false, is_zero};
use crate::open_enum::open_enum;
use crate::raw::RawJson;
use crate::time::Time;

/// Where a Rollout stands (spec §1.6).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// Whether the rollout is aborted. Clients set it to abort and clear it to retry.
    #[serde(default, skip_serializing_if = "is_false")]
    pub abort: bool,
    /// Why the controller paused. Clients clear the list to promote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pause_conditions: Vec<PauseCondition>,
    /// Set when the controller pauses; with no pause condition left it means that somebody promoted
    /// (spec §2.2).
    #[serde(default, skip_serializing_if = "is_false")]
    pub controller_pause: bool,
    /// When the rollout was aborted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aborted_at: Option<Time>,
    /// The pod-template hash of the new version: the label of the ReplicaSet that was found for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub current_pod_hash: String,
    /// The hash of the steps that the index counts in; a change of the steps starts over (spec
    /// §2.1).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub current_step_hash: String,
    /// Pods of all versions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replicas: i32,
    /// Pods of the new version.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub updated_replicas: i32,
    /// Ready pods of all versions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ready_replicas: i32,
    /// Available pods of all versions: ready for minReadySeconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub available_replicas: i32,
    /// Index of the current step, counted from 0; the number of steps once all are done. Clients
    /// add 1 to skip a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_step_index: Option<i32>,
    /// How often the name of a new ReplicaSet was taken by another template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collision_count: Option<i32>,
    /// The metadata.generation that this status was computed from; a string by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<ObservedGeneration>,
    /// Conditions, one of a type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<RolloutCondition>,
    /// What concerns a canary.
    #[serde(default)]
    pub canary: CanaryStatus,
    /// What concerns a blue-green rollout.
    #[serde(default)]
    pub blue_green: BlueGreenStatus,
    /// Pods that an autoscaler is told of.
    #[serde(rename = "HPAReplicas", default, skip_serializing_if = "is_zero")]
    pub hpa_replicas: i32,
    /// The label selector that an autoscaler counts pods by, as text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub selector: String,
    /// The pod-template hash of the stable version; empty before the first one is complete.
    #[serde(rename = "stableRS", default, skip_serializing_if = "String::is_empty")]
    pub stable_rs: String,
    /// The spec.restartAt that has been carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Time>,
    /// Set by clients to skip all steps, pauses and analyses; cleared when the promotion is
    /// complete.
    #[serde(default, skip_serializing_if = "is_false")]
    pub promote_full: bool,
    /// How the rollout is, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<RolloutPhase>,
    /// Why it is so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The generation of the workload (workloadRef) that this status was computed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_observed_generation: Option<ObservedGeneration>,
    /// The load balancer of the only Ingress. Superseded by albs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alb: Option<ALBStatus>,
    /// The load balancers and target groups, one entry an Ingress.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub albs: Vec<ALBStatus>,
    /// How long the rollout takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<RolloutDurationStatus>,
}

/// A reason to pause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PauseCondition {
    /// The reason.
    pub reason: PauseReason,
    /// Since when; the duration of a pause step counts from here.
    pub start_time: Time,
}

/// When a rollout began and ended, and how long it waited for somebody.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutDurationStatus {
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout_started_at: Option<Time>,
    /// When the wait for somebody that is going on began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manual_pause_started_at: Option<Time>,
    /// Seconds of all such waits that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_manual_pause_duration_seconds: Option<i64>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_status: Option<CompletionStatus>,
}

/// Where a blue-green rollout stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlueGreenStatus {
    /// The pod-template hash that the preview Service selects.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub preview_selector: String,
    /// The pod-template hash that the active Service selects.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub active_selector: String,
    /// Whether the new version has been released from previewReplicaCount to its full size.
    #[serde(default, skip_serializing_if = "is_false")]
    pub scale_up_preview_check_point: bool,
    /// The analysis before the switch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_promotion_analysis_run_status: Option<RolloutAnalysisRunStatus>,
    /// The analysis after the switch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_promotion_analysis_run_status: Option<RolloutAnalysisRunStatus>,
}

/// Where a canary stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryStatus {
    /// The analysis of the current step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_step_analysis_run_status: Option<RolloutAnalysisRunStatus>,
    /// The analysis beside the steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_background_analysis_run_status: Option<RolloutAnalysisRunStatus>,
    /// Name of the Experiment of the current step.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub current_experiment: String,
    /// The weights that the router was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<TrafficWeights>,
    /// Which Service of a ping-pong canary is the stable one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable_ping_pong: Option<PingPongType>,
    /// What step plugins did and answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub step_plugin_statuses: Vec<StepPluginStatus>,
}

/// The weights that a router was given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrafficWeights {
    /// Of the new version.
    pub canary: WeightDestination,
    /// Of the stable version.
    pub stable: WeightDestination,
    /// Of the templates of an experiment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additional: Vec<WeightDestination>,
    /// Whether the router carries them out; absent where it cannot be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
}

/// A destination and its weight.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WeightDestination {
    /// Its weight, 0 to 100 or to maxTrafficWeight.
    pub weight: i32,
    /// Its Service.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// The pod-template hash of its pods.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pod_template_hash: String,
}

/// An AnalysisRun of a Rollout.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutAnalysisRunStatus {
    /// Its name.
    pub name: String,
    /// Its phase.
    pub status: AnalysisPhase,
    /// Its message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What a step plugin did and answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepPluginStatus {
    /// Index of the step, counted from 0.
    pub index: i32,
    /// Name of the plugin.
    pub name: String,
    /// What it was asked to do.
    pub operation: StepPluginOperation,
    /// How that went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<StepPluginPhase>,
    /// Why it is so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it was first asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it was last asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Time>,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// How long to wait before it is asked again, a Go duration.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub backoff: String,
    /// How often it was asked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub executions: i32,
    /// Whether the plugin was switched off and the step passed over.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// What the plugin wants to be told the next time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RawJson>,
}

/// The parts of an AWS load balancer behind an Ingress.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ALBStatus {
    /// The load balancer.
    #[serde(default)]
    pub load_balancer: AwsResourceRef,
    /// The target group of the new version.
    #[serde(default)]
    pub canary_target_group: AwsResourceRef,
    /// The target group of the stable version.
    #[serde(default)]
    pub stable_target_group: AwsResourceRef,
    /// Name of the Ingress.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ingress: String,
}

/// A resource in AWS.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsResourceRef {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The last part of its ARN, by which CloudWatch knows it.
    pub full_name: String,
}

/// A condition of a Rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutCondition {
    /// What it is about: Available, Progressing, Paused, Healthy, Completed, InvalidSpec,
    /// ReplicaFailure, Ready, Reconciling or Stalled.
    pub r#type: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// When it was last confirmed.
    pub last_update_time: Time,
    /// When its status last changed.
    pub last_transition_time: Time,
    /// Why, in a word for programs.
    pub reason: String,
    /// Why, for people.
    pub message: String,
}

open_enum! {
    /// How a Rollout is, in a word.
    RolloutPhase {
        /// The wanted version runs, complete.
        Healthy = "Healthy",
        /// It failed, was aborted, or its spec is invalid.
        Degraded = "Degraded",
        /// It is on its way.
        Progressing = "Progressing",
        /// It waits for a time or for somebody.
        Paused = "Paused",
    }
}

open_enum! {
    /// Why the controller paused a Rollout.
    PauseReason {
        /// An analysis could not tell.
        InconclusiveAnalysisRun = "InconclusiveAnalysisRun",
        /// An experiment could not tell.
        InconclusiveExperiment = "InconclusiveExperiment",
        /// A step says so.
        CanaryPauseStep = "CanaryPauseStep",
        /// The switch waits for a time or for somebody.
        BlueGreenPause = "BlueGreenPause",
    }
}

open_enum! {
    /// How a rollout ended.
    CompletionStatus {
        /// Promoted, by its steps.
        Promoted = "Promoted",
        /// Promoted in full by somebody, past its steps.
        FastPromoted = "FastPromoted",
        /// Aborted.
        Aborted = "Aborted",
        /// Overtaken by a newer version.
        Superseded = "Superseded",
        /// Rolled back to an older version, by its steps.
        RolledBack = "RolledBack",
        /// Rolled back past its steps.
        FastRolledBack = "FastRolledBack",
    }
}

open_enum! {
    /// A Service of a ping-pong canary.
    PingPongType {
        /// The pingService.
        Ping = "ping",
        /// The pongService.
        Pong = "pong",
    }
}

open_enum! {
    /// What a step plugin is asked to do.
    StepPluginOperation {
        /// Carry out the step.
        Run = "Run",
        /// Stop, the step was skipped.
        Terminate = "Terminate",
        /// Take back what it did, the rollout was aborted.
        Abort = "Abort",
    }
}

open_enum! {
    /// How an operation of a step plugin went.
    StepPluginPhase {
        /// It goes on; the plugin will be asked again.
        Running = "Running",
        /// It succeeded.
        Successful = "Successful",
        /// It failed, which aborts the rollout.
        Failed = "Failed",
        /// The plugin could not be asked; that is tried again.
        Error = "Error",
    }
}

open_enum! {
    /// Whether a condition holds.
    ConditionStatus {
        /// It holds.
        True = "True",
        /// It does not.
        False = "False",
        /// That is not known.
        Unknown = "Unknown",
    }
}
