//! A simulated cluster: its clients, its controllers, and the knobs of a test.

use chrono::DateTime;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::api::route::Target;
use crate::api::{Payload, Subresource, Verb};
use crate::audit::RequestRecord;
use crate::clock::{Clock, rfc3339};
use crate::faults::{Cut, Fault, Matcher};
use crate::kinds::builtin::CRD_RESOURCE;
use crate::kinds::{Crd, GroupResource};
use crate::state::{Objects, State, WriteSeen};
use crate::status_error::StatusError;
use crate::store::Key;
use crate::transport::Connection;
use crate::workloads::{self, Crash};

/// The namespaces that every cluster starts with.
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// How a cluster behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where all chance comes from: the same seed and the same program give the same run.
    pub seed: u64,
    /// What timestamps show.
    pub clock: Clock,
    /// How late a watch event arrives. Drawn for each event and watch; the order within one watch
    /// is kept.
    pub watch_delay: Range<Duration>,
    /// How long a request takes, there and back together.
    pub request_latency: Range<Duration>,
    /// How late the built-in controllers react to a change.
    pub reaction: Range<Duration>,
    /// How late EndpointSlices follow their pods and Services.
    pub endpoints_delay: Range<Duration>,
    /// How long a pod needs from its start until it is ready, unless it says otherwise.
    pub pod_ready_after: Duration,
    /// How long a pod that is being deleted goes on.
    pub pod_termination: Range<Duration>,
    /// Over how many nodes pods are spread; at least one.
    pub nodes: u32,
    /// How many changes of a resource are remembered for watches and pages.
    pub history_max: usize,
    /// Whether to keep a trace of requests and delivered events, see [`Cluster::trace`].
    pub trace: bool,
}

impl Options {
    /// Stepped time from a fixed date, small delays, pods ready after a second.
    pub fn stepped(seed: u64) -> Options {
        let start = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
        Options::with_clock(seed, Clock::stepped(start))
    }

    /// As [`Options::stepped`] with another clock.
    pub fn with_clock(seed: u64, clock: Clock) -> Options {
        let millis = Duration::from_millis;
        Options {
            seed,
            clock,
            watch_delay: millis(1)..millis(20),
            request_latency: millis(1)..millis(10),
            reaction: millis(1)..millis(50),
            endpoints_delay: millis(20)..millis(300),
            pod_ready_after: Duration::from_secs(1),
            pod_termination: millis(100)..millis(1000),
            nodes: 3,
            history_max: 10_000,
            trace: false,
        }
    }
}

/// What clients, watches and controllers share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // An observer that panicked has failed its test already; the state itself is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line to the trace, if one is kept.
    pub(crate) fn trace(&self, line: impl FnOnce() -> String) {
        let mut state = self.lock();
        let at = state.now().format("%H:%M:%S%.6f");
        if let Some(trace) = &mut state.trace {
            trace.push(format!("{at} {}", line()));
        }
    }
}

/// An in-memory Kubernetes cluster. Dropping it stops its controllers.
#[derive(Debug)]
pub struct Cluster {
    shared: Arc<Shared>,
    controllers: Mutex<Option<JoinHandle<()>>>,
}

impl Cluster {
    /// A cluster with the usual namespaces and nothing in them.
    pub fn new(options: Options) -> Cluster {
        let shared = Arc::new(Shared { state: Mutex::new(State::new(options)) });
        {
            let mut state = shared.lock();
            let resource = GroupResource::new("", "namespaces");
            for name in NAMESPACES {
                let object = json!({"metadata": {"name": name}});
                // The names are valid and new, so nothing can refuse them.
                let _ = create(&mut state, &resource, object);
            }
        }
        Cluster { shared, controllers: Mutex::new(None) }
    }

    /// Serves the kind of a CustomResourceDefinition from now on; the definition itself can be read
    /// like any object.
    pub fn install(&self, crd: &Crd) {
        let mut state = self.shared.lock();
        let resource = GroupResource::new(CRD_RESOURCE.0, CRD_RESOURCE.1);
        let Some(kind) = state.kinds.get(&resource).cloned() else { return };
        let mut object = crd.object.clone();
        object["metadata"]["uid"] = state.chance.uids.uuid().into();
        object["metadata"]["creationTimestamp"] = rfc3339(state.now()).into();
        object["metadata"]["generation"] = 1.into();
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        state.kinds.insert(crd.kind.resource.clone(), crd.kind.clone());
        state.write_unasked(&kind, &Key::new("", &name), Subresource::Main, Some(object));
    }

    /// Serves the kind of a CustomResourceDefinition no longer: its objects are gone, watches of
    /// them end, and the path of the kind leads nowhere.
    pub fn uninstall(&self, crd: &Crd) {
        let mut state = self.shared.lock();
        let resource = &crd.kind.resource;
        let Some(kind) = state.kinds.get(resource).cloned() else { return };
        let keys: Vec<Key> = state.store.list(resource, "").map(|(key, _)| key.clone()).collect();
        for key in keys {
            state.write_unasked(&kind, &key, Subresource::Main, None);
        }
        state.watches.close(None, resource);
        state.kinds.remove(resource);
        let definitions = GroupResource::new(CRD_RESOURCE.0, CRD_RESOURCE.1);
        let Some(kind) = state.kinds.get(&definitions).cloned() else { return };
        let name = crd.object["metadata"]["name"].as_str().unwrap_or_default();
        state.write_unasked(&kind, &Key::new("", name), Subresource::Main, None);
    }

