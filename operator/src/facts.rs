//! What a plan asks for beyond the records: fetched, used once, not kept.

mod pods;

use std::collections::BTreeMap;

use kube::Client;
use kube::core::params::ListParams;
use kube::core::request::Request;
use serde::Deserialize;
use serde_json::Value;
use sluice_planner::names::HASH_LABEL;
use sluice_planner::{Endpoints, PodTrouble, RolloutRecord, Snapshot, label_selector};

pub(crate) use self::pods::pods;
use crate::failure::Failure;
use crate::world::ResourceKind;
use crate::writer::{answered, path};

#[derive(Debug, Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    metadata: ItemMeta,
    spec: ItemSpec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemMeta {
    name: String,
    #[serde(default)]
    owner_references: Vec<Owner>,
}

#[derive(Debug, Deserialize)]
struct Owner {
    uid: String,
}

#[derive(Debug, Deserialize)]
struct ItemSpec {
    #[serde(default)]
    template: Value,
}

/// The templates of a Rollout's ReplicaSets, by name: one LIST by labels, and a GET for each that
/// has lost its labels.
///
/// # Errors
///
/// As the API server answers.
pub(crate) async fn templates(
    client: &Client,
    snapshot: &Snapshot,
) -> Result<BTreeMap<String, Value>, Failure> {
    let rollout = &snapshot.rollout;
    let selector = sluice_planner::selector(snapshot).map(label_selector).unwrap_or_default();
    let selector = if selector.is_empty() {
        HASH_LABEL.to_owned()
    } else {
        format!("{selector},{HASH_LABEL}")
    };
    let params = ListParams::default().labels(&selector);
    let request = Request::new(path(ResourceKind::ReplicaSet, &rollout.namespace))
        .list(&params)
        .map_err(kube::Error::BuildRequest)?;
    let list: List = answered(client.request(request)).await?;
    let ours = |item: &Item| item.metadata.owner_references.iter().any(|o| o.uid == rollout.uid);
    let found = list.items.into_iter().filter(ours);
    let mut templates: BTreeMap<String, Value> =
        found.map(|item| (item.metadata.name, item.spec.template)).collect();
    for rs in snapshot.replica_sets.iter().filter(|rs| !rs.deleting) {
        if templates.contains_key(&rs.name) {
            continue;
        }
        let request = Request::new(path(ResourceKind::ReplicaSet, &rollout.namespace))
            .get(&rs.name, &Default::default())
            .map_err(kube::Error::BuildRequest)?;
        match answered(client.request::<Item>(request)).await {
            Ok(item) => drop(templates.insert(item.metadata.name, item.spec.template)),
            // Its record is about to go as well.
            Err(failure) if failure.is_not_found() => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(templates)
}

#[derive(Debug, Deserialize)]
struct Pods {
    #[serde(default)]
    items: Vec<Pod>,
}

#[derive(Debug, Deserialize)]
struct Pod {
    metadata: PodMeta,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodMeta {
    name: String,
    #[serde(default)]
    deletion_timestamp: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodStatus {
    init_container_statuses: Vec<ContainerStatus>,
    container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    name: String,
    restart_count: i64,
    state: ContainerState,
    last_state: ContainerState,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerState {
    waiting: Option<Waiting>,
    terminated: Option<Terminated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: String,
    message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Terminated {
    exit_code: i64,
    message: String,
}

/// The containers of a Rollout's newest pods that wait, by one LIST by labels.
///
/// # Errors
///
/// As the API server answers.
pub(crate) async fn pods_in_trouble(
    client: &Client,
    snapshot: &Snapshot,
) -> Result<Vec<PodTrouble>, Failure> {
    let rollout = &snapshot.rollout;
    let hash = &rollout.status.current_pod_hash;
    let selector = sluice_planner::selector(snapshot).map(label_selector).unwrap_or_default();
    let hashed = format!("{HASH_LABEL}={hash}");
    let labels = [selector, hashed].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>();
    let params = ListParams::default().labels(&labels.join(","));
    let path = format!("/api/v1/namespaces/{}/pods", rollout.namespace);
    let request = Request::new(path).list(&params).map_err(kube::Error::BuildRequest)?;
    let pods: Pods = answered(client.request(request)).await?;
    let living = pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    Ok(living.flat_map(troubles).collect())
}

#[derive(Debug, Deserialize)]
struct Slices {
    #[serde(default)]
    items: Vec<Slice>,
}

#[derive(Debug, Deserialize)]
struct Slice {
    #[serde(default)]
    endpoints: Option<Vec<Endpoint>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    #[serde(default)]
    conditions: EndpointConditions,
    target_ref: Option<TargetRef>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EndpointConditions {
    /// None means yes.
    ready: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct TargetRef {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
}

/// The pods that stand behind a Rollout's preview Service, by one LIST of its EndpointSlices; none
/// where it has no such Service.
///
/// # Errors
///
/// As the API server answers; that they may not be read is no error.
pub(crate) async fn preview_endpoints(
    client: &Client,
    rollout: &RolloutRecord,
) -> Result<Option<Endpoints>, Failure> {
    let Some(blue_green) = &rollout.spec.strategy.blue_green else { return Ok(None) };
    let labels = format!("kubernetes.io/service-name={}", blue_green.preview_service);
    let params = ListParams::default().labels(&labels);
    let path = format!("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices", rollout.namespace);
    let request = Request::new(path).list(&params).map_err(kube::Error::BuildRequest)?;
    let slices: Slices = match answered(client.request(request)).await {
        Ok(slices) => slices,
        Err(Failure::Refused { code: 403 | 404, message, .. }) => {
            let (namespace, name) = (&rollout.namespace, &rollout.name);
            tracing::warn!(
                namespace,
                name,
                "cannot read EndpointSlices, so the switch does not wait for them: {message}"
            );
            return Ok(Some(Endpoints::Unreadable));
        }
        Err(failure) => return Err(failure),
    };
    let all = slices.items.into_iter().flat_map(|slice| slice.endpoints.unwrap_or_default());
    let ready = all.filter(|endpoint| endpoint.conditions.ready != Some(false));
    let pods = ready.filter_map(|endpoint| endpoint.target_ref).filter(|to| to.kind == "Pod");
    Ok(Some(Endpoints::Ready(pods.map(|pod| pod.name).collect())))
}

fn troubles(pod: Pod) -> impl Iterator<Item = PodTrouble> {
    let PodStatus { init_container_statuses, container_statuses } = pod.status;
    let all = init_container_statuses.into_iter().chain(container_statuses);
    all.filter_map(move |container| {
        let waiting = container.state.waiting?;
        let ended = container.last_state.terminated;
        let message = match ended {
            Some(ended) if ended.message.is_empty() => format!("exit code {}", ended.exit_code),
            Some(ended) => format!("exit code {}: {}", ended.exit_code, ended.message.trim()),
            None => waiting.message,
        };
        Some(PodTrouble {
            pod: pod.metadata.name.clone(),
            container: container.name,
            reason: waiting.reason,
            message,
            restarts: container.restart_count,
        })
    })
}
