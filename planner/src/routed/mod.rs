//! A canary whose requests a router splits (spec §2.4), by one rule: what requests are sent to is made
//! before they are sent there, and is unmade after they are sent elsewhere (I1–I4, I6, I7).
//!
//! What the routers show now (`seen`) decides how many pods each version needs; the pods that serve
//! decide which share may be asked for next (`course`); a Service, or what else leads to pods, is
//! moved only while nothing is sent to it (`destinations`).

mod balancers;
mod course;
mod destinations;
mod reasons;
mod scale;
mod seen;
mod sizes;
mod step_down;

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use sluice_crd::rollout::{
    CanaryStrategy, ManagedRoute, PingPongType, RolloutPause, RolloutStatus, TrafficWeights,
    WeightDestination,
};

use self::balancers::Balancers;
pub use self::balancers::questions;
pub(crate) use self::balancers::{needs, verification};
pub(crate) use self::course::{actions, course, reached};
pub(crate) use self::destinations::{stable_is_on_new, switches};
pub(crate) use self::reasons::{kept, untold, waiting};
pub(crate) use self::scale::{moves, without_new};
use self::seen::Seen;
use self::sizes::Frame;
use crate::names::{ABORT_STEP_DELAY, CAP_SURGE, PROPAGATION_DELAY};
use crate::plan::Action;
use crate::quantity::Pods;
use crate::release::Release;
use crate::snapshot::{RolloutRecord, Snapshot};
use crate::stage::Stage;
use crate::steps::Cursor;
use crate::traffic::objects::{Named, RouteKind, Routes};
use crate::traffic::routers::{self, Routers};
use crate::traffic::{Intent, Managed, Problem, Share};

/// The routers of a release, and what they show.
#[derive(Debug)]
pub(crate) struct Routing<'a> {
    routers: Routers<'a>,
    routes: &'a Routes,
    canary: &'a CanaryStrategy,
    named: Named,
    /// The Service of the stable version; empty where the router needs none.
    pub(crate) stable_service: &'a str,
    /// The Service of the new version.
    pub(crate) canary_service: &'a str,
    /// The Rollout, `NAMESPACE/NAME`.
    rollout: String,
    /// The weight that means all requests (`maxTrafficWeight`).
    full: u32,
    /// Whether all versions together keep to `maxSurge`, by the annotation.
    caps_surge: bool,
    /// Seconds that a router takes to learn of a change, or why the annotation cannot be read.
    propagation: Option<Result<i64, String>>,
    /// Seconds between the weights of an abort, or why the annotation cannot be read.
    abort_step: Option<Result<i64, String>>,
    seen: Seen,
    /// The AWS load balancers, where they are asked what they do.
    balancers: Option<Balancers<'a>>,
}

impl<'a> Routing<'a> {
    /// Those of a canary that has a router.
    pub(crate) fn of(s: &'a Snapshot, canary: &'a CanaryStrategy) -> Option<Self> {
        let routers = Routers::of(&s.rollout, canary)?;
        let (stable_service, canary_service) = services(&s.rollout, canary);
        let full = canary.traffic_routing.as_ref()?.max_traffic_weight.unwrap_or(100);
        let mut routing = Self {
            routers,
            routes: &s.routes,
            canary,
            named: routers::named(&s.rollout, &s.routes),
            stable_service,
            canary_service,
            rollout: format!("{}/{}", s.rollout.namespace, s.rollout.name),
            full: u32::try_from(full).unwrap_or(100).max(1),
            caps_surge: s.rollout.annotations.get(CAP_SURGE) == Some("true"),
            propagation: seconds(s, PROPAGATION_DELAY),
            abort_step: seconds(s, ABORT_STEP_DELAY),
            seen: Seen::default(),
            balancers: None,
        };
        routing.seen = seen::look(&routing, &s.rollout.status);
        routing.balancers = Balancers::of(s, &routing);
        Some(routing)
    }

    /// Whether what it names has not been read yet.
    pub(crate) fn is_unread(&self) -> bool {
        routers::is_unread(&self.named, self.routes)
    }

    /// What is wrong with the objects that it names.
    pub(crate) fn problems(&self) -> Vec<String> {
        let problems = self.seen.problems.iter().map(|p: &Problem| p.to_string());
        let delays = [&self.propagation, &self.abort_step].into_iter().flatten();
        let delays = delays.filter_map(|delay| delay.as_ref().err().cloned());
        problems.chain(delays).collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// The hashes that its destinations lead to, where these are not Services.
    pub(crate) fn selected(&self) -> BTreeSet<String> {
        let selected = self.routers.selected(self.routes).into_iter();
        selected.flat_map(|to| [to.stable, to.canary]).flatten().collect()
    }

    fn intent(&self, share: Share, routes: Vec<Managed>) -> Intent {
        let managed = self.canary.traffic_routing.iter().flat_map(|t| &t.managed_routes);
        let steps = self.canary.steps.iter().flatten();
        let possible = steps.flat_map(sizes::managed).filter(|(_, is_set)| *is_set);
        Intent {
            rollout: self.rollout.clone(),
            stable: self.stable_service.to_owned(),
            canary: self.canary_service.to_owned(),
            share,
            routes,
            managed: managed.map(|route| route.name.clone()).collect(),
            possible: possible.map(|(managed, _)| managed).collect(),
        }
    }

    fn managed_order(&self) -> &[ManagedRoute] {
        self.canary.traffic_routing.as_ref().map_or(&[], |traffic| &traffic.managed_routes)
    }

    fn nothing(&self) -> Share {
        Share::new(0, self.full)
    }

    /// Whether the stable version shrinks as requests move.
    fn is_dynamic(&self) -> bool {
        self.canary.dynamic_stable_scale || self.caps_surge
    }

    fn frame(&self, replicas: Pods, index: usize) -> Frame<'_> {
        Frame {
            steps: self.canary.steps.as_deref().unwrap_or_default(),
            index,
            replicas,
            full: self.full,
            min_pods: Pods(i64::from(self.canary.min_pods_per_replica_set.unwrap_or(1))),
            dynamic: self.is_dynamic(),
        }
    }
}

