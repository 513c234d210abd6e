//! The objects, their history, and the indexes over them. One counter numbers all writes, as etcd
//! does. Nothing here waits or knows of HTTP.

pub(crate) mod watch;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use crate::kinds::GroupResource;

/// Where an object stands within its resource. Orders as etcd's keys do.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Empty for cluster-scoped objects.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Key {
        Key { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// One write that changed an object.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) resource: GroupResource,
    pub(crate) key: Key,
    pub(crate) revision: u64,
    pub(crate) before: Option<Arc<Value>>,
    /// The object after the write; of a deletion its last state, with the deletion's revision.
    pub(crate) object: Arc<Value>,
    pub(crate) deleted: bool,
}

#[derive(Debug, Default)]
struct Table {
    objects: BTreeMap<Key, Arc<Value>>,
    log: VecDeque<Arc<Change>>,
    /// Changes up to this revision are forgotten.
    compacted: u64,
}

/// The revision asked for is older than the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expired {
    /// The oldest revision that could still be served.
    pub(crate) oldest: u64,
}

/// Part of a list.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) items: Vec<Arc<Value>>,
    /// The last key of this page, if there are more.
    pub(crate) next: Option<Key>,
    /// How many matching objects follow.
    pub(crate) remaining: usize,
}

/// All objects of a cluster.
#[derive(Debug)]
pub(crate) struct Store {
    revision: u64,
    tables: BTreeMap<GroupResource, Table>,
    uids: BTreeMap<String, (GroupResource, Key)>,
    /// Owner uid to the objects that name it as an owner.
    dependents: BTreeMap<String, BTreeSet<(GroupResource, Key)>>,
    history_max: usize,
}

impl Store {
    /// An empty store that remembers `history_max` changes a resource.
    pub(crate) fn new(history_max: usize) -> Store {
        Store {
            revision: 1,
            tables: BTreeMap::new(),
            uids: BTreeMap::new(),
            dependents: BTreeMap::new(),
            history_max,
        }
    }

