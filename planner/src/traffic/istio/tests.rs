use proptest::prelude::*;

use super::*;
use crate::traffic::Share;

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

fn named(routes: &[&str]) -> IstioVirtualService {
    IstioVirtualService {
        name: "web".to_owned(),
        routes: routes.iter().map(|name| (*name).to_owned()).collect(),
        ..IstioVirtualService::default()
    }
}

fn hosts(stable: u32, canary: u32) -> Value {
    json!([
        {"destination": {"host": "web-stable.shop.svc.cluster.local", "port": {"number": 80}}, "weight": stable},
        {"destination": {"host": "web-canary"}, "weight": canary, "headers": {"request": {}}},
    ])
}

fn service(http: Value) -> Value {
    json!({"kind": "VirtualService", "metadata": {"name": "web"}, "spec": {"hosts": ["web"], "http": http}})
}

#[test]
fn of_a_route_to_both_services_the_weights_are_set_and_nothing_else() {
    let before = service(json!([
        {"name": "main", "route": hosts(100, 0), "retries": {"attempts": 2}},
        {"name": "docs", "route": [{"destination": {"host": "docs"}}]},
    ]));
    let after = render(&named(&["main"]), None, &intent(20), &before).unwrap();
    let mut expected = before.clone();
    expected["spec"]["http"][0]["route"] = hosts(80, 20);
    assert_eq!(after, expected);
}

#[test]
fn subsets_of_one_host_are_told_apart_by_their_names() {
    let rule = IstioDestinationRule {
        name: "web".to_owned(),
        canary_subset_name: "new".to_owned(),
        stable_subset_name: "old".to_owned(),
        ..IstioDestinationRule::default()
    };
    let to = |subset: &str| json!({"destination": {"host": "web", "subset": subset}});
    let before = service(json!([{"route": [to("old"), to("new")]}]));
    let after = render(&named(&[]), Some(&rule), &intent(5), &before).unwrap();
    let weights: Vec<_> =
        (0..2).map(|i| after["spec"]["http"][0]["route"][i]["weight"].clone()).collect();
    assert_eq!(weights, [json!(95), json!(5)]);

    let before = json!({"spec": {"subsets": [
        {"name": "old", "labels": {"app": "web"}}, {"name": "new", "trafficPolicy": {}}, {"name": "x"},
    ]}});
    let after = subsets(&rule, "web", None, Some("abc"), &before).unwrap();
    assert_eq!(
        after["spec"]["subsets"],
        json!([
            {"name": "old", "labels": {"app": "web"}},
            {"name": "new", "trafficPolicy": {}, "labels": {"rollouts-pod-template-hash": "abc"}},
            {"name": "x"},
        ])
    );
    let problem = subsets(&rule, "web", None, Some("abc"), &json!({"spec": {}})).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "DestinationRule web: spec.subsets: has no subset old; add one with the labels of the pods"
    );
}

#[test]
fn which_route_is_meant_has_to_be_plain() {
    let two =
        service(json!([{"name": "a", "route": hosts(1, 0)}, {"name": "b", "route": hosts(1, 0)}]));
    let say = |named: &IstioVirtualService, service: &Value| {
        render(named, None, &intent(1), service).unwrap_err().to_string()
    };
    assert_eq!(
        say(&named(&[]), &two),
        "VirtualService web: spec.http: has 2 routes: name those that are meant in \
         virtualService.routes of the Rollout"
    );
    assert_eq!(say(&named(&["c"]), &two), "VirtualService web: spec.http: has no route named c");
    let other = service(json!([{"route": [{"destination": {"host": "web-stable.elsewhere"}}]}]));
    assert_eq!(
        say(&named(&[]), &other),
        "VirtualService web: spec.http[0]: does not lead to host web-stable; its destinations have to \
         be both host web-stable and host web-canary"
    );
    assert!(render(&named(&[]), None, &intent(1), &json!({"spec": 3})).is_err());
}

#[test]
fn a_third_destination_gets_no_part_of_the_requests() {
    let with = |weight: u32| {
        let mut route = hosts(60, 0);
        let third = json!({"destination": {"host": "other"}, "weight": weight});
        route.as_array_mut().unwrap().push(third);
        service(json!([{"route": route}]))
    };
    let problem = render(&named(&[]), None, &intent(1), &with(40)).unwrap_err().to_string();
    assert_eq!(
        problem,
        "VirtualService web: spec.http[0]: also leads to host other with weight 40, and only host \
         web-stable and host web-canary may share its requests; take it out, or set its weight to 0"
    );
    let after = render(&named(&[]), None, &intent(1), &with(0)).unwrap();
    assert_eq!(after["spec"]["http"][0]["route"][2], with(0)["spec"]["http"][0]["route"][2]);
}

