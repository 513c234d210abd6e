use serde_json::json;

use crate::hardships;
use crate::stage::{Stage, failure, holds, metric, sample};
use crate::stand_in::{StandIn, ok};

#[tokio::test]
async fn the_data_is_the_value() {
    let server = StandIn::start(|_| {
        ok(r#"{"data":{"service_apdex":{"values":{"values":[{"value":9901},{"value":9950}]}}}}"#)
    })
    .await;
    let query = "query q($duration: Duration!) { service_apdex: readMetricsValues(x: 1) }";
    let metric = metric(json!({"skywalking": {
        "address": server.url(""), "query": query, "interval": "10m",
    }}));
    let sample = sample(&Stage::default().context(), &metric).await;
    let condition = "all(result.service_apdex.values.values, {asFloat(.value) >= 9900})";
    assert!(holds(&sample, condition));
    assert!(sample.text.starts_with(r#"{"service_apdex":{"values""#), "{}", sample.text);
    let asked = server.only();
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("POST", "/graphql"));
    let duration = json!({"start": "2026-01-31 1150", "end": "2026-01-31 1200", "step": "MINUTE"});
    assert_eq!(asked.json(), json!({"query": query, "variables": {"duration": duration}}));
}

#[tokio::test]
async fn nothing_is_an_error() {
    for (body, said) in [
        (r#"{"data":null}"#, "no results returned from SkyWalking query"),
        (r#"{"errors":[{"message":"Validation error"}]}"#, "graphql: Validation error"),
    ] {
        let server = StandIn::start(move |_| ok(body)).await;
        let metric = metric(json!({"skywalking": {"address": server.url(""), "query": "q"}}));
        let error = failure(&Stage::default().context(), &metric).await;
        assert!(error.message.ends_with(said), "{error}");
    }
}

#[tokio::test]
async fn hardships_of_skywalking() {
    hardships::all(&[], |server| {
        let spec = json!({"address": server.url(""), "query": "q", "interval": "1m"});
        (Stage::default().context(), json!({"skywalking": spec}))
    })
    .await;
}
