//! The world under lists, watches, writes and deletions in any order.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::record::Observed;
use super::*;

const NAMESPACE: &str = "shop";

fn rollout(name: &str, version: u64, spec: &Value) -> Value {
    json!({
        "metadata": {
            "namespace": NAMESPACE, "name": name, "uid": format!("uid-{name}"),
            "resourceVersion": version.to_string(), "generation": 1,
        },
        "spec": spec,
    })
}

fn replica_set(name: &str, uid: u64, version: u64) -> Value {
    json!({
        "metadata": {
            "namespace": NAMESPACE, "name": name, "uid": format!("uid-{uid}"),
            "resourceVersion": version.to_string(),
            "labels": {"rollouts-pod-template-hash": name},
            "ownerReferences": [{"uid": "uid-web", "controller": true}],
        },
        "spec": {"replicas": 3},
        "status": {"replicas": 3, "readyReplicas": 2, "availableReplicas": 1},
    })
}

fn observed<R: record::Record>(object: Value) -> Observed<R> {
    serde_json::from_value(object).unwrap()
}

fn web() -> Key {
    Key::rollout(NAMESPACE, "web")
}

fn canary() -> Value {
    json!({"strategy": {"canary": {"stableService": "web-stable"}}})
}

#[test]
fn a_change_of_a_replica_set_concerns_its_rollout() {
    let mut world = World::default();
    let now = Instant::now();
    world.take(Event::Rollout(Change::Applied(observed(rollout("web", 1, &canary())))), now);
    let set = observed(replica_set("web-a", 1, 2));
    assert_eq!(world.take(Event::ReplicaSet(Change::Applied(set)), now), [web()].into());
    let found = world.replica_sets_of("uid-web");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].ready.0, found[0].available.0), (2, 1));
}

#[test]
fn a_change_of_a_service_concerns_who_names_it_and_whose_mark_it_bears() {
    let mut world = World::default();
    let now = Instant::now();
    world.take(Event::Rollout(Change::Applied(observed(rollout("web", 1, &canary())))), now);
    let service = |mark: &str| {
        observed(json!({
            "metadata": {
                "namespace": NAMESPACE, "name": "web-stable", "uid": "s", "resourceVersion": "3",
                "annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": mark},
            },
            "spec": {"selector": {"app": "web"}},
        }))
    };
    let affected = world.take(Event::Service(Change::Applied(service("other"))), now);
    assert_eq!(affected, [Key::rollout(NAMESPACE, "other"), web()].into());
    assert_eq!(world.marked_without_rollout(), [Key::rollout(NAMESPACE, "other")]);
}

#[test]
fn a_record_never_goes_back_in_time() {
    let mut world = World::default();
    let now = Instant::now();
    let at =
        |version| Event::Rollout(Change::Applied(observed(rollout("web", version, &canary()))));
    assert_eq!(world.take(at(10), now), [web()].into());
    assert!(world.take(at(9), now).is_empty());
    assert_eq!(world.rollout(NAMESPACE, "web").unwrap().version, "10");
}

#[test]
fn what_a_complete_list_does_not_name_is_gone() {
    let mut world = World::default();
    let now = Instant::now();
    for name in ["a", "b"] {
        let event = Event::Rollout(Change::Applied(observed(rollout(name, 1, &canary()))));
        world.take(event, now);
    }
    world.take(Event::Rollout(Change::ListBegins), now);
    world.take(Event::Rollout(Change::Listed(observed(rollout("a", 1, &canary())))), now);
    let affected = world.take(Event::Rollout(Change::ListEnds), now);
    assert_eq!(affected, [Key::rollout(NAMESPACE, "b")].into());
    assert!(world.rollout(NAMESPACE, "b").is_none());
}

