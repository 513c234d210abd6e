//! Leadership by a Lease, with a fence: a replica that cannot renew stops writing before another
//! one may begin (I21).
//!
//! The lease is ours until its duration after the last renewal that we *sent*; we stop at the renew
//! deadline after it, which is earlier. A write's own deadline is that fence.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use kube::Client;
use kube::core::request::Request;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::failure::Failure;
use crate::writer::post_params;

/// Until when this replica may write; `None` while it may not.
pub type Fence = Option<Instant>;

/// The terms of the lease (spec §1.10).
#[derive(Clone, Debug)]
pub struct Terms {
    /// The namespace of the Lease.
    pub namespace: String,
    /// The name of the Lease.
    pub name: String,
    /// Who we are.
    pub identity: String,
    /// How long others leave a lease alone that is not renewed.
    pub lease_duration: Duration,
    /// How long we go on without a renewal.
    pub renew_deadline: Duration,
    /// How often we try.
    pub retry_period: Duration,
}

/// The name of the Lease (spec §1.10): that of Argo Rollouts, so that the two exclude each other.
pub fn lease_name(instance_id: &str) -> String {
    if instance_id.is_empty() {
        "argo-rollouts-controller-lock".to_owned()
    } else {
        format!("argo-rollouts-controller-lock-{instance_id}")
    }
}

/// What we know of the lease: its last record, and since when by our own clock it has not changed.
#[derive(Clone, Debug)]
struct Seen {
    record: Value,
    since: Instant,
}

/// Tries for the lease and renews it, for ever.
pub struct Elector {
    client: Client,
    clock: Clock,
    terms: Terms,
    seen: Option<Seen>,
    fence: watch::Sender<Fence>,
}

impl Elector {
    /// An elector that tells `fence` until when writes are allowed.
    pub fn new(client: Client, clock: Clock, terms: Terms, fence: watch::Sender<Fence>) -> Self {
        Self { client, clock, terms, seen: None, fence }
    }

    /// Tries for the lease and renews it, until dropped.
    pub async fn run(mut self) {
        loop {
            let began = Instant::now();
            let limit = began + self.terms.retry_period.max(Duration::from_secs(1));
            match tokio::time::timeout_at(limit, self.try_once(began)).await {
                Ok(Ok(true)) => self.hold_until(began + self.terms.renew_deadline),
                Ok(Ok(false)) => self.lose("another replica holds the lease"),
                Ok(Err(Failure::Conflict(_))) => {}
                Ok(Err(error)) => self.trouble(&error.to_string()),
                Err(_) => self.trouble("no answer in time"),
            }
            tokio::time::sleep_until(began + self.terms.retry_period).await;
        }
    }

    fn hold_until(&self, until: Instant) {
        if self.fence.send_replace(Some(until)).is_none() {
            tracing::info!(lease = %self.terms.name, "this replica is the leader");
        }
    }

    fn lose(&self, why: &str) {
        if self.fence.send_replace(None).is_some() {
            tracing::warn!(lease = %self.terms.name, why, "this replica is no longer the leader");
        }
    }

    /// A failed renewal changes nothing before the fence is reached.
    fn trouble(&self, why: &str) {
        tracing::warn!(
            lease = %self.terms.name, namespace = %self.terms.namespace,
            "could not renew or take the lease: {why}; it is tried again every {:?}",
            self.terms.retry_period
        );
        let held = *self.fence.borrow();
        if held.is_some_and(|until| until <= Instant::now()) {
            self.lose(why);
        }
    }

