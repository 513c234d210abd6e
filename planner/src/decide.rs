//! One decision about a release, from top to bottom: the questions that a release engineer asks.

use std::collections::BTreeMap;

use sluice_crd::identity::TemplateDigest;
use sluice_crd::rollout::RolloutStatus;

use crate::blue_green::Gate;
use crate::conditions::{self, kinds, reasons};
use crate::newest::{self, Newest};
use crate::plan::{Action, Plan, StatusWrite, Wake};
use crate::reason::Reason;
use crate::release::{New, Release, Strategy};
use crate::routed::{self, Routing};
use crate::scale::Moves;
use crate::services::{self, Switches};
use crate::snapshot::{FailureKind, Need, Needs, Snapshot};
use crate::stage::{self, Entry, Stage};
use crate::status::{self, Decision};
use crate::steps::Cursor;
use crate::{
    analysis, blue_green, ephemeral, fail_fast, history, news, own_fields, refuse, restart,
    retreat, scale, standstill, workload,
};

pub(crate) fn plan(s: &Snapshot, strategy: Strategy<'_>) -> Plan {
    let Some(template) = &s.rollout.spec.template else { return Plan::rest() };
    let digest: TemplateDigest = s.settings.identity.template_digest(template);

    // Which ReplicaSet is meant?
    let new = match newest::find(s, template, &digest) {
        Newest::Found(rs) => New::Found(rs),
        Newest::Missing(missing) => New::Missing(missing),
        Newest::TemplatesNeeded => {
            if let Some(failure) = &s.failure {
                return refuse::not_known(s, failure);
            }
            return Plan { needs: [Need::Templates].into(), ..Plan::rest() };
        }
    };
    let release = Release::new(s, strategy, digest, new);
    if release.routing.as_ref().is_some_and(Routing::is_unread) {
        return refuse::unread(s);
    }
    if let (Some(failure), New::Missing(missing)) = (&s.failure, &release.new) {
        return refuse::not_created(&release, missing, failure);
    }

    // Can what is to be measured be measured?
    let mut prospects = analysis::look(&release);
    prospects.problems.extend(release.routing.iter().flat_map(Routing::problems));

    // Where does the release stand, and how far does it get now?
    let step_hash = strategy.canary().map_or_else(String::new, |canary| {
        sluice_crd::identity::step_hash(canary.steps.as_deref())
    });
    let mut entry = stage::enter(&release, &step_hash);
    if let Some(path) = prospects.unsupported.take() {
        if entry.reset || entry.stage == Stage::Initial {
            return retreat::with_retreat(s, refuse::held(s, path));
        }
        // A release that is under way is not left to itself: the runs that there are have their
        // say, and it can be aborted. What is stable follows its replicas.
        prospects.problems.push(format!("UnsupportedFeature: {path}"));
    }
    let unfit = !prospects.problems.is_empty();
    if unfit && entry.stage == Stage::Stepping && entry.reset {
        return retreat::with_retreat(s, refuse::unfit(&release, prospects.problems));
    }
    let verdicts = analysis::verdicts(&release, &entry);
    if entry.stage == Stage::Stepping && verdicts.abort.is_none() && verdicts.inconclusive {
        entry.cursor.pause_as_inconclusive(&release);
    }
    let is_free = !release.spec().paused
        && !unfit
        && !entry.cursor.is_inconclusive()
        && verdicts.abort.is_none();
    match strategy {
        Strategy::Canary(_) if entry.stage == Stage::Stepping && is_free => {
            entry.cursor.advance(&release, verdicts.step_passed);
        }
        Strategy::Canary(_) => {}
        Strategy::BlueGreen(_) => {
            entry.gate = Some(blue_green::advance(&release, &mut entry, is_free));
        }
    }
    let restart = restart::look(&release, entry.new_template);
    let runs = analysis::runs(&release, &entry, &prospects);
    let promoted = if unfit && entry.stage == Stage::Stepping || verdicts.abort.is_some() {
        None
    } else {
        promotion(&release, &entry)
    };
    let mut decision = Decision {
        entry: &entry,
        step_hash,
        promoted,
        abort_cause: None,
        runs: &runs,
        restart: &restart,
        unfit: &prospects.problems,
    };
    let mut status = status::compose(&release, &decision);

    // Has it failed, or run out of time?
    let (aborted, ended);
    let trouble = fail_fast::look(&release, &entry);
    let cause = verdicts.abort.or(trouble.cause);
    if let Some(cause) = cause.or_else(|| late(&release, &entry, &status)) {
        aborted = Entry {
            stage: Stage::Aborted,
            cursor: Cursor::at(0),
            just_aborted: true,
            gate: entry.gate.map(|_| Gate::Open),
            ..entry.clone()
        };
        ended = analysis::runs(&release, &aborted, &prospects);
        decision = Decision {
            entry: &aborted,
            abort_cause: Some(cause),
            promoted: None,
            runs: &ended,
            ..decision
        };
        status = status::compose(&release, &decision);
    }

    // What moves?
    let (mut moves, switches) = actions(&release, &decision, &status);
    let dressing = ephemeral::look(&release);
    moves.actions.extend(dressing.actions);
    restart.act(&mut moves.actions);
    let mut reasons = status::stage_reasons(&release, &decision, &status, &switches.waiting);
    restart.tell(&status, &mut reasons);
    let standstill = standstill::look(&release, &status, &reasons);
    reasons.extend(standstill.reason);
    let planned = moves.actions.len();
    let plan = finish(&release, &decision, status, moves, reasons);
    let (endpoints, again) = blue_green::needs(&release, decision.entry.gate);
    let (looks, look_again) = routed::needs(&release, decision.entry);
    let needs =
        trouble.needs.into_iter().chain(endpoints).chain(restart.needs).chain(dressing.needs);
    let needs = needs.chain(standstill.needs).chain(looks);
    let wake = plan.wake.sooner(look_again).sooner(trouble.wake).sooner(again).sooner(restart.wake);
    let wake = wake.sooner(standstill.wake);
    Plan {
        needs: needs.collect(),
        wake: wake.sooner(dressing.wake),
        settled_metadata: if plan.actions.len() < planned {
            BTreeMap::new()
        } else {
            dressing.settled
        },
        ..plan
    }
}

