//! Prometheus: an instant query, or a range query, by its HTTP API.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http::StatusCode;
use prometheus_http_query::response::Data;
use serde::Deserialize;
use sluice_analysis::expr::{Value, evaluate_time};
use sluice_analysis::{Reading, Sample};
use sluice_crd::analysis::{Metric, PrometheusMetric, PrometheusRangeQueryArgs};
use url::Url;

use crate::context::Context;
use crate::error::ProviderError;
use crate::http::Answer;
use crate::provider::Provider;
use crate::request::{self, Request};
use crate::{authentication, gotext, reply};

/// Default time for the server, in seconds.
const TIMEOUT_SECONDS: i64 = 30;

/// Where the address is when the metric names none.
const ADDRESS: &str = "ARGO_ROLLOUTS_PROMETHEUS_ADDRESS";

/// A part of the addresses of Amazon Managed Prometheus. Requests there are signed, and no others.
const AMAZON: &str = "aps-workspaces";

/// Asks Prometheus.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prometheus;

#[async_trait]
impl Provider for Prometheus {
    fn describe(&self, metric: &Metric) -> BTreeMap<String, String> {
        let query = metric.provider.prometheus.as_ref().map(|prometheus| prometheus.query.clone());
        let query = query.filter(|query| !query.is_empty());
        query.map(|query| ("ResolvedPrometheusQuery".to_owned(), query)).into_iter().collect()
    }

    async fn measure(&self, cx: &Context, metric: &Metric) -> Result<Reading, ProviderError> {
        let Some(prometheus) = &metric.provider.prometheus else {
            return Err(ProviderError::spec("the metric has no provider.prometheus"));
        };
        let address = address(prometheus, cx.variable(ADDRESS))?;
        let timeout = prometheus.timeout.filter(|seconds| *seconds != 0);
        let timeout = timeout.unwrap_or(TIMEOUT_SECONDS);
        let timeout = request::seconds("prometheus.timeout", timeout)?;
        let signs = address.as_str().contains(AMAZON);
        let ask = async |form| {
            let request = request(prometheus, &address, cx.data_instant(), form)?;
            let auth = &prometheus.authentication;
            authentication::ask(cx, auth, signs, request, timeout, prometheus.insecure, interpret)
                .await
        };
        match ask(Form::Post).await? {
            Reply::Reading(reading) => Ok(reading),
            // What stands before Prometheus may let no POST through.
            Reply::NoPost => match ask(Form::Get).await? {
                Reply::Reading(reading) => Ok(reading),
                Reply::NoPost => {
                    Err(ProviderError::new("status", "neither POST nor GET is allowed"))
                }
            },
        }
    }
}

/// How the parameters are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Post,
    Get,
}

#[derive(Debug)]
enum Reply {
    Reading(Reading),
    /// The server takes no POST.
    NoPost,
}

fn address(metric: &PrometheusMetric, default: Option<&str>) -> Result<Url, ProviderError> {
    match (metric.address.as_str(), default) {
        ("", None) => Err(ProviderError::spec(format!(
            "prometheus address is not configured: set prometheus.address in the metric, or {ADDRESS} \
             in the controller's environment"
        ))),
        ("", Some(address)) => request::url(ADDRESS, address),
        (address, _) => request::url("prometheus.address", address),
    }
}

/// What is asked.
fn request(
    metric: &PrometheusMetric,
    address: &Url,
    now: DateTime<Utc>,
    form: Form,
) -> Result<Request, ProviderError> {
    let (path, parameters) = match &metric.range_query {
        None => ("/api/v1/query", vec![("time", seconds(now))]),
        Some(range) => ("/api/v1/query_range", window(range, now)?),
    };
    let parameters = parameters.iter().map(|(name, value)| (*name, value.as_str()));
    let parameters = [("query", metric.query.as_str())].into_iter().chain(parameters);
    let url = request::below(address.clone(), path);
    let mut request = match form {
        Form::Post => Request::form(url, parameters),
        Form::Get => Request::get(request::with_query(url, parameters)),
    };
    for header in &metric.headers {
        request = request.header(&header.key, &header.value)?;
    }
    Ok(request)
}

fn window(
    range: &PrometheusRangeQueryArgs,
    now: DateTime<Utc>,
) -> Result<Vec<(&'static str, String)>, ProviderError> {
    let moment = |field: &str, expression: &str| {
        evaluate_time(expression, now)
            .map_err(|error| ProviderError::spec(format!("prometheus.rangeQuery.{field}: {error}")))
    };
    let field = "prometheus.rangeQuery.step";
    if range.step.is_empty() {
        return Err(ProviderError::spec(format!(
            "{field} is missing: write a duration such as 1m"
        )));
    }
    let step = request::duration(field, &range.step, Default::default())?;
    Ok(vec![
        ("start", seconds(moment("start", &range.start)?)),
        ("end", seconds(moment("end", &range.end)?)),
        ("step", step.as_secs_f64().to_string()),
    ])
}

