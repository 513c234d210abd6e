use proptest::prelude::*;
use serde_json::json;
use sluice_crd::raw::RawJson;
use sluice_crd::rollout::{HeaderRoutingMatch, RouteMatch, StringMatch};

use super::*;
use crate::traffic::{Managed, Route, Share};

fn config(json: Value) -> Config {
    Config::read(&RawJson::new(&json)).unwrap()
}

fn render_without_book(
    config: &Config,
    named: &Named,
    intent: &Intent,
    route: &Value,
) -> Result<Value, Problem> {
    render(config, &Book::default(), named, intent, route)
}

fn http(name: &str) -> Named {
    Named { kind: Kind::Http, name: name.to_owned(), header_routes: true, rule: None }
}

fn intent(canary: u32) -> Intent {
    Intent {
        rollout: "shop/web".to_owned(),
        stable: "web-stable".to_owned(),
        canary: "web-canary".to_owned(),
        share: Share::new(canary, 100),
        managed: vec!["beta".to_owned(), "copy".to_owned()],
        ..Intent::default()
    }
}

fn backends(stable: Option<u32>, canary: Option<u32>) -> Value {
    let to = |name: &str, weight: Option<u32>| {
        let mut to = json!({"name": name, "port": 80});
        if let Some(weight) = weight {
            to["weight"] = weight.into();
        }
        to
    };
    json!([to("web-stable", stable), to("web-canary", canary)])
}

fn route(rules: Value) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"hostnames": ["shop.example.com"], "rules": rules},
    })
}

fn path(value: &str) -> Value {
    json!([{"path": {"type": "PathPrefix", "value": value}}])
}

#[test]
fn of_a_rule_that_names_both_services_the_weights_are_set_and_nothing_else() {
    let before = route(json!([
        {"backendRefs": backends(None, None), "matches": path("/"), "timeouts": {"request": "3s"}},
        {"backendRefs": [{"name": "docs", "port": 80, "weight": 3}], "matches": path("/docs")},
    ]));
    let config = config(json!({"disableInProgressLabel": true}));
    let after = render_without_book(&config, &http("web"), &intent(20), &before).unwrap();
    let mut expected = before.clone();
    expected["spec"]["rules"][0]["backendRefs"] = backends(Some(80), Some(20));
    assert_eq!(after, expected);
    assert_eq!(seen(&http("web"), &intent(20), &after), Some((20, 80)));
    assert_eq!(seen(&http("web"), &intent(20), &before), Some((1, 1)));
}

#[test]
fn other_backends_of_the_rule_keep_their_weights_within_a_smaller_whole() {
    let mut refs = backends(Some(95), Some(0));
    refs.as_array_mut().unwrap().push(json!({"name": "tap", "port": 80, "weight": 5}));
    let before = route(json!([{"backendRefs": refs}]));
    let intent = Intent { share: Share::new(20, 95), ..intent(0) };
    let after = render_without_book(&Config::default(), &http("web"), &intent, &before).unwrap();
    let weights: Vec<_> = after["spec"]["rules"][0]["backendRefs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|to| to["weight"].as_u64().unwrap())
        .collect();
    assert_eq!(weights, [75, 20, 5]);
}

#[test]
fn a_rule_name_leaves_the_other_rules_alone() {
    let before = route(json!([
        {"backendRefs": backends(Some(95), Some(5))},
        {"name": "argo", "backendRefs": backends(Some(100), Some(0))},
    ]));
    let named = Named { rule: Some("argo".to_owned()), ..http("web") };
    let after = render_without_book(&Config::default(), &named, &intent(10), &before).unwrap();
    assert_eq!(after["spec"]["rules"][0], before["spec"]["rules"][0]);
    assert_eq!(after["spec"]["rules"][1]["backendRefs"], backends(Some(90), Some(10)));
    let named = Named { rule: Some("nope".to_owned()), ..http("web") };
    let problem =
        render_without_book(&Config::default(), &named, &intent(10), &before).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "HTTPRoute web: spec.rules: there is no rule nope that has both Services, web-stable and \
         web-canary, in its backendRefs; add them to the rule whose requests are to be split"
    );
}

