//! Numbers of pods (spec §1.6, §2.7; `recorded/canary-steady-statuses.json`), and which pods an
//! autoscaler looks at.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use sluice_crd::rollout::RolloutStatus;

use super::label_selector;
use crate::blue_green;
use crate::names::HASH_LABEL;
use crate::quantity::Pods;
use crate::release::Release;
use crate::snapshot::{ReplicaSetRecord, ServiceRecord};

pub(crate) fn count(release: &Release<'_>, status: &mut RolloutStatus) {
    let live = &release.snapshot.replica_sets;
    let sum = |of: fn(&ReplicaSetRecord) -> Pods| -> i32 {
        live.iter().map(|rs| of(rs)).sum::<Pods>().to_i32()
    };
    status.replicas = sum(|rs| rs.replicas);
    status.updated_replicas = release.new.record().map_or(0, |rs| rs.replicas.to_i32());
    let selector = release.spec().selector.clone().unwrap_or_default();
    // Of blue-green, the version that clients use: the other one carries none of the load.
    let active = blue_green::active(release).and_then(ServiceRecord::hash);
    let active = active.and_then(|hash| live.iter().find(|rs| rs.hash == hash));
    if let Some(rs) = active {
        status.ready_replicas = rs.ready.to_i32();
        status.available_replicas = rs.available.to_i32();
        status.hpa_replicas = rs.replicas.to_i32();
        status.selector = label_selector(&of_hash(selector, &rs.hash));
        return;
    }
    status.ready_replicas = sum(|rs| rs.ready);
    status.available_replicas = sum(|rs| rs.available);
    // What an HPA scales by: without a router all versions share the load.
    status.hpa_replicas = status.replicas;
    status.selector = label_selector(&selector);
}

fn of_hash(mut selector: LabelSelector, hash: &str) -> LabelSelector {
    let labels = selector.match_labels.get_or_insert_default();
    labels.insert(HASH_LABEL.to_owned(), hash.to_owned());
    selector
}
