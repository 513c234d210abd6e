use serde_json::json;

use crate::hardships;
use crate::stage::{Stage, failure, holds, metric, sample};
use crate::stand_in::{StandIn, ok};

#[tokio::test]
async fn the_points_of_the_first_series() {
    let server = StandIn::start(|_| {
        ok(r#"[{"target":"a","datapoints":[[0.3,1],[null,2],[1,3]]},{"datapoints":[[9,1]]}]"#)
    })
    .await;
    let query = "target=summarize(\n  asPercent(a, b), '5min')&from=-5min";
    let metric = metric(json!({"graphite": {"address": server.url("/base"), "query": query}}));
    let sample = sample(&Stage::default().context(), &metric).await;
    assert_eq!(sample.text, "[0.300000,1.000000]");
    assert!(holds(&sample, "result[0] < 0.5 && len(result) == 2"));
    let asked = server.only();
    assert_eq!((asked.method.as_str(), asked.path()), ("GET", "/base/render"));
    let expected =
        [("format", "json"), ("from", "-5min"), ("target", "summarize(asPercent(a,b),'5min')")];
    assert_eq!(asked.pairs(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn nothing_is_an_error() {
    let server = StandIn::start(|_| ok("[]")).await;
    let metric = metric(json!({"graphite": {"address": server.url(""), "query": "target=a"}}));
    let error = failure(&Stage::default().context(), &metric).await;
    assert!(error.message.ends_with("no values found"), "{error}");
}

#[tokio::test]
async fn hardships_of_graphite() {
    hardships::all(&[], |server| {
        let spec = json!({"address": server.url(""), "query": "target=a"});
        (Stage::default().context(), json!({"graphite": spec}))
    })
    .await;
}