#[test]
fn tcp_and_tls_routes_are_found_by_what_they_match() {
    let before = json!({"spec": {
        "tcp": [{"match": [{"port": 25}], "route": hosts(100, 0)}, {"match": [{"port": 26}], "route": hosts(100, 0)}],
        "tls": [{"match": [{"port": 443, "sniHosts": ["a", "b"]}], "route": hosts(100, 0)}],
    }});
    let named = IstioVirtualService {
        name: "web".to_owned(),
        tcp_routes: vec![sluice_crd::rollout::TCPRoute { port: 26 }],
        tls_routes: vec![sluice_crd::rollout::TLSRoute {
            port: 443,
            sni_hosts: vec!["b".to_owned(), "a".to_owned()],
        }],
        ..IstioVirtualService::default()
    };
    let after = render(&named, None, &intent(30), &before).unwrap();
    assert_eq!(after["spec"]["tcp"][0], before["spec"]["tcp"][0]);
    assert_eq!(after["spec"]["tcp"][1]["route"], hosts(70, 30));
    assert_eq!(after["spec"]["tls"][0]["route"], hosts(70, 30));
    let wrong = IstioVirtualService {
        tls_routes: Vec::new(),
        tcp_routes: vec![sluice_crd::rollout::TCPRoute { port: 9 }],
        ..named
    };
    assert!(render(&wrong, None, &intent(30), &before).is_err());
}

fn exact(text: &str) -> StringMatch {
    StringMatch { exact: text.to_owned(), ..StringMatch::default() }
}

fn managed_routes() -> Vec<Managed> {
    let header =
        HeaderRoutingMatch { header_name: "X-Beta".to_owned(), header_value: Some(exact("yes")) };
    let wanted = RouteMatch { method: Some(exact("GET")), ..RouteMatch::default() };
    vec![
        Managed {
            name: "copy".to_owned(),
            route: Route::Mirror { matches: vec![wanted], percentage: Some(10) },
        },
        Managed { name: "beta".to_owned(), route: Route::Header(vec![header]) },
    ]
}

#[test]
fn managed_routes_come_first_in_their_order_and_go_again() {
    let before = service(json!([{"name": "main", "route": hosts(100, 0)}]));
    let with = Intent { routes: managed_routes(), ..intent(10) };
    let after = render(&named(&["main"]), None, &with, &before).unwrap();
    assert_eq!(
        after["spec"]["http"],
        json!([
            {
                "name": "copy", "match": [{"method": {"exact": "GET"}}], "route": hosts(90, 10),
                "mirror": {"host": "web-canary"}, "mirrorPercentage": {"value": 10},
            },
            {
                "name": "beta", "match": [{"headers": {"x-beta": {"exact": "yes"}}}],
                "route": [{"destination": {"host": "web-canary"}, "weight": 100}],
            },
            {"name": "main", "route": hosts(90, 10)},
        ])
    );
    assert_eq!(render(&named(&["main"]), None, &with, &after).unwrap(), after);
    assert_eq!(render(&named(&["main"]), None, &intent(0), &after).unwrap(), before);
}

proptest! {
    /// Weights alone change, whatever else stands there.
    #[test]
    fn what_others_own_stays(weights in (0u32..=100, 0u32..=100), canary in 0u32..=100, extra in "[a-z]{0,5}", managed in any::<bool>()) {
        let before = service(json!([
            {"name": extra, "route": [{"destination": {"host": "docs"}}], "fault": {"abort": extra}},
            {"name": "main", "route": hosts(weights.0, weights.1), "timeout": extra},
        ]));
        let routes = if managed { managed_routes() } else { Vec::new() };
        let wanted = Intent { routes, ..intent(canary) };
        let after = render(&named(&["main"]), None, &wanted, &before).unwrap();
        prop_assert_eq!(&render(&named(&["main"]), None, &wanted, &after).unwrap(), &after);
        let mut back = render(&named(&["main"]), None, &intent(0), &after).unwrap();
        back["spec"]["http"][1]["route"] = hosts(weights.0, weights.1);
        prop_assert_eq!(back, before);
    }
}
