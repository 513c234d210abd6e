//! Every text over several states of a Rollout, as snapshots.
#![allow(clippy::unwrap_used)]

mod common;

use common::objects_of;
use common::world::*;
use kubectl_argo_rollouts::view::colour::Palette;
use kubectl_argo_rollouts::view::list::{Row, Shape, Table};
use kubectl_argo_rollouts::view::why::{self, Why};
use kubectl_argo_rollouts::view::{Objects, RolloutView, header, tree};
use proptest::prelude::*;
use serde_json::json;
use sluice_crd::time::Time;

/// What `get`, `list`, `status` and `why` print.
fn texts(objects: &Objects, now: Time) -> String {
    let view = RolloutView::new(objects, now);
    let mut lines = vec!["$ get rollout".to_owned()];
    lines.extend(header::lines(&view, Palette::PLAIN));
    lines.push(String::new());
    lines.extend(tree::lines(&view, Palette::PLAIN));
    lines.extend(["", "$ list rollouts"].map(str::to_owned));
    lines.extend(Table::new(Shape::default()).with_head(&[Row::of(&objects.rollout)], now));
    lines.extend(["", "$ status"].map(str::to_owned));
    lines.push(view.phase.line());
    lines.extend(["", "$ why"].map(str::to_owned));
    lines.extend(why::lines(&Why::new(objects, now), Palette::PLAIN));
    lines.join("\n")
}

fn snapshot(name: &str, world: World) {
    insta::assert_snapshot!(name, texts(&world.objects(), now()));
}

#[test]
fn healthy() {
    let status = json!({
        "phase": "Healthy", "observedGeneration": "2", "currentStepIndex": 6,
        "currentPodHash": NEW, "stableRS": NEW,
        "replicas": 4, "updatedReplicas": 4, "readyReplicas": 4, "availableReplicas": 4,
        "conditions": [
            condition("Healthy", "True", 900, "RolloutHealthy", "Rollout is healthy"),
            condition("Ready", "True", 900, "RolledOut",
                "revision 2 is rolled out, 4 of 4 pods available"),
        ],
    });
    let world = canary(status).set(OLD, 1, 0, 0).set(NEW, 2, 4, 4);
    snapshot("healthy", world.pod(NEW, "zqwhm", 1000, serves()).pod(NEW, "4fzkl", 1000, serves()));
}

#[test]
fn paused_at_a_step() {
    let status = json!({
        "phase": "Paused", "message": "CanaryPauseStep", "observedGeneration": "2",
        "currentStepIndex": 1, "controllerPause": true,
        "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": ago(12)}],
        "replicas": 4, "updatedReplicas": 1, "readyReplicas": 4, "availableReplicas": 4,
        "conditions": [
            condition("Progressing", "Unknown", 12, "RolloutPaused", "Rollout is paused"),
            condition("Ready", "False", 12, "PausedAtStep",
                "step 2/6 (pause: 30s): paused since 2026-11-21T07:29:48Z until 2026-11-21T07:30:18Z"),
        ],
    });
    let world = canary(status).set(OLD, 1, 3, 3).set(NEW, 2, 1, 1);
    let world = world.pod(NEW, "zqwhm", 40, serves()).pod(OLD, "4fzkl", 5000, serves());
    snapshot("paused_at_a_step", world);
}

/// The same without the condition that Sluice adds, at a pause without an end.
#[test]
fn paused_by_argo_rollouts() {
    let status = json!({
        "phase": "Paused", "message": "CanaryPauseStep", "observedGeneration": "2",
        "currentStepIndex": 4, "controllerPause": true,
        "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": ago(7200)}],
        "replicas": 5, "updatedReplicas": 3, "readyReplicas": 5, "availableReplicas": 5,
    });
    snapshot("paused_by_argo_rollouts", canary(status).set(OLD, 1, 2, 2).set(NEW, 2, 3, 3));
}

#[test]
fn aborted() {
    let status = json!({
        "phase": "Degraded", "observedGeneration": "2", "currentStepIndex": 0, "abort": true,
        "message": "RolloutAborted: Rollout aborted update to revision 2: ReplicaSet \"web-76c8df8f9f\" has timed out progressing.",
        "abortedAt": ago(300),
        "replicas": 4, "updatedReplicas": 0, "readyReplicas": 3, "availableReplicas": 3,
        "conditions": [
            condition("Progressing", "False", 300, "RolloutAborted",
                "Rollout aborted update to revision 2: ReplicaSet \"web-76c8df8f9f\" has timed out progressing."),
            condition("Ready", "False", 300, "RolloutAborted",
                "revision 2 was aborted at 2026-11-21T07:25:00Z: ReplicaSet \"web-76c8df8f9f\" has timed out progressing; \
                 stable version at 3 of 4 pods; ends with another template, or kubectl argo rollouts retry rollout web"),
        ],
    });
    let world = canary(status).set(OLD, 1, 4, 3).set(NEW, 2, 0, 0);
    snapshot(
        "aborted",
        world.pod(OLD, "4fzkl", 5000, serves()).pod(OLD, "fresh", 20, unscheduled()),
    );
}

