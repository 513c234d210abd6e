//! Going back to a version that has just been left (spec §2.6, "BG fast rollback").

use crate::leave::deadline_of;
use crate::names::{NOT_PROMOTED, SCALE_DOWN_DEADLINE};
use crate::quantity::Pods;
use crate::release::Release;
use crate::snapshot::ReplicaSetRecord;
use crate::stage::Entry;

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