    /// A client on a connection of its own. Needs a tokio runtime.
    pub fn client(&self, user: &str) -> kube::Client {
        kube::Client::new(self.connection(user), "default")
    }

    fn connection(&self, user: &str) -> Connection {
        Connection::open(self.shared.clone(), user)
    }

    /// Starts the built-in controllers. Needs a tokio runtime; a second call does nothing.
    pub fn start(&self) {
        let mut controllers = self.controllers.lock().unwrap_or_else(PoisonError::into_inner);
        if controllers.is_none() {
            *controllers = Some(tokio::spawn(workloads::run(Arc::downgrade(&self.shared))));
        }
    }

    /// Containers of this image crash from now on, in this way. What an annotation of the pod says
    /// goes before.
    pub fn crash_image(&self, image: &str, crash: Crash) {
        self.shared.lock().crashes.insert(image.to_owned(), crash);
    }

    /// The audit log: all requests of a user in the order in which they took effect.
    pub fn requests(&self, user: &str) -> Vec<RequestRecord> {
        let state = self.shared.lock();
        state.requests.iter().filter(|request| request.user == user).cloned().collect()
    }

    /// The objects of a resource, ordered by namespace and name.
    pub fn objects(&self, group: &str, resource: &str) -> Vec<Value> {
        let state = self.shared.lock();
        let resource = GroupResource::new(group, resource);
        state.store.list(&resource, "").map(|(_, object)| Value::clone(object)).collect()
    }

    /// The revision of the last write.
    pub fn revision(&self) -> u64 {
        self.shared.lock().store.revision()
    }

    /// The clock of the cluster.
    pub fn clock(&self) -> Clock {
        self.shared.lock().options.clock.clone()
    }

    /// Calls the observer synchronously after every write that changes something, those of the
    /// controllers included. It must not call back into the cluster: what it may look at, it gets.
    pub fn observe(&self, observer: impl FnMut(&WriteSeen<'_>, Objects<'_>) + Send + 'static) {
        self.shared.lock().observers.push(Box::new(observer));
    }

    /// Makes the n-th matching request from now (1 is the next), and the `times - 1` matching ones
    /// after it, meet a fault.
    pub fn inject(&self, matcher: Matcher, nth: u64, times: u64, fault: Fault) {
        if times > 0 {
            self.shared.lock().faults.inject(matcher, nth, times, fault);
        }
    }

    /// Cuts the user's connection at its n-th write from now (1 is the next): all later requests
    /// and all watches of that client fail. A new [`Cluster::client`] has a new connection.
    pub fn disconnect(&self, user: &str, nth_write: u64, cut: Cut) {
        self.shared.lock().faults.disconnect(user, nth_write, cut);
    }

    /// Cuts the user's connections at once.
    pub fn cut(&self, user: &str) {
        self.shared.lock().cut(user);
    }

    /// Resolves when a connection that the user has now is cut. Never if he has none.
    pub fn disconnected(&self, user: &str) -> impl Future<Output = ()> + Send + 'static {
        let receivers: Vec<watch::Receiver<bool>> = self.shared.lock().connections_of(user);
        async move {
            if receivers.is_empty() {
                std::future::pending::<()>().await;
            }
            let waits = receivers.into_iter().map(|mut receiver| {
                Box::pin(async move {
                    // A sender that is gone is a client that was dropped: not a cut.
                    if receiver.wait_for(|dead| *dead).await.is_err() {
                        std::future::pending::<()>().await;
                    }
                })
            });
            futures_util::future::select_all(waits).await;
        }
    }

    /// Withdraws all faults that have not struck yet.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Holds back the watch events of a resource for a while, for one user or for all.
    pub fn freeze_watches(&self, user: Option<&str>, resource: &GroupResource, time: Duration) {
        self.shared.lock().watches.freeze(user, resource, Instant::now() + time);
    }

    /// Ends open watches of a resource, of one user or of all, as a server does now and then.
    pub fn close_watches(&self, user: Option<&str>, resource: &GroupResource) {
        self.shared.lock().watches.close(user, resource);
    }

    /// Forgets the history: watches and pages from older revisions are answered with 410 Expired.
    pub fn compact(&self) {
        self.shared.lock().store.compact();
    }

    /// How long the way to a server takes, and the way back.
    pub(crate) fn latency(&self, server: &str) -> (Duration, Duration) {
        self.shared.lock().latency(server)
    }

    /// Adds a line to the trace, if one is kept.
    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        self.shared.trace(line);
    }

    /// Whether the controllers have nothing to do before that much time has passed.
    pub fn is_quiet_for(&self, time: Duration) -> bool {
        self.shared.lock().work.is_quiet_until(Instant::now() + time)
    }

    /// The trace so far: a line for each request and each delivered event, with its time. Empty
    /// unless [`Options::trace`] is set.
    pub fn trace(&self) -> Vec<String> {
        self.shared.lock().trace.clone().unwrap_or_default()
    }

    /// How many requests each user has made, by verb.
    pub fn request_counts(&self) -> BTreeMap<(String, String), usize> {
        let state = self.shared.lock();
        let mut counts = BTreeMap::new();
        for request in &state.requests {
            *counts.entry((request.user.clone(), request.verb.clone())).or_default() += 1;
        }
        counts
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut controllers = self.controllers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = controllers.take() {
            handle.abort();
        }
    }
}

fn create(state: &mut State, resource: &GroupResource, object: Value) -> Result<(), StatusError> {
    let target = Target { resource, namespace: "", name: "", subresource: Subresource::Main };
    state.internal(Verb::Create, target, Payload::Json(object), &[]).map(|_| ())
}
