//! Which pods the stable and the canary Service select (spec §2.4), and which ReplicaSets are
//! therefore not to be drained (I3). Those of blue-green: `blue_green/services.rs`.
//!
//! A Service moves only to a version that can serve: the stable one to about half of all pods at
//! least, any to more than it selects now.

use std::collections::{BTreeMap, BTreeSet};

use crate::own_fields;
use crate::plan::Action;
use crate::quantity::Pods;
use crate::reason::Reason;
use crate::release::{Release, Strategy};
use crate::routed::{self, Routing};
use crate::snapshot::{ReplicaSetRecord, ServiceRecord};
use crate::stage::Stage;
use crate::steps::{Cursor, split_for};
use crate::transition::{Transition, reasons};

/// The Services of a release, as they are to be.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    pub(crate) actions: Vec<Action>,
    pub(crate) waiting: Vec<Reason>,
}

/// The hashes that a Service of this release selects now, or what else leads to pods.
pub(crate) fn routed(release: &Release<'_>) -> BTreeSet<String> {
    let services = named(release).into_iter().filter_map(|(_, s)| s.hash().map(str::to_owned));
    let others = release.routing.iter().flat_map(Routing::selected);
    services.chain(others).collect()
}

/// Whether the stable Service, if there is one, selects the new version.
pub(crate) fn stable_is_on_new(release: &Release<'_>) -> bool {
    if let Some(routing) = &release.routing {
        return routed::stable_is_on_new(release, routing);
    }
    let stable = release.strategy.canary().and_then(|c| service(release, &c.stable_service));
    stable.is_none_or(|s| s.hash() == Some(release.new.hash()))
}

/// Whether there is a stable Service, and it selects the new version.
pub(crate) fn stable_selects_new(release: &Release<'_>) -> bool {
    let stable = release.strategy.canary().and_then(|c| service(release, &c.stable_service));
    stable.is_some_and(|s| s.hash() == Some(release.new.hash()))
}

/// What to switch now.
///
/// `asked` are the pods that are asked for in this very pass: a version that loses some counts as
/// without them.
pub(crate) fn switches(
    release: &Release<'_>,
    stage: Stage,
    cursor: &Cursor,
    asked: &BTreeMap<String, Pods>,
) -> Switches {
    let mut out = Switches::default();
    let Some(canary) = release.strategy.canary() else { return out };
    if let Some(svc) = service(release, &canary.stable_service) {
        out.switch(release, svc, stable_goal(release, stage, cursor), asked);
    }
    if let Some(svc) = service(release, &canary.canary_service) {
        out.switch(release, svc, canary_goal(release, stage, cursor, svc), asked);
    }
    out
}

/// A version to select, and how many of its pods have to serve before; `None` leaves the Service as
/// it is.
pub(crate) type Goal<'a> = Option<(&'a ReplicaSetRecord, Pods)>;

fn stable_goal<'a>(release: &'a Release<'_>, stage: Stage, cursor: &Cursor) -> Goal<'a> {
    let all_steps_done = cursor.index >= release.step_count();
    let mut least = release.bounds.enough_to_route();
    let to = match stage {
        // What was promoted in this very pass is stable only by its status yet to be written.
        Stage::Initial | Stage::Steady => new(release),
        // Nobody can tell whether the new version is good: a person is asked first.
        Stage::Stepping if all_steps_done && cursor.is_inconclusive() => return None,
        Stage::Stepping | Stage::Promoting if all_steps_done => new(release),
        // No room for two: where the only pod is the new version's, there the Service has to be.
        Stage::Stepping if only_new(release, cursor) => new(release),
        // More than the step leaves it, it will not have: a Service that is new here need not wait.
        Stage::Stepping => {
            least = least.min(split_for(release, cursor.weight(release)).stable).max(Pods::ONE);
            release.stable.as_deref()
        }
        Stage::Promoting | Stage::Aborted => release.stable.as_deref(),
    };
    Some((to?, least))
}

pub(crate) fn new<'a>(release: &'a Release<'_>) -> Option<&'a ReplicaSetRecord> {
    release.new.record().map(AsRef::as_ref)
}

fn only_new(release: &Release<'_>, cursor: &Cursor) -> bool {
    let split = split_for(release, cursor.weight(release));
    release.bounds.most < Pods(2) && split.stable == Pods::ZERO && split.canary > Pods::ZERO
}

fn canary_goal<'a>(
    release: &'a Release<'_>,
    stage: Stage,
    cursor: &Cursor,
    service: &ServiceRecord,
) -> Goal<'a> {
    // In mid-update and on the way back one pod is better than what it selects.
    let to_stable = || release.stable.as_deref().map(|rs| (rs, Pods::ONE));
    match stage {
        Stage::Initial | Stage::Steady => Some((new(release)?, release.bounds.enough_to_route())),
        Stage::Aborted => to_stable(),
        Stage::Stepping | Stage::Promoting => {
            let wanted = split_for(release, cursor.weight(release)).canary > Pods::ZERO;
            let serving = new(release).filter(|rs| wanted && rs.serving() > Pods::ZERO);
            match serving {
                Some(new) => Some((new, Pods::ONE)),
                // It lost its pods after the switch; they come back, or an abort brings the Service
                // back.
                None if wanted && service.hash() == Some(release.new.hash()) => None,
                None => to_stable(),
            }
        }
    }
}

