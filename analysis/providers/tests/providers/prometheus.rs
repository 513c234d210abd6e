use serde_json::{Value, json};
use sluice_providers::http::Settings;

use crate::hardships;
use crate::stage::{NOW_SECONDS, Stage, failure, holds, measure, metric, sample};
use crate::stand_in::{Reply, StandIn, ok, status};

fn vector(values: &[&str]) -> String {
    let series: Vec<_> =
        values.iter().map(|value| json!({"metric": {"a": "b"}, "value": [1.5, value]})).collect();
    json!({"status": "success", "data": {"resultType": "vector", "result": series}}).to_string()
}

#[tokio::test]
async fn an_instant_query() {
    let server = StandIn::start(|_| ok(vector(&["0.95", "NaN"]))).await;
    let query = "sum(rate(x{a=\"b\"}[5m])) + 1";
    let metric = metric(json!({"prometheus": {"address": server.url("/prefix/"), "query": query}}));
    let taken = measure(&Stage::default().context(), &metric).await;
    assert_eq!(taken.about["ResolvedPrometheusQuery"], query);
    let sample = match taken.outcome.unwrap() {
        sluice_analysis::Reading::Sample(sample) => sample,
        other => panic!("{other:?}"),
    };
    assert_eq!(sample.text, "[0.95,NaN]");
    assert!(holds(&sample, "len(result) == 2 && result[0] >= 0.95 && isNaN(result[1])"));
    let asked = server.only();
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("POST", "/prefix/api/v1/query"));
    assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(asked.pair("query"), query);
    assert_eq!(asked.pair("time"), format!("{NOW_SECONDS}.000"));
    assert!(asked.header("user-agent").starts_with("sluice/"), "{asked:?}");
}

#[tokio::test]
async fn a_range_query() {
    let matrix = json!({"status": "success", "data": {"resultType": "matrix", "result": [
        {"metric": {}, "values": [[1, "1"], [2, "2.5"]]}, {"metric": {}, "values": [[1, "+Inf"]]},
    ]}});
    let server = StandIn::start(move |_| ok(matrix.to_string())).await;
    let window = json!({"start": "now() - duration(\"1h\")", "end": "now()", "step": "1m30s"});
    let metric = metric(json!({"prometheus": {
        "address": server.url(""), "query": "up", "rangeQuery": window,
    }}));
    let sample = sample(&Stage::default().context(), &metric).await;
    assert_eq!(sample.text, "[1,2.5,+Inf]");
    let asked = server.only();
    assert_eq!(asked.uri, "/api/v1/query_range");
    assert_eq!(asked.pair("start"), format!("{}.000", NOW_SECONDS - 3600));
    assert_eq!(asked.pair("end"), format!("{NOW_SECONDS}.000"));
    assert_eq!(asked.pair("step"), "90");
}

#[tokio::test]
async fn the_past_is_asked_for_by_its_instant() {
    let server = StandIn::start(|_| ok(vector(&["1"]))).await;
    let mut cx = Stage::default().context();
    cx.data_of = Some("2026-01-31T10:00:00.250Z".parse().unwrap());
    let address = server.url("");
    sample(&cx, &metric(json!({"prometheus": {"address": address, "query": "up"}}))).await;
    assert_eq!(server.only().pair("time"), format!("{}.250", NOW_SECONDS - 7200));
    let server = StandIn::start(|_| ok(vector(&["1"]))).await;
    let window = json!({"start": "now() - duration(\"1h\")", "end": "now()", "step": "1m"});
    let metric = metric(json!({"prometheus": {
        "address": server.url(""), "query": "up", "rangeQuery": window,
    }}));
    sample(&cx, &metric).await;
    assert_eq!(server.only().pair("start"), format!("{}.250", NOW_SECONDS - 10_800));
    assert_eq!(server.only().pair("end"), format!("{}.250", NOW_SECONDS - 7200));
}

#[tokio::test]
async fn nothing_is_an_empty_list() {
    let server = StandIn::start(|_| ok(vector(&[]))).await;
    let cx =
        Stage::default().variable("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS", server.url("")).context();
    let sample = sample(&cx, &metric(json!({"prometheus": {"query": "absent"}}))).await;
    assert_eq!(sample.text, "[]");
    assert!(holds(&sample, "len(result) == 0 || result[0] > 0.9"));
}

