//! The traffic of the sample, and what Prometheus would know of it: requests come at a steady rate,
//! and each pod that serves gets its share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::Response;
use serde_json::Value;
use sluice_operator::analysis::Measuring;
use sluice_providers::http::{Call, HttpClient, HttpError};
use sluice_simulator::Clock;
use sluice_simulator::metrics::{Labels, Sample, Samples, answer};
use tower::service_fn;

use super::gauge::serves;
use super::sample;

/// Requests per second, for all pods together.
const RATE: f64 = 200.0;
/// The metric: which part of the requests to a version is answered without an error.
const METRIC: &str = "http_success_ratio";
/// How far two measurements of the same lie apart.
const NOISE: f64 = 0.004;
/// Where the Prometheus server is, for the sample alone.
const SERVER: &str = "prometheus.monitoring.svc:9090";
/// The label of ReplicaSets and pods that names their version.
const HASH: &str = "rollouts-pod-template-hash";

/// Requests to a version.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Requests {
    /// How many.
    pub all: f64,
    /// How many were answered with an error.
    pub failed: f64,
}

/// Pods of a version that serve.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Serving {
    image: String,
    pods: u32,
}

/// By the hash of the version.
type Split = BTreeMap<String, Serving>;

/// Which part of the requests to a version that gets this share of all is answered well.
pub type Success = fn(image: &str, share: f64) -> f64;

#[derive(Debug)]
struct State {
    success: Success,
    /// From when on how many pods served.
    course: Vec<(DateTime<Utc>, Split)>,
    requests: BTreeMap<String, Requests>,
}

/// The traffic, held by who looks at pods and by who is asked for numbers.
#[derive(Clone, Debug)]
pub(super) struct Traffic(Arc<Mutex<State>>);

impl Traffic {
    /// To versions that answer so.
    pub(super) fn new(success: Success) -> Self {
        let state = State { success, course: Vec::new(), requests: BTreeMap::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at all pods there are now.
    pub(super) fn look<'a>(&self, now: DateTime<Utc>, pods: impl IntoIterator<Item = &'a Value>) {
        let mut split = Split::new();
        for pod in pods.into_iter().filter(|pod| serves(pod)) {
            let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
            let hash = pod["metadata"]["labels"][HASH].as_str().unwrap_or_default().to_owned();
            let of_version = || Serving { image: image.to_owned(), pods: 0 };
            split.entry(hash).or_insert_with(of_version).pods += 1;
        }
        self.with(|state| state.take(now, split));
    }

    /// All requests so far, by image.
    pub(super) fn requests(&self, now: DateTime<Utc>) -> BTreeMap<String, Requests> {
        self.with(|state| {
            state.account(now);
            state.requests.clone()
        })
    }

    /// How the operator measures: the one server that can be reached answers from this traffic.
    pub(super) fn measuring(&self, clock: Clock) -> Measuring {
        let traffic = self.clone();
        let http = HttpClient::new(service_fn(move |call: Call| {
            let answered = traffic.exchange(&call, clock.now());
            async move { answered }
        }));
        Measuring::over(http, BTreeMap::new(), "argo-rollouts".to_owned())
    }

    fn exchange(&self, call: &Call, now: DateTime<Utc>) -> Result<Response<Bytes>, HttpError> {
        let uri = call.request.uri();
        match uri.authority() {
            Some(server) if server.as_str() == SERVER => Ok(answer(&call.request, self, now)),
            _ => Err(HttpError::Connect("only the sample's Prometheus is here".to_owned())),
        }
    }
}

impl State {
    fn take(&mut self, now: DateTime<Utc>, split: Split) {
        self.account(now);
        self.course.push((now, split));
    }

