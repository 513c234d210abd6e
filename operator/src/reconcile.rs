//! One pass over one Rollout: plan, check the lease, apply, write the status.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use kube::Client;
use serde_json::{Value, json};
use sluice_crd::rollout::RolloutStatus;
use sluice_planner::merge_patch;
use sluice_planner::traffic::alb::verify::Look;
use sluice_planner::{
    self as planner, Action, FailureKind, Need, OwnField, Plan, PodTrouble, RefusedEviction,
    Snapshot, StatusWrite, Transition, Urgency, Wake,
};
use sluice_providers::Aws;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::events::{About, EventSink};
use crate::facts;
use crate::failure::Failure;
use crate::leader::Fence;
use crate::metrics::Metrics;
use crate::world::Wrote;
use crate::writer::Writer;

/// The policy: [`planner::plan`], or in a test one that is broken on purpose.
pub type Policy = Arc<dyn Fn(&Snapshot) -> Plan + Send + Sync>;

/// Facts of one generation are fetched this often at most.
pub(crate) const FACTS_PAUSE: Duration = Duration::from_secs(5);

/// A look at load balancers that takes longer is one for the next pass.
const SHORT_LOOK: TimeDelta = TimeDelta::seconds(1);

/// A write that gets no answer is told of in the status once so many passes have failed: after some
/// ten seconds, which a busy API server may need.
pub(crate) const TELL_UNANSWERED: u32 = 10;

/// What a pass needs besides its snapshot.
#[derive(Clone)]
pub(crate) struct Shell {
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) events: EventSink,
    pub(crate) metrics: Metrics,
    pub(crate) policy: Policy,
    pub(crate) aws: Arc<Aws>,
    pub(crate) fence: tokio::sync::watch::Receiver<Fence>,
}

/// What came of a pass.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) wrote: Vec<Wrote>,
    pub(crate) outcome: Outcome,
    /// What became of a status that carries counts alone.
    pub(crate) counts: CountsFate,
    /// Facts were fetched for this generation.
    pub(crate) fetched_facts: bool,
    /// Pods were looked at, for what keeps them.
    pub(crate) fetched_pods: bool,
    /// What keeps them, by this look or the last one, where it is asked for.
    pub(crate) pods_in_trouble: BTreeMap<String, Vec<PodTrouble>>,
    /// Evictions that are refused, where pods were looked at for that.
    pub(crate) refused_evictions: BTreeMap<String, RefusedEviction>,
    /// The last look at the load balancers.
    pub(crate) load_balancers: Option<Look>,
    /// The fields of others' objects that were set.
    pub(crate) set_fields: Vec<OwnField>,
    /// The plan's, where it was carried out.
    pub(crate) settled_metadata: Option<BTreeMap<String, String>>,
}

/// What became of a status that carries counts alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountsFate {
    /// There was none.
    None,
    /// It waits, to be written together with what comes.
    HeldBack,
    /// It was written.
    Written,
}

/// What follows from a pass.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Look again when something changes, or then.
    Done(Wake),
    /// Something has changed under us: look again as soon as it is seen.
    LookAgain,
    /// Try again after a pause.
    Failed(Failure),
}

/// How much this pass may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Whether a status that carries counts alone may be written.
    pub(crate) counts: bool,
    /// Whether facts may be fetched.
    pub(crate) facts: bool,
    /// Whether pods may be looked at.
    pub(crate) pods: bool,
    /// How many passes before this one have failed in a row.
    pub(crate) failures: u32,
}

