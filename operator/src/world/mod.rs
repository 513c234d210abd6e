//! What the controller knows of the cluster: lean records, and who is affected when one changes.
//!
//! A record never goes back in time: an event older than what is known is dropped.

pub mod analysis;
mod pending;
pub mod record;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::core::{Selector, SelectorExt};
use sluice_crd::rollout::{AnalysisTemplateRef, RolloutAnalysis};
use sluice_planner::{ReplicaSetRecord, RolloutRecord, RunRecord, ServiceRecord, Templates};
use tokio::time::Instant;

use crate::key::Key;
use analysis::{MetricInfo, OwnedRun, PlacedTemplate};
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
    /// Of an AnalysisRun.
    AnalysisRun(Change<OwnedRun>),
    /// Of an AnalysisTemplate.
    AnalysisTemplate(Change<PlacedTemplate<false>>),
    /// Of a ClusterAnalysisTemplate.
    ClusterAnalysisTemplate(Change<PlacedTemplate<true>>),
}

/// All records.
#[derive(Debug, Default)]
pub struct World {
    rollouts: Table<Arc<RolloutRecord>>,
    replica_sets: Table<OwnedReplicaSet>,
    services: Table<PlacedService>,
    runs: Table<OwnedRun>,
    templates: Table<PlacedTemplate<false>>,
    cluster_templates: Table<PlacedTemplate<true>>,
    /// ClusterAnalysisTemplates are not watched.
    namespace_only: bool,
    places_by_uid: BTreeMap<String, Place>,
    owned: BTreeMap<String, BTreeSet<Place>>,
    /// Owner -> AnalysisRuns.
    owned_runs: BTreeMap<String, BTreeSet<Place>>,
    /// ReplicaSets without an owner.
    orphans: BTreeSet<Place>,
    /// Service -> the Rollouts that name it.
    namers: BTreeMap<Place, BTreeSet<String>>,
    /// Rollout -> the Services that carry its mark.
    marked: BTreeMap<Place, BTreeSet<String>>,
    /// Rollouts with an analysis: those of a template's namespace are looked at when it changes.
    analysed: BTreeSet<Place>,
    list_began: BTreeMap<ResourceKind, Instant>,
    pending: Pending,
}

impl World {
    /// Of a controller for one namespace, which may not read what belongs to the cluster.
    pub fn of_one_namespace() -> Self {
        Self { namespace_only: true, ..Self::default() }
    }

    /// Takes in an event; the keys that have to look again.
    pub fn take(&mut self, event: Event, now: Instant) -> BTreeSet<Key> {
        use ResourceKind as Kind;
        match event {
            Event::Rollout(change) => {
                self.take_in(Kind::Rollout, change, now, |w| &mut w.rollouts, Self::rollout_changed)
            }
            Event::ReplicaSet(change) => {
                let changed = Self::replica_set_changed;
                self.take_in(Kind::ReplicaSet, change, now, |w| &mut w.replica_sets, changed)
            }
            Event::Service(change) => {
                self.take_in(Kind::Service, change, now, |w| &mut w.services, Self::service_changed)
            }
            Event::AnalysisRun(change) => {
                self.take_in(Kind::AnalysisRun, change, now, |w| &mut w.runs, Self::run_changed)
            }
            Event::AnalysisTemplate(change) => {
                let changed = Self::template_changed;
                self.take_in(Kind::AnalysisTemplate, change, now, |w| &mut w.templates, changed)
            }
            Event::ClusterAnalysisTemplate(change) => {
                let (kind, changed) = (Kind::ClusterAnalysisTemplate, Self::template_changed);
                self.take_in(kind, change, now, |w| &mut w.cluster_templates, changed)
            }
        }
    }

    fn take_in<R>(
        &mut self,
        kind: ResourceKind,
        change: Change<R>,
        now: Instant,
        table: fn(&mut Self) -> &mut Table<R>,
        changed: fn(&mut Self, Changed<R>, &mut BTreeSet<Key>),
    ) -> BTreeSet<Key> {
        let mut affected = BTreeSet::new();
        self.before(kind, &change, now, &mut affected);
        let ended = matches!(change, Change::ListEnds);
        for one in table(self).take(change) {
            changed(self, one, &mut affected);
        }
        self.after(kind, ended, &mut affected);
        affected
    }

    /// An object that was fetched is not there.
    pub fn is_gone(&mut self, id: &ObjectId) -> BTreeSet<Key> {
        let mut affected = self.pending.settle(id);
        let place = id.place.clone();
        let out = &mut affected;
        match id.kind {
            ResourceKind::Rollout => {
                let gone = self.rollouts.drop_entry(place);
                gone.into_iter().for_each(|changed| self.rollout_changed(changed, out));
            }
            ResourceKind::ReplicaSet => {
                let gone = self.replica_sets.drop_entry(place);
                gone.into_iter().for_each(|changed| self.replica_set_changed(changed, out));
            }
            ResourceKind::Service => {
                let gone = self.services.drop_entry(place);
                gone.into_iter().for_each(|changed| self.service_changed(changed, out));
            }
            ResourceKind::AnalysisRun => {
                let gone = self.runs.drop_entry(place);
                gone.into_iter().for_each(|changed| self.run_changed(changed, out));
            }
            // They are not written, and so never fetched.
            ResourceKind::AnalysisTemplate | ResourceKind::ClusterAnalysisTemplate => {}
        }
        affected
    }

    /// An object was fetched: what was written of it need not be waited for.
    pub fn confirmed(&mut self, id: &ObjectId) {
        self.pending.settle(id);
    }

    /// Notes a write of ours.
    pub fn wrote(&mut self, key: &Key, wrote: Wrote, now: Instant) {
        let known = self.shown(&wrote.id);
        let shown = known.as_ref().map(|(uid, version)| Shown { uid, version });
        self.pending.add(key, wrote, shown, now);
    }

