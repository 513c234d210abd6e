//! When a Deployment gives its pods up: never before the Rollout's serve in their place.

use std::collections::BTreeMap;

use sluice_crd::defaults::ScaleDown;
use sluice_crd::rollout::{RolloutPhase, RolloutStatus};

use super::{bind, deployment, is_bound, scale, unbind};
use crate::names::NOT_PROMOTED;
use crate::plan::Action;
use crate::quantity::Pods;
use crate::release::Release;
use crate::stage::Stage;

/// What the Deployment gives up now, by `spec.workloadRef.scaleDown`.
///
/// `asked` are the pods asked for in this very pass, `status` is the one about to be written.
pub(crate) fn scale_down(
    release: &Release<'_>,
    stage: Stage,
    asked: &BTreeMap<String, Pods>,
    status: &RolloutStatus,
) -> Option<Action> {
    let bound = is_bound(release.rollout);
    let Some(reference) = &release.spec().workload_ref else {
        return bound.then(|| unbind(release.rollout));
    };
    let deployment = deployment(release.snapshot)?;
    let mode = reference.scale_down_or_default();
    let progressively = match mode {
        ScaleDown::Progressively => true,
        ScaleDown::OnSuccess => false,
        ScaleDown::Never | ScaleDown::Other(_) => return None,
    };
    // Its pods were taken, if not by us: they are to be given back all the same.
    let taken = release.is_steady() && deployment.desired == Pods::ZERO;
    if taken && release.replicas > Pods::ZERO && !bound {
        return Some(bind(release.rollout));
    }
    if !is_first(release) {
        return None;
    }
    let asked = asked.get(release.new.hash()).copied().unwrap_or(release.new.desired());
    let serving = release.new.available().min(asked);
    let lacking = (release.replicas - serving).or_none();
    // More pods than the Rollout is to have carry a load that its first ones could not.
    if progressively && lacking > Pods::ZERO && deployment.desired > release.replicas {
        return None;
    }
    let target = match stage {
        // By the status as it was seen: what is about to be promoted may still not be.
        Stage::Steady if release.is_steady() => {
            let healthy = status.phase == Some(RolloutPhase::Healthy);
            match (healthy && lacking == Pods::ZERO, progressively) {
                (true, _) => Pods::ZERO,
                // Once taken over, pods that are missing come from the Rollout.
                (false, true) => lacking.min(deployment.desired),
                (false, false) => return None,
            }
        }
        // Of a first version that fails, as many pods come back as are lacking.
        Stage::Initial | Stage::Aborted if progressively && bound => lacking,
        Stage::Initial | Stage::Aborted if progressively => lacking.min(deployment.desired),
        _ => return None,
    };
    if target == deployment.desired {
        return None;
    }
    // A Rollout that could be deleted without giving anything back takes nothing.
    if !bound {
        return Some(bind(release.rollout));
    }
    Some(scale(deployment, target))
}

/// Whether no version was promoted before the new one. Later, the Deployment is its user's: one who
/// scales it up has a reason.
fn is_first(release: &Release<'_>) -> bool {
    let others = i64::try_from(release.older.len()).unwrap_or(i64::MAX);
    let failed = |rs: &std::sync::Arc<crate::snapshot::ReplicaSetRecord>| {
        rs.annotations.get(NOT_PROMOTED).is_some()
    };
    (release.stable.is_none() || release.is_steady())
        && others.saturating_add(1) == release.revision
        && release.older.iter().all(failed)
}
