//! The promises are watched by something that can be trusted to bark: a policy that is broken on
//! purpose is caught by each check.
#![expect(clippy::unwrap_used, reason = "outside of a test function, clippy does not see a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sluice_crd::analysis::AnalysisPhase;
use sluice_crd::rollout::RolloutPhase;
use sluice_e2e::scenarios;
use sluice_e2e::under_test::Sluice;
use sluice_planner::{Action, Plan, Pods, Snapshot, StatusWrite, Urgency, Wake, plan};
use sluice_simulator::scenario::{Care, InMemory, Outcome, run};

/// Runs a scenario with plans spoilt by `spoil`.
fn with_policy(
    scenario: &str,
    policy: impl Fn(&Snapshot, Plan) -> Plan + Send + Sync + 'static,
) -> Outcome {
    let all = scenarios::all().unwrap();
    let named = all.iter().find(|named| named.name == scenario).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let backend = InMemory::new(1, &scenarios::crds().unwrap());
        let broken = Sluice::with_policy(Arc::new(move |s| policy(s, plan(s))));
        run(&named.scenario, &named.folder, &backend, &broken, Care::NotEvents).await
    })
}

fn assert_caught(outcome: &Outcome, promise: &str) {
    let marked = format!("{promise}: ");
    assert!(
        outcome.failures.iter().any(|failure| failure.contains(&marked)),
        "{promise} was not caught: {:?}",
        outcome.failures
    );
}

/// Every patch of a ReplicaSet that scales, scaled otherwise.
fn rescaled(mut plan: Plan, to: impl Fn(&str, Pods, Pods) -> Pods) -> Plan {
    for action in &mut plan.actions {
        if let Action::PatchReplicaSet { name, scale: Some((from, target)), .. } = action {
            *target = to(name, *from, *target);
        }
    }
    plan
}

#[test]
fn the_unbroken_policy_is_not_caught() {
    let outcome = with_policy("abort", |_, plan| plan);
    assert!(outcome.is_good(), "{:?}", outcome.failures);
}

#[test]
fn i1_scaling_down_what_serves_is_caught() {
    let outcome = with_policy("steps-with-timed-pauses", |_, plan| {
        rescaled(plan, |_, from, to| if to < from { Pods::ZERO } else { to })
    });
    assert_caught(&outcome, "I1");
}

#[test]
fn i2_selecting_a_version_that_does_not_serve_is_caught() {
    let outcome = with_policy("crashing-version", |s, mut plan| {
        let status = &s.rollout.status;
        let updating = status.current_pod_hash != status.stable_rs && !status.abort;
        for service in s.services.values().filter(|_| updating) {
            if service.hash() == Some(status.stable_rs.as_str()) {
                plan.actions.push(Action::SelectPods {
                    service: service.name.clone(),
                    resource_version: service.resource_version.clone(),
                    from: None,
                    to: status.current_pod_hash.clone(),
                    managed_by: s.rollout.name.clone(),
                    told: Vec::new(),
                });
            }
        }
        plan
    });
    assert_caught(&outcome, "I2");
}

#[test]
fn i3_emptying_what_a_service_selects_is_caught() {
    let outcome = with_policy("abort", |s, mut plan| {
        // Scale first, switch never.
        plan.actions.retain(|action| {
            !matches!(action, Action::SelectPods { .. }) || !s.rollout.status.abort
        });
        for rs in s
            .replica_sets
            .iter()
            .filter(|rs| s.rollout.status.abort && rs.hash == s.rollout.status.current_pod_hash)
        {
            if rs.desired > Pods::ZERO {
                plan.actions = vec![Action::PatchReplicaSet {
                    name: rs.name.clone(),
                    resource_version: rs.resource_version.clone(),
                    scale: Some((rs.desired, Pods::ZERO)),
                    min_ready_seconds: None,
                    annotations: Default::default(),
                    pod_metadata: Default::default(),
                    told: Vec::new(),
                }];
            }
        }
        plan
    });
    assert_caught(&outcome, "I3");
}

#[test]
fn i5_passing_an_analysis_step_without_its_verdict_is_caught() {
    let outcome = with_policy("step-passes", |s, mut plan| {
        let mut status = s.rollout.status.clone();
        let run = &mut status.canary.current_step_analysis_run_status;
        if run.as_ref().is_some_and(|run| run.status == AnalysisPhase::Running) {
            *run = None;
            status.current_step_index = status.current_step_index.map(|index| index + 1);
            plan.status = Some(StatusWrite { status, urgency: Urgency::Decision });
        }
        plan
    });
    assert_caught(&outcome, "I5");
}

#[test]
fn i14_two_runs_for_one_step_are_caught() {
    let outcome = with_policy("step-passes", |_, mut plan| {
        let mut twice = Vec::new();
        for action in plan.actions {
            if let Action::CreateAnalysisRun { name, manifest } = &action {
                let (name, mut manifest) = (format!("{name}.1"), manifest.clone());
                manifest["metadata"]["name"] = name.as_str().into();
                twice.push(Action::CreateAnalysisRun { name, manifest });
            }
            twice.push(action);
        }
        plan.actions = twice;
        plan
    });
    assert_caught(&outcome, "I14");
}

#[test]
fn i6_leaving_a_service_behind_after_an_abort_is_caught() {
    let outcome = with_policy("abort", |s, mut plan| {
        plan.actions.retain(|action| {
            !matches!(action, Action::SelectPods { to, .. }
                if s.rollout.status.abort && *to == s.rollout.status.stable_rs)
        });
        plan
    });
    assert_caught(&outcome, "I6");
}

