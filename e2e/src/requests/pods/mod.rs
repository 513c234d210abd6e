//! One server that *is* all pods of a control plane: it listens on every address, and tells them
//! apart by the address that a connection came to.

mod life;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use life::{GONE_AFTER, Identity, SERVES_ON, Stage};

/// The port that all pods serve at.
pub const PORT: u16 = 8080;
/// Header of an answer: who gave it, as `NAMESPACE/POD`.
pub const POD_HEADER: &str = "x-pod";
/// Header of an answer: the version of the pod.
pub const VERSION_HEADER: &str = "x-version";
/// Header of an answer that is an error on purpose.
pub const ON_PURPOSE_HEADER: &str = "x-on-purpose";
/// What every answer holds.
pub const BODY: &str = "served";

/// Before an attempt to accept is made again.
const ACCEPT_AGAIN: Duration = Duration::from_millis(10);

/// The server; it ends when this is dropped.
#[derive(Debug)]
pub struct Pods {
    addresses: Addresses,
    _tasks: JoinSet<()>,
}

/// A connection that no pod took.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// When.
    pub at: Instant,
    /// `NAMESPACE/NAME` of the pod that has that address; none where none has.
    pub pod: Option<String>,
    /// The address, and what the pod was at.
    pub why: String,
}

impl Pods {
    /// Starts to serve for the pods of all namespaces.
    ///
    /// # Errors
    ///
    /// Says why it cannot listen.
    pub async fn start(client: Client) -> Result<Self, String> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT));
        let listener = listener.await.map_err(|error| format!("the pods' port {PORT}: {error}"))?;
        let addresses = Addresses::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(follow(client, addresses.clone()));
        tasks.spawn(accept(listener, addresses.clone()));
        Ok(Self { addresses, _tasks: tasks })
    }

    /// Connections to pods of a namespace that were refused, and to addresses of none.
    #[must_use]
    pub fn refusals(&self, namespace: &str) -> Vec<Refusal> {
        let prefix = format!("{namespace}/");
        let is_meant =
            |refusal: &&Refusal| refusal.pod.as_ref().is_none_or(|pod| pod.starts_with(&prefix));
        self.addresses.lock().refusals.iter().filter(is_meant).cloned().collect()
    }
}

/// Which pod has which address. One is given to another pod only after its pod is gone.
#[derive(Debug, Default, Clone)]
struct Addresses(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    by_ip: HashMap<Ipv4Addr, Entry>,
    refusals: Vec<Refusal>,
}

#[derive(Debug)]
struct Entry {
    uid: String,
    identity: Arc<Identity>,
    stage: watch::Sender<Stage>,
}

impl Addresses {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pod has changed.
    fn see(&self, pod: &Pod, now: Instant) {
        let ip = pod.status.as_ref().and_then(|status| status.pod_ip.as_deref()?.parse().ok());
        let (Some(ip), Some(uid)) = (ip, pod.uid()) else { return };
        let mut book = self.lock();
        let known = book.by_ip.get(&ip).filter(|entry| entry.uid == uid);
        let before = known.map_or(Stage::Coming, |entry| *entry.stage.borrow());
        let after = before.next(pod, now);
        match known {
            Some(_) if before == after => {}
            Some(entry) => {
                entry.stage.send_replace(after);
            }
            None => {
                let identity = Arc::new(life::identity(pod));
                let entry = Entry { uid, identity, stage: watch::Sender::new(after) };
                book.by_ip.insert(ip, entry);
            }
        }
    }

    /// The pod's object is gone: so is what ran, whatever it was at.
    fn forget(&self, pod: &Pod) {
        let uid = pod.uid().unwrap_or_default();
        for entry in self.lock().by_ip.values().filter(|entry| entry.uid == uid) {
            entry.stage.send_replace(Stage::Gone);
        }
    }

    /// Who answers at an address; a refusal is written down.
    fn who(&self, ip: Ipv4Addr) -> Option<(Arc<Identity>, watch::Receiver<Stage>)> {
        let now = Instant::now();
        let mut book = self.lock();
        let (pod, why) = match book.by_ip.get(&ip) {
            Some(entry) if entry.stage.borrow().serves(now) => {
                return Some((Arc::clone(&entry.identity), entry.stage.subscribe()));
            }
            Some(entry) => {
                let stage = match *entry.stage.borrow() {
                    Stage::Going(until) => format!("ended {:?} ago", now - until),
                    stage => format!("{stage:?}"),
                };
                (Some(entry.identity.pod.clone()), format!("{ip}: {stage}"))
            }
            None => (None, format!("{ip}: no pod")),
        };
        book.refusals.push(Refusal { at: now, pod, why });
        None
    }
}

/// Follows all pods; a watch that breaks begins again.
async fn follow(client: Client, addresses: Addresses) {
    let pods: Api<Pod> = Api::all(client);
    let mut events = pin!(watcher(pods, watcher::Config::default()).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::InitApply(pod) | Event::Apply(pod)) => addresses.see(&pod, Instant::now()),
            Ok(Event::Delete(pod)) => addresses.forget(&pod),
            Ok(Event::Init | Event::InitDone) | Err(_) => {}
        }
    }
}

async fn accept(listener: TcpListener, addresses: Addresses) {
    let mut connections = JoinSet::new();
    loop {
        // Those that have ended.
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, addresses.clone()));
            }
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
        }
    }
}

/// Serves a connection for as long as its pod does.
async fn serve(stream: TcpStream, addresses: Addresses) {
    let Ok(IpAddr::V4(ip)) = stream.local_addr().map(|address| address.ip()) else { return };
    let Some((identity, stage)) = addresses.who(ip) else {
        // As where nobody listens: the other side is told at once.
        let _ = stream.set_zero_linger();
        return;
    };
    let service = service_fn(move |_| {
        let answer = answer(&identity);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // What goes wrong with a connection is seen by its client.
        _ = connection => {}
        () = end_of(stage) => {}
    }
}

/// Waits until the pod serves no more.
async fn end_of(mut stage: watch::Receiver<Stage>) {
    loop {
        let now = *stage.borrow_and_update();
        match now {
            Stage::Serving => {}
            Stage::Going(until) => return tokio::time::sleep_until(until).await,
            Stage::Coming | Stage::Gone => return,
        }
        if stage.changed().await.is_err() {
            return;
        }
    }
}

fn answer(identity: &Identity) -> Response<Full<Bytes>> {
    let mut response = Response::builder()
        .header(POD_HEADER, &identity.pod)
        .header(VERSION_HEADER, &identity.version);
    if identity.fails {
        response = response.status(StatusCode::INTERNAL_SERVER_ERROR).header(ON_PURPOSE_HEADER, 1);
    }
    response.body(Full::new(Bytes::from_static(BODY.as_bytes()))).unwrap_or_default()
}
