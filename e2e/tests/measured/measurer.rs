//! A controller that measures, for tests of what scenarios offer to measure: it takes one value for
//! each AnalysisRun, by Prometheus, by a page or by a Job, and judges it by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kube::Client;
use kube::core::params::{ListParams, Patch, PatchParams, PostParams};
use kube::core::request::Request;
use serde_json::{Value, json};
use sluice_e2e::loopback;
use sluice_providers::http::Call;
use sluice_simulator::scenario::{
    ControllerOptions, ControllerUnderTest, Environment, Running, Start, path,
};
use tower::ServiceExt as _;

/// How often it looks for runs.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long it waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What a value has to reach.
const LIMIT: f64 = 0.9;

/// The controller; where the environment's client may not write runs, it is given another.
#[derive(Default)]
pub(crate) struct Measurer {
    pub(crate) client: Option<Client>,
}

impl ControllerUnderTest for Measurer {
    fn prepare(&self, environment: Environment, _: &ControllerOptions) -> Result<Start, String> {
        let client = self.client.clone().unwrap_or_else(|| environment.client.clone());
        Ok(Box::new(move || {
            let task = tokio::spawn(async move {
                loop {
                    // What fails is tried again.
                    let _ = look(&environment, &client).await;
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            });
            let handle = task.abort_handle();
            Running::new(task, move || handle.abort())
        }))
    }
}

type Attempt<T> = Result<T, String>;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

async fn look(environment: &Environment, client: &Client) -> Attempt<()> {
    let runs = Request::new(path("AnalysisRun", &environment.namespace));
    let list = runs.list(&ListParams::default()).map_err(text)?;
    let list: Value = client.request(list).await.map_err(text)?;
    for run in list["items"].as_array().into_iter().flatten() {
        let phase = run["status"]["phase"].as_str().unwrap_or_default();
        if !matches!(phase, "" | "Running") {
            continue;
        }
        let provider = &run["spec"]["metrics"][0]["provider"];
        let verdict = if !provider["job"].is_null() {
            by_job(environment, client, run).await?
        } else if !provider["web"].is_null() {
            Some(by_page(environment, &provider["web"]).await)
        } else {
            by_query(environment, &provider["prometheus"]).await
        };
        let Some((phase, message)) = verdict else { continue };
        let name = run["metadata"]["name"].as_str().unwrap_or_default();
        let status = json!({"status": {"phase": phase, "message": message}});
        let patch = runs.patch(name, &PatchParams::default(), &Patch::Merge(&status));
        let _: Value = client.request(patch.map_err(text)?).await.map_err(text)?;
        tell(environment, client, run, phase).await?;
    }
    Ok(())
}

/// A phase and why.
type Verdict = (&'static str, String);

/// Nothing while the query has no result.
async fn by_query(environment: &Environment, provider: &Value) -> Option<Verdict> {
    let variable = environment.variables.get("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS");
    let address = provider["address"].as_str().or(variable.map(String::as_str))?;
    let query = provider["query"].as_str().unwrap_or_default();
    let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let url = format!("{address}/api/v1/query?query={escaped}");
    let answer = match get(environment, &url, &BTreeMap::new()).await {
        Ok((200, body)) => serde_json::from_str::<Value>(&body).map_err(text),
        Ok((status, body)) => Err(format!("{status}: {body}")),
        Err(error) => Err(error),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Some(("Error", error)),
    };
    let result = &answer["data"]["result"];
    let value = if answer["data"]["resultType"] == "scalar" { result } else { &result[0]["value"] };
    let value: f64 = value[1].as_str()?.parse().ok()?;
    Some((if value >= LIMIT { "Successful" } else { "Failed" }, value.to_string()))
}

async fn by_page(environment: &Environment, provider: &Value) -> Verdict {
    let url = provider["url"].as_str().unwrap_or_default();
    let headers = provider["headers"].as_array().into_iter().flatten();
    let headers = headers.filter_map(|header| {
        Some((header["key"].as_str()?.to_owned(), header["value"].as_str()?.to_owned()))
    });
    match get(environment, url, &headers.collect()).await {
        Ok((200, body)) => ("Successful", body),
        Ok((status, body)) => ("Failed", format!("{status}: {body}")),
        Err(error) => ("Error", error),
    }
}

/// The environment's way out; without one, its own.
async fn get(
    environment: &Environment,
    url: &str,
    headers: &BTreeMap<String, String>,
) -> Attempt<(u16, String)> {
    let Some(client) = environment.http.clone() else {
        let (host, path) =
            url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or("no URL")?;
        let port = host.rsplit(':').next().and_then(|port| port.parse().ok()).ok_or("no port")?;
        return loopback::get(port, &format!("/{path}")).await;
    };
    let mut request = http::Request::get(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Bytes::new()).map_err(text)?;
    let call = Call { request, timeout: TIMEOUT, insecure: false };
    let answer = client.oneshot(call).await.map_err(text)?;
    Ok((answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned()))
}

/// A Job as Argo Rollouts names and marks it; nothing while it goes on.
async fn by_job(
    environment: &Environment,
    client: &Client,
    run: &Value,
) -> Attempt<Option<Verdict>> {
    let uid = run["metadata"]["uid"].as_str().unwrap_or_default();
    let metric = &run["spec"]["metrics"][0];
    let name = format!("{uid}.{}.1", metric["name"].as_str().unwrap_or_default());
    let jobs = Request::new(path("Job", &environment.namespace));
    let found: Result<Value, kube::Error> =
        client.request(jobs.get(&name, &Default::default()).map_err(text)?).await;
    let Ok(job) = found else {
        let job = json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "labels": {"analysisrun.argoproj.io/uid": uid},
                "annotations": {"analysisrun.argoproj.io/metric-name": metric["name"]},
            },
            "spec": metric["provider"]["job"]["spec"],
        });
        let create = jobs.create(&PostParams::default(), job.to_string().into_bytes());
        let _: Value = client.request(create.map_err(text)?).await.map_err(text)?;
        return Ok(None);
    };
    let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
    let ended = conditions.filter_map(|c| c["type"].as_str()).find_map(|ty| match ty {
        "Complete" => Some("Successful"),
        "Failed" => Some("Failed"),
        _ => None,
    });
    Ok(ended.map(|phase| (phase, String::new())))
}

async fn tell(environment: &Environment, client: &Client, run: &Value, phase: &str) -> Attempt<()> {
    let name = run["metadata"]["name"].as_str().unwrap_or_default();
    let event = json!({
        "metadata": {"name": format!("{name}.measured")},
        "reason": format!("Measured{phase}"),
        "involvedObject": {"kind": "AnalysisRun", "name": name,
            "namespace": environment.namespace, "uid": run["metadata"]["uid"]},
    });
    let events = Request::new(path("Event", &environment.namespace));
    let create = events.create(&PostParams::default(), event.to_string().into_bytes());
    let _: Value = client.request(create.map_err(text)?).await.map_err(text)?;
    Ok(())
}