pub(crate) async fn reconcile(shell: Shell, mut snapshot: Snapshot, limits: Limits) -> Report {
    let mut report = Report {
        wrote: Vec::new(),
        outcome: Outcome::Done(Wake::OnChange),
        counts: CountsFate::None,
        fetched_facts: false,
        fetched_pods: false,
        pods_in_trouble: BTreeMap::new(),
        refused_evictions: BTreeMap::new(),
        load_balancers: None,
        set_fields: Vec::new(),
        settled_metadata: None,
    };
    report.outcome = match pass(&shell, &mut snapshot, limits, &mut report).await {
        Ok(wake) => Outcome::Done(wake),
        Err(Failure::Conflict(_) | Failure::NameTaken(_)) => Outcome::LookAgain,
        Err(failure) => Outcome::Failed(failure),
    };
    report.load_balancers = snapshot.facts.load_balancers.take();
    // Remembered as long as the pods matter.
    if let Some(Ok(pods)) = &snapshot.facts.pods {
        let mut refused = snapshot.facts.refused_evictions;
        refused.retain(|name, _| pods.iter().any(|pod| pod.name == *name));
        report.refused_evictions = refused;
    }
    report
}

async fn pass(
    shell: &Shell,
    snapshot: &mut Snapshot,
    limits: Limits,
    report: &mut Report,
) -> Result<Wake, Failure> {
    let mut plan = (shell.policy)(snapshot);
    if plan.needs.contains(&Need::Templates) && !limits.facts {
        return Ok(Wake::At(shell.clock.now() + FACTS_PAUSE));
    }
    if plan.needs.contains(&Need::Templates) {
        let templates = match facts::templates(&shell.client, snapshot).await {
            Ok(templates) => templates,
            Err(failure) => return not_known(shell, snapshot, failure, limits, report).await,
        };
        report.fetched_facts = true;
        snapshot.facts.templates = Some(templates);
        plan = (shell.policy)(snapshot);
    }
    let troubled = plan.needs.iter().find_map(|need| match need {
        Need::PodsInTrouble(hash) => Some(hash.clone()),
        _ => None,
    });
    if let Some(hash) = troubled {
        look_at_pods(shell, snapshot, hash, limits, report).await;
        plan = (shell.policy)(snapshot);
    }
    if plan.needs.contains(&Need::PreviewEndpoints) {
        match facts::preview_endpoints(&shell.client, &snapshot.rollout).await {
            Ok(endpoints) => {
                snapshot.facts.preview_endpoints = endpoints;
                plan = (shell.policy)(snapshot);
            }
            // The plan holds without them: clients stay where they are, and deadlines run.
            Err(failure) => {
                let (namespace, name) = (&snapshot.rollout.namespace, &snapshot.rollout.name);
                tracing::warn!(namespace, name, "cannot look at the EndpointSlices: {failure}");
            }
        }
    }
    if plan.needs.contains(&Need::LoadBalancers) {
        let look = facts::load_balancers(&shell.client, &shell.aws, &shell.clock, snapshot).await;
        let took = look.at - snapshot.now;
        snapshot.facts.load_balancers = Some(look);
        if took > SHORT_LOOK {
            // What is known of the pods is too old to act on; the look is kept.
            return Ok(Wake::At(shell.clock.now()));
        }
        plan = (shell.policy)(snapshot);
    }
    // Not limited: what is evicted is decided by how the pods stand at this instant.
    if plan.needs.contains(&Need::Pods) {
        let pods = facts::pods(&shell.client, snapshot).await;
        if let Err(failure) = &pods {
            let (namespace, name) = (&snapshot.rollout.namespace, &snapshot.rollout.name);
            tracing::warn!(namespace, name, "cannot look at the pods: {failure}");
        }
        snapshot.facts.pods = match pods {
            Err(failure @ Failure::Unanswered(_)) if limits.failures < TELL_UNANSWERED => {
                return Err(failure);
            }
            pods => Some(pods.map_err(|failure| failure.to_string())),
        };
        plan = (shell.policy)(snapshot);
    }
    if plan.actions.is_empty() && plan.status.is_none() {
        report.settled_metadata = Some(plan.settled_metadata);
        return Ok(plan.wake);
    }
    let fence = (*shell.fence.borrow()).ok_or(Failure::NotLeader)?;
    let rollout = Arc::clone(&snapshot.rollout);
    let of = (&*rollout, snapshot.routes.kinds.clone());
    let mut writer = Writer::new(&shell.client, &shell.metrics, of, fence);
    let result = carry_out(shell, snapshot, plan, limits, &mut writer, report).await;
    report.wrote = writer.wrote;
    result
}

