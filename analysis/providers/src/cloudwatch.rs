//! Amazon CloudWatch: GetMetricData, in its JSON protocol.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use sluice_analysis::expr::Value;
use sluice_analysis::{Reading, Sample};
use sluice_crd::analysis::{CloudWatchMetric, CloudWatchMetricDataQuery, Metric};
use url::Url;

use crate::aws::{self, Wanted};
use crate::context::Context;
use crate::error::ProviderError;
use crate::http::{Answer, Call};
use crate::provider::Provider;
use crate::request::{self, Request};
use crate::{gotext, reply};

/// How far back queries look, unless the metric says.
const INTERVAL: Duration = Duration::from_secs(300);

/// Time for the server. The metric has no field for it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The operation, with the version of the API.
const TARGET: &str = "GraniteServiceVersion20100801.GetMetricData";

/// Asks CloudWatch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloudWatch;

#[async_trait]
impl Provider for CloudWatch {
    async fn measure(&self, cx: &Context, metric: &Metric) -> Result<Reading, ProviderError> {
        let Some(cloudwatch) = &metric.provider.cloud_watch else {
            return Err(ProviderError::spec("the metric has no provider.cloudWatch"));
        };
        let identity = cx.aws.identity(cx, &Wanted::default()).await?;
        let region = &identity.region;
        let address = aws::service_address(&cx.environment, "CLOUDWATCH", "monitoring", region)?;
        let call = request(cloudwatch, address, cx.now)?;
        let request = identity.sign(cx, "monitoring", call.request)?;
        cx.ask(Call { request, ..call }, interpret).await
    }
}

fn request(
    metric: &CloudWatchMetric,
    address: Url,
    now: DateTime<Utc>,
) -> Result<Call, ProviderError> {
    let interval = request::duration("cloudWatch.interval", &metric.interval, INTERVAL)?;
    let end = now.timestamp();
    let start = end.saturating_sub_unsigned(interval.as_secs());
    let queries: Vec<_> = metric.metric_data_queries.iter().map(query).collect();
    let body = json!({"StartTime": start, "EndTime": end, "MetricDataQueries": queries});
    Request::json(address, &body)
        .header(CONTENT_TYPE.as_str(), "application/x-amz-json-1.0")?
        .header("X-Amz-Target", TARGET)?
        .call(TIMEOUT, false)
}

fn query(query: &CloudWatchMetricDataQuery) -> Json {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    set("Id", Some(json!(query.id)));
    set("Expression", query.expression.as_ref().map(|text| json!(text)));
    set("Label", query.label.as_ref().map(|text| json!(text)));
    set("Period", query.period.as_ref().map(|period| json!(seconds(&json!(period)))));
    set("ReturnData", query.return_data.map(Json::from));
    let stat = query.metric_stat.as_ref().map(|stat| {
        let dimension = |name: &str, value: &str| json!({"Name": name, "Value": value});
        let dimensions = stat.metric.dimensions.iter();
        let dimensions: Vec<_> =
            dimensions.map(|pair| dimension(&pair.name, &pair.value)).collect();
        let mut json = json!({
            "Metric": {"MetricName": stat.metric.metric_name, "Dimensions": dimensions},
            "Period": seconds(&json!(stat.period)),
            "Stat": stat.stat,
        });
        if let Some(namespace) = &stat.metric.namespace {
            json["Metric"]["Namespace"] = json!(namespace);
        }
        if !stat.unit.is_empty() {
            json["Unit"] = json!(stat.unit);
        }
        json
    });
    set("MetricStat", stat);
    Json::Object(fields)
}

