//! Rewrites the answers in recordings from a real API server, reached over plain HTTP, for
//! instance through `kubectl proxy`:
//!
//! ```text
//! kubectl proxy --port=8001 --reject-methods='^$' --reject-paths='^$' &
//! cargo run -p sluice-simulator --example record -- http://127.0.0.1:8001 \
//!     manifests/crds simulator/tests/data simulator/tests/replay/*.yaml
//! ```
//!
//! Folders hold CRDs, which are created first. Each file is sent in a namespace of its own, named
//! after the file and the time.

use bytes::Bytes;
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};
use sluice_simulator::replay::{Recording, ReplayRequest, ReplayResponse, record};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(server) = arguments.next() else {
        return Err("usage: record SERVER (CRD_FOLDER | RECORDING)...".into());
    };
    let (folders, files): (Vec<String>, Vec<String>) =
        arguments.partition(|argument| Path::new(argument).is_dir());
    let mut config = kube::Config::new(server.parse()?);
    // An answer of 429 or 503 is an answer too.
    config.default_retry = false;
    let client = kube::Client::try_from(config)?;
    for folder in &folders {
        install(&client, Path::new(folder)).await?;
    }
    // A new kind is served a moment after its definition is stored.
    tokio::time::sleep(Duration::from_secs(5)).await;
    for file in files {
        let stem = Path::new(&file).file_stem().and_then(|stem| stem.to_str()).unwrap_or("x");
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let namespace = format!("{stem}-{seconds}");
        let object = json!({"metadata": {"name": namespace}});
        post(&client, "/api/v1/namespaces", &object).await?;
        let recording = Recording::parse(&file, &std::fs::read_to_string(&file)?)?;
        let send = async |request| send(&client, request).await;
        let recorded = record(&recording, &namespace, send).await?;
        std::fs::write(&file, recorded.to_yaml(&file)?)?;
        eprintln!("{file}: {} steps", recorded.steps.len());
    }
    Ok(())
}

async fn send(client: &kube::Client, request: ReplayRequest) -> kube::Result<ReplayResponse> {
    let (parts, body) = request.into_parts();
    let request = http::Request::from_parts(parts, Body::from(body));
    let (parts, body) = client.send(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(http::Response::from_parts(parts, body))
}

async fn post(client: &kube::Client, path: &str, object: &Value) -> Result<(), Box<dyn Error>> {
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .body(Bytes::from(object.to_string()))?;
    let response = send(client, request).await?;
    match response.status().as_u16() {
        201 | 409 => Ok(()),
        code => Err(format!("{path}: {code} {:?}", response.body()).into()),
    }
}

async fn install(client: &kube::Client, folder: &Path) -> Result<(), Box<dyn Error>> {
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let crd: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(&file)?)?;
        if crd["kind"] == "CustomResourceDefinition" {
            post(client, path, &crd).await?;
        }
    }
    Ok(())
}
