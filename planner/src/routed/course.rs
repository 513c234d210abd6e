//! Which share of the requests the new version is to get now.

use super::scale::made_up;
use super::sizes::part;
use super::step_down::{StepDown, step_down};
use super::{Routing, seen};
use crate::merge_patch;
use crate::plan::Action;
use crate::quantity::Pods;
use crate::release::Release;
use crate::snapshot::ReplicaSetRecord;
use crate::stage::Stage;
use crate::steps::{Cursor, enough};
use crate::traffic::routers::Wanted;
use crate::traffic::{Managed, Problem, Share};

/// What the routers are to be told now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Course {
    pub(super) share: Share,
    pub(super) routes: Vec<Managed>,
    /// The share that cannot be given yet, and why.
    pub(super) waits: Option<Waits>,
}

/// Why requests stay where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waits {
    /// The weight of the new version that is to come.
    pub(super) weight: u32,
    /// The hash of the version that lacks pods for it.
    pub(super) hash: String,
    pub(super) available: Pods,
    pub(super) needed: Pods,
    /// The pods are there, and the load balancer does not send to them yet: what it says.
    pub(super) unserved: Option<Problem>,
}

pub(crate) fn course(
    release: &Release<'_>,
    routing: &Routing<'_>,
    stage: Stage,
    cursor: &Cursor,
) -> Course {
    match stage {
        Stage::Initial => nothing(routing),
        Stage::Steady => back(release, routing),
        Stage::Aborted => slowly(routing, back(release, routing), step_down(release, routing)),
        Stage::Stepping | Stage::Promoting if release.spec().paused || cursor.is_inconclusive() => {
            // Nobody has to say so for requests to leave a version without pods.
            if routing.canary_serving(release) == Pods::ZERO {
                return back(release, routing);
            }
            hold(release, routing, Some(cursor.index), None)
        }
        Stage::Stepping => forward(release, routing, cursor.index),
        Stage::Promoting => forward(release, routing, release.step_count()),
    }
}

/// Where an abort is to go step by step, no further than the next one.
fn slowly(routing: &Routing<'_>, course: Course, step: Option<StepDown>) -> Course {
    match step {
        Some(step) if step.weight > course.share.canary() => {
            Course { share: Share::new(step.weight, routing.full), ..course }
        }
        _ => course,
    }
}

/// All requests to the stable version.
fn nothing(routing: &Routing<'_>) -> Course {
    Course { share: routing.nothing(), routes: Vec::new(), waits: None }
}

/// As it is; what somebody else has written is put back to what was written last, unless nobody would
/// answer there, with the managed routes of the step of this index, where there is one: those that
/// there are cannot be told then.
fn hold(
    release: &Release<'_>,
    routing: &Routing<'_>,
    index: Option<usize>,
    waits: Option<Waits>,
) -> Course {
    let last = || match routing.canary_serving(release) {
        Pods::ZERO if routing.stable_serving(release) > Pods::ZERO => routing.nothing(),
        _ => Share::new(told(release, routing), routing.full),
    };
    let share = routing.seen.share.unwrap_or_else(last);
    let frame = index.map(|index| routing.frame(release.replicas, index));
    let routes = match routing.seen.is_strange {
        true => frame.map(|frame| frame.routes(routing.managed_order())).unwrap_or_default(),
        false => routing.seen.routes.clone(),
    };
    Course { share, routes, waits }
}

/// The weight that was written last, as the status has it.
fn told(release: &Release<'_>, routing: &Routing<'_>) -> u32 {
    seen::told(release.status()).map_or(0, |told| seen::in_whole(told, routing.full))
}

