//! Pods like those of another workload (`spec.workloadRef`, spec §2.8): its template stands for the
//! Rollout's own, and the pods of a Deployment make room for the Rollout's.

pub(crate) mod give_back;
mod scale_down;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use sluice_crd::observed_generation::ObservedGeneration;
use sluice_crd::rollout::{ObjectRef, RolloutSpec};
use sluice_crd::validation::validate_rollout;

use crate::names::{GIVE_BACK, WORKLOAD_GENERATION};
use crate::plan::Action;
use crate::quantity::Pods;
use crate::snapshot::{RolloutRecord, Snapshot, Workload, WorkloadRecord};
use crate::transition::{Transition, reasons};
pub(crate) use scale_down::scale_down;

/// Where the template comes from.
pub(crate) enum Resolved {
    /// It stands in the Rollout.
    Own,
    /// The same snapshot, with the workload's template and selector as if they stood in the Rollout.
    From(Box<Snapshot>),
    /// There is none, or it cannot be used.
    Invalid(Vec<String>),
    /// Nobody can tell yet.
    Unread,
}

pub(crate) fn resolve(s: &Snapshot) -> Resolved {
    let Some(reference) = &s.rollout.spec.workload_ref else { return Resolved::Own };
    let ObjectRef { kind, name, .. } = reference;
    let workload = match &s.workload {
        Workload::Unread => return Resolved::Unread,
        Workload::Absent => {
            let problem =
                format!("spec.workloadRef: {kind} \"{name}\" does not exist in this namespace");
            return Resolved::Invalid(vec![problem]);
        }
        Workload::Found(workload) => workload,
    };
    let mut spec: RolloutSpec = (*s.rollout.spec).clone();
    spec.template = Some(workload.template.clone());
    spec.selector = selector(s).cloned();
    // Held to what holds for a template that stands in the Rollout.
    let reference = spec.workload_ref.take();
    let problems = validate_rollout(&spec);
    if !problems.is_empty() {
        let problems = problems.iter();
        let problems = problems.map(|p| format!("spec.workloadRef: {kind} \"{name}\": {p}"));
        return Resolved::Invalid(problems.collect());
    }
    spec.workload_ref = reference;
    let rollout = RolloutRecord { spec: Arc::new(spec), ..(*s.rollout).clone() };
    Resolved::From(Box::new(Snapshot { rollout: Arc::new(rollout), ..s.clone() }))
}

/// The selector of a Rollout, or that of its workload where it has none of its own.
pub fn selector(s: &Snapshot) -> Option<&LabelSelector> {
    let spec = &s.rollout.spec;
    match &s.workload {
        Workload::Found(workload) if spec.workload_ref.is_some() => {
            spec.selector.as_ref().or(workload.selector.as_ref())
        }
        _ => spec.selector.as_ref(),
    }
}

fn found(s: &Snapshot) -> Option<&WorkloadRecord> {
    s.rollout.spec.workload_ref.as_ref()?;
    match &s.workload {
        Workload::Found(workload) => Some(workload),
        Workload::Absent | Workload::Unread => None,
    }
}

/// The Deployment that the Rollout refers to, unless it is going.
fn deployment(s: &Snapshot) -> Option<&WorkloadRecord> {
    let reference = s.rollout.spec.workload_ref.as_ref()?;
    found(s).filter(|workload| reference.kind == "Deployment" && !workload.deleting)
}

/// `status.workloadObservedGeneration`: always a text, as Argo CD compares it with the annotation.
pub(crate) fn observed_generation(s: &Snapshot) -> Option<ObservedGeneration> {
    s.rollout.spec.workload_ref.as_ref()?;
    match found(s) {
        Some(workload) => Some(ObservedGeneration::Text(workload.generation.to_string())),
        None => s.rollout.status.workload_observed_generation.clone(),
    }
}

/// Whether the status speaks of the workload as it is now.
pub(crate) fn is_observed(s: &Snapshot) -> bool {
    let observed = s.rollout.status.workload_observed_generation.as_ref();
    match found(s) {
        Some(workload) => observed.is_some_and(|observed| observed.is(workload.generation)),
        None => true,
    }
}

/// The annotation that shows clients how far the workload is, where it is behind.
pub(crate) fn generation_to_mirror(s: &Snapshot) -> BTreeMap<String, String> {
    let generation = found(s).map(|workload| workload.generation.to_string());
    let behind = |g: &String| s.rollout.annotations.get(WORKLOAD_GENERATION) != Some(g.as_str());
    let behind = generation.filter(behind);
    behind.map(|g| (WORKLOAD_GENERATION.to_owned(), g)).into_iter().collect()
}

/// [`generation_to_mirror`], by itself.
pub(crate) fn mirrored(s: &Snapshot) -> Option<Action> {
    let annotations = generation_to_mirror(s);
    let needed = !annotations.is_empty() && s.failure.is_none();
    needed.then_some(Action::AnnotateRollout { annotations, told: Vec::new() })
}

/// Whether this Rollout does not go before its Deployment has its pods back.
fn is_bound(rollout: &RolloutRecord) -> bool {
    rollout.finalizers.iter().any(|finalizer| finalizer == GIVE_BACK)
}

fn bind(rollout: &RolloutRecord) -> Action {
    let own = GIVE_BACK.to_owned();
    Action::SetFinalizers { finalizers: rollout.finalizers.iter().cloned().chain([own]).collect() }
}

fn unbind(rollout: &RolloutRecord) -> Action {
    let others = rollout.finalizers.iter().filter(|finalizer| *finalizer != GIVE_BACK);
    Action::SetFinalizers { finalizers: others.cloned().collect() }
}

fn scale(deployment: &WorkloadRecord, to: Pods) -> Action {
    let (name, from) = (&deployment.name, deployment.desired);
    let direction = if to > from { "up" } else { "down" };
    let occasion = format!("{name}@{}", deployment.resource_version);
    let message = format!("Scaled {direction} Deployment {name} from {from} to {to}");
    Action::ScaleDeployment {
        name: name.clone(),
        resource_version: deployment.resource_version.clone(),
        scale: (from, to),
        told: vec![Transition::normal(reasons::SCALING_DEPLOYMENT, 0, occasion, message)],
    }
}