#[tokio::test]
async fn a_scalar_is_a_number_and_warnings_are_kept() {
    let scalar = json!({"status": "success", "warnings": ["slow", "partial"],
        "data": {"resultType": "scalar", "result": [1, "0.5"]}});
    let server = StandIn::start(move |_| ok(scalar.to_string())).await;
    let metric = metric(json!({"prometheus": {"address": server.url(""), "query": "1/2"}}));
    let sample = sample(&Stage::default().context(), &metric).await;
    assert_eq!(sample.text, "0.5");
    assert!(holds(&sample, "result == 0.5"));
    assert_eq!(sample.metadata["warnings"], "\"slow\", \"partial\"");
}

#[tokio::test]
async fn where_no_post_is_allowed_it_is_a_get() {
    let server = StandIn::start(|asked| match asked.method.as_str() {
        "POST" => status(405, "read only"),
        _ => ok(vector(&["1"])),
    })
    .await;
    let metric = metric(json!({"prometheus": {"address": server.url(""), "query": "a + b"}}));
    let sample = sample(&Stage::default().context(), &metric).await;
    assert_eq!(sample.text, "[1]");
    let asked = server.asked().pop().unwrap();
    assert_eq!((asked.method.as_str(), asked.pair("query").as_str()), ("GET", "a + b"));
}

#[tokio::test]
async fn headers_and_basic_authentication() {
    let server = StandIn::start(|_| ok(vector(&["1"]))).await;
    let metric = metric(json!({"prometheus": {
        "address": server.url(""),
        "query": "up",
        "headers": [{"key": "X-Scope-OrgID", "value": "tenant_a"}],
        "authentication": {"basicAuth": {"username": "me", "password": "p:w"}},
    }}));
    sample(&Stage::default().context(), &metric).await;
    let asked = server.only();
    assert_eq!(asked.header("x-scope-orgid"), "tenant_a");
    assert_eq!(asked.header("authorization"), "Basic bWU6cDp3");
}

fn with_oauth2(server: &StandIn) -> Value {
    json!({"prometheus": {
        "address": server.url(""),
        "query": "up",
        "authentication": {"oauth2": {
            "tokenUrl": server.url("/token"), "clientId": "id", "clientSecret": "s",
            "scopes": ["read", "query"],
        }},
    }})
}

#[tokio::test]
async fn a_token_by_client_credentials() {
    let server = StandIn::start(|asked| match asked.path() {
        "/token" => ok(r#"{"access_token":"the-token","token_type":"bearer"}"#),
        _ => ok(vector(&["1"])),
    })
    .await;
    sample(&Stage::default().context(), &metric(with_oauth2(&server))).await;
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].header("authorization"), "Basic aWQ6cw==");
    assert_eq!(asked[0].body, "grant_type=client_credentials&scope=read+query");
    assert_eq!(asked[1].header("authorization"), "Bearer the-token");
}

