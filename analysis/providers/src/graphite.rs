//! Graphite: the points of the first series that its render API gives.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value as Json;
use sluice_analysis::expr::Value;
use sluice_analysis::{Reading, Sample};
use sluice_crd::analysis::{GraphiteMetric, Metric};

use crate::context::Context;
use crate::error::ProviderError;
use crate::http::{Answer, Call};
use crate::provider::Provider;
use crate::request::{self, Request};
use crate::{gotext, reply};

/// Time for the server. The metric has no field for it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Asks Graphite.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Graphite;

#[async_trait]
impl Provider for Graphite {
    async fn measure(&self, cx: &Context, metric: &Metric) -> Result<Reading, ProviderError> {
        let Some(graphite) = &metric.provider.graphite else {
            return Err(ProviderError::spec("the metric has no provider.graphite"));
        };
        cx.ask(request(graphite)?, interpret).await
    }
}

/// What is asked: the query is the one of a URL, `target=…&from=-5min`, and may be written on several
/// lines.
fn request(metric: &GraphiteMetric) -> Result<Call, ProviderError> {
    let address = request::url("graphite.address", &metric.address)?;
    let query: String = metric.query.chars().filter(|c| !c.is_whitespace()).collect();
    let mut pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name != "format")
        .chain([("format".into(), "json".into())])
        .collect();
    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
    let pairs = pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
    let url = request::with_query(request::below(address, "/render"), pairs);
    Request::get(url).call(TIMEOUT, false)
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    datapoints: Vec<(Json, Json)>,
}

fn interpret(answer: &Answer) -> Result<Reading, ProviderError> {
    let series: Vec<Series> = reply::json(answer)?;
    let points = series.into_iter().next().map(|series| series.datapoints).unwrap_or_default();
    if points.is_empty() {
        return Err(ProviderError::body("no values found"));
    }
    let mut numbers = Vec::new();
    for (value, _) in points {
        let number = match value {
            Json::Null => continue,
            Json::String(text) => text.parse().ok(),
            other => other.as_f64(),
        };
        numbers.push(number.ok_or_else(|| ProviderError::body("a point is not a number"))?);
    }
    let text = gotext::list(numbers.iter().map(|number| gotext::fixed(*number, 6)), ",");
    let value = Value::samples(numbers);
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
    fn points() {
        for (body, expected) in [
            (
                r#"[{"target":"a","datapoints":[[0.3,1],[null,2],["1.5",3],[2,null]]}]"#,
                "[0.300000,1.500000,2.000000]",
            ),
            (r#"[{"datapoints":[[null,1]]}]"#, "[]"),
            (r#"[{"datapoints":[[1,1]]},{"datapoints":[[2,1]]}]"#, "[1.000000]"),
        ] {
            assert_eq!(text(body).unwrap(), expected);
        }
        for body in ["[]", r#"[{"datapoints":[]}]"#] {
            assert_eq!(text(body).unwrap_err().message, "no values found");
        }
        for body in
            ["", "{}", "<html>", r#"[{"datapoints":[[true,1]]}]"#, r#"[{"datapoints":[[1]]}]"#]
        {
            assert_eq!(text(body).unwrap_err().category, "body", "{body}");
        }
    }

    #[test]
    fn the_query_is_that_of_a_url() {
        let uri = |address: &str, query: &str| {
            let (address, query) = (address.to_owned(), query.to_owned());
            request(&GraphiteMetric { address, query }).unwrap().request.uri().to_string()
        };
        assert_eq!(
            uri("http://g:9090/prefix/", "target=sum(a.*,\n  b)&from=-5min & format=png"),
            "http://g:9090/prefix/render?format=json&from=-5min&target=sum%28a.*%2Cb%29"
        );
        assert_eq!(uri("http://g", "target=a%2Bb"), "http://g/render?format=json&target=a%2Bb");
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in "\\PC{0,80}", points in "[\\[\\],0-9nul\"]{0,40}") {
            let _ = text(&body);
            let _ = text(&format!(r#"[{{"datapoints":{points}}}]"#));
        }
    }
}
