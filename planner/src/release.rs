//! The parts of a release: which ReplicaSet plays which role, and within which bounds.

use std::sync::Arc;

use sluice_crd::identity::TemplateDigest;
use sluice_crd::rollout::{
    BlueGreenStrategy, CanaryStep, CanaryStrategy, RolloutSpec, RolloutStatus, RolloutStrategy,
};
use sluice_crd::time::Time;

use crate::conditions::{self, kinds, reasons};
use crate::movement::Bounds;
use crate::names::NOT_PROMOTED;
use crate::newest::Missing;
use crate::quantity::Pods;
use crate::routed::Routing;
use crate::snapshot::{ReplicaSetRecord, RolloutRecord, Snapshot};

/// One release as it stands: everything below is read off the snapshot, nothing decided yet.
#[derive(Debug)]
pub(crate) struct Release<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) rollout: &'a RolloutRecord,
    pub(crate) now: Time,
    pub(crate) strategy: Strategy<'a>,
    pub(crate) steps: &'a [CanaryStep],
    /// The routers of a canary that has some.
    pub(crate) routing: Option<Routing<'a>>,
    /// `spec.replicas`.
    pub(crate) replicas: Pods,
    /// `maxSurge` in pods.
    pub(crate) surge: Pods,
    pub(crate) bounds: Bounds,
    pub(crate) digest: TemplateDigest,
    pub(crate) new: New,
    /// The one that `status.stableRS` names, if it exists. It may be the new one.
    pub(crate) stable: Option<Arc<ReplicaSetRecord>>,
    /// Neither new nor stable; oldest first.
    pub(crate) older: Vec<Arc<ReplicaSetRecord>>,
    pub(crate) revision: i64,
}

/// How one version follows another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Strategy<'a> {
    Canary(&'a CanaryStrategy),
    BlueGreen(&'a BlueGreenStrategy),
}

impl<'a> Strategy<'a> {
    /// The one that the spec names; validation has seen to it that there is one.
    pub(crate) fn of(strategy: &'a RolloutStrategy) -> Option<Self> {
        match (&strategy.canary, &strategy.blue_green) {
            (Some(canary), _) => Some(Self::Canary(canary)),
            (None, Some(blue_green)) => Some(Self::BlueGreen(blue_green)),
            (None, None) => None,
        }
    }

    pub(crate) fn canary(self) -> Option<&'a CanaryStrategy> {
        match self {
            Self::Canary(canary) => Some(canary),
            Self::BlueGreen(_) => None,
        }
    }

    pub(crate) fn blue_green(self) -> Option<&'a BlueGreenStrategy> {
        match self {
            Self::BlueGreen(blue_green) => Some(blue_green),
            Self::Canary(_) => None,
        }
    }

    /// Pods that may run beyond `replicas`, and pods of them that may be missing.
    fn limits(self, replicas: Pods) -> (Pods, Pods) {
        match self {
            // Validation has passed: what does not resolve now cannot come up; nothing moves then.
            Self::Canary(canary) => canary
                .rolling_limits(replicas.0)
                .map_or((Pods::ZERO, Pods::ZERO), |l| (Pods(l.max_surge), Pods(l.max_unavailable))),
            // Two whole versions side by side.
            Self::BlueGreen(blue_green) => {
                (replicas, Pods(blue_green.max_unavailable_pods(replicas.0).unwrap_or(0)))
            }
        }
    }
}

/// The new ReplicaSet: found, or about to be created.
#[derive(Clone, Debug)]
pub(crate) enum New {
    Found(Arc<ReplicaSetRecord>),
    Missing(Missing),
}

impl New {
    pub(crate) fn hash(&self) -> &str {
        match self {
            Self::Found(rs) => &rs.hash,
            Self::Missing(missing) => &missing.hash,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Found(rs) => &rs.name,
            Self::Missing(missing) => &missing.name,
        }
    }

    pub(crate) fn record(&self) -> Option<&Arc<ReplicaSetRecord>> {
        match self {
            Self::Found(rs) => Some(rs),
            Self::Missing(_) => None,
        }
    }

    pub(crate) fn available(&self) -> Pods {
        self.record().map_or(Pods::ZERO, |rs| rs.serving())
    }

    pub(crate) fn desired(&self) -> Pods {
        self.record().map_or(Pods::ZERO, |rs| rs.desired)
    }
}

