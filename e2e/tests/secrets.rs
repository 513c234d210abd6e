//! No secret comes out of the operator: canaries are planted in Secrets and used in every field of
//! a metric that takes an argument; a server gives back all that it is sent, in words and in
//! disguise; then everything that came out is searched: objects, events, logs, metrics.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_e2e::scenarios;
use sluice_operator::analysis::Measuring;
use sluice_operator::clock::Clock;
use sluice_operator::config::Config;
use sluice_operator::metrics::Metrics;
use sluice_operator::runtime::{Question, Runtime};
use sluice_planner::plan;
use sluice_providers::http::{Call, HttpClient, HttpError};
use sluice_simulator::{Cluster, Options};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tower::service_fn;

/// All that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How the server gives back what it is sent.
#[derive(Clone, Copy, Debug)]
enum Echo {
    /// In a value that the condition sees.
    Value,
    /// With an error.
    Refusal,
    /// As a page that is no JSON.
    Page,
    /// As a failure of the connection, as a client might word it.
    Connection,
}

impl Echo {
    fn answer(self, call: &Call) -> Result<Response<Bytes>, HttpError> {
        let request = &call.request;
        let headers: Vec<String> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let body = String::from_utf8_lossy(request.body());
        let all = format!("{} {}\n{body}", request.uri(), headers.join("\n"));
        let response = |status: u16, body: String| {
            Ok(Response::builder().status(status).body(Bytes::from(body)).unwrap())
        };
        match self {
            Self::Value => response(200, json!({"echo": all, "rate": 0.5}).to_string()),
            Self::Refusal => response(403, all),
            Self::Page => response(200, format!("<html>{all}</html>")),
            Self::Connection => Err(HttpError::Connect(all)),
        }
    }
}

/// AnalysisRuns that use the secret wherever an argument may stand, with one metric each: the first
/// bad metric ends a run.
fn runs() -> Vec<Value> {
    let at = "http://metrics.test";
    let web = |name: &str, extra: Value| {
        let mut provider = json!({"url": format!("{at}/check"), "timeoutSeconds": 5});
        provider.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"name": name, "provider": {"web": provider}, "consecutiveErrorLimit": 1,
            "successCondition": "result.rate > 0.9 and result.echo != '{{args.token}}'",
            "failureCondition": "result.echo contains '{{args.token}}' or result.rate < 0.1",
            "failureLimit": 1, "count": 2, "interval": "1s"})
    };
    let metrics = [
        web("in-a-url", json!({"url": format!("{at}/x/{{{{args.token}}}}?q={{{{args.token}}}}")})),
        web("in-a-header", json!({"headers": [{"key": "x-token", "value": "{{args.token}}"}]})),
        web("in-a-body", json!({"method": "POST", "body": "token={{args.token}}"})),
        web("in-json", json!({"method": "POST", "jsonBody": {"deep": ["{{args.token}}"]}})),
        web("in-a-path", json!({"jsonPath": "{$.{{args.token}}}"})),
        json!({"name": "in-a-query", "count": 1, "successCondition": "result[0] > 0.9",
            "consecutiveErrorLimit": 0, "provider": {"prometheus": {"address": at,
            "query": "up{token=\"{{args.token}}\"}",
            "headers": [{"key": "authorization", "value": "Bearer {{args.token}}"}]}}}),
        json!({"name": "in-graphite", "count": 1, "successCondition": "result[0] > 0.9",
            "consecutiveErrorLimit": 0,
            "provider": {"graphite": {"address": at, "query": "alias(a, '{{args.token}}')"}}}),
        json!({"name": "by-influx", "count": 1, "successCondition": "result[0] > 0.9",
            "consecutiveErrorLimit": 0,
            "provider": {"influxdb": {"profile": "influx", "query": "from(bucket: 'b')"}}}),
    ];
    let run = |metric: Value| {
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
            "metadata": {"name": metric["name"], "namespace": "shop"},
            "spec": {"metrics": [metric], "args": [{"name": "token",
                "valueFrom": {"secretKeyRef": {"name": "tokens", "key": "api"}}}]}})
    };
    metrics.map(run).to_vec()
}

async fn create(cluster: &Cluster, object: &Value) {
    let kind = object["kind"].as_str().unwrap();
    let (group, version) =
        object["apiVersion"].as_str().unwrap().split_once('/').unwrap_or(("", "v1"));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let client = cluster.client("user");
    let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    let object = serde_json::from_value(object.clone()).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}

