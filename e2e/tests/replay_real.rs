//! The recordings that keep the simulator honest (`simulator/tests/replay`), sent to a real API
//! server: it must still answer what is recorded, so that the two answer the same.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "outside of a test function, clippy does not see a test"
)]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::future::join_all;
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use sluice_e2e::controlplane::{ADMIN, Audit, ControlPlane, Options};
use sluice_e2e::progress::Progress;
use sluice_e2e::scenarios::crds_folder;
use sluice_simulator::replay::{Recording, ReplayRequest, ReplayResponse, compare};

fn of_simulator(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../simulator/tests").join(folder)
}

fn recordings() -> Vec<(String, Recording)> {
    let entries = std::fs::read_dir(of_simulator("replay")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let recording = Recording::parse(&name, &text).unwrap();
        (name, recording)
    };
    files.iter().map(read).collect()
}

async fn send(client: &Client, request: ReplayRequest) -> kube::Result<ReplayResponse> {
    let (parts, body) = request.into_parts();
    let request = http::Request::from_parts(parts, Body::from(body));
    let (parts, body) = client.send(request).await?.into_parts();
    let body: Bytes = body.collect().await?.to_bytes();
    Ok(http::Response::from_parts(parts, body))
}

/// Those recordings that were made with the workload controllers, or those that were made without,
/// on a control plane that has them, or has not: with them, answers would depend on how fast they
/// are.
async fn replay(subject: &'static str, with_controllers: bool) {
    let mut progress = Progress::start(subject);
    let mut options = Options { nodes: 1, audit: Audit::Off, ..Options::default() };
    if !with_controllers {
        // Without its service account, a namespace takes no pods.
        options.controllers = vec!["serviceaccount-controller".to_owned()];
    }
    let plane = ControlPlane::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    for folder in [crds_folder(), of_simulator("data")] {
        plane.apply_crds(&folder).await.unwrap();
    }
    let client = plane.client(ADMIN).unwrap();
    let mut recordings = recordings();
    recordings.retain(|(_, recording)| recording.controllers == with_controllers);
    let requests: usize = recordings.iter().map(|(_, recording)| recording.steps.len()).sum();
    progress.phase(&format!("{requests} requests from {} files", recordings.len()));
    let replayed = recordings.iter().map(async |(name, recording)| {
        let namespace = plane.namespace(name).await.unwrap();
        let send = async |request| send(&client, request).await;
        let found = compare(recording, namespace.name(), send).await;
        let found = found.unwrap_or_else(|error| panic!("{name}: {error}"));
        found.into_iter().map(|difference| format!("{name} {difference}")).collect::<Vec<_>>()
    });
    // Each in a namespace of its own, and all at once: they mostly wait.
    let differences = join_all(replayed).await.concat();
    assert!(requests > 0, "there are no such recordings");
    assert!(
        differences.is_empty(),
        "{} of {requests} answers differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_api_server_answers_as_it_was_recorded() {
    replay("replay_real", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_controllers_do_what_was_recorded() {
    replay("replay_real (controllers)", true).await;
}
