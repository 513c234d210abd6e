//! A way back that asks nothing of the new spec: where that is refused in the middle of an update,
//! an abort, and the verdict of a run that was under way, count all the same (promise 1).

use std::sync::Arc;

use sluice_analysis::run::is_completed;
use sluice_crd::analysis::AnalysisPhase;
use sluice_crd::identity::TemplateDigest;
use sluice_crd::raw::Raw;
use sluice_crd::rollout::{ConditionStatus, RolloutAnalysisRunStatus, RolloutStatus};

use crate::analysis::{self, Prospects, Runs};
use crate::blue_green::Gate;
use crate::conditions::{self, Say, kinds, reasons};
use crate::movement::Bounds;
use crate::names::{
    EPHEMERAL_KEYS, EPHEMERAL_METADATA, REVISION, REVISION_HISTORY, TEMPLATE_DIGEST,
};
use crate::plan::{Action, Plan, StatusWrite};
use crate::quantity::Pods;
use crate::release::{New, Release, Strategy};
use crate::snapshot::Snapshot;
use crate::stage::{Entry, Stage};
use crate::steps::Cursor;
use crate::transition::{Transition, reasons as events};
use crate::{decide, status, support};

/// The plan of a refused spec, and the way back to the stable version where that is called for.
pub(crate) fn with_retreat(s: &Snapshot, refused: Plan) -> Plan {
    let cause = verdict(s);
    if !s.rollout.status.abort && cause.is_none() {
        return refused;
    }
    // What is held is left alone, aborted or not: a router that nobody looks after here may send
    // requests to any of its versions.
    if support::first_unsupported(&s.rollout.spec).is_some() {
        return refused;
    }
    let Some(strategy) = Strategy::of(&s.rollout.spec.strategy) else { return refused };
    let Some(release) = on_record(s, strategy) else { return refused };
    retreat(&release, refused, cause)
}

/// Why the update that is under way has failed, by the runs that the status names.
fn verdict(s: &Snapshot) -> Option<String> {
    let status = &s.rollout.status;
    let (canary, blue_green) = (&status.canary, &status.blue_green);
    let recorded = [
        ("Step-based", &canary.current_step_analysis_run_status),
        ("Background", &canary.current_background_analysis_run_status),
        ("Pre-promotion", &blue_green.pre_promotion_analysis_run_status),
        ("Post-promotion", &blue_green.post_promotion_analysis_run_status),
    ];
    recorded.into_iter().find_map(|(kind, recorded)| {
        let (phase, message) = word(s, recorded.as_ref()?);
        let bad = matches!(phase, AnalysisPhase::Failed | AnalysisPhase::Error);
        let cause = format!("{kind} analysis phase error/failed");
        bad.then(|| if message.is_empty() { cause } else { format!("{cause}: {message}") })
    })
}

fn word(s: &Snapshot, recorded: &RolloutAnalysisRunStatus) -> (AnalysisPhase, String) {
    let run = s.runs.iter().find(|run| run.name == recorded.name);
    match run.filter(|run| is_completed(&run.phase)) {
        Some(run) => (run.phase.clone(), run.message.clone()),
        None => (recorded.status.clone(), recorded.message.clone()),
    }
}

/// The release that the status tells of, whatever the spec asks for: none where there is nothing to
/// go back from.
fn on_record<'a>(s: &'a Snapshot, strategy: Strategy<'a>) -> Option<Release<'a>> {
    let status = &s.rollout.status;
    let find = |hash: &str| {
        let mut live = s.replica_sets.iter().filter(|rs| !rs.deleting && !hash.is_empty());
        live.find(|rs| rs.hash == hash).map(Arc::clone)
    };
    let (current, stable) = (find(&status.current_pod_hash)?, find(&status.stable_rs)?);
    if current.uid == stable.uid || s.rollout.spec.replicas_or_default() < 0 {
        return None;
    }
    let digest = current.digest().unwrap_or_else(|| nothing(s));
    let mut release = Release::new(s, strategy, digest, New::Found(current));
    if strategy.canary().is_some_and(|c| c.rolling_limits(release.replicas.0).is_err()) {
        // What the spec says cannot be read: one pod more at a time, and none less.
        release.bounds = Bounds {
            most: release.replicas + Pods::ONE,
            fewest: release.replicas,
            ..release.bounds
        };
    }
    Some(release)
}

