//! The pods of a Rollout, for what is done to single ones.

use std::collections::BTreeMap;

use kube::Client;
use kube::core::params::ListParams;
use kube::core::request::Request;
use serde::Deserialize;
use sluice_crd::time::Time;
use sluice_planner::{PodRecord, Snapshot, label_selector};

use crate::failure::Failure;
use crate::writer::answered;

#[derive(Debug, Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<Pod>,
}

#[derive(Debug, Deserialize)]
struct Pod {
    metadata: Meta,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: String,
    uid: String,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    #[serde(default)]
    owner_references: Vec<Owner>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Owner {
    uid: String,
    #[serde(default)]
    controller: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    phase: String,
    #[serde(rename = "podIPs")]
    addresses: Vec<Address>,
    conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
struct Address {
    #[serde(default)]
    ip: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    r#type: String,
    status: String,
    last_transition_time: Option<Time>,
}

/// The pods that a Rollout's selector matches and that have not ended, by one LIST.
///
/// # Errors
///
/// As the API server answers.
pub(crate) async fn pods(client: &Client, snapshot: &Snapshot) -> Result<Vec<PodRecord>, Failure> {
    let rollout = &snapshot.rollout;
    let selector = sluice_planner::selector(snapshot).map(label_selector).unwrap_or_default();
    let params = ListParams::default().labels(&selector);
    let path = format!("/api/v1/namespaces/{}/pods", rollout.namespace);
    let request = Request::new(path).list(&params).map_err(kube::Error::BuildRequest)?;
    let list: List = answered(client.request(request)).await?;
    // Their ReplicaSet has put others in the place of those that have ended.
    let lives = |pod: &Pod| !matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
    Ok(list.items.into_iter().filter(lives).filter_map(record).collect())
}

fn record(pod: Pod) -> Option<PodRecord> {
    let Meta { name, uid, creation_timestamp, deletion_timestamp, .. } = pod.metadata;
    let owner = pod.metadata.owner_references.into_iter().find(|owner| owner.controller)?.uid;
    let ready = |condition: &Condition| condition.r#type == "Ready" && condition.status == "True";
    let ready = pod.status.conditions.into_iter().find(ready);
    Some(PodRecord {
        name,
        uid,
        owner,
        created: creation_timestamp,
        deleting: deletion_timestamp.is_some(),
        ready_since: ready.and_then(|ready| ready.last_transition_time),
        labels: pod.metadata.labels,
        annotations: pod.metadata.annotations,
        addresses: pod.status.addresses.into_iter().map(|address| address.ip).collect(),
    })
}
