//! Read your writes: no decision on records that are older than what we wrote ourselves (I12).
//!
//! After a write, the key it was made for waits until the record shows it. It is let go when the
//! version is reached, when the object is gone or replaced, or when a list that began after the
//! write does not name it. Should none of this come, one GET decides after [`PATIENCE`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sluice_planner::traffic::objects::RouteKind;
use tokio::time::Instant;

use super::Place;
use super::table::is_newer;
use crate::key::Key;

/// How long a record may lag behind a write before the object is fetched.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// The kinds of objects that are written and watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// `rollouts.argoproj.io`
    Rollout,
    /// `replicasets.apps`
    ReplicaSet,
    /// `services`
    Service,
    /// `analysisruns.argoproj.io`
    AnalysisRun,
    /// `analysistemplates.argoproj.io`; read only.
    AnalysisTemplate,
    /// `clusteranalysistemplates.argoproj.io`; read only.
    ClusterAnalysisTemplate,
    /// `deployments.apps`, referred to by Rollouts.
    Deployment,
    /// `replicasets.apps` that are no Rollout's, referred to by Rollouts; read only.
    PlainReplicaSet,
    /// `podtemplates`, referred to by Rollouts; read only.
    PodTemplate,
    /// An object of a router, named by Rollouts.
    Route(RouteKind),
}

impl ResourceKind {
    /// Those that are watched in any case.
    pub const ALL: [Self; 6] = [
        Self::Rollout,
        Self::ReplicaSet,
        Self::Service,
        Self::AnalysisRun,
        Self::AnalysisTemplate,
        Self::ClusterAnalysisTemplate,
    ];

    /// The kind as objects name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rollout => "Rollout",
            Self::ReplicaSet | Self::PlainReplicaSet => "ReplicaSet",
            Self::Service => "Service",
            Self::AnalysisRun => "AnalysisRun",
            Self::AnalysisTemplate => "AnalysisTemplate",
            Self::ClusterAnalysisTemplate => "ClusterAnalysisTemplate",
            Self::Deployment => "Deployment",
            Self::PodTemplate => "PodTemplate",
            Self::Route(kind) => kind.name(),
        }
    }
}

/// An object by kind and place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its namespace and name.
    pub place: Place,
}

/// A write that the API server has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrote {
    /// The object.
    pub id: ObjectId,
    /// Its uid, where it is known.
    pub uid: Option<String>,
    /// What it came to.
    pub effect: Effect,
}

/// What a write came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The object is at this version.
    Version(String),
    /// The object is deleted, or marked for it.
    Gone,
    /// Refused: the object is newer than this version.
    NewerThan(String),
}

#[derive(Debug)]
struct Waiting {
    uid: Option<String>,
    effect: Effect,
    since: Instant,
}

/// The writes that the records do not show yet, by the key that waits for them.
#[derive(Debug, Default)]
pub struct Pending {
    by_key: BTreeMap<Key, BTreeMap<ObjectId, Waiting>>,
    /// An AnalysisRun is written for itself and for its Rollout.
    keys: BTreeMap<ObjectId, BTreeSet<Key>>,
}

/// What a record shows of an object.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Its uid.
    pub uid: &'a str,
    /// Its version.
    pub version: &'a str,
}

impl Pending {
    /// Notes a write, unless the record shows it already.
    pub fn add(&mut self, key: &Key, wrote: Wrote, shown: Option<Shown<'_>>, now: Instant) {
        let waiting = Waiting { uid: wrote.uid, effect: wrote.effect, since: now };
        if shown.is_some_and(|shown| waiting.is_shown_by(shown)) {
            self.let_go(key, &wrote.id);
            return;
        }
        if shown.is_none() && !matches!(waiting.effect, Effect::Version(_)) {
            return;
        }
        self.keys.entry(wrote.id.clone()).or_default().insert(key.clone());
        self.by_key.entry(key.clone()).or_default().insert(wrote.id, waiting);
    }

    /// A record of the object came in; the keys that need not wait for it any longer.
    pub fn seen(&mut self, id: &ObjectId, shown: Shown<'_>) -> BTreeSet<Key> {
        self.settle_where(id, |waiting| waiting.is_shown_by(shown))
    }

    /// An object of the name was deleted; the keys that need not wait for it any longer. The one
    /// that came after it may still be waited for.
    pub fn deleted(&mut self, id: &ObjectId, last: Shown<'_>) -> BTreeSet<Key> {
        self.settle_where(id, |waiting| {
            let ours = waiting.uid.as_deref() == Some(last.uid);
            ours && waiting.effect == Effect::Gone || waiting.is_shown_by(last)
        })
    }

    /// The object was fetched; the keys that need not wait for it any longer.
    pub fn settle(&mut self, id: &ObjectId) -> BTreeSet<Key> {
        self.settle_where(id, |_| true)
    }

    fn settle_where(&mut self, id: &ObjectId, shown: impl Fn(&Waiting) -> bool) -> BTreeSet<Key> {
        let waits = |key: &&Key| self.by_key.get(*key).and_then(|w| w.get(id)).is_some_and(&shown);
        let settled: BTreeSet<Key> =
            self.keys.get(id).into_iter().flatten().filter(waits).cloned().collect();
        for key in &settled {
            self.let_go(key, id);
        }
        settled
    }

    /// A key waits for an object no longer.
    fn let_go(&mut self, key: &Key, id: &ObjectId) {
        if let Some(waiting) = self.by_key.get_mut(key) {
            waiting.remove(id);
            if waiting.is_empty() {
                self.by_key.remove(key);
            }
        }
        if let Some(keys) = self.keys.get_mut(id) {
            keys.remove(key);
            if keys.is_empty() {
                self.keys.remove(id);
            }
        }
    }

    /// A list of the kind that began at `began` is complete and did not name these objects.
    pub fn not_listed(
        &mut self,
        kind: ResourceKind,
        began: Instant,
        named: impl Fn(&Place) -> bool,
    ) -> BTreeSet<Key> {
        let absent = self.keys.keys().filter(|id| id.kind == kind && !named(&id.place));
        let absent: Vec<ObjectId> = absent.cloned().collect();
        let settle = |id| self.settle_where(id, |waiting| waiting.since <= began);
        absent.iter().flat_map(settle).collect()
    }

    /// The key's object is gone: nothing of it is waited for any longer.
    pub fn forget(&mut self, key: &Key) {
        let waiting: Option<Vec<ObjectId>> =
            self.by_key.get(key).map(|waiting| waiting.keys().cloned().collect());
        for id in waiting.unwrap_or_default() {
            self.let_go(key, &id);
        }
    }

    /// Whether the records show all that was written for the key; else since when the oldest
    /// write is waited for.
    pub fn waits_since(&self, key: &Key) -> Option<Instant> {
        self.by_key.get(key)?.values().map(|w| w.since).min()
    }

    /// The objects that have been waited for too long.
    pub fn overdue(&self, key: &Key, now: Instant) -> Vec<ObjectId> {
        let all = self.by_key.get(key).into_iter().flatten();
        all.filter(|(_, w)| now.duration_since(w.since) >= PATIENCE)
            .map(|(id, _)| id.clone())
            .collect()
    }
}

impl Waiting {
    fn is_shown_by(&self, shown: Shown<'_>) -> bool {
        match &self.effect {
            // Versions grow over all objects of a name: an older one's record shows nothing.
            Effect::Version(version) => !is_newer(version, shown.version),
            Effect::NewerThan(version) => is_newer(shown.version, version),
            Effect::Gone => self.uid.as_deref().is_some_and(|uid| uid != shown.uid),
        }
    }
}
