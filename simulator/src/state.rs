//! Everything behind the one lock of a cluster: objects, watches, the audit log, faults.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

use crate::audit::RequestRecord;
use crate::cluster::Options;
use crate::faults::Faults;
use crate::kinds::builtin::builtin_kinds;
use crate::kinds::{GroupResource, Kind, Kinds};
use crate::random::Random;
use crate::store::watch::Watches;
use crate::store::{Change, Key, Store, owner_uids};
use crate::transport::Connection;
use crate::workloads::queue::{Work, WorkQueue};
use crate::workloads::{self, Crash, PodMemory, Recommendations};

/// A write that has just changed something, as observers see it.
#[derive(Debug)]
pub struct WriteSeen<'a> {
    /// The object before; none if it was created.
    pub before: Option<&'a Value>,
    /// The object after; none if it is gone.
    pub after: Option<&'a Value>,
    /// The resource.
    pub resource: &'a GroupResource,
    /// The request that wrote it, with its user.
    pub request: &'a RequestRecord,
    /// The revision of the write.
    pub revision: u64,
}

/// A view of all objects as they are right after a write.
#[derive(Debug, Clone, Copy)]
pub struct Objects<'a> {
    store: &'a Store,
}

impl<'a> Objects<'a> {
    /// One object; namespace empty for cluster-scoped ones.
    pub fn get(&self, resource: &GroupResource, namespace: &str, name: &str) -> Option<&'a Value> {
        self.store.get(resource, &Key::new(namespace, name)).map(Arc::as_ref)
    }

    /// The objects of a resource in a namespace (empty: in all), ordered by namespace and name.
    pub fn list(&self, resource: &GroupResource, namespace: &'a str) -> Vec<&'a Value> {
        self.store.list(resource, namespace).map(|(_, object)| object.as_ref()).collect()
    }
}

/// Called synchronously after every write that changed something.
pub(crate) type Observer = Box<dyn FnMut(&WriteSeen<'_>, Objects<'_>) + Send>;

/// A connection that is not cut, as far as the server knows.
#[derive(Debug)]
struct OpenConnection {
    id: u64,
    user: String,
    dead: watch::Sender<bool>,
}

/// What objects are named by.
#[derive(Debug)]
pub(crate) struct Chance {
    pub(crate) uids: Random,
    pub(crate) names: Random,
}

impl Chance {
    fn of(seed: u64, prefix: &str) -> Chance {
        let stream = |label| Random::stream(seed, &format!("{prefix}{label}"));
        Chance { uids: stream("uid"), names: stream("names") }
    }
}

/// The state of a cluster.
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) kinds: Kinds,
    pub(crate) store: Store,
    pub(crate) watches: Watches,
    pub(crate) requests: Vec<RequestRecord>,
    pub(crate) faults: Faults,
    pub(crate) work: WorkQueue,
    pub(crate) chance: Chance,
    /// EndpointSlices come and go beside everything else; what else there is is named as without
    /// them.
    pub(crate) slice_chance: Chance,
    latencies: BTreeMap<String, Random>,
    /// Changes of the request that is being served.
    changes: Vec<Arc<Change>>,
    pub(crate) observers: Vec<Observer>,
    pub(crate) trace: Option<Vec<String>>,
    pub(crate) connections: u64,
    open: Vec<OpenConnection>,
    /// Service addresses handed out.
    pub(crate) addresses: u32,
    /// Pods that have been given a node.
    pub(crate) assigned: u64,
    pub(crate) pods: BTreeMap<String, PodMemory>,
    /// What autoscalers have lately found right, by uid.
    pub(crate) recommendations: BTreeMap<String, Recommendations>,
    /// Images whose containers crash, and how.
    pub(crate) crashes: BTreeMap<String, Crash>,
    /// Namespaces that have held pods without a controller.
    pub(crate) orphan_pods: BTreeSet<String>,
    pub(crate) termination: Random,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("revision", &self.store.revision())
            .field("requests", &self.requests.len())
            .finish_non_exhaustive()
    }
}

impl State {
    pub(crate) fn new(options: Options) -> State {
        State {
            kinds: builtin_kinds(),
            store: Store::new(options.history_max),
            watches: Watches::default(),
            requests: Vec::new(),
            faults: Faults::default(),
            work: WorkQueue::new(
                options.seed,
                options.reaction.clone(),
                options.endpoints_delay.clone(),
            ),
            chance: Chance::of(options.seed, ""),
            slice_chance: Chance::of(options.seed, "endpointslices/"),
            latencies: BTreeMap::new(),
            changes: Vec::new(),
            observers: Vec::new(),
            trace: options.trace.then(Vec::new),
            connections: 0,
            open: Vec::new(),
            addresses: 0,
            assigned: 0,
            pods: BTreeMap::new(),
            recommendations: BTreeMap::new(),
            crashes: BTreeMap::new(),
            orphan_pods: BTreeSet::new(),
            termination: Random::stream(options.seed, "termination"),
            options,
        }
    }

