//! The objects of one kind of router: whole where a Rollout cares about them, hardly anything else.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::ApiResource;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sluice_planner::traffic::objects::{KindView, RouteKind, RouteRecord};
use tokio::time::Instant;

use super::Place;
use super::record::{Meta, Observed};
use super::table::is_newer;

/// An object of a router as lists and watches bring it; its kind is known by whoever asked.
#[derive(Clone, Debug)]
pub struct RouteObject(Observed<RouteRecord>);

impl RouteObject {
    /// What is kept of it. The items of a list do not always name their type.
    pub fn observed(self, kind: RouteKind, version: &str) -> Observed<RouteRecord> {
        let mut observed = self.0;
        let object = observed.record.as_mut().ok().and_then(|record| record.object.as_object_mut());
        if let Some(object) = object {
            object.insert("apiVersion".to_owned(), Value::from(version));
            object.insert("kind".to_owned(), Value::from(kind.name()));
        }
        observed
    }
}

impl<'de> Deserialize<'de> for RouteObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = Value::deserialize(deserializer)?;
        let metadata = object.get_mut("metadata");
        let meta = metadata.as_deref().map(Meta::deserialize).transpose();
        let meta = meta.map_err(serde::de::Error::custom)?.unwrap_or_default();
        if let Some(metadata) = metadata.and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        let record = RouteRecord {
            uid: meta.uid.clone(),
            resource_version: meta.resource_version.clone(),
            deleting: meta.deleting(),
            controller: meta.controller().map(str::to_owned),
            object,
        };
        Ok(Self(Observed::new(&meta, Ok(record))))
    }
}

impl Resource for RouteObject {
    type DynamicType = ApiResource;
    type Scope = kube::core::DynamicResourceScope;

    fn kind(of: &ApiResource) -> Cow<'_, str> {
        of.kind.as_str().into()
    }

    fn group(of: &ApiResource) -> Cow<'_, str> {
        of.group.as_str().into()
    }

    fn version(of: &ApiResource) -> Cow<'_, str> {
        of.version.as_str().into()
    }

    fn plural(of: &ApiResource) -> Cow<'_, str> {
        of.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }
}

/// The labels of an object.
pub(super) fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object["metadata"]["labels"].as_object().into_iter().flatten();
    labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// What is known of one object.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) version: String,
    /// The uid of what controls it.
    pub(super) controller: Option<String>,
    /// The object, where a Rollout cares about it.
    pub(super) kept: Option<Arc<RouteRecord>>,
}

/// The objects of one kind.
#[derive(Debug, Default)]
pub(super) struct RouteTable {
    pub(super) view: KindView,
    /// The group and version that is served, or tried.
    version: String,
    /// Since when it is waited for a first list.
    pub(super) unread_since: Option<Instant>,
    entries: BTreeMap<Place, Seen>,
    /// What the list that is under way has named so far.
    listing: Option<BTreeSet<Place>>,
}

impl RouteTable {
    pub(super) fn entry(&self, place: &Place) -> Option<&Seen> {
        self.entries.get(place)
    }

    /// Those that are kept whole.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&Place, &Arc<RouteRecord>)> {
        self.entries.iter().filter_map(|(place, seen)| Some((place, seen.kept.as_ref()?)))
    }

    /// The places of what an object controls in a namespace.
    pub(super) fn controlled<'a>(
        &'a self,
        namespace: &'a str,
        uid: &'a str,
    ) -> impl Iterator<Item = &'a Place> {
        let from = (namespace.to_owned(), String::new());
        let near = self.entries.range(from..).take_while(move |(place, _)| place.0 == namespace);
        near.filter(move |(_, seen)| seen.controller.as_deref() == Some(uid))
            .map(|(place, _)| place)
    }

    /// A group and version is tried. The same objects look otherwise under another one, at the same
    /// version of theirs: they are read anew. Whether anything is known less by that.
    pub(super) fn try_version(&mut self, version: String, now: Instant) -> bool {
        self.unread_since.get_or_insert(now);
        let other = self.version != version && matches!(self.view, KindView::Listed(_));
        if other {
            self.forget(KindView::Unread);
            self.unread_since = Some(now);
        }
        self.version = version;
        other
    }

    /// Whether objects have gone by already, of which no more was kept than was asked for then.
    pub(super) fn has_begun(&self) -> bool {
        self.listing.is_some() || matches!(self.view, KindView::Listed(_))
    }

    /// Nothing is known any longer.
    pub(super) fn forget(&mut self, view: KindView) {
        self.view = view;
        self.entries.clear();
        self.listing = None;
    }

    pub(super) fn list_begins(&mut self) {
        self.listing = Some(BTreeSet::new());
    }

    pub(super) fn listed(&mut self, place: &Place) {
        if let Some(named) = &mut self.listing {
            named.insert(place.clone());
        }
    }

    /// The list is complete; the places that it did not name.
    pub(super) fn list_ends(&mut self) -> Vec<Place> {
        let named = self.listing.take().unwrap_or_default();
        self.view = KindView::Listed(self.version.clone());
        self.entries.keys().filter(|place| !named.contains(*place)).cloned().collect()
    }

    /// Whether an object of this version says anything new.
    pub(super) fn is_news(&self, place: &Place, version: &str) -> bool {
        let Some(known) = self.entries.get(place) else { return true };
        is_newer(version, &known.version) || (known.version == version && known.kept.is_none())
    }

    pub(super) fn put(&mut self, place: Place, seen: Seen) {
        self.entries.insert(place, seen);
    }

    /// Whether an object of this version that was deleted is the one that is known.
    pub(super) fn is_it(&self, place: &Place, version: &str) -> bool {
        self.entries.get(place).is_some_and(|known| !is_newer(&known.version, version))
    }

    /// Forgets an object that is gone; what was kept of it.
    pub(super) fn drop_entry(&mut self, place: &Place) -> Option<Arc<RouteRecord>> {
        self.entries.remove(place)?.kept
    }

    /// Keeps no longer what nobody cares about.
    pub(super) fn strip(&mut self, is_wanted: impl Fn(&Place, &RouteRecord) -> bool) {
        for (place, seen) in &mut self.entries {
            seen.kept.take_if(|record| !is_wanted(place, record));
        }
    }
}
