//! `spec.restartAt` (spec §2.8): pods that are older are evicted, a few at a time, and come again.
//!
//! Nothing comes beforehand: with no pod to spare, one is missing for as long as the next one takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use sluice_crd::rollout::{RolloutPhase, RolloutStatus};
use sluice_crd::time::Time;

use crate::plan::{Action, Wake};
use crate::quantity::Pods;
use crate::reason::Reason;
use crate::release::Release;
use crate::snapshot::{Need, Needs, PodRecord, ReplicaSetRecord};

/// An eviction that was refused is tried again after this long, and pods are looked at this often at
/// least.
const AGAIN: TimeDelta = TimeDelta::seconds(30);

/// Where some evictions were refused, others are tried this soon.
const OTHERS: TimeDelta = TimeDelta::seconds(5);

/// ReplicaSets that do not know yet that a pod of theirs goes are looked at again this soon.
const SOON: TimeDelta = TimeDelta::seconds(1);

/// A pod makes up for another once it has been ready for this long: so long do those who route to it
/// take to learn of it.
const ROUTED: i64 = 3;

/// What there is to do.
#[derive(Debug, Default)]
pub(crate) struct Restart {
    state: State,
    evictions: Vec<Action>,
    /// ReplicaSets still count pods that are gone: nothing more is taken away on their word.
    belied: bool,
    reason: Option<Reason>,
    pub(crate) needs: Needs,
    pub(crate) wake: Wake,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nobody asked for it, or its time has not come.
    #[default]
    None,
    UnderWay,
    Done,
}

impl Restart {
    pub(crate) fn is_under_way(&self) -> bool {
        self.state == State::UnderWay
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Evicts, unless pods come or go, or traffic moves, for another reason in this very pass: they
    /// would be counted twice.
    pub(crate) fn act(&self, actions: &mut Vec<Action>) {
        if self.belied {
            actions.retain(|action| !takes_away(action));
        }
        if !actions.iter().any(moves) {
            actions.extend(self.evictions.iter().cloned());
        }
    }

    /// What is said of it, first where it is what the phase speaks of.
    pub(crate) fn tell(&self, status: &RolloutStatus, reasons: &mut Vec<Reason>) {
        let Some(reason) = &self.reason else { return };
        if self.is_under_way() && status.phase == Some(RolloutPhase::Progressing) {
            reasons.retain(|reason| !matches!(reason, Reason::RolledOut { .. }));
            reasons.insert(0, reason.clone());
        } else {
            reasons.push(reason.clone());
        }
    }
}

fn takes_away(action: &Action) -> bool {
    match action {
        Action::PatchReplicaSet { scale: Some((from, to)), .. } => to < from,
        Action::SelectPods { .. } => true,
        _ => false,
    }
}

fn moves(action: &Action) -> bool {
    matches!(
        action,
        Action::CreateReplicaSet { .. }
            | Action::AdoptReplicaSet { .. }
            | Action::PatchReplicaSet { scale: Some(_), .. }
            | Action::SelectPods { .. }
    )
}

/// Whether pods are to be replaced, which, and which of them now.
pub(crate) fn look(release: &Release<'_>, new_template: bool) -> Restart {
    let Some(at) = release.spec().restart_at else { return Restart::default() };
    if new_template || release.status().restarted_at == Some(at) {
        return Restart::default();
    }
    if at > release.now {
        let reason = Some(Reason::RestartAhead { at });
        return Restart { reason, wake: Wake::At(at.to_chrono()), ..Restart::default() };
    }
    match &release.snapshot.facts.pods {
        None => {
            Restart { state: State::UnderWay, needs: [Need::Pods].into(), ..Restart::default() }
        }
        Some(Err(message)) => {
            let trouble = Some(format!("the pods cannot be read: {message}"));
            let counts = Counts::of_records(release);
            Restart {
                state: State::UnderWay,
                reason: Some(counts.reason(release, at, counts.total, trouble)),
                wake: Wake::At(release.snapshot.now + AGAIN),
                ..Restart::default()
            }
        }
        Some(Ok(pods)) => among(release, at, pods),
    }
}

/// How many there are, and how many may be missing.
#[derive(Clone, Copy)]
struct Counts {
    total: Pods,
    available: Pods,
}

impl Counts {
    fn of_records(release: &Release<'_>) -> Self {
        let sets = in_order(release);
        let total = sets.iter().map(|rs| rs.replicas).sum();
        Self { total, available: sets.iter().map(|rs| rs.available).sum() }
    }

    /// Pods that may be missing because of a restart.
    fn concurrency(release: &Release<'_>) -> Pods {
        (release.replicas - release.bounds.fewest).max(Pods::ONE)
    }

    /// Pods that are available whatever happens.
    fn fewest(self, release: &Release<'_>) -> Pods {
        (release.replicas.max(self.total) - Self::concurrency(release)).or_none()
    }

