//! Old ReplicaSets without pods, beyond `revisionHistoryLimit` (spec §2.6).

use crate::plan::Action;
use crate::quantity::Pods;
use crate::release::Release;

/// Deletes what is over the limit, the oldest first.
pub(crate) fn deletions(release: &Release<'_>) -> Vec<Action> {
    let limit = release.spec().revision_history_limit_or_default();
    let empty: Vec<_> = release
        .older
        .iter()
        .filter(|rs| rs.desired == Pods::ZERO && rs.replicas == Pods::ZERO)
        .collect();
    let over = empty.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    empty
        .into_iter()
        .take(over)
        .map(|rs| Action::DeleteReplicaSet {
            name: rs.name.clone(),
            uid: rs.uid.clone(),
            resource_version: rs.resource_version.clone(),
        })
        .collect()
}
