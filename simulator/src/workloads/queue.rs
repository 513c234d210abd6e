//! What the built-in controllers have to look at, and when. Every change makes work; work starts
//! a small seeded delay after its cause, so that interleavings vary by seed and by nothing else.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::kinds::GroupResource;
use crate::random::Random;
use crate::store::{Change, Key, owner_uids};

/// How often an autoscaler is looked at.
pub(super) const AUTOSCALER_PERIOD: Duration = Duration::from_secs(15);

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    ReplicaSet(Key),
    Job(Key),
    Pod(Key),
    /// An object's owners, and its own deletion.
    Collect(GroupResource, Key),
    /// A namespace that is being deleted.
    Namespace(String),
    Deployment(Key),
    /// The EndpointSlices of a Service.
    Endpoints(Key),
    /// A PodDisruptionBudget.
    Budget(Key),
    /// A ResourceQuota.
    Quota(Key),
    /// A HorizontalPodAutoscaler.
    Autoscaler(Key),
}

impl Work {
    /// Whether the work goes on beside what pods, ReplicaSets and Jobs do: its delays are drawn
    /// apart from theirs, so that they come out the same with it and without.
    fn is_aside(&self) -> bool {
        match self {
            Work::ReplicaSet(_) | Work::Job(_) | Work::Pod(_) | Work::Namespace(_) => false,
            Work::Collect(resource, _) => resource.resource == "endpointslices",
            Work::Deployment(_)
            | Work::Endpoints(_)
            | Work::Budget(_)
            | Work::Quota(_)
            | Work::Autoscaler(_) => true,
        }
    }
}

/// The work that waits.
#[derive(Debug)]
pub(crate) struct WorkQueue {
    /// By time, then in the order in which it came.
    due: BTreeMap<(Instant, u64), Work>,
    waiting: BTreeMap<Work, (Instant, u64)>,
    count: u64,
    random: Random,
    random_aside: Random,
    reaction: Range<Duration>,
    endpoints_delay: Range<Duration>,
    notify: Arc<Notify>,
}

impl WorkQueue {
    pub(crate) fn new(
        seed: u64,
        reaction: Range<Duration>,
        endpoints_delay: Range<Duration>,
    ) -> WorkQueue {
        WorkQueue {
            due: BTreeMap::new(),
            waiting: BTreeMap::new(),
            count: 0,
            random: Random::stream(seed, "work"),
            random_aside: Random::stream(seed, "work/aside"),
            reaction,
            endpoints_delay,
            notify: Arc::new(Notify::new()),
        }
    }

    /// Wakes when something nearer than before waits.
    pub(crate) fn notify(&self) -> Arc<Notify> {
        self.notify.clone()
    }

    /// Work for later: after `delay`, or sooner if it already waits for an earlier time.
    pub(crate) fn later(&mut self, work: Work, delay: Duration) {
        let at = Instant::now() + delay;
        if let Some((earlier, number)) = self.waiting.get(&work).copied() {
            if earlier <= at {
                return;
            }
            self.due.remove(&(earlier, number));
        }
        self.count += 1;
        self.waiting.insert(work.clone(), (at, self.count));
        self.due.insert((at, self.count), work);
        self.notify.notify_one();
    }

    /// Work that something has just caused.
    pub(crate) fn soon(&mut self, work: Work) {
        let random = if work.is_aside() { &mut self.random_aside } else { &mut self.random };
        let range = match work {
            Work::Endpoints(_) => &self.endpoints_delay,
            _ => &self.reaction,
        };
        let delay = random.duration(range);
        self.later(work, delay);
    }

    /// When the next work is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next work that is due by now.
    pub(crate) fn take(&mut self) -> Option<Work> {
        let entry = self.due.first_entry()?;
        if entry.key().0 > Instant::now() {
            return None;
        }
        let work = entry.remove();
        self.waiting.remove(&work);
        Some(work)
    }

    /// Whether nothing waits before the instant.
    pub(crate) fn is_quiet_until(&self, until: Instant) -> bool {
        self.next_due().is_none_or(|due| due > until)
    }

    /// Finds out what a change means for whom.
    pub(crate) fn changed(&mut self, change: &Change) {
        let object = &change.object;
        let (group, resource) = (change.resource.group.as_str(), change.resource.resource.as_str());
        match (group, resource) {
            ("apps", "replicasets") if !change.deleted => {
                self.soon(Work::ReplicaSet(change.key.clone()));
            }
            ("batch", "jobs") if !change.deleted => {
                self.soon(Work::Job(change.key.clone()));
            }
            ("", "pods") => {
                self.soon(Work::Pod(change.key.clone()));
                for side in [change.before.as_ref(), Some(object)].into_iter().flatten() {
                    let owners = side["metadata"]["ownerReferences"].as_array();
                    for owner in owners.into_iter().flatten() {
                        let name = owner["name"].as_str().unwrap_or_default();
                        let key = Key::new(&change.key.namespace, name);
                        match owner["kind"].as_str() {
                            Some("ReplicaSet") => self.soon(Work::ReplicaSet(key)),
                            Some("Job") => self.soon(Work::Job(key)),
                            _ => {}
                        }
                    }
                }
            }
            ("apps", "deployments") if !change.deleted => {
                self.soon(Work::Deployment(change.key.clone()));
            }
            ("", "services") if !change.deleted => {
                self.soon(Work::Endpoints(change.key.clone()));
            }
            ("policy", "poddisruptionbudgets") if !change.deleted => {
                self.soon(Work::Budget(change.key.clone()));
            }
            ("", "resourcequotas") if !change.deleted => {
                self.soon(Work::Quota(change.key.clone()));
            }
            // Not now: the controller looks at each once in its period.
            ("autoscaling", "horizontalpodautoscalers") if !change.deleted => {
                self.later(Work::Autoscaler(change.key.clone()), AUTOSCALER_PERIOD);
            }
            ("", "namespaces") if !object["metadata"]["deletionTimestamp"].is_null() => {
                self.soon(Work::Namespace(change.key.name.clone()));
            }
            _ => {}
        }
        let owned = owner_uids(object).next().is_some();
        let owners_changed = change.before.as_ref().is_none_or(|before| {
            before["metadata"]["ownerReferences"] != object["metadata"]["ownerReferences"]
        });
        let deleting = !object["metadata"]["deletionTimestamp"].is_null();
        if !change.deleted && (owned && owners_changed || deleting) {
            self.soon(Work::Collect(change.resource.clone(), change.key.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_earlier_time_wins_and_work_is_done_once() {
        let range = Duration::from_millis(1)..Duration::from_millis(5);
        let mut queue = WorkQueue::new(1, range.clone(), range);
        let pod = Work::Pod(Key::new("a", "x"));
        queue.later(pod.clone(), Duration::from_secs(60));
        queue.later(pod.clone(), Duration::from_secs(10));
        queue.later(pod.clone(), Duration::from_secs(90));
        assert_eq!(queue.next_due(), Some(Instant::now() + Duration::from_secs(10)));
        assert!(queue.is_quiet_until(Instant::now() + Duration::from_secs(9)));
        assert_eq!(queue.take(), None);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(queue.take(), Some(pod));
        assert_eq!(queue.next_due(), None);
    }
}
