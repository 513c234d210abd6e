//! Which pods the two destinations of a router mean: Services, subsets of a DestinationRule, nodes of
//! a mesh. That of the new version is moved only while nothing is sent to it.

use std::collections::{BTreeMap, BTreeSet};

use super::course::{carries, write};
use super::scale::leaves;
use super::{Routing, is_at_full};
use crate::leave::Leave;
use crate::plan::Action;
use crate::quantity::Pods;
use crate::release::Release;
use crate::services::{Goal, Switches, new, service};
use crate::snapshot::ReplicaSetRecord;
use crate::stage::Stage;
use crate::steps::Cursor;
use crate::traffic::Share;
use crate::traffic::routers::{Destination, Hashes};

impl Routing<'_> {
    /// The hashes that the destination of the new version leads to; `None` in it stands for all pods.
    fn canary_hashes(&self, release: &Release<'_>) -> BTreeSet<Option<String>> {
        let of_service = service(release, self.canary_service);
        let of_service = of_service.map(|service| service.hash().map(str::to_owned));
        let others = self.routers.selected(self.routes).into_iter().map(|to| to.canary);
        of_service.into_iter().chain(others).collect()
    }

    /// Whether the destination of the new version leads to the pods of this hash, and to no others.
    pub(super) fn canary_leads_to(&self, release: &Release<'_>, hash: &str) -> bool {
        let hashes = self.canary_hashes(release);
        !hashes.is_empty() && hashes.iter().all(|to| to.as_deref() == Some(hash))
    }

    /// Pods that serve what is sent to the new version's destination.
    pub(super) fn canary_serving(&self, release: &Release<'_>) -> Pods {
        serving(release, &self.canary_hashes(release))
    }

    /// Pods that serve what is sent to the stable version's destination.
    pub(super) fn stable_serving(&self, release: &Release<'_>) -> Pods {
        serving(release, &self.stable_hashes(release))
    }

    /// Whether the Service of the stable version does not exist.
    pub(super) fn lacks_stable(&self, release: &Release<'_>) -> bool {
        !self.stable_service.is_empty() && service(release, self.stable_service).is_none()
    }

    fn stable_hashes(&self, release: &Release<'_>) -> BTreeSet<Option<String>> {
        let of_service = service(release, self.stable_service);
        let of_service = of_service.map(|service| service.hash().map(str::to_owned));
        let others = self.routers.selected(self.routes).into_iter().map(|to| to.stable);
        of_service.into_iter().chain(others).collect()
    }

    /// Whether the destination of the stable version leads to the pods of this hash.
    pub(super) fn stable_leads_to(&self, release: &Release<'_>, hash: &str) -> bool {
        self.stable_hashes(release).contains(&Some(hash.to_owned()))
    }

    /// Whether the destination of the stable version leads to the pods of another hash than this.
    pub(super) fn stable_is_elsewhere(&self, release: &Release<'_>, hash: &str) -> bool {
        self.stable_hashes(release).iter().flatten().any(|to| to != hash)
    }

    /// Whether the destination of the stable version leads to the pods of another version alone.
    pub(super) fn stable_strays_from(&self, release: &Release<'_>, hash: &str) -> bool {
        let hashes = self.stable_hashes(release);
        hashes.iter().flatten().any(|to| to != hash)
    }

    /// The hashes of versions that requests are sent to.
    pub(super) fn in_use(&self, release: &Release<'_>) -> BTreeSet<String> {
        let stable = self.stable_hashes(release).into_iter();
        let canary = self.canary_hashes(release).into_iter().filter(|_| !self.sends_nothing());
        stable.chain(canary).flatten().collect()
    }

    fn sends_nothing(&self) -> bool {
        self.seen.most == 0 && self.seen.routes.is_empty()
    }
}

/// Pods that serve of the versions with these hashes; without a hash, of all.
fn serving(release: &Release<'_>, hashes: &BTreeSet<Option<String>>) -> Pods {
    let all = release.new.record().into_iter().chain(&release.stable).chain(&release.older);
    let meant = all.filter(|rs| hashes.contains(&None) || hashes.contains(&Some(rs.hash.clone())));
    let mut seen = BTreeSet::new();
    meant.filter(|rs| seen.insert(&rs.uid)).map(|rs| rs.serving()).sum()
}

/// Whether the destination of the stable version leads to the new one; those of ping-pong change
/// their roles instead.
pub(crate) fn stable_is_on_new(release: &Release<'_>, routing: &Routing<'_>) -> bool {
    let on_new = |to: &Option<String>| to.as_deref() == Some(release.new.hash());
    routing.canary.ping_pong.is_some() && !release.is_initial()
        || routing.stable_hashes(release).iter().all(on_new)
}

/// What to switch now. `asked` are the pods that are asked for in this very pass.
pub(crate) fn switches(
    release: &Release<'_>,
    routing: &Routing<'_>,
    stage: Stage,
    cursor: &Cursor,
    asked: &BTreeMap<String, Pods>,
) -> Switches {
    let mut out = Switches::default();
    let stable = stable_goal(release, routing, stage, cursor);
    let canary = canary_goal(release, routing, stage, cursor);
    if let Some(svc) = service(release, routing.stable_service) {
        out.switch(release, svc, stable, asked);
    }
    if let Some(svc) = service(release, routing.canary_service) {
        out.switch(release, svc, canary, asked);
    }
    if routing.routers.has_destinations() {
        out.actions.extend(others(release, routing, stable, canary, asked));
    }
    out
}

