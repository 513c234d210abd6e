//! Giving the pods back to the Deployment that they were taken from: before the Rollout is deleted,
//! or when its user asks for it (argo-rollouts#4321, #1614).
//!
//! Always in this order, each step when the one before has been seen: the Deployment has its pods,
//! and they are available; versions that clients do not use have no pods; the Services select those
//! of the Deployment; the pods of the Rollout go.

use std::collections::{BTreeMap, BTreeSet};

use sluice_crd::rollout::{BlueGreenStatus, CanaryStatus, RolloutPhase, RolloutStatus};
use sluice_crd::time::Time;

use super::{deployment, is_bound, mirrored, observed_generation, scale, unbind};
use crate::conditions::kinds;
use crate::names::{GIVE_BACK, NOT_PROMOTED};
use crate::plan::{Action, Plan, StatusWrite};
use crate::quantity::Pods;
use crate::reason::Reason;
use crate::refuse;
use crate::services::release_all;
use crate::snapshot::{ReplicaSetRecord, RolloutRecord, Snapshot, Workload, WorkloadRecord};
use crate::status::{self, say_ready, urgency};
use crate::transition::{Transition, reasons};

/// Whether the user wants the Deployment to have its pods back.
pub(crate) fn is_asked(rollout: &RolloutRecord) -> bool {
    rollout.annotations.get(GIVE_BACK) == Some("true")
}

/// Of a Rollout that is being deleted: its finalizer goes when the Deployment has its pods back, or
/// is not there to have them.
pub(crate) fn before_the_end(s: &Snapshot) -> Plan {
    if !is_bound(&s.rollout) {
        return Plan::rest();
    }
    // Whether it is there will be known.
    if s.workload == Workload::Unread && s.rollout.spec.workload_ref.is_some() {
        return refuse::unread(s);
    }
    let free = |actions| Plan { actions, ..Plan::rest() };
    let Some(deployment) = deployment(s) else { return free(vec![unbind(&s.rollout)]) };
    match step(s, deployment) {
        Step::Fill(actions) | Step::Empty(actions) => waiting(s, deployment, actions),
        Step::Release(actions) => free(unless_refused(s, actions)),
        Step::Done => free(unless_refused(s, vec![unbind(&s.rollout)])),
    }
}

/// Of a Rollout whose user wants it; `None` where there is no Deployment to give anything back to.
pub(crate) fn on_request(s: &Snapshot) -> Option<Plan> {
    let deployment = deployment(s)?;
    let sets = s.replica_sets.iter().filter(|rs| !rs.deleting);
    let has_pods = sets.clone().any(|rs| rs.desired > Pods::ZERO);
    // From then on the Deployment is its user's, who may scale it as he likes.
    if !has_pods && !is_bound(&s.rollout) {
        return Some(given_back(s, deployment));
    }
    Some(match step(s, deployment) {
        Step::Fill(mut actions) => {
            let live = s.runs.iter().filter(|run| run.is_live());
            actions.extend(live.map(|run| Action::TerminateRun {
                name: run.name.clone(),
                resource_version: run.resource_version.clone(),
            }));
            waiting(s, deployment, actions)
        }
        Step::Release(actions) | Step::Empty(actions) => waiting(s, deployment, actions),
        Step::Done => {
            let mut actions: Vec<Action> = sets.filter_map(|rs| emptied(rs)).collect();
            if !has_pods {
                actions.push(unbind(&s.rollout));
            }
            waiting(s, deployment, actions)
        }
    })
}

/// The next step of giving back.
enum Step {
    /// The Deployment lacks pods; what is to be written, if it is not done yet.
    Fill(Vec<Action>),
    /// Services are let go.
    Release(Vec<Action>),
    /// Versions that clients do not use lose their pods.
    Empty(Vec<Action>),
    /// Nothing needs the Rollout's pods any more.
    Done,
}

fn needed(s: &Snapshot) -> Pods {
    Pods(s.rollout.spec.replicas_or_default())
}

fn step(s: &Snapshot, deployment: &WorkloadRecord) -> Step {
    let needed = needed(s);
    if deployment.desired < needed {
        return Step::Fill(vec![scale(deployment, needed)]);
    }
    if deployment.available < needed {
        return Step::Fill(Vec::new());
    }
    let services = |but: &BTreeSet<&str>| release_all(&s.services, &s.rollout.name, but);
    let all = services(&BTreeSet::new());
    // A Service that selects one version selects the pods of all when it is let go: by then there
    // are to be no others than clients know.
    let Some((service, hash)) = of_clients(s) else {
        return if all.is_empty() { Step::Done } else { Step::Release(all) };
    };
    let beside = services(&BTreeSet::from([service]));
    if !beside.is_empty() {
        return Step::Release(beside);
    }
    let others = || s.replica_sets.iter().filter(|rs| rs.hash != hash);
    if others().any(|rs| rs.desired > Pods::ZERO || rs.replicas > Pods::ZERO) {
        let live = others().filter(|rs| !rs.deleting && rs.desired > Pods::ZERO);
        return Step::Empty(live.filter_map(|rs| emptied(rs)).collect());
    }
    Step::Release(all)
}

