use serde_json::{Value, json};

use super::*;
use crate::scenario::mirror::Seen;

fn mirror(objects: &[Value]) -> Mirror {
    let mut mirror = Mirror::default();
    for object in objects {
        mirror.take(&Seen { object: object.clone(), deleted: false });
    }
    mirror
}

fn weights(kind: &str, objects: &[Value]) -> Vec<Vec<(String, u64)>> {
    let mirror = mirror(objects);
    let splits = splits(&mirror, kind, &objects[0]);
    let of = |split: Split| split.to.into_iter().map(|(to, weight)| (to.name, weight)).collect();
    splits.into_iter().map(of).collect()
}

fn pair(canary: (&str, u64), stable: (&str, u64)) -> Vec<(String, u64)> {
    vec![(canary.0.to_owned(), canary.1), (stable.0.to_owned(), stable.1)]
}

fn object(kind: &str, spec: Value) -> Value {
    json!({"kind": kind, "metadata": {"name": "web"}, "spec": spec})
}

#[test]
fn rules_of_the_gateway_api() {
    let route = object(
        "HTTPRoute",
        json!({"rules": [
            {"backendRefs": [{"name": "c", "weight": 20}, {"name": "s", "weight": 80}]},
            {"backendRefs": [{"name": "s"}, {"name": "x", "kind": "Backend"}],
             "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "c"}}}]},
        ]}),
    );
    let expected = [pair(("c", 20), ("s", 80)), pair(("s", 1), ("Backend/x", 1))];
    assert_eq!(weights("HTTPRoute", std::slice::from_ref(&route)), expected);
    let splits = splits(&mirror(&[]), "HTTPRoute", &route);
    assert_eq!(splits[1].mirrors[0].name, "c");
    assert_eq!((splits[0].whole(), splits[1].at.as_str()), (100, "1"));
}

#[test]
fn hosts_and_subsets_of_a_mesh() {
    let service = object(
        "VirtualService",
        json!({
            "http": [{"route": [
                {"destination": {"host": "c.shop.svc"}, "weight": 20},
                {"destination": {"host": "s"}, "weight": 80}]}],
            "tcp": [{"route": [{"destination": {"host": "web", "subset": "new"}}]}],
        }),
    );
    let rule = json!({"kind": "DestinationRule", "metadata": {"name": "dr"},
        "spec": {"host": "web", "subsets": [{"name": "new", "labels": {"hash": "b"}}]}});
    let selected = json!({"kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}}});
    let objects = [service.clone(), rule, selected];
    let expected = [pair(("c", 20), ("s", 80)), vec![("new".to_owned(), 100)]];
    assert_eq!(weights("VirtualService", &objects), expected);
    let mirror = mirror(&objects);
    let selector = &splits(&mirror, "VirtualService", &service)[1].to[0].0.selector;
    assert_eq!(json!(selector), json!({"app": "web", "hash": "b"}));
}

fn an_ingress(name: &str, service: &str, annotations: Value) -> Value {
    let port = match annotations.get("alb.ingress.kubernetes.io/actions.s") {
        Some(_) => json!({"name": "use-annotation"}),
        None => json!({"number": 80}),
    };
    json!({"kind": "Ingress", "metadata": {"name": name, "annotations": annotations},
        "spec": {"rules": [{"host": "h", "http": {"paths": [
            {"path": "/", "backend": {"service": {"name": service, "port": port}}}]}}]}})
}

#[test]
fn ingresses_of_nginx_and_of_load_balancers() {
    let stable = an_ingress("web", "s", json!({}));
    assert_eq!(weights("Ingress", std::slice::from_ref(&stable)), [[("s".to_owned(), 100)]]);
    let prefix = "nginx.ingress.kubernetes.io";
    let canary = |extra: Value| {
        let mut all =
            json!({format!("{prefix}/canary"): "true", format!("{prefix}/canary-weight"): "20"});
        all.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        an_ingress("web-canary", "c", all)
    };
    let found = weights("Ingress", &[stable.clone(), canary(json!({}))]);
    assert_eq!(found, [pair(("c", 20), ("s", 80))]);
    let total = json!({format!("{prefix}/canary-weight-total"): "1000"});
    let found = weights("Ingress", &[stable, canary(total)]);
    assert_eq!(found, [pair(("c", 20), ("s", 980))]);
    let action = json!({"Type": "forward", "ForwardConfig": {"TargetGroups": [
        {"ServiceName": "c", "Weight": 5}, {"serviceName": "s", "weight": 95}]}});
    let alb = json!({"alb.ingress.kubernetes.io/actions.s": action.to_string()});
    assert_eq!(weights("Ingress", &[an_ingress("web", "s", alb)]), [pair(("c", 5), ("s", 95))]);
}

#[test]
fn routers_with_one_list() {
    let expected = [pair(("c", 20), ("s", 80))];
    let split =
        json!({"backends": [{"service": "c", "weight": "20"}, {"service": "s", "weight": 80}]});
    assert_eq!(weights("TrafficSplit", &[object("TrafficSplit", split)]), expected);
    let weighted = json!({"weighted": {"services": [
        {"name": "c", "weight": 20}, {"name": "s", "weight": 80}]}});
    assert_eq!(weights("TraefikService", &[object("TraefikService", weighted)]), expected);
    let rules = json!({"http": [{"name": "r", "backends": [
        {"serviceName": "c", "weight": 20}, {"serviceName": "s", "weight": 80}]}]});
    assert_eq!(weights("ApisixRoute", &[object("ApisixRoute", rules)]), expected);
    let node =
        |name: &str, weight: u64| json!({"virtualNodeRef": {"name": name}, "weight": weight});
    let targets = json!({"weightedTargets": [node("c", 20), node("s", 80)]});
    let routes = json!({"routes": [{"name": "r", "httpRoute": {"action": targets}}]});
    assert_eq!(weights("VirtualRouter", &[object("VirtualRouter", routes)]), expected);
}

#[test]
fn mappings_beside_each_other() {
    let mapping = |name: &str, service: &str, weight: Value| {
        let mut spec = json!({"prefix": "/", "service": service});
        if !weight.is_null() {
            spec["weight"] = weight;
        }
        json!({"kind": "Mapping", "metadata": {"name": name}, "spec": spec})
    };
    let stable = mapping("web", "https://s.shop:80", Value::Null);
    let canary = mapping("web-canary", "c:80", json!(20));
    let found = weights("Mapping", &[stable.clone(), canary.clone()]);
    assert_eq!(found, [pair(("c", 20), ("s", 80))]);
    assert_eq!(weights("Mapping", &[stable]), [[("s".to_owned(), 100)]]);
    assert!(weights("Mapping", &[canary]).is_empty());
}
