//! ReplicaSets that have lost their owner: of a Rollout that was deleted without them and created
//! again (`kubectl delete --cascade=orphan`), or by hand. Their pods serve; they are not doubled.

use crate::plan::Action;
use crate::snapshot::Snapshot;

/// Takes in what nothing owns, before anything else is decided.
pub(crate) fn adoptions(s: &Snapshot) -> Vec<Action> {
    let living = s.orphans.iter().filter(|rs| !rs.deleting && !rs.hash.is_empty());
    living
        .map(|rs| Action::AdoptReplicaSet {
            name: rs.name.clone(),
            resource_version: rs.resource_version.clone(),
        })
        .collect()
}
