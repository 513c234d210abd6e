//! What the controller knows of the cluster: lean records, and who is affected when one changes.
//!
//! A record never goes back in time: an event older than what is known is dropped.

mod pending;
pub mod record;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::core::{Selector, SelectorExt};
use sluice_planner::{ReplicaSetRecord, RolloutRecord, ServiceRecord};
use tokio::time::Instant;

use crate::key::Key;
pub use pending::{Effect, ObjectId, PATIENCE, Pending, ResourceKind, Shown, Wrote};
use record::{Observed, OwnedReplicaSet, PlacedService};
pub use table::Entry;
use table::{Changed, Table};

/// Namespace and name.
pub type Place = (String, String);

/// One change of one kind, as a list or a watch tells it.
#[derive(Clone, Debug)]
pub enum Change<R> {
    /// A fresh list begins.
    ListBegins,
    /// An object of the list.
    Listed(Observed<R>),
    /// The list is complete: what it did not name is gone.
    ListEnds,
    /// An object is new or has changed.
    Applied(Observed<R>),
    /// An object is gone.
    Deleted(Observed<R>),
}

/// One change of any kind.
#[derive(Clone, Debug)]
pub enum Event {
    /// Of a Rollout.
    Rollout(Change<Arc<RolloutRecord>>),
    /// Of a ReplicaSet.
    ReplicaSet(Change<OwnedReplicaSet>),
    /// Of a Service.
    Service(Change<PlacedService>),
}

/// All records.
#[derive(Debug, Default)]
pub struct World {
    rollouts: Table<Arc<RolloutRecord>>,
    replica_sets: Table<OwnedReplicaSet>,
    services: Table<PlacedService>,
    places_by_uid: BTreeMap<String, Place>,
    owned: BTreeMap<String, BTreeSet<Place>>,
    /// ReplicaSets without an owner.
    orphans: BTreeSet<Place>,
    /// Service -> the Rollouts that name it.
    namers: BTreeMap<Place, BTreeSet<String>>,
    /// Rollout -> the Services that carry its mark.
    marked: BTreeMap<Place, BTreeSet<String>>,
    list_began: BTreeMap<ResourceKind, Instant>,
    pending: Pending,
}

impl World {
    /// Takes in an event; the keys that have to look again.
    pub fn take(&mut self, event: Event, now: Instant) -> BTreeSet<Key> {
        let mut affected = BTreeSet::new();
        match event {
            Event::Rollout(change) => {
                self.before(ResourceKind::Rollout, &change, now, &mut affected);
                let ended = matches!(change, Change::ListEnds);
                for changed in self.rollouts.take(change) {
                    self.rollout_changed(changed, &mut affected);
                }
                self.after(ResourceKind::Rollout, ended, &mut affected);
            }
            Event::ReplicaSet(change) => {
                self.before(ResourceKind::ReplicaSet, &change, now, &mut affected);
                let ended = matches!(change, Change::ListEnds);
                for changed in self.replica_sets.take(change) {
                    self.replica_set_changed(changed, &mut affected);
                }
                self.after(ResourceKind::ReplicaSet, ended, &mut affected);
            }
            Event::Service(change) => {
                self.before(ResourceKind::Service, &change, now, &mut affected);
                let ended = matches!(change, Change::ListEnds);
                for changed in self.services.take(change) {
                    self.service_changed(changed, &mut affected);
                }
                self.after(ResourceKind::Service, ended, &mut affected);
            }
        }
        affected
    }

    /// An object that was fetched is not there.
    pub fn is_gone(&mut self, id: &ObjectId) -> BTreeSet<Key> {
        let mut affected: BTreeSet<Key> = self.pending.settle(id).into_iter().collect();
        let place = id.place.clone();
        match id.kind {
            ResourceKind::Rollout => {
                if let Some(changed) = self.rollouts.drop_entry(place) {
                    self.rollout_changed(changed, &mut affected);
                }
            }
            ResourceKind::ReplicaSet => {
                if let Some(changed) = self.replica_sets.drop_entry(place) {
                    self.replica_set_changed(changed, &mut affected);
                }
            }
            ResourceKind::Service => {
                if let Some(changed) = self.services.drop_entry(place) {
                    self.service_changed(changed, &mut affected);
                }
            }
        }
        affected
    }

    /// An object was fetched: what was written of it need not be waited for.
    pub fn confirmed(&mut self, id: &ObjectId) {
        self.pending.settle(id);
    }

