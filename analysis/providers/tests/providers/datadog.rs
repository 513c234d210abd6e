use serde_json::json;

use crate::hardships;
use crate::stage::{NOW_SECONDS, Stage, failure, holds, metric, sample};
use crate::stand_in::{Asked, StandIn, ok};

fn keys(address: &str) -> [(&str, &str); 3] {
    [("api-key", "the-api-key"), ("app-key", "the-app-key"), ("address", address)]
}

fn has_keys(asked: &Asked) {
    assert_eq!(asked.header("dd-api-key"), "the-api-key");
    assert_eq!(asked.header("dd-application-key"), "the-app-key");
}

#[tokio::test]
async fn version_1() {
    let server =
        StandIn::start(|_| ok(r#"{"status":"ok","series":[{"pointlist":[[1,2],[2,0.5]]}]}"#)).await;
    let stage = Stage::default().secret("argo-rollouts", "datadog", &keys(&server.url("")));
    let (cx, secrets, _) = stage.shared();
    let metric = metric(json!({"datadog": {"query": "avg:a{b:c}", "interval": "10m"}}));
    let sample = sample(&cx, &metric).await;
    assert_eq!(sample.text, "0.5");
    assert!(holds(&sample, "result < 1"));
    let asked = server.only();
    has_keys(&asked);
    assert_eq!((asked.method.as_str(), asked.path()), ("GET", "/api/v1/query"));
    assert_eq!(asked.pair("query"), "avg:a{b:c}");
    assert_eq!(asked.pair("from"), (NOW_SECONDS - 600).to_string());
    assert_eq!(asked.pair("to"), NOW_SECONDS.to_string());
    let read = secrets.asked.lock().unwrap().clone();
    assert_eq!(read, ["argo-rollouts/datadog: api-key, app-key, address"]);
}

#[tokio::test]
async fn version_2() {
    let server = StandIn::start(|_| {
        ok(r#"{"data":{"type":"scalar_response","attributes":{"columns":[
            {"name":"a","type":"number","values":[0.25]}]}}}"#)
    })
    .await;
    let cx = Stage::default().secret("argo-rollouts", "datadog", &keys(&server.url(""))).context();
    let single = metric(json!({"datadog": {"apiVersion": "v2", "query": "avg:a{*}"}}));
    assert_eq!(sample(&cx, &single).await.text, "0.25");
    let asked = server.only();
    has_keys(&asked);
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("POST", "/api/v2/query/scalar"));
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(
        asked.json(),
        json!({"data": {"type": "scalar_request", "attributes": {
            "from": (NOW_SECONDS - 300) * 1000,
            "to": NOW_SECONDS * 1000,
            "queries": [{
                "aggregator": "last", "data_source": "metrics", "name": "query",
                "query": "avg:a{*}",
            }],
        }}})
    );
    let several = metric(json!({"datadog": {
        "apiVersion": "v2", "aggregator": "sum", "formula": "b / a",
        "queries": {"b": "count:b{*}", "a": "count:a{*}"},
    }}));
    sample(&cx, &several).await;
    let attributes = &server.asked()[1].json()["data"]["attributes"];
    assert_eq!(attributes["formulas"], json!([{"formula": "b / a"}]));
    assert_eq!(attributes["queries"][0]["name"], "a");
    assert_eq!(attributes["queries"][1]["query"], "count:b{*}");
    assert_eq!(attributes["queries"][1]["aggregator"], "sum");
}

#[tokio::test]
async fn nothing_is_nil() {
    for (version, body) in [
        ("v1", r#"{"status":"ok","series":[]}"#),
        ("v2", r#"{"data":{"attributes":{"columns":[]}}}"#),
    ] {
        let server = StandIn::start(move |_| ok(body)).await;
        let address = server.url("");
        let cx = Stage::default().secret("argo-rollouts", "datadog", &keys(&address)).context();
        let metric = metric(json!({"datadog": {"apiVersion": version, "query": "q"}}));
        let sample = sample(&cx, &metric).await;
        assert!(holds(&sample, "default(result, 0) < 0.05"), "{version}");
    }
}

#[tokio::test]
async fn where_credentials_come_from() {
    let server = StandIn::start(|_| ok(r#"{"series":[{"pointlist":[[1,1]]}]}"#)).await;
    let address = server.url("");
    let environment = |stage: Stage| {
        let stage = stage.variable("DD_API_KEY", "env-api").variable("DD_APP_KEY", "env-app");
        stage.variable("DD_ADDRESS", server.url(""))
    };
    let own = [("api-key", "own-api"), ("app-key", "own-app"), ("address", address.as_str())];
    let home = [("api-key", "home-api"), ("app-key", "home-app"), ("address", address.as_str())];
    let half = [("api-key", "half-api"), ("address", address.as_str())];
    let all = || {
        let stage = Stage::default().secret("shop", "mine", &own).secret("shop", "half", &half);
        environment(stage.secret("argo-rollouts", "datadog", &home))
    };
    let named = json!({"name": "mine", "namespaced": true});
    for (stage, reference, expected) in [
        (all(), named.clone(), "own-api"),
        (all(), json!({"name": "half", "namespaced": true}), "env-api"),
        (all(), json!({"name": "mine"}), "env-api"),
        (all(), json!({}), "env-api"),
        (Stage::default().secret("argo-rollouts", "datadog", &home), named.clone(), "home-api"),
        (
            Stage::default().secret("argo-rollouts", "mine", &own),
            json!({"name": "mine"}),
            "own-api",
        ),
    ] {
        let metric = metric(json!({"datadog": {"query": "q", "secretRef": reference}}));
        sample(&stage.context(), &metric).await;
        assert_eq!(server.asked().pop().unwrap().header("dd-api-key"), expected);
    }
    let error =
        failure(&Stage::default().context(), &metric(json!({"datadog": {"query": "q"}}))).await;
    assert_eq!(error.category, "secret");
    assert!(error.message.starts_with("API or App token not found"), "{error}");
}

#[tokio::test]
async fn hardships_of_datadog() {
    for version in ["v1", "v2"] {
        hardships::all(&[], |server| {
            let address = server.url("");
            let stage = Stage::default().secret("argo-rollouts", "datadog", &keys(&address));
            let spec = json!({"query": "q", "apiVersion": version, "requestTimeout": "1500ms"});
            (stage.context(), json!({"datadog": spec}))
        })
        .await;
    }
}
