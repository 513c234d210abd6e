//! Apache SkyWalking: whatever a query in GraphQL gives.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sluice_analysis::expr::Value;
use sluice_analysis::{Reading, Sample};
use sluice_crd::analysis::{Metric, SkyWalkingMetric};

use crate::context::Context;
use crate::error::ProviderError;
use crate::http::{Answer, Call};
use crate::provider::Provider;
use crate::request::{self, Request};
use crate::{gotext, reply};

/// Time for the server. The metric has no field for it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How far back the query looks, unless the metric says.
const INTERVAL: Duration = Duration::from_secs(300);

/// Asks SkyWalking.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SkyWalking;

#[async_trait]
impl Provider for SkyWalking {
    async fn measure(&self, cx: &Context, metric: &Metric) -> Result<Reading, ProviderError> {
        let Some(skywalking) = &metric.provider.skywalking else {
            return Err(ProviderError::spec("the metric has no provider.skywalking"));
        };
        cx.ask(request(skywalking, cx.now)?, interpret).await
    }
}

/// What is asked. The query takes the window as its variable `duration`.
fn request(metric: &SkyWalkingMetric, now: DateTime<Utc>) -> Result<Call, ProviderError> {
    let url = request::below(request::url("skywalking.address", &metric.address)?, "/graphql");
    let interval = request::duration("skywalking.interval", &metric.interval, INTERVAL)?;
    let interval = TimeDelta::from_std(interval).unwrap_or(TimeDelta::MAX);
    let minute = |at: DateTime<Utc>| at.format("%Y-%m-%d %H%M").to_string();
    let start = now.checked_sub_signed(interval).unwrap_or(DateTime::UNIX_EPOCH);
    let duration = json!({"start": minute(start), "end": minute(now), "step": "MINUTE"});
    let body = json!({"query": metric.query, "variables": {"duration": duration}});
    Request::json(url, &body)
        .header("Accept", "application/json; charset=utf-8")?
        .call(TIMEOUT, false)
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    data: Json,
    #[serde(default)]
    errors: Option<Vec<GraphError>>,
}

#[derive(Deserialize)]
struct GraphError {
    #[serde(default)]
    message: String,
}

fn interpret(answer: &Answer) -> Result<Reading, ProviderError> {
    let body: Body = reply::json(answer)?;
    if let Some(error) = body.errors.unwrap_or_default().first() {
        return Err(ProviderError::new("status", format!("graphql: {}", error.message)));
    }
    if body.data.is_null() {
        return Err(ProviderError::body("no results returned from SkyWalking query"));
    }
    let value =
        Value::from_json(&body.data).map_err(|error| ProviderError::body(error.to_string()))?;
    let text = gotext::json(&body.data);
    Ok(Reading::Sample(Sample { value, text, metadata: BTreeMap::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn text(body: &str) -> Result<String, ProviderError> {
        match interpret(&http::Response::new(Bytes::from(body.to_owned())))? {
            Reading::Sample(sample) => Ok(sample.text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers() {
        let body = r#"{"data":{"service_apdex":{"values":{"values":[{"value":9901}]}}}}"#;
        assert_eq!(text(body).unwrap(), &body[8..body.len() - 1]);
        let none = "no results returned from SkyWalking query";
        for (body, said) in [
            (r#"{"data":null}"#, none),
            ("{}", none),
            (
                r#"{"data":null,"errors":[{"message":"Validation error"}]}"#,
                "graphql: Validation error",
            ),
        ] {
            assert_eq!(text(body).unwrap_err().message, said);
        }
        assert_eq!(text("<html>").unwrap_err().category, "body");
    }

    #[test]
    fn the_window() {
        let metric = SkyWalkingMetric {
            address: "http://oap:12800/".to_owned(),
            query: "query q($duration: Duration!) {}".to_owned(),
            interval: "3m".to_owned(),
        };
        let now = "2026-01-01T00:01:30Z".parse().unwrap();
        let call = request(&metric, now).unwrap();
        assert_eq!(call.request.uri(), "http://oap:12800/graphql");
        let body: Json = serde_json::from_slice(call.request.body()).unwrap();
        assert_eq!(
            body["variables"]["duration"],
            json!({"start": "2025-12-31 2358", "end": "2026-01-01 0001", "step": "MINUTE"})
        );
        let forever = SkyWalkingMetric { interval: "2562047h".to_owned(), ..metric };
        assert!(request(&forever, now).is_ok());
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in "\\PC{0,80}|[\\[\\]{}\":,a-z]{0,60}") {
            let _ = text(&body);
        }
    }
}