/// What keeps the pods of a version, by a look at them or by the last look.
async fn look_at_pods(
    shell: &Shell,
    snapshot: &mut Snapshot,
    hash: String,
    limits: Limits,
    report: &mut Report,
) {
    snapshot.facts.pods_in_trouble.retain(|of, _| *of == hash);
    if limits.pods || snapshot.facts.pods_in_trouble.is_empty() {
        report.fetched_pods = true;
        match facts::pods_in_trouble(&shell.client, snapshot, &hash).await {
            Ok(pods) => drop(snapshot.facts.pods_in_trouble.insert(hash, pods)),
            // The plan holds without them.
            Err(failure) => {
                let rollout = &snapshot.rollout;
                let (namespace, name) = (&rollout.namespace, &rollout.name);
                tracing::warn!(namespace, name, "cannot look at the pods: {failure}");
            }
        }
    }
    report.pods_in_trouble = snapshot.facts.pods_in_trouble.clone();
}

/// What a decision needs could not be read: the status says so.
async fn not_known(
    shell: &Shell,
    snapshot: &mut Snapshot,
    failure: Failure,
    limits: Limits,
    report: &mut Report,
) -> Result<Wake, Failure> {
    if matches!(failure, Failure::Unanswered(_)) && limits.failures < TELL_UNANSWERED {
        return Err(failure);
    }
    snapshot.failure = Some(planner::Failure {
        action: "read the pod templates of the ReplicaSets".to_owned(),
        kind: FailureKind::Other,
        message: failure.to_string(),
    });
    let plan = (shell.policy)(snapshot);
    if let Some(write) = &plan.status {
        let fence = (*shell.fence.borrow()).ok_or(Failure::NotLeader)?;
        let of = (&*snapshot.rollout, snapshot.routes.kinds.clone());
        let mut writer = Writer::new(&shell.client, &shell.metrics, of, fence);
        let written = write_status(snapshot, write, &mut writer).await;
        report.wrote = writer.wrote;
        written?;
    }
    Err(failure)
}

/// Sends the actions, then the status, then tells what has happened.
async fn carry_out(
    shell: &Shell,
    snapshot: &mut Snapshot,
    mut plan: Plan,
    limits: Limits,
    writer: &mut Writer<'_>,
    report: &mut Report,
) -> Result<Wake, Failure> {
    let about = About::from(&*snapshot.rollout);
    let mut told: Vec<Transition> = Vec::new();
    let tell = |told: &[Transition]| {
        for transition in told {
            shell.events.tell(&about, transition, shell.clock.now());
        }
    };
    for (done, action) in plan.actions.iter().enumerate() {
        if let Err(failure) = writer.apply(action).await {
            if is_of_router(action) && matches!(failure, Failure::Refused { .. }) {
                // Each router by itself: a refusal by one keeps no requests where another has them.
                let rest = plan.actions.iter().skip(done + 1).filter(|a| is_of_router(a));
                for other in rest {
                    if writer.apply(other).await.is_ok() {
                        told.extend_from_slice(other.told());
                        report.set_fields.extend(other.own_fields());
                    }
                }
            }
            tell(&told);
            return refused(shell, snapshot, action, failure, limits, writer).await;
        }
        tracing::info!(namespace = about.namespace, rollout = about.name, "{}", action.describe());
        told.extend_from_slice(action.told());
        report.set_fields.extend(action.own_fields());
    }
    report.settled_metadata = Some(plan.settled_metadata.clone());
    if !writer.evictions.is_empty() {
        let again = with_refusals(shell, snapshot, &writer.evictions);
        plan = Plan { actions: plan.actions, ..again };
    }
    if let Some(write) = &plan.status {
        if write.urgency == Urgency::Counts && !limits.counts {
            report.counts = CountsFate::HeldBack;
        } else {
            if let Err(failure) = write_status(snapshot, write, writer).await {
                tell(&told);
                return Err(failure);
            }
            if write.urgency == Urgency::Counts {
                report.counts = CountsFate::Written;
            }
            told.extend(plan.transitions);
        }
    }
    tell(&told);
    Ok(plan.wake)
}

