//! Why a Rollout stands where it stands: what it waits for, since when, what ends the wait, and
//! what a person can do.
//!
//! Where Sluice looks after the Rollout, the reasons are those of its `Ready` condition. Where
//! Argo Rollouts does, there is none, and they follow from the rest of the status.

mod action;
mod ahead;
mod analysis;
mod reason;
mod situation;
mod text;
mod trouble;
mod version;

use sluice_crd::analysis::AnalysisRun;
use sluice_crd::rollout::{Rollout, RolloutStatus};
use sluice_crd::time::Time;
use sluice_planner::conditions;

pub use action::Action;
pub use ahead::{Gate, Step, StepState};
pub use analysis::Analysis;
pub use situation::Situation;
pub use text::lines;
pub use trouble::PodTrouble;
pub use version::{Role, Version, WaitedFor};

use super::objects::Objects;
use super::replica_set::{ReplicaSetView, Tag};
use super::rollout::RolloutView;

/// Pods that are described, at most: the answer fits on a screen.
const PODS_MAX: usize = 4;

/// Why a Rollout stands where it stands, as of one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// The Rollout.
    pub rollout: RolloutView,
    /// What it is about.
    pub situation: Situation,
    /// What it waits for, the most important first.
    pub reasons: Vec<String>,
    /// Since when.
    pub since: Option<Since>,
    /// What ends it, and when.
    pub ends: Vec<End>,
    /// The analyses that it rests on, or waits for.
    pub analyses: Vec<Analysis>,
    /// The versions that have pods or should have some, the newest first.
    pub versions: Vec<Version>,
    /// The version whose pods are waited for, with what keeps them.
    pub waited_for: Option<WaitedFor>,
    /// The steps, where there are some to go.
    pub steps: Vec<Step>,
    /// What a person can do.
    pub actions: Vec<Action>,
}

/// The beginning of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// When.
    pub at: Time,
    /// What happened then.
    pub what: &'static str,
}

/// An end of a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// When, where that is known.
    pub at: Option<Time>,
    /// What ends it, or what happens then.
    pub what: String,
}

/// The objects, seen from all sides: what the parts of the answer are computed from.
struct Scene<'a> {
    rollout: &'a Rollout,
    status: &'a RolloutStatus,
    view: &'a RolloutView,
    runs: &'a [AnalysisRun],
    now: Time,
}

impl<'a> Scene<'a> {
    /// The ReplicaSet of the new version.
    fn new_set(&self) -> Option<&'a ReplicaSetView> {
        self.set(&self.status.current_pod_hash)
    }

    /// The ReplicaSet of the stable version.
    fn stable_set(&self) -> Option<&'a ReplicaSetView> {
        self.view.replica_sets().find(|set| set.is(&Tag::Stable))
    }

    fn set(&self, hash: &str) -> Option<&'a ReplicaSetView> {
        self.view.replica_sets().find(|set| !hash.is_empty() && set.hash == hash)
    }

    /// Whether there is a version to fall back to that is not the new one.
    fn has_other_stable(&self) -> bool {
        let status = self.status;
        !status.stable_rs.is_empty() && status.stable_rs != status.current_pod_hash
    }

    fn condition(&self, kind: &str) -> Option<&'a sluice_crd::rollout::RolloutCondition> {
        conditions::get(self.status, kind)
    }
}

impl Why {
    /// Why the Rollout of these objects stands where it stands.
    pub fn new(objects: &Objects, now: Time) -> Self {
        let view = RolloutView::new(objects, now);
        let empty = RolloutStatus::default();
        let rollout = &objects.rollout;
        let status = rollout.status.as_ref().unwrap_or(&empty);
        let scene = Scene { rollout, status, view: &view, runs: &objects.analysis_runs, now };
        let situation = Situation::of(&scene);
        let finding = reason::find(&scene, &situation);
        let waited_for = version::waited_for(&scene, &situation, &objects.pods);
        let analyses = analysis::analyses(&scene, &situation);
        let actions = action::actions(&scene, &situation, waited_for.as_ref(), &analyses);
        let versions = version::versions(&scene);
        let steps = ahead::steps(&scene, &situation);
        Self {
            situation,
            reasons: finding.reasons,
            since: finding.since,
            ends: finding.ends,
            analyses,
            versions,
            waited_for,
            steps,
            actions,
            rollout: view,
        }
    }
}