/// Destinations that are not Services.
fn others(
    release: &Release<'_>,
    routing: &Routing<'_>,
    stable: Goal<'_>,
    canary: Goal<'_>,
    asked: &BTreeMap<String, Pods>,
) -> Vec<Action> {
    let ready = |(to, least): (&ReplicaSetRecord, Pods), now: Option<&str>| {
        let counted = if to.unobserved { Pods::ZERO } else { to.serving() };
        let serving = counted.min(asked.get(&to.hash).copied().unwrap_or(to.desired));
        let least = if now.is_none() { least.max(to.desired) } else { least };
        release.replicas == Pods::ZERO || serving >= least
    };
    let mut selected = routing.routers.selected(routing.routes).into_iter();
    let Some(Destination { stable: stable_now, canary: canary_now, .. }) = selected.next() else {
        return Vec::new();
    };
    let stable = stable.filter(|goal| ready(*goal, stable_now.as_deref()));
    let canary = canary.filter(|goal| ready(*goal, canary_now.as_deref()));
    let hashes = Hashes {
        stable: stable.map(|(to, _)| to.hash.as_str()),
        canary: canary.map(|(to, _)| to.hash.as_str()),
    };
    let rendered = routing.routers.destinations(hashes, routing.routes);
    let of = |hash: Option<&str>| hash.unwrap_or("as it is").to_owned();
    let what = format!("stable is {}, canary is {}", of(hashes.stable), of(hashes.canary));
    let wanted = rendered.into_iter().filter_map(Result::ok);
    wanted.filter_map(|wanted| write(wanted, &what)).collect()
}

fn stable_goal<'a>(
    release: &'a Release<'_>,
    routing: &Routing<'_>,
    stage: Stage,
    cursor: &Cursor,
) -> Goal<'a> {
    let all_steps_done = cursor.index >= release.step_count();
    let whole = release.replicas.max(Pods::ONE);
    match stage {
        Stage::Initial | Stage::Steady => Some((new(release)?, release.bounds.enough_to_route())),
        // Nothing is sent to it any more: it follows.
        Stage::Stepping | Stage::Promoting
            if all_steps_done
                && !cursor.is_inconclusive()
                && is_at_full(release, routing)
                && routing.canary.ping_pong.is_none() =>
        {
            Some((new(release)?, whole))
        }
        Stage::Stepping | Stage::Promoting | Stage::Aborted => {
            let stable = release.stable.as_deref()?;
            // With few pods it first has to get those that carry what is sent here.
            let sent = carries(release, routing, Share::new(routing.seen.least, routing.full));
            let is_elsewhere = routing.stable_is_elsewhere(release, &stable.hash);
            if routing.is_dynamic() && is_elsewhere && stable.serving() < sent {
                return None;
            }
            Some((stable, release.bounds.enough_to_route().min(stable.desired).max(Pods::ONE)))
        }
    }
}

fn canary_goal<'a>(
    release: &'a Release<'_>,
    routing: &Routing<'_>,
    stage: Stage,
    cursor: &Cursor,
) -> Goal<'a> {
    let to_stable = || release.stable.as_deref().map(|rs| (rs, Pods::ONE));
    let leads_to_new = routing.canary_leads_to(release, release.new.hash());
    // What it leads to is in use; a destination of all pods narrows all the same.
    let in_use = !routing.sends_nothing() && !routing.canary_hashes(release).contains(&None);
    // Where the router cannot be told, it is the way back.
    let is_way_back = !routing.seen.problems.is_empty() || routing.lacks_stable(release);
    match stage {
        Stage::Initial => Some((new(release)?, release.bounds.enough_to_route())),
        Stage::Steady
            if routing.canary.ping_pong.is_some() && waits_for_the_old(release, routing) =>
        {
            None
        }
        Stage::Steady | Stage::Aborted if in_use && !is_way_back => None,
        // It takes the requests along: with few pods it first has to get them.
        Stage::Steady | Stage::Aborted if in_use && routing.is_dynamic() => {
            let to = if stage == Stage::Steady { new(release) } else { release.stable.as_deref() };
            let whole = carries(release, routing, routing.nothing());
            to.filter(|to| to.serving() >= whole).map(|to| (to, whole))
        }
        Stage::Steady => Some((new(release)?, Pods::ONE)),
        Stage::Aborted => to_stable(),
        Stage::Stepping | Stage::Promoting if in_use => None,
        Stage::Stepping | Stage::Promoting => {
            let frame = routing.frame(release.replicas, cursor.index);
            let wanted = frame.canary() > Pods::ZERO;
            let serving = new(release).filter(|rs| wanted && rs.serving() > Pods::ZERO);
            // Told to send nothing, the router may say that it still does: more than a few pods could
            // take. Where it cannot be asked, steps go on.
            let sends_nothing = || routing.verified().is_none_or(|said| said.is_ok());
            let serving = serving.filter(|_| leads_to_new || sends_nothing());
            match serving {
                Some(new) => Some((new, Pods::ONE)),
                // It lost its pods; they come back, or an abort brings it back.
                None if wanted && leads_to_new => None,
                None => to_stable(),
            }
        }
    }
}

/// Of ping-pong, the Service that was the stable one keeps the old version until its time is up: its
/// connections end in peace.
fn waits_for_the_old(release: &Release<'_>, routing: &Routing<'_>) -> bool {
    leaves(release, routing).values().any(|leave| *leave != Leave::Now)
}
