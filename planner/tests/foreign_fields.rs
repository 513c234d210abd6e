//! What users and other tools own in the objects of routers is left as it is (issue 6): random fields
//! in random places, for every router.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_planner::RolloutRecord;
use sluice_planner::traffic::objects::{KindView, RouteKey, RouteKind, RouteRecord, Routes};
use sluice_planner::traffic::routers::{Hashes, Routers};
use sluice_planner::traffic::{Intent, Share};

/// A router, its objects, and whether foreign fields may be below `spec` as well (not in objects that
/// are the Rollout's own).
struct Case {
    name: &'static str,
    traffic: Value,
    objects: Vec<(RouteKind, Value)>,
    everywhere: bool,
}

fn cases() -> Vec<Case> {
    let refs = json!([{"name": "stable", "port": 80, "weight": 100}, {"name": "canary", "port": 80, "weight": 0}]);
    let owner = json!([{"uid": "uid", "controller": true}]);
    let paths = json!([{"http": {"paths": [{"path": "/", "backend": {"service": {"name": "stable", "port": {"name": "use-annotation"}}}}]}}]);
    let host = |host: &str, weight: u32| json!({"destination": {"host": host}, "weight": weight});
    let subset = |subset: &str, weight: u32| json!({"destination": {"host": "web", "subset": subset}, "weight": weight});
    let node =
        |name: &str, weight: u32| json!({"virtualNodeRef": {"name": name}, "weight": weight});
    let route = |kind: RouteKind| {
        (kind, json!({"metadata": {"name": "web"}, "spec": {"rules": [{"backendRefs": refs}]}}))
    };
    let gateway = |field: &str, kind: RouteKind| Case {
        name: kind.name(),
        traffic: json!({"plugins": {"argoproj-labs/gatewayAPI": {field: "web"}}}),
        objects: vec![route(kind)],
        everywhere: true,
    };
    vec![
        gateway("httpRoute", RouteKind::HttpRoute),
        gateway("grpcRoute", RouteKind::GrpcRoute),
        gateway("tcpRoute", RouteKind::TcpRoute),
        gateway("tlsRoute", RouteKind::TlsRoute),
        Case {
            name: "Istio, hosts",
            traffic: json!({"istio": {"virtualService": {"name": "web"}}}),
            objects: vec![(
                RouteKind::VirtualService,
                json!({
                    "metadata": {"name": "web"},
                    "spec": {"http": [{"route": [host("stable", 100), host("canary", 0)]}]},
                }),
            )],
            everywhere: true,
        },
        Case {
            name: "Istio, subsets",
            traffic: json!({"istio": {
                "virtualService": {"name": "web"},
                "destinationRule": {"name": "web", "stableSubsetName": "s", "canarySubsetName": "c"},
            }}),
            objects: vec![
                (
                    RouteKind::VirtualService,
                    json!({
                        "metadata": {"name": "web"},
                        "spec": {"http": [{"route": [subset("s", 100), subset("c", 0)]}]},
                    }),
                ),
                (
                    RouteKind::DestinationRule,
                    json!({
                        "metadata": {"name": "web"},
                        "spec": {"host": "web", "subsets": [
                            {"name": "s", "labels": {"app": "web"}}, {"name": "c", "labels": {"app": "web"}},
                        ]},
                    }),
                ),
            ],
            everywhere: true,
        },
        Case {
            name: "Traefik",
            traffic: json!({"traefik": {"weightedTraefikServiceName": "web"}}),
            objects: vec![(
                RouteKind::TraefikService,
                json!({
                    "metadata": {"name": "web"}, "spec": {"weighted": {"services": refs}},
                }),
            )],
            everywhere: true,
        },
        Case {
            name: "APISIX",
            traffic: json!({"apisix": {"route": {"name": "web"}}}),
            objects: vec![(
                RouteKind::ApisixRoute,
                json!({
                    "metadata": {"name": "web"},
                    "spec": {"http": [{"name": "web", "backends": [
                        {"serviceName": "stable", "weight": 100}, {"serviceName": "canary", "weight": 0},
                    ]}]},
                }),
            )],
            everywhere: true,
        },
        Case {
            name: "App Mesh",
            traffic: json!({"appMesh": {
                "virtualService": {"name": "web"},
                "virtualNodeGroup": {
                    "stableVirtualNodeRef": {"name": "s"}, "canaryVirtualNodeRef": {"name": "c"},
                },
            }}),
            objects: vec![
                (
                    RouteKind::MeshVirtualService,
                    json!({
                        "metadata": {"name": "web"},
                        "spec": {"provider": {"virtualRouter": {"virtualRouterRef": {"name": "web"}}}},
                    }),
                ),
                (
                    RouteKind::MeshVirtualRouter,
                    json!({
                        "metadata": {"name": "web"},
                        "spec": {"routes": [{"name": "a", "httpRoute": {"action": {"weightedTargets": [
                            node("s", 100), node("c", 0),
                        ]}}}]},
                    }),
                ),
                (
                    RouteKind::MeshVirtualNode,
                    json!({
                        "metadata": {"name": "s"}, "spec": {"podSelector": {"matchLabels": {"app": "web"}}},
                    }),
                ),
                (
                    RouteKind::MeshVirtualNode,
                    json!({
                        "metadata": {"name": "c"}, "spec": {"podSelector": {"matchLabels": {"app": "web"}}},
                    }),
                ),
            ],
            everywhere: true,
        },
        Case {
            name: "ALB",
            traffic: json!({"alb": {"ingress": "web", "servicePort": 80}}),
            objects: vec![(
                RouteKind::Ingress,
                json!({
                    "metadata": {"name": "web", "annotations": {}}, "spec": {"rules": paths},
                }),
            )],
            everywhere: true,
        },
        Case {
            name: "SMI",
            traffic: json!({"smi": {}}),
            objects: vec![(
                RouteKind::TrafficSplit,
                json!({
                    "apiVersion": "split.smi-spec.io/v1alpha2",
                    "metadata": {"name": "web", "ownerReferences": owner},
                    "spec": {"service": "stable", "backends": [
                        {"service": "canary", "weight": 0}, {"service": "stable", "weight": 100},
                    ]},
                }),
            )],
            everywhere: false,
        },
        Case {
            name: "Ambassador",
            traffic: json!({"ambassador": {"mappings": ["web"]}}),
            objects: vec![
                (
                    RouteKind::Mapping,
                    json!({
                        "metadata": {"name": "web"}, "spec": {"service": "stable:80", "prefix": "/"},
                    }),
                ),
                (
                    RouteKind::Mapping,
                    json!({
                        "metadata": {"name": "web-canary", "ownerReferences": owner},
                        "spec": {"service": "canary:80", "prefix": "/", "weight": 3},
                    }),
                ),
            ],
            everywhere: false,
        },
    ]
}

