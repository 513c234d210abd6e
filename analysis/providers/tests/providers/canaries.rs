//! No secret comes out of a measurement, wherever it was put and however a server gives it back.
//!
//! Canaries are planted as arguments in every field of a metric, and as keys of Secrets; servers
//! echo all that they are sent, in the wire format of the provider and in errors, plainly and in
//! disguise; and all that comes out is searched.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_analysis::Reading;
use sluice_analysis::expr::{Condition, Limits};
use sluice_crd::analysis::{Measurement, Metric};
use sluice_providers::{Context, ProviderError, Taken, provider_of, resume, terminate};

use crate::stage::{Stage, measure, metric, under_way};
use crate::stand_in::{Asked, Reply, StandIn};

/// How what was sent is given back.
#[derive(Clone, Copy, Debug)]
enum Echo {
    Plain,
    Url,
    Base64,
    Base64Url,
    Json,
    Html,
    Lines,
}

const ECHOES: [Echo; 7] =
    [Echo::Plain, Echo::Url, Echo::Base64, Echo::Base64Url, Echo::Json, Echo::Html, Echo::Lines];

impl Echo {
    fn of(self, asked: &Asked) -> String {
        let all =
            format!("{} {}\n{}\n{}", asked.method, asked.uri, headers(&asked.headers), asked.body);
        match self {
            Self::Plain => all,
            Self::Url => url::form_urlencoded::byte_serialize(all.as_bytes()).collect(),
            Self::Base64 => STANDARD.encode(all),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(all),
            Self::Json => json!(json!(all).to_string()).to_string(),
            Self::Html => {
                let all = all.replace('&', "&amp;").replace('<', "&lt;");
                all.replace('"', "&quot;").replace('\'', "&#39;")
            }
            // So that a cut may fall into a secret anywhere.
            Self::Lines => format!("{}{}", "x".repeat(asked.body.len() % 97 + 900), all),
        }
    }
}

/// Headers with what is in them, also where it is packed into a header of basic authentication.
fn headers(headers: &HeaderMap) -> String {
    let mut all = String::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.push_str(&format!("{name}: {value}\n"));
        if let Some(packed) = value.strip_prefix("Basic ") {
            let unpacked = STANDARD.decode(packed).unwrap();
            all.push_str(&String::from_utf8_lossy(&unpacked));
        }
    }
    all
}

/// In which part of its answer a server echoes.
#[derive(Clone, Copy, Debug)]
enum Place {
    Success,
    Failure,
    Redirect,
}

fn quoted(text: &str) -> String {
    json!(text).to_string()
}

/// An answer in the wire format of whatever is asked.
fn success(asked: &Asked, echo: &str) -> String {
    let text = quoted(echo);
    match asked.path() {
        "/token" => format!(r#"{{"access_token":"granted-canary-token","note":{text}}}"#),
        "/api/v1/query" if asked.method == "POST" => format!(
            r#"{{"status":"success","warnings":[{text}],
                "data":{{"resultType":"vector","result":[{{"metric":{{"a":{text}}},"value":[1,"1"]}}]}}}}"#
        ),
        "/graphql" => format!(
            r#"{{"data":{{"a":{text},"actor":{{"account":{{"nrql":{{"results":[{{"a":{text}}}]}}}}}}}}}}"#
        ),
        "/api/v2/query" => {
            let cell = echo.replace('"', "\"\"");
            format!(
                "#datatype,string,string,string\r\n#default,,,\r\n,result,table,_value\r\n,,0,\"{cell}\"\r\n"
            )
        }
        "/api/v2/query/scalar" => format!(
            r#"{{"data":{{"attributes":{{"columns":[{{"type":"group","values":[[{text}]]}},
                {{"type":"number","values":[1]}}]}}}}}}"#
        ),
        "/canaryConfig" => r#"[{"id":"c","name":"config"}]"#.to_owned(),
        "/canary/c" => format!(r#"{{"canaryExecutionId":{text}}}"#),
        "/amazon" => format!(
            r#"{{"MetricDataResults":[{{"Id":{text},"Values":[1]}}],"Messages":[{{"Code":"C","Value":{text}}}]}}"#
        ),
        _ => format!(r#"{{"echo":{text},"list":[{text}]}}"#),
    }
}

async fn echoing(echo: Echo, place: Place) -> StandIn {
    StandIn::start(move |asked| {
        let said = echo.of(asked);
        match place {
            Place::Success => Reply::Answer(200, Vec::new(), success(asked, &said)),
            Place::Failure => Reply::Answer(500, Vec::new(), said),
            Place::Redirect => {
                let to: String = url::form_urlencoded::byte_serialize(said.as_bytes()).collect();
                Reply::Answer(302, vec![("location", format!("http://127.0.0.1:1/{to}"))], said)
            }
        }
    })
    .await
}

