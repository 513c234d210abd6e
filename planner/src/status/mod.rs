//! The status of a Rollout, computed whole from what was observed and decided.

mod counts;
mod duration;
mod phase;
mod progress;
mod ready;

use std::collections::BTreeMap;

use sluice_crd::observed_generation::ObservedGeneration;
use sluice_crd::rollout::{BlueGreenStatus, ConditionStatus, RolloutStatus};
use sluice_crd::time::Time;

use crate::analysis::Runs;
use crate::blue_green;
use crate::conditions::{self, Say, kinds, reasons};
use crate::newest;
use crate::plan::Urgency;
use crate::release::Release;
use crate::restart::Restart;
use crate::routed;
use crate::snapshot::ServiceRecord;
use crate::stage::Entry;
use crate::workload;

pub(crate) use phase::phase_and_message;
pub(crate) use progress::deadline;
pub(crate) use ready::{aborted, say_ready, stage_reasons};

/// What was decided about the release, as far as the status tells it.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) step_hash: String,
    /// The new version becomes the stable one, for this reason.
    pub(crate) promoted: Option<String>,
    /// Aborted by the controller, for this cause.
    pub(crate) abort_cause: Option<String>,
    /// The AnalysisRuns that stand for it.
    pub(crate) runs: &'a Runs,
    /// What there is to do because of `spec.restartAt`.
    pub(crate) restart: &'a Restart,
    /// Why its analyses cannot be started; empty where they can.
    pub(crate) unfit: &'a [String],
}

impl Decision<'_> {
    /// Whether it was decided by how things stand at this instant: a step that is over, a version
    /// that is whole, a deadline; or an abort that other steps take back, so that nobody sees the
    /// version that was given up get pods (I7).
    pub(crate) fn is_final(&self, before: &RolloutStatus) -> bool {
        !self.entry.cursor.completed.is_empty()
            || self.promoted.is_some()
            || self.abort_cause.is_some()
            || (before.abort && self.entry.reset && !self.entry.new_template)
    }
}

/// The new status, apart from what the reasons say (`Ready` and its like).
pub(crate) fn compose(release: &Release<'_>, decision: &Decision<'_>) -> RolloutStatus {
    let entry = decision.entry;
    let mut status = release.status().clone();

    status.observed_generation = Some(observed(release));
    status.workload_observed_generation = workload::observed_generation(release.snapshot);
    status.current_pod_hash = release.new.hash().to_owned();
    status.current_step_hash.clone_from(&decision.step_hash);
    status.collision_count = newest::collisions(release);
    counts::count(release, &mut status);

    status.pause_conditions.clone_from(&entry.cursor.pauses);
    status.controller_pause = entry.cursor.controller_pause;
    status.current_step_index =
        (release.step_count() > 0).then(|| i32::try_from(entry.cursor.index).unwrap_or(i32::MAX));
    set_abort(release, decision, &mut status);
    status.promote_full = entry.stage == crate::stage::Stage::Promoting;
    if decision.promoted.is_some() {
        release.new.hash().clone_into(&mut status.stable_rs);
        status.promote_full = false;
    }

    // All pods of another template are younger than its Rollout's order to restart them.
    if entry.new_template || decision.restart.is_done() {
        status.restarted_at = release.spec().restart_at;
    }

    two_versions(release, decision, &mut status);
    routed::tell(release, decision.promoted.is_some(), &mut status);
    decision.runs.record(&mut status);
    if decision.promoted.is_some() {
        Runs::default().record(&mut status);
    }

    fitness(release, decision, &mut status);
    replica_failure(release, &mut status);
    availability(release, &mut status);
    progress::conditions(release, decision, &mut status);
    duration::track(release, decision, &mut status);
    let (phase, message) =
        phase_and_message(release.rollout, &status, decision.restart.is_under_way());
    status.phase = Some(phase);
    status.message = message;
    status
}

/// Where a blue-green release stands; of any other there is nothing to say.
fn two_versions(release: &Release<'_>, decision: &Decision<'_>, status: &mut RolloutStatus) {
    let Some(gate) = decision.entry.gate else {
        status.blue_green = BlueGreenStatus::default();
        return;
    };
    let selected = |service: Option<&ServiceRecord>| {
        service.and_then(ServiceRecord::hash).unwrap_or_default().to_owned()
    };
    status.blue_green.active_selector = blue_green::in_use(release).unwrap_or_default().to_owned();
    status.blue_green.preview_selector = selected(blue_green::preview(release));
    status.blue_green.scale_up_preview_check_point =
        blue_green::is_beyond_preview(release, decision.entry, gate);
}

