//! What clients patch when somebody promotes, aborts, retries or pauses (spec §1.12;
//! `user-interfaces` §1.2, §1.4). The controller reads these edits as its input.

use serde_json::{Value, json};

use crate::rollout::{PauseReason, Rollout};

/// One merge patch of a Rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientPatch {
    /// The subresource that it goes to: `status`, or the object itself.
    pub subresource: Option<&'static str>,
    /// The patch.
    pub merge: Value,
}

fn of_status(merge: Value) -> ClientPatch {
    ClientPatch { subresource: Some("status"), merge: json!({"status": merge}) }
}

fn of_spec(merge: Value) -> ClientPatch {
    ClientPatch { subresource: None, merge: json!({"spec": merge}) }
}

/// Back to the stable version.
pub fn abort() -> Vec<ClientPatch> {
    vec![of_status(json!({"abort": true}))]
}

/// From the first step on again, after an abort.
pub fn retry() -> Vec<ClientPatch> {
    vec![of_status(json!({"abort": false}))]
}

/// No further step.
pub fn pause() -> Vec<ClientPatch> {
    vec![of_spec(json!({"paused": true}))]
}

/// Ends a pause; where nothing is paused, skips the step that is under way.
pub fn promote(rollout: &Rollout) -> Vec<ClientPatch> {
    let status = rollout.status.clone().unwrap_or_default();
    let mut patches = Vec::new();
    let inconclusive = status.controller_pause
        && status.pause_conditions.iter().any(|pause| {
            let why = &pause.reason;
            matches!(
                why,
                PauseReason::InconclusiveAnalysisRun | PauseReason::InconclusiveExperiment
            )
        });
    if inconclusive {
        let mut merge = json!({"pauseConditions": null, "controllerPause": false});
        if let Some(next) = next_step(rollout) {
            merge["currentStepIndex"] = Value::from(next);
        }
        patches.push(of_status(merge));
    } else if !status.pause_conditions.is_empty() {
        patches.push(of_status(json!({"pauseConditions": null})));
    } else if let Some(next) = next_step(rollout) {
        patches.push(of_status(json!({"pauseConditions": null, "currentStepIndex": next})));
    }
    patches.extend(unpause(rollout));
    patches
}

/// Skips all steps, analysis and pauses.
pub fn promote_full(rollout: &Rollout) -> Vec<ClientPatch> {
    let status = rollout.status.clone().unwrap_or_default();
    let mut patches = Vec::new();
    if status.current_pod_hash != status.stable_rs {
        patches.push(of_status(json!({"promoteFull": true})));
    }
    patches.extend(unpause(rollout));
    patches
}

/// Why a step cannot be skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotSkip {
    /// A blue-green Rollout has none.
    #[error("Cannot skip steps of a bluegreen rollout. Run without a flags")]
    BlueGreen,
    /// This canary has none.
    #[error("Cannot skip steps of a rollout without steps")]
    NoSteps,
}

/// Skips the step that is under way (`promote --skip-current-step`).
///
/// # Errors
///
/// Where there are no steps.
pub fn skip_current_step(rollout: &Rollout) -> Result<Vec<ClientPatch>, CannotSkip> {
    check_steps(rollout)?;
    let next = next_step(rollout).into_iter();
    Ok(next.map(|next| of_status(json!({"currentStepIndex": next}))).collect())
}

/// Skips all steps (`promote --skip-all-steps`).
///
/// # Errors
///
/// Where there are no steps.
pub fn skip_all_steps(rollout: &Rollout) -> Result<Vec<ClientPatch>, CannotSkip> {
    check_steps(rollout)?;
    Ok(vec![of_status(json!({"currentStepIndex": step_count(rollout)}))])
}

fn check_steps(rollout: &Rollout) -> Result<(), CannotSkip> {
    if rollout.spec.strategy.blue_green.is_some() {
        return Err(CannotSkip::BlueGreen);
    }
    if step_count(rollout) == 0 { Err(CannotSkip::NoSteps) } else { Ok(()) }
}

fn unpause(rollout: &Rollout) -> Option<ClientPatch> {
    rollout.spec.paused.then(|| of_spec(json!({"paused": false})))
}

fn step_count(rollout: &Rollout) -> usize {
    let canary = rollout.spec.strategy.canary.as_ref();
    canary.and_then(|c| c.steps.as_ref()).map_or(0, Vec::len)
}

/// The step after the current one; the number of steps when that is the last.
fn next_step(rollout: &Rollout) -> Option<usize> {
    let count = step_count(rollout);
    if count == 0 {
        return None;
    }
    let index = rollout.status.as_ref().and_then(|s| s.current_step_index).unwrap_or(0);
    let index = usize::try_from(index).unwrap_or(0);
    Some((index + 1).min(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(spec: Value, status: Value) -> Rollout {
        serde_json::from_value(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": "web"},
            "spec": spec, "status": status,
        }))
        .unwrap()
    }

    fn canary(paused: bool) -> Value {
        json!({"paused": paused, "strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}})
    }

    #[test]
    fn promote_ends_a_pause() {
        let pause = json!([{"reason": "CanaryPauseStep", "startTime": "2026-11-21T07:28:07Z"}]);
        let status =
            json!({"pauseConditions": pause, "controllerPause": true, "currentStepIndex": 1});
        let patches = promote(&rollout(canary(false), status));
        assert_eq!(patches, [of_status(json!({"pauseConditions": null}))]);
    }

    #[test]
    fn promote_passes_an_inconclusive_analysis() {
        let pause =
            json!([{"reason": "InconclusiveAnalysisRun", "startTime": "2026-11-21T07:28:07Z"}]);
        let status =
            json!({"pauseConditions": pause, "controllerPause": true, "currentStepIndex": 0});
        let merge =
            json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": 1});
        assert_eq!(promote(&rollout(canary(false), status)), [of_status(merge)]);
    }

    #[test]
    fn promote_skips_a_running_step_and_ends_a_user_pause() {
        let patches = promote(&rollout(canary(true), json!({"currentStepIndex": 0})));
        let skip = json!({"pauseConditions": null, "currentStepIndex": 1});
        assert_eq!(patches, [of_status(skip), of_spec(json!({"paused": false}))]);
    }

    #[test]
    fn full_promotion_of_what_is_stable_asks_for_nothing() {
        let same = json!({"currentPodHash": "a", "stableRS": "a"});
        assert_eq!(promote_full(&rollout(canary(false), same)), []);
        let other = json!({"currentPodHash": "b", "stableRS": "a"});
        let patches = promote_full(&rollout(canary(false), other));
        assert_eq!(patches, [of_status(json!({"promoteFull": true}))]);
    }

    #[test]
    fn steps_are_skipped_only_where_there_are_some() {
        let none = rollout(json!({"strategy": {"canary": {}}}), json!({}));
        assert_eq!(skip_current_step(&none), Err(CannotSkip::NoSteps));
        let blue_green =
            rollout(json!({"strategy": {"blueGreen": {"activeService": "a"}}}), json!({}));
        assert_eq!(skip_all_steps(&blue_green), Err(CannotSkip::BlueGreen));
        let last = rollout(canary(false), json!({"currentStepIndex": 2}));
        assert_eq!(skip_current_step(&last), Ok(vec![of_status(json!({"currentStepIndex": 2}))]));
    }
}
