//! The records of one kind, as lists and watches tell of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Place};
use crate::world::record::Observed;

/// What is known of one object.
#[derive(Clone, Debug)]
pub struct Entry<R> {
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub version: String,
    /// The record; the error where the object cannot be understood.
    pub record: Result<R, String>,
}

/// A change that was taken in.
#[derive(Debug)]
pub(super) struct Changed<R> {
    pub(super) place: Place,
    pub(super) before: Option<Entry<R>>,
    /// Whether the object is there now.
    pub(super) present: bool,
}

/// The records of one kind.
#[derive(Debug)]
pub(super) struct Table<R> {
    entries: BTreeMap<Place, Entry<R>>,
    /// What the list that is under way has named so far.
    listing: Option<BTreeSet<Place>>,
    synced: bool,
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), listing: None, synced: false }
    }
}

impl<R> Table<R> {
    pub(super) fn is_synced(&self) -> bool {
        self.synced
    }

    pub(super) fn entry(&self, place: &Place) -> Option<&Entry<R>> {
        self.entries.get(place)
    }

    pub(super) fn get(&self, place: &Place) -> Option<&R> {
        self.entries.get(place)?.record.as_ref().ok()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&Place, &Entry<R>)> {
        self.entries.iter()
    }

    /// Takes in a change; what came of it.
    pub(super) fn take(&mut self, change: Change<R>) -> Vec<Changed<R>> {
        match change {
            Change::ListBegins => {
                self.listing = Some(BTreeSet::new());
                Vec::new()
            }
            Change::Listed(observed) => {
                if let Some(named) = &mut self.listing {
                    named.insert(observed.place());
                }
                self.put(observed).into_iter().collect()
            }
            Change::Applied(observed) => self.put(observed).into_iter().collect(),
            Change::Deleted(observed) => {
                self.remove(&observed.place(), observed.version()).into_iter().collect()
            }
            Change::ListEnds => {
                self.synced = true;
                let named = self.listing.take().unwrap_or_default();
                let gone: Vec<Place> =
                    self.entries.keys().filter(|place| !named.contains(*place)).cloned().collect();
                gone.into_iter().filter_map(|place| self.drop_entry(place)).collect()
            }
        }
    }

    fn put(&mut self, observed: Observed<R>) -> Option<Changed<R>> {
        let place = observed.place();
        let known = self.entries.get(&place);
        if known.is_some_and(|known| !is_newer(observed.version(), &known.version)) {
            return None;
        }
        let entry = Entry {
            uid: observed.uid().to_owned(),
            version: observed.version().to_owned(),
            record: observed.record,
        };
        let before = self.entries.insert(place.clone(), entry);
        Some(Changed { place, before, present: true })
    }

    fn remove(&mut self, place: &Place, version: &str) -> Option<Changed<R>> {
        let known = self.entries.get(place)?;
        // Of an earlier object of the name, when the next one is known already.
        if is_newer(&known.version, version) {
            return None;
        }
        self.drop_entry(place.clone())
    }

    /// Forgets an object that is known to be gone.
    pub(super) fn drop_entry(&mut self, place: Place) -> Option<Changed<R>> {
        let before = self.entries.remove(&place)?;
        Some(Changed { place, before: Some(before), present: false })
    }
}

/// Whether version `a` comes after version `b`. Versions are numbers that grow with every write to
/// the cluster; what is not a number is only known to differ.
pub(super) fn is_newer(a: &str, b: &str) -> bool {
    match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a > b,
        _ => a != b,
    }
}
