//! Blue-green (spec §2.7): a whole new version beside the one that clients use, and then a switch.
//!
//! What stands between the new version and its clients are gates, one after the other: its pods (as
//! many as the preview is to have), the analysis before the switch, a pause, the rest of its pods,
//! the switch itself, the analysis after it. Which gate is next follows from the status and from
//! what the active Service selects; no more is remembered.

mod fast_rollback;
mod reasons;
mod scale;
mod services;

use chrono::TimeDelta;
use sluice_crd::rollout::{BlueGreenStrategy, PauseCondition, PauseReason};
use sluice_crd::time::Time;

use crate::analysis::{self, Place};
use crate::plan::Wake;
use crate::quantity::Pods;
use crate::release::Release;
use crate::snapshot::{Endpoints, Need, Needs, ServiceRecord};
use crate::stage::{Entry, Stage};
use crate::steps::Cursor;

pub(crate) use fast_rollback::is_fast_rollback;
pub(crate) use reasons::{kept, waiting};
pub(crate) use scale::{moves, pods_of_new, without_new};
pub(crate) use services::switches;

/// EndpointSlices are looked at this often while they are waited for.
const ENDPOINTS_PAUSE: TimeDelta = TimeDelta::seconds(1);

/// Of the name of its ReplicaSet, so much begins the name of a pod: the API server cuts off what is
/// longer (`generateName`).
const GENERATED_FROM: usize = 58;

/// What a new version stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// So many of its pods have to be available.
    Pods(Pods),
    /// The analysis before the switch.
    PreAnalysis,
    /// A pause, until this instant or until somebody promotes.
    Pause,
    /// Its pods have to stand in the EndpointSlices of the preview Service: so long do routers take
    /// to learn of them (ours).
    Endpoints,
    /// The active Service is to select it.
    CutOver,
    /// The analysis after the switch.
    PostAnalysis,
    /// None: it is what clients use, and has passed all there is.
    Open,
}

/// The gate that is next, with the pause that stands there begun or ended.
pub(crate) fn advance(release: &Release<'_>, entry: &mut Entry, is_free: bool) -> Gate {
    let Some(blue_green) = release.strategy.blue_green() else { return Gate::Open };
    let whole = Gate::Pods(release.replicas);
    let is_whole = release.new.record().is_some() && release.new.available() >= release.replicas;
    match entry.stage {
        Stage::Steady | Stage::Aborted => Gate::Open,
        Stage::Initial | Stage::Promoting => match active_is_on_new(release) {
            // Clients stay where they are, however many pods it lacks to become stable.
            true => Gate::Open,
            false if !is_whole => whole,
            false if entry.stage == Stage::Promoting => cut_over(release),
            false => Gate::CutOver,
        },
        Stage::Stepping if active_is_on_new(release) || has_lost_it(release) => {
            entry.cursor.pauses.retain(|p| p.reason != PauseReason::BlueGreenPause);
            ask_again(release, entry, Place::PostPromotion);
            let measures = blue_green.post_promotion_analysis.is_some();
            if measures
                && !is_fast_rollback(release, entry)
                && !passed(release, entry, Place::PostPromotion)
            {
                Gate::PostAnalysis
            } else {
                Gate::Open
            }
        }
        Stage::Stepping => {
            if !is_released(release, entry) && !is_fast_rollback(release, entry) {
                ask_again(release, entry, Place::PrePromotion);
                if let Some(gate) = before_release(release, blue_green, entry, is_free) {
                    return gate;
                }
            }
            // Held by its user, or not to be measured afterwards: clients stay where they are.
            if is_whole && is_free { cut_over(release) } else { whole }
        }
    }
}

/// The switch, once all pods of the new version can be reached behind the preview Service, if there
/// is one.
fn cut_over(release: &Release<'_>) -> Gate {
    let Some(preview) = preview(release) else { return Gate::CutOver };
    let selects = preview.hash() == Some(release.new.hash());
    let reached = match &release.snapshot.facts.preview_endpoints {
        Some(Endpoints::Unreadable) => true,
        Some(Endpoints::Ready(_)) => endpoints(release).is_some_and(|n| n >= release.replicas),
        None => false,
    };
    if selects && reached { Gate::CutOver } else { Gate::Endpoints }
}

