use super::*;

fn rollout(spec: Value, status: Value) -> Value {
    json!({"metadata": {"generation": 3}, "spec": spec, "status": status})
}

fn enabled(rollout: &Value) -> Vec<Action> {
    Action::ALL.into_iter().filter(|action| action.is_enabled(rollout)).collect()
}

fn canary() -> Value {
    json!({"strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}})
}

#[test]
fn the_phase_counts_once_the_spec_is_observed() {
    for (observed, phase, expected) in [
        (json!("3"), "Healthy", Health::Healthy),
        (json!(3), "Paused", Health::Suspended),
        (json!("2"), "Healthy", Health::Progressing),
        (json!(2), "Degraded", Health::Progressing),
        // What versions before 0.10 left there.
        (json!("7d9f"), "Degraded", Health::Degraded),
        (json!("4"), "Healthy", Health::Healthy),
    ] {
        let status = json!({"observedGeneration": observed, "phase": phase, "message": "m"});
        let (health, message) = super::health(&rollout(canary(), status));
        assert_eq!(health, expected, "{observed} {phase}");
        let waits = expected == Health::Progressing;
        assert_eq!(message, if waits { NOT_OBSERVED } else { "m" });
    }
    assert_eq!(health(&rollout(canary(), Value::Null)).0, Health::Progressing);
}

#[test]
fn a_workload_has_to_be_observed_too() {
    for (mark, seen, expected) in [
        (json!("2"), json!("2"), Health::Healthy),
        (json!("3"), json!("2"), Health::Progressing),
        (json!("3"), json!(3), Health::Healthy),
        (Value::Null, json!("2"), Health::Healthy),
    ] {
        let mut rollout = rollout(
            json!({"workloadRef": {"kind": "Deployment", "name": "web"}}),
            json!({"observedGeneration": "3", "phase": "Healthy",
                "workloadObservedGeneration": seen}),
        );
        rollout["metadata"]["annotations"] =
            json!({"rollout.argoproj.io/workload-generation": mark});
        assert_eq!(health(&rollout).0, expected, "{mark} {seen}");
    }
}

#[test]
fn a_status_without_a_phase_is_read_closely() {
    let whole = json!({"currentPodHash": "b", "stableRS": "b", "replicas": 2,
        "updatedReplicas": 2, "availableReplicas": 2});
    let with = |fields: Value| {
        let mut status = whole.clone();
        for (field, value) in fields.as_object().into_iter().flatten() {
            status[field] = value.clone();
        }
        let mut spec = canary();
        spec["replicas"] = json!(2);
        health(&rollout(spec, status)).0
    };
    let condition =
        |kind: &str, reason: &str| json!({"conditions": [{"type": kind, "reason": reason}]});
    assert_eq!(with(json!({})), Health::Healthy);
    assert_eq!(with(json!({"stableRS": "a"})), Health::Progressing);
    assert_eq!(with(json!({"replicas": 3})), Health::Progressing);
    assert_eq!(with(json!({"availableReplicas": 1})), Health::Progressing);
    assert_eq!(with(json!({"currentPodHash": null})), Health::Progressing);
    assert_eq!(with(json!({"pauseConditions": [{}]})), Health::Suspended);
    assert_eq!(with(condition("InvalidSpec", "")), Health::Degraded);
    assert_eq!(with(condition("Progressing", "RolloutAborted")), Health::Degraded);
    assert_eq!(with(condition("Progressing", "ReplicaSetUpdated")), Health::Healthy);
    let blue_green = json!({"replicas": 2, "strategy": {"blueGreen": {}}});
    assert_eq!(health(&rollout(blue_green.clone(), whole.clone())).0, Health::Progressing);
    let mut switched = whole;
    switched["blueGreen"] = json!({"activeSelector": "b"});
    assert_eq!(health(&rollout(blue_green, switched)).0, Health::Healthy);
}

#[test]
fn actions_are_offered_by_what_can_be_done() {
    let healthy = json!({"currentPodHash": "a", "stableRS": "a", "currentStepIndex": 2});
    assert_eq!(enabled(&rollout(canary(), healthy)), [Action::Restart]);
    let paused = json!({"currentPodHash": "b", "stableRS": "a", "currentStepIndex": 1,
        "observedGeneration": "3", "pauseConditions": [{"reason": "CanaryPauseStep"}]});
    let offered = [
        Action::Restart,
        Action::Resume,
        Action::Abort,
        Action::Pause,
        Action::PromoteFull,
        Action::SkipCurrentStep,
    ];
    assert_eq!(enabled(&rollout(canary(), paused.clone())), offered);
    let mut aborted = paused;
    aborted["abort"] = json!(true);
    aborted["pauseConditions"] = Value::Null;
    let offered = [Action::Restart, Action::Retry, Action::PromoteFull, Action::SkipCurrentStep];
    assert_eq!(enabled(&rollout(canary(), aborted)), offered);
}

#[test]
fn versions_before_0_10_promote_no_blue_green_at_once() {
    let blue_green = json!({"strategy": {"blueGreen": {}}});
    for (observed, expected) in [(json!("3"), true), (json!("4"), false), (json!("7d9f"), false)] {
        let status =
            json!({"currentPodHash": "b", "stableRS": "a", "observedGeneration": observed});
        let rollout = rollout(blue_green.clone(), status);
        assert_eq!(Action::PromoteFull.is_enabled(&rollout), expected, "{observed}");
    }
}

#[test]
fn actions_write_the_status_first() {
    let mut spec = canary();
    spec["paused"] = json!(true);
    let status = json!({"pauseConditions": [{}], "currentStepIndex": 1, "abort": true});
    let rollout = rollout(spec, status);
    let now = "2026-11-21T07:28:07Z";
    for (action, expected) in [
        (Action::Restart, vec![(None, json!({"spec": {"restartAt": now}}))]),
        (
            Action::Resume,
            vec![
                (Some("status"), json!({"status": {"pauseConditions": null}})),
                (None, json!({"spec": {"paused": false}})),
            ],
        ),
        (Action::Retry, vec![(Some("status"), json!({"status": {"abort": null}}))]),
        (Action::PromoteFull, vec![(Some("status"), json!({"status": {"promoteFull": true}}))]),
        (
            Action::SkipCurrentStep,
            vec![(
                Some("status"),
                json!({"status": {"pauseConditions": null, "currentStepIndex": 2}}),
            )],
        ),
        // It is so already.
        (Action::Abort, vec![]),
        (Action::Pause, vec![]),
    ] {
        assert_eq!(action.patches(&rollout, now), expected, "{action:?}");
    }
}
