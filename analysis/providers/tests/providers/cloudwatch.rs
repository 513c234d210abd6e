use serde_json::json;

use crate::hardships;
use crate::stage::{NOW_SECONDS, Stage, failure, holds, metric, sample};
use crate::stand_in::{StandIn, ok, status};

fn stage(server: &StandIn) -> Stage {
    Stage::default()
        .variable("AWS_ACCESS_KEY_ID", "AKID")
        .variable("AWS_SECRET_ACCESS_KEY", "secret")
        .variable("AWS_REGION", "eu-central-1")
        .variable("AWS_ENDPOINT_URL_CLOUDWATCH", server.url(""))
}

fn queries() -> serde_json::Value {
    json!({"cloudWatch": {
        "interval": "30m",
        "metricDataQueries": [
            {"id": "rate", "expression": "errors / requests"},
            {"id": "errors", "label": "Errors", "returnData": false, "metricStat": {
                "metric": {
                    "namespace": "app", "metricName": "errors",
                    "dimensions": [{"name": "service", "value": "shop"}],
                },
                "period": "300", "stat": "Sum", "unit": "Count",
            }},
            {"id": "requests", "period": 60, "returnData": false, "metricStat": {
                "metric": {"metricName": "requests"}, "period": 300, "stat": "Sum",
            }},
        ],
    }})
}

#[tokio::test]
async fn results_of_queries() {
    let server = StandIn::start(|_| {
        ok(r#"{"MetricDataResults":[{"Id":"rate","Label":"rate","StatusCode":"Complete",
            "Timestamps":[1769860500.0,1769860200.0],"Values":[0.002,0.0]}],"Messages":[]}"#)
    })
    .await;
    let sample = sample(&stage(&server).context(), &metric(queries())).await;
    assert_eq!(sample.text, "[[0.002 0]]");
    assert!(holds(&sample, "len(result[0].Values) >= 2 && all(result[0].Values, {# <= 0.01})"));
    let asked = server.only();
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("POST", "/"));
    assert_eq!(asked.header("content-type"), "application/x-amz-json-1.0");
    assert_eq!(asked.header("x-amz-target"), "GraniteServiceVersion20100801.GetMetricData");
    let authorization = asked.header("authorization");
    let scope = "Credential=AKID/20260131/eu-central-1/monitoring/aws4_request";
    assert!(authorization.contains(scope), "{authorization}");
    assert!(authorization.contains("content-type;host;x-amz-date;x-amz-target"), "{authorization}");
    assert_eq!(
        asked.json(),
        json!({
            "StartTime": NOW_SECONDS - 1800,
            "EndTime": NOW_SECONDS,
            "MetricDataQueries": [
                {"Id": "rate", "Expression": "errors / requests"},
                {"Id": "errors", "Label": "Errors", "ReturnData": false, "MetricStat": {
                    "Metric": {
                        "Namespace": "app", "MetricName": "errors",
                        "Dimensions": [{"Name": "service", "Value": "shop"}],
                    },
                    "Period": 300, "Stat": "Sum", "Unit": "Count",
                }},
                {"Id": "requests", "Period": 60, "ReturnData": false, "MetricStat": {
                    "Metric": {"MetricName": "requests", "Dimensions": []},
                    "Period": 300, "Stat": "Sum",
                }},
            ],
        })
    );
}

#[tokio::test]
async fn nothing_is_an_empty_list() {
    let server = StandIn::start(|_| ok(r#"{"MetricDataResults":[]}"#)).await;
    let sample = sample(&stage(&server).context(), &metric(queries())).await;
    assert_eq!(sample.text, "[]");
    assert!(holds(&sample, "len(result) == 0"));
}

#[tokio::test]
async fn what_amazon_refuses_is_told() {
    let refusal = r#"{"__type":"com.amazonaws.cloudwatch#ValidationError","message":"bad id"}"#;
    let server = StandIn::start(move |_| status(400, refusal)).await;
    let error = failure(&stage(&server).context(), &metric(queries())).await;
    assert_eq!(error.category, "status");
    assert!(error.message.ends_with("400 Bad Request: ValidationError: bad id"), "{error}");
}

#[tokio::test]
async fn without_region_or_keys_nobody_is_asked() {
    let disabled = || Stage::default().variable("AWS_EC2_METADATA_DISABLED", "true");
    let error = failure(&disabled().context(), &metric(queries())).await;
    assert!(error.message.starts_with("the AWS region is not known"), "{error}");
    let cx = disabled().variable("AWS_REGION", "eu-west-1").context();
    let error = failure(&cx, &metric(queries())).await;
    assert_eq!(error.category, "secret");
    assert!(error.message.starts_with("the controller has no AWS credentials"), "{error}");
}

#[tokio::test]
async fn hardships_of_cloudwatch() {
    hardships::all(&[], |server| (stage(server).context(), queries())).await;
}
