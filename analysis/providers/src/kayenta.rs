//! Kayenta: it compares the canary with a baseline, which takes a while, and gives a score.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use sluice_analysis::{Ongoing, Reading, Verdict};
use sluice_crd::analysis::{AnalysisPhase, KayentaMetric, KayentaThreshold, Measurement, Metric};
use url::Url;

use crate::context::Context;
use crate::error::ProviderError;
use crate::http::{Answer, Call};
use crate::provider::Provider;
use crate::reply;
use crate::request::{self, Request};

/// The key of the measurement's metadata.
const EXECUTION: &str = "canaryExecutionId";

/// How often it is asked whether it is done.
const RESUME_AFTER: TimeDelta = TimeDelta::seconds(15);

/// Time for the server. The metric has no field for it.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Asks Kayenta.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kayenta;

#[async_trait]
impl Provider for Kayenta {
    async fn measure(&self, cx: &Context, metric: &Metric) -> Result<Reading, ProviderError> {
        let kayenta = spec(metric)?;
        let name = &kayenta.canary_config_name;
        let lookup = lookup_request(kayenta)?;
        let config = cx.ask(lookup, |answer| interpret_lookup(answer, name)).await?;
        let start = start_request(kayenta, &config)?;
        cx.ask(start, |answer| interpret_start(answer, cx.now)).await
    }

    async fn resume(
        &self,
        cx: &Context,
        metric: &Metric,
        ongoing: &Measurement,
    ) -> Result<Reading, ProviderError> {
        let kayenta = spec(metric)?;
        let Some(execution) = ongoing.metadata.get(EXECUTION) else {
            return Err(ProviderError::body("Invalid canaryExecutionId"));
        };
        let call = score_request(kayenta, execution)?;
        cx.ask(call, |answer| interpret_score(answer, &kayenta.threshold, execution, cx.now)).await
    }
}

fn spec(metric: &Metric) -> Result<&KayentaMetric, ProviderError> {
    let missing = || ProviderError::spec("the metric has no provider.kayenta");
    metric.provider.kayenta.as_deref().ok_or_else(missing)
}

/// A URL below the server's address; the parts of the path are encoded.
fn endpoint(metric: &KayentaMetric, parts: &[&str]) -> Result<Url, ProviderError> {
    let mut url = request::url("kayenta.address", &metric.address)?;
    url.set_query(None);
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(parts);
    }
    Ok(url)
}

/// Which canary configurations there are.
fn lookup_request(metric: &KayentaMetric) -> Result<Call, ProviderError> {
    let url = endpoint(metric, &["canaryConfig"])?;
    let query = [
        ("application", metric.application.as_str()),
        ("configurationAccountName", &metric.configuration_account_name),
    ];
    Request::get(request::with_query(url, query)).call(TIMEOUT, false)
}

/// The id of the configuration of a name.
fn interpret_lookup(answer: &Answer, name: &str) -> Result<String, ProviderError> {
    #[derive(Deserialize)]
    struct Config {
        id: String,
        name: String,
    }
    let configs: Vec<Config> = reply::json(answer)?;
    let found = configs.into_iter().find(|config| config.name == name);
    found.map(|config| config.id).ok_or_else(|| {
        ProviderError::spec(format!("kayenta.canaryConfigName: there is no configuration {name}"))
    })
}

fn start_request(metric: &KayentaMetric, config: &str) -> Result<Call, ProviderError> {
    let url = endpoint(metric, &["canary", config])?;
    let query = [
        ("application", metric.application.as_str()),
        ("metricsAccountName", &metric.metrics_account_name),
        ("configurationAccountName", &metric.configuration_account_name),
        ("storageAccountName", &metric.storage_account_name),
    ];
    let scopes: Map<_, _> = metric
        .scopes
        .iter()
        .map(|scope| {
            let sides = json!({
                "controlScope": scope.control_scope,
                "experimentScope": scope.experiment_scope,
            });
            (scope.name.clone(), sides)
        })
        .collect();
    let thresholds = json!({"pass": metric.threshold.pass, "marginal": metric.threshold.marginal});
    let body = json!({"scopes": scopes, "thresholds": thresholds});
    Request::json(request::with_query(url, query), &body).call(TIMEOUT, false)
}

fn interpret_start(answer: &Answer, now: DateTime<Utc>) -> Result<Reading, ProviderError> {
    let body: Json = reply::json(answer)?;
    match body[EXECUTION].as_str() {
        Some(execution) if !execution.is_empty() => Ok(ongoing(execution, now)),
        _ => Err(ProviderError::body("Invalid canaryExecutionId")),
    }
}

