//! What a decision comes to: data, to be compared, printed, cut short and replayed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sluice_crd::rollout::RolloutStatus;

use crate::quantity::Pods;
use crate::reason::Reason;
use crate::snapshot::Needs;
use crate::traffic::objects::RouteKey;
use crate::transition::Transition;

/// What to do about one Rollout now.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The writes, in this order; the first failure ends them. Any prefix is safe to stop after.
    pub actions: Vec<Action>,
    /// The whole new status, where it differs from the observed one: written after the actions.
    pub status: Option<StatusWrite>,
    /// What has happened, to be told once the status is written.
    pub transitions: Vec<Transition>,
    /// Facts without which this plan is provisional.
    pub needs: Needs,
    /// ReplicaSets whose pods have the labels and annotations of their role once this plan is carried
    /// out, each with what that is: to be handed back as a fact.
    pub settled_metadata: BTreeMap<String, String>,
    /// When to look again if nothing changes before.
    pub wake: Wake,
    /// Why things stand as they stand, the most important first.
    pub reasons: Vec<Reason>,
}

impl Plan {
    /// A plan to do nothing until something changes.
    pub fn rest() -> Self {
        Self {
            actions: Vec::new(),
            status: None,
            transitions: Vec::new(),
            needs: Needs::new(),
            settled_metadata: BTreeMap::new(),
            wake: Wake::OnChange,
            reasons: Vec::new(),
        }
    }
}

/// A status to write.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusWrite {
    /// The status, complete.
    pub status: RolloutStatus,
    /// How soon.
    pub urgency: Urgency,
}

/// How soon a status has to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// It records a decision: with this plan.
    Decision,
    /// It carries counts of pods alone: within seconds, together with what else comes up.
    Counts,
}

/// When to look again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wake {
    /// When an object of the snapshot changes.
    #[default]
    OnChange,
    /// At this instant at the latest.
    At(DateTime<Utc>),
}

impl Wake {
    /// The earlier of the two.
    #[must_use]
    pub fn sooner(self, other: Self) -> Self {
        match (self, other) {
            (Self::At(a), Self::At(b)) => Self::At(a.min(b)),
            (Self::At(a), Self::OnChange) | (Self::OnChange, Self::At(a)) => Self::At(a),
            (Self::OnChange, Self::OnChange) => Self::OnChange,
        }
    }
}

/// Labels and annotations that change; those without a value go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MetadataChange {
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Option<String>>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, Option<String>>,
}

impl MetadataChange {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }
}

/// How [`Action::describe`] begins for a new AnalysisRun; its name follows.
pub(crate) const CREATE_RUN: &str = "create AnalysisRun ";

/// One write.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Action {
    /// Creates a ReplicaSet. That it exists already is success when it is ours and of this digest.
    CreateReplicaSet {
        /// Its name.
        name: String,
        /// The object.
        manifest: Box<Value>,
        /// Told once it is created.
        told: Vec<Transition>,
    },
    /// Sets annotations of the Rollout.
    AnnotateRollout {
        /// Keys and values.
        annotations: BTreeMap<String, String>,
        /// Told once they are set.
        told: Vec<Transition>,
    },
    /// Sets the finalizers of the Rollout.
    SetFinalizers {
        /// All of them.
        finalizers: Vec<String>,
    },
    /// Scales the Deployment that the Rollout refers to.
    ScaleDeployment {
        /// Its name.
        name: String,
        /// The version that this was planned on.
        resource_version: String,
        /// `spec.replicas`, from and to.
        scale: (Pods, Pods),
        /// Told once it is done.
        told: Vec<Transition>,
    },
    /// Makes a ReplicaSet that nothing owns one of this Rollout's.
    AdoptReplicaSet {
        /// Its name.
        name: String,
        /// The version that this was planned on.
        resource_version: String,
    },
    /// Scales and annotates a ReplicaSet, in one write.
    PatchReplicaSet {
        /// Its name.
        name: String,
        /// The version that this was planned on.
        resource_version: String,
        /// `spec.replicas`, from and to, if it changes.
        scale: Option<(Pods, Pods)>,
        /// `spec.minReadySeconds`, if it changes.
        min_ready_seconds: Option<i32>,
        /// Annotations that change; those without a value go.
        annotations: BTreeMap<String, Option<String>>,
        /// What changes of the labels and annotations of its template.
        pod_metadata: MetadataChange,
        /// Told once it is done.
        told: Vec<Transition>,
    },
    /// Points a Service at the pods of one hash and marks it as managed.
    SelectPods {
        /// The Service's name.
        service: String,
        /// The version that this was planned on.
        resource_version: String,
        /// The hash that it selects now.
        from: Option<String>,
        /// The hash that it shall select.
        to: String,
        /// The Rollout's name, for the annotation.
        managed_by: String,
        /// Told once it is done.
        told: Vec<Transition>,
    },
    /// Takes the hash and the mark off a Service that is no longer this Rollout's.
    ReleaseService {
        /// The Service's name.
        service: String,
        /// The version that this was planned on.
        resource_version: String,
        /// Whether its selector holds a hash.
        selects_hash: bool,
    },
    /// Changes an object of a router.
    PatchRoute {
        /// Which one.
        key: RouteKey,
        /// The version that this was planned on.
        resource_version: String,
        /// A merge patch of what changes.
        patch: Box<Value>,
        /// For people, what it does: `send 20 of 100 requests to the canary`.
        what: String,
        /// Told once it is done.
        told: Vec<Transition>,
    },
    /// Creates an object of a router. That it exists already is a reason to look again.
    CreateRoute {
        /// Which one.
        key: RouteKey,
        /// The object.
        manifest: Box<Value>,
        /// Told once it is created.
        told: Vec<Transition>,
    },
    /// Deletes an object of a router that is this Rollout's own.
    DeleteRoute {
        /// Which one.
        key: RouteKey,
        /// Its uid: no other of the name is meant.
        uid: String,
        /// The version that this was planned on.
        resource_version: String,
        /// Told once it is done.
        told: Vec<Transition>,
    },
    /// Creates an AnalysisRun. That it exists already is success when it is ours and the same.
    CreateAnalysisRun {
        /// Its name.
        name: String,
        /// The object.
        manifest: Box<Value>,
    },
    /// Tells an AnalysisRun to end.
    TerminateRun {
        /// Its name.
        name: String,
        /// The version that this was planned on.
        resource_version: String,
    },
    /// Deletes an AnalysisRun that is over, beyond the history limit.
    DeleteRun {
        /// Its name.
        name: String,
        /// Its uid: no other of the name is meant.
        uid: String,
        /// The version that this was planned on.
        resource_version: String,
    },
    /// Changes labels and annotations of a pod.
    PatchPod {
        /// Its name.
        name: String,
        /// Its uid: no other of the name is meant.
        uid: String,
        /// What changes.
        metadata: MetadataChange,
    },
    /// Evicts a pod, as far as its PodDisruptionBudget lets it go. A refusal stops nothing: it comes
    /// back as a fact.
    EvictPod {
        /// Its name.
        name: String,
        /// Its uid: no other of the name is meant.
        uid: String,
    },
    /// Deletes a ReplicaSet without pods, beyond the history limit.
    DeleteReplicaSet {
        /// Its name.
        name: String,
        /// Its uid: no other of the name is meant.
        uid: String,
        /// The version that this was planned on.
        resource_version: String,
    },
}