#[test]
fn one_object_that_cannot_be_understood_is_set_apart() {
    let mut world = World::default();
    let now = Instant::now();
    let bad = rollout("bad", 1, &json!({"replicas": "many"}));
    world.take(Event::Rollout(Change::Listed(observed(bad))), now);
    world.take(Event::Rollout(Change::Listed(observed(rollout("good", 2, &canary())))), now);
    let entry = world.rollout(NAMESPACE, "bad").unwrap();
    let error = entry.record.as_ref().unwrap_err();
    assert!(error.starts_with("spec.replicas: ") && error.contains("many"), "{error}");
    assert!(world.rollout(NAMESPACE, "good").unwrap().record.is_ok());
    // Mended, it is like any other.
    world.take(Event::Rollout(Change::Applied(observed(rollout("bad", 3, &canary())))), now);
    assert!(world.rollout(NAMESPACE, "bad").unwrap().record.is_ok());
}

/// What may happen between the controller, the API server and the watch.
#[derive(Clone, Debug)]
enum Happens {
    /// The controller writes object `n`; the watch tells of it later.
    Write(usize),
    /// The controller writes what object `n` is already: no new version, no event.
    WriteNothing(usize),
    /// A write met a conflict: somebody else had written.
    Conflict(usize),
    /// Object `n` is deleted, by the controller or by somebody else.
    Delete { object: usize, by_us: bool },
    /// The next `n` events of the watch arrive.
    Deliver(usize),
    /// The watch breaks; what it had not delivered is lost, a fresh list follows.
    Relist,
    /// Time passes.
    Wait(u64),
}

fn anything() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0usize..3).prop_map(Happens::Write),
        2 => (0usize..3).prop_map(Happens::WriteNothing),
        1 => (0usize..3).prop_map(Happens::Conflict),
        1 => (0usize..3, any::<bool>())
            .prop_map(|(object, by_us)| Happens::Delete { object, by_us }),
        4 => (1usize..4).prop_map(Happens::Deliver),
        1 => Just(Happens::Relist),
        2 => (0u64..3).prop_map(Happens::Wait),
    ]
}

/// An API server with three ReplicaSets, and a watch that lags.
struct Server {
    version: u64,
    uids: u64,
    live: BTreeMap<usize, (u64, u64)>,
    lagging: std::collections::VecDeque<(usize, u64, u64, bool)>,
}

impl Server {
    fn write(&mut self, object: usize) -> (u64, u64) {
        self.version += 1;
        let uid = self.live.get(&object).map(|(uid, _)| *uid).unwrap_or_else(|| {
            self.uids += 1;
            self.uids
        });
        self.live.insert(object, (uid, self.version));
        self.lagging.push_back((object, uid, self.version, false));
        (uid, self.version)
    }

    fn delete(&mut self, object: usize) -> Option<u64> {
        let (uid, _) = self.live.remove(&object)?;
        self.version += 1;
        self.lagging.push_back((object, uid, self.version, true));
        Some(uid)
    }
}

fn name(object: usize) -> String {
    format!("set-{object}")
}

fn id(object: usize) -> ObjectId {
    ObjectId { kind: ResourceKind::ReplicaSet, place: (NAMESPACE.to_owned(), name(object)) }
}

fn deliver(world: &mut World, server: &mut Server, now: Instant) {
    let Some((object, uid, version, deleted)) = server.lagging.pop_front() else { return };
    let seen = observed(replica_set(&name(object), uid, version));
    let change = if deleted { Change::Deleted(seen) } else { Change::Applied(seen) };
    world.take(Event::ReplicaSet(change), now);
}