fn rollout(traffic: &Value) -> RolloutRecord {
    let spec = json!({"strategy": {"canary": {
        "stableService": "stable", "canaryService": "canary", "trafficRouting": traffic,
    }}});
    RolloutRecord {
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
        uid: "uid".to_owned(),
        resource_version: "1".to_owned(),
        generation: 1,
        created: None,
        deleting: false,
        finalizers: Vec::new(),
        labels: Default::default(),
        annotations: Default::default(),
        spec: Arc::new(serde_json::from_value(spec).unwrap()),
        status: Default::default(),
    }
}

fn routes(objects: &[(RouteKind, Value)]) -> Routes {
    let record = |(kind, object): &(RouteKind, Value)| {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let key = RouteKey { kind: *kind, namespace: "shop".to_owned(), name };
        (key, Arc::new(RouteRecord { object: object.clone(), ..RouteRecord::default() }))
    };
    let listed = |kind: RouteKind| {
        let (group, version) = kind.versions()[0];
        (kind, KindView::Listed(format!("{group}/{version}")))
    };
    Routes {
        objects: objects.iter().map(record).collect(),
        kinds: RouteKind::ALL.into_iter().map(listed).collect(),
        only_namespace: None,
    }
}

/// Every leaf that differs, by its path, with what it becomes.
type Changes = BTreeMap<String, Value>;

/// What a share changes in these objects.
fn changes(case: &Case, objects: &[(RouteKind, Value)], share: u32) -> Changes {
    let rollout = rollout(&case.traffic);
    let canary = rollout.spec.strategy.canary.as_ref().unwrap();
    let routers = Routers::of(&rollout, canary).unwrap();
    let routes = routes(objects);
    let intent = Intent {
        rollout: "shop/web".to_owned(),
        stable: "stable".to_owned(),
        canary: "canary".to_owned(),
        share: Share::new(share, 100),
        ..Intent::default()
    };
    let hashes = Hashes { stable: Some("a"), canary: Some("b") };
    let wanted = routers.weights(&intent, &routes).into_iter();
    let wanted = wanted.chain(routers.destinations(hashes, &routes));
    let mut out = Changes::new();
    for wanted in wanted {
        let wanted = wanted.unwrap();
        let now = wanted.now.map_or(Value::Null, |record| record.object.clone());
        difference(&wanted.key.to_string(), &now, &wanted.then.unwrap_or_default(), &mut out);
    }
    out
}

fn difference(path: &str, old: &Value, new: &Value, out: &mut Changes) {
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()) {
                let of = |map: &serde_json::Map<String, Value>| {
                    map.get(key).cloned().unwrap_or_default()
                };
                difference(&format!("{path}.{key}"), &of(a), &of(b), out);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                difference(&format!("{path}[{i}]"), a, b, out);
            }
        }
        _ if old != new => {
            out.insert(path.to_owned(), new.clone());
        }
        _ => {}
    }
}

/// All maps of an object, in a fixed order.
fn maps<'a>(
    value: &'a mut Value,
    out: &mut Vec<&'a mut serde_json::Map<String, Value>>,
    pick: &mut usize,
) -> bool {
    match value {
        Value::Object(map) => {
            if *pick == 0 {
                out.push(map);
                return true;
            }
            *pick -= 1;
            map.values_mut().any(|below| maps(below, out, pick))
        }
        Value::Array(list) => list.iter_mut().any(|below| maps(below, out, pick)),
        _ => false,
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(count).sum::<usize>(),
        Value::Array(list) => list.iter().map(count).sum(),
        _ => 0,
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever else stands in the objects, the same fields change, to the same values, and no other.
    #[test]
    fn fields_of_others_change_nothing_and_are_not_changed(
        foreign in prop::collection::vec((any::<prop::sample::Index>(), "x-[a-z]{1,5}", any_value()), 0..6),
        share in prop::sample::select(vec![1u32, 20, 50, 100]),
    ) {
        for case in cases() {
            let expected = changes(&case, &case.objects, share);
            let mut objects = case.objects.clone();
            for (place, key, value) in &foreign {
                for (_, object) in &mut objects {
                    let metadata = &mut object["metadata"];
                    metadata[format!("{key}-of-metadata")] = value.clone();
                    if case.everywhere {
                        let mut pick = place.index(count(object));
                        let mut found = Vec::new();
                        maps(object, &mut found, &mut pick);
                        if let Some(map) = found.pop() {
                            map.insert(key.clone(), value.clone());
                        }
                    }
                }
            }
            let found = changes(&case, &objects, share);
            prop_assert!(!expected.is_empty(), "{}", case.name);
            prop_assert_eq!(&found, &expected, "{}", case.name);
        }
    }
}
