//! All that one decision looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::Value;
use sluice_analysis::run::is_completed;
use sluice_crd::analysis::AnalysisPhase;
use sluice_crd::identity::{IdentityScheme, TemplateDigest};
use sluice_crd::raw::Raw;
use sluice_crd::rollout::{RolloutSpec, RolloutStatus};
use sluice_crd::time::Time;

use crate::annotations::Annotations;
use crate::own_fields::SetFields;
use crate::pod_trouble::PodTrouble;
use crate::quantity::Pods;
use crate::traffic::alb::verify::Look;
use crate::traffic::objects::Routes;

/// What the planner may look at: built by the shell from its records, never from a fresh list.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The instant of the decision.
    pub now: DateTime<Utc>,
    /// The Rollout.
    pub rollout: Arc<RolloutRecord>,
    /// Its ReplicaSets, by owner uid, in the order of their names.
    pub replica_sets: Vec<Arc<ReplicaSetRecord>>,
    /// ReplicaSets without an owner that its selector matches, in the order of their names.
    pub orphans: Vec<Arc<ReplicaSetRecord>>,
    /// The Services that it names or that are marked as managed by it, by name.
    pub services: BTreeMap<String, Arc<ServiceRecord>>,
    /// The objects of routers that it names or controls ([`crate::traffic::routers::named`]).
    pub routes: Routes,
    /// The workload that `spec.workloadRef` names.
    pub workload: Workload,
    /// Its AnalysisRuns, by owner uid, in the order of their names.
    pub runs: Vec<Arc<RunRecord>>,
    /// The analysis templates that it leads to, nested ones included.
    pub templates: Templates,
    /// What the shell fetched because an earlier plan asked for it.
    pub facts: Facts,
    /// Why the last apply stopped, if it did. A plan made with it tells of that, and acts only as
    /// far as the refusal leaves it possible.
    pub failure: Option<Failure>,
    /// The switches of the controller.
    pub settings: Settings,
}

/// A Rollout as the planner needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutRecord {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`: what writes are conditional on.
    pub resource_version: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`.
    pub created: Option<Time>,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// `metadata.finalizers`.
    pub finalizers: Vec<String>,
    /// `metadata.labels`.
    pub labels: Annotations,
    /// `metadata.annotations`, without kubectl's copy of the last applied object.
    pub annotations: Annotations,
    /// `spec`, the pod template raw.
    pub spec: Arc<RolloutSpec>,
    /// `status` as last observed, clients' edits included.
    pub status: RolloutStatus,
}

/// A ReplicaSet as the planner needs it: some ten fields of its hundred.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplicaSetRecord {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.creationTimestamp`.
    pub created: Option<Time>,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// The label `rollouts-pod-template-hash`.
    pub hash: String,
    /// `metadata.annotations`, without kubectl's copy of the last applied object.
    pub annotations: Annotations,
    /// `spec.replicas`.
    pub desired: Pods,
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: i32,
    /// `status.replicas`: pods that exist and are not being deleted.
    pub replicas: Pods,
    /// `status.readyReplicas`.
    pub ready: Pods,
    /// `status.availableReplicas`.
    pub available: Pods,
    /// Whether the status is that of an earlier spec: of the pods that it counts, some may be going.
    pub unobserved: bool,
    /// The message of its condition `ReplicaFailure`, when true (a quota, a webhook).
    pub failure: Option<String>,
}

impl ReplicaSetRecord {
    /// Pods that serve and that this ReplicaSet keeps: a status may lag behind a smaller spec.
    pub fn serving(&self) -> Pods {
        self.available.min(self.desired)
    }

    /// Pods that are ready and not available yet (`minReadySeconds`).
    pub fn unsettled(&self) -> Pods {
        (self.ready - self.available).or_none()
    }
}

/// Of the pods that serve, those that are left for sure when a ReplicaSet is asked for so many pods: it
/// gives up first what is not ready, and then any, those that are not available yet or those that are.
pub(crate) fn serving_of(asked: Pods, available: Pods, unsettled: Pods) -> Pods {
    let lost = (available + unsettled - asked).or_none();
    (available - lost).or_none().min(asked)
}

/// A Service as the planner needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceRecord {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// `spec.selector`.
    pub selector: BTreeMap<String, String>,
    /// The annotation `argo-rollouts.argoproj.io/managed-by-rollouts`: a Rollout's name.
    pub managed_by: Option<String>,
}

impl ServiceRecord {
    /// The pod hash that it selects, if it does.
    pub fn hash(&self) -> Option<&str> {
        self.selector.get(crate::names::HASH_LABEL).map(String::as_str)
    }
}

/// What is known of the workload that a Rollout refers to.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Workload {
    /// It does not exist, or none is referred to.
    #[default]
    Absent,
    /// Workloads of its kind have not been listed yet.
    Unread,
    /// As it is.
    Found(Arc<WorkloadRecord>),
}

/// A Deployment, ReplicaSet or PodTemplate as the planner needs it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkloadRecord {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// Its pod template, raw.
    pub template: Raw<PodTemplateSpec>,
    /// `spec.selector`; a PodTemplate has none.
    pub selector: Option<LabelSelector>,
    /// `spec.replicas`.
    pub desired: Pods,
    /// `status.availableReplicas`; none while its status speaks of an earlier spec.
    pub available: Pods,
}

