//! The first version of Datadog's API: the last point of the first series.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sluice_analysis::expr::Value;
use sluice_analysis::{Reading, Sample};
use sluice_crd::analysis::DatadogMetric;
use url::Url;

use super::{Window, accepting_json};
use crate::error::ProviderError;
use crate::http::Answer;
use crate::request::{self, Request};
use crate::{gotext, reply};

pub(super) fn request(metric: &DatadogMetric, address: &Url, window: Window) -> Request {
    let url = request::below(address.clone(), "/api/v1/query");
    let (from, to) = (window.from().to_string(), window.to.to_string());
    let query = [("query", metric.query.as_str()), ("from", &from), ("to", &to)];
    accepting_json(Request::get(request::with_query(url, query)))
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    series: Option<Vec<Series>>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Series {
    #[serde(default)]
    pointlist: Vec<Vec<Option<f64>>>,
}

pub(super) fn interpret(answer: &Answer) -> Result<Reading, ProviderError> {
    let body: Body = reply::json(answer)?;
    if body.status.as_deref() == Some("error") {
        let error = body.error.unwrap_or_default();
        return Err(ProviderError::new(
            "status",
            format!("There were errors in your query: {error}"),
        ));
    }
    let series = body.series.unwrap_or_default();
    let Some(last) = series.first().and_then(|series| series.pointlist.last()) else {
        let text = gotext::json(&serde_json::to_value(&series).unwrap_or_default());
        return Ok(sample(Value::Nil, text));
    };
    match last[..] {
        [_, Some(value)] => Ok(sample(Value::Float(value), gotext::plain(value))),
        // A point of an interval in which nothing was reported.
        [_, None] => Ok(sample(Value::Nil, "null".to_owned())),
        _ => Err(ProviderError::body("Datapoint does not have 2 values")),
    }
}

fn sample(value: Value, text: String) -> Reading {
    Reading::Sample(Sample { value, text, metadata: BTreeMap::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn text(body: &str) -> Result<(&'static str, String), ProviderError> {
        match interpret(&http::Response::new(Bytes::from(body.to_owned())))? {
            Reading::Sample(sample) => Ok((sample.value.type_name(), sample.text)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values() {
        for (body, kind, expected) in [
            (r#"{"series":[{"pointlist":[[1,2.5],[2,0.0003]]}]}"#, "float", "0.0003"),
            (r#"{"series":[{"pointlist":[[1,1]]},{"pointlist":[[1,2]]}]}"#, "float", "1"),
            (r#"{"series":[]}"#, "nil", "[]"),
            (r#"{"status":"ok","series":[{"pointlist":[]}]}"#, "nil", r#"[{"pointlist":[]}]"#),
            (r#"{"series":[{"pointlist":[[1,null]]}]}"#, "nil", "null"),
            ("{}", "nil", "[]"),
        ] {
            assert_eq!(text(body).unwrap(), (kind, expected.to_owned()), "{body}");
        }
        for body in [
            "",
            "<html>",
            r#"{"series":[{"pointlist":[[1]]}]}"#,
            r#"{"series":5}"#,
            r#"{"status":"error","error":"Rate limit"}"#,
        ] {
            assert!(text(body).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in "\\PC{0,80}", points in "[\\[\\],0-9nul]{0,40}") {
            let _ = text(&body);
            let _ = text(&format!(r#"{{"series":[{{"pointlist":{points}}}]}}"#));
        }
    }
}
