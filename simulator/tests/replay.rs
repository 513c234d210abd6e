//! The recordings of a real API server, replayed on the simulator: it must answer the same.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use http_body_util::BodyExt;
use kube::client::Body;
use sluice_simulator::replay::{Recording, ReplayRequest, ReplayResponse, compare};
use sluice_simulator::{Cluster, Crd, Options};
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ext| ext == "yaml")).collect();
    files.sort();
    files
}

fn recordings() -> Vec<(String, Recording)> {
    let read = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let recording = Recording::parse(&name, &std::fs::read_to_string(path).unwrap()).unwrap();
        (name, recording)
    };
    yaml_files(&folder("replay")).iter().map(read).collect()
}

async fn send(client: &kube::Client, request: ReplayRequest) -> kube::Result<ReplayResponse> {
    let (parts, body) = request.into_parts();
    let request = http::Request::from_parts(parts, Body::from(body));
    let (parts, body) = client.send(request).await?.into_parts();
    Ok(http::Response::from_parts(parts, body.collect().await?.to_bytes()))
}

#[tokio::test(start_paused = true)]
async fn the_simulator_answers_as_the_real_server_did() {
    let mut differences = Vec::new();
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/crds");
    let files = yaml_files(&folder("data")).into_iter().chain(yaml_files(&manifests));
    let read = |file| -> Crd {
        let crd = serde_yaml_ng::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        Crd::parse(&crd).unwrap()
    };
    let crds: Vec<Crd> = files.map(read).collect();
    assert!(crds.iter().all(|crd| crd.unenforced().is_empty()), "every rule is enforced");
    for (name, recording) in recordings() {
        let cluster = Cluster::new(Options::stepped(7));
        for crd in &crds {
            cluster.install(crd);
        }
        if recording.controllers {
            cluster.start();
        }
        let client = cluster.client("replayer");
        let namespace = serde_json::json!({"metadata": {"name": "replayed"}});
        let request = http::Request::post("/api/v1/namespaces")
            .body(Bytes::from(namespace.to_string()))
            .unwrap();
        assert_eq!(send(&client, request).await.unwrap().status(), 201);
        let found =
            compare(&recording, "replayed", async |request| send(&client, request).await).await;
        for difference in found.unwrap() {
            differences.push(format!("{name} {difference}"));
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn there_are_enough_recorded_requests() {
    let steps: Vec<_> =
        recordings().into_iter().flat_map(|(_, recording)| recording.steps).collect();
    assert!(steps.iter().all(|step| step.answer.is_some()), "every step has its answer");
    assert!(steps.len() >= 60, "only {} requests", steps.len());
}