    /// Uid and version of an object as its record shows it.
    fn shown(&self, id: &ObjectId) -> Option<(String, String)> {
        fn of<R>(table: &Table<R>, place: &Place) -> Option<(String, String)> {
            table.entry(place).map(|e| (e.uid.clone(), e.version.clone()))
        }
        let place = &id.place;
        match id.kind {
            ResourceKind::Rollout => of(&self.rollouts, place),
            ResourceKind::ReplicaSet => of(&self.replica_sets, place),
            ResourceKind::Service => of(&self.services, place),
            ResourceKind::AnalysisRun => of(&self.runs, place),
            ResourceKind::AnalysisTemplate => of(&self.templates, place),
            ResourceKind::ClusterAnalysisTemplate => of(&self.cluster_templates, place),
        }
    }

    /// The kinds that have not been listed yet.
    pub fn unsynced(&self) -> Vec<ResourceKind> {
        let synced = |kind: &ResourceKind| match kind {
            ResourceKind::Rollout => self.rollouts.is_synced(),
            ResourceKind::ReplicaSet => self.replica_sets.is_synced(),
            ResourceKind::Service => self.services.is_synced(),
            ResourceKind::AnalysisRun => self.runs.is_synced(),
            ResourceKind::AnalysisTemplate => self.templates.is_synced(),
            ResourceKind::ClusterAnalysisTemplate => {
                self.namespace_only || self.cluster_templates.is_synced()
            }
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

    /// What is known of an AnalysisRun.
    pub fn run(&self, namespace: &str, name: &str) -> Option<&Entry<OwnedRun>> {
        self.runs.entry(&(namespace.to_owned(), name.to_owned()))
    }

    /// Every AnalysisRun that can be understood.
    pub fn runs(&self) -> impl Iterator<Item = &OwnedRun> {
        self.runs.entries().filter_map(|(_, entry)| entry.record.as_ref().ok())
    }

    /// Every AnalysisTemplate and ClusterAnalysisTemplate: place and metrics.
    pub fn all_templates(&self) -> impl Iterator<Item = (&Place, &[MetricInfo])> {
        fn of<const CLUSTER: bool>(
            table: &Table<PlacedTemplate<CLUSTER>>,
        ) -> impl Iterator<Item = (&Place, &[MetricInfo])> {
            table.entries().filter_map(|(p, e)| Some((p, &*e.record.as_ref().ok()?.metrics)))
        }
        of(&self.templates).chain(of(&self.cluster_templates))
    }

    /// The AnalysisRuns that an object controls, in the order of their names.
    pub fn runs_of(&self, uid: &str) -> Vec<Arc<RunRecord>> {
        let places = self.owned_runs.get(uid).into_iter().flatten();
        places.filter_map(|p| self.runs.get(p)).map(|run| Arc::clone(&run.record)).collect()
    }

    /// The templates that a Rollout's analyses lead to, nested ones included.
    pub fn templates_of(&self, rollout: &RolloutRecord) -> Templates {
        let mut out = Templates { namespace_only: self.namespace_only, ..Templates::default() };
        let mut open: Vec<AnalysisTemplateRef> =
            analyses(rollout).flat_map(|analysis| analysis.templates.iter().cloned()).collect();
        while let Some(next) = open.pop() {
            let cluster = next.cluster_scope.unwrap_or(false);
            let key = (cluster, next.template_name);
            if out.found.contains_key(&key) {
                continue;
            }
            let namespace = if cluster { String::new() } else { rollout.namespace.clone() };
            let place = (namespace, key.1.clone());
            let found = if cluster {
                self.cluster_templates.get(&place).map(|t| (&t.record, &t.nested))
            } else {
                self.templates.get(&place).map(|t| (&t.record, &t.nested))
            };
            if let Some((record, nested)) = found {
                open.extend(nested.iter().cloned());
                out.found.insert(key, Arc::clone(record));
            }
        }
        out
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
        let (rollouts, replica_sets, services, runs) =
            (&self.rollouts, &self.replica_sets, &self.services, &self.runs);
        let named = |place: &Place| match kind {
            ResourceKind::Rollout => rollouts.entry(place).is_some(),
            ResourceKind::ReplicaSet => replica_sets.entry(place).is_some(),
            ResourceKind::Service => services.entry(place).is_some(),
            ResourceKind::AnalysisRun => runs.entry(place).is_some(),
            ResourceKind::AnalysisTemplate | ResourceKind::ClusterAnalysisTemplate => true,
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

    fn run_changed(&mut self, changed: Changed<OwnedRun>, affected: &mut BTreeSet<Key>) {
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

    fn template_changed<const CLUSTER: bool>(
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

    fn key_of_uid(&self, uid: &str) -> Option<Key> {
        self.places_by_uid.get(uid).map(|(namespace, name)| Key::rollout(namespace, name))
    }
}

/// Whether two records of a run differ in nothing that a Rollout looks at.
fn is_same_to_a_rollout(before: &RunRecord, after: &RunRecord) -> bool {
    let seen = |run: &RunRecord| RunRecord { resource_version: String::new(), ..run.clone() };
    seen(before) == seen(after)
}

/// The analyses that a Rollout defines.
fn analyses(rollout: &RolloutRecord) -> impl Iterator<Item = &RolloutAnalysis> {
    let canary = rollout.spec.strategy.canary.as_ref();
    let background = canary.and_then(|c| c.analysis.as_ref()).map(|a| &a.analysis);
    let steps = canary.and_then(|c| c.steps.as_deref()).unwrap_or_default();
    background.into_iter().chain(steps.iter().filter_map(|step| step.analysis.as_ref()))
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
