//! The policy of a rollout, pure: [`Snapshot`] in, [`Plan`] out.
//!
//! Nothing here knows a client, a clock or a log. The shell builds a snapshot, sends the plan's
//! actions and writes its status; what is decided is decided here.

mod adopt;
mod analysis;
mod annotations;
mod blue_green;
mod build;
pub mod conditions;
mod decide;
mod ephemeral;
mod fail_fast;
mod history;
mod leave;
pub mod merge_patch;
mod movement;
pub mod names;
mod newest;
mod news;
mod own_fields;
mod plan;
mod pod_trouble;
mod quantity;
mod reason;
mod references;
mod refuse;
mod release;
mod restart;
mod retreat;
mod routed;
mod scale;
mod services;
mod snapshot;
mod split;
mod stage;
mod standstill;
mod status;
mod steps;
mod support;
pub mod traffic;
mod transition;
mod workload;

pub use annotations::Annotations;
pub use build::owner_reference;
pub use own_fields::{OwnField, SetBefore, SetFields, forget, remember};
pub use plan::{Action, MetadataChange, Plan, StatusWrite, Urgency, Wake};
pub use pod_trouble::{Cause, Ended, PodTrouble, Waits};
pub use quantity::{Pods, Weight};
pub use reason::{Deadline, Reason, Role};
use release::Strategy;
pub use routed::questions;
pub use services::release_all;
pub use snapshot::{
    Endpoints, Facts, Failure, FailureKind, Need, Needs, PodRecord, RefusedEviction,
    ReplicaSetRecord, RolloutRecord, RunRecord, ServiceRecord, Settings, Snapshot, TemplateRecord,
    Templates, Workload, WorkloadRecord,
};
pub use split::{Split, split};
pub use status::label_selector;
pub use transition::{Severity, Transition, reasons as event_reasons};
use workload::Resolved;
pub use workload::selector;

/// What to do about one Rollout now: the whole policy, from top to bottom.
///
/// Total: an invalid spec is a state that is told, not an error. Deterministic: the same snapshot
/// gives the same plan.
pub fn plan(s: &Snapshot) -> Plan {
    let rollout = &s.rollout;
    if rollout.deleting {
        return workload::give_back::before_the_end(s);
    }
    let problems = sluice_crd::validation::validate_rollout(&rollout.spec);
    if !problems.is_empty() {
        let problems = problems.iter().map(ToString::to_string).collect();
        return retreat::with_retreat(s, refuse::invalid(s, problems));
    }
    if let Some(path) = support::first_unsupported(&rollout.spec) {
        return refuse::held(s, path);
    }
    let Some(strategy) = Strategy::of(&rollout.spec.strategy) else { return Plan::rest() };
    let resolved;
    let s = match workload::resolve(s) {
        Resolved::Own => s,
        Resolved::From(snapshot) => {
            resolved = snapshot;
            &*resolved
        }
        Resolved::Invalid(problems) => {
            return retreat::with_retreat(s, refuse::invalid(s, problems));
        }
        Resolved::Unread => return retreat::with_retreat(s, refuse::unread(s)),
    };
    if workload::give_back::is_asked(&s.rollout)
        && let Some(plan) = workload::give_back::on_request(s)
    {
        return plan;
    }
    let problems = references::problems(s, strategy);
    if !problems.is_empty() {
        return retreat::with_retreat(s, refuse::invalid(s, problems));
    }
    let adoptions = adopt::adoptions(s);
    if !adoptions.is_empty() && s.failure.is_none() {
        return Plan { actions: adoptions, ..Plan::rest() };
    }
    decide::plan(s, strategy)
}
