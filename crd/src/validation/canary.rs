//! The canary strategy.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::blue_green::{check_anti_affinity, check_pods_or_percent};
use super::{Path, Problems, routing, steps};
use crate::int_or_percent::{Rounding, resolve};
use crate::rollout::{CanaryStrategy, PingPongSpec, ProgressType, ReplicaProgressThreshold};

pub(super) fn check(canary: &CanaryStrategy, path: &Path, problems: &mut Problems) {
    let has_routing = canary.traffic_routing.is_some();
    if !canary.canary_service.is_empty() && canary.canary_service == canary.stable_service {
        problems.add(&path.field("stableService"), "must not be the Service in canaryService");
    }
    if let Some(routing) = &canary.traffic_routing {
        routing::check_services(routing, canary, path, problems);
    }
    steps::check(canary, &path.field("steps"), problems);
    if let Some(routing) = &canary.traffic_routing {
        routing::check(routing, &path.field("trafficRouting"), problems);
    }
    check_limits(canary, path, problems);
    if let Some(anti_affinity) = &canary.anti_affinity {
        check_anti_affinity(anti_affinity, &path.field("antiAffinity"), problems);
    }
    if canary.scale_down_delay_seconds.is_some() {
        let path = path.field("scaleDownDelaySeconds");
        if !has_routing {
            problems.add(&path, "works with trafficRouting only, remove it");
        } else if canary.dynamic_stable_scale {
            problems.add(&path, "does not go with dynamicStableScale, remove one of them");
        }
    }
    if canary.dynamic_stable_scale && !has_routing {
        problems
            .add(&path.field("dynamicStableScale"), "works with trafficRouting only, remove it");
    }
    if let Some(ping_pong) = &canary.ping_pong {
        check_ping_pong(ping_pong, canary, &path.field("pingPong"), problems);
    }
    if let Some(threshold) = &canary.replica_progress_threshold {
        check_threshold(threshold, &path.field("replicaProgressThreshold"), problems);
    }
}

fn check_limits(canary: &CanaryStrategy, path: &Path, problems: &mut Problems) {
    let (unavailable_path, surge_path) = (path.field("maxUnavailable"), path.field("maxSurge"));
    check_pods_or_percent(canary.max_unavailable.as_ref(), &unavailable_path, problems);
    check_pods_or_percent(canary.max_surge.as_ref(), &surge_path, problems);
    // As written, not for the number of pods: 1% of few pods may come to 0, that is dealt with.
    let is_zero = |value: &IntOrString| resolve(value, 100, Rounding::Up) == Ok(0);
    if is_zero(&canary.max_surge_or_default()) && is_zero(&canary.max_unavailable_or_default()) {
        problems.add(&surge_path, "must not be 0 where maxUnavailable is 0, nothing could move");
    }
}

fn check_ping_pong(
    ping_pong: &PingPongSpec,
    canary: &CanaryStrategy,
    path: &Path,
    problems: &mut Problems,
) {
    for (name, service) in
        [("pingService", &ping_pong.ping_service), ("pongService", &ping_pong.pong_service)]
    {
        if service.is_empty() {
            problems.add(&path.field(name), "is missing, pingPong needs two Services");
        }
    }
    if !ping_pong.ping_service.is_empty() && ping_pong.ping_service == ping_pong.pong_service {
        problems.add(&path.field("pongService"), "must not be the Service in pingService");
    }
    let routing = canary.traffic_routing.as_ref();
    let supported =
        routing.is_some_and(|r| r.alb.is_some() || r.istio.is_some() || !r.plugins.is_empty());
    if !supported {
        problems.add(path, "works with trafficRouting by alb, istio or a plugin only");
    }
    if let Some(alb) = routing.and_then(|routing| routing.alb.as_ref())
        && alb.root_service.is_empty()
    {
        problems.add(path, "needs trafficRouting.alb.rootService, which is missing");
    }
}

fn check_threshold(threshold: &ReplicaProgressThreshold, path: &Path, problems: &mut Problems) {
    let value_path = path.field("value");
    match &threshold.r#type {
        ProgressType::Percent => problems.within(&value_path, threshold.value, 0, 100),
        ProgressType::Pods => problems.at_least(&value_path, threshold.value, 0),
        ProgressType::Other(other) => {
            problems.one_of(&path.field("type"), other, &["Percent", "Pods"]);
        }
    }
}
