//! What is shown of AnalysisRuns, and what `why` says of a Rollout that is being measured, as
//! snapshots.
#![allow(clippy::unwrap_used)]

mod common;

use common::world::*;
use common::{objects_of, recorded_items};
use kubectl_argo_rollouts::view::colour::Palette;
use kubectl_argo_rollouts::view::why::{self, Situation, Why};
use kubectl_argo_rollouts::view::{Objects, RolloutView, RunView, header, run, tree};
use serde_json::{Value, json};
use sluice_crd::analysis::AnalysisRun;
use sluice_crd::time::Time;

const RUN: &str = "web-76c8df8f9f-2-1";

/// The metric that all is about.
fn metric() -> Value {
    json!({
        "name": "success-rate", "interval": "30s", "count": "{{args.count}}", "failureLimit": 1,
        "successCondition": "len(result) > 0 && result[0] >= 0.95",
        "provider": {"prometheus": {"query": "rate{service=\"{{args.service}}\"}"}},
    })
}

fn measured(age: i64, phase: &str, value: &str, decided: &str) -> Value {
    let clause = "result[0] >= 0.95";
    let condition = "successCondition: len(result) > 0 && result[0] >= 0.95";
    json!({
        "phase": phase, "value": format!("[{value}]"), "startedAt": ago(age), "finishedAt": ago(age),
        "metadata": {"decided": decided, "clause": clause, "condition": condition},
    })
}

/// A run of the Rollout `web`, of these metrics, with this status.
fn of_web(name: &str, kind: &str, metrics: Value, status: Value) -> AnalysisRun {
    let args = json!([
        {"name": "service", "value": "shop"}, {"name": "count", "value": "5"},
        {"name": "token", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]);
    let run = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
        "metadata": {
            "name": name, "namespace": "shop", "uid": name, "creationTimestamp": ago(80),
            "labels": {"rollout-type": kind, "step-index": "1", "rollouts-pod-template-hash": NEW},
            "annotations": {"rollout.argoproj.io/revision": "2"},
            "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
                "name": "web", "uid": "r", "controller": true}],
        },
        "spec": {"args": args, "metrics": metrics},
        "status": status,
    });
    serde_json::from_value(run).unwrap()
}

fn running() -> Value {
    json!({
        "phase": "Running", "startedAt": ago(78),
        "metricResults": [{
            "name": "success-rate", "phase": "Running", "count": 2, "successful": 1, "failed": 1,
            "consecutiveSuccess": 1,
            "metadata": {"ResolvedPrometheusQuery": "rate{service=\"shop\"}"},
            "measurements": [
                measured(48, "Failed", "0.94", "0.94 < 0.95"),
                measured(18, "Successful", "0.97", "0.97 >= 0.95"),
            ],
        }],
    })
}

fn failed() -> Value {
    json!({
        "phase": "Failed", "startedAt": ago(78), "completedAt": ago(18),
        "message": "Metric \"success-rate\" assessed Failed due to failed (2) > failureLimit (1)",
        "metricResults": [
            {
                "name": "success-rate", "phase": "Failed", "count": 3, "successful": 1, "failed": 2,
                "metadata": {"ResolvedPrometheusQuery": "rate{service=\"shop\"}"},
                "measurements": [
                    measured(78, "Successful", "0.97", "0.97 >= 0.95"),
                    measured(48, "Failed", "0.94", "0.94 < 0.95"),
                    measured(18, "Failed", "0.93", "0.93 < 0.95"),
                ],
            },
            {
                "name": "errors", "phase": "Error", "dryRun": true, "error": 5, "consecutiveError": 5,
                "message": "Metric assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4)",
                "measurements": [{"phase": "Error", "startedAt": ago(20), "finishedAt": ago(18),
                    "message": "GET http://errors:9090/api: cannot connect: connection refused"}],
            },
            {
                "name": "smoke", "phase": "Successful", "count": 1, "successful": 1,
                "measurements": [{"phase": "Successful", "startedAt": ago(78), "finishedAt": ago(70),
                    "metadata": {"job-name": "4f1c.smoke.1", "job-namespace": "shop"}}],
            },
        ],
    })
}

fn three_metrics() -> Value {
    json!([
        metric(),
        {"name": "errors", "interval": "10s", "failureCondition": "result > {{args.token}}",
            "provider": {"web": {"url": "http://errors:9090/api"}}},
        {"name": "smoke", "provider": {"job": {"spec": {}}}},
        {"name": "later", "initialDelay": "10m", "provider": {"prometheus": {"query": "up"}}},
    ])
}

fn shown(run: &AnalysisRun, now: Time) -> String {
    run::lines(&RunView::new(run, now), Palette::PLAIN).join("\n")
}

