//! Who has to look again when an object changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sluice_planner::{RolloutRecord, RunRecord};

use super::analysis::{OwnedRun, PlacedTemplate};
use super::queries::{analyses, named_services};
use super::record::{OwnedReplicaSet, PlacedService};
use super::table::Changed;
use super::workload::referred;
use super::{Place, World};
use crate::key::Key;

impl World {
    pub(super) fn rollout_changed(
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
            if let Some((kind, workload)) = referred(old) {
                let at = (kind, (place.0.clone(), workload.to_owned()));
                take_out(&mut self.referrers, at, &place.1);
            }
        }
        self.analysed.remove(&place);
        if let Some(new) = &after {
            if analyses(new).next().is_some() {
                self.analysed.insert(place.clone());
            }
            self.places_by_uid.insert(new.uid.clone(), place.clone());
            for service in named_services(new) {
                let at = (place.0.clone(), service);
                self.namers.entry(at).or_default().insert(place.1.clone());
            }
            if let Some((kind, workload)) = referred(new) {
                self.referred_kinds.insert(kind);
                let at = (kind, (place.0.clone(), workload.to_owned()));
                self.referrers.entry(at).or_default().insert(place.1.clone());
            }
        }
        if !present {
            self.pending.forget(&key);
        }
        self.follow_routes(&place);
        affected.insert(key);
    }

    pub(super) fn replica_set_changed(
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

    pub(super) fn service_changed(
        &mut self,
        changed: Changed<PlacedService>,
        affected: &mut BTreeSet<Key>,
    ) {
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

    pub(super) fn run_changed(&mut self, changed: Changed<OwnedRun>, affected: &mut BTreeSet<Key>) {
        let Changed { place, before, present } = changed;
        let key = Key::analysis_run(&place.0, &place.1);
        let before = before.and_then(|entry| entry.record.ok());
        let after = self.runs.get(&place);
        let owner = after.and_then(|run| run.owner.clone());
        let same = before.as_ref().zip(after).is_some_and(|(before, after)| {
            before.owner == after.owner && is_same_to_a_rollout(&before.record, &after.record)
        });
        if let Some(old) =
            before.and_then(|run| run.owner).filter(|old| Some(old) != owner.as_ref())
        {
            affected.extend(self.key_of_uid(&old));
            take_out(&mut self.owned_runs, old, &place);
        }
        if let Some(owner) = owner {
            // What a Rollout waits for is a verdict, not each measurement.
            if !same {
                affected.extend(self.key_of_uid(&owner));
            }
            self.owned_runs.entry(owner).or_default().insert(place);
        }
        if !present {
            self.pending.forget(&key);
        }
        affected.insert(key);
    }

    pub(super) fn template_changed<const CLUSTER: bool>(
        &mut self,
        changed: Changed<PlacedTemplate<CLUSTER>>,
        affected: &mut BTreeSet<Key>,
    ) {
        let near = |place: &&Place| CLUSTER || place.0 == changed.place.0;
        let rollouts = self.analysed.iter().filter(near);
        affected.extend(rollouts.map(|(namespace, name)| Key::rollout(namespace, name)));
    }

    /// The Rollouts of a namespace.
    fn neighbours(&self, namespace: &str) -> Vec<Key> {
        let all = self.rollouts.entries().map(|(place, _)| place);
        let near = all.filter(|place| place.0 == namespace);
        near.map(|(namespace, name)| Key::rollout(namespace, name)).collect()
    }

    pub(super) fn key_of_uid(&self, uid: &str) -> Option<Key> {
        self.places_by_uid.get(uid).map(|(namespace, name)| Key::rollout(namespace, name))
    }
}

/// Whether two records of a run differ in nothing that a Rollout looks at.
fn is_same_to_a_rollout(before: &RunRecord, after: &RunRecord) -> bool {
    let seen = |run: &RunRecord| RunRecord { resource_version: String::new(), ..run.clone() };
    seen(before) == seen(after)
}

pub(super) fn take_out<K: Ord, V: Ord>(index: &mut BTreeMap<K, BTreeSet<V>>, key: K, value: &V) {
    if let Some(values) = index.get_mut(&key) {
        values.remove(value);
        if values.is_empty() {
            index.remove(&key);
        }
    }
}