#[test]
fn a_thing_of_another_kind_by_the_name_of_a_service_is_not_ours() {
    let refs = json!([
        {"name": "web-stable", "port": 80},
        {"name": "web-canary", "group": "example.com", "kind": "Bucket"},
    ]);
    let before = route(json!([{"backendRefs": refs}]));
    assert!(render_without_book(&Config::default(), &http("web"), &intent(10), &before).is_err());
    for rules in [json!([]), Value::Null, json!({"not": "a list"})] {
        assert!(
            render_without_book(&Config::default(), &http("web"), &intent(10), &route(rules))
                .is_err()
        );
    }
}

fn beta() -> Managed {
    let value = StringMatch { exact: "yes".to_owned(), ..StringMatch::default() };
    let header = HeaderRoutingMatch { header_name: "X-Beta".to_owned(), header_value: Some(value) };
    Managed { name: "beta".to_owned(), route: Route::Header(vec![header]) }
}

#[test]
fn a_header_route_stands_before_each_rule_that_is_ours() {
    let before = route(json!([
        {"backendRefs": backends(Some(100), Some(0)), "matches": path("/a"), "filters": [{"type": "X"}]},
        {"backendRefs": backends(Some(100), Some(0))},
    ]));
    let intent = Intent { routes: vec![beta()], ..intent(10) };
    let after = render_without_book(&Config::default(), &http("web"), &intent, &before).unwrap();
    let header = json!([{"name": "X-Beta", "type": "Exact", "value": "yes"}]);
    let canary = json!([{"name": "web-canary", "port": 80, "weight": 1}]);
    assert_eq!(
        after["spec"]["rules"],
        json!([
            {
                "name": "beta", "backendRefs": canary, "filters": [{"type": "X"}],
                "matches": [{"path": {"type": "PathPrefix", "value": "/a"}, "headers": header}],
            },
            {"name": "beta-1", "backendRefs": canary, "matches": [{"headers": header}]},
            {
                "backendRefs": backends(Some(90), Some(10)), "matches": path("/a"),
                "filters": [{"type": "X"}],
            },
            {"backendRefs": backends(Some(90), Some(10))},
        ])
    );
    let again = render_without_book(&Config::default(), &http("web"), &intent, &after).unwrap();
    assert_eq!(again, after);
    let listed = Named { header_routes: false, ..http("web") };
    let without = render_without_book(&Config::default(), &listed, &intent, &after).unwrap();
    assert_eq!(without["spec"]["rules"].as_array().unwrap().len(), 2);
}

#[test]
fn a_mirror_route_copies_what_it_matches_and_sends_it_on_as_before() {
    let before =
        route(json!([{"backendRefs": backends(Some(100), Some(0)), "matches": path("/")}]));
    let get = StringMatch { exact: "GET".to_owned(), ..StringMatch::default() };
    let api = StringMatch { prefix: "/api".to_owned(), ..StringMatch::default() };
    let wanted = RouteMatch { method: Some(get), path: Some(api), ..RouteMatch::default() };
    let copy = Route::Mirror { matches: vec![wanted], percentage: Some(10) };
    let routes = vec![Managed { name: "copy".to_owned(), route: copy }];
    let intent = Intent { routes, ..intent(0) };
    let after = render_without_book(&Config::default(), &http("web"), &intent, &before).unwrap();
    assert_eq!(
        after["spec"]["rules"][0],
        json!({
            "name": "copy",
            "backendRefs": backends(Some(100), Some(0)),
            "matches": [{"method": "GET", "path": {"type": "PathPrefix", "value": "/api"}}],
            "filters": [{
                "type": "RequestMirror",
                "requestMirror": {"backendRef": {"name": "web-canary", "port": 80}, "percent": 10},
            }],
        })
    );
    let grpc = Named { kind: Kind::Grpc, ..http("web") };
    let after = render_without_book(&Config::default(), &grpc, &intent, &before).unwrap();
    assert_eq!(after["spec"]["rules"].as_array().unwrap().len(), 1);
}