    /// The revision of the last write.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn get(&self, resource: &GroupResource, key: &Key) -> Option<&Arc<Value>> {
        self.tables.get(resource)?.objects.get(key)
    }

    pub(crate) fn by_uid(&self, uid: &str) -> Option<&(GroupResource, Key)> {
        self.uids.get(uid)
    }

    /// The objects that name this uid as an owner.
    pub(crate) fn dependents(&self, uid: &str) -> Vec<(GroupResource, Key)> {
        self.dependents.get(uid).map(|set| set.iter().cloned().collect()).unwrap_or_default()
    }

    /// The objects of a resource, in one namespace or (empty) in all, in key order.
    pub(crate) fn list<'a>(
        &'a self,
        resource: &GroupResource,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> + 'a {
        let start = Key::new(namespace, "");
        let objects = self.tables.get(resource).map(|table| &table.objects);
        objects
            .into_iter()
            .flat_map(move |objects| {
                objects.range((Bound::Included(&start).cloned(), Bound::Unbounded))
            })
            .take_while(move |(key, _)| namespace.is_empty() || key.namespace == namespace)
    }

    /// The resources that hold objects in a namespace.
    pub(crate) fn resources_in(&self, namespace: &str) -> Vec<GroupResource> {
        let start = Key::new(namespace, "");
        let occupied = |table: &Table| {
            table
                .objects
                .range(start.clone()..)
                .next()
                .is_some_and(|(k, _)| k.namespace == namespace)
        };
        let tables = self.tables.iter().filter(|(_, table)| occupied(table));
        tables.map(|(resource, _)| resource.clone()).collect()
    }

    /// A page of the list as it was at `revision`: at most `limit` (0: all) objects that `select`
    /// takes, after the key `after`.
    ///
    /// # Errors
    /// The history does not reach back that far.
    pub(crate) fn page(
        &self,
        resource: &GroupResource,
        namespace: &str,
        revision: u64,
        after: Option<&Key>,
        limit: usize,
        select: impl Fn(&Value) -> bool,
    ) -> Result<Page, Expired> {
        let Some(table) = self.tables.get(resource) else { return Ok(Page::default()) };
        if revision < table.compacted {
            return Err(Expired { oldest: table.compacted });
        }
        // What has changed since then, back to its state at the revision.
        let mut past: BTreeMap<&Key, Option<&Arc<Value>>> = BTreeMap::new();
        for change in table.log.iter().rev().take_while(|change| change.revision > revision) {
            past.insert(&change.key, change.before.as_ref());
        }
        let first = Key::new(namespace, "");
        let start = match after {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(&first),
        };
        let inside = |key: &Key| namespace.is_empty() || key.namespace == namespace;
        let mut now = table
            .objects
            .range((start, Bound::Unbounded))
            .take_while(|(k, _)| inside(k))
            .peekable();
        let mut then = past
            .range::<&Key, _>((start.as_ref(), Bound::Unbounded))
            .take_while(|(k, _)| inside(k))
            .peekable();
        let mut page = Page::default();
        let mut last: Option<&Key> = None;
        loop {
            let (key, object) = match (now.peek(), then.peek()) {
                (None, None) => break,
                (Some((key, _)), Some((old, _))) if key < *old => {
                    let (key, object) = (*key, now.next().map(|(_, object)| object));
                    (key, object)
                }
                (Some((key, _)), None) => {
                    let (key, object) = (*key, now.next().map(|(_, object)| object));
                    (key, object)
                }
                (current, Some((old, object))) => {
                    let (old, object) = (**old, **object);
                    if current.is_some_and(|(key, _)| *key == old) {
                        now.next();
                    }
                    then.next();
                    (old, object)
                }
            };
            let Some(object) = object.filter(|object| select(object)) else { continue };
            if limit > 0 && page.items.len() == limit {
                page.remaining += 1;
                page.next = last.cloned();
                continue;
            }
            last = Some(key);
            page.items.push(object.clone());
        }
        Ok(page)
    }

    /// The changes of a resource after `revision`, oldest first.
    ///
    /// # Errors
    /// The history does not reach back that far.
    pub(crate) fn since(
        &self,
        resource: &GroupResource,
        revision: u64,
    ) -> Result<Vec<Arc<Change>>, Expired> {
        let Some(table) = self.tables.get(resource) else { return Ok(Vec::new()) };
        if revision < table.compacted {
            return Err(Expired { oldest: table.compacted });
        }
        let skip = table.log.partition_point(|change| change.revision <= revision);
        Ok(table.log.iter().skip(skip).cloned().collect())
    }

    /// Stores, replaces or (with `None`) removes an object and gives it the next revision.
    /// Returns nothing if there is nothing to remove.
    pub(crate) fn write(
        &mut self,
        resource: &GroupResource,
        key: &Key,
        object: Option<Value>,
    ) -> Option<Arc<Change>> {
        let before = self.get(resource, key).cloned();
        let deleted = object.is_none();
        let mut object = match object {
            Some(object) => object,
            None => Value::clone(before.as_ref()?),
        };
        self.revision += 1;
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        let object = Arc::new(object);
        if let Some(before) = &before {
            self.unindex(resource, key, before);
        }
        let table = self.tables.entry(resource.clone()).or_default();
        if deleted {
            table.objects.remove(key);
        } else {
            table.objects.insert(key.clone(), object.clone());
        }
        let change = Arc::new(Change {
            resource: resource.clone(),
            key: key.clone(),
            revision: self.revision,
            before,
            object,
            deleted,
        });
        table.log.push_back(change.clone());
        if table.log.len() > self.history_max
            && let Some(forgotten) = table.log.pop_front()
        {
            table.compacted = forgotten.revision;
        }
        if !deleted {
            self.index(resource, key, &change.object);
        }
        Some(change)
    }

    /// Forgets the history of all resources: older watches and pages are answered with 410.
    pub(crate) fn compact(&mut self) {
        let revision = self.revision;
        for table in self.tables.values_mut() {
            table.log.clear();
            table.compacted = revision;
        }
    }

    fn index(&mut self, resource: &GroupResource, key: &Key, object: &Value) {
        if let Some(uid) = object["metadata"]["uid"].as_str() {
            self.uids.insert(uid.to_owned(), (resource.clone(), key.clone()));
        }
        for owner in owner_uids(object) {
            let set = self.dependents.entry(owner.to_owned()).or_default();
            set.insert((resource.clone(), key.clone()));
        }
    }

    fn unindex(&mut self, resource: &GroupResource, key: &Key, object: &Value) {
        if let Some(uid) = object["metadata"]["uid"].as_str() {
            self.uids.remove(uid);
        }
        let entry = (resource.clone(), key.clone());
        for owner in owner_uids(object) {
            if let Some(set) = self.dependents.get_mut(owner) {
                set.remove(&entry);
                if set.is_empty() {
                    self.dependents.remove(owner);
                }
            }
        }
    }
}

