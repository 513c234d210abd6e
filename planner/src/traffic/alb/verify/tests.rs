use serde_json::{Value, json};

use super::*;

const CANARY: &str = "tg-canary";
const STABLE: &str = "tg-stable";

fn config() -> ALBTrafficRouting {
    ALBTrafficRouting { ingress: "web".to_owned(), service_port: 80, ..Default::default() }
}

fn ingress(weight: u32) -> RouteRecord {
    let group = |service: &str, weight: u32| json!({"ServiceName": service, "ServicePort": "80", "Weight": weight});
    let groups = json!([group("canary", weight), group("stable", 100 - weight)]);
    let action = json!({"Type": "forward", "ForwardConfig": {"TargetGroups": groups}});
    RouteRecord {
        resource_version: "7".to_owned(),
        object: json!({
            "metadata": {
                "name": "web", "namespace": "shop",
                "annotations": {"alb.ingress.kubernetes.io/actions.stable": action.to_string()},
            },
            "status": {"loadBalancer": {"ingress": [{"hostname": "web.elb"}]}},
        }),
        ..RouteRecord::default()
    }
}

fn rule(weights: &[(&str, u32)]) -> BTreeMap<String, u32> {
    weights.iter().map(|(arn, weight)| ((*arn).to_owned(), *weight)).collect()
}

fn balancer(rules: Vec<BTreeMap<String, u32>>) -> LoadBalancer {
    let group = |resource: &str, targets: &[(&str, &str)]| TargetGroup {
        resource: resource.to_owned(),
        targets: targets.iter().map(|(id, s)| ((*id).to_owned(), (*s).to_owned())).collect(),
    };
    LoadBalancer {
        arn: "arn:aws:elasticloadbalancing:r:1:loadbalancer/app/lb/1".to_owned(),
        rules,
        groups: [
            (CANARY.to_owned(), group("shop/web-canary:80", &[("10.0.0.3", "healthy")])),
            (
                STABLE.to_owned(),
                group("shop/web-stable:80", &[("10.0.0.1", "healthy"), ("10.0.0.2", "initial")]),
            ),
        ]
        .into(),
    }
}

fn look(version: &str, found: Result<LoadBalancer, Trouble>) -> Look {
    let pod = |hash: &str, ip: &str| ReadyPod {
        hash: hash.to_owned(),
        addresses: vec![ip.to_owned(), "fd00::1".to_owned()],
    };
    Look {
        at: "2026-11-27T08:00:00Z".parse().unwrap(),
        ingresses: [("web".to_owned(), OfIngress { version: version.to_owned(), found })].into(),
        pods: Ok(vec![pod("a", "10.0.0.1"), pod("a", "10.0.0.2"), pod("b", "10.0.0.3")]),
    }
}

/// What is said of an Ingress with a weight of 20.
fn said(look: Option<&Look>) -> Option<Result<(), String>> {
    let (config, record) = (config(), ingress(20));
    let asked = Asked { config: &config, services: ["stable", "canary"], record: &record };
    asked.verified(look).map(|said| said.map_err(|problem| problem.to_string()))
}

fn said_of(rules: Vec<BTreeMap<String, u32>>) -> Result<(), String> {
    said(Some(&look("7", Ok(balancer(rules))))).unwrap()
}

#[test]
fn each_rule_that_splits_has_to_have_the_weights() {
    let good = rule(&[(CANARY, 20), (STABLE, 80)]);
    let old = rule(&[(CANARY, 0), (STABLE, 100)]);
    assert_eq!(said_of(vec![good.clone()]), Ok(()));
    // A header route leads to the new version alone, a rule of others to none of both.
    let header = rule(&[(CANARY, 100)]);
    assert_eq!(said_of(vec![header.clone(), good.clone(), rule(&[("x", 1)])]), Ok(()));
    let error = said_of(vec![good, old]).unwrap_err();
    assert_eq!(
        error,
        "Ingress web: status.loadBalancer: load balancer web.elb: the target group of \
         shop/web-canary:80 has weight 0, not 20 yet; it is asked again every 10s"
    );
    let error = said_of(vec![header]).unwrap_err();
    assert!(error.contains("no rule splits requests between the Services"), "{error}");
    let mut unknown = balancer(vec![rule(&[(CANARY, 20), (STABLE, 80)])]);
    unknown.groups.remove(CANARY);
    let error = said(Some(&look("7", Ok(unknown)))).unwrap().unwrap_err();
    assert!(error.contains("no rule leads to a target group with the tag shop/web-canary:80"));
}