impl Action {
    /// What is told once it succeeded.
    pub fn told(&self) -> &[Transition] {
        match self {
            Self::CreateReplicaSet { told, .. }
            | Self::AnnotateRollout { told, .. }
            | Self::ScaleDeployment { told, .. }
            | Self::PatchReplicaSet { told, .. }
            | Self::PatchRoute { told, .. }
            | Self::CreateRoute { told, .. }
            | Self::DeleteRoute { told, .. }
            | Self::SelectPods { told, .. } => told,
            Self::AdoptReplicaSet { .. }
            | Self::SetFinalizers { .. }
            | Self::ReleaseService { .. }
            | Self::CreateAnalysisRun { .. }
            | Self::TerminateRun { .. }
            | Self::DeleteRun { .. }
            | Self::PatchPod { .. }
            | Self::EvictPod { .. }
            | Self::DeleteReplicaSet { .. } => &[],
        }
    }

    /// Tells this in place of what it would tell.
    pub(crate) fn tell_instead(&mut self, transition: Transition) {
        if let Self::AnnotateRollout { told, .. }
        | Self::ScaleDeployment { told, .. }
        | Self::PatchRoute { told, .. }
        | Self::SelectPods { told, .. } = self
        {
            *told = vec![transition];
        }
    }

    /// What it does, for logs and messages: `scale ReplicaSet web-5d8f from 1 to 3`.
    pub fn describe(&self) -> String {
        match self {
            Self::CreateReplicaSet { name, .. } => format!("create ReplicaSet {name}"),
            Self::AdoptReplicaSet { name, .. } => format!("adopt ReplicaSet {name}"),
            Self::AnnotateRollout { .. } => "annotate the Rollout with its revision".to_owned(),
            Self::SetFinalizers { .. } => "set the finalizers of the Rollout".to_owned(),
            Self::ScaleDeployment { name, scale: (from, to), .. } => {
                format!("scale Deployment {name} from {from} to {to}")
            }
            Self::PatchReplicaSet { name, scale: Some((from, to)), .. } => {
                format!("scale ReplicaSet {name} from {from} to {to}")
            }
            Self::PatchReplicaSet { name, .. } => format!("annotate ReplicaSet {name}"),
            Self::SelectPods { service, to, .. } => {
                format!("point Service {service} at pods of {to}")
            }
            Self::ReleaseService { service, .. } => format!("release Service {service}"),
            Self::PatchRoute { key, what, .. } => format!("change {key}: {what}"),
            Self::CreateRoute { key, .. } => format!("create {key}"),
            Self::DeleteRoute { key, .. } => format!("delete {key}"),
            Self::CreateAnalysisRun { name, .. } => format!("{CREATE_RUN}{name}"),
            Self::TerminateRun { name, .. } => format!("terminate AnalysisRun {name}"),
            Self::DeleteRun { name, .. } => format!("delete AnalysisRun {name}"),
            Self::PatchPod { name, .. } => format!("label pod {name}"),
            Self::EvictPod { name, .. } => format!("evict pod {name}"),
            Self::DeleteReplicaSet { name, .. } => format!("delete ReplicaSet {name}"),
        }
    }
}