fn forward(release: &Release<'_>, routing: &Routing<'_>, index: usize) -> Course {
    let frame = routing.frame(release.replicas, index);
    let (share, routes) = (frame.share(), frame.routes(routing.managed_order()));
    let seen = &routing.seen;
    let serving = release.new.available();
    let goes = share != frame.sent();
    // Nothing is sent to a version without pods, nor to one that is neither new nor stable.
    if serving == Pods::ZERO || goes || !routing.canary_leads_to(release, release.new.hash()) {
        return back(release, routing);
    }
    let waits = |hash: &str, available, needed| {
        let hash = hash.to_owned();
        Some(Waits { weight: share.canary(), hash, available, needed, unserved: None })
    };
    let needed = match index < release.step_count() {
        true => enough(release, frame.canary()),
        false => frame.canary(),
    };
    let rises = share.canary() > seen.least;
    if rises && serving < needed && !routing.caps_surge {
        return hold(release, routing, Some(index), waits(release.new.hash(), serving, needed));
    }
    let to = release.new.record();
    if rises && let Err(problem) = routing.is_served(routing.canary_service, to, needed) {
        let waits = waits(release.new.hash(), serving, needed);
        let waits = waits.map(|waits| Waits { unserved: Some(problem), ..waits });
        return hold(release, routing, Some(index), waits);
    }
    if rises && serving < needed {
        // Pods of the stable version make room for the others as requests move.
        let carried = carried_by(routing, serving, release.replicas).min(share.canary());
        let some = Share::new(carried.max(seen.least), routing.full);
        let waits = waits(release.new.hash(), serving, needed);
        return Course { share: some, routes: seen.routes.clone(), waits };
    }
    if share.canary() < seen.most
        && let Some(stable) = &release.stable
    {
        let needed = carries(release, routing, share);
        if stable.serving() < needed {
            return hold(
                release,
                routing,
                Some(index),
                waits(&stable.hash, stable.serving(), needed),
            );
        }
    }
    Course { share, routes, waits: None }
}

/// The largest of the shares between steps that so many pods carry.
fn carried_by(routing: &Routing<'_>, pods: Pods, replicas: Pods) -> u32 {
    let fits = |share: &u32| part(*share, routing.full, replicas) <= pods;
    between(routing.full).filter(fits).max().unwrap_or(0)
}

/// The shares that are asked for between those of the steps: twentieths.
pub(super) fn between(full: u32) -> impl Iterator<Item = u32> {
    (0..=20u64).filter_map(move |n| u32::try_from(u64::from(full) * n / 20).ok())
}

/// Pods of the stable version that carry what a share leaves it: those that have to be there before
/// more requests are sent to it.
pub(super) fn carries(release: &Release<'_>, routing: &Routing<'_>, share: Share) -> Pods {
    let slack = (release.replicas - release.bounds.fewest).or_none();
    let needed = part(share.stable(), routing.full, release.replicas);
    (needed - slack).max(needed.min(Pods::ONE))
}

/// Back to the stable version, as far as its pods carry the requests (I6): at once where it has kept
/// them all, else along the weights of the steps as they come.
fn back(release: &Release<'_>, routing: &Routing<'_>) -> Course {
    let to = match release.is_steady() {
        true => release.new.record(),
        false => release.stable.as_ref(),
    };
    let Some(to) = to else { return nothing(routing) };
    let seen = &routing.seen;
    // Nobody would answer.
    if seen.most > 0 && routing.lacks_stable(release) {
        return hold(release, routing, None, None);
    }
    let leads_there = routing.canary_leads_to(release, &to.hash);
    if seen.most == 0 || release.replicas == Pods::ZERO {
        return nothing(routing);
    }
    let serving = to.serving();
    let needed = carries(release, routing, routing.nothing());
    let waits =
        Waits { weight: 0, hash: to.hash.clone(), available: serving, needed, unserved: None };
    if leads_there {
        // Where the other one leads elsewhere (the two have changed their roles), that moves first.
        if routing.stable_strays_from(release, &to.hash) {
            return hold(release, routing, None, None);
        }
        // After a promotion its pods are new to the stable Service.
        return match routing.is_served(routing.stable_service, Some(to), needed) {
            Err(problem) => {
                hold(release, routing, None, Some(Waits { unserved: Some(problem), ..waits }))
            }
            Ok(()) => nothing(routing),
        };
    }
    let now = routing.canary_serving(release);
    if serving > Pods::ZERO && serves_enough(release, routing, to, now) {
        return nothing(routing);
    }
    let steps = release.steps.iter().filter_map(|step| step.set_weight);
    let steps = steps.filter_map(|weight| u32::try_from(weight).ok());
    // With no room for both versions, pods come and go in small steps.
    let steps = steps.chain(between(routing.full).filter(|_| routing.caps_surge));
    // Of what somebody else has written nobody knows how much it is.
    let most = if seen.is_strange { told(release, routing) } else { seen.most };
    let lower = steps.filter(|weight| *weight < most && routing.is_dynamic());
    let carried = lower.filter(|weight| {
        serving > Pods::ZERO
            && serving >= carries(release, routing, Share::new(*weight, routing.full))
    });
    let waits = Some(waits);
    match carried.min() {
        Some(weight) => {
            Course { share: Share::new(weight, routing.full), routes: Vec::new(), waits }
        }
        None => hold(release, routing, None, waits),
    }
}