/// `status.observedGeneration` in the form that the settings ask for.
pub(crate) fn observed_generation(generation: i64, numeric: bool) -> ObservedGeneration {
    if numeric {
        ObservedGeneration::Number(generation)
    } else {
        ObservedGeneration::Text(generation.to_string())
    }
}

fn observed(release: &Release<'_>) -> ObservedGeneration {
    observed_generation(
        release.rollout.generation,
        release.snapshot.settings.numeric_observed_generation,
    )
}

fn set_abort(release: &Release<'_>, decision: &Decision<'_>, status: &mut RolloutStatus) {
    let aborted =
        decision.entry.stage == crate::stage::Stage::Aborted || decision.abort_cause.is_some();
    status.abort = aborted;
    status.aborted_at =
        if aborted { Some(release.status().aborted_at.unwrap_or(release.now)) } else { None };
}

fn availability(release: &Release<'_>, status: &mut RolloutStatus) {
    let available = i64::from(status.available_replicas) >= release.replicas.0;
    let (state, message) = if available {
        (ConditionStatus::True, "Rollout has minimum availability")
    } else {
        (ConditionStatus::False, "Rollout does not have minimum availability")
    };
    let say = Say {
        kind: kinds::AVAILABLE,
        status: state,
        reason: reasons::AVAILABLE,
        message: message.to_owned(),
    };
    conditions::set(status, release.now, say);
}

/// Whether what the release refers to fits: what does not is told at once, though it may not be
/// needed yet.
fn fitness(release: &Release<'_>, decision: &Decision<'_>, status: &mut RolloutStatus) {
    if decision.unfit.is_empty() {
        conditions::remove(status, kinds::INVALID_SPEC);
        return;
    }
    let say = Say {
        kind: kinds::INVALID_SPEC,
        status: ConditionStatus::True,
        reason: reasons::INVALID_REFERENCE,
        message: decision.unfit.join("; "),
    };
    conditions::set_current(status, release.now, say);
}

/// What the ReplicaSets report (a quota, a webhook that refuses pods).
fn replica_failure(release: &Release<'_>, status: &mut RolloutStatus) {
    let all = release.new.record().into_iter().chain(&release.stable).chain(&release.older);
    let failing = all.filter_map(|rs| rs.failure.as_ref().map(|f| (rs, f))).next();
    match failing {
        Some((rs, failure)) => conditions::set_current(
            status,
            release.now,
            Say {
                kind: kinds::REPLICA_FAILURE,
                status: ConditionStatus::True,
                reason: "FailedCreate",
                message: format!("ReplicaSet \"{}\": {failure}", rs.name),
            },
        ),
        None => conditions::remove(status, kinds::REPLICA_FAILURE),
    }
}

/// A label selector as one string: `app=web,tier in (a,b),!legacy`, terms in the order of keys.
pub fn label_selector(
    selector: &k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector,
) -> String {
    let mut terms: BTreeMap<(String, usize), String> = BTreeMap::new();
    let labels = selector.match_labels.iter().flatten();
    for (key, value) in labels {
        terms.insert((key.clone(), 0), format!("{key}={value}"));
    }
    for (i, term) in selector.match_expressions.iter().flatten().enumerate() {
        let mut values = term.values.clone().unwrap_or_default();
        values.sort();
        let values = values.join(",");
        let text = match term.operator.as_str() {
            "In" => format!("{} in ({values})", term.key),
            "NotIn" => format!("{} notin ({values})", term.key),
            "DoesNotExist" => format!("!{}", term.key),
            _ => term.key.clone(),
        };
        terms.insert((term.key.clone(), i + 1), text);
    }
    terms.into_values().collect::<Vec<_>>().join(",")
}

/// How soon the difference between two statuses has to be written; `None` where there is none.
pub(crate) fn urgency(old: &RolloutStatus, new: &RolloutStatus) -> Option<Urgency> {
    if old == new {
        return None;
    }
    if decisions(old) == decisions(new) { Some(Urgency::Counts) } else { Some(Urgency::Decision) }
}

/// The status without what only counts pods or words such counts.
fn decisions(status: &RolloutStatus) -> RolloutStatus {
    let mut status = status.clone();
    status.replicas = 0;
    status.updated_replicas = 0;
    status.ready_replicas = 0;
    status.available_replicas = 0;
    status.hpa_replicas = 0;
    status.message.clear();
    let epoch = Time::new(chrono::DateTime::UNIX_EPOCH);
    status.conditions.retain(|c| c.r#type != kinds::AVAILABLE);
    for condition in &mut status.conditions {
        condition.last_update_time = epoch;
        if [kinds::READY, kinds::RECONCILING, kinds::STALLED].contains(&condition.r#type.as_str()) {
            condition.message.clear();
            condition.reason.clear();
        }
    }
    status.conditions.sort_by(|a, b| a.r#type.cmp(&b.r#type));
    status
}