/// A version that crashes, before its deadline; Sluice says so in `Ready`.
#[test]
fn crashing() {
    let status = json!({
        "phase": "Progressing", "message": "more replicas need to be updated",
        "observedGeneration": "2", "currentStepIndex": 0,
        "replicas": 5, "updatedReplicas": 1, "readyReplicas": 4, "availableReplicas": 4,
        "conditions": [
            condition("Progressing", "True", 128, "ReplicaSetUpdated", "ReplicaSet is progressing."),
            condition("Ready", "False", 128, "PodsNotAvailable",
                "step 1/6 (setWeight: 25): 0 of 1 new pods available (ReplicaSet web-76c8df8f9f); \
                 without progress the release is aborted at 2026-11-21T07:37:52Z"),
        ],
    });
    let mut world = canary(status).set(OLD, 1, 4, 4).set(NEW, 2, 1, 0);
    world.rollout["spec"]["progressDeadlineAbort"] = json!(true);
    snapshot(
        "crashing",
        world.pod(NEW, "zqwhm", 128, crashes(4)).pod(OLD, "4fzkl", 5000, serves()),
    );
}

/// A version in all kinds of trouble, past its deadline, looked after by Argo Rollouts.
#[test]
fn deadline_exceeded() {
    let status = json!({
        "phase": "Degraded", "observedGeneration": "2", "currentStepIndex": 2,
        "message": "ProgressDeadlineExceeded: ReplicaSet \"web-76c8df8f9f\" has timed out progressing.",
        "replicas": 7, "updatedReplicas": 6, "readyReplicas": 1, "availableReplicas": 1,
        "conditions": [condition("Progressing", "False", 60, "ProgressDeadlineExceeded",
            "ReplicaSet \"web-76c8df8f9f\" has timed out progressing.")],
    });
    let world = canary(status).set(OLD, 1, 1, 1).set(NEW, 2, 6, 0).but(|set| {
        set["status"]["conditions"] = json!([{"type": "ReplicaFailure", "status": "True",
            "message": "pods \"web-1\" is forbidden: exceeded quota: pods"}]);
    });
    let world = world
        .pod(NEW, "aaaaa", 128, crashes(4))
        .pod(NEW, "bbbbb", 127, lacks_image())
        .pod(NEW, "ccccc", 126, unscheduled())
        .pod(NEW, "ddddd", 125, goes())
        .pod(NEW, "eeeee", 124, crashes(3))
        .pod(NEW, "fffff", 123, crashes(2));
    snapshot("deadline_exceeded", world);
}

#[test]
fn invalid_spec() {
    let message =
        "spec.replicas: must be 0 or more, is -1; spec.strategy: canary or blueGreen is missing";
    let status = json!({
        "phase": "Degraded", "message": format!("InvalidSpec: {message}"), "observedGeneration": "2",
        "currentPodHash": OLD, "stableRS": OLD,
        "replicas": 4, "updatedReplicas": 4, "readyReplicas": 4, "availableReplicas": 4,
        "conditions": [
            condition("InvalidSpec", "True", 75, "InvalidSpec", message),
            condition("Ready", "False", 75, "InvalidSpec", message),
            condition("Stalled", "True", 75, "InvalidSpec", message),
        ],
    });
    snapshot("invalid_spec", canary(status).set(OLD, 1, 4, 4));
}

#[test]
fn held() {
    let message = "spec.strategy.canary.analysis: this version of the controller does not have this \
                   feature; nothing of this Rollout is changed until the field is removed or a \
                   version that has it is installed";
    let status = json!({
        "phase": "Degraded", "message": "UnsupportedFeature: spec.strategy.canary.analysis",
        "observedGeneration": "2", "currentStepIndex": 1,
        "replicas": 4, "updatedReplicas": 1, "readyReplicas": 4, "availableReplicas": 4,
        "conditions": [
            condition("Ready", "False", 3600, "UnsupportedFeature", message),
            condition("Stalled", "True", 3600, "UnsupportedFeature", message),
        ],
    });
    snapshot("held", canary(status).set(OLD, 1, 3, 3).set(NEW, 2, 1, 1));
}

