//! When a status that carries counts of pods alone may be written: soon where counts change now and
//! then, seldom where they trickle in.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::key::Key;

/// Counts are written this long after they first changed.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest that they wait where one write of counts follows another: it doubles up to this.
const PAUSE_MOST: Duration = Duration::from_secs(8);
/// After so long without a write of counts the next one is as prompt as the first.
const QUIET: Duration = Duration::from_secs(16);

/// The waits of all Rollouts.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<Key, Wait>);

#[derive(Debug)]
struct Wait {
    since: Option<Instant>,
    pause: Duration,
    written: Option<Instant>,
}

impl Counts {
    /// Whether they may be written now.
    pub(crate) fn are_due(&self, key: &Key, now: Instant) -> bool {
        let wait = self.0.get(key);
        wait.is_some_and(|wait| wait.since.is_some_and(|since| now >= since + wait.pause))
    }

    /// They were held back; when to look again.
    pub(crate) fn held_back(&mut self, key: &Key, now: Instant) -> Instant {
        let new = Wait { since: None, pause: PAUSE, written: None };
        let wait = self.0.entry(key.clone()).or_insert(new);
        if wait.written.is_some_and(|written| now >= written + QUIET) {
            wait.pause = PAUSE;
        }
        *wait.since.get_or_insert(now) + wait.pause
    }

    /// They were written, by themselves.
    pub(crate) fn written(&mut self, key: &Key, now: Instant) {
        if let Some(wait) = self.0.get_mut(key) {
            wait.since = None;
            wait.written = Some(now);
            wait.pause = (wait.pause * 2).min(PAUSE_MOST);
        }
    }

    /// Nothing is held back any longer: it went along with a decision, or changed back.
    pub(crate) fn settled(&mut self, key: &Key, now: Instant) {
        if let Some(wait) = self.0.get_mut(key) {
            wait.since = None;
            if wait.written.is_none_or(|written| now >= written + QUIET) {
                self.0.remove(key);
            }
        }
    }

    /// The Rollout is gone.
    pub(crate) fn forget(&mut self, key: &Key) {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_trickles_in_is_written_less_and_less_often() {
        let (mut counts, key) = (Counts::default(), Key::rollout("shop", "web"));
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..4 {
            let due = counts.held_back(&key, now);
            assert!(!counts.are_due(&key, now));
            assert_eq!(counts.held_back(&key, now + Duration::from_secs(1)), due);
            assert!(counts.are_due(&key, due));
            pauses.push((due - now).as_secs());
            now = due;
            counts.written(&key, now);
        }
        assert_eq!(pauses, [2, 4, 8, 8]);
        now += QUIET;
        assert_eq!(counts.held_back(&key, now), now + PAUSE);
    }

    #[test]
    fn what_went_along_with_a_decision_is_not_waited_for() {
        let (mut counts, key) = (Counts::default(), Key::rollout("shop", "web"));
        let now = Instant::now();
        counts.held_back(&key, now);
        counts.settled(&key, now);
        assert!(!counts.are_due(&key, now + PAUSE_MOST));
        assert!(counts.0.is_empty());
    }
}