/// Metrics with canaries in all their fields. Each has two: one within arguments, one in a Secret.
fn metrics(address: &str, canary: &str) -> Vec<Metric> {
    let encoded: String = url::form_urlencoded::byte_serialize(canary.as_bytes()).collect();
    let raw = format!("{address}/raw?x={canary}");
    let url = format!("{address}/{encoded}?token={encoded}");
    let headers = json!([{"key": "Authorization", "value": format!("Bearer {canary}")}]);
    let basic = json!({"basicAuth": {"username": "user", "password": canary}});
    let oauth2 = json!({"oauth2": {
        "tokenUrl": format!("{address}/token"), "clientId": "id", "clientSecret": canary,
        "scopes": [canary],
    }});
    let scope = json!({"scope": canary, "region": "r", "step": 1});
    let specs = [
        json!({"web": {"url": url, "headers": headers}}),
        json!({"web": {"url": raw, "jsonPath": "{$.echo}"}}),
        json!({"web": {"url": url, "jsonPath": format!("{canary} {{$['{canary}']}}")}}),
        json!({"web": {"url": format!("http://{encoded}.invalid/")}}),
        json!({"web": {"url": format!("not a url {canary}")}}),
        json!({"web": {"url": url, "method": canary}}),
        json!({"web": {"url": url, "headers": [{"key": canary, "value": "x"}]}}),
        json!({"web": {"url": url, "headers": [{"key": "a", "value": format!("{canary}\n{canary}")}]}}),
        json!({"web": {"url": url, "method": "POST", "body": canary, "jsonPath": "{.list}"}}),
        json!({"web": {"url": url, "method": "POST", "jsonBody": {"a": [canary]}}}),
        json!({"web": {"url": url, "authentication": basic}}),
        json!({"web": {"url": url, "authentication": oauth2}}),
        json!({"prometheus": {"address": address, "query": canary, "authentication": basic}}),
        json!({"prometheus": {"address": address, "query": format!("sum({canary})"), "headers": headers}}),
        json!({"prometheus": {"address": address, "query": "up", "rangeQuery": {
            "start": canary, "end": "now()", "step": "1m"}}}),
        json!({"datadog": {"query": canary}}),
        json!({"datadog": {"query": canary, "apiVersion": "v2"}}),
        json!({"datadog": {"query": canary, "interval": canary}}),
        json!({"newRelic": {"query": canary}}),
        json!({"influxdb": {"query": canary}}),
        json!({"graphite": {"address": address, "query": format!("target={encoded}")}}),
        json!({"skywalking": {"address": address, "query": canary}}),
        json!({"cloudWatch": {"metricDataQueries": [{"id": "a", "expression": canary}]}}),
        json!({"kayenta": {
            "address": address, "application": canary, "canaryConfigName": "config",
            "metricsAccountName": canary, "configurationAccountName": "", "storageAccountName": "",
            "threshold": {"pass": 1, "marginal": 1},
            "scopes": [{"name": "s", "controlScope": scope, "experimentScope": scope}],
        }}),
        json!({"job": {
            "metadata": {"annotations": {"a": canary}},
            "spec": {"template": {"spec": {"containers": [{"args": [canary]}]}}},
        }}),
        json!({"plugin": {canary: {}}}),
    ];
    specs.into_iter().map(metric).collect()
}

fn context(address: &str, argument: &str, stored: &str) -> Context {
    let mut stage = Stage::default()
        .secret(
            "argo-rollouts",
            "datadog",
            &[("api-key", stored), ("app-key", stored), ("address", address)],
        )
        .secret(
            "argo-rollouts",
            "newrelic",
            &[
                ("personal-api-key", stored),
                ("account-id", "1"),
                ("base-url-nerdgraph", &format!("{address}/graphql")),
            ],
        )
        .secret(
            "argo-rollouts",
            "influxdb",
            &[("authToken", stored), ("org", "o"), ("address", address)],
        )
        .variable("AWS_ACCESS_KEY_ID", "AKID")
        .variable("AWS_SECRET_ACCESS_KEY", stored)
        .variable("AWS_SESSION_TOKEN", stored)
        .variable("AWS_REGION", "eu-west-1")
        .variable("AWS_ENDPOINT_URL_CLOUDWATCH", format!("{address}/amazon"));
    stage.redactor.add(argument);
    stage.context()
}

