//! Open watches: who gets which change, and when.

use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Change;
use crate::kinds::GroupResource;
use crate::random::Random;
use crate::selector::{FieldSelector, LabelSelector};

/// Events that may wait for one slow watch; beyond that it is closed, as the API server does.
const QUEUE_MAX: usize = 100_000;

/// What a watch or a list is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// Empty for all namespaces.
    pub(crate) namespace: String,
    pub(crate) labels: LabelSelector,
    pub(crate) fields: FieldSelector,
}

impl Scope {
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn selects(&self, object: &Value) -> bool {
        self.labels.matches(object) && self.fields.matches(object)
    }

    /// What a change means to somebody who sees only this scope: an object that leaves the
    /// selection is gone for him, one that enters is new.
    pub(crate) fn event(&self, change: &Change) -> Option<Event> {
        if !self.namespace.is_empty() && change.key.namespace != self.namespace {
            return None;
        }
        let before = change.before.as_deref().is_some_and(|object| self.selects(object));
        let after = !change.deleted && self.selects(&change.object);
        let ty = match (before, after) {
            (false, false) => return None,
            (false, true) => EventType::Added,
            (true, true) => EventType::Modified,
            (true, false) => EventType::Deleted,
        };
        let object = match &change.before {
            // What is shown is the last state that was selected, at the revision of the change.
            Some(before) if ty == EventType::Deleted && !change.deleted => {
                let mut last = Value::clone(before);
                last["metadata"]["resourceVersion"] = change.revision.to_string().into();
                Arc::new(last)
            }
            _ => change.object.clone(),
        };
        Some(Event { ty, object })
    }
}

/// The type of a watch event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventType {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

impl EventType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            EventType::Added => "ADDED",
            EventType::Modified => "MODIFIED",
            EventType::Deleted => "DELETED",
            EventType::Bookmark => "BOOKMARK",
            EventType::Error => "ERROR",
        }
    }
}

/// One event of a watch.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) ty: EventType,
    pub(crate) object: Arc<Value>,
}

/// An event on its way to a watch.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) due: Instant,
    pub(crate) event: Event,
}

#[derive(Debug)]
struct Watcher {
    user: String,
    connection: u64,
    scope: Scope,
    queue: mpsc::Sender<Delivery>,
    random: Random,
    last_due: Instant,
}

/// The open watches of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    open: BTreeMap<GroupResource, BTreeMap<u64, Watcher>>,
    frozen: Vec<Freeze>,
    opened: u64,
    /// How many watches each user has opened on each resource.
    opened_by: BTreeMap<(String, GroupResource), u64>,
}

#[derive(Debug)]
struct Freeze {
    user: Option<String>,
    resource: GroupResource,
    until: Instant,
}

/// Who opens a watch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opener<'a> {
    pub(crate) user: &'a str,
    pub(crate) connection: u64,
    pub(crate) seed: u64,
}

impl Watches {
    /// Opens a watch whose first events are `initial`; what follows comes by [`Watches::publish`].
    pub(crate) fn open(
        &mut self,
        opener: Opener<'_>,
        resource: &GroupResource,
        scope: Scope,
        initial: Vec<Event>,
        delay: &Range<Duration>,
    ) -> mpsc::Receiver<Delivery> {
        self.opened += 1;
        // Chance by user and number: a watch more of another user does not shift this one's delays.
        let count = self.opened_by.entry((opener.user.to_owned(), resource.clone())).or_default();
        *count += 1;
        let label = format!("watch/{}/{resource}/{count}", opener.user);
        let (queue, receiver) = mpsc::channel(QUEUE_MAX.max(initial.len()));
        let mut watcher = Watcher {
            user: opener.user.to_owned(),
            connection: opener.connection,
            scope,
            queue,
            random: Random::stream(opener.seed, &label),
            last_due: Instant::now(),
        };
        let accepted = initial.into_iter().all(|event| watcher.send(event, delay));
        if accepted {
            let watchers = self.open.entry(resource.clone()).or_default();
            // Those that nobody reads any more would else stay until the next change.
            watchers.retain(|_, watcher| !watcher.queue.is_closed());
            watchers.insert(self.opened, watcher);
        }
        receiver
    }

