//! What happened to a Rollout and its routes while requests were sent, and when.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

/// From a change of claim or route until requests follow: a gateway gathers changes for 2 s, and
/// takes a moment.
pub const SETTLES_WITHIN: Duration = Duration::from_secs(3);

/// Shares of versions, in percent, by the hash of their pods' template.
pub type Shares = BTreeMap<String, f64>;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It is said who gets which share.
    Claim(Shares),
    /// What decides about it was written: the weights of a route, or the selector of a Service.
    Route {
        /// Kind and name.
        object: String,
        /// What it is now.
        now: Value,
    },
    /// A version has so many pods available.
    Available {
        /// Its ReplicaSet.
        of: String,
        /// Their number.
        pods: i64,
    },
    /// Something that a reader wants to know.
    Note(String),
}

impl Event {
    fn moves_requests(&self) -> bool {
        matches!(self, Self::Claim(_) | Self::Route { .. })
    }
}

/// Events in their order.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    events: Vec<(Instant, Event)>,
}

/// A stretch of time in which nothing was written and one claim stood.
#[derive(Debug, Clone, PartialEq)]
pub struct Rest {
    /// Once requests have had time to follow.
    pub time: Range<Instant>,
    /// What was claimed.
    pub claim: Shares,
}

impl Timeline {
    /// Writes down what happened, unless it is what was there.
    pub fn add(&mut self, at: Instant, event: Event) {
        if self.is_news(&event) {
            self.events.push((at, event));
        }
    }

    fn is_news(&self, event: &Event) -> bool {
        let last = |is_alike: &dyn Fn(&Event) -> bool| {
            self.events.iter().rev().map(|(_, event)| event).find(|event| is_alike(event))
        };
        let before = match event {
            Event::Claim(_) => last(&|event| matches!(event, Event::Claim(_))),
            Event::Route { object: new, .. } => {
                last(&|event| matches!(event, Event::Route { object, .. } if object == new))
            }
            Event::Available { of: new, .. } => {
                last(&|event| matches!(event, Event::Available { of, .. } if of == new))
            }
            Event::Note(_) => last(&|event| matches!(event, Event::Note(_))),
        };
        before != Some(event)
    }

    /// All of it.
    #[must_use]
    pub fn events(&self) -> &[(Instant, Event)] {
        &self.events
    }

    /// The stretches of rest until `end`.
    #[must_use]
    pub fn rests(&self, end: Instant) -> Vec<Rest> {
        let mut rests = Vec::new();
        let mut claim: Option<Shares> = None;
        let mut since = None;
        let moves = self.events.iter().filter(|(_, event)| event.moves_requests());
        for (at, event) in moves {
            rests.extend(rest(since, *at, claim.as_ref()));
            if let Event::Claim(shares) = event {
                claim = Some(shares.clone());
            }
            since = Some(*at);
        }
        rests.extend(rest(since, end, claim.as_ref()));
        rests
    }

    /// The stretch that is under way.
    #[must_use]
    pub fn current_rest(&self, now: Instant) -> Option<Rest> {
        let last = self.events.iter().rev().find(|(_, event)| event.moves_requests());
        let since = last.map(|(at, _)| *at)?;
        self.rests(now).pop().filter(|rest| since < rest.time.start)
    }

    /// For each write of a route that waited for pods: how long after the last of them. Those that
    /// were there before `since` are not counted.
    #[must_use]
    pub fn from_available_to_written(&self, since: Instant) -> Vec<Duration> {
        let mut delays = Vec::new();
        let mut known: BTreeMap<&str, i64> = BTreeMap::new();
        let mut last_risen = None;
        for (at, event) in &self.events {
            match event {
                Event::Available { of, pods } => {
                    let before = known.insert(of.as_str(), *pods);
                    if *at >= since && before.is_some_and(|before| before < *pods) {
                        last_risen = Some(*at);
                    }
                }
                Event::Route { .. } => {
                    delays.extend(last_risen.take().map(|risen: Instant| *at - risen));
                }
                Event::Claim(_) | Event::Note(_) => {}
            }
        }
        delays
    }
}

fn rest(since: Option<Instant>, until: Instant, claim: Option<&Shares>) -> Option<Rest> {
    let start = since? + SETTLES_WITHIN;
    (start < until).then_some(Rest { time: start..until, claim: claim?.clone() })
}

/// What a Rollout's status claims: the weights of a routed canary, the active version of blue-green.
#[must_use]
pub fn claimed(status: &Value) -> Option<Shares> {
    if let Some(active) = status["blueGreen"]["activeSelector"].as_str() {
        return Some(Shares::from([(active.to_owned(), 100.0)]));
    }
    let weights = status["canary"]["weights"].as_object()?;
    let mut shares = Shares::new();
    for name in ["canary", "stable"] {
        let hash = weights.get(name)?["podTemplateHash"].as_str().unwrap_or_default();
        let weight = weights.get(name)?["weight"].as_f64().unwrap_or_default();
        *shares.entry(hash.to_owned()).or_default() += weight;
    }
    shares.retain(|_, weight| *weight > 0.0);
    Some(shares)
}