    fn reason(self, release: &Release<'_>, at: Time, old: Pods, trouble: Option<String>) -> Reason {
        let Self { total, available } = self;
        let needed = self.fewest(release) + Pods::ONE;
        Reason::Restarting { at, old, total, available, needed, trouble }
    }
}

fn among(release: &Release<'_>, at: Time, pods: &[PodRecord]) -> Restart {
    let seconds = i64::from(release.spec().min_ready_seconds.max(0));
    let is_ready_for = |pod: &PodRecord, seconds: i64| {
        pod.ready_since.is_some_and(|since| since.plus_seconds(seconds) <= release.now)
    };
    let is_available = |pod: &PodRecord| is_ready_for(pod, seconds);
    let routed_at =
        |pod: &PodRecord| pod.ready_since.map(|since| since.plus_seconds(seconds.max(ROUTED)));
    let sets = in_order(release);
    let of = |rs: &ReplicaSetRecord| {
        let mut of: Vec<&PodRecord> =
            pods.iter().filter(|pod| pod.owner == rs.uid && !pod.deleting).collect();
        of.sort_by_key(|pod| (pod.created, pod.name.clone()));
        of
    };
    let living: Vec<&PodRecord> = sets.iter().flat_map(|rs| of(rs)).collect();
    let belied = sets.iter().any(|rs| {
        let seconds = i64::from(rs.min_ready_seconds.max(0));
        let available = of(rs).into_iter().filter(|pod| is_ready_for(pod, seconds)).count();
        rs.available > count(available)
    });
    let counts = Counts {
        // One that has yet to come in the place of another is missing.
        total: sets.iter().map(|rs| rs.desired.max(count(of(rs).len()))).sum(),
        available: count(living.iter().copied().filter(|pod| is_available(pod)).count()),
    };
    let times = living.iter().filter_map(|pod| routed_at(pod));
    let (routed, about_to): (Vec<Time>, Vec<Time>) = times.partition(|at| *at <= release.now);
    let is_old = |pod: &PodRecord| pod.created.is_some_and(|created| created < at);
    let old: Vec<&PodRecord> = living.into_iter().filter(|pod| is_old(pod)).collect();
    if old.is_empty() {
        // Written once the ReplicaSets know of it as well: what comes next relies on what they say.
        let state = if belied { State::UnderWay } else { State::Done };
        let wake = if belied { Wake::At(release.snapshot.now + SOON) } else { Wake::OnChange };
        let reason = belied.then(|| counts.reason(release, at, Pods::ZERO, None));
        return Restart { state, belied, reason, wake, ..Restart::default() };
    }

    let now = release.snapshot.now;
    let refused = &release.snapshot.facts.refused_evictions;
    let mut spare = (count(routed.len()) - counts.fewest(release)).or_none();
    let mut most = Counts::concurrency(release);
    let next = about_to.into_iter().min().map_or(Wake::OnChange, |at| Wake::At(at.to_chrono()));
    let mut wake = Wake::At(now + AGAIN).sooner(next);
    let mut of_each: BTreeMap<&str, Pods> = sets
        .iter()
        .filter(|_| release.routing.is_some())
        .map(|rs| {
            let own = of(rs);
            let routed =
                own.iter().filter(|pod| routed_at(pod).is_some_and(|at| at <= release.now));
            (
                rs.uid.as_str(),
                spare_of(release, rs.desired.max(count(own.len())), count(routed.count())),
            )
        })
        .collect();
    let mut evictions = Vec::new();
    let mut trouble = None;
    for pod in &old {
        if let Some(refusal) = refused.get(&pod.name) {
            let why = || format!("pod {} cannot be evicted: {}", pod.name, refusal.message);
            trouble.get_or_insert_with(why);
            if now < refusal.at + AGAIN {
                wake = wake.sooner(Wake::At(refusal.at + AGAIN));
                continue;
            }
        }
        // One that is not ready has no clients, and is missed by nobody.
        let serves = pod.ready_since.is_some();
        let own = of_each.get_mut(pod.owner.as_str());
        let is_short = spare == Pods::ZERO || own.as_ref().is_some_and(|own| **own == Pods::ZERO);
        if most == Pods::ZERO || (serves && is_short) {
            continue;
        }
        most -= Pods::ONE;
        if serves {
            spare -= Pods::ONE;
            if let Some(own) = own {
                *own -= Pods::ONE;
            }
        }
        evictions.push(Action::EvictPod { name: pod.name.clone(), uid: pod.uid.clone() });
    }
    if trouble.is_some() && !evictions.is_empty() {
        wake = wake.sooner(Wake::At(now + OTHERS));
    }
    if belied {
        wake = wake.sooner(Wake::At(now + SOON));
    }
    Restart {
        state: State::UnderWay,
        evictions,
        belied,
        reason: Some(counts.reason(release, at, count(old.len()), trouble)),
        needs: Needs::new(),
        wake,
    }
}

/// Pods that one of the versions can spare which a router sends requests to, each to its own: what
/// the other has makes up for nothing. A part of them as of all pods, and one at least.
fn spare_of(release: &Release<'_>, whole: Pods, routed: Pods) -> Pods {
    let part = whole.0.saturating_mul(Counts::concurrency(release).0) / release.replicas.0.max(1);
    (routed - (whole - Pods(part).max(Pods::ONE)).or_none()).or_none()
}

fn count(n: usize) -> Pods {
    Pods(i64::try_from(n).unwrap_or(i64::MAX))
}

/// The stable version, the new one, then the others, the oldest first.
fn in_order<'a>(release: &'a Release<'_>) -> Vec<&'a Arc<ReplicaSetRecord>> {
    let new = release
        .new
        .record()
        .filter(|rs| release.stable.as_ref().is_none_or(|stable| stable.uid != rs.uid));
    release.stable.iter().chain(new).chain(&release.older).collect()
}