/// All that is to be seen of a measurement.
fn shown(taken: &Taken) -> String {
    let mut all = format!("{taken:?} {:?}", taken.about);
    match &taken.outcome {
        Ok(Reading::Sample(sample)) => {
            all.push_str(&format!("{} {:?}", sample.text, sample.metadata));
            // What conditions say of the value is redacted by whoever shows it.
            let condition = Condition::compile("result + 1 == result.nothing").unwrap();
            if let Err(error) = condition.evaluate(&sample.value, Limits::default()) {
                all.push_str(&taken.redactor.redact(&error.to_string()));
            }
        }
        Ok(Reading::Verdict(verdict)) => {
            all.push_str(&format!("{} {} {:?}", verdict.message, verdict.text, verdict.metadata));
        }
        Ok(Reading::Ongoing(ongoing)) => all.push_str(&format!("{:?}", ongoing.metadata)),
        Err(error) => all.push_str(&format!("{error} {error:?}")),
    }
    all
}

/// Forms in which a canary must not be seen: whole in any disguise, and any piece of it as it is.
fn forms(canary: &str) -> Vec<String> {
    let quoted = json!(canary).to_string();
    let mut forms = vec![
        canary.to_owned(),
        quoted[1..quoted.len() - 1].to_owned(),
        url::form_urlencoded::byte_serialize(canary.as_bytes()).collect(),
        canary.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"),
    ];
    for before in ["", "a", "ab"] {
        // What of the base64 depends on the canary alone, less what its neighbours leave their mark on.
        let encoded = STANDARD.encode(format!("{before}{canary}"));
        let own = encoded.trim_end_matches('=');
        forms.push(own[before.len() * 2..own.len() - 2].to_owned());
    }
    let characters: Vec<_> = canary.chars().collect();
    forms.extend(characters.windows(8).map(|piece| piece.iter().collect()));
    forms
}

fn check(taken: &Taken, canaries: &[&str], what: &str) -> Result<(), TestCaseError> {
    let all = shown(taken);
    for canary in canaries {
        for form in forms(canary) {
            prop_assert!(!all.contains(&form), "{what}: `{form}` of `{canary}` is in {all}");
        }
    }
    Ok(())
}

async fn search(echo: Echo, place: Place, canary: &str, stored: &str) -> Result<(), TestCaseError> {
    let server = echoing(echo, place).await;
    let address = server.url("");
    for metric in metrics(&address, canary) {
        let cx = context(&address, canary, stored);
        let provider = provider_of(&metric.provider).unwrap();
        let what = format!("{echo:?} {place:?} {}", json!(metric.provider));
        let canaries = [canary, stored, "granted-canary-token"];
        let taken = measure(&cx, &metric).await;
        check(&taken, &canaries, &what)?;
        let context = format!("{cx:?}");
        prop_assert!(!context.contains(canary), "{}", context);
        let measurement: Measurement = match &taken.outcome {
            Ok(Reading::Ongoing(ongoing)) => under_way(ongoing),
            _ => continue,
        };
        check(&resume(provider, &cx, &metric, &measurement).await, &canaries, &what)?;
        check(&terminate(provider, &cx, &metric, &measurement).await, &canaries, &what)?;
    }
    Ok(())
}

/// What people have as passwords: some with characters that every format escapes.
fn canary() -> impl Strategy<Value = String> {
    let plain = "[A-Za-z0-9]{16,40}";
    let odd = "[g-z][!-~]{14,38}[G-Z]";
    let tokens = "eyJ[A-Za-z0-9_-]{20,60}\\.[A-Za-z0-9_-]{20,30}";
    prop_oneof![plain, odd, tokens]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 20, ..Default::default() })]

    #[test]
    fn no_canary_is_ever_seen(
        canary in canary(),
        stored in canary(),
        echo in prop::sample::select(ECHOES.to_vec()),
        place in prop::sample::select(vec![Place::Success, Place::Failure, Place::Redirect]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(search(echo, place, &canary, &stored))?;
    }
}

/// Each way of echoing, with secrets that have been trouble.
#[tokio::test]
async fn no_known_canary_is_ever_seen() {
    let canaries = [
        r#"p\"ss\\wörd<&>'%2F+ /=end"#,
        "percent%20and%2525plus+plus&amp;",
        "eyJhbGciOi.abc_def-ghi",
    ];
    for (place, echo) in [Place::Success, Place::Failure, Place::Redirect]
        .into_iter()
        .flat_map(|place| ECHOES.map(|echo| (place, echo)))
    {
        let index = (echo as usize + place as usize) % canaries.len();
        let stored = "stored-AbCdEfGhIjKlMnOp";
        search(echo, place, canaries[index], stored).await.unwrap();
    }
}

/// The search finds what is there: a measurement without redaction does not pass it.
#[tokio::test]
async fn the_search_finds_what_is_not_redacted() {
    let server = echoing(Echo::Plain, Place::Success).await;
    let canary = "unknown-to-the-redactor";
    let metric = metric(json!({"web": {"url": server.url(&format!("/{canary}"))}}));
    let taken = measure(&Stage::default().context(), &metric).await;
    assert!(check(&taken, &[canary], "").is_err());
    let error: Value = json!(ProviderError::new("body", canary).to_string());
    assert!(error.to_string().contains(canary));
}