/// What of an object decides about requests: the weights of a route, the selector of a Service.
#[must_use]
pub fn decisive(object: &Value) -> Option<Value> {
    let weights = |services: &Value, into: &mut Map<String, Value>| {
        for service in services.as_array().into_iter().flatten() {
            let name = service["name"].as_str().unwrap_or_default();
            into.insert(name.to_owned(), service["weight"].clone());
        }
    };
    let mut found = Map::new();
    match object["kind"].as_str()? {
        "HTTPRoute" => {
            for rule in object["spec"]["rules"].as_array().into_iter().flatten() {
                weights(&rule["backendRefs"], &mut found);
            }
        }
        "TraefikService" => weights(&object["spec"]["weighted"]["services"], &mut found),
        "Service" => return Some(object["spec"]["selector"].clone()),
        _ => return None,
    }
    Some(Value::Object(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shares(all: &[(&str, f64)]) -> Shares {
        all.iter().map(|(version, share)| ((*version).to_owned(), *share)).collect()
    }

    #[test]
    fn rest_is_where_nothing_moves() {
        let began = Instant::now();
        let at = |seconds: u64| began + Duration::from_secs(seconds);
        let route =
            |weight: i64| Event::Route { object: "HTTPRoute/web".into(), now: json!(weight) };
        let mut timeline = Timeline::default();
        timeline.add(at(0), Event::Claim(shares(&[("a", 100.0)])));
        timeline.add(at(10), route(20));
        // Seen again, but the same.
        timeline.add(at(11), route(20));
        timeline.add(at(12), Event::Claim(shares(&[("a", 80.0), ("b", 20.0)])));
        timeline.add(at(13), Event::Available { of: "web-b".into(), pods: 2 });
        timeline.add(at(20), Event::Claim(shares(&[("a", 100.0)])));
        let rests = timeline.rests(at(22));
        let times: Vec<_> = rests.iter().map(|rest| rest.time.clone()).collect();
        assert_eq!(times, [at(3)..at(10), at(15)..at(20)]);
        assert_eq!(rests[1].claim, shares(&[("a", 80.0), ("b", 20.0)]));
    }

    #[test]
    fn a_write_is_measured_from_the_last_pod_that_it_waited_for() {
        let began = Instant::now();
        let at = |millis: u64| began + Duration::from_millis(millis);
        let pods = |pods| Event::Available { of: "web-b".into(), pods };
        let route =
            |weight: i64| Event::Route { object: "HTTPRoute/web".into(), now: json!(weight) };
        let mut timeline = Timeline::default();
        for (millis, event) in [
            (0, pods(0)),
            (100, pods(1)),
            (200, pods(2)),
            (230, route(20)),
            (400, route(0)),
            // Fewer: nobody waits for those.
            (450, pods(0)),
            (500, pods(1)),
            (600, route(10)),
        ] {
            timeline.add(at(millis), event);
        }
        let written = timeline.from_available_to_written(began);
        assert_eq!(written, [Duration::from_millis(30), Duration::from_millis(100)]);
        assert!(timeline.from_available_to_written(at(550)).is_empty());
    }

    #[test]
    fn claims_are_read_from_the_status() {
        let weights = |canary: (i64, &str), stable: (i64, &str)| {
            json!({"canary": {"weights": {
                "canary": {"weight": canary.0, "podTemplateHash": canary.1, "serviceName": "c"},
                "stable": {"weight": stable.0, "podTemplateHash": stable.1, "serviceName": "s"},
            }}})
        };
        let claim = claimed(&weights((20, "b"), (80, "a"))).unwrap();
        assert_eq!(claim, shares(&[("a", 80.0), ("b", 20.0)]));
        assert_eq!(claimed(&weights((0, "b"), (100, "b"))).unwrap(), shares(&[("b", 100.0)]));
        let blue_green = json!({"blueGreen": {"activeSelector": "a"}, "canary": {}});
        assert_eq!(claimed(&blue_green).unwrap(), shares(&[("a", 100.0)]));
        assert_eq!(claimed(&json!({})), None);
    }

    #[test]
    fn what_decides_is_read_from_routes_and_services() {
        let route = json!({"kind": "HTTPRoute", "spec": {"rules": [
            {"backendRefs": [{"name": "s", "weight": 80}, {"name": "c", "weight": 20}]},
        ]}});
        assert_eq!(decisive(&route).unwrap(), json!({"s": 80, "c": 20}));
        let service = json!({"kind": "Service", "spec": {"selector": {"app": "web"}}});
        assert_eq!(decisive(&service).unwrap(), json!({"app": "web"}));
        assert_eq!(decisive(&json!({"kind": "Pod"})), None);
    }
}