    /// Notes a write of ours.
    pub fn wrote(&mut self, key: &Key, wrote: Wrote, now: Instant) {
        fn shown<R>(table: &Table<R>, place: &Place) -> Option<(String, String)> {
            table.entry(place).map(|e| (e.uid.clone(), e.version.clone()))
        }
        let known = match wrote.id.kind {
            ResourceKind::Rollout => shown(&self.rollouts, &wrote.id.place),
            ResourceKind::ReplicaSet => shown(&self.replica_sets, &wrote.id.place),
            ResourceKind::Service => shown(&self.services, &wrote.id.place),
        };
        let shown = known.as_ref().map(|(uid, version)| Shown { uid, version });
        self.pending.add(key, wrote, shown, now);
    }

    /// The kinds that have not been listed yet.
    pub fn unsynced(&self) -> Vec<ResourceKind> {
        let synced = |kind: &ResourceKind| match kind {
            ResourceKind::Rollout => self.rollouts.is_synced(),
            ResourceKind::ReplicaSet => self.replica_sets.is_synced(),
            ResourceKind::Service => self.services.is_synced(),
        };
        ResourceKind::ALL.into_iter().filter(|kind| !synced(kind)).collect()
    }

    /// What is known of a Rollout.
    pub fn rollout(&self, namespace: &str, name: &str) -> Option<&Entry<Arc<RolloutRecord>>> {
        self.rollouts.entry(&(namespace.to_owned(), name.to_owned()))
    }

    /// Every Rollout, those that cannot be understood included.
    pub fn rollouts(&self) -> impl Iterator<Item = (&Place, &Entry<Arc<RolloutRecord>>)> {
        self.rollouts.entries()
    }

    /// The ReplicaSets that an object controls, in the order of their names.
    pub fn replica_sets_of(&self, uid: &str) -> Vec<Arc<ReplicaSetRecord>> {
        let places = self.owned.get(uid).into_iter().flatten();
        places.filter_map(|p| self.replica_sets.get(p)).map(|rs| Arc::clone(&rs.record)).collect()
    }

    /// The ReplicaSets without an owner that a Rollout's selector matches, in the order of names.
    pub fn orphans_of(&self, rollout: &RolloutRecord) -> Vec<Arc<ReplicaSetRecord>> {
        let selector = rollout.spec.selector.clone().unwrap_or_default();
        // One that matches everything or cannot be understood is refused by validation.
        let Ok(selector) = Selector::try_from(selector) else { return Vec::new() };
        if selector.selects_all() {
            return Vec::new();
        }
        let from = (rollout.namespace.clone(), String::new());
        let nearby = self.orphans.range(from..).take_while(|place| place.0 == rollout.namespace);
        nearby
            .filter_map(|place| self.replica_sets.get(place))
            .filter(|rs| rs.orphaned.as_ref().is_some_and(|labels| selector.matches(labels)))
            .map(|rs| Arc::clone(&rs.record))
            .collect()
    }

    /// The Services that a Rollout names or that carry its mark, by name.
    pub fn services_of(
        &self,
        namespace: &str,
        name: &str,
        named: &[String],
    ) -> BTreeMap<String, Arc<ServiceRecord>> {
        let marked =
            self.marked.get(&(namespace.to_owned(), name.to_owned())).into_iter().flatten();
        let place = |service: &String| (namespace.to_owned(), service.clone());
        named
            .iter()
            .chain(marked)
            .filter_map(|s| Some((s.clone(), Arc::clone(&self.services.get(&place(s))?.record))))
            .collect()
    }

    /// Rollouts, by namespace and name, that carry no record but of which Services bear the mark.
    pub fn marked_without_rollout(&self) -> Vec<Key> {
        let absent = self.marked.keys().filter(|place| self.rollouts.entry(place).is_none());
        absent.map(|(namespace, name)| Key::rollout(namespace, name)).collect()
    }

    /// Writes of ours that the records may not show yet.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// What a change says of our own writes, and when lists begin.
    fn before<R>(
        &mut self,
        kind: ResourceKind,
        change: &Change<R>,
        now: Instant,
        affected: &mut BTreeSet<Key>,
    ) {
        match change {
            Change::ListBegins => {
                self.list_began.insert(kind, now);
            }
            Change::Listed(observed) | Change::Applied(observed) => {
                let id = ObjectId { kind, place: observed.place() };
                let shown = Shown { uid: observed.uid(), version: observed.version() };
                affected.extend(self.pending.seen(&id, shown));
            }
            Change::Deleted(observed) => {
                let id = ObjectId { kind, place: observed.place() };
                let last = Shown { uid: observed.uid(), version: observed.version() };
                affected.extend(self.pending.deleted(&id, last));
            }
            Change::ListEnds => {}
        }
    }

