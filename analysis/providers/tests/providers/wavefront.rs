use serde_json::json;
use sluice_providers::http::Settings;

use crate::stage::{NOW_SECONDS, Stage, failure, holds, metric, sample};
use crate::stand_in::{Asked, Reply, StandIn, ok, status};

/// Wavefront is asked over TLS whatever its address says.
async fn stand_in(
    answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (StandIn, String, Stage) {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, signing) = (key.cert.pem(), key.signing_key.serialize_pem());
    let server = StandIn::start_tls(&certificate, &signing, answers).await;
    let address = format!("localhost:{}", server.port);
    let settings = Settings { extra_roots: Some(certificate.into_bytes()), ..Settings::default() };
    let stage = Stage { settings, ..Stage::default() };
    let keys = [("other.wavefront.com", "other"), (address.as_str(), "the-token")];
    let stage = stage.secret("argo-rollouts", "wavefront-api-tokens", &keys);
    (server, address, stage)
}

#[tokio::test]
async fn the_nearest_point_counts() {
    let near = NOW_SECONDS - 3;
    let body = format!(r#"{{"timeseries":[{{"data":[[1,1],[{near},0.987]]}}],"warnings":"slow"}}"#);
    let (server, address, stage) = stand_in(move |_| ok(body.clone())).await;
    let (cx, secrets, _) = stage.shared();
    let metric = metric(json!({"wavefront": {"address": address, "query": "ts(a, b=\"c\")"}}));
    let sample = sample(&cx, &metric).await;
    assert_eq!(sample.text, "0.99");
    assert!(holds(&sample, "result == 0.987"));
    assert_eq!(sample.metadata["timestamps"], near.to_string());
    assert_eq!(sample.metadata["drift"], "-3");
    assert_eq!(sample.metadata["warnings"], "slow");
    let asked = server.only();
    assert_eq!((asked.method.as_str(), asked.path()), ("GET", "/api/v2/chart/api"));
    assert_eq!(asked.header("authorization"), "Bearer the-token");
    let now = (NOW_SECONDS * 1000).to_string();
    let pairs =
        [("q", "ts(a, b=\"c\")"), ("s", &now), ("e", &now), ("g", "s"), ("p", "1"), ("i", "true")];
    assert_eq!(asked.pairs(), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let read = secrets.asked.lock().unwrap().clone();
    assert_eq!(read, [format!("argo-rollouts/wavefront-api-tokens: {address}")]);
}

#[tokio::test]
async fn several_series_are_a_list() {
    let body = r#"{"timeseries":[{"data":[[1,1]]},{"data":[[2,2]]}]}"#;
    let (_, address, stage) = stand_in(move |_| ok(body)).await;
    let metric = metric(json!({"wavefront": {"address": address, "query": "q"}}));
    let sample = sample(&stage.context(), &metric).await;
    assert_eq!(sample.text, "[1.00,2.00]");
    assert!(holds(&sample, "max(result) == 2"));
}

#[tokio::test]
async fn answers_that_are_errors() {
    let huge = || Reply::Streamed(2 << 20);
    type Answer = fn() -> Reply;
    let answers: [(Answer, &str); 8] = [
        (|| ok(r#"{"timeseries":[]}"#), "body"),
        (|| ok("<html>"), "body"),
        (|| ok("{\"timeseries\":[{"), "body"),
        (|| status(401, "no"), "status"),
        (|| status(500, "no"), "status"),
        (|| ok(r#"{"errorType":"QuerySyntaxError","errorMessage":"x"}"#), "status"),
        (huge, "body"),
        (|| Reply::BreaksOff, "body"),
    ];
    for (answer, category) in answers {
        let (_, address, stage) = stand_in(move |_| answer()).await;
        let metric = metric(json!({"wavefront": {"address": address, "query": "q"}}));
        let error = failure(&stage.context(), &metric).await;
        assert_eq!(error.category, category, "{error}");
    }
}

#[tokio::test]
async fn the_token_has_to_be_there() {
    let (_, _, stage) = stand_in(|_| Reply::Never).await;
    let metric = metric(json!({"wavefront": {"address": "unknown.example", "query": "q"}}));
    let error = failure(&stage.context(), &metric).await;
    assert_eq!(error.category, "secret");
    assert!(error.message.starts_with("API token not found"), "{error}");
}