/// Whether the stable version can take all requests now. One that has kept its pods does so with half
/// of them, or with more than the version that it takes them from: an abort waits for no node.
fn serves_enough(
    release: &Release<'_>,
    routing: &Routing<'_>,
    to: &ReplicaSetRecord,
    now: Pods,
) -> bool {
    let serving = to.serving();
    if now == Pods::ZERO {
        return true;
    }
    if routing.is_dynamic() {
        return serving >= carries(release, routing, routing.nothing());
    }
    serving + serving >= release.replicas || serving >= now
}

/// Whether the routers do what they are to do, and say so where they can.
fn is_settled(routing: &Routing<'_>, course: &Course) -> bool {
    is_written(routing, course) && routing.verified().is_none_or(|said| said.is_ok())
}

pub(super) fn is_written(routing: &Routing<'_>, course: &Course) -> bool {
    let intent = routing.intent(course.share, course.routes.clone());
    let rendered = routing.routers.weights(&intent, routing.routes);
    rendered.iter().all(|rendered| rendered.as_ref().is_ok_and(Wanted::is_so))
}

/// Whether a step is over (spec §1.4): its pods are there and none too many, and the routers split the
/// requests as it says.
pub(crate) fn reached(release: &Release<'_>, routing: &Routing<'_>, cursor: &Cursor) -> bool {
    let frame = routing.frame(release.replicas, cursor.index);
    let course = forward(release, routing, cursor.index);
    // Without pods nothing can be sent to it: what is asked for comes with them.
    let as_asked = frame.canary() == Pods::ZERO
        || (routing.canary_leads_to(release, release.new.hash())
            && course.share == frame.share()
            && course.routes == frame.routes(routing.managed_order()));
    let is = |rs: &ReplicaSetRecord, pods: Pods| rs.desired.max(rs.replicas) <= pods;
    let stable = release.stable.as_deref();
    as_asked
        && is_settled(routing, &course)
        && release.new.available() >= enough(release, frame.canary())
        && release.new.record().is_none_or(|rs| is(rs, frame.canary()))
        && stable.is_none_or(|rs| rs.desired >= frame.stable())
        && stable.is_none_or(|rs| {
            let kept = made_up(release, routing, &frame, rs).max(Pods::ONE);
            !routing.is_dynamic() || is(rs, frame.stable().max(kept))
        })
}

/// The writes that make the routers do so.
pub(crate) fn actions(routing: &Routing<'_>, course: &Course) -> Vec<Action> {
    let intent = routing.intent(course.share, course.routes.clone());
    let rendered = routing.routers.weights(&intent, routing.routes);
    let what = format!("send {} of {} requests to the canary", course.share.canary(), routing.full);
    let wanted = rendered.into_iter().filter_map(Result::ok);
    wanted.filter_map(|wanted| write(wanted, &what)).collect()
}

/// The write that makes an object what it is to be, if it takes one.
pub(super) fn write(wanted: Wanted, what: &str) -> Option<Action> {
    let Wanted { key, now, then } = wanted;
    match (now, then) {
        (Some(now), Some(then)) => {
            let patch = merge_patch::difference(&now.object, &then)?;
            Some(Action::PatchRoute {
                key,
                resource_version: now.resource_version.clone(),
                patch: Box::new(patch),
                what: what.to_owned(),
                told: Vec::new(),
            })
        }
        (None, Some(then)) => {
            Some(Action::CreateRoute { key, manifest: Box::new(then), told: Vec::new() })
        }
        (Some(now), None) => Some(Action::DeleteRoute {
            key,
            uid: now.uid.clone(),
            resource_version: now.resource_version.clone(),
            told: Vec::new(),
        }),
        (None, None) => None,
    }
}