    /// Hands a change to every watch that it concerns; forgets watches that nobody reads.
    pub(crate) fn publish(&mut self, change: &Change, delay: &Range<Duration>) {
        let Some(watchers) = self.open.get_mut(&change.resource) else { return };
        watchers.retain(|_, watcher| match watcher.scope.event(change) {
            Some(event) => watcher.send(event, delay),
            None => !watcher.queue.is_closed(),
        });
    }

    /// Ends all watches of a connection.
    pub(crate) fn close_connection(&mut self, connection: u64) {
        for watchers in self.open.values_mut() {
            watchers.retain(|_, watcher| watcher.connection != connection);
        }
    }

    /// Ends a user's (or everybody's) watches of a resource, as a server does that restarts.
    pub(crate) fn close(&mut self, user: Option<&str>, resource: &GroupResource) {
        if let Some(watchers) = self.open.get_mut(resource) {
            watchers.retain(|_, watcher| user.is_some_and(|user| user != watcher.user));
        }
    }

    /// Holds back the events of a resource until the instant, for one user or for all.
    pub(crate) fn freeze(&mut self, user: Option<&str>, resource: &GroupResource, until: Instant) {
        self.frozen.retain(|freeze| freeze.until > Instant::now());
        let user = user.map(str::to_owned);
        self.frozen.push(Freeze { user, resource: resource.clone(), until });
    }

    /// Until when events of the resource are held back for this user.
    pub(crate) fn frozen_until(&self, user: &str, resource: &GroupResource) -> Option<Instant> {
        let concerns = |freeze: &&Freeze| {
            freeze.resource == *resource && freeze.user.as_deref().is_none_or(|name| name == user)
        };
        self.frozen.iter().filter(concerns).map(|freeze| freeze.until).max()
    }
}

impl Watcher {
    /// False if nobody listens any more, or the listener is hopelessly behind.
    fn send(&mut self, event: Event, delay: &Range<Duration>) -> bool {
        let due = Instant::now() + self.random.duration(delay);
        // Order within a watch is kept.
        self.last_due = self.last_due.max(due);
        self.queue.try_send(Delivery { due: self.last_due, event }).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Key;
    use serde_json::json;

    fn change(before: Option<Value>, object: Value, deleted: bool) -> Change {
        Change {
            resource: GroupResource::new("", "pods"),
            key: Key::new("a", "x"),
            revision: 9,
            before: before.map(Arc::new),
            object: Arc::new(object),
            deleted,
        }
    }

    #[test]
    fn leaving_and_entering_a_selection() {
        let labels = LabelSelector::parse("app=web").unwrap();
        let scope = Scope { labels, ..Scope::default() };
        let with = |app: &str| json!({"metadata": {"labels": {"app": app}}});
        let ty = |change: &Change| scope.event(change).map(|event| event.ty);
        assert_eq!(ty(&change(None, with("web"), false)), Some(EventType::Added));
        assert_eq!(ty(&change(None, with("db"), false)), None);
        assert_eq!(ty(&change(Some(with("db")), with("web"), false)), Some(EventType::Added));
        let left = change(Some(with("web")), with("db"), false);
        let event = scope.event(&left).unwrap();
        assert_eq!(event.ty, EventType::Deleted);
        assert_eq!(event.object["metadata"]["labels"]["app"], "web");
        assert_eq!(event.object["metadata"]["resourceVersion"], "9");
        let gone = change(Some(with("web")), with("web"), true);
        assert_eq!(ty(&gone), Some(EventType::Deleted));
    }

    #[tokio::test(start_paused = true)]
    async fn order_within_a_watch_is_kept() {
        let mut watches = Watches::default();
        let resource = GroupResource::new("", "pods");
        let opener = Opener { user: "u", connection: 1, seed: 4 };
        let delay = Duration::ZERO..Duration::from_millis(50);
        let mut queue = watches.open(opener, &resource, Scope::default(), Vec::new(), &delay);
        for _ in 0..20 {
            watches.publish(&change(None, json!({}), false), &delay);
        }
        let mut last = Instant::now();
        for _ in 0..20 {
            let delivery = queue.recv().await.unwrap();
            assert!(delivery.due >= last);
            last = delivery.due;
        }
        drop(queue);
        watches.publish(&change(None, json!({}), false), &delay);
        assert!(watches.open[&resource].is_empty());
    }
}