    /// Whether the lease is ours after this attempt.
    async fn try_once(&mut self, began: Instant) -> Result<bool, Failure> {
        let now = self.clock.now();
        let lease = match self.get().await {
            Ok(lease) => lease,
            Err(error) if error.is_not_found() => {
                let spec = self.spec(now, now, 0);
                let lease = json!({
                    "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                    "metadata": {"name": self.terms.name, "namespace": self.terms.namespace},
                    "spec": spec,
                });
                let created = self.create(&lease).await?;
                self.seen = Some(Seen { record: created["spec"].clone(), since: began });
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        let spec = lease["spec"].clone();
        if self.seen.as_ref().is_none_or(|seen| seen.record != spec) {
            self.seen = Some(Seen { record: spec.clone(), since: began });
        }
        let holder = spec["holderIdentity"].as_str().unwrap_or_default();
        let ours = holder == self.terms.identity;
        let unchanged_since = self.seen.as_ref().map_or(began, |seen| seen.since);
        let duration = spec["leaseDurationSeconds"].as_u64().unwrap_or(0);
        let expired = unchanged_since + Duration::from_secs(duration) <= began;
        if !ours && !holder.is_empty() && !expired {
            return Ok(false);
        }

        let transitions = spec["leaseTransitions"].as_i64().unwrap_or(0);
        let acquired = spec["acquireTime"].as_str().and_then(|t| t.parse().ok());
        let mut next = lease;
        next["spec"] = match acquired {
            Some(acquired) if ours => self.spec(acquired, now, transitions),
            _ => self.spec(now, now, transitions.saturating_add(1)),
        };
        let replaced = self.replace(&next).await?;
        self.seen = Some(Seen { record: replaced["spec"].clone(), since: began });
        Ok(true)
    }

    fn spec(&self, acquired: DateTime<Utc>, renewed: DateTime<Utc>, transitions: i64) -> Value {
        let micros = |t: DateTime<Utc>| t.to_rfc3339_opts(SecondsFormat::Micros, true);
        json!({
            "holderIdentity": self.terms.identity,
            "leaseDurationSeconds": self.terms.lease_duration.as_secs(),
            "acquireTime": micros(acquired),
            "renewTime": micros(renewed),
            "leaseTransitions": transitions,
        })
    }

    fn request(&self) -> Request {
        let namespace = &self.terms.namespace;
        Request::new(format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"))
    }

    async fn get(&self) -> Result<Value, Failure> {
        let request = self.request().get(&self.terms.name, &Default::default());
        self.send(request).await
    }

    async fn create(&self, lease: &Value) -> Result<Value, Failure> {
        let request = self.request().create(&post_params(), lease.to_string().into_bytes());
        self.send(request).await
    }

    async fn replace(&self, lease: &Value) -> Result<Value, Failure> {
        let body = lease.to_string().into_bytes();
        let request = self.request().replace(&self.terms.name, &post_params(), body);
        self.send(request).await
    }

    async fn send(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Value, Failure> {
        let request = request.map_err(kube::Error::BuildRequest)?;
        Ok(self.client.request(request).await?)
    }
}

/// Gives the lease back on the way out, so that the next replica need not wait for it to expire.
pub async fn release(client: &Client, terms: &Terms) {
    // A renewal that was under way when we were stopped may come in between.
    for _ in 0..3 {
        match try_release(client, terms).await {
            Ok(()) => return,
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => {
                tracing::debug!(%error, "the lease was not given back; it expires by itself");
                return;
            }
        }
    }
}

async fn try_release(client: &Client, terms: &Terms) -> Result<(), kube::Error> {
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", terms.namespace);
    let request = Request::new(path);
    let get = request.get(&terms.name, &Default::default()).map_err(kube::Error::BuildRequest)?;
    let mut lease: Value = client.request(get).await?;
    if lease["spec"]["holderIdentity"].as_str() != Some(terms.identity.as_str()) {
        return Ok(());
    }
    lease["spec"]["holderIdentity"] = Value::from("");
    lease["spec"]["leaseDurationSeconds"] = Value::from(1);
    let body = lease.to_string().into_bytes();
    let put =
        request.replace(&terms.name, &post_params(), body).map_err(kube::Error::BuildRequest)?;
    client.request::<Value>(put).await.map(drop)
}
