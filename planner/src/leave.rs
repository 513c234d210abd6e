//! Versions that are no longer used and keep their pods for a while (spec §2.5).

use chrono::DateTime;
use sluice_crd::time::Time;

use crate::names::SCALE_DOWN_DEADLINE;
use crate::snapshot::ReplicaSetRecord;

/// When a ReplicaSet is to lose its pods; none where nobody has said, or nobody could read it (I10).
pub(crate) fn deadline_of(rs: &ReplicaSetRecord) -> Option<Time> {
    let text = rs.annotations.get(SCALE_DOWN_DEADLINE)?;
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Time::new(at.to_utc()))
}

/// What is to become of a version that nothing uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
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
pub(crate) fn leave(rs: &ReplicaSetRecord, now: Time, seconds: Option<i64>) -> Leave {
    match (seconds, deadline_of(rs)) {
        (None, _) => Leave::Never,
        (Some(seconds), _) if seconds <= 0 => Leave::Now,
        (Some(_), Some(deadline)) if deadline <= now => Leave::Now,
        (Some(_), Some(deadline)) => Leave::Until(deadline),
        (Some(seconds), None) => Leave::Begins(now.plus_seconds(seconds)),
    }
}