/// Old pods make room while new ones come.
#[test]
fn in_mid_update() {
    let status = json!({
        "phase": "Progressing", "message": "more replicas need to be updated",
        "observedGeneration": 2, "currentStepIndex": 2,
        "replicas": 5, "updatedReplicas": 3, "readyReplicas": 4, "availableReplicas": 4,
        "conditions": [
            condition("Progressing", "True", 5, "ReplicaSetUpdated", "ReplicaSet is progressing."),
            condition("Ready", "False", 5, "PodsNotAvailable",
                "step 3/6 (setWeight: 75): 2 of 3 new pods available (ReplicaSet web-76c8df8f9f); \
                 without progress the release is reported as degraded at 2026-11-21T07:39:55Z; \
                 step 3/6 (setWeight: 75): ReplicaSet web-565dc5796b (stable) goes from 2 to 1 pods"),
        ],
    });
    let world = canary(status).set(OLD, 1, 1, 2).set(NEW, 2, 3, 2).but(|set| {
        set["metadata"]["annotations"]["scale-down-deadline"] = json!(ago(-30));
    });
    let world = world
        .pod(OLD, "4fzkl", 5000, serves())
        .pod(OLD, "zdbmx", 5000, goes())
        .pod(NEW, "aaaaa", 60, serves())
        .pod(NEW, "bbbbb", 5, json!({"phase": "Pending"}));
    snapshot("in_mid_update", world);
}

#[test]
fn paused_by_somebody() {
    let status = json!({
        "phase": "Paused", "message": "manually paused", "observedGeneration": "2",
        "currentStepIndex": 2,
        "replicas": 4, "updatedReplicas": 1, "readyReplicas": 4, "availableReplicas": 4,
        "conditions": [
            condition("Paused", "True", 600, "RolloutPaused", "Rollout is paused"),
            condition("Progressing", "Unknown", 600, "RolloutPaused", "Rollout is paused"),
            condition("Ready", "False", 600, "PausedByUser",
                "spec.paused is true: no step is taken until it is false (kubectl argo rollouts promote web)"),
        ],
    });
    let mut world = canary(status).set(OLD, 1, 3, 3).set(NEW, 2, 1, 1);
    world.rollout["spec"]["paused"] = json!(true);
    snapshot("paused_by_somebody", world);
}

#[test]
fn without_a_status() {
    snapshot("without_a_status", canary(json!(null)));
}

/// The spec has changed, the controller is away; its old words are out of date.
#[test]
fn without_a_controller() {
    let status = json!({
        "phase": "Healthy", "observedGeneration": "1", "currentPodHash": OLD, "stableRS": OLD,
        "replicas": 4, "updatedReplicas": 4, "readyReplicas": 4, "availableReplicas": 4,
        "conditions": [condition("Ready", "True", 900, "RolledOut", "revision 1 is rolled out")],
    });
    snapshot("without_a_controller", canary(status).set(OLD, 1, 4, 4));
}

/// Sluice has left its condition, and Argo Rollouts has gone on since.
#[test]
fn words_of_another_controller_are_not_repeated() {
    let status = json!({
        "phase": "Paused", "message": "CanaryPauseStep", "observedGeneration": "2",
        "currentStepIndex": 1, "controllerPause": true,
        "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": ago(12)}],
        "conditions": [condition("Ready", "False", 900, "PodsNotAvailable", "0 of 1 new pods available")],
    });
    let why = Why::new(&canary(status).objects(), now());
    assert_eq!(why.reasons, ["step 2/6 (pause: 30s): paused"]);
}

#[test]
fn a_first_deployment_takes_no_steps() {
    let status = json!({
        "phase": "Progressing", "message": "more replicas need to be updated",
        "observedGeneration": "2", "currentStepIndex": 6, "currentPodHash": NEW,
        "replicas": 4, "updatedReplicas": 4, "readyReplicas": 1, "availableReplicas": 1,
        "conditions": [condition("Progressing", "True", 30, "ReplicaSetUpdated", "")],
    });
    let world = canary(status).set(NEW, 1, 4, 1).pod(NEW, "aaaaa", 60, lacks_image());
    snapshot("a_first_deployment_takes_no_steps", world);
}