/// Whether it changes what a router does.
fn is_of_router(action: &Action) -> bool {
    matches!(
        action,
        Action::PatchRoute { .. } | Action::CreateRoute { .. } | Action::DeleteRoute { .. }
    )
}

/// What is to be said once it is known which pods may not go.
fn with_refusals(
    shell: &Shell,
    snapshot: &mut Snapshot,
    evictions: &BTreeMap<String, Option<String>>,
) -> Plan {
    let refused = &mut snapshot.facts.refused_evictions;
    for (pod, said) in evictions {
        match said {
            Some(said) => {
                let refusal = RefusedEviction { at: snapshot.now, message: said.clone() };
                refused.insert(pod.clone(), refusal);
            }
            None => drop(refused.remove(pod)),
        }
    }
    (shell.policy)(snapshot)
}

/// An action was refused: the status says so, and what the refusal leaves possible is done
/// (argo-rollouts#4626).
async fn refused(
    shell: &Shell,
    snapshot: &mut Snapshot,
    action: &Action,
    failure: Failure,
    limits: Limits,
    writer: &mut Writer<'_>,
) -> Result<Wake, Failure> {
    let create = matches!(action, Action::CreateReplicaSet { .. });
    let run = matches!(action, Action::CreateAnalysisRun { .. });
    let kind = match &failure {
        Failure::Unanswered(_) if limits.failures < TELL_UNANSWERED => return Err(failure),
        Failure::Conflict(_) | Failure::NotLeader => return Err(failure),
        Failure::NameTaken(_) if run => FailureKind::RunNameTaken,
        Failure::NameTaken(_) => FailureKind::NameTaken,
        Failure::Refused { .. } | Failure::Unanswered(_) if create => FailureKind::Create,
        Failure::Refused { .. } | Failure::Unanswered(_) => FailureKind::Other,
    };
    let message = match &failure {
        Failure::Refused { message, .. } => message.clone(),
        other => other.to_string(),
    };
    snapshot.failure = Some(planner::Failure { action: action.describe(), kind, message });
    let plan = (shell.policy)(snapshot);
    let about = About::from(&*snapshot.rollout);
    let tell = |told: &[Transition]| {
        for transition in told {
            shell.events.tell(&about, transition, shell.clock.now());
        }
    };
    for action in &plan.actions {
        writer.apply(action).await?;
        tell(action.told());
    }
    if let Some(write) = &plan.status {
        write_status(snapshot, write, writer).await?;
        tell(&plan.transitions);
    }
    Err(failure)
}

async fn write_status(
    snapshot: &Snapshot,
    write: &StatusWrite,
    writer: &mut Writer<'_>,
) -> Result<(), Failure> {
    match status_difference(&snapshot.rollout.status, &write.status) {
        Some(difference) => writer.write_status(&difference).await,
        None => Ok(()),
    }
}

/// The merge patch from one status to the other.
pub fn status_difference(old: &RolloutStatus, new: &RolloutStatus) -> Option<Value> {
    // A first status is written whole, empty parts included: Argo CD's scripts reach into them.
    let before = if *old == RolloutStatus::default() { json!({}) } else { json!(old) };
    merge_patch::difference(&before, &json!(new))
}

/// Whether this replica may write now.
pub(crate) fn leads(fence: Fence, now: Instant) -> bool {
    fence.is_some_and(|until| now < until)
}
