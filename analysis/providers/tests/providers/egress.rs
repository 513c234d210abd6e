//! The policy on where measurements go, through the real client.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use sluice_providers::http::{Egress, Resolver, Settings};
use sluice_providers::{Context, ProviderError};

use crate::stage::{Names, Stage, failure, measure, metric, sample};
use crate::stand_in::{Reply, StandIn, ok, redirect};

fn stage(egress: Egress, names: Arc<Names>) -> Stage {
    let settings = Settings { egress, ..Settings::default() };
    Stage { settings, resolver: Some(names), ..Stage::default() }
}

async fn refused(cx: &Context, url: &str) -> ProviderError {
    let error = failure(cx, &metric(json!({"web": {"url": url}}))).await;
    assert_eq!(error.category, "egress", "{url}: {error}");
    error
}

#[tokio::test]
async fn metadata_services_are_never_asked() {
    let names = Names::of(&[
        ("imds.test", &[&["169.254.169.254"]]),
        ("imds6.test", &[&["fd00:ec2::254"]]),
        ("mapped.test", &[&["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"]]),
    ]);
    let cx = stage(Egress::default(), Arc::clone(&names)).context();
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://0xa9.254.0251.0xfe/",
        "http://[fe80::1]/",
        "http://[::ffff:a9fe:a9fe]:8080/",
        "https://100.100.100.200/",
        "http://metadata.google.internal/computeMetadata/v1/",
    ] {
        refused(&cx, url).await;
    }
    assert!(names.asked().is_empty());
    for name in ["imds.test", "imds6.test", "mapped.test"] {
        let error = refused(&cx, &format!("http://{name}/x?y=z")).await;
        let begin = format!("GET http://{name}/x?…: {name} has the address ");
        assert!(error.message.starts_with(&begin), "{error}");
    }
}

#[tokio::test]
async fn of_several_addresses_only_allowed_ones_are_tried() {
    let server = StandIn::start(|_| ok("1")).await;
    let names = Names::of(&[("both.test", &[&["169.254.169.254", "127.0.0.1", "fe80::1"]])]);
    let cx = stage(Egress::default(), names).context();
    let url = format!("http://both.test:{}/", server.port);
    assert_eq!(sample(&cx, &metric(json!({"web": {"url": url}}))).await.text, "1");
}

#[tokio::test]
async fn private_addresses_can_be_denied_but_for_some() {
    let server = StandIn::start(|_| ok("1")).await;
    let lists: &[&[&str]] = &[&["127.0.0.1"]];
    let names = || Names::of(&[("prom.svc", lists), ("evil.test", lists)]);
    let deny = |allow: &[&str]| Egress {
        deny_private: true,
        allow: allow.iter().map(|text| text.parse().unwrap()).collect(),
    };
    let by_name = format!("http://prom.svc:{}/", server.port);
    let evil = format!("http://evil.test:{}/", server.port);

    let cx = stage(deny(&[]), names()).context();
    let error = refused(&cx, &server.url("/")).await;
    assert!(error.message.contains("--analysis-allow"), "{error}");
    refused(&cx, &by_name).await;

    let cx = stage(deny(&["prom.svc"]), names()).context();
    sample(&cx, &metric(json!({"web": {"url": by_name}}))).await;
    refused(&cx, &evil).await;
    refused(&cx, &server.url("/")).await;

    let cx = stage(deny(&["127.0.0.0/8"]), names()).context();
    for url in [by_name, evil, server.url("/")] {
        sample(&cx, &metric(json!({"web": {"url": url}}))).await;
    }
}

#[tokio::test]
async fn redirects_are_judged_as_well() {
    let names = Names::of(&[("imds.test", &[&["169.254.169.254"]])]);
    let cx = stage(Egress::default(), names).context();
    for location in
        ["http://169.254.169.254/x", "//2852039166/", "http://imds.test/", "http://[fe80::1]/"]
    {
        let server = StandIn::start(move |_| redirect(302, location)).await;
        refused(&cx, &server.url("/")).await;
        assert_eq!(server.asked().len(), 1);
    }
    let server = StandIn::start(|_| redirect(302, "file:///etc/passwd")).await;
    refused(&cx, &server.url("/")).await;
}

/// A name that changes its address between the look and the connection: there is but one look.
#[tokio::test]
async fn a_rebound_name_is_refused() {
    let server = StandIn::start(|_| {
        // So that the next measurement connects anew.
        Reply::Answer(200, vec![("connection", "close".to_owned())], "1".to_owned())
    })
    .await;
    let names = Names::of(&[("flip.test", &[&["127.0.0.1"], &["169.254.169.254"]])]);
    let cx = stage(Egress::default(), Arc::clone(&names)).context();
    let url = format!("http://flip.test:{}/", server.port);
    let metric = metric(json!({"web": {"url": url}}));
    assert_eq!(sample(&cx, &metric).await.text, "1");
    assert_eq!(names.asked().len(), 1);
    assert_eq!(failure(&cx, &metric).await.category, "egress");
    assert_eq!((names.asked().len(), server.asked().len()), (2, 1));
}

struct Silent;

#[async_trait]
impl Resolver for Silent {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn looking_up_a_name_is_a_part_of_the_time() {
    let cx = Stage { resolver: Some(Arc::new(Silent)), ..Stage::default() }.context();
    let begun = tokio::time::Instant::now();
    let metric = metric(json!({"web": {"url": "http://slow.test/", "timeoutSeconds": 7}}));
    let error = measure(&cx, &metric).await.outcome.unwrap_err();
    assert_eq!(error.message, "GET http://slow.test/ has not answered within 7 s");
    assert_eq!(begun.elapsed().as_secs(), 7);
}

/// Where tokens come from is in the template, too.
#[tokio::test]
async fn the_policy_is_for_tokens_as_well() {
    let cx = Stage::default().context();
    let metric = metric(json!({"web": {
        "url": "http://127.0.0.1:1/",
        "authentication": {"oauth2": {"tokenUrl": "http://169.254.169.254/token"}},
    }}));
    assert_eq!(failure(&cx, &metric).await.category, "egress");
}
