//! Waits in which nothing has moved for a while: since when, and which pod is to blame (issue 5,
//! "Never stuck in silence").

use chrono::{DateTime, TimeDelta, Utc};
use sluice_crd::rollout::{ConditionStatus, RolloutStatus};
use sluice_crd::time::Time;

use crate::conditions::{self, kinds};
use crate::plan::Wake;
use crate::quantity::Pods;
use crate::reason::Reason;
use crate::release::Release;
use crate::snapshot::{Need, Needs};
use crate::stage::{Entry, Stage};
use crate::transition::{Transition, reasons as event};

/// So long nothing moves before it is called a standstill.
const QUIET: TimeDelta = TimeDelta::seconds(30);

/// The pods are looked at again after a quarter of the standstill, at these ends: nothing else
/// tells of what keeps them.
const AGAIN: (TimeDelta, TimeDelta) = (TimeDelta::seconds(30), TimeDelta::minutes(5));

/// What a look at the waits gives.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) reason: Option<Reason>,
    pub(crate) needs: Needs,
    pub(crate) wake: Wake,
}

/// Looks at what is waited for. `status` is the one that this pass composes.
pub(crate) fn look(release: &Release<'_>, status: &RolloutStatus, reasons: &[Reason]) -> Look {
    if !reasons.iter().any(can_stand) {
        return Look::default();
    }
    let now = release.snapshot.now;
    let since = quiet_since(release, status);
    let at = since.to_chrono() + QUIET;
    if now < at {
        return Look { wake: Wake::At(at), ..Look::default() };
    }
    let Some(hash) = blamed(release, reasons) else {
        let reason = Some(Reason::StandsStill { since, pod: None });
        return Look { reason, ..Look::default() };
    };
    let known = release.snapshot.facts.pods_in_trouble.get(&hash);
    let pod = known.and_then(|pods| pods.first()).map(ToString::to_string);
    Look {
        reason: Some(Reason::StandsStill { since, pod }),
        needs: [Need::PodsInTrouble(hash)].into(),
        wake: Wake::At(again(now, since)),
    }
}

/// The event at the change: once a step of a release, and once a standstill outside of the steps.
pub(crate) fn news(
    release: &Release<'_>,
    entry: &Entry,
    status: &RolloutStatus,
    reasons: &[Reason],
) -> Option<Transition> {
    let still = reasons.iter().find(|reason| matches!(reason, Reason::StandsStill { .. }))?;
    let Reason::StandsStill { since, pod } = still else { return None };
    let message = &conditions::get(status, kinds::READY)?.message;
    let before = conditions::get(release.status(), kinds::READY);
    let phrase = Reason::StandsStill { since: *since, pod: None }.to_string();
    if before.is_some_and(|c| c.message.contains(&phrase)) {
        return None;
    }
    let occasion = match entry.stage {
        Stage::Stepping => {
            let began = status.duration.as_ref().and_then(|duration| duration.rollout_started_at);
            let began = began.map(|at| at.to_string()).unwrap_or_default();
            format!("{began} step {} {:?}", entry.cursor.index, entry.gate)
        }
        _ => since.to_string(),
    };
    let tell = if pod.is_some() { Transition::warning } else { Transition::normal };
    Some(tell(event::STANDS_STILL, release.revision, occasion, message.clone()))
}

fn again(now: DateTime<Utc>, since: Time) -> DateTime<Utc> {
    let stood = now - since.to_chrono();
    now + (stood / 4).clamp(AGAIN.0, AGAIN.1)
}

/// Whether a reason is one that ends by something that moves, and not by a person or a clock.
fn can_stand(reason: &Reason) -> bool {
    match reason {
        Reason::PodsNotAvailable { .. }
        | Reason::PodsMoving { .. }
        | Reason::EndpointsMissing { .. }
        | Reason::ServiceWaits { .. } => true,
        Reason::Aborted { stable_available, replicas, has_stable, .. } => {
            *has_stable && stable_available < replicas
        }
        _ => false,
    }
}

/// Since when nothing has moved: the last progress, or the last time that all was well.
fn quiet_since(release: &Release<'_>, status: &RolloutStatus) -> Time {
    let progress = conditions::get(status, kinds::PROGRESSING).map(|c| c.last_update_time);
    let well = conditions::get(release.status(), kinds::READY)
        .filter(|c| c.status == ConditionStatus::False)
        .map(|c| c.last_transition_time);
    well.unwrap_or(release.now).max(progress.unwrap_or(release.now))
}

/// The hash of the version whose pods hold it up.
fn blamed(release: &Release<'_>, reasons: &[Reason]) -> Option<String> {
    let stable_is_short = reasons.iter().any(|reason| matches!(reason, Reason::Aborted { .. }));
    let blamed = if stable_is_short { release.stable.as_ref() } else { release.new.record() };
    let short = |rs: &&std::sync::Arc<crate::snapshot::ReplicaSetRecord>| {
        rs.available < rs.desired && rs.replicas > Pods::ZERO
    };
    blamed.filter(short).map(|rs| rs.hash.clone())
}
