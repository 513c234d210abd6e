//! Objects of routers: which Rollouts care about which of them, and what is known of these.
//!
//! Kept whole is what a Rollout names, selects or controls. Of all others key and version are kept:
//! when a Rollout comes that names one, it is fetched ([`World::unread_routes`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sluice_planner::RolloutRecord;
use sluice_planner::traffic::objects::{
    KindView, Named, RouteKey, RouteKind, RouteRecord, Routes, Selected,
};
use sluice_planner::traffic::routers::named;
use tokio::time::Instant;

use super::record::Observed;
use super::route_table::{RouteTable, Seen, labels};
use super::{Change, Place, ResourceKind, World};
use crate::key::Key;

/// Objects lead to others at most so often: a VirtualService of App Mesh to its VirtualRouter.
const LEADS: usize = 4;

/// How the API server serves a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Served {
    /// It is asked for this group and version; a list begins.
    Tried(String),
    /// Under none of the versions that are known.
    No,
    /// It may not be read, and why.
    Unreadable(String),
}

/// What has to be fetched, as nothing of it was kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Gap {
    /// One object.
    Object(RouteKey),
    /// Those that a selector selects.
    Selected(Selected),
}

impl Gap {
    /// The kind of what is missing.
    pub fn kind(&self) -> RouteKind {
        match self {
            Self::Object(key) => key.kind,
            Self::Selected(selected) => selected.kind,
        }
    }
}

/// What one Rollout cares about.
#[derive(Debug, Default)]
struct Interest {
    uid: String,
    named: Named,
    /// Selectors that came when the objects of their kind had been looked through already.
    unread: Vec<Selected>,
}

/// What Rollouts care about, to be found by object.
#[derive(Debug, Default)]
pub(super) struct Interests {
    by_rollout: BTreeMap<Place, Interest>,
    by_key: BTreeMap<RouteKey, BTreeSet<Place>>,
    by_selector: BTreeMap<(RouteKind, String), BTreeSet<Place>>,
    by_uid: BTreeMap<String, Place>,
    /// All kinds that were ever named.
    kinds: BTreeSet<RouteKind>,
}

impl Interests {
    /// The Rollouts that care about an object.
    fn of(&self, key: &RouteKey, record: &RouteRecord) -> BTreeSet<Place> {
        let labels = labels(&record.object);
        let owner = record.controller.as_deref();
        let near = (key.kind, key.namespace.clone());
        let by_key = self.by_key.get(key).into_iter().flatten();
        let by_selector = self.by_selector.get(&near).into_iter().flatten();
        let by_uid = owner.and_then(|uid| self.by_uid.get(uid));
        let cares = |place: &&Place| {
            self.by_rollout.get(*place).is_some_and(|interest| {
                interest.named.has(key, &labels, owner, (&place.0, &interest.uid))
            })
        };
        by_key.chain(by_selector).chain(by_uid).filter(cares).cloned().collect()
    }

    /// The Rollouts that care about objects of a kind.
    fn of_kind(&self, kind: RouteKind) -> BTreeSet<Place> {
        let all = self.by_rollout.iter();
        all.filter(|(_, one)| one.named.kinds().contains(&kind)).map(|(p, _)| p.clone()).collect()
    }

    fn remove(&mut self, place: &Place) -> Option<Interest> {
        let old = self.by_rollout.remove(place)?;
        for key in &old.named.keys {
            super::changes::take_out(&mut self.by_key, key.clone(), place);
        }
        for selected in &old.named.selected {
            let near = (selected.kind, selected.namespace.clone());
            super::changes::take_out(&mut self.by_selector, near, place);
        }
        self.by_uid.remove(&old.uid);
        Some(old)
    }

    fn add(&mut self, place: Place, interest: Interest) {
        for key in &interest.named.keys {
            self.by_key.entry(key.clone()).or_default().insert(place.clone());
        }
        for selected in &interest.named.selected {
            let near = (selected.kind, selected.namespace.clone());
            self.by_selector.entry(near).or_default().insert(place.clone());
        }
        self.by_uid.insert(interest.uid.clone(), place.clone());
        self.kinds.extend(interest.named.kinds());
        self.by_rollout.insert(place, interest);
    }
}

impl World {
    /// The kinds of routers' objects that a Rollout has ever named; none before all Rollouts are
    /// known, so that one list does for all of them.
    pub fn named_route_kinds(&self) -> BTreeSet<RouteKind> {
        if self.rollouts.is_synced() { self.interests.kinds.clone() } else { BTreeSet::new() }
    }

    /// The objects of routers that a Rollout cares about, as far as they are known.
    pub fn routes_of(&self, namespace: &str, name: &str) -> Routes {
        let place = (namespace.to_owned(), name.to_owned());
        match self.interests.by_rollout.get(&place) {
            Some(interest) => self.routes_named(&interest.named, &place, &interest.uid),
            None => Routes { only_namespace: self.only_namespace.clone(), ..Routes::default() },
        }
    }

