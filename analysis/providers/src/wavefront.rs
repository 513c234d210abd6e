//! Wavefront: of each series the point that is nearest to the measurement.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sluice_analysis::expr::Value;
use sluice_analysis::{Reading, Sample};
use sluice_crd::analysis::{Metric, WavefrontMetric};

use crate::context::{Context, Kept};
use crate::error::ProviderError;
use crate::http::{Answer, Call};
use crate::provider::Provider;
use crate::request::{self, Request};
use crate::{gotext, reply};

/// The Secret in the controller's namespace: a token for each address.
const SECRET: &str = "wavefront-api-tokens";

/// Time for the server. The metric has no field for it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Asks Wavefront.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wavefront;

#[async_trait]
impl Provider for Wavefront {
    async fn measure(&self, cx: &Context, metric: &Metric) -> Result<Reading, ProviderError> {
        let Some(wavefront) = &metric.provider.wavefront else {
            return Err(ProviderError::spec("the metric has no provider.wavefront"));
        };
        let address = wavefront.address.as_str();
        let keys = cx.keys_of(&cx.home, SECRET, &[(address, Kept::Secret)]).await?;
        let token = keys.get(address).ok_or_else(|| {
            let text = format!(
                "API token not found: the Secret {SECRET} in namespace {} has no key {address}",
                cx.home
            );
            ProviderError::new("secret", text)
        })?;
        let call = request(wavefront, token, cx.now)?;
        cx.ask(call, |answer| interpret(answer, cx.now)).await
    }
}

fn request(
    metric: &WavefrontMetric,
    token: &SecretString,
    now: DateTime<Utc>,
) -> Result<Call, ProviderError> {
    let address = format!("https://{}", metric.address);
    let url = request::below(request::url("wavefront.address", &address)?, "/api/v2/chart/api");
    // Start and end are the same, so series outside of the window count: one point each.
    let now = now.timestamp().saturating_mul(1000).to_string();
    let query = [
        ("q", metric.query.as_str()),
        ("s", &now),
        ("e", &now),
        ("g", "s"),
        ("p", "1"),
        ("i", "true"),
    ];
    Request::get(request::with_query(url, query))
        .header("Authorization", &format!("Bearer {}", token.expose_secret().trim()))?
        .header("Accept", "application/json")?
        .call(TIMEOUT, false)
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    timeseries: Option<Vec<Series>>,
    #[serde(default)]
    warnings: Option<String>,
    #[serde(default, rename = "errorType")]
    error_type: Option<String>,
    #[serde(default, rename = "errorMessage")]
    error_message: Option<String>,
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    data: Vec<(f64, f64)>,
}

struct Point {
    value: f64,
    at: f64,
    drift: f64,
}

fn interpret(answer: &Answer, now: DateTime<Utc>) -> Result<Reading, ProviderError> {
    let body: Body = reply::json(answer)?;
    if let Some(kind) = body.error_type {
        let text = format!("{kind}: {}", body.error_message.unwrap_or_default());
        return Err(ProviderError::new("status", text));
    }
    let nearest = |series: &Series| nearest(&series.data, now);
    let points: Option<Vec<_>> = body.timeseries.unwrap_or_default().iter().map(nearest).collect();
    let none = || ProviderError::body("No TimeSeries found in response from Wavefront");
    let points = points.filter(|points| !points.is_empty()).ok_or_else(none)?;
    let join = |text: &dyn Fn(&Point) -> String| match &points[..] {
        [point] => text(point),
        points => gotext::list(points.iter().map(text), ","),
    };
    let mut metadata = BTreeMap::from([
        ("timestamps".to_owned(), join(&|point| gotext::fixed(point.at.trunc(), 0))),
        ("drift".to_owned(), join(&|point| gotext::fixed(point.drift.trunc() + 0.0, 0))),
    ]);
    if let Some(warnings) = body.warnings.filter(|warnings| !warnings.is_empty()) {
        metadata.insert("warnings".to_owned(), warnings);
    }
    let value = match &points[..] {
        [point] => Value::Float(point.value),
        points => Value::samples(points.iter().map(|point| point.value)),
    };
    let text = join(&|point| gotext::fixed(point.value, 2));
    Ok(Reading::Sample(Sample { value, text, metadata }))
}

/// The point that is nearest in time; of equally near ones the first.
fn nearest(points: &[(f64, f64)], now: DateTime<Utc>) -> Option<Point> {
    // Seconds since 1970 fit into a float for a while.
    #[allow(clippy::cast_precision_loss)]
    let now = now.timestamp() as f64;
    let point = |(at, value): &(f64, f64)| Point { value: *value, at: *at, drift: at - now };
    points.iter().map(point).min_by(|one, other| one.drift.abs().total_cmp(&other.drift.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn sample(body: &str) -> Result<Sample, ProviderError> {
        let now = DateTime::from_timestamp(1000, 0).unwrap();
        match interpret(&http::Response::new(Bytes::from(body.to_owned())), now)? {
            Reading::Sample(sample) => Ok(sample),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_series_is_a_number() {
        let body = r#"{"timeseries":[{"label":"a","data":[[900,1],[998,12.005],[1003,3]]}],
            "warnings":"slow"}"#;
        let sample = sample(body).unwrap();
        assert_eq!((sample.value.type_name(), sample.text.as_str()), ("float", "12.01"));
        let metadata: Vec<_> = sample.metadata.values().map(String::as_str).collect();
        assert_eq!(metadata, ["-2", "998", "slow"]);
    }

    #[test]
    fn several_series_are_a_list() {
        let sample =
            sample(r#"{"timeseries":[{"data":[[1000,1]]},{"data":[[1001,2.5]]}]}"#).unwrap();
        assert_eq!((sample.value.type_name(), sample.text.as_str()), ("array", "[1.00,2.50]"));
        assert_eq!(sample.metadata["drift"], "[0,1]");
        assert_eq!(sample.metadata["timestamps"], "[1000,1001]");
    }

    #[test]
    fn no_series_is_an_error() {
        for body in ["{}", r#"{"timeseries":[]}"#, r#"{"timeseries":[{"data":[]}]}"#] {
            let error = sample(body).unwrap_err();
            assert_eq!(error.message, "No TimeSeries found in response from Wavefront");
        }
        for body in ["", "<html>", r#"{"timeseries":[{"data":[[1]]}]}"#] {
            assert_eq!(sample(body).unwrap_err().category, "body", "{body}");
        }
        let error = sample(r#"{"errorType":"QuerySyntaxError","errorMessage":"x"}"#).unwrap_err();
        assert_eq!(error.message, "QuerySyntaxError: x");
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in "\\PC{0,80}", data in "[\\[\\],0-9e.-]{0,40}") {
            let _ = sample(&body);
            let _ = sample(&format!(r#"{{"timeseries":[{{"data":{data}}}]}}"#));
        }
    }
}
