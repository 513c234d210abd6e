//! How a Rollout is, as people are shown it: `status.phase`, unless the status is behind what the
//! Rollout now says (user-interfaces §1.3).

use std::collections::BTreeMap;

use sluice_crd::observed_generation::ObservedGeneration;
use sluice_crd::rollout::{Rollout, RolloutPhase, RolloutStatus};

use super::icon::Icon;

/// Annotation of a Rollout: the generation of the workload that its workloadRef names.
const WORKLOAD_GENERATION: &str = "rollout.argoproj.io/workload-generation";

/// The phase and the message of a Rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseView {
    /// The phase.
    pub phase: RolloutPhase,
    /// Why it is so; may be empty.
    pub message: String,
    /// What the status lags behind, if it does.
    pub lag: Option<Lag>,
}

/// What a status has not caught up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// There is no status yet.
    NoStatus,
    /// The last change of the spec.
    Spec,
    /// The last change of the workload that the Rollout refers to.
    Workload,
    /// Somebody who promoted.
    Promotion,
}

impl Lag {
    fn message(self) -> &'static str {
        match self {
            Self::NoStatus | Self::Spec => "waiting for rollout spec update to be observed",
            Self::Workload => {
                "waiting for rollout spec update to be observed for the reference workload"
            }
            Self::Promotion => "waiting for rollout to unpause",
        }
    }
}

impl PhaseView {
    /// The phase of a Rollout.
    pub fn of(rollout: &Rollout) -> Self {
        let status = rollout.status.as_ref();
        let Some((status, phase)) = status.and_then(|s| s.phase.as_ref().map(|phase| (s, phase)))
        else {
            return Self::lagging(Lag::NoStatus);
        };
        if let Some(lag) = lag(rollout, status) {
            return Self::lagging(lag);
        }
        Self { phase: phase.clone(), message: status.message.clone(), lag: None }
    }

    fn lagging(lag: Lag) -> Self {
        let message = lag.message().to_owned();
        Self { phase: RolloutPhase::Progressing, message, lag: Some(lag) }
    }

    /// Its sign.
    pub fn icon(&self) -> Icon {
        match &self.phase {
            RolloutPhase::Healthy => Icon::Good,
            RolloutPhase::Degraded => Icon::Bad,
            RolloutPhase::Progressing => Icon::Progressing,
            RolloutPhase::Paused => Icon::Paused,
            RolloutPhase::Other(word) => match word.as_str() {
                "Error" | "InvalidSpec" => Icon::Warning,
                "Unknown" => Icon::Unknown,
                "ScaledDown" => Icon::Neutral,
                _ => Icon::None,
            },
        }
    }

    /// The line of the verb `status`: `Paused - CanaryPauseStep`, `Healthy`.
    pub fn line(&self) -> String {
        if self.message.is_empty() {
            self.phase.to_string()
        } else {
            format!("{} - {}", self.phase, self.message)
        }
    }
}

fn lag(rollout: &Rollout, status: &RolloutStatus) -> Option<Lag> {
    let generation = rollout.metadata.generation.unwrap_or(0);
    if is_behind(status.observed_generation.as_ref(), generation) {
        return Some(Lag::Spec);
    }
    if rollout.spec.workload_ref.is_some() {
        let annotations: Option<&BTreeMap<String, String>> = rollout.metadata.annotations.as_ref();
        let generation = annotations.and_then(|a| a.get(WORKLOAD_GENERATION)?.parse().ok());
        if is_behind(status.workload_observed_generation.as_ref(), generation.unwrap_or(0)) {
            return Some(Lag::Workload);
        }
    }
    // The controller paused, and somebody took its pause conditions away.
    (status.controller_pause && status.pause_conditions.is_empty()).then_some(Lag::Promotion)
}

/// A text that is no number is a hash of Argo Rollouts before 1.0, and a number beyond the
/// generation is such a hash by chance: neither says that the status is behind.
fn is_behind(observed: Option<&ObservedGeneration>, generation: i64) -> bool {
    let observed = match observed {
        Some(ObservedGeneration::Number(number)) => Some(*number),
        Some(ObservedGeneration::Text(text)) => text.parse().ok(),
        None => None,
    };
    observed.is_some_and(|observed| observed < generation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn line(generation: i64, spec: Value, status: Value) -> String {
        let rollout: Rollout = serde_json::from_value(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {
                "name": "web", "generation": generation,
                "annotations": {"rollout.argoproj.io/workload-generation": "7"},
            },
            "spec": spec, "status": status,
        }))
        .unwrap();
        PhaseView::of(&rollout).line()
    }

    #[test]
    fn the_status_speaks_for_itself() {
        let healthy = json!({"phase": "Healthy", "observedGeneration": "3"});
        assert_eq!(line(3, json!({}), healthy), "Healthy");
        let paused = json!({"phase": "Paused", "message": "CanaryPauseStep",
            "observedGeneration": 3, "controllerPause": true,
            "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-11-21T07:28:07Z"}]});
        assert_eq!(line(3, json!({}), paused), "Paused - CanaryPauseStep");
    }

    #[test]
    fn a_status_that_is_behind_does_not_count() {
        let observed = "Progressing - waiting for rollout spec update to be observed";
        for generation in [json!("3"), json!(3)] {
            let healthy = json!({"phase": "Healthy", "observedGeneration": generation});
            assert_eq!(line(4, json!({}), healthy), observed);
        }
        assert_eq!(line(1, json!({}), Value::Null), observed);
        assert_eq!(line(1, json!({}), json!({})), observed);
        // Hashes of old versions.
        for hash in ["6d8f5", "5555555"] {
            let healthy = json!({"phase": "Healthy", "observedGeneration": hash});
            assert_eq!(line(4, json!({}), healthy), "Healthy");
        }
    }

    #[test]
    fn a_workload_may_be_ahead_too() {
        let spec = json!({"workloadRef": {"kind": "Deployment", "name": "web"}});
        let status = |seen: &str| json!({"phase": "Healthy", "workloadObservedGeneration": seen});
        assert_eq!(line(1, spec.clone(), status("7")), "Healthy");
        assert_eq!(
            line(1, spec, status("6")),
            "Progressing - waiting for rollout spec update to be observed for the reference workload"
        );
    }

    #[test]
    fn a_promotion_may_be_under_way() {
        let status =
            json!({"phase": "Paused", "message": "CanaryPauseStep", "controllerPause": true});
        assert_eq!(line(1, json!({}), status), "Progressing - waiting for rollout to unpause");
    }
}
