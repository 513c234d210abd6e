//! `status.phase` and `status.message`: what Argo CD's health check and every front end show.

use sluice_crd::rollout::{RolloutPhase, RolloutStatus};

use crate::conditions::{self, kinds, reasons};
use crate::snapshot::RolloutRecord;

/// The phase, and in upstream's words and order why (docs/architecture.md, "Strings are an
/// interface"). `restarting` says that pods are replaced because of `spec.restartAt`.
pub(crate) fn phase_and_message(
    rollout: &RolloutRecord,
    status: &RolloutStatus,
    restarting: bool,
) -> (RolloutPhase, String) {
    let spec = &rollout.spec;
    if let Some(invalid) = conditions::get(status, kinds::INVALID_SPEC) {
        return (RolloutPhase::Degraded, format!("InvalidSpec: {}", invalid.message));
    }
    if let Some(progressing) = conditions::get(status, kinds::PROGRESSING) {
        let fatal =
            [reasons::ROLLOUT_ABORTED, reasons::TIMED_OUT, reasons::REPLICA_SET_CREATE_ERROR];
        if fatal.contains(&progressing.reason.as_str()) {
            let message = format!("{}: {}", progressing.reason, progressing.message);
            return (RolloutPhase::Degraded, message);
        }
    }
    if spec.paused {
        return (RolloutPhase::Paused, "manually paused".to_owned());
    }
    if let Some(pause) = status.pause_conditions.first() {
        return (RolloutPhase::Paused, pause.reason.to_string());
    }
    let replicas = spec.replicas_or_default();
    let updated = i64::from(status.updated_replicas);
    let progressing = |message: &str| (RolloutPhase::Progressing, message.to_owned());
    if restarting {
        return progressing("rollout is restarting");
    }
    if updated < replicas {
        return progressing("more replicas need to be updated");
    }
    if i64::from(status.available_replicas) < updated {
        return progressing("updated replicas are still becoming available");
    }
    if spec.strategy.canary.is_none() && spec.strategy.blue_green.is_some() {
        let (active, new) = (&status.blue_green.active_selector, &status.current_pod_hash);
        if active.is_empty() || active != new {
            return progressing("active service cutover pending");
        }
        if status.stable_rs.is_empty() || status.stable_rs != *new {
            let measures = status.blue_green.post_promotion_analysis_run_status.is_some();
            return progressing(if measures {
                "waiting for analysis to complete"
            } else {
                "waiting for post-promotion verification to complete"
            });
        }
        return (RolloutPhase::Healthy, String::new());
    }
    // With a router, older versions keep their pods for a while.
    let is_routed = spec.strategy.canary.as_ref().is_some_and(|c| c.traffic_routing.is_some());
    if !is_routed && i64::from(status.replicas) > updated {
        return progressing("old replicas are pending termination");
    }
    if status.stable_rs.is_empty() || status.stable_rs != status.current_pod_hash {
        return progressing("waiting for all steps to complete");
    }
    (RolloutPhase::Healthy, String::new())
}