    /// Counts the requests since the last look, and begins anew from there.
    fn account(&mut self, now: DateTime<Utc>) {
        let Some((since, split)) = self.course.last().cloned() else { return };
        let requests = RATE * seconds(now - since);
        for serving in split.values() {
            let share = share(&split, serving);
            let of_image = self.requests.entry(serving.image.clone()).or_default();
            of_image.all += requests * share;
            of_image.failed += requests * share * (1.0 - (self.success)(&serving.image, share));
        }
        self.course.push((now, split));
        // Pictures of the same instant: the last one counts.
        self.course.dedup_by_key(|(at, _)| *at);
    }

    fn at(&self, instant: DateTime<Utc>) -> Option<&Split> {
        self.course.iter().rev().find(|(at, _)| *at <= instant).map(|(_, split)| split)
    }
}

impl Samples for Traffic {
    fn at(&self, metric: &str, instant: DateTime<Utc>) -> Vec<Sample> {
        if metric != METRIC {
            return Vec::new();
        }
        self.with(|state| {
            let Some(split) = state.at(instant) else { return Vec::new() };
            let sample = |(hash, serving): (&String, &Serving)| {
                let success = (state.success)(&serving.image, share(split, serving));
                let value = (success - NOISE * chance(instant, hash)).clamp(0.0, 1.0);
                let labels = Labels::from([
                    ("app".to_owned(), sample::NAME.to_owned()),
                    ("hash".to_owned(), hash.clone()),
                ]);
                Sample { labels, value: (value * 10_000.0).round() / 10_000.0 }
            };
            split.iter().map(sample).collect()
        })
    }
}

/// Which part of the requests a version gets.
fn share(split: &Split, serving: &Serving) -> f64 {
    let all: u32 = split.values().map(|serving| serving.pods).sum();
    f64::from(serving.pods) / f64::from(all.max(1))
}

fn seconds(span: TimeDelta) -> f64 {
    span.to_std().unwrap_or_default().as_secs_f64()
}

/// A number from 0 to 1, the same for the same second and version.
fn chance(instant: DateTime<Utc>, hash: &str) -> f64 {
    let bytes = instant.timestamp().to_le_bytes();
    let mixed = bytes
        .iter()
        .chain(hash.as_bytes())
        .fold(0x811c_9dc5_u32, |mixed, byte| (mixed ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    f64::from(mixed % 1000) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(hash: &str, image: &str) -> Value {
        json!({
            "metadata": {"labels": {HASH: hash}},
            "spec": {"containers": [{"image": image}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        })
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn measured(traffic: &Traffic, second: i64, hash: &str) -> f64 {
        let samples = traffic.at(METRIC, at(second));
        samples.into_iter().find(|sample| sample.labels["hash"] == hash).unwrap().value
    }

    #[test]
    fn the_bad_version_fails_under_load_only() {
        let traffic = Traffic::new(sample::success);
        let (good, bad) = (pod("a", sample::GOOD), pod("b", sample::BAD));
        traffic.look(at(0), [&good, &good, &good, &good, &bad]);
        traffic.look(at(10), [&good, &good, &good, &bad, &bad]);
        assert!(measured(&traffic, 5, "a") > 0.99 && measured(&traffic, 5, "b") > 0.99);
        assert!(measured(&traffic, 15, "a") > 0.99);
        let under_load = measured(&traffic, 15, "b");
        assert!((0.8..0.9).contains(&under_load), "{under_load}");
        assert_eq!(traffic.at("other", at(5)), []);
    }

    #[test]
    fn requests_are_counted_by_share() {
        let traffic = Traffic::new(sample::success);
        let (good, bad) = (pod("a", sample::GOOD), pod("b", sample::BAD));
        traffic.look(at(0), [&good, &bad, &bad, &bad]);
        let requests = traffic.requests(at(10));
        assert_eq!(requests[sample::GOOD].all, 500.0);
        assert_eq!(requests[sample::BAD].all, 1500.0);
        assert!(requests[sample::BAD].failed > 100.0 * requests[sample::GOOD].failed);
        // Asked twice, counted once.
        assert_eq!(traffic.requests(at(10)), requests);
    }
}
