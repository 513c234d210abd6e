//! A load of requests through the gateway: so many a second, each written down.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

use super::gateway::WEB;
use super::pods::{BODY, ON_PURPOSE_HEADER, POD_HEADER, VERSION_HEADER};
use super::tally::{Outcome, Sent, Tally};
use crate::loopback::DEADLINE;

/// Requests a second: somewhat more than the 200 that are promised.
pub const RATE: u32 = 210;
/// No fewer than that count as the load that was asked for.
pub const RATE_MIN: f64 = 200.0;
/// Requests under way at once: what a second brings. More wait, so that a gateway that hangs does not
/// pile them up.
const AT_ONCE_MAX: usize = 210;
/// A request that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Answers that are worth another look.
const SOME: usize = 20;
const ANSWER_BYTES_MAX: usize = 64 * 1024;

type HttpClient = Client<HttpConnector, Empty<Bytes>>;

/// A load that goes on until it is ended.
#[derive(Debug)]
pub struct Load {
    sent: Arc<Sheet>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Where requests are written down.
#[derive(Debug, Default)]
struct Sheet {
    sent: Mutex<Vec<Sent>>,
    count: watch::Sender<usize>,
}

impl Sheet {
    fn lock(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, sent: Sent) {
        self.lock().push(sent);
        self.count.send_modify(|count| *count += 1);
    }
}

impl Load {
    /// Begins to ask the gateway for a host, behind which only pods of `namespace` may be.
    #[must_use]
    pub fn start(host: &str, namespace: &str) -> Self {
        let (stop, stopped) = watch::channel(false);
        let sent = Arc::default();
        let target = Arc::new(Target::new(host, namespace));
        let task = tokio::spawn(send(target, Arc::clone(&sent), stopped));
        Self { sent, stop, task }
    }

    /// What was sent so far, and answered.
    #[must_use]
    pub fn so_far(&self) -> Tally {
        Tally::of(self.sent.lock().clone())
    }

    /// Waits until some more have been answered.
    pub async fn more(&self) {
        let mut count = self.sent.count.subscribe();
        let enough = *count.borrow() + SOME;
        // The sender is there as long as this is.
        let _ = count.wait_for(|count| *count >= enough).await;
    }

    /// Ends it, and waits for the last answers.
    pub async fn end(self) -> Tally {
        self.stop.send_replace(true);
        // It ends by itself and does not panic.
        let _ = self.task.await;
        Tally::of(std::mem::take(&mut *self.sent.lock()))
    }
}

fn client() -> HttpClient {
    Client::builder(TokioExecutor::new())
        // A request is sent once: what the gateway does with it counts.
        .retry_canceled_requests(false)
        .build_http()
}

#[derive(Debug)]
struct Target {
    client: HttpClient,
    uri: String,
    host: String,
    /// What the names of all pods begin with that may answer.
    pods: String,
}

/// Asks the gateway for a host until one of its pods answers.
///
/// # Errors
///
/// Says what came instead.
pub async fn until_served(host: &str, namespace: &str) -> Result<(), String> {
    let target = Target::new(host, namespace);
    let end = Instant::now() + DEADLINE;
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    loop {
        pace.tick().await;
        match target.ask().await {
            Outcome::Served(_) => return Ok(()),
            Outcome::Failed(_) | Outcome::OnPurpose(_) if Instant::now() < end => {}
            other => return Err(format!("{host} was not served within {DEADLINE:?}: {other:?}")),
        }
    }
}

async fn send(target: Arc<Target>, sent: Arc<Sheet>, mut stopped: watch::Receiver<bool>) {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / RATE);
    // What a busy machine has held up is made up for.
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let room = Arc::new(Semaphore::new(AT_ONCE_MAX));
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            _ = pace.tick() => {}
        }
        while under_way.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
        let (target, sent) = (Arc::clone(&target), Arc::clone(&sent));
        under_way.spawn(async move {
            let at = Instant::now();
            let outcome = target.ask().await;
            sent.add(Sent { at, outcome });
            drop(permit);
        });
    }
    under_way.join_all().await;
}

impl Target {
    fn new(host: &str, namespace: &str) -> Self {
        Self {
            client: client(),
            uri: format!("http://127.0.0.1:{WEB}/"),
            host: host.to_owned(),
            pods: format!("{namespace}/"),
        }
    }

    async fn ask(&self) -> Outcome {
        match tokio::time::timeout(TIMEOUT, self.exchange()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(why)) => Outcome::Failed(why),
            Err(_) => Outcome::Failed(format!("no answer within {TIMEOUT:?}")),
        }
    }

    async fn exchange(&self) -> Result<Outcome, String> {
        let request = Request::get(&self.uri).header(http::header::HOST, &self.host);
        let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
        let response = self.client.request(request).await.map_err(|error| causes(&error))?;
        self.judge(response).await
    }

    async fn judge(&self, response: Response<Incoming>) -> Result<Outcome, String> {
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| format!("{}: {error}", parts.status))?.to_bytes();
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(pod), Some(version)) = (header(POD_HEADER), header(VERSION_HEADER)) else {
            return Err(format!("{}: {}", parts.status, String::from_utf8_lossy(&body).trim()));
        };
        if !pod.starts_with(&self.pods) || body != BODY {
            return Err(format!("an answer of {pod} instead of one of {}…", self.pods));
        }
        match header(ON_PURPOSE_HEADER) {
            Some(_) => Ok(Outcome::OnPurpose(version.into())),
            None if parts.status.is_success() => Ok(Outcome::Served(version.into())),
            None => Err(format!("{} by {pod}", parts.status)),
        }
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text += &format!(": {cause}");
        next = cause.source();
    }
    text
}
