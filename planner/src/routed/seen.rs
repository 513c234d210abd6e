//! What the routers do with the requests now.
//!
//! Read by comparison: each share that the steps can ask for is rendered, and the one that gives the
//! object as it stands is the one that holds. So nothing has to be read out of ten kinds of objects,
//! and what somebody else has written there is known for what it is: not ours, and not to be relied
//! on.

use sluice_crd::rollout::{RolloutStatus, WeightDestination};

use super::Routing;
use super::course::between;
use crate::quantity::Pods;
use crate::traffic::{Managed, Problem, Share};

/// What the routers show.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The smallest share of the new version that one of the objects may hold.
    pub(super) least: u32,
    /// The largest one.
    pub(super) most: u32,
    /// The share that all of them hold, if they do.
    pub(super) share: Option<Share>,
    /// The managed routes that there are, or may be.
    pub(super) routes: Vec<Managed>,
    /// Whether an object holds what was not asked for.
    pub(super) is_strange: bool,
    /// Whether the router says that it does what it was asked for; none where it cannot be asked.
    pub(super) verified: Option<Result<(), Problem>>,
    /// Why objects cannot be made what is wanted.
    pub(super) problems: Vec<Problem>,
}

pub(super) fn look(routing: &Routing<'_>, status: &RolloutStatus) -> Seen {
    let steps = routing.canary.steps.as_deref().unwrap_or_default().len();
    let frame = |index| routing.frame(Pods::ZERO, index);
    let told = told(status);
    let mut shares = vec![routing.nothing(), Share::new(routing.full, routing.full)];
    let mut sets: Vec<Vec<Managed>> = vec![Vec::new()];
    let between = between(routing.full).filter(|_| routing.caps_surge);
    let between = between.map(|share| Share::new(share, routing.full));
    let of_steps = (0..steps).map(|index| frame(index).share());
    // The two Services may have changed their roles since.
    let swapped = told.map(|told| Share::new(told.stable(), told.full()));
    for share in of_steps.chain(told).chain(swapped).chain(between) {
        if !shares.contains(&share) {
            shares.push(share);
        }
    }
    for routes in (0..steps).map(|index| frame(index).routes(routing.managed_order())) {
        if !sets.contains(&routes) {
            sets.push(routes);
        }
    }

    // For each object the first guess that gives it as it is.
    let mut held: Vec<Option<(u32, usize)>> = Vec::new();
    let mut out = Seen::default();
    let mut is_of_another_whole = false;
    'all: for (set, routes) in sets.iter().enumerate() {
        for &share in &shares {
            let intent = routing.intent(share, routes.clone());
            let rendered = routing.routers.weights(&intent, routing.routes);
            held.resize(rendered.len(), None);
            for (held, rendered) in held.iter_mut().zip(&rendered) {
                match rendered {
                    Ok(wanted) if held.is_none() && wanted.is_so() => {
                        *held = Some((in_whole(share, routing.full), set));
                        is_of_another_whole |= share.full() != routing.full;
                    }
                    // What does not exist sends nothing.
                    Ok(wanted) if wanted.now.is_none() => *held = Some((0, 0)),
                    _ => {}
                }
            }
            if set == 0 && share == routing.nothing() {
                out.problems.extend(rendered.into_iter().filter_map(Result::err));
            }
            if held.iter().all(Option::is_some) {
                break 'all;
            }
        }
    }
    let intact = routing.routers.destinations(Default::default(), routing.routes);
    out.problems.extend(intact.into_iter().filter_map(Result::err));

    out.least = routing.full;
    for held in &held {
        let (least, most) = held.map_or((0, routing.full), |(share, _)| (share, share));
        out.least = out.least.min(least);
        out.most = out.most.max(most);
        out.is_strange |= held.is_none();
        let routes =
            held.and_then(|(_, set)| sets.get(set)).or(sets.last().filter(|_| held.is_none()));
        if let Some(routes) = routes.filter(|routes| routes.len() > out.routes.len()) {
            out.routes.clone_from(routes);
        }
    }
    let agreed =
        !out.is_strange && !is_of_another_whole && out.least == out.most && !held.is_empty();
    out.share = agreed.then(|| Share::new(out.most, routing.full));
    out.verified = routing.routers.verified(routing.routes);
    out
}

/// The share that was written last, as the status has it, in the whole that it was written in: another
/// `maxTrafficWeight` may stand in the spec since.
pub(super) fn told(status: &RolloutStatus) -> Option<Share> {
    let told = status.canary.weights.as_ref()?;
    let weight = |of: &WeightDestination| u32::try_from(of.weight).unwrap_or(0);
    let (canary, stable) = (weight(&told.canary), weight(&told.stable));
    Some(Share::new(canary, canary.saturating_add(stable)))
}

/// The weight that a share comes to in another whole.
pub(super) fn in_whole(share: Share, full: u32) -> u32 {
    let (canary, whole) = (u64::from(share.canary()), u64::from(share.full()));
    u32::try_from((canary * u64::from(full) + whole / 2) / whole).unwrap_or(full)
}
