//! An Experiment: its verdict, its versions and its analyses.

use sluice_crd::analysis::AnalysisPhase;
use sluice_crd::experiment::Experiment;
use sluice_crd::time::Time;

use super::analysis_run::AnalysisRunView;
use super::objects::{Objects, created, is_owned, name, revision, uid};
use super::replica_set::ReplicaSetView;

/// An Experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExperimentView {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Option<Time>,
    /// The number of the update that it belongs to.
    pub revision: i64,
    /// The verdict; empty before it has begun.
    pub phase: AnalysisPhase,
    /// Why it is so.
    pub message: String,
    /// Its versions.
    pub replica_sets: Vec<ReplicaSetView>,
    /// Its analyses.
    pub analysis_runs: Vec<AnalysisRunView>,
}

impl ExperimentView {
    /// The Experiments of one owner, the newest update first and then the oldest.
    pub(crate) fn owned_by(owner_uid: &str, objects: &Objects) -> Vec<Self> {
        let owned = objects.experiments.iter().filter(|e| is_owned(&e.metadata, owner_uid));
        let mut views: Vec<Self> = owned.map(|experiment| Self::of(experiment, objects)).collect();
        views.sort_by(|a, b| {
            (b.revision, a.created, &a.name).cmp(&(a.revision, b.created, &b.name))
        });
        views
    }

    fn of(experiment: &Experiment, objects: &Objects) -> Self {
        let meta = &experiment.metadata;
        let status = experiment.status.as_ref();
        let phase = status.and_then(|status| status.phase.clone());
        Self {
            name: name(meta),
            created: created(meta),
            revision: revision(meta),
            phase: phase.unwrap_or_default(),
            message: status.map(|status| status.message.clone()).unwrap_or_default(),
            replica_sets: ReplicaSetView::owned_by(
                uid(meta),
                None,
                &objects.replica_sets,
                &objects.pods,
            ),
            analysis_runs: AnalysisRunView::owned_by(uid(meta), &objects.analysis_runs),
        }
    }
}