#[test]
fn i7_raising_an_aborted_version_is_caught() {
    let outcome = with_policy("abort-at-a-pause", |s, mut plan| {
        let status = &s.rollout.status;
        let aborted = status.abort && status.aborted_at.is_some();
        for rs in s.replica_sets.iter().filter(|rs| aborted && rs.hash == status.current_pod_hash) {
            if rs.desired == Pods::ZERO && rs.replicas == Pods::ZERO {
                plan.actions.push(Action::PatchReplicaSet {
                    name: rs.name.clone(),
                    resource_version: rs.resource_version.clone(),
                    scale: Some((rs.desired, Pods::ONE)),
                    min_ready_seconds: None,
                    annotations: Default::default(),
                    pod_metadata: Default::default(),
                    told: Vec::new(),
                });
            }
        }
        plan
    });
    assert_caught(&outcome, "I7");
}

#[test]
fn i8_going_back_and_forth_is_caught() {
    let turn = AtomicU64::new(0);
    let outcome = with_policy("skip-before-a-timed-pause", move |s, mut plan| {
        let status = &s.rollout.status;
        let paused = !status.pause_conditions.is_empty();
        let stable = s.replica_sets.iter().find(|rs| paused && rs.hash == status.stable_rs);
        if let Some(rs) = stable
            && turn.load(Ordering::Relaxed) < 12
        {
            // One pod more, one pod less, as it comes.
            turn.fetch_add(1, Ordering::Relaxed);
            let to = if rs.desired > Pods(3) { Pods(3) } else { Pods(4) };
            plan.actions = vec![Action::PatchReplicaSet {
                name: rs.name.clone(),
                resource_version: rs.resource_version.clone(),
                scale: Some((rs.desired, to)),
                min_ready_seconds: None,
                annotations: Default::default(),
                pod_metadata: Default::default(),
                told: Vec::new(),
            }];
        }
        plan
    });
    assert_caught(&outcome, "I8");
}

#[test]
fn i16_a_stable_version_before_its_time_is_caught() {
    let outcome = with_policy("pause-until-promoted", |s, mut plan| {
        let status = &s.rollout.status;
        if !status.pause_conditions.is_empty() && status.current_pod_hash != status.stable_rs {
            let mut status = status.clone();
            status.stable_rs.clone_from(&status.current_pod_hash);
            plan.status = Some(StatusWrite { status, urgency: Urgency::Decision });
        }
        plan
    });
    assert_caught(&outcome, "I16");
}

#[test]
fn i25_a_scale_that_lies_is_caught() {
    let outcome = with_policy("steps-with-timed-pauses", |s, mut plan| {
        // What was counted first is told for ever.
        let before = &s.rollout.status;
        if let Some(write) = &mut plan.status {
            write.status.hpa_replicas = before.hpa_replicas;
        }
        plan.status = plan.status.filter(|write| write.status != *before);
        plan
    });
    assert_caught(&outcome, "I25");
}

#[test]
fn showing_what_is_not_so_is_caught() {
    let outcome = with_policy("steps-with-timed-pauses", |_, mut plan| {
        if let Some(write) = &mut plan.status
            && write.status.phase == Some(RolloutPhase::Paused)
        {
            write.status.phase = Some(RolloutPhase::Healthy);
        }
        plan
    });
    assert_caught(&outcome, "ArgoCD");
}

#[test]
fn a_flicker_is_caught() {
    let tick = AtomicBool::new(false);
    let outcome = with_policy("instance-id", move |s, mut plan| {
        let mut status = plan.status.map_or_else(|| s.rollout.status.clone(), |w| w.status);
        if status.stable_rs.is_empty() {
            plan.status = Some(StatusWrite { status, urgency: Urgency::Decision });
            return plan;
        }
        let odd = tick.fetch_xor(true, Ordering::Relaxed);
        status.phase = Some(if odd { RolloutPhase::Healthy } else { RolloutPhase::Progressing });
        plan.status = Some(StatusWrite { status, urgency: Urgency::Decision });
        plan.wake = Wake::At(s.now + chrono::TimeDelta::seconds(1));
        plan
    });
    assert_caught(&outcome, "ArgoCD");
}

#[test]
fn conditions_that_say_otherwise_are_caught() {
    let outcome = with_policy("abort-at-a-pause", |_, mut plan| {
        if let Some(write) = &mut plan.status {
            write.status.conditions.retain(|condition| condition.r#type != "Stalled");
        }
        plan
    });
    assert_caught(&outcome, "kstatus");
}

#[test]
fn leaving_what_argo_rollouts_does_not_expect_is_caught() {
    let outcome = with_policy("abort-at-a-pause", |_, mut plan| {
        if let Some(write) = &mut plan.status {
            write.status.aborted_at = None;
        }
        plan
    });
    assert_caught(&outcome, "Back");
}

#[test]
fn i19_writing_at_rest_is_caught() {
    let tick = AtomicBool::new(false);
    let outcome = with_policy("instance-id", move |s, mut plan| {
        let mut status = plan.status.map_or_else(|| s.rollout.status.clone(), |w| w.status);
        let odd = tick.fetch_xor(true, Ordering::Relaxed);
        status.message = if odd { "tick".to_owned() } else { "tock".to_owned() };
        plan.status = Some(StatusWrite { status, urgency: Urgency::Decision });
        plan.wake = Wake::At(s.now + chrono::TimeDelta::seconds(1));
        plan
    });
    assert_caught(&outcome, "I19");
}

#[test]
fn standing_still_in_silence_is_caught() {
    let outcome = with_policy("standing-still-probe", |_, mut plan| {
        if let Some(write) = &mut plan.status {
            for condition in &mut write.status.conditions {
                if condition.r#type == "Ready" {
                    condition.message = "please wait".to_owned();
                }
            }
        }
        plan
    });
    assert_caught(&outcome, "silence");
}