fn ongoing(execution: &str, now: DateTime<Utc>) -> Reading {
    Reading::Ongoing(Ongoing {
        resume_at: now + RESUME_AFTER,
        metadata: metadata(execution),
        trouble: String::new(),
    })
}

fn metadata(execution: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(EXECUTION.to_owned(), execution.to_owned())])
}

fn score_request(metric: &KayentaMetric, execution: &str) -> Result<Call, ProviderError> {
    Request::get(endpoint(metric, &["canary", execution])?).call(TIMEOUT, false)
}

fn interpret_score(
    answer: &Answer,
    threshold: &KayentaThreshold,
    execution: &str,
    now: DateTime<Utc>,
) -> Result<Reading, ProviderError> {
    let body: Json = reply::json(answer)?;
    match body["complete"].as_bool() {
        Some(true) => {}
        Some(false) => return Ok(ongoing(execution, now)),
        None => return Err(ProviderError::body("Missing Complete Status")),
    }
    let Some(score) = body["result"]["judgeResult"]["score"]["score"].as_f64() else {
        let why = body["exception"].to_string();
        let text = if body["exception"].is_null() { "Missing Score".to_owned() } else { why };
        return Err(ProviderError::body(text));
    };
    // A score is a number from 0 to 100, of which upstream sees the whole part.
    #[allow(clippy::cast_possible_truncation)]
    let score = score as i64;
    let phase = match score {
        score if score >= threshold.pass => AnalysisPhase::Successful,
        score if score >= threshold.marginal => AnalysisPhase::Inconclusive,
        _ => AnalysisPhase::Failed,
    };
    Ok(Reading::Verdict(Verdict {
        phase,
        message: String::new(),
        text: score.to_string(),
        metadata: metadata(execution),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn read(body: &str) -> Result<Reading, ProviderError> {
        let threshold = KayentaThreshold { pass: 90, marginal: 75 };
        let answer = http::Response::new(Bytes::from(body.to_owned()));
        interpret_score(&answer, &threshold, "id", DateTime::UNIX_EPOCH)
    }

    #[test]
    fn scores() {
        for (score, phase, text) in [
            ("100", AnalysisPhase::Successful, "100"),
            ("90.5", AnalysisPhase::Successful, "90"),
            ("89.9", AnalysisPhase::Inconclusive, "89"),
            ("75", AnalysisPhase::Inconclusive, "75"),
            ("74.9", AnalysisPhase::Failed, "74"),
            ("0", AnalysisPhase::Failed, "0"),
        ] {
            let body = format!(
                r#"{{"complete":true,"result":{{"judgeResult":{{"score":{{"score":{score}}}}}}}}}"#
            );
            let Ok(Reading::Verdict(verdict)) = read(&body) else { panic!("{score}") };
            assert_eq!((verdict.phase, verdict.text.as_str()), (phase, text));
            assert_eq!(verdict.metadata["canaryExecutionId"], "id");
        }
    }

    #[test]
    fn it_may_not_be_done() {
        let Ok(Reading::Ongoing(ongoing)) = read(r#"{"complete":false}"#) else { panic!() };
        assert_eq!(ongoing.resume_at, DateTime::UNIX_EPOCH + TimeDelta::seconds(15));
        for (body, said) in [
            ("{}", "Missing Complete Status"),
            (r#"{"complete":"yes"}"#, "Missing Complete Status"),
            (r#"{"complete":true}"#, "Missing Score"),
            (r#"{"complete":true,"exception":{"a":1}}"#, r#"{"a":1}"#),
        ] {
            assert_eq!(read(body).unwrap_err().message, said);
        }
        assert_eq!(read("<html>").unwrap_err().category, "body");
    }

    #[test]
    fn parts_of_the_path_stay_parts() {
        let metric = KayentaMetric { address: "http://k/api/".to_owned(), ..Default::default() };
        let call = score_request(&metric, "../a?b").unwrap();
        assert_eq!(call.request.uri(), "http://k/api/canary/..%2Fa%3Fb");
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in "\\PC{0,80}", score in "[-0-9e.]{1,12}") {
            let _ = read(&body);
            let _ = read(&format!(r#"{{"complete":true,"result":{{"judgeResult":{{"score":{{"score":{score}}}}}}}}}"#));
            let answer = http::Response::new(Bytes::from(body));
            let _ = interpret_lookup(&answer, "a");
            let _ = interpret_start(&answer, DateTime::UNIX_EPOCH);
        }
    }
}