/// The uids of an object's owners.
pub(crate) fn owner_uids(object: &Value) -> impl Iterator<Item = &str> {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners.into_iter().flatten().filter_map(|owner| owner["uid"].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn pods() -> GroupResource {
        GroupResource::new("", "pods")
    }

    fn names(page: &Page) -> Vec<String> {
        let name = |object: &Arc<Value>| object["n"].as_str().unwrap().to_owned();
        page.items.iter().map(name).collect()
    }

    #[test]
    fn indexes_follow_writes() {
        let mut store = Store::new(10);
        let (owner, key) = ("u-1", Key::new("a", "x"));
        let object = json!({"metadata": {"uid": "u-2", "ownerReferences": [{"uid": owner}]}});
        store.write(&pods(), &key, Some(object)).unwrap();
        assert_eq!(store.dependents(owner), [(pods(), key.clone())]);
        assert!(store.by_uid("u-2").is_some());
        store.write(&pods(), &key, None).unwrap();
        assert!(store.dependents(owner).is_empty());
        assert!(store.by_uid("u-2").is_none());
        assert!(store.write(&pods(), &key, None).is_none());
    }

    #[test]
    fn history_is_bounded() {
        let mut store = Store::new(3);
        for index in 0..5 {
            let key = Key::new("a", &format!("x{index}"));
            store.write(&pods(), &key, Some(json!({"metadata": {}})));
        }
        assert_eq!(store.since(&pods(), 2).unwrap_err(), Expired { oldest: 3 });
        assert_eq!(store.since(&pods(), 3).unwrap().len(), 3);
        store.compact();
        assert!(store.since(&pods(), 5).is_err());
        assert!(store.since(&pods(), store.revision()).unwrap().is_empty());
    }

    proptest! {
        /// A page at a revision is what a full copy taken at that revision holds.
        #[test]
        fn past_pages_equal_copies(
            writes in prop::collection::vec((0_u8..3, 0_u8..6, any::<bool>()), 1..60),
            cut in 0_usize..60,
            limit in 0_usize..4,
        ) {
            let mut store = Store::new(1000);
            let mut copy: Option<(u64, Vec<Arc<Value>>)> = None;
            for (index, (namespace, name, keep)) in writes.iter().enumerate() {
                if index == cut.min(writes.len() - 1) {
                    let all = store.list(&pods(), "").map(|(_, o)| o.clone()).collect();
                    copy = Some((store.revision(), all));
                }
                let key = Key::new(&format!("ns{namespace}"), &format!("p{name}"));
                let object = json!({"metadata": {}, "n": format!("{namespace}/{name}@{index}")});
                store.write(&pods(), &key, keep.then_some(object));
            }
            let (revision, all) = copy.unwrap();
            let mut paged = Vec::new();
            let mut after = None;
            loop {
                let page = store
                    .page(&pods(), "", revision, after.as_ref(), limit, |_| true)
                    .unwrap();
                paged.extend(names(&page));
                after = page.next;
                if after.is_none() { break }
            }
            let expected: Vec<String> =
                all.iter().map(|o| o["n"].as_str().unwrap().to_owned()).collect();
            prop_assert_eq!(paged, expected);
        }
    }
}
