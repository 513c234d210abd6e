//! What the API holds of one Rollout: the input of every view.

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time as ApiTime};
use sluice_crd::analysis::AnalysisRun;
use sluice_crd::experiment::Experiment;
use sluice_crd::rollout::Rollout;
use sluice_crd::time::Time;

/// A Rollout and what may belong to it. Views pick by owner uid, so there may be more here.
#[derive(Clone, Debug)]
pub struct Objects {
    /// The Rollout.
    pub rollout: Rollout,
    /// ReplicaSets.
    pub replica_sets: Vec<ReplicaSet>,
    /// Pods.
    pub pods: Vec<Pod>,
    /// Experiments.
    pub experiments: Vec<Experiment>,
    /// AnalysisRuns.
    pub analysis_runs: Vec<AnalysisRun>,
}

impl Objects {
    /// A Rollout with nothing else.
    pub fn of(rollout: Rollout) -> Self {
        Self {
            rollout,
            replica_sets: Vec::new(),
            pods: Vec::new(),
            experiments: Vec::new(),
            analysis_runs: Vec::new(),
        }
    }
}

/// Whether an object belongs to the one with this uid.
pub(crate) fn is_owned(meta: &ObjectMeta, owner_uid: &str) -> bool {
    meta.owner_references.iter().flatten().any(|owner| owner.uid == owner_uid)
}

pub(crate) fn uid(meta: &ObjectMeta) -> &str {
    meta.uid.as_deref().unwrap_or_default()
}

pub(crate) fn name(meta: &ObjectMeta) -> String {
    meta.name.clone().unwrap_or_default()
}

pub(crate) fn created(meta: &ObjectMeta) -> Option<Time> {
    meta.creation_timestamp.as_ref().and_then(instant)
}

pub(crate) fn annotation<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    meta.annotations.as_ref()?.get(key).map(String::as_str)
}

/// The number of the update that an object belongs to; 0 where that is not written on it.
pub(crate) fn revision(meta: &ObjectMeta) -> i64 {
    annotation(meta, sluice_planner::names::REVISION).and_then(|r| r.parse().ok()).unwrap_or(0)
}

/// The API's time in the domain's type.
pub(crate) fn instant(time: &ApiTime) -> Option<Time> {
    chrono::DateTime::from_timestamp(time.0.as_second(), 0).map(Time::new)
}