/// An AnalysisRun as the planner needs it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunRecord {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.creationTimestamp`.
    pub created: Option<Time>,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// The label `rollouts-pod-template-hash`.
    pub hash: String,
    /// The label `rollout-type`.
    pub run_type: String,
    /// The label `step-index`.
    pub step_index: Option<usize>,
    /// `spec.terminate`.
    pub terminate: bool,
    /// `status.phase`.
    pub phase: AnalysisPhase,
    /// `status.message`.
    pub message: String,
    /// `status.completedAt`.
    pub completed_at: Option<Time>,
    /// `spec` as text, while the run is not over.
    pub spec: Option<Arc<str>>,
    /// Why the API server refuses to write what it measures, while it does.
    pub refused: Option<String>,
}

impl RunRecord {
    /// Whether it may still measure.
    pub fn is_live(&self) -> bool {
        !self.deleting && !self.terminate && !is_completed(&self.phase)
    }
}

/// An AnalysisTemplate or ClusterAnalysisTemplate as the planner needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateRecord {
    /// `spec` as text; empty where it cannot be understood.
    pub spec: Arc<str>,
    /// Why it cannot be understood.
    pub problem: Option<String>,
    /// The annotation `sluice.dev/no-data`.
    pub no_data: Option<String>,
}

/// Analysis templates by scope and name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Templates {
    /// Those that there are: `true` and the name of one of the cluster, `false` and the name of one
    /// of the namespace.
    pub found: BTreeMap<(bool, String), Arc<TemplateRecord>>,
    /// Those of the cluster are not looked at: the controller is installed for one namespace.
    pub namespace_only: bool,
}

/// What is not kept but fetched when a plan asks: absent until then.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// `spec.template` of the ReplicaSets, by name.
    pub templates: Option<BTreeMap<String, Value>>,
    /// What keeps pods from serving, by the hash of their version: the worst first, and not all.
    pub pods_in_trouble: BTreeMap<String, Vec<PodTrouble>>,
    /// The pods that the EndpointSlices of the preview Service have as ready.
    pub preview_endpoints: Option<Endpoints>,
    /// The pods of the ReplicaSets; why they cannot be read.
    pub pods: Option<Result<Vec<PodRecord>, String>>,
    /// What the load balancers do, by the last look.
    pub load_balancers: Option<Look>,
    /// Evictions that were refused the last time that they were tried, by pod.
    pub refused_evictions: BTreeMap<String, RefusedEviction>,
    /// What was set lately in objects of others; without it nothing is known to be taken back.
    pub set_fields: SetFields,
    /// [`Plan::settled_metadata`](crate::Plan::settled_metadata) of the last plan that was carried
    /// out.
    pub settled_metadata: BTreeMap<String, String>,
}

/// A pod as the planner needs it: one that has not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodRecord {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// The uid of the ReplicaSet that controls it.
    pub owner: String,
    /// `metadata.creationTimestamp`.
    pub created: Option<Time>,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// Since when it is ready, if it is.
    pub ready_since: Option<Time>,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `status.podIPs`.
    pub addresses: Vec<String>,
}

/// An eviction that the API server refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEviction {
    /// When it was tried.
    pub at: DateTime<Utc>,
    /// What the API server said.
    pub message: String,
}

/// What EndpointSlices say of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoints {
    /// The names of the pods that are ready behind it.
    Ready(BTreeSet<String>),
    /// They may not be read: nobody can wait for them.
    Unreadable,
}

/// A thing that a plan cannot be made without, or not well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// [`Facts::templates`]: without them there is no plan.
    Templates,
    /// [`Facts::pods_in_trouble`] of the version of this hash: without them the plan holds as it
    /// is.
    PodsInTrouble(String),
    /// [`Facts::preview_endpoints`]: without them clients are not switched.
    PreviewEndpoints,
    /// [`Facts::pods`]: without them no pod is touched.
    Pods,
    /// [`Facts::load_balancers`], a new look: without it weights are not verified.
    LoadBalancers,
}

/// The things that a plan asks for.
pub type Needs = BTreeSet<Need>;

/// What stopped an apply: one action, refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was attempted, for people: `create ReplicaSet web-5d8f`.
    pub action: String,
    /// Which kind of action it was.
    pub kind: FailureKind,
    /// What the API server said.
    pub message: String,
}

/// The kinds of failure that a plan answers differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The name of the new ReplicaSet is taken by one that is not ours.
    NameTaken,
    /// The new ReplicaSet could not be created.
    Create,
    /// The name of an AnalysisRun is taken by one that is not ours.
    RunNameTaken,
    /// Any other write was refused.
    Other,
}

/// The switches of the controller that change what is decided.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Writes `status.observedGeneration` as a number, for kstatus (Flux, `helm --wait`).
    pub numeric_observed_generation: bool,
    /// How templates are told apart.
    pub identity: IdentityScheme,
    /// Aborts updates whose pods crash-loop or cannot pull their image, unless a Rollout says
    /// otherwise.
    pub fail_fast: bool,
    /// Weights of AWS load balancers count when the load balancers have them, whose target groups
    /// are told apart by the tag of this key (`--aws-verify-target-group`).
    pub verify_target_groups: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            numeric_observed_generation: false,
            identity: IdentityScheme::CURRENT,
            fail_fast: false,
            verify_target_groups: None,
        }
    }
}

impl ReplicaSetRecord {
    /// The digest of the template that it was created from, if it carries one.
    pub fn digest(&self) -> Option<TemplateDigest> {
        self.annotations.get(crate::names::TEMPLATE_DIGEST)?.parse().ok()
    }

    /// The revision that it stands for, if it carries one.
    pub fn revision(&self) -> Option<i64> {
        self.annotations.get(crate::names::REVISION)?.parse().ok()
    }
}