/// All that comes out of an operator that carries on with that run, and how often it measured.
async fn all_that_comes_out(token: &str, echo: Echo) -> (BTreeMap<&'static str, String>, usize) {
    let cluster = Cluster::new(Options::stepped(1));
    for crd in scenarios::crds().unwrap() {
        cluster.install(&crd);
    }
    cluster.start();
    create(
        &cluster,
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
    )
    .await;
    let secret = |name: &str, data: Value| {
        json!({"apiVersion": "v1", "kind": "Secret", "stringData": data,
            "metadata": {"name": name, "namespace": "shop"}})
    };
    create(&cluster, &secret("tokens", json!({"api": token, "other": "x"}))).await;
    let influx = json!({"address": "http://metrics.test", "authToken": token, "org": "o"});
    create(&cluster, &secret("influx", influx)).await;
    for run in runs() {
        create(&cluster, &run).await;
    }

    let measured = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&measured);
    let http = HttpClient::new(service_fn(move |call: Call| {
        *counted.lock().unwrap() += 1;
        let answer = echo.answer(&call);
        async move { answer }
    }));
    let (asks, questions) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(false);
    let clock = cluster.clock();
    let metrics = Metrics::new().unwrap();
    let runtime = Runtime {
        config: Config { namespace: Some("shop".to_owned()), ..Config::default() },
        client: cluster.client("operator"),
        clock: Clock::new(move || clock.now()),
        policy: Arc::new(plan),
        measuring: Measuring::over(http, BTreeMap::new(), "shop".to_owned()),
        metrics: metrics.clone(),
        questions,
    };
    let changed = Arc::new(Notify::new());
    let seen = Arc::clone(&changed);
    cluster.observe(move |_, _| seen.notify_one());
    let operator = tokio::spawn(runtime.run(stopped));
    ended(&cluster, &changed).await;

    let (to, answer) = oneshot::channel();
    asks.send(Question::Samples(to)).await.unwrap();
    let rendered = metrics.render(&answer.await.unwrap()).unwrap();
    stop.send_replace(true);
    operator.await.unwrap();
    let of = |group, resource| Value::from(cluster.objects(group, resource)).to_string();
    let out = BTreeMap::from([
        ("AnalysisRuns", of("argoproj.io", "analysisruns")),
        ("Events", of("", "events")),
        ("metrics", rendered),
    ]);
    let measured = *measured.lock().unwrap();
    (out, measured)
}

/// Waits, in virtual time, until every run is over and has been told of.
async fn ended(cluster: &Cluster, changed: &Notify) {
    let is_over = |run: &Value| !run["status"]["completedAt"].is_null();
    let told = |run: &Value, events: &[Value]| {
        events.iter().any(|e| e["involvedObject"]["uid"] == run["metadata"]["uid"])
    };
    let over = async {
        loop {
            let runs = cluster.objects("argoproj.io", "analysisruns");
            let events = cluster.objects("", "events");
            if runs.iter().all(|run| is_over(run) && told(run, &events)) {
                return;
            }
            changed.notified().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), over).await.unwrap();
}

/// In which forms a secret would be known for one.
fn forms(token: &str) -> Vec<String> {
    let quoted = json!(token).to_string();
    vec![token.to_owned(), quoted[1..quoted.len() - 1].to_owned()]
}

fn found(token: &str, out: &BTreeMap<&'static str, String>) -> Vec<String> {
    let mut found = Vec::new();
    for (place, text) in out {
        for form in forms(token) {
            if let Some(at) = text.find(&form) {
                let before: String = text[..at].chars().rev().take(200).collect();
                let before: String = before.chars().rev().collect();
                found.push(format!("{place}: …{before}«{form}»"));
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_secret_comes_out_of_the_operator(
        token in "[A-Za-z0-9]{8}[A-Za-z0-9 _.:/+=&%'\"\\\\-]{0,24}[A-Za-z0-9]{3}",
        echo in prop_oneof![
            Just(Echo::Value), Just(Echo::Refusal), Just(Echo::Page), Just(Echo::Connection)
        ],
    ) {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new("trace,hyper=warn"))
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let _logging = tracing::subscriber::set_default(subscriber);
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (mut out, measured) = tokio.block_on(all_that_comes_out(&token, echo));
        let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
        // It is really there to be found: the server was sent it, and the operator told of it.
        prop_assert!(measured >= 8, "asked {measured} times: {}", out["AnalysisRuns"]);
        prop_assert!(logged.contains("in-a-header"), "nothing was logged: {logged}");
        prop_assert!(out["Events"].contains("AnalysisRun"), "{}", out["Events"]);
        prop_assert!(out["AnalysisRuns"].contains("*****"), "{}", out["AnalysisRuns"]);
        out.insert("logs", logged);
        prop_assert_eq!(found(&token, &out), Vec::<String>::new());
    }
}
