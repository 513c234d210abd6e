//! Read your writes: no decision on records that are older than what we wrote ourselves (I12).
//!
//! After a write, the key it was made for waits until the record shows it. It is let go when the
//! version is reached, when the object is gone or replaced, or when a list that began after the
//! write does not name it. Should none of this come, one GET decides after [`PATIENCE`].

use std::collections::BTreeMap;
use std::time::Duration;

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
}

impl ResourceKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rollout, Self::ReplicaSet, Self::Service];

    /// The kind as objects name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rollout => "Rollout",
            Self::ReplicaSet => "ReplicaSet",
            Self::Service => "Service",
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
    keys: BTreeMap<ObjectId, Key>,
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
            self.settle(&wrote.id);
            return;
        }
        if shown.is_none() && !matches!(waiting.effect, Effect::Version(_)) {
            return;
        }
        self.keys.insert(wrote.id.clone(), key.clone());
        self.by_key.entry(key.clone()).or_default().insert(wrote.id, waiting);
    }

    /// A record of the object came in; the key that need not wait for it any longer.
    pub fn seen(&mut self, id: &ObjectId, shown: Shown<'_>) -> Option<Key> {
        let key = self.keys.get(id)?;
        let waiting = self.by_key.get(key)?.get(id)?;
        if waiting.is_shown_by(shown) { self.settle(id) } else { None }
    }

    /// An object of the name was deleted; the key that need not wait for it any longer. The one
    /// that came after it may still be waited for.
    pub fn deleted(&mut self, id: &ObjectId, last: Shown<'_>) -> Option<Key> {
        let key = self.keys.get(id)?;
        let waiting = self.by_key.get(key)?.get(id)?;
        let ours = waiting.uid.as_deref() == Some(last.uid);
        let shown = ours && waiting.effect == Effect::Gone || waiting.is_shown_by(last);
        if shown { self.settle(id) } else { None }
    }

    /// The object was fetched; the key that need not wait for it any longer.
    pub fn settle(&mut self, id: &ObjectId) -> Option<Key> {
        let key = self.keys.remove(id)?;
        if let Some(waiting) = self.by_key.get_mut(&key) {
            waiting.remove(id);
            if waiting.is_empty() {
                self.by_key.remove(&key);
            }
        }
        Some(key)
    }

    /// A list of the kind that began at `began` is complete and did not name these objects.
    pub fn not_listed(
        &mut self,
        kind: ResourceKind,
        began: Instant,
        named: impl Fn(&Place) -> bool,
    ) -> Vec<Key> {
        let gone: Vec<ObjectId> = self
            .keys
            .iter()
            .filter(|(id, _)| id.kind == kind && !named(&id.place))
            .filter(|(id, key)| {
                self.by_key.get(key).and_then(|w| w.get(id)).is_some_and(|w| w.since <= began)
            })
            .map(|(id, _)| id.clone())
            .collect();
        gone.iter().filter_map(|id| self.settle(id)).collect()
    }

    /// The key's object is gone: nothing of it is waited for any longer.
    pub fn forget(&mut self, key: &Key) {
        for id in self.by_key.remove(key).unwrap_or_default().into_keys() {
            self.keys.remove(&id);
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