impl Switches {
    pub(crate) fn switch(
        &mut self,
        release: &Release<'_>,
        service: &ServiceRecord,
        goal: Goal<'_>,
        asked: &BTreeMap<String, Pods>,
    ) {
        let Some((to, least)) = goal else { return };
        let adopted = service.managed_by.as_deref() == Some(release.rollout.name.as_str());
        if adopted && service.hash() == Some(to.hash.as_str()) {
            return;
        }
        let selected = service.hash() == Some(to.hash.as_str());
        // Scaled down and up again in quick succession, it still counts the pods that go.
        let counted = if to.unobserved { Pods::ZERO } else { to.serving() };
        let serving = counted.min(asked.get(&to.hash).copied().unwrap_or(to.desired));
        if !selected {
            let is_stable = release.stable.as_ref().is_some_and(|rs| rs.hash == to.hash);
            let was_selected =
                adopted || own_fields::was_selected(release.snapshot, &service.name, &to.hash);
            let least = match standing(release, service) {
                // A Service without a hash selects all versions' pods: it narrows to a whole one.
                // Of a blue-green release, the version that nobody has promoted is one of them.
                Standing::All if release.strategy.blue_green().is_some() => least,
                // Somebody took the hash off: what it had selected is whole when it has the pods of
                // this step.
                Standing::All if is_stable && was_selected => to.desired.max(Pods::ONE),
                Standing::All => least.max(to.desired),
                // However few they are, they are more than now.
                Standing::Version(now) if now < serving => Pods::ONE,
                Standing::Version(_) => least,
            };
            let nobody_to_serve = release.replicas == Pods::ZERO;
            if serving < least && !nobody_to_serve {
                self.waiting.push(Reason::ServiceWaits {
                    service: service.name.clone(),
                    hash: to.hash.clone(),
                    available: serving,
                    needed: least,
                });
                return;
            }
        }
        let from = service.hash().map(str::to_owned);
        let told = if selected {
            Vec::new()
        } else {
            vec![Transition::normal(
                reasons::SWITCH_SERVICE,
                release.revision,
                format!("{}@{}", service.name, service.resource_version),
                format!(
                    "Switched selector for service '{}' from '{}' to '{}'",
                    service.name,
                    from.as_deref().unwrap_or_default(),
                    to.hash
                ),
            )]
        };
        self.actions.push(Action::SelectPods {
            service: service.name.clone(),
            resource_version: service.resource_version.clone(),
            from,
            to: to.hash.clone(),
            managed_by: release.rollout.name.clone(),
            told,
        });
    }
}

/// What a Service selects now.
enum Standing {
    /// The pods of every version.
    All,
    /// One version, so many pods of which serve.
    Version(Pods),
}

fn standing(release: &Release<'_>, service: &ServiceRecord) -> Standing {
    let Some(hash) = service.hash() else { return Standing::All };
    let versions = release.new.record().into_iter().chain(&release.stable).chain(&release.older);
    let selected = versions.into_iter().find(|rs| rs.hash == hash);
    Standing::Version(selected.map_or(Pods::ZERO, |rs| rs.serving()))
}

/// Services that carry the mark of this Rollout and that it no longer names.
pub(crate) fn releases(release: &Release<'_>) -> Vec<Action> {
    let named: BTreeSet<&str> = named(release).into_iter().map(|(name, _)| name).collect();
    release_all(&release.snapshot.services, &release.rollout.name, &named)
}

/// Takes mark and hash off the Services in `services` that carry the mark of `rollout` and are not
/// `named` by it; all of them when the Rollout is gone.
pub fn release_all(
    services: &BTreeMap<String, std::sync::Arc<ServiceRecord>>,
    rollout: &str,
    named: &BTreeSet<&str>,
) -> Vec<Action> {
    services
        .values()
        .filter(|s| s.managed_by.as_deref() == Some(rollout))
        .filter(|s| !named.contains(s.name.as_str()) && !s.deleting)
        .map(|s| Action::ReleaseService {
            service: s.name.clone(),
            resource_version: s.resource_version.clone(),
            selects_hash: s.hash().is_some(),
        })
        .collect()
}

pub(crate) fn named<'a>(release: &'a Release<'_>) -> Vec<(&'a str, &'a ServiceRecord)> {
    let names = match release.strategy {
        Strategy::Canary(canary) => <[&str; 2]>::from(routed::services(release.rollout, canary)),
        Strategy::BlueGreen(b) => [b.active_service.as_str(), b.preview_service.as_str()],
    };
    names.into_iter().filter_map(|name| service(release, name).map(|s| (name, s))).collect()
}

pub(crate) fn service<'a>(release: &'a Release<'_>, name: &str) -> Option<&'a ServiceRecord> {
    if name.is_empty() {
        return None;
    }
    release.snapshot.services.get(name).map(AsRef::as_ref)
}
