//! What a plan asks for beyond the records: fetched, used once, not kept.

mod load_balancers;
mod pods;
mod trouble;

use std::collections::BTreeMap;

use kube::Client;
use kube::core::params::ListParams;
use kube::core::request::Request;
use serde::Deserialize;
use serde_json::Value;
use sluice_planner::names::HASH_LABEL;
use sluice_planner::{Endpoints, RolloutRecord, Snapshot, label_selector};

pub(crate) use self::load_balancers::load_balancers;
pub(crate) use self::pods::pods;
pub(crate) use self::trouble::pods_in_trouble;
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
