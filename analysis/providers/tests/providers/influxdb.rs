use serde_json::json;

use crate::hardships;
use crate::stage::{Stage, failure, holds, metric, sample};
use crate::stand_in::{Reply, StandIn, ok};

fn stage(server: &StandIn, name: &str) -> Stage {
    let address = server.url("");
    let keys = [("address", address.as_str()), ("authToken", "the-token"), ("org", "my org")];
    Stage::default().secret("argo-rollouts", name, &keys)
}

fn csv(body: &str) -> Reply {
    let kind = ("content-type", "text/csv; charset=utf-8".to_owned());
    Reply::Answer(200, vec![kind], body.replace('\n', "\r\n"))
}

const TABLE: &str = "#datatype,string,long,dateTime:RFC3339,double
#group,false,false,false,false
#default,_result,,,
,result,table,_time,_value
,,0,2026-01-01T00:00:00Z,0.97
,,0,2026-01-01T00:01:00Z,0.99

#datatype,string,long,long
#group,false,false,false
#default,_result,,
,result,table,_value
,,1,3

";

#[tokio::test]
async fn the_values_of_all_tables() {
    let server = StandIn::start(|_| csv(TABLE)).await;
    let (cx, secrets, _) = stage(&server, "influxdb").shared();
    let query = "from(bucket: \"b\") |> range(start: -5m)";
    let sample = sample(&cx, &metric(json!({"influxdb": {"query": query}}))).await;
    assert_eq!(sample.text, "[0.97 0.99 3]");
    assert!(holds(&sample, "result[0] > 0.95 && result[2] == 3 && result[2] % 2 == 1"));
    let asked = server.only();
    assert_eq!((asked.method.as_str(), asked.path()), ("POST", "/api/v2/query"));
    assert_eq!(asked.pair("org"), "my org");
    assert_eq!(asked.header("authorization"), "Token the-token");
    let body = asked.json();
    assert_eq!((&body["query"], &body["type"]), (&json!(query), &json!("flux")));
    assert_eq!(body["dialect"]["annotations"], json!(["datatype", "group", "default"]));
    let read = secrets.asked.lock().unwrap().clone();
    assert_eq!(read, ["argo-rollouts/influxdb: address, authToken, org"]);
}

#[tokio::test]
async fn nothing_is_an_error() {
    let server = StandIn::start(|_| csv("\n")).await;
    let metric = metric(json!({"influxdb": {"profile": "mine", "query": "q"}}));
    let error = failure(&stage(&server, "mine").context(), &metric).await;
    assert!(error.message.ends_with("no results returned from flux query"), "{error}");
    let error = failure(&Stage::default().context(), &metric).await;
    assert_eq!(error.category, "secret");
    assert!(error.message.contains("Secret mine") && error.message.contains("address is missing"));
}

#[tokio::test]
async fn an_error_in_the_table_is_told() {
    let table =
        "#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,bad flux,1\n";
    let server = StandIn::start(|_| csv(table)).await;
    let metric = metric(json!({"influxdb": {"query": "q"}}));
    let error = failure(&stage(&server, "influxdb").context(), &metric).await;
    assert_eq!(error.category, "status");
    assert!(error.message.ends_with("flux query failed: bad flux"), "{error}");
}

#[tokio::test]
async fn a_hundred_thousand_rows_within_a_mebibyte() {
    let head = "#datatype,string,long,double\n#group,false,false,false\n#default,,,\n,result,table,_value\n";
    let rows = format!("{head}{}", ",,0,1\n".repeat(100_000));
    let server = StandIn::start(move |_| ok(rows.clone())).await;
    let metric = metric(json!({"influxdb": {"query": "q"}}));
    let sample = sample(&stage(&server, "influxdb").context(), &metric).await;
    assert!(holds(&sample, "len(result) == 100000"));
    assert!(sample.text.len() <= 4096);
}

#[tokio::test]
async fn hardships_of_influxdb() {
    hardships::all(&[], |server| {
        (stage(server, "influxdb").context(), json!({"influxdb": {"query": "q"}}))
    })
    .await;
}