    fn after(&mut self, kind: ResourceKind, list_ended: bool, affected: &mut BTreeSet<Key>) {
        if !list_ended {
            return;
        }
        let Some(began) = self.list_began.get(&kind).copied() else { return };
        let (rollouts, replica_sets, services) =
            (&self.rollouts, &self.replica_sets, &self.services);
        let named = |place: &Place| match kind {
            ResourceKind::Rollout => rollouts.entry(place).is_some(),
            ResourceKind::ReplicaSet => replica_sets.entry(place).is_some(),
            ResourceKind::Service => services.entry(place).is_some(),
        };
        affected.extend(self.pending.not_listed(kind, began, named));
    }

    fn rollout_changed(
        &mut self,
        changed: Changed<Arc<RolloutRecord>>,
        affected: &mut BTreeSet<Key>,
    ) {
        let Changed { place, before, present } = changed;
        let before = before.and_then(|entry| entry.record.ok());
        let after = self.rollouts.get(&place).cloned();
        let key = Key::rollout(&place.0, &place.1);
        if let Some(old) = &before {
            self.places_by_uid.remove(&old.uid);
            for service in named_services(old) {
                take_out(&mut self.namers, (place.0.clone(), service), &place.1);
            }
        }
        if let Some(new) = &after {
            self.places_by_uid.insert(new.uid.clone(), place.clone());
            for service in named_services(new) {
                let at = (place.0.clone(), service);
                self.namers.entry(at).or_default().insert(place.1.clone());
            }
        }
        if !present {
            self.pending.forget(&key);
        }
        affected.insert(key);
    }

    fn replica_set_changed(
        &mut self,
        changed: Changed<OwnedReplicaSet>,
        affected: &mut BTreeSet<Key>,
    ) {
        let Changed { place, before, .. } = changed;
        let before = before.and_then(|entry| entry.record.ok()).and_then(|rs| rs.owner);
        let after = self.replica_sets.get(&place);
        if after.is_some_and(|rs| rs.orphaned.is_some()) {
            affected.extend(self.neighbours(&place.0));
            self.orphans.insert(place.clone());
        } else {
            self.orphans.remove(&place);
        }
        let after = after.and_then(|rs| rs.owner.clone());
        if let Some(owner) = before.filter(|owner| Some(owner) != after.as_ref()) {
            affected.extend(self.key_of_uid(&owner));
            take_out(&mut self.owned, owner, &place);
        }
        if let Some(owner) = after {
            affected.extend(self.key_of_uid(&owner));
            self.owned.entry(owner).or_default().insert(place);
        }
    }

    fn service_changed(&mut self, changed: Changed<PlacedService>, affected: &mut BTreeSet<Key>) {
        let Changed { place, before, .. } = changed;
        let mark = |s: &PlacedService| s.record.managed_by.clone();
        let before = before.and_then(|entry| entry.record.ok()).and_then(|s| mark(&s));
        let after = self.services.get(&place).and_then(mark);
        let (namespace, service) = &place;
        if let Some(rollout) = before.filter(|rollout| Some(rollout) != after.as_ref()) {
            affected.insert(Key::rollout(namespace, &rollout));
            take_out(&mut self.marked, (namespace.clone(), rollout), service);
        }
        if let Some(rollout) = after {
            affected.insert(Key::rollout(namespace, &rollout));
            self.marked.entry((namespace.clone(), rollout)).or_default().insert(service.clone());
        }
        for rollout in self.namers.get(&place).into_iter().flatten() {
            affected.insert(Key::rollout(namespace, rollout));
        }
    }

    /// The Rollouts of a namespace.
    fn neighbours(&self, namespace: &str) -> Vec<Key> {
        let all = self.rollouts.entries().map(|(place, _)| place);
        let near = all.filter(|place| place.0 == namespace);
        near.map(|(namespace, name)| Key::rollout(namespace, name)).collect()
    }

    fn key_of_uid(&self, uid: &str) -> Option<Key> {
        self.places_by_uid.get(uid).map(|(namespace, name)| Key::rollout(namespace, name))
    }
}

/// The Services that a Rollout names.
pub fn named_services(rollout: &RolloutRecord) -> Vec<String> {
    let canary = rollout.spec.strategy.canary.as_ref();
    let names = canary.map(|c| [&c.stable_service, &c.canary_service]);
    names.into_iter().flatten().filter(|name| !name.is_empty()).cloned().collect()
}

fn take_out<K: Ord, V: Ord>(index: &mut BTreeMap<K, BTreeSet<V>>, key: K, value: &V) {
    if let Some(values) = index.get_mut(&key) {
        values.remove(value);
        if values.is_empty() {
            index.remove(&key);
        }
    }
}