#[test]
fn blue_green() {
    let mut objects = objects_of("bluegreen-paused");
    let now = Time::parse("2026-11-21T07:29:49Z").unwrap();
    insta::assert_snapshot!("blue_green", texts(&objects, now));
    // With a switch that happens by itself.
    let strategy = objects.rollout.spec.strategy.blue_green.as_mut().unwrap();
    strategy.auto_promotion_enabled = None;
    strategy.auto_promotion_seconds = 300;
    let why = Why::new(&objects, now);
    assert_eq!(why.ends[0].at, Time::parse("2026-11-21T07:33:08Z").ok());
}

#[test]
fn failed_analysis() {
    let now = Time::parse("2026-11-21T07:29:49Z").unwrap();
    insta::assert_snapshot!("failed_analysis", texts(&objects_of("canary-analysis-failed"), now));
}

#[test]
fn an_analysis_that_goes_on_is_waited_for() {
    let status = json!({
        "phase": "Progressing", "message": "more replicas need to be updated",
        "observedGeneration": "2", "currentStepIndex": 0,
        "canary": {"currentStepAnalysisRunStatus": {"name": "web-76c8df8f9f-2-0", "status": "Running"}},
    });
    let mut world = canary(status);
    world.rollout["spec"]["strategy"]["canary"]["steps"] = json!([{"analysis": {"templates": [{"templateName": "success-rate"}]}}, {"pause": {"duration": 60}}]);
    let why = Why::new(&world.objects(), now());
    assert_eq!(
        why.reasons,
        ["step 1/2 (analysis: success-rate): AnalysisRun web-76c8df8f9f-2-0 goes on"]
    );
    // Nobody knows how long it takes, so nobody knows when the pause ends.
    assert_eq!(why.steps[1].not_before, None);
}

#[test]
fn colours_are_around_words_only() {
    let world = canary(json!({"phase": "Progressing", "observedGeneration": "2"}));
    let objects = world.set(OLD, 1, 4, 4).set(NEW, 2, 1, 0).pod(NEW, "a", 9, crashes(1)).objects();
    let view = RolloutView::new(&objects, now());
    let text = [header::lines(&view, Palette::COLOURED), tree::lines(&view, Palette::COLOURED)];
    insta::assert_snapshot!("colours", text.concat().join("\n").replace('\u{1b}', "^["));
}

proptest! {
    /// Whatever clients and controllers write into a status, something is shown.
    #[test]
    fn no_status_is_too_odd(
        index: i32,
        counts: [i32; 4],
        phase in prop::sample::select(vec!["Healthy", "Degraded", "Progressing", "Paused", "", "New"]),
        flags: [bool; 4],
        reason in prop::sample::select(vec![
            "RolloutAborted", "ProgressDeadlineExceeded", "ReplicaSetCreateError", "RolloutPaused", "",
        ]),
        pause in prop::option::of("CanaryPauseStep|BlueGreenPause|InconclusiveAnalysisRun|Odd"),
        seconds in -9_000_000_000_i64..9_000_000_000,
        duration in prop::sample::select(vec![json!("soon"), json!(-1), json!("30"), json!("292y"), json!(i32::MAX)]),
        sets in prop::array::uniform2((-2_i32..9, -2_i32..9)),
    ) {
        let [replicas, updated, ready, available] = counts;
        let [abort, paused, controller_pause, stable] = flags;
        let pauses: Vec<_> = pause.iter()
            .map(|reason| json!({"reason": reason, "startTime": ago(seconds)})).collect();
        let status = json!({
            "phase": phase, "currentStepIndex": index, "abort": abort, "abortedAt": ago(seconds),
            "controllerPause": controller_pause, "pauseConditions": pauses,
            "currentPodHash": NEW, "stableRS": if stable { OLD } else { NEW },
            "replicas": replicas, "updatedReplicas": updated, "readyReplicas": ready,
            "availableReplicas": available,
            "conditions": [condition("Progressing", "True", seconds, reason, "")],
        });
        let mut world = canary(status).set(OLD, 1, sets[0].0, sets[0].1).set(NEW, 2, sets[1].0, sets[1].1);
        world.rollout["spec"]["paused"] = json!(paused);
        world.rollout["spec"]["strategy"]["canary"]["steps"][1] = json!({"pause": {"duration": duration}});
        let world = world.pod(NEW, "a", seconds, crashes(i64::from(i32::MAX))).pod(NEW, "b", 9, json!({}));
        let text = texts(&world.objects(), now());
        prop_assert!(text.contains("$ why\nRollout web in namespace shop: "), "{text}");
        prop_assert!(text.contains("\nWhy       "), "{text}");
    }
}
