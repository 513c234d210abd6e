//! Versions that are no longer used and keep their pods for a while (spec §2.5), and what that means
//! for those that go back to one.

use chrono::DateTime;
use sluice_crd::time::Time;

use crate::names::{NOT_PROMOTED, SCALE_DOWN_DEADLINE};
use crate::quantity::Pods;
use crate::release::Release;
use crate::snapshot::ReplicaSetRecord;
use crate::stage::Entry;

/// When a ReplicaSet is to lose its pods; none where nobody has said, or nobody could read it (I10).
pub(crate) fn deadline_of(rs: &ReplicaSetRecord) -> Option<Time> {
    let text = rs.annotations.get(SCALE_DOWN_DEADLINE)?;
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Time::new(at.to_utc()))
}

/// Whether this goes back to a version whose pods are still there, or that is not far behind: it has
/// passed all gates before, and passes them unasked (spec §2.6, "BG fast rollback").
pub(crate) fn is_fast_rollback(release: &Release<'_>, entry: &Entry) -> bool {
    let Some(rs) = release.new.record() else { return false };
    let proven = rs.desired > Pods::ZERO && rs.annotations.get(NOT_PROMOTED).is_none();
    let kept = match deadline_of(rs) {
        // What was given up takes all gates when it is tried again.
        Some(_) if entry.retried => false,
        // Once begun, it goes on as it began, though the time runs out on the way.
        Some(deadline) => !entry.reset || deadline > release.now,
        None => is_just_left(release, entry),
    };
    proven && kept || release.is_within_rollback_window()
}

/// Whether this goes back to a version that was left so shortly before that its end has not been
/// written down yet.
pub(super) fn is_just_left(release: &Release<'_>, entry: &Entry) -> bool {
    let created = |rs: &ReplicaSetRecord| rs.created;
    let (new, stable) = (release.new.record(), release.stable.as_ref());
    let older = new.zip(stable).is_some_and(|(new, stable)| created(new) < created(stable));
    let known = new.is_some_and(|rs| rs.annotations.get(SCALE_DOWN_DEADLINE).is_some());
    entry.reset && older && !known
}

/// What is to become of a version that nothing uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// It keeps its pods until then; the instant has yet to be written down.
    Begins(Time),
    /// It keeps its pods until then.
    Until(Time),
    /// It keeps its pods for good.
    Never,
    /// Its time is up.
    Now,
}

/// When a version loses its pods that nothing uses since now; a delay of none is for ever.
pub(super) fn leave(rs: &ReplicaSetRecord, now: Time, seconds: Option<i64>) -> Leave {
    match (seconds, deadline_of(rs)) {
        (None, _) => Leave::Never,
        (Some(seconds), _) if seconds <= 0 => Leave::Now,
        (Some(_), Some(deadline)) if deadline <= now => Leave::Now,
        (Some(_), Some(deadline)) => Leave::Until(deadline),
        (Some(seconds), None) => Leave::Begins(now.plus_seconds(seconds)),
    }
}