#[test]
fn a_run_that_has_failed() {
    let run = of_web(RUN, "Step", three_metrics(), failed());
    insta::assert_snapshot!("run_failed", shown(&run, now()));
    let view = RunView::new(&run, now());
    assert_eq!(view.jobs().collect::<Vec<_>>(), ["4f1c.smoke.1"]);
}

#[test]
fn a_run_that_goes_on() {
    let mut run = of_web(RUN, "Background", json!([metric()]), running());
    insta::assert_snapshot!("run_running", shown(&run, now()));
    run.spec.terminate = true;
    assert!(shown(&run, now()).contains("Next:            nothing: it is being ended"));
    run.status = None;
    run.spec.terminate = false;
    let begins = shown(&run, now());
    assert!(begins.contains("Status:          ◷ Pending\n"), "{begins}");
    assert!(begins.contains("Next:            a measurement is due, or under way\n"), "{begins}");
}

/// One that Argo Rollouts carried out has no evidence: values and phases are shown.
#[test]
fn a_run_of_argo_rollouts() {
    let runs: Vec<AnalysisRun> = recorded_items("analysisruns.yaml");
    let now = Time::parse("2026-11-21T07:29:49Z").unwrap();
    insta::assert_snapshot!("run_recorded", shown(&runs[0], now));
}

/// A canary at its second step, which is an analysis.
fn at_the_analysis(status: Value, runs: Vec<AnalysisRun>) -> Objects {
    let mut status = status;
    for (key, value) in [
        ("observedGeneration", json!("2")),
        ("replicas", json!(4)),
        ("updatedReplicas", json!(1)),
        ("readyReplicas", json!(4)),
        ("availableReplicas", json!(4)),
    ] {
        status[key] = value;
    }
    let mut world = canary(status).set(OLD, 1, 3, 3).set(NEW, 2, 1, 1);
    world.rollout["spec"]["strategy"]["canary"] = json!({
        "analysis": {"templates": [{"templateName": "errors"}]},
        "steps": [{"setWeight": 25}, {"analysis": {"templates": [{"templateName": "success-rate"}]}},
            {"setWeight": 75}],
    });
    Objects { analysis_runs: runs, ..world.objects() }
}

fn answer(objects: &Objects) -> String {
    why::lines(&Why::new(objects, now()), Palette::PLAIN).join("\n")
}

fn recorded_run(name: &str, phase: &str, message: &str) -> Value {
    json!({"name": name, "status": phase, "message": message})
}

/// A step that is an analysis, and one in the background.
#[test]
fn why_it_is_measured() {
    let status = json!({
        "phase": "Progressing", "message": "more replicas need to be updated",
        "currentStepIndex": 1,
        "canary": {
            "currentStepAnalysisRunStatus": recorded_run(RUN, "Running", ""),
            "currentBackgroundAnalysisRunStatus": recorded_run("web-76c8df8f9f-2", "Running", ""),
        },
        "conditions": [
            condition("Progressing", "True", 80, "ReplicaSetUpdated", "ReplicaSet is progressing."),
            condition("Ready", "False", 80, "AnalysisUnderWay",
                "step 2/3 (analysis: success-rate): AnalysisRun web-76c8df8f9f-2-1 is Running since \
                 2026-11-21T07:28:40Z; the step is over when it is Successful, the release is aborted \
                 when it has failed, and paused when it cannot tell"),
        ],
    });
    let background = of_web(
        "web-76c8df8f9f-2",
        "Background",
        three_metrics(),
        json!({
            "phase": "Running", "startedAt": ago(78), "metricResults": [],
        }),
    );
    let step = of_web(RUN, "Step", json!([metric()]), running());
    let objects = at_the_analysis(status.clone(), vec![background, step]);
    insta::assert_snapshot!("why_measuring", answer(&objects));
    // A user who may not see AnalysisRuns still sees what the Rollout says of them.
    let answer = answer(&at_the_analysis(status, Vec::new()));
    assert!(answer.contains("Analysis  AnalysisRun web-76c8df8f9f-2-1: ◌ Running\n"), "{answer}");
}