/// Why the new version becomes the stable one now, if it does (I16).
fn promotion(release: &Release<'_>, entry: &Entry) -> Option<String> {
    if let Some(gate) = entry.gate {
        return blue_green::promotion(release, entry, gate);
    }
    let whole = release.new.record().is_some() && release.new.available() >= release.replicas;
    // Inconclusive, it waits for a person to say how it goes on, past the last step as well.
    if !whole || release.spec().paused || entry.cursor.is_inconclusive() {
        return None;
    }
    let all_steps_done = entry.cursor.index >= release.step_count();
    if entry.stage == Stage::Stepping && analysis::is_unmeasured(release, entry.cursor.index) {
        return None;
    }
    let is_short =
        release.routing.as_ref().is_some_and(|routing| !routed::is_at_full(release, routing));
    if is_short && entry.stage != Stage::Initial {
        return None;
    }
    match entry.stage {
        Stage::Initial => Some("Initial deploy".to_owned()),
        Stage::Promoting if services::stable_is_on_new(release) => {
            Some("Full promotion requested".to_owned())
        }
        Stage::Stepping if all_steps_done && services::stable_is_on_new(release) => {
            Some(format!("Completed all {} canary steps", release.step_count()))
        }
        Stage::Promoting | Stage::Stepping | Stage::Steady | Stage::Aborted => None,
    }
}

/// The words for an abort by the deadline, where the Rollout wants one.
///
/// Never of a version that is stable: there is none to go back to (argo-rollouts leaves such a
/// status behind where pods of a finished release were late).
fn late(release: &Release<'_>, entry: &Entry, status: &RolloutStatus) -> Option<String> {
    if entry.stage == Stage::Steady {
        return None;
    }
    let progressing = conditions::get(status, kinds::PROGRESSING)?;
    let late = progressing.reason == reasons::TIMED_OUT && release.spec().progress_deadline_abort;
    late.then(|| progressing.message.clone())
}

