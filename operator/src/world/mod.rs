//! What the controller knows of the cluster: lean records, and who is affected when one changes.
//!
//! A record never goes back in time: an event older than what is known is dropped.

pub mod analysis;
mod changes;
mod pending;
mod queries;
pub mod record;
mod route_table;
#[cfg(test)]
mod route_tests;
pub mod routes;
mod table;
#[cfg(test)]
mod tests;
pub mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sluice_planner::RolloutRecord;
use sluice_planner::traffic::objects::{RouteKind, RouteRecord};
use tokio::time::Instant;

use crate::key::Key;
use analysis::{OwnedRun, PlacedTemplate};
pub use pending::{Effect, ObjectId, PATIENCE, Pending, ResourceKind, Shown, Wrote};
pub use queries::named_services;
use record::{Observed, OwnedReplicaSet, PlacedService};
pub use route_table::RouteObject;
use route_table::RouteTable;
use routes::Interests;
pub use routes::{Gap, Served};
pub use table::Entry;
use table::{Changed, Table};
pub use workload::referred;
use workload::{Deployment, PlacedWorkload, PlainReplicaSet, PodTemplate};

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
    /// Of a Deployment.
    Deployment(Change<PlacedWorkload<Deployment>>),
    /// Of a ReplicaSet that is no Rollout's.
    PlainReplicaSet(Change<PlacedWorkload<PlainReplicaSet>>),
    /// Of a PodTemplate.
    PodTemplate(Change<PlacedWorkload<PodTemplate>>),
    /// Of an object of a router.
    Route(RouteKind, Change<RouteRecord>),
    /// How the API server serves a kind of routers' objects.
    Served(RouteKind, Served),
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
    deployments: Table<PlacedWorkload<Deployment>>,
    plain_replica_sets: Table<PlacedWorkload<PlainReplicaSet>>,
    pod_templates: Table<PlacedWorkload<PodTemplate>>,
    routes: BTreeMap<RouteKind, RouteTable>,
    interests: Interests,
    /// The only namespace that is read; ClusterAnalysisTemplates are not watched then.
    only_namespace: Option<String>,
    places_by_uid: BTreeMap<String, Place>,
    owned: BTreeMap<String, BTreeSet<Place>>,
    /// Owner -> AnalysisRuns.
    owned_runs: BTreeMap<String, BTreeSet<Place>>,
    /// ReplicaSets without an owner.
    orphans: BTreeSet<Place>,
    /// Service -> the Rollouts that name it.
    namers: BTreeMap<Place, BTreeSet<String>>,
    /// Workload -> the Rollouts that refer to it.
    referrers: BTreeMap<(ResourceKind, Place), BTreeSet<String>>,
    /// The kinds of all workloads that were ever referred to.
    referred_kinds: BTreeSet<ResourceKind>,
    /// Rollout -> the Services that carry its mark.
    marked: BTreeMap<Place, BTreeSet<String>>,
    /// Rollouts with an analysis: those of a template's namespace are looked at when it changes.
    analysed: BTreeSet<Place>,
    list_began: BTreeMap<ResourceKind, Instant>,
    pending: Pending,
}

impl World {
    /// Of a controller for one namespace, which may not read what belongs to the cluster.
    pub fn of_one_namespace(namespace: &str) -> Self {
        Self { only_namespace: Some(namespace.to_owned()), ..Self::default() }
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
            Event::Deployment(change) => {
                let changed = Self::workload_changed;
                self.take_in(Kind::Deployment, change, now, |w| &mut w.deployments, changed)
            }
            Event::PlainReplicaSet(change) => {
                let (kind, changed) = (Kind::PlainReplicaSet, Self::workload_changed);
                self.take_in(kind, change, now, |w| &mut w.plain_replica_sets, changed)
            }
            Event::PodTemplate(change) => {
                let changed = Self::workload_changed;
                self.take_in(Kind::PodTemplate, change, now, |w| &mut w.pod_templates, changed)
            }
            Event::Route(kind, change) => self.take_route(kind, change, now),
            Event::Served(kind, served) => self.take_served(kind, served, now),
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
            ResourceKind::Deployment => {
                let gone = self.deployments.drop_entry(place);
                gone.into_iter().for_each(|changed| self.workload_changed(changed, out));
            }
            ResourceKind::Route(kind) => affected.extend(self.route_is_gone(kind, &place)),
            // They are not written, and so never fetched.
            ResourceKind::AnalysisTemplate
            | ResourceKind::ClusterAnalysisTemplate
            | ResourceKind::PlainReplicaSet
            | ResourceKind::PodTemplate => {}
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
            ResourceKind::Deployment => of(&self.deployments, place),
            ResourceKind::PlainReplicaSet => of(&self.plain_replica_sets, place),
            ResourceKind::PodTemplate => of(&self.pod_templates, place),
            ResourceKind::Route(kind) => self.shown_route(kind, place),
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
                self.only_namespace.is_some() || self.cluster_templates.is_synced()
            }
            // Whoever refers to one waits for them; nobody else does.
            ResourceKind::Deployment
            | ResourceKind::PlainReplicaSet
            | ResourceKind::PodTemplate
            | ResourceKind::Route(_) => true,
        };
        ResourceKind::ALL.into_iter().filter(|kind| !synced(kind)).collect()
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
        let (rollouts, replica_sets, services, runs, deployments) =
            (&self.rollouts, &self.replica_sets, &self.services, &self.runs, &self.deployments);
        let routes = &self.routes;
        let named = |place: &Place| match kind {
            ResourceKind::Rollout => rollouts.entry(place).is_some(),
            ResourceKind::ReplicaSet => replica_sets.entry(place).is_some(),
            ResourceKind::Service => services.entry(place).is_some(),
            ResourceKind::AnalysisRun => runs.entry(place).is_some(),
            ResourceKind::Deployment => deployments.entry(place).is_some(),
            ResourceKind::Route(kind) => {
                routes.get(&kind).is_some_and(|table| table.entry(place).is_some())
            }
            ResourceKind::AnalysisTemplate
            | ResourceKind::ClusterAnalysisTemplate
            | ResourceKind::PlainReplicaSet
            | ResourceKind::PodTemplate => true,
        };
        affected.extend(self.pending.not_listed(kind, began, named));
        affected.extend(self.referrers_of(kind));
    }
}