fn relist(world: &mut World, server: &mut Server, now: Instant) {
    server.lagging.clear();
    world.take(Event::ReplicaSet(Change::ListBegins), now);
    for (object, (uid, version)) in &server.live {
        let seen = observed(replica_set(&name(*object), *uid, *version));
        world.take(Event::ReplicaSet(Change::Listed(seen)), now);
    }
    world.take(Event::ReplicaSet(Change::ListEnds), now);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// No decision is made on records older than an own write; and the wait always ends: by the
    /// watch, or after the patience by one GET, whatever was deleted, replaced, relisted or
    /// written without effect meanwhile.
    #[test]
    fn own_writes_are_read_and_never_waited_for_in_vain(
        happenings in prop::collection::vec(anything(), 1..60),
    ) {
        let mut world = World::default();
        let mut now = Instant::now();
        let web_event = observed(rollout("web", 1, &canary()));
        world.take(Event::Rollout(Change::Applied(web_event)), now);
        let mut server =
            Server { version: 1, uids: 0, live: BTreeMap::new(), lagging: Default::default() };
        relist(&mut world, &mut server, now);

        // The last own write of each object: uid and version.
        let mut own: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
        for happens in happenings {
            // A pass decides only when nothing is waited for: so does this one.
            let may_decide = world.pending().waits_since(&web()).is_none();
            if may_decide {
                let shown = world.replica_sets_of("uid-web");
                for (object, (uid, version)) in &own {
                    let uid = format!("uid-{uid}");
                    let record = shown.iter().find(|rs| rs.name == name(*object) && rs.uid == uid);
                    let number = record.and_then(|rs| rs.resource_version.parse::<u64>().ok());
                    let lives = server.live.get(object).is_some_and(|(u, _)| format!("uid-{u}") == uid);
                    let is_shown = number.is_some_and(|number| number >= *version);
                    prop_assert!(is_shown || !lives, "an own write of {object} is not shown");
                }
            }
            match happens {
                Happens::Write(object) if may_decide => {
                    let (uid, version) = server.write(object);
                    own.insert(object, (uid, version));
                    let effect = Effect::Version(version.to_string());
                    let wrote = Wrote { id: id(object), uid: Some(format!("uid-{uid}")), effect };
                    world.wrote(&web(), wrote, now);
                }
                Happens::WriteNothing(object) if may_decide => {
                    if let Some((uid, version)) = server.live.get(&object).copied() {
                        let effect = Effect::Version(version.to_string());
                        let uid = Some(format!("uid-{uid}"));
                        world.wrote(&web(), Wrote { id: id(object), uid, effect }, now);
                    }
                }
                Happens::Conflict(object) if may_decide => {
                    // Somebody else writes; our write on the record we know is refused.
                    let known = world.replica_sets_of("uid-web");
                    if let Some(rs) = known.iter().find(|rs| rs.name == name(object)) {
                        let version = rs.resource_version.clone();
                        if server.live.contains_key(&object) {
                            server.write(object);
                        }
                        let effect = Effect::NewerThan(version);
                        world.wrote(&web(), Wrote { id: id(object), uid: None, effect }, now);
                    }
                }
                Happens::Delete { object, by_us } => {
                    if let Some(uid) = server.delete(object)
                        && by_us
                        && may_decide
                    {
                        let uid = Some(format!("uid-{uid}"));
                        world.wrote(&web(), Wrote { id: id(object), uid, effect: Effect::Gone }, now);
                    }
                }
                Happens::Deliver(events) => {
                    for _ in 0..events {
                        deliver(&mut world, &mut server, now);
                    }
                }
                Happens::Relist => {
                    now += Duration::from_millis(1);
                    relist(&mut world, &mut server, now);
                }
                Happens::Wait(seconds) => now += Duration::from_secs(seconds),
                Happens::Write(_) | Happens::WriteNothing(_) | Happens::Conflict(_) => {}
            }
        }

        // The watch is silent from here on: the patience ends, and one look decides.
        now += PATIENCE;
        for overdue in world.pending().overdue(&web(), now) {
            let object: usize = overdue.place.1.trim_start_matches("set-").parse().unwrap();
            match server.live.get(&object) {
                Some((uid, version)) => {
                    let seen = observed(replica_set(&name(object), *uid, *version));
                    world.take(Event::ReplicaSet(Change::Applied(seen)), now);
                    world.confirmed(&overdue);
                }
                None => {
                    world.is_gone(&overdue);
                }
            }
        }
        prop_assert_eq!(world.pending().waits_since(&web()), None);
    }
}
