//! Numbers of pods (spec §1.6, `recorded/canary-steady-statuses.json`).

use sluice_crd::rollout::RolloutStatus;

use crate::quantity::Pods;
use crate::release::Release;
use crate::snapshot::ReplicaSetRecord;

pub(crate) fn count(release: &Release<'_>, status: &mut RolloutStatus) {
    let live = &release.snapshot.replica_sets;
    let sum = |of: fn(&ReplicaSetRecord) -> Pods| -> i32 {
        live.iter().map(|rs| of(rs)).sum::<Pods>().to_i32()
    };
    status.replicas = sum(|rs| rs.replicas);
    status.ready_replicas = sum(|rs| rs.ready);
    status.available_replicas = sum(|rs| rs.available);
    status.updated_replicas = release.new.record().map_or(0, |rs| rs.replicas.to_i32());
    // What an HPA scales by: without a router all versions share the load.
    status.hpa_replicas = status.replicas;
}