impl<'a> Release<'a> {
    pub(crate) fn new(
        snapshot: &'a Snapshot,
        strategy: Strategy<'a>,
        digest: TemplateDigest,
        new: New,
    ) -> Self {
        let rollout: &RolloutRecord = &snapshot.rollout;
        let spec = &rollout.spec;
        let replicas = Pods(spec.replicas_or_default());
        let (surge, slack) = strategy.limits(replicas);
        let live = || snapshot.replica_sets.iter().filter(|rs| !rs.deleting);
        let stable_hash = rollout.status.stable_rs.as_str();
        let stable = live().find(|rs| !stable_hash.is_empty() && rs.hash == stable_hash).cloned();
        let mut older: Vec<_> = live()
            .filter(|rs| rs.name != new.name())
            .filter(|rs| stable.as_ref().is_none_or(|stable| stable.uid != rs.uid))
            .cloned()
            .collect();
        older.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
        Self {
            snapshot,
            rollout,
            now: Time::new(snapshot.now),
            strategy,
            routing: strategy.canary().and_then(|canary| Routing::of(snapshot, canary)),
            steps: strategy.canary().and_then(|c| c.steps.as_deref()).unwrap_or_default(),
            replicas,
            surge,
            bounds: Bounds {
                most: replicas + surge,
                fewest: (replicas - slack).or_none(),
                patient: true,
            },
            digest,
            revision: revision_of(snapshot, &new),
            new,
            stable,
            older,
        }
    }

    pub(crate) fn spec(&self) -> &RolloutSpec {
        &self.rollout.spec
    }

    pub(crate) fn status(&self) -> &RolloutStatus {
        &self.rollout.status
    }

    /// Whether what is asked for is what is stable.
    pub(crate) fn is_steady(&self) -> bool {
        self.status().stable_rs == self.new.hash()
    }

    /// Whether what is asked for is what it was in the last pass. A ReplicaSet that is being deleted
    /// is replaced under another name; the template is the same.
    pub(crate) fn is_current(&self) -> bool {
        let current = self.status().current_pod_hash.as_str();
        let dying = || {
            let mut sets = self.snapshot.replica_sets.iter();
            let same = |rs: &ReplicaSetRecord| rs.digest().as_ref() == Some(&self.digest);
            sets.any(|rs| rs.deleting && rs.hash == current && same(rs))
        };
        current == self.new.hash() || (!current.is_empty() && dying())
    }

    /// Whether there is no version to fall back to.
    pub(crate) fn is_initial(&self) -> bool {
        !self.is_steady() && self.stable.is_none()
    }

    /// Whether the new version is an older one that is not far behind (`rollbackWindow`, spec §2.6):
    /// fewer than so many others were made between it and the stable one.
    pub(crate) fn is_within_rollback_window(&self) -> bool {
        let Some(window) = &self.spec().rollback_window else { return false };
        let (Some(new), Some(stable)) = (self.new.record(), &self.stable) else { return false };
        if new.created >= stable.created || new.annotations.get(NOT_PROMOTED).is_some() {
            return false;
        }
        let between =
            |rs: &&Arc<ReplicaSetRecord>| new.created < rs.created && rs.created < stable.created;
        let count = self.older.iter().filter(between).count();
        i64::try_from(count).is_ok_and(|count| count < i64::from(window.revisions))
    }

    /// Whether an older version was given up before it was promoted, as far as this pass shows: it
    /// was the current one until now, or it came after the one that is stable all the same.
    pub(crate) fn is_overtaken(&self, rs: &ReplicaSetRecord) -> bool {
        let stable = self.new.record().filter(|_| self.is_steady());
        let revisions = rs.revision().zip(stable.and_then(|stable| stable.revision()));
        rs.hash == self.status().current_pod_hash
            || revisions.is_some_and(|(its, stable)| its > stable)
    }

    pub(crate) fn step_count(&self) -> usize {
        self.steps.len()
    }
}

/// Pods that come with the surge are waited for this long before the slack is used as well: where
/// there is no room for them, pods of the other version have to make it.
const PATIENCE: chrono::TimeDelta = chrono::TimeDelta::seconds(10);

/// How long pods that are to come are waited for, by the status as it is about to be: progress that
/// has not been written down yet counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Nothing was under way before: it begins now.
    Begins,
    /// So long after the last progress.
    Until(chrono::DateTime<chrono::Utc>),
    /// Nobody waits: it is paused, aborted, or finished and lacks pods.
    None,
}

pub(crate) fn patience(status: &RolloutStatus) -> Patience {
    let Some(progressing) = conditions::get(status, kinds::PROGRESSING) else {
        return Patience::Begins;
    };
    match progressing.reason.as_str() {
        reasons::REPLICA_SET_UPDATED | reasons::TIMED_OUT => {
            Patience::Until(progressing.last_update_time.to_chrono() + PATIENCE)
        }
        reasons::ROLLOUT_PAUSED | reasons::ROLLOUT_ABORTED | reasons::REPLICA_SET_NOT_AVAILABLE => {
            Patience::None
        }
        _ => Patience::Begins,
    }
}

/// The new ReplicaSet has the highest number of all; if it has not, it gets the next one.
fn revision_of(snapshot: &Snapshot, new: &New) -> i64 {
    let others = snapshot
        .replica_sets
        .iter()
        .filter(|rs| rs.name != new.name())
        .filter_map(|rs| rs.revision())
        .max()
        .unwrap_or(0);
    match new.record().and_then(|rs| rs.revision()) {
        Some(own) if own > others => own,
        _ => others.saturating_add(1),
    }
}