#[test]
fn the_label_stays_until_the_last_rollout_that_shares_the_route_is_through() {
    let before = route(json!([{"backendRefs": backends(Some(100), Some(0))}]));
    let other = Intent { rollout: "shop/other".to_owned(), ..intent(30) };
    let render = |intent: &Intent, route: &Value| {
        render_without_book(&Config::default(), &http("web"), intent, route).unwrap()
    };
    let one = render(&intent(20), &before);
    let label = "rollouts.argoproj.io/gatewayapi-canary";
    let annotation = "rollouts.argoproj.io/gatewayapi-active-rollouts";
    assert_eq!(one["metadata"]["labels"][label], "in-progress");
    let both = render(&other, &one);
    assert_eq!(both["metadata"]["annotations"][annotation], "shop/other,shop/web");
    let left = render(&intent(0), &both);
    assert_eq!(left["metadata"]["labels"][label], "in-progress");
    let none = render(&Intent { share: Share::new(0, 100), ..other }, &left);
    assert_eq!(none["metadata"], before["metadata"]);
    assert_eq!(none, before);
}

#[test]
fn what_users_of_the_plugin_write_is_read() {
    let config = config(json!({
        "httpRoute": "one", "httpRouteRuleName": "argo", "namespace": "shop",
        "httpRoutes": [{"name": "two"}, {"name": "three", "useHeaderRoutes": true}],
        "tcpRoutes": [{"name": "raw"}],
        "grpcRouteSelector": {"matchLabels": {"app": "web"}},
        "configMapRWMutex": "unknown to us",
    }));
    let named: Vec<_> = config
        .named()
        .into_iter()
        .map(|n| (n.kind.name(), n.name, n.header_routes, n.rule))
        .collect();
    assert_eq!(
        named,
        [
            ("HTTPRoute", "one".to_owned(), true, Some("argo".to_owned())),
            ("HTTPRoute", "two".to_owned(), false, None),
            ("HTTPRoute", "three".to_owned(), true, None),
            ("TCPRoute", "raw".to_owned(), false, None),
        ]
    );
    assert_eq!(config.selected().len(), 1);
    assert!(Config::read(&RawJson::new(&json!({"httpRoutes": "one"}))).is_err());
}

/// Any JSON, for what others own.
fn foreign() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z/.]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,5}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_rule() -> impl Strategy<Value = Value> {
    let ours = (any::<bool>(), foreign(), foreign()).prop_map(|(ours, a, b)| {
        let refs = if ours {
            backends(Some(1), Some(7))
        } else {
            json!([{"name": "docs", "port": 80, "weight": 3}, {"name": "web-stable", "port": 80}])
        };
        json!({"backendRefs": refs, "timeouts": a, "sessionPersistence": b})
    });
    prop_oneof![3 => ours, 1 => foreign()]
}

proptest! {
    /// What is not ours comes back as it was, a second time changes nothing, and back at nothing the
    /// route is what it was.
    #[test]
    fn what_others_own_stays(
        rules in prop::collection::vec(any_rule(), 0..4),
        extra in foreign(),
        canary in 0u32..=100,
        header in any::<bool>(),
    ) {
        let mut before = route(Value::from(rules));
        before["status"] = extra.clone();
        before["spec"]["parentRefs"] = extra;
        let routes = if header { vec![beta()] } else { Vec::new() };
        let intent = Intent { routes, ..intent(canary) };
        let Ok(after) = render_without_book(&Config::default(), &http("web"), &intent, &before) else {
            return Ok(());
        };
        prop_assert_eq!(&render_without_book(&Config::default(), &http("web"), &intent, &after).unwrap(), &after);
        let home = Intent { share: Share::new(0, 100), routes: Vec::new(), ..intent };
        let back = render_without_book(&Config::default(), &http("web"), &home, &after).unwrap();
        let direct = render_without_book(&Config::default(), &http("web"), &home, &before).unwrap();
        prop_assert_eq!(&back, &direct);
        let mut same = direct;
        for (rule, was) in same["spec"]["rules"].as_array_mut().unwrap().iter_mut()
            .zip(before["spec"]["rules"].as_array().unwrap())
        {
            if rule["backendRefs"].is_array() && rule != was {
                rule["backendRefs"] = was["backendRefs"].clone();
            }
        }
        prop_assert_eq!(same, before);
    }
}