/// The digest of no template: it is compared with nothing, and written nowhere.
fn nothing(s: &Snapshot) -> TemplateDigest {
    s.settings.identity.template_digest(&Raw::default())
}

fn retreat(release: &Release<'_>, refused: Plan, cause: Option<String>) -> Plan {
    let s = release.snapshot;
    let before = &s.rollout.status;
    let just_aborted = before.aborted_at.is_none();
    let entry = Entry {
        stage: Stage::Aborted,
        cursor: Cursor::at(0),
        reset: false,
        new_template: false,
        just_aborted,
        retried: false,
        gate: release.strategy.blue_green().map(|_| Gate::Open),
    };
    let runs = analysis::runs(release, &entry, &Prospects::default());
    let mut status = refused.status.map_or_else(|| before.clone(), |write| write.status);
    put_down(&mut status, release, &runs, cause.as_deref());

    let (moves, switches) = decide::towards(release, &entry, Stage::Aborted, &status);
    let mut actions: Vec<Action> = moves.actions.into_iter().filter_map(of_the_retreat).collect();
    actions.extend(switches.actions);
    actions.extend(runs.actions.iter().cloned());

    let mut why = refused.reasons;
    why.push(status::aborted(release, &status));
    why.extend(switches.waiting);
    status::say_ready(&mut status, release.now, &why);
    let urgency = status::urgency(before, &status);
    let mut transitions = refused.transitions;
    if just_aborted && urgency.is_some() {
        transitions.push(told(release, &status, cause.as_deref()));
    }
    // As every abort: first written down, then acted on.
    if s.failure.is_some() || just_aborted {
        actions.clear();
    }
    Plan {
        actions,
        transitions,
        status: urgency.map(|urgency| StatusWrite { status, urgency }),
        wake: refused.wake.sooner(moves.wake),
        reasons: why,
        needs: refused.needs,
        settled_metadata: refused.settled_metadata,
    }
}

/// The abort, in the status of a refused spec.
fn put_down(status: &mut RolloutStatus, release: &Release<'_>, runs: &Runs, cause: Option<&str>) {
    if status.aborted_at.is_none() {
        let say = Say {
            kind: kinds::PROGRESSING,
            status: ConditionStatus::False,
            reason: reasons::ROLLOUT_ABORTED,
            message: in_words(release, cause),
        };
        conditions::replace(status, release.now, say);
    }
    status.abort = true;
    status.aborted_at = Some(status.aborted_at.unwrap_or(release.now));
    status.promote_full = false;
    status.pause_conditions.clear();
    status.controller_pause = false;
    status.current_step_index = status.current_step_index.map(|_| 0);
    runs.record(status);
}

fn in_words(release: &Release<'_>, cause: Option<&str>) -> String {
    let message = format!("Rollout aborted update to revision {}", release.revision);
    cause.map_or_else(|| message.clone(), |cause| format!("{message}: {cause}"))
}

fn told(release: &Release<'_>, status: &RolloutStatus, cause: Option<&str>) -> Transition {
    let occasion = status.aborted_at.map(|at| at.to_string()).unwrap_or_default();
    let message = in_words(release, cause);
    Transition::warning(events::ROLLOUT_ABORTED, release.revision, occasion, message)
}

/// Of what an abort does, that which takes nothing from the spec: pods come and go, no more.
fn of_the_retreat(action: Action) -> Option<Action> {
    match action {
        Action::PatchReplicaSet {
            name, resource_version, scale, mut annotations, told, ..
        } => {
            let of_the_spec =
                [TEMPLATE_DIGEST, REVISION, REVISION_HISTORY, EPHEMERAL_METADATA, EPHEMERAL_KEYS];
            for key in of_the_spec {
                annotations.remove(key);
            }
            let min_ready_seconds = None;
            (scale.is_some() || !annotations.is_empty()).then_some(Action::PatchReplicaSet {
                name,
                resource_version,
                scale,
                min_ready_seconds,
                pod_metadata: Default::default(),
                annotations,
                told,
            })
        }
        _ => None,
    }
}
