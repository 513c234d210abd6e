//! Any web server: the value is what it answers, or a part of it.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::Value as Json;
use sluice_analysis::expr::Value;
use sluice_analysis::{Reading, Sample};
use sluice_crd::analysis::{Metric, Sigv4Config, WebMetric, WebMetricMethod};

use crate::context::Context;
use crate::error::ProviderError;
use crate::http::Answer;
use crate::jsonpath::Template;
use crate::provider::Provider;
use crate::request::{self, Request};
use crate::{authentication, gotext, reply};

/// Default time for the server.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Asks a web server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Web;

#[async_trait]
impl Provider for Web {
    async fn measure(&self, cx: &Context, metric: &Metric) -> Result<Reading, ProviderError> {
        let Some(web) = &metric.provider.web else {
            return Err(ProviderError::spec("the metric has no provider.web"));
        };
        let path = path(web)?;
        let timeout = match u64::try_from(web.timeout_seconds) {
            Ok(seconds) if seconds > 0 => Duration::from_secs(seconds),
            _ => TIMEOUT,
        };
        let signs = web.authentication.sigv4 != Sigv4Config::default();
        let interpret = |answer: &Answer| interpret(&path, answer);
        let (auth, insecure) = (&web.authentication, web.insecure);
        authentication::ask(cx, auth, signs, request(web)?, timeout, insecure, interpret).await
    }
}

fn path(web: &WebMetric) -> Result<Template, ProviderError> {
    let source = if web.json_path.is_empty() { "{$}" } else { &web.json_path };
    Template::parse(source)
        .map_err(|error| ProviderError::spec(format!("web.jsonPath `{source}`: {error}")))
}

/// What is asked.
fn request(web: &WebMetric) -> Result<Request, ProviderError> {
    let method = match web.method.as_ref().map(WebMetricMethod::as_str) {
        None | Some("" | "GET") => Method::GET,
        Some("POST") => Method::POST,
        Some("PUT") => Method::PUT,
        Some(other) => {
            let text = format!("web.method: `{other}` is neither GET, POST nor PUT");
            return Err(ProviderError::spec(text));
        }
    };
    if !web.body.is_empty() && web.json_body.is_some() {
        return Err(ProviderError::spec(
            "use either Body or JSONBody; both cannot exists for WebMetric payload",
        ));
    }
    if (!web.body.is_empty() || web.json_body.is_some()) && method == Method::GET {
        return Err(ProviderError::spec(
            "Body/JSONBody can only be used with POST or PUT WebMetric Method types",
        ));
    }
    let mut request = Request::new(method, request::url("web.url", &web.url)?);
    for header in &web.headers {
        request = request.header(&header.key, &header.value)?;
    }
    if let Some(json) = &web.json_body {
        let body = json.as_str().to_owned();
        return request.plain_body(body).header(CONTENT_TYPE.as_str(), "application/json");
    }
    Ok(request.plain_body(web.body.clone()))
}

/// What comes of an answer.
fn interpret(path: &Template, answer: &Answer) -> Result<Reading, ProviderError> {
    let body = reply::success(answer)?;
    let (value, text) = match serde_json::from_slice::<Json>(body) {
        Ok(json) => found(path, &json)?,
        Err(_) => {
            let text = reply::text(body);
            (Value::text(&text), text)
        }
    };
    Ok(Reading::Sample(Sample { value, text, metadata: BTreeMap::new() }))
}

fn found(path: &Template, json: &Json) -> Result<(Value, String), ProviderError> {
    let none = |why: String| {
        let json = gotext::json(json);
        ProviderError::body(format!("Could not find JSONPath in body: {why}: {json}"))
    };
    let found = path.first(json).map_err(|error| none(error.to_string()))?;
    let found =
        found.ok_or_else(|| ProviderError::body("result of web metric produced no value"))?;
    let value = Value::from_json(&found).map_err(|error| none(error.to_string()))?;
    Ok((value, gotext::json(&found)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::StatusCode;
    use proptest::prelude::*;

    fn answer(status: u16, body: &str) -> Answer {
        let mut answer = http::Response::new(Bytes::from(body.to_owned()));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        answer
    }

    fn text(path: &str, body: &str) -> Result<String, ProviderError> {
        match interpret(&Template::parse(path).unwrap(), &answer(200, body))? {
            Reading::Sample(sample) => Ok(sample.text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values() {
        for (path, body, expected) in [
            ("{$}", r#"{"b": 1.0, "a": true}"#, r#"{"a":true,"b":1}"#),
            ("{$.a}", r#"{"a": 0.95}"#, "0.95"),
            ("{$.a}", r#"{"a": "ok"}"#, r#""ok""#),
            ("{$.a[*]}", r#"{"a": [3, 4]}"#, "3"),
            ("{$}", "null", "null"),
            ("{$.a}", "It worked!", "It worked!"),
            ("{$.a}", "", ""),
        ] {
            assert_eq!(text(path, body).unwrap(), expected);
        }
    }

    #[test]
    fn no_values() {
        for (path, body, said) in [
            (
                "{$.b}",
                r#"{"a": 1}"#,
                r#"Could not find JSONPath in body: a field is not found: {"a":1}"#,
            ),
            ("{$.a[*]}", r#"{"a": []}"#, "result of web metric produced no value"),
        ] {
            assert_eq!(text(path, body).unwrap_err().message, said);
        }
        for status in [199, 301, 404, 500] {
            let error = interpret(&path(&WebMetric::default()).unwrap(), &answer(status, "why"));
            let error = error.unwrap_err();
            assert_eq!(error.category, "status");
            assert!(error.message.starts_with("received non 2xx response code: "));
            assert!(error.message.ends_with("why"), "{}", error.message);
        }
    }

    #[test]
    fn what_cannot_be_asked() {
        let web = |fields: Json| serde_json::from_value::<WebMetric>(fields).unwrap();
        for (fields, said) in [
            (
                serde_json::json!({"url": "http://a", "body": "x"}),
                "can only be used with POST or PUT",
            ),
            (
                serde_json::json!({"url": "http://a", "jsonBody": {}, "method": "GET"}),
                "can only be used with POST or PUT",
            ),
            (
                serde_json::json!({"url": "http://a", "method": "PUT", "body": "x", "jsonBody": {}}),
                "use either Body or JSONBody",
            ),
            (serde_json::json!({"url": "http://a", "method": "DELETE"}), "`DELETE` is neither"),
            (serde_json::json!({"url": "a"}), "web.url: `a` is not a URL"),
        ] {
            let error = request(&web(fields)).err().unwrap();
            assert_eq!(error.category, "spec");
            assert!(error.message.contains(said), "{}", error.message);
        }
        assert!(path(&web(serde_json::json!({"url": "", "jsonPath": "{.a"}))).is_err());
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in "\\PC{0,100}|[\\[\\]{}\":,0-9a]{0,60}") {
            let _ = text("{$..a}", &body);
        }
    }
}