    /// How long a user's next request travels: there, and back.
    pub(crate) fn latency(&mut self, user: &str) -> (Duration, Duration) {
        let seed = self.options.seed;
        let random = self
            .latencies
            .entry(user.to_owned())
            .or_insert_with(|| Random::stream(seed, &format!("latency/{user}")));
        let range = &self.options.request_latency;
        let half = range.start / 2..range.end / 2;
        (random.duration(&half), random.duration(&half))
    }

    /// Writes an object (or removes it) and tells everybody who watches.
    pub(crate) fn commit(
        &mut self,
        kind: &Kind,
        key: &Key,
        object: Option<Value>,
    ) -> Option<Arc<Change>> {
        let change = self.store.write(&kind.resource, key, object)?;
        self.watches.publish(&change, &self.options.watch_delay);
        self.work.changed(&change);
        self.follow(&change);
        self.changes.push(change.clone());
        Some(change)
    }

    /// Work that a change means for objects related to the changed one.
    fn follow(&mut self, change: &Change) {
        let uid = change.object["metadata"]["uid"].as_str().unwrap_or_default();
        if change.deleted {
            for (resource, key) in self.store.dependents(uid) {
                self.work.soon(Work::Collect(resource, key));
            }
            self.pods.remove(uid);
            self.recommendations.remove(uid);
        }
        // An owner that waits for its dependents looks again when one lets it go.
        for owner in change.before.as_deref().into_iter().flat_map(owner_uids) {
            let kept = !change.deleted && owner_uids(&change.object).any(|other| other == owner);
            if !kept && let Some((resource, key)) = self.store.by_uid(owner) {
                self.work.soon(Work::Collect(resource.clone(), key.clone()));
            }
        }
        for work in workloads::related(&self.store, change) {
            self.work.soon(work);
        }
        let is_pod = change.resource.group.is_empty() && change.resource.resource == "pods";
        let owned = owner_uids(&change.object).next().is_some();
        if is_pod && !change.deleted && !owned {
            // Any ReplicaSet of the namespace may want to adopt it.
            let namespace = change.key.namespace.clone();
            let sets = GroupResource::new("apps", "replicasets");
            let keys: Vec<Key> =
                self.store.list(&sets, &namespace).map(|(key, _)| key.clone()).collect();
            keys.into_iter().for_each(|key| self.work.soon(Work::ReplicaSet(key)));
            self.orphan_pods.insert(namespace);
        }
    }

    /// Ends a request: writes it into the audit log and shows its changes to the observers.
    pub(crate) fn record(&mut self, mut request: RequestRecord) {
        let changes = std::mem::take(&mut self.changes);
        request.changed = !changes.is_empty();
        if let Some(trace) = &mut self.trace {
            trace.push(request.to_string());
        }
        let mut observers = std::mem::take(&mut self.observers);
        for change in &changes {
            let seen = WriteSeen {
                before: change.before.as_deref(),
                after: (!change.deleted).then_some(&change.object),
                resource: &change.resource,
                request: &request,
                revision: change.revision,
            };
            for observer in &mut observers {
                observer(&seen, Objects { store: &self.store });
            }
        }
        self.observers = observers;
        self.requests.push(request);
    }

    /// Remembers a connection, to tell of its end.
    pub(crate) fn register(&mut self, connection: &Connection) {
        self.open.retain(|open| !*open.dead.borrow());
        self.open.push(OpenConnection {
            id: connection.id(),
            user: connection.user().to_owned(),
            dead: connection.death().clone(),
        });
    }

    /// Cuts a user's connections.
    pub(crate) fn cut(&mut self, user: &str) {
        for open in self.open.iter().filter(|open| open.user == user) {
            open.dead.send_replace(true);
            self.watches.close_connection(open.id);
        }
    }

    /// The connections of a user that are not cut.
    pub(crate) fn connections_of(&self, user: &str) -> Vec<watch::Receiver<bool>> {
        let own = self.open.iter().filter(|open| open.user == user && !*open.dead.borrow());
        own.map(|open| open.dead.subscribe()).collect()
    }
}
