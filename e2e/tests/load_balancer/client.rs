//! The client of Elastic Load Balancing against a server that speaks its wire format.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use bytes::Bytes;
use sluice_providers::http::{Settings, SystemResolver, own_client};
use sluice_providers::{Aws, LoadBalancer, ProviderError, Question};

use crate::stand_in::{Balancer, Elb, Group, Listener, Rule};

pub(crate) const TAG: &str = "ingress.k8s.aws/resource";

/// Serves it on a port of this machine, and gives the address.
async fn serve(elb: Arc<Mutex<Elb>>) -> String {
    let answer = move |request: Request| {
        let elb = Arc::clone(&elb);
        async move {
            let (parts, body) = request.into_parts();
            let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let request = http::Request::from_parts(parts, body);
            elb.lock().unwrap().answer(&request).map(axum::body::Body::from)
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    format!("http://{address}")
}

async fn look_with(
    elb: &Arc<Mutex<Elb>>,
    key: &str,
    resources: &[&str],
) -> Result<Option<LoadBalancer>, ProviderError> {
    let address = serve(Arc::clone(elb)).await;
    let environment: BTreeMap<String, String> = [
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", "secret-of-the-controller"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2", address.as_str()),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let http = own_client(&Settings::default(), Arc::new(SystemResolver)).unwrap();
    let aws = Aws::new(Arc::new(environment), http);
    let question = Question {
        dns_name: "Web.elb.example".to_owned(),
        tag_key: TAG.to_owned(),
        resources: resources.iter().map(|resource| (*resource).to_owned()).collect(),
    };
    aws.load_balancer(&question, "2026-11-27T08:00:00Z".parse().unwrap()).await
}

fn balancer(name: &str, listeners: Vec<Listener>) -> Balancer {
    Balancer { arn: format!("arn:{name}"), dns_name: format!("{name}.elb.example"), listeners }
}

fn to(weights: &[(&str, u32)]) -> Rule {
    weights.iter().map(|(arn, weight)| ((*arn).to_owned(), Some(*weight))).collect()
}

fn group(arn: &str, resource: &str, targets: &[(&str, &str)]) -> Group {
    let other = ("team".to_owned(), "shop &amp; co".to_owned());
    let tag = (TAG.to_owned(), resource.to_owned());
    let owned = |(id, state): &(&str, &str)| ((*id).to_owned(), (*state).to_owned());
    let targets = targets.iter().map(owned).collect();
    Group { arn: arn.to_owned(), tags: vec![other, tag], targets }
}

fn elb() -> Elb {
    let split = to(&[("tg-canary", 20), ("tg-stable", 80)]);
    let alone = vec![("tg-docs".to_owned(), None)];
    Elb {
        balancers: vec![
            balancer("docs", vec![]),
            balancer("web", vec![vec![split.clone(), alone], vec![split]]),
        ],
        groups: vec![
            group("tg-canary", "shop/web-canary:80", &[("10.0.0.7", "healthy")]),
            group("tg-stable", "shop/web-stable:80", &[("10.0.0.1", "draining")]),
            group("tg-docs", "shop/web-docs:80", &[("10.0.0.9", "healthy")]),
        ],
        ..Elb::default()
    }
}

const BOTH: [&str; 2] = ["shop/web-canary:80", "shop/web-stable:80"];

#[tokio::test]
async fn a_load_balancer_is_found_by_its_name_with_rules_and_targets() {
    let elb = Arc::new(Mutex::new(elb()));
    let found = look_with(&elb, "AKID", &BOTH).await.unwrap().unwrap();
    assert_eq!(found.arn, "arn:web");
    let weights: Vec<_> = found.rules.iter().map(|rule| rule.weights.clone()).collect();
    let split: BTreeMap<_, _> = [("tg-canary".to_owned(), 20), ("tg-stable".to_owned(), 80)].into();
    assert_eq!(weights, [split.clone(), [("tg-docs".to_owned(), 1)].into(), split]);
    let groups: Vec<_> = found.groups.iter().map(|(arn, of)| (arn.as_str(), of)).collect();
    assert_eq!(groups[0].0, "tg-canary");
    assert_eq!(groups[0].1.targets, [("10.0.0.7".to_owned(), "healthy".to_owned())]);
    assert_eq!(groups[1].1.resource, "shop/web-stable:80");
    assert_eq!(groups.len(), 2, "nobody asked for the targets of others: {groups:?}");
}

#[tokio::test]
async fn all_pages_are_read_and_tags_asked_for_in_portions() {
    let many: Vec<String> = (0..45).map(|i| format!("tg-{i}")).collect();
    let mut elb = elb();
    elb.page = Some(1);
    elb.groups.extend(many.iter().map(|arn| group(arn, arn, &[])));
    elb.balancers[1].listeners[1].extend(many.iter().map(|arn| to(&[(arn, 1)])));
    let elb = Arc::new(Mutex::new(elb));
    let found = look_with(&elb, "AKID", &BOTH).await.unwrap().unwrap();
    assert_eq!(found.rules.len(), 48);
    assert_eq!(found.groups.len(), 2);
    let asked = elb.lock().unwrap().asked.clone();
    let count = |action: &str| asked.iter().filter(|a| *a == action).count();
    assert_eq!(count("DescribeLoadBalancers"), 2);
    assert_eq!(count("DescribeListeners"), 2);
    assert_eq!(count("DescribeRules"), 3 + 47);
    assert_eq!(count("DescribeTags"), 3);
    assert_eq!(count("DescribeTargetHealth"), 2);
}

#[tokio::test]
async fn one_that_is_not_there_is_no_error() {
    let mut elb = elb();
    elb.balancers.remove(1);
    let found = look_with(&Arc::new(Mutex::new(elb)), "AKID", &BOTH).await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn refusals_say_what_was_asked_and_what_aws_said() {
    let mut elb = elb();
    elb.refuses = Some((403, "AccessDenied", "User: x is not authorized to perform: y"));
    let elb = Arc::new(Mutex::new(elb));
    let first = look_with(&elb, "AKID", &BOTH).await.unwrap_err().message;
    let second = look_with(&elb, "AKID", &BOTH).await.unwrap_err().message;
    assert!(
        first.starts_with("DescribeLoadBalancers: ")
            && first
                .ends_with("403 Forbidden: AccessDenied: User: x is not authorized to perform: y"),
        "{first}"
    );
    // The same refusal is the same text but for the port: numbers of requests are left out.
    let said = |text: &str| text.rsplit("403").next().unwrap().to_owned();
    assert_eq!(said(&first), said(&second));
    let error = look_with(&elb, "SOMEBODY", &BOTH).await.unwrap_err().message;
    assert!(error.contains("MissingAuthenticationToken"), "{error}");
    elb.lock().unwrap().refuses = Some((403, "Odd", "you sent secret-of-the-controller"));
    let error = look_with(&elb, "AKID", &BOTH).await.unwrap_err().message;
    assert!(error.contains("you sent *****"), "{error}");
}
