//! The work queue: which key is next, and when.
//!
//! One key is worked on once at a time; what comes in meanwhile makes it due again afterwards.
//! Deadlines come from plans, not from a resync; failures back off per key, without jitter, so
//! that a run can be replayed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::key::Key;

/// The first pause after a failure; it doubles with each further one.
pub const BACKOFF_LEAST: Duration = Duration::from_millis(10);
/// The longest pause between attempts.
pub const BACKOFF_MOST: Duration = Duration::from_secs(30);

/// In which order keys that are due are taken.
#[derive(Clone, Debug, Default)]
pub enum Order {
    /// First due, first served.
    #[default]
    Fair,
    /// Any of those that are due, by a seed: a simulation tries many orders.
    Seeded(fastrand::Rng),
}

/// Keys and when they are due.
#[derive(Debug, Default)]
pub struct Queue {
    order: Order,
    due: BTreeMap<Key, (Instant, u64)>,
    by_time: BTreeSet<(Instant, u64, Key)>,
    running: BTreeSet<Key>,
    /// Keys that came up while they were worked on.
    again: BTreeMap<Key, Instant>,
    failures: BTreeMap<Key, u32>,
    sequence: u64,
}

impl Queue {
    /// An empty queue.
    pub fn new(order: Order) -> Self {
        Self { order, ..Self::default() }
    }

    /// Makes a key due at an instant, or earlier if it is already.
    pub fn add(&mut self, key: Key, at: Instant) {
        if self.running.contains(&key) {
            let again = self.again.entry(key).or_insert(at);
            *again = at.min(*again);
            return;
        }
        match self.due.get(&key) {
            Some((due, _)) if *due <= at => return,
            Some((due, sequence)) => {
                self.by_time.remove(&(*due, *sequence, key.clone()));
            }
            None => {}
        }
        self.sequence += 1;
        self.due.insert(key.clone(), (at, self.sequence));
        self.by_time.insert((at, self.sequence, key));
    }

    /// Takes a key that is due; it counts as worked on until [`Queue::done`].
    pub fn pop(&mut self, now: Instant) -> Option<Key> {
        let mut ready = self.by_time.iter().take_while(|(at, ..)| *at <= now);
        let entry = match &mut self.order {
            Order::Fair => ready.next()?.clone(),
            Order::Seeded(rng) => {
                let ready: Vec<_> = ready.collect();
                let chosen = rng.usize(..ready.len().max(1));
                (*ready.get(chosen)?).clone()
            }
        };
        self.by_time.remove(&entry);
        let key = entry.2;
        self.due.remove(&key);
        self.running.insert(key.clone());
        Some(key)
    }

    /// The work on a key is over and went well.
    pub fn done(&mut self, key: &Key) {
        self.failures.remove(key);
        self.finish(key);
    }

    /// The work on a key failed: it is due again after a pause that grows.
    pub fn failed(&mut self, key: &Key, now: Instant) -> Duration {
        let failures = self.failures.entry(key.clone()).or_insert(0);
        let pause = BACKOFF_LEAST.saturating_mul(1 << (*failures).min(20)).min(BACKOFF_MOST);
        *failures += 1;
        self.finish(key);
        self.add(key.clone(), now + pause);
        pause
    }

    /// A key was taken and there was nothing to be done yet: its failures still count.
    pub fn put_off(&mut self, key: &Key) {
        self.finish(key);
    }

    /// How often the work on a key has failed in a row.
    pub fn failures(&self, key: &Key) -> u32 {
        self.failures.get(key).copied().unwrap_or(0)
    }

    fn finish(&mut self, key: &Key) {
        self.running.remove(key);
        if let Some(at) = self.again.remove(key) {
            self.add(key.clone(), at);
        }
    }

    /// When the next key is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, ..)| *at)
    }

    /// How many keys are worked on.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// How many keys are due now.
    pub fn depth(&self, now: Instant) -> usize {
        self.by_time.iter().take_while(|(at, ..)| *at <= now).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::rollout("shop", name)
    }

    #[test]
    fn a_key_is_worked_on_once_at_a_time() {
        let now = Instant::now();
        let mut queue = Queue::default();
        queue.add(key("a"), now);
        assert_eq!(queue.pop(now), Some(key("a")));
        queue.add(key("a"), now);
        assert_eq!(queue.pop(now), None);
        queue.done(&key("a"));
        assert_eq!(queue.pop(now), Some(key("a")));
        queue.done(&key("a"));
        assert_eq!(queue.pop(now), None);
    }

    #[test]
    fn the_earlier_date_holds() {
        let now = Instant::now();
        let mut queue = Queue::default();
        queue.add(key("a"), now + Duration::from_secs(60));
        assert_eq!(queue.pop(now), None);
        queue.add(key("a"), now);
        queue.add(key("a"), now + Duration::from_secs(5));
        assert_eq!(queue.next_due(), Some(now));
        assert_eq!(queue.pop(now), Some(key("a")));
    }

    #[test]
    fn failures_back_off_and_success_forgives() {
        let now = Instant::now();
        let mut queue = Queue::default();
        let mut pauses = Vec::new();
        for _ in 0..13 {
            queue.add(key("a"), now);
            let at = queue.next_due().unwrap_or(now);
            assert_eq!(queue.pop(at), Some(key("a")));
            pauses.push(queue.failed(&key("a"), now));
        }
        assert_eq!(pauses[..3], [10, 20, 40].map(Duration::from_millis));
        assert_eq!(pauses[12], BACKOFF_MOST);
        assert_eq!(queue.pop(now + BACKOFF_MOST), Some(key("a")));
        queue.done(&key("a"));
        queue.add(key("a"), now);
        assert_eq!(queue.pop(now), Some(key("a")));
        assert_eq!(queue.failed(&key("a"), now), BACKOFF_LEAST);
    }

    #[test]
    fn a_seed_gives_one_order_and_another_seed_another() {
        let now = Instant::now();
        let run = |seed: u64| {
            let mut queue = Queue::new(Order::Seeded(fastrand::Rng::with_seed(seed)));
            for name in ["a", "b", "c", "d", "e", "f"] {
                queue.add(key(name), now);
            }
            std::iter::from_fn(|| queue.pop(now)).map(|key| key.name).collect::<String>()
        };
        assert_eq!(run(1), run(1));
        assert!((2..20).any(|seed| run(seed) != run(1)));
    }
}
