use serde_json::{Value, json};
use sluice_crd::analysis::AnalysisPhase;
use sluice_providers::{provider_of, resume, terminate};

use crate::hardships;
use crate::stage::{Stage, failure, measure, metric, now, ongoing, under_way, verdict};
use crate::stand_in::{Reply, StandIn, ok};

fn spec(address: String) -> Value {
    json!({"kayenta": {
        "address": address,
        "application": "shop",
        "canaryConfigName": "my config",
        "metricsAccountName": "metrics",
        "configurationAccountName": "config",
        "storageAccountName": "storage",
        "threshold": {"pass": 90, "marginal": 75},
        "scopes": [{
            "name": "default",
            "controlScope": {"scope": "app=a", "region": "r", "step": 60, "start": "s", "end": "e"},
            "experimentScope": {"scope": "app=b", "region": "r", "step": 60},
        }],
    }})
}

fn kayenta(asked: &crate::stand_in::Asked, complete: bool) -> Reply {
    match (asked.method.as_str(), asked.path()) {
        ("GET", "/canaryConfig") => {
            ok(r#"[{"id":"1","name":"other"},{"id":"2","name":"my config"}]"#)
        }
        ("POST", "/canary/2") => ok(r#"{"canaryExecutionId":"run-7"}"#),
        ("GET", "/canary/run-7") => ok(json!({
            "complete": complete,
            "result": {"judgeResult": {"score": {"score": 80.9}}},
        })
        .to_string()),
        _ => crate::stand_in::status(404, "no"),
    }
}

#[tokio::test]
async fn it_is_started_and_asked_again_until_it_is_done() {
    let complete = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let done = std::sync::Arc::clone(&complete);
    let order = std::sync::atomic::Ordering::SeqCst;
    let server = StandIn::start(move |asked| kayenta(asked, done.load(order))).await;
    let cx = Stage::default().context();
    let metric = metric(spec(server.url("")));
    let provider = provider_of(&metric.provider).unwrap();

    let started = ongoing(measure(&cx, &metric).await);
    assert_eq!(started.metadata["canaryExecutionId"], "run-7");
    assert_eq!((started.resume_at - now()).num_seconds(), 15);
    let asked = server.asked();
    assert_eq!(asked[0].pair("application"), "shop");
    assert_eq!(asked[0].pair("configurationAccountName"), "config");
    let names =
        ["application", "metricsAccountName", "configurationAccountName", "storageAccountName"];
    let values = names.map(|name| asked[1].pair(name));
    assert_eq!(values, ["shop", "metrics", "config", "storage"]);
    assert_eq!(
        asked[1].json(),
        json!({
            "scopes": {"default": {
                "controlScope": {"scope": "app=a", "region": "r", "step": 60, "start": "s", "end": "e"},
                "experimentScope": {"scope": "app=b", "region": "r", "step": 60},
            }},
            "thresholds": {"pass": 90, "marginal": 75},
        })
    );

    let measurement = under_way(&started);
    let waiting = ongoing(resume(provider, &cx, &metric, &measurement).await);
    assert_eq!(waiting, started);

    complete.store(true, order);
    let verdict_of = verdict(resume(provider, &cx, &metric, &measurement).await);
    assert_eq!((verdict_of.phase, verdict_of.text.as_str()), (AnalysisPhase::Inconclusive, "80"));
    assert_eq!(verdict_of.metadata, started.metadata);

    let ended = verdict(terminate(provider, &cx, &metric, &measurement).await);
    assert_eq!(
        (ended.phase, ended.message.as_str()),
        (AnalysisPhase::Inconclusive, "Metric Terminated")
    );
}

#[tokio::test]
async fn what_is_missing_is_told() {
    let server = StandIn::start(|_| ok("[]")).await;
    let error = failure(&Stage::default().context(), &metric(spec(server.url("")))).await;
    assert_eq!(error.category, "spec");
    assert!(error.message.ends_with("there is no configuration my config"), "{error}");

    let server = StandIn::start(|asked| match asked.path() {
        "/canaryConfig" => ok(r#"[{"id":"2","name":"my config"}]"#),
        _ => ok("{}"),
    })
    .await;
    let error = failure(&Stage::default().context(), &metric(spec(server.url("")))).await;
    assert!(error.message.ends_with("Invalid canaryExecutionId"), "{error}");
}

#[tokio::test]
async fn hardships_of_kayenta() {
    hardships::all(&[], |server| (Stage::default().context(), spec(server.url("")))).await;
}
