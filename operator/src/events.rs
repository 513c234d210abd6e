//! Events: what has happened, for `kubectl describe` and for notifications by others.
//!
//! Each is sent once: its name is a function of what it tells, so a second attempt meets the first.
//! Sending never holds up a decision; when the API server is slow, the oldest wait in a bounded
//! queue and the newest beyond it are dropped, counted.

use chrono::{DateTime, SecondsFormat, Utc};
use futures::StreamExt as _;
use kube::Client;
use kube::core::request::Request;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_planner::{RolloutRecord, Transition};
use tokio::sync::mpsc;

use crate::metrics::Metrics;
use crate::writer::{answered, post_params};

/// The component that events name, as Argo Rollouts' do.
pub const COMPONENT: &str = "rollouts-controller";

/// Events that may wait to be sent: some hundred Rollouts that all move at once.
const QUEUE_LENGTH: usize = 16_384;

/// Events that are on the way at once.
const AT_ONCE: usize = 4;

/// The object that an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its kind.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub resource_version: String,
}

impl From<&RolloutRecord> for About {
    fn from(rollout: &RolloutRecord) -> Self {
        Self {
            kind: "Rollout",
            namespace: rollout.namespace.clone(),
            name: rollout.name.clone(),
            uid: rollout.uid.clone(),
            resource_version: rollout.resource_version.clone(),
        }
    }
}

/// A transition that waits to be sent: put into words only then, since many may wait.
#[derive(Debug)]
struct Told {
    about: About,
    transition: Transition,
    at: DateTime<Utc>,
}

/// Where transitions go.
#[derive(Clone, Debug)]
pub struct EventSink {
    queue: mpsc::Sender<Told>,
    metrics: Metrics,
}

/// Sends what the sink takes in.
pub struct EventSender {
    queue: mpsc::Receiver<Told>,
    client: Client,
}

/// A sink, and what has to run for it.
pub fn channel(client: Client, metrics: Metrics) -> (EventSink, EventSender) {
    let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
    (EventSink { queue: sender, metrics }, EventSender { queue: receiver, client })
}

impl EventSink {
    /// Tells of a transition, also in the log: Events are gone after an hour.
    pub fn tell(&self, about: &About, transition: &Transition, now: DateTime<Utc>) {
        tracing::info!(
            namespace = about.namespace,
            kind = about.kind,
            name = about.name,
            reason = transition.reason,
            "{}",
            transition.message
        );
        self.metrics.event(about, transition);
        let told = Told { about: about.clone(), transition: transition.clone(), at: now };
        if self.queue.try_send(told).is_err() {
            self.metrics.event_dropped();
        }
    }
}

impl EventSender {
    /// Sends events in order, a few at a time, until every sink is gone.
    pub async fn run(self) {
        let Self { queue, client } = self;
        let told = futures::stream::unfold(queue, |mut queue| async {
            queue.recv().await.map(|told| (told, queue))
        });
        told.map(|told| send(&client, told)).buffered(AT_ONCE).for_each(|()| async {}).await;
    }
}

async fn send(client: &Client, told: Told) {
    let path = format!("/api/v1/namespaces/{}/events", told.about.namespace);
    let body = event(&told.about, &told.transition, told.at).to_string().into_bytes();
    let request = match Request::new(path).create(&post_params(), body) {
        Ok(request) => request,
        Err(error) => {
            tracing::warn!(%error, "an event could not be put into words");
            return;
        }
    };
    if let Err(failure) = answered(client.request::<Value>(request)).await
        && !failure.is_already_exists()
    {
        let reason = told.transition.reason;
        tracing::debug!(%failure, reason, "an event was not sent");
    }
}

fn event(about: &About, transition: &Transition, now: DateTime<Utc>) -> Value {
    let at = now.to_rfc3339_opts(SecondsFormat::Secs, true);
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name(about, transition), "namespace": about.namespace},
        "involvedObject": {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": about.kind,
            "namespace": about.namespace,
            "name": about.name,
            "uid": about.uid,
            "resourceVersion": about.resource_version,
        },
        "type": transition.severity.as_str(),
        "reason": transition.reason,
        "message": truncated(&transition.message),
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": "",
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    })
}

/// The key of the transition, as a name: uid, revision, reason, occasion.
fn name(about: &About, transition: &Transition) -> String {
    let key = format!(
        "{}\n{}\n{}\n{}",
        about.uid, transition.revision, transition.reason, transition.occasion
    );
    let digest = Sha256::digest(key.as_bytes());
    let short: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{short}", about.name)
}

/// The API server refuses messages over 1,024 bytes.
fn truncated(message: &str) -> &str {
    let mut end = message.len().min(1024);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}