/// The Service that clients use and the version that it selects, where it does.
fn of_clients(s: &Snapshot) -> Option<(&str, &str)> {
    let strategy = &s.rollout.spec.strategy;
    let canary = strategy.canary.as_ref().map(|canary| &canary.stable_service);
    let name = canary.or(strategy.blue_green.as_ref().map(|b| &b.active_service))?;
    let service = s.services.get(name).filter(|service| {
        service.managed_by.as_deref() == Some(s.rollout.name.as_str()) && !service.deleting
    })?;
    Some((name, service.hash()?))
}

/// A ReplicaSet loses its pods; taken up again, the Rollout begins as one that never ran.
fn emptied(rs: &ReplicaSetRecord) -> Option<Action> {
    let marked = rs.annotations.get(NOT_PROMOTED).is_some();
    if marked && rs.desired == Pods::ZERO {
        return None;
    }
    let mark = (NOT_PROMOTED.to_owned(), Some("true".to_owned()));
    let scale = (rs.desired > Pods::ZERO).then_some((rs.desired, Pods::ZERO));
    let message = format!("Scaled down ReplicaSet {} from {} to 0", rs.name, rs.desired);
    let occasion = format!("{}@{}", rs.name, rs.resource_version);
    let told = Transition::normal(reasons::SCALING_REPLICA_SET, 0, occasion, message);
    Some(Action::PatchReplicaSet {
        name: rs.name.clone(),
        resource_version: rs.resource_version.clone(),
        scale,
        min_ready_seconds: None,
        pod_metadata: Default::default(),
        annotations: BTreeMap::from([mark]),
        told: scale.map(|_| told).into_iter().collect(),
    })
}

/// After a refusal nothing more is sent; it is told.
fn unless_refused(s: &Snapshot, actions: Vec<Action>) -> Vec<Action> {
    if s.failure.is_some() { Vec::new() } else { actions }
}

fn waiting(s: &Snapshot, deployment: &WorkloadRecord, actions: Vec<Action>) -> Plan {
    let mut status = counted(s);
    status.phase = Some(RolloutPhase::Progressing);
    status.message = format!("giving back to Deployment \"{}\"", deployment.name);
    let reason = Reason::GivingBack {
        deployment: deployment.name.clone(),
        available: deployment.available.min(deployment.desired),
        needed: needed(s),
    };
    finish(s, status, reason, actions)
}

/// The Rollout rests, and nothing of its is stable any more.
fn given_back(s: &Snapshot, deployment: &WorkloadRecord) -> Plan {
    let mut status = counted(s);
    let ours = [kinds::READY, kinds::RECONCILING, kinds::STALLED];
    status.conditions.retain(|condition| ours.contains(&condition.r#type.as_str()));
    status.stable_rs.clear();
    status.pause_conditions.clear();
    status.controller_pause = false;
    status.abort = false;
    status.aborted_at = None;
    status.promote_full = false;
    status.canary = CanaryStatus::default();
    status.blue_green = BlueGreenStatus::default();
    status.phase = Some(RolloutPhase::Paused);
    status.message = format!("given back to Deployment \"{}\"", deployment.name);
    finish(s, status, Reason::GivenBack { deployment: deployment.name.clone() }, Vec::new())
}

fn counted(s: &Snapshot) -> RolloutStatus {
    let mut status = s.rollout.status.clone();
    let numeric = s.settings.numeric_observed_generation;
    status.observed_generation = Some(status::observed_generation(s.rollout.generation, numeric));
    status.workload_observed_generation = observed_generation(s);
    let sum = |of: fn(&ReplicaSetRecord) -> Pods| -> i32 {
        s.replica_sets.iter().map(|rs| of(rs)).sum::<Pods>().to_i32()
    };
    status.replicas = sum(|rs| rs.replicas);
    status.ready_replicas = sum(|rs| rs.ready);
    status.available_replicas = sum(|rs| rs.available);
    let current = |rs: &&std::sync::Arc<ReplicaSetRecord>| rs.hash == status.current_pod_hash;
    status.updated_replicas =
        s.replica_sets.iter().find(current).map_or(0, |rs| rs.replicas.to_i32());
    status.hpa_replicas = status.replicas;
    status
}

fn finish(s: &Snapshot, mut status: RolloutStatus, reason: Reason, actions: Vec<Action>) -> Plan {
    let refused = s.failure.as_ref().map(|failure| Reason::Refused {
        action: failure.action.clone(),
        message: failure.message.clone(),
    });
    let reasons: Vec<Reason> = refused.into_iter().chain([reason]).collect();
    say_ready(&mut status, Time::new(s.now), &reasons);
    let urgency = urgency(&s.rollout.status, &status);
    let mirrored = mirrored(s).filter(|_| !s.rollout.deleting);
    Plan {
        actions: unless_refused(s, mirrored.into_iter().chain(actions).collect()),
        status: urgency.map(|urgency| StatusWrite { status, urgency }),
        reasons,
        ..Plan::rest()
    }
}
