//! The world and the objects of routers: whatever order they and the Rollouts come in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_planner::traffic::objects::{KindView, RouteKey, RouteKind, Routes};
use sluice_planner::traffic::routers::named;
use tokio::time::Instant;

use super::*;

const NAMESPACE: &str = "shop";
const V1: &str = "gateway.networking.k8s.io/v1";
const KIND: RouteKind = RouteKind::HttpRoute;

fn rollout(name: &str, version: u64, traffic: &Value) -> Event {
    let object = json!({
        "metadata": {
            "namespace": NAMESPACE, "name": name, "uid": format!("uid-{name}"),
            "resourceVersion": version.to_string(), "generation": 1,
        },
        "spec": {"strategy": {"canary": {"trafficRouting": traffic}}},
    });
    Event::Rollout(Change::Applied(serde_json::from_value(object).unwrap()))
}

fn gateway(config: &Value) -> Value {
    json!({"plugins": {"argoproj-labs/gatewayAPI": config}})
}

fn route(name: &str, version: u64, labels: &Value) -> Value {
    json!({
        "metadata": {
            "namespace": NAMESPACE, "name": name, "uid": format!("uid-{name}"),
            "resourceVersion": version.to_string(), "labels": labels,
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": {"rules": [{"version": version}]},
    })
}

fn seen(kind: RouteKind, object: Value) -> Observed<RouteRecord> {
    serde_json::from_value::<RouteObject>(object).unwrap().observed(kind, V1)
}

fn applied(object: Value) -> Event {
    Event::Route(KIND, Change::Applied(seen(KIND, object)))
}

fn key(kind: RouteKind, name: &str) -> RouteKey {
    RouteKey { kind, namespace: NAMESPACE.to_owned(), name: name.to_owned() }
}

fn names(routes: &Routes) -> Vec<&str> {
    routes.objects.keys().map(|key| key.name.as_str()).collect()
}

fn keys<const N: usize>(names: [&str; N]) -> BTreeSet<Key> {
    names.into_iter().map(|name| Key::rollout(NAMESPACE, name)).collect()
}

/// What a list tells, from its beginning to its end.
fn list(kind: RouteKind, version: &str, objects: impl IntoIterator<Item = Value>) -> Vec<Event> {
    let tried = Event::Served(kind, Served::Tried(version.to_owned()));
    let listed = |object| Event::Route(kind, Change::Listed(seen(kind, object)));
    let mut out = vec![tried, Event::Route(kind, Change::ListBegins)];
    out.extend(objects.into_iter().map(listed));
    out.push(Event::Route(kind, Change::ListEnds));
    out
}

fn take(world: &mut World, events: impl IntoIterator<Item = Event>) -> BTreeSet<Key> {
    let now = Instant::now();
    events.into_iter().flat_map(|event| world.take(event, now)).collect()
}

/// A world with the Rollouts `web`, which names the route `web`, and `api`, which selects `app: api`.
fn world() -> World {
    let mut world = World::default();
    let api = json!({"httpRouteSelector": {"matchLabels": {"app": "api"}}});
    take(
        &mut world,
        [
            rollout("web", 1, &gateway(&json!({"httpRoute": "web"}))),
            rollout("api", 2, &gateway(&api)),
        ],
    );
    world
}

#[test]
fn what_is_named_or_selected_is_kept_whole_and_wakes_who_cares() {
    let mut world = world();
    assert_eq!(*world.routes_of(NAMESPACE, "web").kind(KIND), KindView::Unread);
    let objects = [
        route("other", 3, &json!({})),
        route("web", 4, &json!({})),
        route("a", 5, &json!({"app": "api"})),
    ];
    assert_eq!(take(&mut world, list(KIND, V1, objects)), keys(["api", "web"]));
    let web = world.routes_of(NAMESPACE, "web");
    assert_eq!(names(&web), ["web"]);
    assert_eq!(*web.kind(KIND), KindView::Listed(V1.to_owned()));
    let record = &web.objects[&key(KIND, "web")];
    assert_eq!(record.object["apiVersion"], V1);
    assert_eq!(record.object["kind"], "HTTPRoute");
    assert_eq!(record.object["metadata"].get("managedFields"), None);
    assert_eq!(record.resource_version, "4");
    assert_eq!(names(&world.routes_of(NAMESPACE, "api")), ["a"]);
    assert!(world.unread_routes(NAMESPACE, "web").is_empty());

    assert_eq!(take(&mut world, [applied(route("web", 6, &json!({})))]), keys(["web"]));
    assert_eq!(take(&mut world, [applied(route("other", 7, &json!({})))]), keys([]));
    // It begins to be selected, and ends to be.
    assert_eq!(
        take(&mut world, [applied(route("other", 8, &json!({"app": "api"})))]),
        keys(["api"])
    );
    assert_eq!(names(&world.routes_of(NAMESPACE, "api")), ["a", "other"]);
    assert_eq!(take(&mut world, [applied(route("other", 9, &json!({})))]), keys(["api"]));
    assert_eq!(names(&world.routes_of(NAMESPACE, "api")), ["a"]);
    // Older news change nothing.
    assert_eq!(take(&mut world, [applied(route("web", 5, &json!({})))]), keys([]));
    let old = seen(KIND, route("web", 5, &json!({})));
    assert_eq!(take(&mut world, [Event::Route(KIND, Change::Deleted(old))]), keys([]));
    let gone = seen(KIND, route("web", 10, &json!({})));
    assert_eq!(take(&mut world, [Event::Route(KIND, Change::Deleted(gone))]), keys(["web"]));
    assert!(names(&world.routes_of(NAMESPACE, "web")).is_empty());
}

#[test]
fn what_nobody_cared_about_is_fetched_for_who_comes() {
    let mut world = world();
    let objects =
        [route("late", 3, &json!({"app": "late"})), route("beside", 4, &json!({"app": "late"}))];
    take(&mut world, list(KIND, V1, objects));
    take(&mut world, [rollout("late", 5, &gateway(&json!({"httpRoute": "late"})))]);
    assert!(names(&world.routes_of(NAMESPACE, "late")).is_empty());
    assert_eq!(world.unread_routes(NAMESPACE, "late"), [Gap::Object(key(KIND, "late"))]);
    // Fetched: it is at the version that is known already.
    assert_eq!(
        take(&mut world, [applied(route("late", 3, &json!({"app": "late"})))]),
        keys(["late"])
    );
    assert!(world.unread_routes(NAMESPACE, "late").is_empty());
    assert_eq!(names(&world.routes_of(NAMESPACE, "late")), ["late"]);

    // It selects instead: which ones is not known before they are listed by their labels.
    let selector = json!({"httpRouteSelector": {"matchLabels": {"app": "late"}}});
    take(&mut world, [rollout("late", 6, &gateway(&selector))]);
    let gaps = world.unread_routes(NAMESPACE, "late");
    let [Gap::Selected(selected)] = gaps.as_slice() else { panic!("{gaps:?}") };
    take(&mut world, [applied(route("beside", 4, &json!({"app": "late"})))]);
    world.selected_is_read(NAMESPACE, "late", selected);
    assert!(world.unread_routes(NAMESPACE, "late").is_empty());
    assert_eq!(names(&world.routes_of(NAMESPACE, "late")), ["beside", "late"]);

    // Nobody cares any more: nothing is kept.
    take(&mut world, [rollout("late", 7, &json!({"nginx": {"stableIngress": "late"}}))]);
    assert_eq!(world.routes[&KIND].kept().count(), 0);
}

#[test]
fn a_kind_comes_and_goes_with_its_crd() {
    let mut world = world();
    let now = Instant::now();
    let both = keys(["api", "web"]);
    let absent = || Event::Served(KIND, Served::No);
    assert_eq!(take(&mut world, [absent()]), both);
    assert_eq!(*world.routes_of(NAMESPACE, "web").kind(KIND), KindView::NotInstalled);
    // Nothing new: nobody is woken.
    let tries = [Event::Served(KIND, Served::Tried(V1.to_owned())), absent()];
    assert_eq!(take(&mut world, tries), keys([]));

    assert_eq!(take(&mut world, list(KIND, V1, [route("web", 3, &json!({}))])), both);
    // Own writes of what is gone with its CRD are not waited for.
    let id = ObjectId { kind: ResourceKind::Route(KIND), place: (NAMESPACE.into(), "web".into()) };
    let web = Key::rollout(NAMESPACE, "web");
    let effect = Effect::Version("9".to_owned());
    world.wrote(&web, Wrote { id, uid: None, effect }, now);
    assert!(world.pending().waits_since(&web).is_some());
    assert_eq!(take(&mut world, [absent()]), both);
    assert_eq!(world.pending().waits_since(&web), None);
    assert!(names(&world.routes_of(NAMESPACE, "web")).is_empty());

    let refused = || Event::Served(KIND, Served::Unreadable("forbidden".to_owned()));
    assert_eq!(take(&mut world, [refused()]), both);
    let view = KindView::Unreadable("forbidden".to_owned());
    assert_eq!(*world.routes_of(NAMESPACE, "web").kind(KIND), view);
    assert_eq!(take(&mut world, list(KIND, V1, [])), both);
}

#[test]
fn own_writes_are_waited_for() {
    let mut world = world();
    take(&mut world, list(KIND, V1, [route("web", 3, &json!({}))]));
    let id = ObjectId { kind: ResourceKind::Route(KIND), place: (NAMESPACE.into(), "web".into()) };
    let web = Key::rollout(NAMESPACE, "web");
    for (effect, shown) in [
        (Effect::Version("5".to_owned()), applied(route("web", 5, &json!({})))),
        (Effect::NewerThan("5".to_owned()), applied(route("web", 6, &json!({})))),
        (
            Effect::Gone,
            Event::Route(KIND, Change::Deleted(seen(KIND, route("web", 7, &json!({}))))),
        ),
    ] {
        let uid = Some("uid-web".to_owned());
        world.wrote(&web, Wrote { id: id.clone(), uid, effect: effect.clone() }, Instant::now());
        assert!(world.pending().waits_since(&web).is_some(), "{effect:?}");
        assert_eq!(take(&mut world, [shown]), keys(["web"]), "{effect:?}");
        assert_eq!(world.pending().waits_since(&web), None, "{effect:?}");
    }
}

#[test]
fn objects_are_read_anew_under_another_version() {
    let mut world = world();
    let beta = "gateway.networking.k8s.io/v1beta1";
    let now = Instant::now();
    take(&mut world, list(KIND, beta, [route("web", 3, &json!({}))]));
    assert_eq!(world.route_unread_since(KIND), None);
    world.take(Event::Served(KIND, Served::Tried(V1.to_owned())), now);
    assert_eq!(*world.routes_of(NAMESPACE, "web").kind(KIND), KindView::Unread);
    // How long the first list took is nothing to this one.
    assert_eq!(world.route_unread_since(KIND), Some(now));
    take(&mut world, list(KIND, V1, [route("web", 3, &json!({}))]));
    let web = world.routes_of(NAMESPACE, "web");
    assert_eq!(*web.kind(KIND), KindView::Listed(V1.to_owned()));
    assert_eq!(names(&web), ["web"]);
}

#[test]
fn a_virtual_service_of_app_mesh_leads_to_its_router() {
    let (service, router) = (RouteKind::MeshVirtualService, RouteKind::MeshVirtualRouter);
    let mesh = "appmesh.k8s.aws/v1beta2";
    let mut world = World::default();
    let traffic = json!({"appMesh": {"virtualService": {"name": "web"}, "virtualNodeGroup": {
        "canaryVirtualNodeRef": {"name": "new"}, "stableVirtualNodeRef": {"name": "old"}}}});
    take(&mut world, [rollout("web", 1, &traffic)]);
    let leads = |version: u64, to: &str| {
        let mut object = route("web", version, &json!({}));
        object["spec"] = json!({"provider": {"virtualRouter": {"virtualRouterRef": {"name": to}}}});
        object
    };
    take(&mut world, list(service, mesh, [leads(2, "a")]));
    take(&mut world, list(router, mesh, ["a", "b"].map(|name| route(name, 3, &json!({})))));
    let found = |world: &World| {
        let routes = world.routes_of(NAMESPACE, "web");
        assert_eq!(*routes.kind(RouteKind::MeshVirtualNode), KindView::Unread);
        let routers = routes.objects.into_keys().filter(|key| key.kind == router);
        routers.map(|key| key.name).collect::<Vec<_>>()
    };
    assert_eq!(found(&world), ["a"]);
    // It leads elsewhere: to one that nobody cared about.
    let elsewhere = Event::Route(service, Change::Applied(seen(service, leads(4, "b"))));
    assert_eq!(take(&mut world, [elsewhere]), keys(["web"]));
    assert_eq!(world.unread_routes(NAMESPACE, "web"), [Gap::Object(key(router, "b"))]);
    let fetched = seen(router, route("b", 3, &json!({})));
    take(&mut world, [Event::Route(router, Change::Applied(fetched))]);
    assert_eq!(found(&world), ["b"]);
}

#[test]
fn kinds_are_watched_once_all_rollouts_are_known() {
    let mut world = World::default();
    take(&mut world, [Event::Rollout(Change::ListBegins)]);
    take(&mut world, [rollout("web", 1, &gateway(&json!({"httpRoute": "web"})))]);
    assert!(world.named_route_kinds().is_empty());
    let mut world = World::default();
    take(&mut world, [Event::Rollout(Change::ListBegins), Event::Rollout(Change::ListEnds)]);
    assert!(world.named_route_kinds().is_empty());
    take(&mut world, [rollout("web", 1, &gateway(&json!({"httpRoute": "web"})))]);
    assert_eq!(world.named_route_kinds(), [KIND].into());
}

/// What may happen to Rollouts, to objects, and between the API server and the watch.
#[derive(Clone, Debug)]
enum Happens {
    /// A Rollout names other objects; or it goes.
    Name { rollout: usize, how: Option<usize> },
    /// An object is written, with or without the label, owned by nobody or by a Rollout.
    Write { object: usize, labelled: bool, owner: Option<usize> },
    /// An object is deleted.
    Delete(usize),
    /// The next events of the watch arrive.
    Deliver(usize),
    /// What the watch had not delivered is lost; a fresh list follows.
    Relist(bool),
    /// What was not kept is fetched for a Rollout.
    Fill(usize),
}

const ROLLOUTS: [&str; 2] = ["web", "api"];
const KINDS: [RouteKind; 2] = [RouteKind::HttpRoute, RouteKind::Ingress];

fn anything() -> impl Strategy<Value = Happens> {
    let owner = || prop::option::of(0usize..2);
    prop_oneof![
        3 => (0usize..2, prop::option::weighted(0.8, 0usize..4))
            .prop_map(|(rollout, how)| Happens::Name { rollout, how }),
        4 => (0usize..6, any::<bool>(), owner())
            .prop_map(|(object, labelled, owner)| Happens::Write { object, labelled, owner }),
        1 => (0usize..6).prop_map(Happens::Delete),
        4 => (1usize..4).prop_map(Happens::Deliver),
        1 => any::<bool>().prop_map(Happens::Relist),
        2 => (0usize..2).prop_map(Happens::Fill),
    ]
}

fn traffic(how: usize) -> Value {
    match how {
        0 => gateway(&json!({"httpRoute": "r-0"})),
        1 => gateway(&json!({"httpRouteSelector": {"matchLabels": {"app": "x"}}})),
        2 => json!({"nginx": {"stableIngress": "r-1"}}),
        _ => gateway(&json!({"httpRoute": "r-2",
            "httpRouteSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}})),
    }
}

/// An API server with three HTTPRoutes and three Ingresses, and watches that lag.
#[derive(Default)]
struct Server {
    version: u64,
    live: BTreeMap<usize, Value>,
    lagging: VecDeque<(usize, Value, bool)>,
}

fn kind_of(object: usize) -> RouteKind {
    KINDS[object / 3]
}

impl Server {
    fn write(&mut self, object: usize, labelled: bool, owner: Option<usize>) {
        self.version += 1;
        let labels = if labelled { json!({"app": "x"}) } else { json!({}) };
        let mut new = route(&format!("r-{}", object % 3), self.version, &labels);
        if let Some(owner) = owner {
            let uid = format!("uid-{}", ROLLOUTS[owner]);
            new["metadata"]["ownerReferences"] = json!([{"uid": uid, "controller": true}]);
        }
        self.live.insert(object, new.clone());
        self.lagging.push_back((object, new, false));
    }

    fn delete(&mut self, object: usize) {
        let Some(mut last) = self.live.remove(&object) else { return };
        self.version += 1;
        last["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.lagging.push_back((object, last, true));
    }

    fn deliver(&mut self, world: &mut World) -> bool {
        let Some((object, seen_as, deleted)) = self.lagging.pop_front() else { return false };
        let kind = kind_of(object);
        let observed = seen(kind, seen_as);
        let change = if deleted { Change::Deleted(observed) } else { Change::Applied(observed) };
        take(world, [Event::Route(kind, change)]);
        true
    }

    fn relist(&mut self, world: &mut World, kind: RouteKind) {
        self.lagging.retain(|(object, ..)| kind_of(*object) != kind);
        let of_kind = self.live.iter().filter(|(object, _)| kind_of(**object) == kind);
        take(world, list(kind, V1, of_kind.map(|(_, live)| live.clone())));
    }

    /// As the loop does it: what is missing is fetched, as it is now.
    fn fill(&self, world: &mut World, rollout: &str) {
        for gap in world.unread_routes(NAMESPACE, rollout) {
            let kind = gap.kind();
            let mut is_there = false;
            for (object, live) in &self.live {
                let labels = super::route_table::labels(live);
                let is_meant = kind_of(*object) == kind
                    && match &gap {
                        Gap::Object(key) => live["metadata"]["name"] == key.name.as_str(),
                        Gap::Selected(of) => {
                            sluice_crd::validation::selector_matches(&of.selector, &labels)
                        }
                    };
                if is_meant {
                    is_there = true;
                    let change = Change::Applied(seen(kind, live.clone()));
                    take(world, [Event::Route(kind, change)]);
                }
            }
            match &gap {
                Gap::Object(key) if !is_there => {
                    let place = (key.namespace.clone(), key.name.clone());
                    world.is_gone(&ObjectId { kind: ResourceKind::Route(kind), place });
                }
                Gap::Object(_) => {}
                Gap::Selected(selected) => world.selected_is_read(NAMESPACE, rollout, selected),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever order Rollouts, objects, lists and watches come in: in the end each Rollout has what
    /// it names, selects or controls, as it is; and nothing else is kept.
    #[test]
    fn in_the_end_each_rollout_has_what_it_cares_about(
        happenings in prop::collection::vec(anything(), 1..50),
    ) {
        let mut world = World::default();
        let mut server = Server::default();
        for happens in happenings {
            match happens {
                Happens::Name { rollout: of, how: Some(how) } => {
                    server.version += 1;
                    let event = rollout(ROLLOUTS[of], server.version, &traffic(how));
                    take(&mut world, [event]);
                }
                Happens::Name { rollout: of, how: None } => {
                    let place = (NAMESPACE.to_owned(), ROLLOUTS[of].to_owned());
                    world.is_gone(&ObjectId { kind: ResourceKind::Rollout, place });
                }
                Happens::Write { object, labelled, owner } => {
                    server.write(object, labelled, owner);
                }
                Happens::Delete(object) => server.delete(object),
                Happens::Deliver(events) => {
                    for _ in 0..events {
                        server.deliver(&mut world);
                    }
                }
                Happens::Relist(first) => {
                    server.relist(&mut world, KINDS[usize::from(!first)]);
                }
                Happens::Fill(of) => server.fill(&mut world, ROLLOUTS[of]),
            }
        }

        while server.deliver(&mut world) {}
        for kind in KINDS {
            if world.served_version(kind).is_none() {
                server.relist(&mut world, kind);
            }
        }
        let mut cared_about = BTreeSet::new();
        for name in ROLLOUTS {
            server.fill(&mut world, name);
            prop_assert_eq!(world.unread_routes(NAMESPACE, name), Vec::new());
            let mut expected = BTreeMap::new();
            if let Some(record) = world.rollout(NAMESPACE, name).and_then(|e| e.record.as_ref().ok()) {
                let cares = named(record, &Routes::default());
                for (object, live) in &server.live {
                    let key = key(kind_of(*object), &format!("r-{}", object % 3));
                    let owner = live["metadata"]["ownerReferences"][0]["uid"].as_str();
                    let labels = super::route_table::labels(live);
                    if cares.has(&key, &labels, owner, (NAMESPACE, &record.uid)) {
                        let version = live["metadata"]["resourceVersion"].as_str().unwrap();
                        cared_about.insert(key.clone());
                        expected.insert(key, version.to_owned());
                    }
                }
            }
            let found = world.routes_of(NAMESPACE, name).objects;
            let found: BTreeMap<_, _> =
                found.into_iter().map(|(key, r)| (key, r.resource_version.clone())).collect();
            prop_assert_eq!(found, expected, "{}", name);
        }
        let kept: usize = KINDS.iter().filter_map(|kind| world.routes.get(kind))
            .map(|table| table.kept().count()).sum();
        prop_assert_eq!(kept, cared_about.len());
    }
}