#[test]
fn a_look_is_good_for_the_ingress_that_it_was_taken_for() {
    let good = balancer(vec![rule(&[(CANARY, 20), (STABLE, 80)])]);
    for look in [None, Some(&look("6", Ok(good)))] {
        let error = said(look).unwrap().unwrap_err();
        assert!(error.contains("load balancer web.elb has yet to be asked"), "{error}");
    }
    let (config, mut record) = (config(), ingress(20));
    record.object["status"] = Value::Null;
    let asked = Asked { config: &config, services: ["stable", "canary"], record: &record };
    let problem = asked.verified(None).unwrap().unwrap_err().to_string();
    assert!(problem.contains("names no load balancer yet"), "{problem}");
    assert!(!asked.is_unseen(None) && asked.question().is_none());
}

#[test]
fn what_cannot_be_told_is_no_verdict() {
    let (config, record) = (config(), ingress(20));
    let asked = Asked { config: &config, services: ["stable", "canary"], record: &record };
    let refused = look("7", Err(Trouble::NotTold("403: AccessDenied".to_owned())));
    assert_eq!(asked.verified(Some(&refused)), None);
    assert_eq!(asked.healthy(Some(&refused), "canary", "b"), None);
    let (problem, _) = asked.trouble(Some(&refused)).unwrap();
    assert!(
        problem.to_string().contains("cannot be asked for its weights: 403: AccessDenied"),
        "{problem}"
    );
    let missing = look("7", Err(Trouble::NotFound("web.elb".to_owned())));
    let (problem, _) = asked.trouble(Some(&missing)).unwrap();
    assert!(problem.to_string().contains("there is no load balancer web.elb"), "{problem}");
}

#[test]
fn pods_count_that_are_healthy_targets() {
    let (config, record) = (config(), ingress(20));
    let asked = Asked { config: &config, services: ["stable", "canary"], record: &record };
    let mut of = balancer(Vec::new());
    let healthy = |of: &LoadBalancer, service: &str, hash: &str| {
        asked.healthy(Some(&look("7", Ok(of.clone()))), service, hash).unwrap()
    };
    assert_eq!(healthy(&of, "stable", "a"), Pods(1));
    assert_eq!(healthy(&of, "stable", "b"), Pods(0));
    assert_eq!(healthy(&of, "canary", "b"), Pods(1));
    // Machines lead to all pods.
    let machine = |state: &str| vec![("i-0abc".to_owned(), state.to_owned())];
    for (state, pods) in [("healthy", 2), ("unhealthy", 0)] {
        of.groups.get_mut(STABLE).unwrap().targets = machine(state);
        assert_eq!(healthy(&of, "stable", "a"), Pods(pods), "{state}");
    }
    of.groups.remove(STABLE);
    assert_eq!(healthy(&of, "stable", "a"), Pods(0));
}

#[test]
fn the_status_names_what_was_found() {
    let (config, record) = (config(), ingress(20));
    let asked = Asked { config: &config, services: ["stable", "canary"], record: &record };
    let told = asked.status(Some(&look("7", Ok(balancer(Vec::new()))))).unwrap();
    assert_eq!((told.ingress.as_str(), told.load_balancer.name.as_str()), ("web", "lb"));
    assert_eq!(told.load_balancer.full_name, "app/lb/1");
    assert_eq!(
        (told.canary_target_group.arn, told.stable_target_group.arn),
        (CANARY.to_owned(), STABLE.to_owned())
    );
}