/// Seconds since 1970, as Prometheus reads instants.
fn seconds(instant: DateTime<Utc>) -> String {
    let millis = instant.timestamp_millis();
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

/// What Prometheus answers with, also to what it refuses.
#[derive(Deserialize)]
struct Body {
    status: String,
    data: Option<serde_json::Value>,
    #[serde(default, rename = "errorType")]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

/// What comes of an answer.
fn interpret(answer: &Answer) -> Result<Reply, ProviderError> {
    if matches!(answer.status(), StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) {
        return Ok(Reply::NoPost);
    }
    let refusal = serde_json::from_slice::<Body>(answer.body()).ok();
    if let Some(Body { error_type, error, .. }) = refusal.filter(|body| body.status == "error") {
        let status = answer.status();
        return Err(ProviderError::new("status", format!("{status}: {error_type}: {error}")));
    }
    let body: Body = reply::json(answer)?;
    let data = body.data.unwrap_or_default();
    let kind = data.get("resultType").and_then(serde_json::Value::as_str).unwrap_or_default();
    if !matches!(kind, "scalar" | "vector" | "matrix") {
        let text = format!("Prometheus metric type not supported: the query gives a `{kind}`");
        return Err(ProviderError::body(text));
    }
    let data = Data::deserialize(data).map_err(|error| {
        ProviderError::body(format!(
            "the samples of the answer cannot be read (native histograms are not supported): {error}"
        ))
    })?;
    let (value, text) = value(&data);
    Ok(Reply::Reading(Reading::Sample(Sample { value, text, metadata: warnings(&body.warnings) })))
}

fn value(data: &Data) -> (Value, String) {
    let samples: Vec<f64> = match data {
        Data::Scalar(sample) => {
            return (Value::Float(sample.value()), gotext::plain(sample.value()));
        }
        Data::Vector(series) => series.iter().map(|series| series.sample().value()).collect(),
        Data::Matrix(series) => {
            series.iter().flat_map(|series| series.samples()).map(|s| s.value()).collect()
        }
    };
    let text = gotext::list(samples.iter().copied().map(gotext::plain), ",");
    (Value::samples(samples), text)
}

fn warnings(warnings: &[String]) -> BTreeMap<String, String> {
    if warnings.is_empty() {
        return BTreeMap::new();
    }
    let quoted: Vec<_> = warnings.iter().map(|warning| format!("\"{warning}\"")).collect();
    BTreeMap::from([("warnings".to_owned(), quoted.join(", "))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn read(body: &str) -> Result<Reply, ProviderError> {
        interpret(&http::Response::new(Bytes::from(body.to_owned())))
    }

    fn text(result: &str) -> String {
        let body = format!(r#"{{"status":"success","data":{result}}}"#);
        match read(&body) {
            Ok(Reply::Reading(Reading::Sample(sample))) => sample.text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn samples() {
        for (result, expected) in [
            (r#"{"resultType":"scalar","result":[1.5,"0.95"]}"#, "0.95"),
            (r#"{"resultType":"scalar","result":[1,"NaN"]}"#, "NaN"),
            (r#"{"resultType":"vector","result":[]}"#, "[]"),
            (
                r#"{"resultType":"vector","result":[{"metric":{},"value":[1,"0.95"]},
                    {"metric":{"a":"b"},"value":[1,"+Inf"]},{"metric":{},"value":[1,"-Inf"]},
                    {"metric":{},"value":[1,"NaN"]},{"metric":{},"value":[1,"1e3"]}]}"#,
                "[0.95,+Inf,-Inf,NaN,1000]",
            ),
            (
                r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"],[2,"2"]]},
                    {"metric":{},"values":[[1,"3"]]}]}"#,
                "[1,2,3]",
            ),
        ] {
            assert_eq!(text(result), expected);
        }
    }

    #[test]
    fn other_answers() {
        for (body, category) in [
            ("", "body"),
            ("<html>login</html>", "body"),
            ("{}", "body"),
            (r#"{"status":"success"}"#, "body"),
            (r#"{"status":"success","data":{"resultType":"string","result":[1,"a"]}}"#, "body"),
            (
                r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}"#,
                "body",
            ),
            (r#"{"status":"error","errorType":"bad_data","error":"1:1: parse error"}"#, "status"),
        ] {
            assert_eq!(read(body).unwrap_err().category, category, "{body}");
        }
    }

    #[test]
    fn the_address() {
        let metric = PrometheusMetric::default();
        assert!(address(&metric, None).unwrap_err().message.contains("is not configured"));
        assert_eq!(address(&metric, Some("http://a")).unwrap().as_str(), "http://a/");
        let own = PrometheusMetric { address: "http://b".to_owned(), ..metric };
        assert_eq!(address(&own, Some("http://a")).unwrap().as_str(), "http://b/");
    }

    proptest! {
        #[test]
        fn no_answer_panics(
            body in "\\PC{0,100}",
            kind in prop::sample::select(vec!["scalar", "vector", "matrix", "string"]),
            result in "[\\[\\]{}\":,0-9a-z]{0,40}",
        ) {
            let _ = read(&body);
            let _ = read(&format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#));
        }
    }
}