#[test]
fn why_it_cannot_tell() {
    let message = "Metric \"success-rate\" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0)";
    let status = json!({
        "phase": "Paused", "message": "InconclusiveAnalysisRun", "currentStepIndex": 1,
        "controllerPause": true,
        "pauseConditions": [{"reason": "InconclusiveAnalysisRun", "startTime": ago(18)}],
        "canary": {"currentStepAnalysisRunStatus": recorded_run(RUN, "Inconclusive", message)},
        "conditions": [condition("Ready", "False", 18, "Paused",
            "paused since 2026-11-21T07:29:42Z (InconclusiveAnalysisRun; AnalysisRun \
             web-76c8df8f9f-2-1: Metric \"success-rate\" assessed Inconclusive due to inconclusive \
             (1) > inconclusiveLimit (0)) until somebody promotes or aborts (kubectl argo rollouts \
             promote|abort web)")],
    });
    let run = of_web(
        RUN,
        "Step",
        json!([metric()]),
        json!({
            "phase": "Inconclusive", "message": message, "completedAt": ago(18),
            "metricResults": [{"name": "success-rate", "phase": "Inconclusive", "count": 1,
                "inconclusive": 1,
                "measurements": [measured(18, "Inconclusive", "0.93", "0.93 < 0.95; 0.93 >= 0.9")]}],
        }),
    );
    insta::assert_snapshot!("why_inconclusive", answer(&at_the_analysis(status, vec![run])));
}

/// After an abort the status names no run any more: the one that failed is found all the same.
#[test]
fn why_an_analysis_aborted_it() {
    let cause = "Step-based analysis phase error/failed: Metric \"success-rate\" assessed Failed due \
                 to failed (2) > failureLimit (1)";
    let aborted = format!("Rollout aborted update to revision 2: {cause}");
    let status = json!({
        "phase": "Degraded", "message": format!("RolloutAborted: {aborted}"), "abort": true,
        "abortedAt": ago(18), "currentStepIndex": 0,
        "conditions": [
            condition("Progressing", "False", 18, "RolloutAborted", &aborted),
            condition("Ready", "False", 18, "RolloutAborted", &format!(
                "revision 2 was aborted at 2026-11-21T07:29:42Z: {cause}; stable version at 3 of 4 \
                 pods; ends with another template, or kubectl argo rollouts retry rollout web")),
        ],
    });
    let run = of_web(RUN, "Step", three_metrics(), failed());
    let older = of_web("web-older", "Step", json!([metric()]), json!({"phase": "Error"}));
    let objects = at_the_analysis(status.clone(), vec![older, run]);
    insta::assert_snapshot!("why_aborted_by_analysis", answer(&objects));
    // An abort by somebody is not laid on a run that failed before.
    let mut by_hand = objects.clone();
    let conditions = &mut by_hand.rollout.status.as_mut().unwrap().conditions;
    conditions[0].message = "Rollout aborted update to revision 2".to_owned();
    assert_eq!(Why::new(&by_hand, now()).analyses, []);
}

#[test]
fn why_argo_rollouts_aborted_it() {
    let now = Time::parse("2026-11-21T07:29:49Z").unwrap();
    let why = Why::new(&objects_of("canary-analysis-failed"), now);
    assert_eq!(why.analyses.len(), 1);
    assert_eq!(
        why.analyses[0].evidence,
        ["Job fbfd5d2e-4492-4caf-8089-0d7547d737ea.smoke.1 is Failed (smoke, 1st of 1, limit 0)"]
    );
}

/// A template that is gone in mid-update: nothing goes on, and nothing is lost.
#[test]
fn why_it_does_not_fit() {
    let message = "spec.strategy.canary.steps[1].analysis.templates: AnalysisTemplate \
                   \"success-rate\" does not exist in this namespace";
    let status = json!({
        "phase": "Degraded", "message": format!("InvalidSpec: {message}"), "currentStepIndex": 1,
        "conditions": [
            condition("InvalidSpec", "True", 75, "InvalidReference", message),
            condition("Ready", "False", 75, "InvalidSpec", message),
            condition("Stalled", "True", 75, "InvalidSpec", message),
        ],
    });
    let mut objects = at_the_analysis(status, Vec::new());
    insta::assert_snapshot!("why_unfit", answer(&objects));
    // An abort is not in the way of that.
    objects.rollout.status.as_mut().unwrap().abort = true;
    assert_eq!(Why::new(&objects, now()).situation, Situation::Aborted);
}

/// The tree of `get rollout` has the runs and their Jobs below the update that they judge.
#[test]
fn runs_in_the_tree() {
    let status = json!({"phase": "Degraded", "abort": true, "currentStepIndex": 0});
    let run = of_web(RUN, "Step", three_metrics(), failed());
    let background = of_web("web-76c8df8f9f-2", "Background", json!([metric()]), running());
    let view = RolloutView::new(&at_the_analysis(status, vec![run, background]), now());
    let mut lines = header::lines(&view, Palette::PLAIN);
    lines.extend(tree::lines(&view, Palette::PLAIN));
    insta::assert_snapshot!("tree_with_runs", lines.join("\n"));
}