    /// What a Rollout cares about and was not kept: nothing is decided before it is fetched.
    pub fn unread_routes(&self, namespace: &str, name: &str) -> Vec<Gap> {
        let place = (namespace.to_owned(), name.to_owned());
        let Some(interest) = self.interests.by_rollout.get(&place) else { return Vec::new() };
        let mut keys = BTreeSet::new();
        for key in &interest.named.keys {
            let seen = self.listed(key.kind).and_then(|table| table.entry(&place_of(key)));
            if seen.is_some_and(|seen| seen.kept.is_none()) {
                keys.insert(key.clone());
            }
        }
        for kind in interest.named.of_controller() {
            let Some(table) = self.listed(kind) else { continue };
            for place in table.controlled(namespace, &interest.uid) {
                if table.entry(place).is_some_and(|seen| seen.kept.is_none()) {
                    keys.insert(key_of(kind, place));
                }
            }
        }
        let unread = interest.unread.iter().filter(|selected| {
            let only = self.only_namespace.as_ref();
            only.is_none_or(|only| *only == selected.namespace)
                && self.listed(selected.kind).is_some()
        });
        let unread = unread.cloned().map(Gap::Selected);
        keys.into_iter().map(Gap::Object).chain(unread).collect()
    }

    /// What a selector selects was fetched, and taken in.
    pub fn selected_is_read(&mut self, namespace: &str, name: &str, selected: &Selected) {
        let place = (namespace.to_owned(), name.to_owned());
        if let Some(interest) = self.interests.by_rollout.get_mut(&place) {
            interest.unread.retain(|unread| unread != selected);
        }
    }

    /// Since when it is waited for the first list of a kind.
    pub fn route_unread_since(&self, kind: RouteKind) -> Option<Instant> {
        self.routes.get(&kind).filter(|table| table.view == KindView::Unread)?.unread_since
    }

    /// The group and version under which a kind is served.
    pub fn served_version(&self, kind: RouteKind) -> Option<&str> {
        match &self.routes.get(&kind)?.view {
            KindView::Listed(version) => Some(version),
            _ => None,
        }
    }

    fn listed(&self, kind: RouteKind) -> Option<&RouteTable> {
        self.routes.get(&kind).filter(|table| matches!(table.view, KindView::Listed(_)))
    }

    /// Uid and version of an object as its record shows it.
    pub(super) fn shown_route(&self, kind: RouteKind, place: &Place) -> Option<(String, String)> {
        let kept = self.routes.get(&kind)?.entry(place)?.kept.as_ref()?;
        Some((kept.uid.clone(), kept.resource_version.clone()))
    }

    fn routes_named(&self, named: &Named, rollout: &Place, uid: &str) -> Routes {
        let mut out = Routes { only_namespace: self.only_namespace.clone(), ..Routes::default() };
        let also = named.left.iter().copied().filter(|kind| self.listed(*kind).is_some());
        for kind in named.kinds().into_iter().chain(also) {
            let Some(table) = self.routes.get(&kind) else { continue };
            out.kinds.insert(kind, table.view.clone());
        }
        let mut add = |key: RouteKey| {
            let seen = self.listed(key.kind).and_then(|table| table.entry(&place_of(&key)));
            if let Some(kept) = seen.and_then(|seen| seen.kept.clone()) {
                out.objects.insert(key, kept);
            }
        };
        named.keys.iter().cloned().for_each(&mut add);
        for kind in named.of_controller() {
            let Some(table) = self.listed(kind) else { continue };
            table.controlled(&rollout.0, uid).for_each(|place| add(key_of(kind, place)));
        }
        for selected in &named.selected {
            let Some(table) = self.listed(selected.kind) else { continue };
            let near = table.kept().filter(|(place, _)| place.0 == selected.namespace);
            for (place, record) in near {
                let (key, owner) = (key_of(selected.kind, place), record.controller.as_deref());
                if named.has(&key, &labels(&record.object), owner, (&rollout.0, uid)) {
                    add(key);
                }
            }
        }
        out
    }

    /// What a Rollout names, and what that leads to.
    fn find_named(&self, rollout: &RolloutRecord, place: &Place) -> Named {
        let mut found = Named::default();
        for _ in 0..LEADS {
            let routes = self.routes_named(&found, place, &rollout.uid);
            let more = named(rollout, &routes);
            if more == found {
                break;
            }
            found = more;
        }
        found
    }

    /// A Rollout has changed, or what it leads to: looks again which objects it cares about.
    pub(super) fn follow_routes(&mut self, place: &Place) {
        let rollout = self.rollouts.get(place).cloned();
        let new = match &rollout {
            Some(rollout) => self.find_named(rollout, place),
            None => Named::default(),
        };
        let uid = rollout.map(|rollout| rollout.uid.clone()).unwrap_or_default();
        let old = self.interests.by_rollout.get(place);
        match old {
            Some(old) if old.named == new && old.uid == uid => return,
            None if new == Named::default() => return,
            _ => {}
        }
        let old = self.interests.remove(place).unwrap_or_default();
        if new != Named::default() {
            let mut unread = old.unread;
            unread.retain(|selected| new.selected.contains(selected));
            for selected in &new.selected {
                let began = self.routes.get(&selected.kind).is_some_and(RouteTable::has_begun);
                if began && !old.named.selected.contains(selected) {
                    unread.push(selected.clone());
                }
            }
            self.interests.add(place.clone(), Interest { uid, named: new, unread });
        }
        for kind in old.named.kinds() {
            let interests = &self.interests;
            if let Some(table) = self.routes.get_mut(&kind) {
                table.strip(|at, record| !interests.of(&key_of(kind, at), record).is_empty());
            }
        }
    }

