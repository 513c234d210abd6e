//! AWS load balancers that are asked whether they do what the Ingresses say
//! (`--aws-verify-target-group`; spec §1.5, §2.4).

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sluice_crd::rollout::RolloutStatus;

use super::Routing;
use super::course::{course, is_written};
use crate::conditions::{self, kinds};
use crate::plan::Wake;
use crate::quantity::Pods;
use crate::release::{Release, Strategy};
use crate::snapshot::{Need, Needs, ReplicaSetRecord, Snapshot};
use crate::stage::{Entry, Stage};
use crate::traffic::Problem;
use crate::traffic::alb::verify::{Asked, Look, Question, Trouble};
use crate::transition::{Transition, reasons};

/// How long until a load balancer is asked again that does not do yet what it is to do (spec §2.4).
const PAUSE: TimeDelta = TimeDelta::seconds(10);
/// The same, where pods have become ready since.
const PAUSE_FOR_PODS: TimeDelta = TimeDelta::seconds(1);

/// The last look at the load balancers, while it matters what they do.
#[derive(Debug)]
pub(super) struct Balancers<'a> {
    look: Option<&'a Look>,
    now: DateTime<Utc>,
}

impl<'a> Balancers<'a> {
    /// None where nobody wants them to be asked, and at rest: nothing is sent to the new version, and
    /// there is no version but the stable one whose pods could be taken.
    pub(super) fn of(s: &'a Snapshot, routing: &Routing<'_>) -> Option<Self> {
        s.settings.verify_target_groups.as_ref()?;
        routing.canary.traffic_routing.as_ref()?.alb.as_ref()?;
        let stable = s.rollout.status.stable_rs.as_str();
        let others = s.replica_sets.iter().filter(|rs| rs.hash != stable);
        let has_others = others.into_iter().any(|rs| rs.desired.max(rs.replicas) > Pods::ZERO);
        let matters = has_others || routing.seen.most > 0 || routing.seen.is_strange;
        let look = s.facts.load_balancers.as_ref();
        (matters && !stable.is_empty()).then_some(Self { look, now: s.now })
    }
}

impl Routing<'_> {
    fn asked(&self) -> Vec<Asked<'_>> {
        self.routers.balancers([self.stable_service, self.canary_service], self.routes)
    }

    /// Whether the routers say that they do what stands in their objects; none where none of them
    /// can be asked.
    pub(super) fn verified(&self) -> Option<Result<(), Problem>> {
        let said = self.seen.verified.clone();
        let Some(balancers) = &self.balancers else { return said };
        let of_balancers = self.asked().into_iter().filter_map(|one| one.verified(balancers.look));
        said.into_iter().chain(of_balancers).reduce(Result::and)
    }

    /// Why nobody can tell what one of the load balancers does.
    pub(super) fn trouble(&self) -> Option<(Problem, Trouble)> {
        let balancers = self.balancers.as_ref()?;
        self.asked().iter().find_map(|one| one.trouble(balancers.look))
    }

    /// Whether the routers are known to do what stands in their objects, as far as they can be asked.
    pub(super) fn is_certain(&self) -> bool {
        self.verified().is_none_or(|said| said.is_ok()) && self.trouble().is_none()
    }

    /// Whether the load balancers send requests to so many pods of a version by way of a Service.
    ///
    /// # Errors
    ///
    /// Where they do not; not where nobody can tell.
    pub(super) fn is_served(
        &self,
        service: &str,
        rs: Option<&Arc<ReplicaSetRecord>>,
        needed: Pods,
    ) -> Result<(), Problem> {
        let Some((balancers, rs)) = self.balancers.as_ref().zip(rs) else { return Ok(()) };
        let needed = needed.min(rs.serving()).max(Pods::ONE);
        for one in self.asked() {
            let healthy = one.healthy(balancers.look, service, &rs.hash);
            if let Some(healthy) = healthy.filter(|healthy| *healthy < needed) {
                return Err(Problem {
                    object: format!("Ingress {}", one.name()),
                    field: "status.loadBalancer".to_owned(),
                    what: format!(
                        "of the pods of {}, {healthy} are healthy targets of Service {service}, and \
                         {needed} have to be",
                        rs.name
                    ),
                });
            }
        }
        Ok(())
    }
}