/// A duration in an annotation: whole seconds, or a Go duration.
fn seconds(s: &Snapshot, key: &str) -> Option<Result<i64, String>> {
    let text = s.rollout.annotations.get(key)?;
    let duration = Some(IntOrString::String(text.to_owned()));
    let seconds = RolloutPause { duration }.duration_seconds();
    let seconds = seconds.map_err(|error| error.to_string()).and_then(|seconds| {
        seconds.filter(|s| *s >= 0).ok_or_else(|| "it has to be 0 or more".to_owned())
    });
    Some(seconds.map_err(|why| format!("metadata.annotations[{key}]: {why}")))
}

/// The Services of the stable and the new version; those of ping-pong take turns.
pub(crate) fn services<'a>(
    rollout: &'a RolloutRecord,
    canary: &'a CanaryStrategy,
) -> (&'a str, &'a str) {
    match &canary.ping_pong {
        None => (&canary.stable_service, &canary.canary_service),
        Some(two) if rollout.status.canary.stable_ping_pong == Some(PingPongType::Ping) => {
            (&two.ping_service, &two.pong_service)
        }
        Some(two) => (&two.pong_service, &two.ping_service),
    }
}

/// Whether all requests go to the new version, and that is verified where it can be. Where there are
/// to be no pods there are no requests to move.
pub(crate) fn is_at_full(release: &Release<'_>, routing: &Routing<'_>) -> bool {
    if release.replicas == Pods::ZERO && routing.seen.problems.is_empty() {
        return true;
    }
    routing.seen.least == routing.full && routing.is_certain()
}

/// Whether there is, or may be, what was made for a router that the Rollout no longer has (#4751).
fn has_leavings(release: &Release<'_>) -> bool {
    let routes = &release.snapshot.routes;
    let named = routers::named(release.rollout, routes);
    release.status().canary.weights.is_some()
        && (routers::is_unread(&named, routes) || !leavings(release).is_empty())
}

/// Takes away what was made for a router that the Rollout no longer has: at once, since after a restart
/// nobody would look for it. What a predecessor left goes once the routers do what they are to do.
pub(crate) fn cleared(release: &Release<'_>, stage: Stage, cursor: &Cursor) -> Vec<Action> {
    let Some(routing) = &release.routing else { return leavings(release) };
    let is_so = course::is_written(routing, &course(release, routing, stage, cursor));
    let left = routers::left_behind(release.rollout, &routing.named.keys, routing.routes);
    let left = left.into_iter().filter(|left| is_so || left.key.kind != RouteKind::ApisixRoute);
    let book = routing.routers.book(routing.routes).filter(|_| is_so);
    let what = "take out what the Gateway API plugin noted of this Rollout";
    book.into_iter().chain(left).filter_map(|wanted| course::write(wanted, what)).collect()
}

fn leavings(release: &Release<'_>) -> Vec<Action> {
    let left = routers::left_behind(release.rollout, &BTreeSet::new(), &release.snapshot.routes);
    left.into_iter().filter_map(|wanted| course::write(wanted, "")).collect()
}

/// What `status.canary` tells of the routers.
pub(crate) fn tell(release: &Release<'_>, promoted: bool, status: &mut RolloutStatus) {
    let Some(routing) = &release.routing else {
        // Kept as long as what was made for a router has to go.
        if !has_leavings(release) {
            status.canary.weights = None;
            status.canary.stable_ping_pong = None;
        }
        return;
    };
    let flips = promoted && routing.canary.ping_pong.is_some();
    if flips {
        let now = status.canary.stable_ping_pong.take();
        status.canary.stable_ping_pong = Some(match now {
            Some(PingPongType::Ping) => PingPongType::Pong,
            _ => PingPongType::Ping,
        });
    }
    balancers::tell(release, routing, status);
    let Some(share) = routing.seen.share else { return };
    let (mut canary, mut stable) = (share.canary(), share.stable());
    let (mut canary_service, mut stable_service) = (routing.canary_service, routing.stable_service);
    if flips {
        std::mem::swap(&mut canary, &mut stable);
        std::mem::swap(&mut canary_service, &mut stable_service);
    }
    let to = |weight: u32, service: &str, hash: &str| WeightDestination {
        weight: i32::try_from(weight).unwrap_or(i32::MAX),
        service_name: service.to_owned(),
        pod_template_hash: hash.to_owned(),
    };
    status.canary.weights = Some(TrafficWeights {
        canary: to(canary, canary_service, release.new.hash()),
        stable: to(stable, stable_service, &status.stable_rs),
        additional: Vec::new(),
        verified: routing.verified().map(|said| said.is_ok()),
    });
}
