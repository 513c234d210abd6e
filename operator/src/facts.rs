//! What a plan asks for beyond the records: fetched, used once, not kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::Client;
use kube::core::params::ListParams;
use kube::core::request::Request;
use serde::Deserialize;
use serde_json::Value;
use sluice_planner::names::HASH_LABEL;
use sluice_planner::{ReplicaSetRecord, RolloutRecord, label_selector};

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
    rollout: &RolloutRecord,
    replica_sets: &[Arc<ReplicaSetRecord>],
) -> Result<BTreeMap<String, Value>, Failure> {
    let selector = rollout.spec.selector.as_ref().map(label_selector).unwrap_or_default();
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
    for rs in replica_sets.iter().filter(|rs| !rs.deleting) {
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