/// Whether a new look is needed, and when to look again.
pub(crate) fn needs(release: &Release<'_>, entry: &Entry) -> (Needs, Wake) {
    let nothing = (Needs::new(), Wake::OnChange);
    let Some(routing) = &release.routing else { return nothing };
    let Some(balancers) = &routing.balancers else { return nothing };
    let asked = routing.asked();
    // Without a load balancer there is nothing to look at but the Ingress, and that is watched.
    if asked.iter().all(|one| one.question().is_none()) {
        return nothing;
    }
    let course = course(release, routing, entry.stage, &entry.cursor);
    // An abort waits for nobody's answer.
    if entry.stage == Stage::Aborted && !is_written(routing, &course) {
        return nothing;
    }
    if asked.iter().any(|one| one.is_unseen(balancers.look)) {
        return ([Need::LoadBalancers].into(), Wake::OnChange);
    }
    // Requests are about to go to other pods, and targets come and go without the Ingress.
    let share = course.share.canary();
    let moves = share > routing.seen.least || share < routing.seen.most;
    let is_old = balancers.look.is_some_and(|look| look.at + PAUSE <= balancers.now);
    if moves && is_old {
        return ([Need::LoadBalancers].into(), Wake::OnChange);
    }
    let unserved = course.waits.filter(|waits| waits.unserved.is_some());
    let Some(look) = balancers.look.filter(|_| !routing.is_certain() || unserved.is_some()) else {
        return nothing;
    };
    let has_come = unserved.is_some_and(|waits| {
        let ready = look
            .pods
            .as_ref()
            .map_or(0, |pods| pods.iter().filter(|pod| pod.hash == waits.hash).count());
        Pods(i64::try_from(ready).unwrap_or(i64::MAX)) < waits.available
    });
    let again = look.at + if has_come { PAUSE_FOR_PODS } else { PAUSE };
    if balancers.now >= again {
        return ([Need::LoadBalancers].into(), Wake::At(balancers.now + PAUSE));
    }
    (Needs::new(), Wake::At(again))
}

/// What is to be asked of load balancers for [`Facts::load_balancers`](crate::Facts::load_balancers).
pub fn questions(s: &Snapshot) -> Vec<Question> {
    let strategy = Strategy::of(&s.rollout.spec.strategy).and_then(Strategy::canary);
    let Some(routing) = strategy.and_then(|canary| Routing::of(s, canary)) else {
        return Vec::new();
    };
    routing.asked().iter().filter_map(Asked::question).collect()
}

/// `status.alb` and `status.albs`, as far as they are known.
pub(super) fn tell(release: &Release<'_>, routing: &Routing<'_>, status: &mut RolloutStatus) {
    let alb = routing.canary.traffic_routing.as_ref().and_then(|traffic| traffic.alb.as_ref());
    let is_asked = release.snapshot.settings.verify_target_groups.is_some();
    let Some(alb) = alb.filter(|_| is_asked) else {
        status.alb = None;
        status.albs = Vec::new();
        return;
    };
    let look = release.snapshot.facts.load_balancers.as_ref();
    let asked = routing.asked();
    let names: Vec<&str> = asked.iter().map(Asked::name).collect();
    status.albs.retain(|known| names.contains(&known.ingress.as_str()));
    for told in asked.iter().filter_map(|one| one.status(look)) {
        match status.albs.iter_mut().find(|known| known.ingress == told.ingress) {
            Some(known) => *known = told,
            None => status.albs.push(told),
        }
    }
    status.alb = status.albs.first().filter(|_| !alb.ingress.is_empty()).cloned();
}

/// What has come of asking the load balancers since the last status, as upstream's events tell it
/// (spec §1.15).
pub(crate) fn verification(release: &Release<'_>, status: &RolloutStatus) -> Option<Transition> {
    let routing = release.routing.as_ref().filter(|routing| routing.balancers.is_some())?;
    let revision = release.revision;
    if let Some((problem, trouble)) = routing.trouble() {
        let message = problem.to_string();
        let told = conditions::get(release.status(), kinds::READY);
        let is_new = told.is_none_or(|told| !told.message.contains(&message));
        let reason = match trouble {
            Trouble::NotFound(_) => reasons::LOAD_BALANCER_NOT_FOUND,
            Trouble::NotTold(_) => reasons::WEIGHT_VERIFY_ERROR,
        };
        let occasion = format!("{message} at {}", release.now);
        return is_new.then(|| Transition::warning(reason, revision, occasion, message));
    }
    let weights = |status: &RolloutStatus| {
        let weights = status.canary.weights.as_ref();
        weights.map(|weights| (weights.canary.weight, weights.verified))
    };
    let (before, (weight, verified)) = (weights(release.status()), weights(status)?);
    if before == Some((weight, verified)) {
        return None;
    }
    let occasion = format!("{weight} at {}", release.now);
    match (verified?, routing.verified()?) {
        (true, _) => {
            let message = format!(
                "The target groups of Service {} have weight {weight} of {}",
                routing.canary_service, routing.full
            );
            let reason = reasons::TARGET_GROUP_VERIFIED;
            Some(Transition::normal(reason, revision, occasion, message))
        }
        (false, said) => {
            let reason = reasons::TARGET_GROUP_UNVERIFIED;
            Some(Transition::warning(reason, revision, occasion, said.err()?.to_string()))
        }
    }
}
