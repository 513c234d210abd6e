//! `status.duration`: how long an update took, and how much of it was waiting for people.

use sluice_crd::rollout::{CompletionStatus, RolloutDurationStatus, RolloutStatus};

use super::Decision;
use crate::release::Release;
use crate::stage::Stage;

pub(crate) fn track(release: &Release<'_>, decision: &Decision<'_>, status: &mut RolloutStatus) {
    let now = release.now;
    let entry = decision.entry;
    let mut duration = status.duration.take().unwrap_or_default();
    let begins = entry.reset || entry.retried;
    if entry.stage == Stage::Steady && entry.reset {
        // Back to the stable template in the middle of an update.
        if duration.rollout_started_at.is_some() && duration.finished_at.is_none() {
            finish(&mut duration, release, CompletionStatus::RolledBack);
        }
    } else if begins {
        duration = RolloutDurationStatus { rollout_started_at: Some(now), ..Default::default() };
    }

    let running = duration.rollout_started_at.is_some() && duration.finished_at.is_none();
    if running && status.abort {
        finish(&mut duration, release, CompletionStatus::Aborted);
    } else if running && decision.promoted.is_some() {
        let how = if entry.stage == Stage::Promoting {
            CompletionStatus::FastPromoted
        } else {
            CompletionStatus::Promoted
        };
        finish(&mut duration, release, how);
    } else if running {
        let waits = release.spec().paused || entry.cursor.waits_for_a_person(release);
        if !waits {
            end_manual_pause(&mut duration, release);
        } else if duration.manual_pause_started_at.is_none() {
            duration.manual_pause_started_at = Some(now);
        }
    }
    status.duration = (duration != RolloutDurationStatus::default()).then_some(duration);
}

fn finish(duration: &mut RolloutDurationStatus, release: &Release<'_>, how: CompletionStatus) {
    end_manual_pause(duration, release);
    duration.finished_at = Some(release.now);
    duration.completion_status = Some(how);
}

fn end_manual_pause(duration: &mut RolloutDurationStatus, release: &Release<'_>) {
    if let Some(began) = duration.manual_pause_started_at.take() {
        let paused = release.now.seconds_since(began).max(0);
        let total = duration.total_manual_pause_duration_seconds.unwrap_or(0);
        duration.total_manual_pause_duration_seconds = Some(total.saturating_add(paused));
    }
}