/// Pods of the new version that stand behind the preview Service, where that is known.
pub(crate) fn endpoints(release: &Release<'_>) -> Option<Pods> {
    let Some(Endpoints::Ready(pods)) = &release.snapshot.facts.preview_endpoints else {
        return None;
    };
    let prefix: String = format!("{}-", release.new.name()).chars().take(GENERATED_FROM).collect();
    let count = pods.iter().filter(|pod| pod.starts_with(&prefix)).count();
    Some(Pods(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// What has to be looked up for that, and when to look again.
pub(crate) fn needs(release: &Release<'_>, gate: Option<Gate>) -> (Needs, Wake) {
    if gate != Some(Gate::Endpoints) || release.spec().paused {
        return (Needs::new(), Wake::OnChange);
    }
    let known = release.snapshot.facts.preview_endpoints.is_some();
    let needs = if known { Needs::new() } else { [Need::PreviewEndpoints].into() };
    (needs, Wake::At(release.snapshot.now + ENDPOINTS_PAUSE))
}

/// What holds the new version before it may grow to its full size and be switched to.
fn before_release(
    release: &Release<'_>,
    blue_green: &BlueGreenStrategy,
    entry: &mut Entry,
    is_free: bool,
) -> Option<Gate> {
    let needed = preview_size(release, blue_green);
    let is_up = release.new.record().is_some() && release.new.available() >= needed;
    if blue_green.pre_promotion_analysis.is_some() && !passed(release, entry, Place::PrePromotion) {
        let begun =
            !anew(entry) && Place::PrePromotion.recorded(release, release.status()).is_some();
        return Some(if begun || is_up { Gate::PreAnalysis } else { Gate::Pods(needed) });
    }
    let enabled = blue_green.auto_promotion_enabled_or_default();
    let seconds = i64::from(blue_green.auto_promotion_seconds.max(0));
    if enabled && seconds == 0 {
        if is_up {
            // Begun when it was to wait for a person; it is to no longer.
            entry.cursor.pauses.retain(|p| p.reason != PauseReason::BlueGreenPause);
        }
        return (!is_up).then_some(Gate::Pods(needed));
    }
    let began = pause(&entry.cursor).map(|pause| pause.start_time);
    if let Some(began) = began {
        let ends = enabled.then(|| began.plus_seconds(seconds));
        if is_free && ends.is_some_and(|end| end <= release.now) {
            // The mark of the controller's pause stays: it says that the pause is over.
            entry.cursor.pauses.retain(|p| p.reason != PauseReason::BlueGreenPause);
            return None;
        }
        entry.cursor.wake = ends.map_or(Wake::OnChange, |end| Wake::At(end.to_chrono()));
        return Some(Gate::Pause);
    }
    // The controller paused, the condition is gone: a client has promoted (spec §2.2).
    if entry.cursor.controller_pause {
        return None;
    }
    if !is_up {
        return Some(Gate::Pods(needed));
    }
    if is_free {
        entry
            .cursor
            .pauses
            .push(PauseCondition { reason: PauseReason::BlueGreenPause, start_time: release.now });
        entry.cursor.controller_pause = true;
        if enabled {
            entry.cursor.wake = Wake::At(release.now.plus_seconds(seconds).to_chrono());
        }
    }
    Some(Gate::Pause)
}

/// Somebody has said to go on after an analysis that could not tell: it is made again, and what was
/// said does not count for the pause that comes after it.
fn ask_again(release: &Release<'_>, entry: &mut Entry, place: Place) {
    if !anew(entry) && analysis::is_dealt_with(release, place) && entry.cursor.pauses.is_empty() {
        entry.cursor.controller_pause = false;
    }
}

fn anew(entry: &Entry) -> bool {
    entry.reset || entry.retried
}

fn passed(release: &Release<'_>, entry: &Entry, place: Place) -> bool {
    !anew(entry) && analysis::is_successful(release, place)
}

/// Whether it has grown, or may grow, beyond the preview: written down where the preview is smaller.
fn is_released(release: &Release<'_>, entry: &Entry) -> bool {
    !anew(entry) && release.status().blue_green.scale_up_preview_check_point
}

/// Whether the new version has been released from its preview size and is not in use yet
/// (`scaleUpPreviewCheckPoint`).
pub(crate) fn is_beyond_preview(release: &Release<'_>, entry: &Entry, gate: Gate) -> bool {
    let Some(blue_green) = release.strategy.blue_green() else { return false };
    let released =
        matches!(gate, Gate::CutOver | Gate::Endpoints) || gate == Gate::Pods(release.replicas);
    entry.stage == Stage::Stepping
        && released
        && !active_is_on_new(release)
        && preview_size(release, blue_green) < release.replicas
}

/// Pods of the new version until it is released.
fn preview_size(release: &Release<'_>, blue_green: &BlueGreenStrategy) -> Pods {
    let count = blue_green.preview_replica_count_or_default(release.replicas.0);
    Pods(count).or_none().min(release.replicas)
}

/// When the pause that is under way ends by itself.
pub(crate) fn pause_ends(release: &Release<'_>, cursor: &Cursor) -> Option<Time> {
    let blue_green = release.strategy.blue_green()?;
    let seconds = i64::from(blue_green.auto_promotion_seconds.max(0));
    let by_itself = blue_green.auto_promotion_enabled_or_default() && seconds > 0;
    pause(cursor).filter(|_| by_itself).map(|pause| pause.start_time.plus_seconds(seconds))
}

fn pause(cursor: &Cursor) -> Option<&PauseCondition> {
    cursor.pauses.iter().find(|pause| pause.reason == PauseReason::BlueGreenPause)
}

/// Why the new version becomes the stable one now, if it does (I16).
pub(crate) fn promotion(release: &Release<'_>, entry: &Entry, gate: Gate) -> Option<String> {
    let whole = release.new.record().is_some() && release.new.available() >= release.replicas;
    let free = !release.spec().paused && !entry.cursor.is_inconclusive();
    let in_use = active(release).and_then(ServiceRecord::hash) == Some(release.new.hash());
    if !whole || !free || gate != Gate::Open || !in_use {
        return None;
    }
    match entry.stage {
        Stage::Initial => Some("Initial deploy".to_owned()),
        Stage::Promoting => Some("Full promotion requested".to_owned()),
        Stage::Stepping => Some("Completed blue-green update".to_owned()),
        Stage::Steady | Stage::Aborted => None,
    }
}

/// The Service that clients use.
pub(crate) fn active<'a>(release: &'a Release<'_>) -> Option<&'a ServiceRecord> {
    let name = &release.strategy.blue_green()?.active_service;
    release.snapshot.services.get(name).map(AsRef::as_ref)
}

/// The Service of the new version before the switch.
pub(crate) fn preview<'a>(release: &'a Release<'_>) -> Option<&'a ServiceRecord> {
    let name = &release.strategy.blue_green()?.preview_service;
    release.snapshot.services.get(name).map(AsRef::as_ref)
}

/// Whether clients used the new version until somebody took the selector of their Service off, or made
/// the Service anew: it goes back to where it was, and what is measured goes on.
fn has_lost_it(release: &Release<'_>) -> bool {
    let used = release.status().blue_green.active_selector == release.new.hash();
    used && active(release).is_some_and(|service| service.hash().is_none())
}

/// Whether clients use the new version.
pub(crate) fn active_is_on_new(release: &Release<'_>) -> bool {
    in_use(release) == Some(release.new.hash())
}

/// The version that clients use. Where the active Service selects none (somebody has taken the hash
/// off, or has made it again), the one that it selected before: there it goes back to.
pub(crate) fn in_use<'a>(release: &'a Release<'_>) -> Option<&'a str> {
    let before = Some(release.status().blue_green.active_selector.as_str());
    active(release)?.hash().or(before.filter(|hash| !hash.is_empty()))
}

/// Whether a Service carries the mark of this Rollout.
fn is_ours(release: &Release<'_>, service: &ServiceRecord) -> bool {
    service.managed_by.as_deref() == Some(release.rollout.name.as_str())
}
