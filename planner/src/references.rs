//! Objects that a Rollout names and that have to fit it (spec §1.17, "References").

use sluice_crd::rollout::CanaryStrategy;

use crate::names::HASH_LABEL;
use crate::release::Strategy;
use crate::snapshot::{ServiceRecord, Snapshot};

/// Every problem with the Services that the strategy names, with its path.
pub(crate) fn problems(s: &Snapshot, strategy: Strategy<'_>) -> Vec<String> {
    let named = match strategy {
        Strategy::Canary(CanaryStrategy { ping_pong: Some(two), .. }) => [
            ("canary.pingPong.pingService", &two.ping_service),
            ("canary.pingPong.pongService", &two.pong_service),
        ],
        Strategy::Canary(canary) => [
            ("canary.stableService", &canary.stable_service),
            ("canary.canaryService", &canary.canary_service),
        ],
        Strategy::BlueGreen(blue_green) => [
            ("blueGreen.activeService", &blue_green.active_service),
            ("blueGreen.previewService", &blue_green.preview_service),
        ],
    };
    named
        .into_iter()
        .filter(|(_, name)| !name.is_empty())
        .filter_map(|(field, name)| {
            let service = s.services.get(name).map(AsRef::as_ref);
            problem(s, name, service).map(|problem| format!("spec.strategy.{field}: {problem}"))
        })
        .collect()
}

fn problem(s: &Snapshot, name: &str, service: Option<&ServiceRecord>) -> Option<String> {
    let Some(service) = service.filter(|service| !service.deleting) else {
        return Some(format!("Service \"{name}\" does not exist in this namespace"));
    };
    let owner = service.managed_by.as_deref();
    if let Some(other) = owner.filter(|owner| *owner != s.rollout.name) {
        return Some(format!(
            "Service \"{name}\" is managed by another Rollout, \"{other}\" (annotation {})",
            crate::names::MANAGED_BY
        ));
    }
    let template = s.rollout.spec.template.as_ref()?.to_value();
    let labels = template.pointer("/metadata/labels");
    let unmet = service.selector.iter().find(|(key, value)| {
        let label = labels.and_then(|l| l.get(key.as_str())).and_then(|v| v.as_str());
        key.as_str() != HASH_LABEL && label != Some(value.as_str())
    });
    unmet.map(|(key, value)| {
        format!(
            "Service \"{name}\" selects {key}={value}, which no pod of spec.template has; \
             its selector has to be among spec.template.metadata.labels"
        )
    })
}
