//! A Rollout with all that belongs to it.

use std::collections::BTreeSet;

use sluice_crd::rollout::RolloutStatus;
use sluice_crd::time::Time;

use super::analysis_run::AnalysisRunView;
use super::experiment::ExperimentView;
use super::image::ImageView;
use super::objects::{Objects, created, name, uid};
use super::phase::PhaseView;
use super::replica_set::ReplicaSetView;
use super::weight;

/// What is shown of a Rollout, as of one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutView {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// When it was created.
    pub created: Option<Time>,
    /// How it is.
    pub phase: PhaseView,
    /// How new versions are released.
    pub strategy: StrategyView,
    /// The images that run.
    pub images: Vec<ImageView>,
    /// Pods asked for.
    pub desired: i64,
    /// Pods of all versions.
    pub current: i32,
    /// Pods of the new version.
    pub updated: i32,
    /// Ready pods.
    pub ready: i32,
    /// Available pods.
    pub available: i32,
    /// The updates that something is left of, the newest first.
    pub revisions: Vec<RevisionView>,
    /// The instant: ages count up to here.
    pub now: Time,
}

/// How new versions are released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StrategyView {
    /// Step by step.
    Canary {
        /// How many steps are over, and how many there are; none where there are no steps, or none
        /// has been taken.
        step: Option<(i32, usize)>,
        /// The weight that is asked for.
        set_weight: i64,
        /// The weight that the new version has.
        actual_weight: i64,
    },
    /// By switching a Service.
    BlueGreen,
    /// The Rollout names neither.
    None,
}

impl StrategyView {
    /// In a word; empty where there is none.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Canary { .. } => "Canary",
            Self::BlueGreen => "BlueGreen",
            Self::None => "",
        }
    }
}

/// An update, with what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionView {
    /// Its number.
    pub number: i64,
    /// Its ReplicaSets.
    pub replica_sets: Vec<ReplicaSetView>,
    /// Its Experiments.
    pub experiments: Vec<ExperimentView>,
    /// Its AnalysisRuns.
    pub analysis_runs: Vec<AnalysisRunView>,
}

impl RolloutView {
    /// The view of these objects.
    pub fn new(objects: &Objects, now: Time) -> Self {
        let rollout = &objects.rollout;
        let meta = &rollout.metadata;
        let empty = RolloutStatus::default();
        let status = rollout.status.as_ref().unwrap_or(&empty);
        let sets = ReplicaSetView::owned_by(
            uid(meta),
            Some(rollout),
            &objects.replica_sets,
            &objects.pods,
        );
        let experiments = ExperimentView::owned_by(uid(meta), objects);
        let runs = AnalysisRunView::owned_by(uid(meta), &objects.analysis_runs);
        let strategy = match (&rollout.spec.strategy.canary, &rollout.spec.strategy.blue_green) {
            (Some(canary), _) => StrategyView::Canary {
                step: steps_over(status, canary.steps.as_ref().map_or(0, Vec::len)),
                set_weight: weight::set_weight(canary, status),
                actual_weight: weight::actual_weight(canary, status, &sets),
            },
            (None, Some(_)) => StrategyView::BlueGreen,
            (None, None) => StrategyView::None,
        };
        Self {
            name: name(meta),
            namespace: meta.namespace.clone().unwrap_or_default(),
            created: created(meta),
            phase: PhaseView::of(rollout),
            strategy,
            images: ImageView::of(&sets, &experiments),
            desired: rollout.spec.replicas_or_default(),
            current: status.replicas,
            updated: status.updated_replicas,
            ready: status.ready_replicas,
            available: status.available_replicas,
            revisions: revisions(sets, experiments, runs),
            now,
        }
    }

    /// The ReplicaSets of all updates, the newest first.
    pub fn replica_sets(&self) -> impl Iterator<Item = &ReplicaSetView> {
        self.revisions.iter().flat_map(|revision| &revision.replica_sets)
    }
}

/// How many steps are over, of how many; none where the status does not say, or there are none.
pub(crate) fn steps_over(status: &RolloutStatus, count: usize) -> Option<(i32, usize)> {
    status.current_step_index.filter(|_| count > 0).map(|index| (index, count))
}

fn revisions(
    sets: Vec<ReplicaSetView>,
    experiments: Vec<ExperimentView>,
    runs: Vec<AnalysisRunView>,
) -> Vec<RevisionView> {
    let numbers: BTreeSet<i64> = sets
        .iter()
        .map(|set| set.revision)
        .chain(experiments.iter().map(|experiment| experiment.revision))
        .chain(runs.iter().map(|run| run.revision))
        .collect();
    let of = |number: i64| RevisionView {
        number,
        replica_sets: sets.iter().filter(|set| set.revision == number).cloned().collect(),
        experiments: experiments.iter().filter(|e| e.revision == number).cloned().collect(),
        analysis_runs: runs.iter().filter(|run| run.revision == number).cloned().collect(),
    };
    numbers.into_iter().rev().map(of).collect()
}
