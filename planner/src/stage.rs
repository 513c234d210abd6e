//! Where a release stands: one value, derived from the status once, at the start of a decision.

use crate::blue_green::Gate;
use crate::conditions::{self, kinds, reasons};
use crate::release::Release;
use crate::steps::Cursor;

/// What the release is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// There is no version to fall back to: no steps are taken, all pods are the new version's.
    Initial,
    /// What is asked for is what is stable.
    Steady,
    /// Going through the steps, past the last of them included.
    Stepping,
    /// A client asked for full promotion: all pods, then stable.
    Promoting,
    /// Back to the stable version; where there is none, no further.
    Aborted,
}

/// What clients and the template have changed since the last status was written.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) stage: Stage,
    pub(crate) cursor: Cursor,
    /// Another template or other steps: progress, pauses, abort and full promotion are forgotten.
    pub(crate) reset: bool,
    /// Another template than the last one, or the first one.
    pub(crate) new_template: bool,
    /// An abort that no pass has seen before.
    pub(crate) just_aborted: bool,
    /// An abort that a client has taken back: from the first step on.
    pub(crate) retried: bool,
    /// Of blue-green, what the new version stands at.
    pub(crate) gate: Option<Gate>,
}

pub(crate) fn enter(release: &Release<'_>, step_hash: &str) -> Entry {
    let status = release.status();
    let new_template = !release.is_current();
    let reset = new_template || status.current_step_hash != step_hash;
    // While its ReplicaSet could not be created, a template counts as not seen; its abort does not.
    let unmade = conditions::get(status, kinds::PROGRESSING)
        .is_some_and(|c| c.reason == reasons::REPLICA_SET_CREATE_ERROR);
    let aborted = status.abort && (!reset || (unmade && status.aborted_at.is_none()));
    // Both asked for: the abort wins, unless it was dealt with before the promotion was asked for
    // (upstream forgets an abort that comes after, #4461).
    let promoting = status.promote_full && !reset && (!aborted || status.aborted_at.is_some());
    let aborted = aborted && !promoting;
    let retried = !status.abort && !reset && !promoting && status.aborted_at.is_some();

    let (stage, cursor) = if release.is_steady() {
        (Stage::Steady, Cursor::at(release.step_count()))
    } else if aborted {
        (Stage::Aborted, Cursor::at(0))
    } else if release.is_initial() {
        (Stage::Initial, Cursor::at(release.step_count()))
    } else if promoting {
        (Stage::Promoting, Cursor::at(release.step_count()))
    } else if reset && release.is_within_rollback_window() {
        (Stage::Stepping, Cursor::at(release.step_count()))
    } else if reset || retried {
        (Stage::Stepping, Cursor::at(0))
    } else {
        (Stage::Stepping, Cursor::observed(release))
    };
    Entry {
        stage,
        cursor,
        reset,
        new_template,
        just_aborted: stage == Stage::Aborted && status.aborted_at.is_none(),
        retried: retried && stage != Stage::Steady,
        gate: None,
    }
}
