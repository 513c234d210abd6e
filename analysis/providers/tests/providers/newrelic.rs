use serde_json::json;

use crate::hardships;
use crate::stage::{Stage, failure, holds, metric, sample};
use crate::stand_in::{StandIn, ok};

fn stage(server: &StandIn, name: &str) -> Stage {
    let url = server.url("/graphql");
    let keys = [
        ("personal-api-key", "the-key"),
        ("account-id", "4711"),
        ("region", "eu"),
        ("base-url-nerdgraph", url.as_str()),
    ];
    Stage::default().secret("argo-rollouts", name, &keys)
}

fn results(rows: &str) -> String {
    format!(r#"{{"data":{{"actor":{{"account":{{"nrql":{{"results":{rows}}}}}}}}}}}"#)
}

#[tokio::test]
async fn a_row_is_an_object() {
    let server = StandIn::start(|_| ok(results(r#"[{"successRate":97.5}]"#))).await;
    let (cx, secrets, _) = stage(&server, "newrelic").shared();
    let query = "FROM Transaction SELECT percentage(count(*), WHERE x) as successRate";
    let sample = sample(&cx, &metric(json!({"newRelic": {"query": query}}))).await;
    assert_eq!(sample.text, r#"{"successRate":97.5}"#);
    assert!(holds(&sample, "result.successRate > 97"));
    let asked = server.only();
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("POST", "/graphql"));
    assert_eq!(asked.header("api-key"), "the-key");
    let body = asked.json();
    assert_eq!(body["variables"], json!({"accountId": 4711, "query": query, "timeout": 5}));
    assert!(body["query"].as_str().unwrap().contains("nrql(query: $query, timeout: $timeout)"));
    let read = secrets.asked.lock().unwrap().clone();
    let keys = "personal-api-key, account-id, region, base-url-nerdgraph";
    assert_eq!(read, [format!("argo-rollouts/newrelic: {keys}")]);
}

#[tokio::test]
async fn rows_are_a_list() {
    let server = StandIn::start(|_| ok(results(r#"[{"a":1},{"a":2}]"#))).await;
    let spec = json!({"profile": "mine", "query": "q", "timeout": 20});
    let sample =
        sample(&stage(&server, "mine").context(), &metric(json!({"newRelic": spec}))).await;
    assert_eq!(sample.text, r#"[{"a":1},{"a":2}]"#);
    assert!(holds(&sample, "all(result, .a >= 1) && len(result) == 2"));
    assert_eq!(server.only().json()["variables"]["timeout"], 20);
}

#[tokio::test]
async fn nothing_is_an_error() {
    let server = StandIn::start(|_| ok(results("[]"))).await;
    let metric = metric(json!({"newRelic": {"query": "q"}}));
    let error = failure(&stage(&server, "newrelic").context(), &metric).await;
    assert!(error.message.ends_with("no results returned from NRQL query"), "{error}");
    let error = failure(&Stage::default().context(), &metric).await;
    assert_eq!(error.category, "secret");
    assert!(error.message.starts_with("Secret newrelic in namespace argo-rollouts: "), "{error}");
}

#[tokio::test]
async fn hardships_of_new_relic() {
    hardships::all(&[], |server| {
        (stage(server, "newrelic").context(), json!({"newRelic": {"query": "q"}}))
    })
    .await;
}