fn actions(
    release: &Release<'_>,
    decision: &Decision<'_>,
    status: &RolloutStatus,
) -> (Moves, Switches) {
    // What was promoted is steady from here on.
    let stage = if decision.promoted.is_some() { Stage::Steady } else { decision.entry.stage };
    let (mut moves, mut switches) = towards(release, decision.entry, stage, status);
    moves.actions.append(&mut switches.actions);
    if stage == Stage::Aborted {
        // Nobody waits for it: should it be refused, all else has been done.
        moves.actions.sort_by_key(|action| matches!(action, Action::CreateReplicaSet { .. }));
    }
    moves.actions.extend(workload::scale_down(release, stage, &moves.asked, status));
    moves.actions.extend(services::releases(release));
    // What is measured comes before what is cleared away: a refusal ends a pass.
    moves.actions.extend(decision.runs.actions.iter().cloned());
    moves.actions.extend(routed::cleared(release, stage, &decision.entry.cursor));
    moves.actions.extend(history::deletions(release));
    moves.actions.extend(analysis::deletions(release, decision.runs));
    (moves, switches)
}

/// Whether an action ends a run that the status names.
fn ends_what_counts(release: &Release<'_>, action: &Action) -> bool {
    matches!(action, Action::TerminateRun { name, .. }
        if analysis::recorded(release.status()).any(|(_, run)| run.name == *name))
}

/// What brings pods and Services nearer to where this stage has them.
pub(crate) fn towards(
    release: &Release<'_>,
    entry: &Entry,
    stage: Stage,
    status: &RolloutStatus,
) -> (Moves, Switches) {
    let routed = services::routed(release);
    if let Some(routing) = &release.routing {
        let moves = routed::moves(release, routing, stage, &entry.cursor, &routed);
        let mut switches = routed::switches(release, routing, stage, &entry.cursor, &moves.asked);
        let course = routed::course(release, routing, stage, &entry.cursor);
        switches.actions.extend(routed::actions(routing, &course));
        return (moves, switches);
    }
    if let Some(gate) = entry.gate {
        let (moves, leaves) = blue_green::moves(release, entry, stage, gate, &routed);
        let switches = blue_green::switches(release, stage, gate, &moves.asked, leaves);
        return (moves, switches);
    }
    let moves = scale::moves(release, stage, &entry.cursor, &routed, status);
    let switches = services::switches(release, stage, &entry.cursor, &moves.asked);
    (moves, switches)
}

fn finish(
    release: &Release<'_>,
    decision: &Decision<'_>,
    mut status: RolloutStatus,
    moves: Moves,
    mut reasons: Vec<Reason>,
) -> Plan {
    let Moves { mut actions, wake, .. } = moves;
    let mut wake = wake.sooner(decision.entry.cursor.wake);
    if let Some(deadline) = status::deadline(release, decision.entry, &status) {
        wake = wake.sooner(Wake::At(deadline.to_chrono()));
    }
    let taken = [FailureKind::NameTaken, FailureKind::RunNameTaken];
    if let Some(failure) = &release.snapshot.failure
        && !taken.contains(&failure.kind)
    {
        reasons.insert(
            0,
            Reason::Refused { action: failure.action.clone(), message: failure.message.clone() },
        );
    }
    let taken_back = own_fields::pace(release.snapshot, release.revision, &mut actions);
    reasons.extend(taken_back.reasons);
    wake = wake.sooner(taken_back.wake);
    status::say_ready(&mut status, release.now, &reasons);
    let mut transitions = news::transitions(release, decision, &status);
    transitions.extend(standstill::news(release, decision.entry, &status, &reasons));
    let urgency = status::urgency(release.status(), &status);
    // What was decided once and for all is written down before it is acted on: whoever goes on
    // from here would else have to find the same, of pods that have moved since.
    let written_first = urgency.is_some() && decision.is_final(release.status());
    if release.snapshot.failure.is_some() || written_first {
        actions.clear();
    }
    // A run that the status still names is ended once it does not: should that be taken back before
    // it is written, a run that was ended would be taken for a success.
    if urgency.is_some() {
        actions.retain(|action| !ends_what_counts(release, action));
    }
    Plan {
        actions,
        transitions: if urgency.is_some() { transitions } else { Vec::new() },
        status: urgency.map(|urgency| StatusWrite { status, urgency }),
        needs: Needs::new(),
        settled_metadata: BTreeMap::new(),
        wake,
        reasons,
    }
}