    /// Takes in a change of an object.
    pub(super) fn take_route(
        &mut self,
        kind: RouteKind,
        change: Change<RouteRecord>,
        now: Instant,
    ) -> BTreeSet<Key> {
        let resource = ResourceKind::Route(kind);
        let mut affected = BTreeSet::new();
        self.before(resource, &change, now, &mut affected);
        let ended = matches!(change, Change::ListEnds);
        let mut rollouts = BTreeSet::new();
        match change {
            Change::ListBegins => self.routes.entry(kind).or_default().list_begins(),
            Change::Listed(observed) => {
                self.routes.entry(kind).or_default().listed(&observed.place());
                self.put_route(kind, observed, &mut rollouts);
            }
            Change::Applied(observed) => self.put_route(kind, observed, &mut rollouts),
            Change::Deleted(observed) => {
                let (place, version) = (observed.place(), observed.version());
                if self.routes.get(&kind).is_some_and(|table| table.is_it(&place, version)) {
                    self.drop_route(kind, &place, &mut rollouts);
                }
            }
            Change::ListEnds => {
                let table = self.routes.entry(kind).or_default();
                let before = table.view.clone();
                let gone = table.list_ends();
                if table.view != before {
                    rollouts.extend(self.interests.of_kind(kind));
                }
                gone.iter().for_each(|place| self.drop_route(kind, place, &mut rollouts));
            }
        }
        affected.extend(self.look_again(&rollouts));
        self.after(resource, ended, &mut affected);
        affected
    }

    /// An object of a router that was fetched is not there.
    pub(super) fn route_is_gone(&mut self, kind: RouteKind, place: &Place) -> BTreeSet<Key> {
        let mut rollouts = BTreeSet::new();
        self.drop_route(kind, place, &mut rollouts);
        self.look_again(&rollouts)
    }

    /// Takes in how a kind is served.
    pub(super) fn take_served(
        &mut self,
        kind: RouteKind,
        served: Served,
        now: Instant,
    ) -> BTreeSet<Key> {
        let table = self.routes.entry(kind).or_default();
        let before = table.view.clone();
        let view = match served {
            Served::Tried(version) => {
                if table.try_version(version, now) {
                    // What is known now comes with the list: nobody has to look before.
                    let rollouts = self.interests.of_kind(kind);
                    rollouts.iter().for_each(|place| self.follow_routes(place));
                }
                return BTreeSet::new();
            }
            Served::No => KindView::NotInstalled,
            Served::Unreadable(why) => KindView::Unreadable(why),
        };
        table.forget(view.clone());
        if view == before {
            return BTreeSet::new();
        }
        // What was written of them is not seen any more.
        let resource = ResourceKind::Route(kind);
        let mut affected = self.pending.not_listed(resource, now, |_| false);
        affected.extend(self.look_again(&self.interests.of_kind(kind)));
        affected
    }

    fn look_again(&mut self, rollouts: &BTreeSet<Place>) -> BTreeSet<Key> {
        rollouts.iter().for_each(|place| self.follow_routes(place));
        rollouts.iter().map(|(namespace, name)| Key::rollout(namespace, name)).collect()
    }

    fn put_route(
        &mut self,
        kind: RouteKind,
        observed: Observed<RouteRecord>,
        rollouts: &mut BTreeSet<Place>,
    ) {
        let place = observed.place();
        let Ok(record) = observed.record else { return };
        let table = self.routes.entry(kind).or_default();
        if !table.is_news(&place, &record.resource_version) {
            return;
        }
        let key = key_of(kind, &place);
        let before = table.drop_entry(&place);
        let before = before.map(|before| self.interests.of(&key, &before)).unwrap_or_default();
        let after = self.interests.of(&key, &record);
        let seen = Seen {
            version: record.resource_version.clone(),
            controller: record.controller.clone(),
            kept: (!after.is_empty()).then(|| Arc::new(record)),
        };
        table.put(place, seen);
        rollouts.extend(before.into_iter().chain(after));
    }

    fn drop_route(&mut self, kind: RouteKind, place: &Place, rollouts: &mut BTreeSet<Place>) {
        let kept = self.routes.get_mut(&kind).and_then(|table| table.drop_entry(place));
        if let Some(record) = kept {
            rollouts.extend(self.interests.of(&key_of(kind, place), &record));
        }
    }
}

fn place_of(key: &RouteKey) -> Place {
    (key.namespace.clone(), key.name.clone())
}

fn key_of(kind: RouteKind, place: &Place) -> RouteKey {
    RouteKey { kind, namespace: place.0.clone(), name: place.1.clone() }
}
