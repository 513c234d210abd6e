//! The blue-green strategy.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Path, Problems};
use crate::int_or_percent::{Rounding, resolve};
use crate::rollout::{AntiAffinity, BlueGreenStrategy};

pub(super) fn check(
    strategy: &BlueGreenStrategy,
    revision_history_limit: i64,
    path: &Path,
    problems: &mut Problems,
) {
    if strategy.active_service.is_empty() {
        problems.add(&path.field("activeService"), "is missing, name the Service that clients use");
    } else if strategy.active_service == strategy.preview_service {
        problems.add(&path.field("previewService"), "must not be the Service in activeService");
    }
    check_pods_or_percent(
        strategy.max_unavailable.as_ref(),
        &path.field("maxUnavailable"),
        problems,
    );
    if let Some(limit) = strategy.scale_down_delay_revision_limit
        && i64::from(limit) > revision_history_limit
    {
        problems.add(
            &path.field("scaleDownDelayRevisionLimit"),
            format!(
                "is {limit}, must be at most revisionHistoryLimit, which is {revision_history_limit}"
            ),
        );
    }
    if let Some(anti_affinity) = &strategy.anti_affinity {
        check_anti_affinity(anti_affinity, &path.field("antiAffinity"), problems);
    }
}

/// A number of pods, or a percentage.
pub(super) fn check_pods_or_percent(
    value: Option<&IntOrString>,
    path: &Path,
    problems: &mut Problems,
) {
    if let Some(Err(error)) = value.map(|value| resolve(value, 100, Rounding::Up)) {
        problems.add(path, error.to_string());
    }
}

pub(super) fn check_anti_affinity(
    anti_affinity: &AntiAffinity,
    path: &Path,
    problems: &mut Problems,
) {
    let preferred = &anti_affinity.preferred_during_scheduling_ignored_during_execution;
    let required = &anti_affinity.required_during_scheduling_ignored_during_execution;
    const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    problems.exactly_one(path, &[(PREFERRED, preferred.is_some()), (REQUIRED, required.is_some())]);
    if let Some(preferred) = preferred {
        problems.within(&path.field(PREFERRED).field("weight"), preferred.weight, 1, 100);
    }
}