/// A number of seconds, also where it is written as a text. What is no number is 0, as upstream
/// reads it, and CloudWatch says what it thinks of that.
fn seconds(period: &Json) -> i64 {
    match period {
        Json::String(text) => text.trim().parse().unwrap_or(0),
        other => other.as_i64().unwrap_or(0),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    #[serde(default)]
    metric_data_results: Vec<Series>,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Series {
    #[serde(default)]
    id: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    status_code: String,
    #[serde(default)]
    timestamps: Vec<f64>,
    #[serde(default)]
    values: Vec<f64>,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    #[serde(default)]
    code: String,
    #[serde(default)]
    value: String,
}

/// What CloudWatch says to what it refuses.
#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(default, alias = "Message")]
    message: String,
}

fn interpret(answer: &Answer) -> Result<Reading, ProviderError> {
    if let Ok(Refusal { kind, message }) = serde_json::from_slice(answer.body())
        && !answer.status().is_success()
    {
        let kind = kind.rsplit('#').next().unwrap_or_default();
        let text = format!("{}: {kind}: {message}", answer.status());
        return Err(ProviderError::new("status", text));
    }
    let body: Body = reply::json(answer)?;
    let text = body
        .metric_data_results
        .iter()
        .map(|series| gotext::list(series.values.iter().copied().map(gotext::general), " "));
    let text = gotext::list(text, " ");
    let mut metadata = BTreeMap::new();
    if !body.messages.is_empty() {
        let texts = body.messages.iter().map(|said| format!("{{{} {}}}", said.code, said.value));
        metadata.insert("messages".to_owned(), gotext::list(texts, " "));
    }
    let results: Result<Vec<_>, _> = body.metric_data_results.into_iter().map(value).collect();
    let value =
        results.and_then(Value::items).map_err(|error| ProviderError::body(error.to_string()))?;
    Ok(Reading::Sample(Sample { value, text, metadata }))
}

/// A result as conditions see it: `result[0].Values`.
fn value(series: Series) -> Result<Value, sluice_analysis::expr::EvalError> {
    let messages = series.messages.into_iter().map(|said| {
        let fields = [("Code", said.code), ("Value", said.value)];
        Value::fields(fields.map(|(name, text)| (name.to_owned(), Value::text(text))))
    });
    let timestamps = series.timestamps.into_iter().map(|seconds| Value::text(instant(seconds)));
    let fields = [
        ("Id", Value::text(series.id)),
        ("Label", Value::text(series.label)),
        ("StatusCode", Value::text(series.status_code)),
        ("Timestamps", Value::items(timestamps.collect())?),
        ("Values", Value::samples(series.values)),
        ("Messages", Value::items(messages.collect::<Result<_, _>>()?)?),
    ];
    Value::fields(fields.map(|(name, value)| (name.to_owned(), value)))
}

fn instant(seconds: f64) -> String {
    // Nobody measures at a time that does not fit.
    #[allow(clippy::cast_possible_truncation)]
    let instant = DateTime::from_timestamp(seconds as i64, 0).unwrap_or_default();
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use sluice_analysis::expr::{Condition, Limits};

    fn sample(status: u16, body: &str) -> Result<Sample, ProviderError> {
        let mut answer = http::Response::new(Bytes::from(body.to_owned()));
        *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
        match interpret(&answer)? {
            Reading::Sample(sample) => Ok(sample),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn results_are_as_conditions_expect_them() {
        let sample = sample(
            200,
            r#"{"MetricDataResults":[{"Id":"rate","Label":"x","StatusCode":"Complete",
                "Timestamps":[1767225600,1767225540.0],"Values":[0.005,0.0]},
                {"Id":"b","Values":[1000000]}],"Messages":[{"Code":"C","Value":"slow"}]}"#,
        )
        .unwrap();
        assert_eq!(sample.text, "[[0.005 0] [1e+06]]");
        assert_eq!(sample.metadata["messages"], "[{C slow}]");
        for condition in [
            "len(result[0].Values) >= 2 and all(result[0].Values, {# <= 0.01})",
            "result[0].Id == 'rate' && result[0].StatusCode == 'Complete'",
            "result[0].Timestamps[0] == '2026-01-01T00:00:00Z'",
            "max(result[1].Values) == 1000000 && len(result[1].Messages) == 0",
        ] {
            let holds =
                Condition::compile(condition).unwrap().holds(&sample.value, Limits::default());
            assert_eq!(holds, Ok(true), "{condition}");
        }
    }

    #[test]
    fn other_answers() {
        assert_eq!(sample(200, "{}").unwrap().text, "[]");
        let refusal = r#"{"__type":"com.amazon.coral#ValidationError","message":"bad id"}"#;
        let error = sample(400, refusal).unwrap_err();
        assert_eq!(error.message, "400 Bad Request: ValidationError: bad id");
        for body in ["", "<html>", r#"{"MetricDataResults":5}"#] {
            assert_eq!(sample(200, body).unwrap_err().category, "body");
            assert_eq!(sample(500, body).unwrap_err().category, "status");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in "\\PC{0,80}", values in "[\\[\\],0-9e.-]{0,30}", at in any::<f64>()) {
            let _ = sample(200, &body);
            let _ = sample(200, &format!(r#"{{"MetricDataResults":[{{"Values":{values}}}]}}"#));
            let _ = sample(200, &format!(r#"{{"MetricDataResults":[{{"Timestamps":[{at}]}}]}}"#));
        }
    }
}