#[tokio::test]
async fn servers_that_want_the_client_in_the_body() {
    let server = StandIn::start(|asked| match asked.path() {
        "/token" if asked.headers.contains_key("authorization") => status(401, "bad client"),
        "/token" => ok(r#"{"access_token":"the-token"}"#),
        _ => ok(vector(&["1"])),
    })
    .await;
    sample(&Stage::default().context(), &metric(with_oauth2(&server))).await;
    assert_eq!(server.asked()[1].pair("client_secret"), "s");

    let server = StandIn::start(|_| status(401, "bad client")).await;
    let error = failure(&Stage::default().context(), &metric(with_oauth2(&server))).await;
    assert_eq!(error.category, "status");
    assert!(error.message.contains("/token") && error.message.ends_with("bad client"), "{error}");
}

#[tokio::test]
async fn what_prometheus_refuses_is_told_in_its_words() {
    let refusal = json!({"status": "error", "errorType": "bad_data",
        "error": "invalid parameter \"query\": 1:3: parse error: unexpected end of input"});
    let server = StandIn::start(move |_| status(400, refusal.to_string())).await;
    let metric = metric(json!({"prometheus": {"address": server.url(""), "query": "a +"}}));
    let error = failure(&Stage::default().context(), &metric).await;
    let expected = format!(
        "POST {}: 400 Bad Request: bad_data: invalid parameter \"query\": 1:3: parse error: \
         unexpected end of input",
        server.url("/api/v1/query")
    );
    assert_eq!(error.message, expected);
}

#[tokio::test]
async fn what_cannot_be_asked() {
    let window = |field: &str, text: &str| {
        let mut window = json!({"start": "now()", "end": "now()", "step": "1m"});
        window[field] = json!(text);
        json!({"address": "http://127.0.0.1:1", "query": "up", "rangeQuery": window})
    };
    for (spec, said) in [
        (json!({"query": "up"}), "prometheus address is not configured"),
        (json!({"address": "prom:9090", "query": "up"}), "prometheus.address: `prom:9090`"),
        (json!({"address": "http://a", "timeout": -1}), "prometheus.timeout: -1 is negative"),
        (
            window("start", "yesterday"),
            "prometheus.rangeQuery.start: at column 1: there is no `yesterday`",
        ),
        (window("end", "duration('1h')"), "prometheus.rangeQuery.end: "),
        (window("step", ""), "prometheus.rangeQuery.step is missing"),
        (window("step", "1"), "prometheus.rangeQuery.step: `1` lacks a unit"),
    ] {
        let error =
            failure(&Stage::default().context(), &metric(json!({"prometheus": spec}))).await;
        assert_eq!(error.category, "spec");
        assert!(error.message.starts_with(said), "{error}");
    }
}

#[tokio::test]
async fn hardships_of_prometheus() {
    hardships::all(&[], |server| {
        let provider =
            json!({"prometheus": {"address": server.url(""), "query": "up", "timeout": 3}});
        (Stage::default().context(), provider)
    })
    .await;
}

/// Amazon Managed Prometheus is known by its address; a proxy stands in for it here.
#[tokio::test]
async fn requests_to_amazon_are_signed() {
    let proxy = StandIn::start(|_| ok(vector(&["1"]))).await;
    let environment = [("HTTP_PROXY".to_owned(), proxy.url(""))].into();
    let stage = Stage {
        settings: Settings { environment: std::sync::Arc::new(environment), ..Settings::default() },
        ..Stage::default()
    };
    let cx = stage
        .variable("AWS_ACCESS_KEY_ID", "AKID")
        .variable("AWS_SECRET_ACCESS_KEY", "canary-secret")
        .variable("AWS_SESSION_TOKEN", "canary-session")
        .context();
    let metric = metric(json!({"prometheus": {
        "address": "http://aps-workspaces.eu-west-1.amazonaws.test/workspaces/ws-1",
        "query": "up",
        "authentication": {"sigv4": {"region": "eu-west-1"}, "basicAuth": {"username": "ignored"}},
    }}));
    let taken = measure(&cx, &metric).await;
    assert!(taken.outcome.is_ok());
    assert_eq!(taken.redactor.redact("canary-secret canary-session"), "***** *****");
    let asked = proxy.only();
    assert_eq!(
        asked.uri,
        "http://aps-workspaces.eu-west-1.amazonaws.test/workspaces/ws-1/api/v1/query"
    );
    let authorization = asked.header("authorization");
    let scope = "AWS4-HMAC-SHA256 Credential=AKID/20260131/eu-west-1/aps/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=";
    assert!(authorization.starts_with(scope), "{authorization}");
    assert_eq!(asked.header("x-amz-date"), "20260131T120000Z");
    assert_eq!(asked.header("x-amz-security-token"), "canary-session");
}

#[tokio::test]
async fn a_region_is_the_name_of_one() {
    let cx = Stage::default()
        .variable("AWS_ACCESS_KEY_ID", "AKID")
        .variable("AWS_SECRET_ACCESS_KEY", "canary-secret")
        .context();
    for region in ["eu-west-1\nx: y", "evil.example/#", "EU"] {
        let metric = metric(json!({"prometheus": {
            "address": "http://aps-workspaces.test/", "query": "up",
            "authentication": {"sigv4": {"region": region}},
        }}));
        let error = failure(&cx, &metric).await;
        assert_eq!(error.category, "spec");
        assert!(error.message.ends_with("is not the name of an AWS region"), "{error}");
    }
}

#[tokio::test]
async fn other_addresses_are_not_signed() {
    let server = StandIn::start(|_| ok(vector(&["1"]))).await;
    let metric = metric(json!({"prometheus": {
        "address": server.url(""), "query": "up",
        "authentication": {"sigv4": {"region": "eu-west-1", "roleArn": "arn:x"}},
    }}));
    sample(&Stage::default().context(), &metric).await;
    assert_eq!(server.only().header("authorization"), "");
}

#[tokio::test]
async fn a_server_that_streams_for_ever_is_left_at_a_mebibyte() {
    let server = StandIn::start(|_| Reply::Streamed(1 << 40)).await;
    let metric = metric(json!({"prometheus": {"address": server.url(""), "query": "up"}}));
    let error = failure(&Stage::default().context(), &metric).await;
    assert!(error.message.ends_with("answers with more than 1048576 bytes"), "{error}");
}
