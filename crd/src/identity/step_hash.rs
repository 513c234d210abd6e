//! `status.currentStepHash`.

use super::go_json;
use super::name_hash::{fnv32a, safe_encode};
use crate::rollout::CanaryStep;

/// The hash of a canary's steps as Argo Rollouts computes it, to the bit (spec §2.1): the first
/// edit of a Rollout after the controllers changed over would reset its steps otherwise.
///
/// `None` is a Go slice that is nil (`spec.strategy.canary.steps` left out), which hashes
/// differently from an empty list. A blue-green Rollout has no step hash at all.
pub fn step_hash(steps: Option<&[CanaryStep]>) -> String {
    // Only a map with keys that are not text could fail, and the types have none.
    let json = go_json::to_vec(&steps).unwrap_or_default();
    safe_encode(fnv32a([json.as_slice()]))
}
