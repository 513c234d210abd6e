//! What holds for every snapshot, however it came about: clients, crashes and other controllers
//! leave states behind that no scenario thinks of.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_crd::analysis::AnalysisPhase;
use sluice_crd::identity::template_digest;
use sluice_crd::rollout::RolloutStatus;
use sluice_crd::time::Time;
use sluice_planner::{
    Action, Pods, ReplicaSetRecord, RolloutRecord, RunRecord, ServiceRecord, Settings, Snapshot,
    TemplateRecord, Templates, names, plan,
};

fn now() -> DateTime<Utc> {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

/// The hashes of the versions: what is asked for is `a`.
const HASHES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
struct World {
    spec: Value,
    status: Value,
    generation: i64,
    /// Asked for, there, ready, available; `None` where the ReplicaSet does not exist.
    sets: [Option<[i64; 4]>; 3],
    services: [Option<usize>; 2],
    /// AnalysisRuns by name.
    runs: BTreeMap<String, RunRecord>,
    /// Whether the template of the analyses is there.
    template_exists: bool,
}

fn analysis() -> Value {
    json!({"templates": [{"templateName": "success-rate"}]})
}

/// The template, and the spec of a run of it.
fn analysis_template() -> Value {
    json!({"metrics": [{"name": "m", "provider": {"prometheus": {"query": "q"}}}]})
}

fn phase() -> impl Strategy<Value = AnalysisPhase> {
    prop::sample::select(vec![
        AnalysisPhase::default(),
        AnalysisPhase::Running,
        AnalysisPhase::Successful,
        AnalysisPhase::Failed,
        AnalysisPhase::Error,
        AnalysisPhase::Inconclusive,
    ])
}

/// The name of an attempt at the analysis of a step, or of the one beside the steps.
fn run_name() -> impl Strategy<Value = String> {
    (prop::option::of(0usize..4), 0usize..3).prop_map(|(step, attempt)| {
        let step = step.map(|step| format!("-{step}")).unwrap_or_default();
        let attempt = if attempt == 0 { String::new() } else { format!(".{attempt}") };
        format!("web-a-3{step}{attempt}")
    })
}

fn runs() -> impl Strategy<Value = BTreeMap<String, RunRecord>> {
    let flags = any::<[bool; 3]>();
    let run = (run_name(), phase(), flags, 0i64..100).prop_map(|(name, phase, flags, ago)| {
        let [terminate, deleting, same] = flags;
        let spec = if same { analysis_template().to_string() } else { "{}".to_owned() };
        let record = RunRecord {
            name: name.clone(),
            uid: format!("uid of {name}"),
            resource_version: "1".to_owned(),
            created: Some(Time::new(now() - TimeDelta::seconds(ago))),
            deleting: deleting && terminate,
            hash: "a".to_owned(),
            terminate,
            phase,
            message: "because".to_owned(),
            spec: Some(spec.into()),
            ..RunRecord::default()
        };
        (name, record)
    });
    prop::collection::vec(run, 0..6).prop_map(|runs| runs.into_iter().collect())
}

/// What the status says of a run.
fn recorded() -> impl Strategy<Value = Option<Value>> {
    let run = (run_name(), phase());
    prop::option::of(run.prop_map(|(name, phase)| json!({"name": name, "status": phase})))
}

fn template() -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "shop/web:a"}]},
    })
}

fn steps() -> impl Strategy<Value = Option<Value>> {
    let step = prop_oneof![
        (0i32..=100).prop_map(|weight| json!({"setWeight": weight})),
        Just(json!({"pause": {}})),
        prop::sample::select(vec![0, 5, 3600]).prop_map(|s| json!({"pause": {"duration": s}})),
        (0i32..=100).prop_map(|w| json!({"setWeight": w, "pause": {}})),
        Just(json!({"analysis": analysis()})),
    ];
    prop::option::of(prop::collection::vec(step, 0..4).prop_map(Value::from))
}

fn limit() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0i32..4).prop_map(Value::from),
        prop::sample::select(vec!["0%", "25%", "100%"]).prop_map(Value::from),
    ]
}

fn counts() -> impl Strategy<Value = Option<[i64; 4]>> {
    prop::option::weighted(
        0.8,
        (0i64..7, 0i64..7, 0i64..7, 0i64..7).prop_map(|(d, r, y, a)| {
            let ready = y.min(r);
            [d, r, ready, a.min(ready)]
        }),
    )
}

fn instant(seconds_ago: i64) -> String {
    (now() - TimeDelta::seconds(seconds_ago)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn conditions() -> impl Strategy<Value = Value> {
    let reasons = vec![
        ("True", "ReplicaSetUpdated"),
        ("True", "NewReplicaSetAvailable"),
        ("True", "ReplicaSetNotAvailable"),
        ("False", "ProgressDeadlineExceeded"),
        ("False", "RolloutAborted"),
        ("False", "ReplicaSetCreateError"),
        ("Unknown", "RolloutPaused"),
    ];
    prop::option::of((prop::sample::select(reasons), 0i64..1000)).prop_map(|condition| {
        let conditions: Vec<Value> = condition
            .into_iter()
            .map(|((status, reason), ago)| {
                json!({
                    "type": "Progressing", "status": status, "reason": reason, "message": "m",
                    "lastUpdateTime": instant(ago), "lastTransitionTime": instant(ago),
                })
            })
            .collect();
        Value::from(conditions)
    })
}

fn any_world() -> impl Strategy<Value = World> {
    let hash = || prop::option::of(prop::sample::select(HASHES.to_vec()));
    let spec =
        (0i32..7, limit(), limit(), steps(), any::<bool>(), any::<bool>(), any::<[bool; 2]>());
    let status = (
        hash(),
        hash(),
        -1i32..6,
        any::<[bool; 5]>(),
        prop::option::of(0i64..100),
        conditions(),
        any::<bool>(),
    );
    let sets = [counts(), counts(), counts()];
    let services = [prop::option::of(0usize..4), prop::option::of(0usize..4)];
    let beside = prop::option::of(0i32..3);
    let measured = (runs(), recorded(), recorded(), beside, any::<[bool; 3]>());
    (spec, status, sets, services, measured).prop_map(|(spec, status, sets, services, measured)| {
        let (runs, of_step, of_background, beside, [missing, undecided, rare]) = measured;
        let (replicas, surge, slack, steps, paused, deadline_aborts, named) = spec;
        let (current, stable, index, flags, pause, conditions, observed) = status;
        let zero = |v: &Value| *v == json!(0) || *v == json!("0%");
        let slack = if zero(&surge) && zero(&slack) { json!(1) } else { slack };
        let mut canary = json!({"maxSurge": surge, "maxUnavailable": slack});
        if let Some(steps) = steps {
            canary["steps"] = steps;
        }
        for (field, _) in ["stableService", "canaryService"].iter().zip(named).filter(|(_, n)| *n) {
            canary[*field] = Value::from(*field);
        }
        if let Some(start) = beside {
            canary["analysis"] = analysis();
            canary["analysis"]["startingStep"] = Value::from(start);
        }
        let spec = json!({
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(),
            "paused": paused,
            "progressDeadlineSeconds": 60,
            "progressDeadlineAbort": deadline_aborts,
            "strategy": {"canary": canary},
        });
        let [abort, aborted_before, promote_full, controller_pause, same_steps] = flags;
        let step_hash = if same_steps { "same" } else { "" };
        let mut status = json!({
            "currentPodHash": current.unwrap_or(""),
            "stableRS": stable.unwrap_or(""),
            "currentStepIndex": index,
            "currentStepHash": step_hash,
            "abort": abort,
            "promoteFull": promote_full,
            "controllerPause": controller_pause,
            "conditions": conditions,
        });
        if aborted_before {
            status["abortedAt"] = Value::from(instant(50));
        }
        if let Some(ago) = pause {
            let reason = if undecided { "InconclusiveAnalysisRun" } else { "CanaryPauseStep" };
            status["pauseConditions"] = json!([{"reason": reason, "startTime": instant(ago)}]);
        }
        if let Some(run) = of_step {
            status["canary"]["currentStepAnalysisRunStatus"] = run;
        }
        if let Some(run) = of_background {
            status["canary"]["currentBackgroundAnalysisRunStatus"] = run;
        }
        if observed {
            status["observedGeneration"] = Value::from("7");
        }
        let template_exists = !(missing && rare);
        World { spec, status, generation: 7, sets, services, runs, template_exists }
    })
}

fn snapshot(world: &World) -> Snapshot {
    let spec: sluice_crd::rollout::RolloutSpec =
        serde_json::from_value(world.spec.clone()).unwrap();
    let mut status: sluice_crd::rollout::RolloutStatus =
        serde_json::from_value(world.status.clone()).unwrap();
    if status.current_step_hash == "same" {
        let steps = spec.strategy.canary.as_ref().unwrap().steps.as_deref();
        status.current_step_hash = sluice_crd::identity::step_hash(steps);
    }
    let digest = template_digest(spec.template.as_ref().unwrap()).to_string();
    let set = |(i, counts): (usize, &Option<[i64; 4]>)| {
        let [desired, replicas, ready, available] = (*counts)?;
        let digest = if i == 0 { digest.clone() } else { format!("v1:{i}") };
        let annotations = [
            (names::REVISION.to_owned(), (3 - i).to_string()),
            (names::DESIRED_REPLICAS.to_owned(), "4".to_owned()),
            (names::TEMPLATE_DIGEST.to_owned(), digest),
        ];
        Some(Arc::new(ReplicaSetRecord {
            name: format!("web-{}", HASHES[i]),
            uid: format!("uid-{i}"),
            resource_version: "1".to_owned(),
            hash: HASHES[i].to_owned(),
            annotations: annotations.into_iter().collect(),
            desired: Pods(desired),
            replicas: Pods(replicas),
            ready: Pods(ready),
            available: Pods(available),
            ..ReplicaSetRecord::default()
        }))
    };
    let templates = (1..3).map(|i| (format!("web-{}", HASHES[i]), json!({"spec": {"other": i}})));
    let own = ("web-a".to_owned(), template());
    let service = |(name, selects): (&str, &Option<usize>)| {
        let mut selector = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        if let Some(hash) = selects.and_then(|i| HASHES.get(i)) {
            selector.insert(names::HASH_LABEL.to_owned(), (*hash).to_owned());
        }
        let record = ServiceRecord {
            name: name.to_owned(),
            resource_version: "1".to_owned(),
            selector,
            managed_by: selects.map(|_| "web".to_owned()),
            ..ServiceRecord::default()
        };
        (name.to_owned(), Arc::new(record))
    };
    let found = world.template_exists.then(|| {
        let spec = analysis_template().to_string().into();
        let record = TemplateRecord { spec, ..TemplateRecord::default() };
        ((false, "success-rate".to_owned()), Arc::new(record))
    });
    let analysis_templates = Templates { found: found.into_iter().collect(), namespace_only: true };
    Snapshot {
        orphans: Vec::new(),
        workload: Default::default(),
        routes: Default::default(),
        runs: world.runs.values().cloned().map(Arc::new).collect(),
        templates: analysis_templates,
        now: now(),
        rollout: Arc::new(RolloutRecord {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "uid".to_owned(),
            resource_version: "1".to_owned(),
            generation: world.generation,
            created: None,
            deleting: false,
            finalizers: Vec::new(),
            labels: Default::default(),
            annotations: Default::default(),
            spec: Arc::new(spec),
            status,
        }),
        replica_sets: world.sets.iter().enumerate().filter_map(set).collect(),
        services: ["stableService", "canaryService"]
            .into_iter()
            .zip(&world.services)
            .map(service)
            .collect(),
        facts: sluice_planner::Facts {
            templates: Some(templates.chain([own]).collect()),
            ..sluice_planner::Facts::default()
        },
        failure: None,
        settings: Settings::default(),
    }
}

/// Pods asked for of each ReplicaSet after the plan, created ones included.
fn after(s: &Snapshot, actions: &[Action]) -> BTreeMap<String, i64> {
    let mut asked: BTreeMap<String, i64> =
        s.replica_sets.iter().map(|rs| (rs.name.clone(), rs.desired.0)).collect();
    for action in actions {
        match action {
            Action::PatchReplicaSet { name, scale: Some((_, to)), .. } => {
                asked.insert(name.clone(), to.0);
            }
            Action::CreateReplicaSet { name, manifest, .. } => {
                asked.insert(name.clone(), manifest["spec"]["replicas"].as_i64().unwrap());
            }
            _ => {}
        }
    }
    asked
}

/// Whether a status names a background run that is there and that it did not name before.
fn taken_over(s: &Snapshot, status: &RolloutStatus) -> bool {
    let background = |status: &RolloutStatus| {
        let run = status.canary.current_background_analysis_run_status.as_ref();
        run.map(|run| run.name.clone())
    };
    let named =
        background(status).filter(|name| Some(name) != background(&s.rollout.status).as_ref());
    named.is_some_and(|name| s.runs.iter().any(|run| run.name == name))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_same_snapshot_gives_the_same_plan(world in any_world()) {
        let s = snapshot(&world);
        prop_assert_eq!(plan(&s), plan(&s));
    }

    #[test]
    fn every_prefix_of_a_plan_keeps_the_bounds(world in any_world()) {
        let s = snapshot(&world);
        let limits =
            s.rollout.spec.strategy.canary.as_ref().unwrap().rolling_limits(
                s.rollout.spec.replicas_or_default()).unwrap();
        let replicas = s.rollout.spec.replicas_or_default();
        let serving = |asked: &BTreeMap<String, i64>| -> i64 {
            s.replica_sets.iter().map(|rs| rs.available.0.min(asked[&rs.name])).sum()
        };
        let before = after(&s, &[]);
        let actions = plan(&s).actions;
        for prefix in 0..=actions.len() {
            let asked = after(&s, &actions[..prefix]);
            let floor = (replicas - limits.max_unavailable).max(0).min(serving(&before));
            prop_assert!(serving(&asked) >= floor, "{asked:?} serve too few, floor {floor}");
            let total: i64 = asked.values().sum();
            let most = (replicas + limits.max_surge).max(before.values().sum());
            prop_assert!(total <= most, "{asked:?} are more than {most}");
        }
    }

    /// What a Service selects is not emptied, unless the strategy leaves no room for two versions.
    #[test]
    fn nothing_that_is_selected_is_emptied(world in any_world()) {
        let s = snapshot(&world);
        let canary = s.rollout.spec.strategy.canary.as_ref().unwrap();
        let replicas = s.rollout.spec.replicas_or_default();
        let room = replicas + canary.rolling_limits(replicas).unwrap().max_surge;
        prop_assume!(room >= 2 && replicas > 0);
        let asked = after(&s, &plan(&s).actions);
        for name in [&canary.stable_service, &canary.canary_service] {
            let Some(hash) = s.services.get(name).and_then(|service| service.hash()) else { continue };
            let selected = s.replica_sets.iter().find(|rs| rs.hash == hash);
            if let Some(rs) = selected.filter(|rs| rs.desired.0 > 0) {
                prop_assert!(asked[&rs.name] > 0, "{} is selected by {name} and emptied", rs.name);
            }
        }
    }

    /// The status is a fixed point: written once, it is not written again while nothing changes.
    #[test]
    fn a_status_is_written_once(world in any_world()) {
        let mut s = snapshot(&world);
        let Some(write) = plan(&s).status else { return Ok(()) };
        // A run that is taken over has its say once the status names it.
        if taken_over(&s, &write.status) {
            return Ok(());
        }
        let mut rollout = (*s.rollout).clone();
        rollout.status = write.status;
        s.rollout = Arc::new(rollout);
        let again = plan(&s);
        prop_assert!(
            again.status.is_none(),
            "{:#?}\nbecomes\n{:#?}", s.rollout.status, again.status.unwrap().status
        );
        prop_assert!(again.transitions.is_empty());
    }

    /// While the release is aborted and there is a stable version, the new one gains no pods.
    #[test]
    fn an_aborted_version_gains_no_pods(mut world in any_world()) {
        world.status["abort"] = Value::from(true);
        world.status["promoteFull"] = Value::from(false);
        world.status["currentPodHash"] = Value::from("a");
        world.status["currentStepHash"] = Value::from("same");
        world.status["stableRS"] = Value::from("b");
        world.sets[0].get_or_insert([1, 1, 0, 0]);
        let s = snapshot(&world);
        let planned = plan(&s);
        let status = planned.status.as_ref().map_or(&s.rollout.status, |w| &w.status);
        prop_assert!(status.abort);
        let stable_exists = s.replica_sets.iter().any(|rs| rs.hash == status.stable_rs);
        let asked = after(&s, &planned.actions);
        let before = s.replica_sets.iter().find(|rs| rs.hash == "a").map_or(0, |rs| rs.desired.0);
        prop_assert!(asked.get("web-a").is_none_or(|pods| *pods <= before));
        if !stable_exists {
            // Nothing to go back to: what is there stays.
            prop_assert!(s.replica_sets.iter().all(|rs| asked[&rs.name] <= rs.desired.0));
        }
    }

    /// I5: no step of an analysis is passed, and no version promoted, past a run that does not say
    /// so; and one that has failed ends the release.
    #[test]
    fn no_step_is_passed_without_a_verdict(mut world in any_world()) {
        world.status["currentPodHash"] = Value::from("a");
        world.status["currentStepHash"] = Value::from("same");
        world.status["stableRS"] = Value::from("b");
        world.status["abort"] = Value::from(false);
        world.status["promoteFull"] = Value::from(false);
        world.status.as_object_mut().unwrap().remove("abortedAt");
        world.sets[0].get_or_insert([1, 1, 0, 0]);
        world.sets[1].get_or_insert([1, 1, 0, 0]);
        let s = snapshot(&world);
        let before = &s.rollout.status;
        let Some(write) = plan(&s).status else { return Ok(()) };
        let steps = s.rollout.spec.strategy.canary.as_ref().unwrap().steps.clone();
        let steps = steps.unwrap_or_default();
        let from = before.current_step_index.unwrap_or(0).clamp(0, steps.len() as i32) as usize;
        let to = write.status.current_step_index.unwrap_or(0).max(0) as usize;
        let recorded = before.canary.current_step_analysis_run_status.as_ref();
        let run = |name: &str| s.runs.iter().find(|run| run.name == name && !run.deleting);
        let said = |index: usize| {
            let recorded = recorded.filter(|run| {
                let rest = run.name.strip_prefix(&format!("web-a-3-{index}"));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            });
            // One that was deleted after it had spoken is taken at its word.
            recorded.map(|recorded| match run(&recorded.name) {
                Some(run) => run.phase.clone(),
                None => recorded.status.clone(),
            })
        };
        for (index, step) in steps.iter().enumerate().take(to).skip(from) {
            let waits = step.analysis.is_some();
            prop_assert!(!waits || said(index) == Some(AnalysisPhase::Successful), "step {index}");
        }
        let failed = |phase: Option<AnalysisPhase>| {
            matches!(phase, Some(AnalysisPhase::Failed | AnalysisPhase::Error))
        };
        let at_analysis = steps.get(from).is_some_and(|step| step.analysis.is_some());
        if at_analysis && failed(said(from)) && world.template_exists {
            prop_assert!(write.status.abort, "{:?}", write.status);
        }
        let promoted = write.status.stable_rs == "a";
        prop_assert!(!(promoted && write.status.abort));
    }

    /// I14: no run is begun beside a live one of the same step.
    #[test]
    fn no_analysis_has_two_runs(world in any_world()) {
        let s = snapshot(&world);
        let actions = plan(&s).actions;
        let base = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        let mut begun = std::collections::BTreeSet::new();
        for action in &actions {
            let Action::CreateAnalysisRun { name, manifest } = action else { continue };
            prop_assert!(s.runs.iter().all(|run| run.name != *name), "{name} is there already");
            prop_assert!(begun.insert(base(name)), "{name} is begun twice");
            prop_assert_eq!(&manifest["metadata"]["name"], name);
            for other in s.runs.iter().filter(|r| r.is_live() && base(&r.name) == base(name)) {
                let ended = actions.iter().any(|action| {
                    matches!(action, Action::TerminateRun { name, .. } if *name == other.name)
                });
                prop_assert!(ended, "{} goes on beside {name}", other.name);
            }
        }
    }

    /// Runs that nobody waits for any longer are ended, and none that is over or current is.
    #[test]
    fn runs_are_ended_when_their_time_is_over(world in any_world()) {
        let s = snapshot(&world);
        let planned = plan(&s);
        let status = planned.status.as_ref().map_or(&s.rollout.status, |w| &w.status);
        let canary = &status.canary;
        let current = [
            &canary.current_step_analysis_run_status,
            &canary.current_background_analysis_run_status,
        ];
        for action in &planned.actions {
            let (Action::TerminateRun { name, .. } | Action::DeleteRun { name, .. }) = action else {
                continue;
            };
            let run = s.runs.iter().find(|run| run.name == *name).unwrap();
            let ends = matches!(action, Action::TerminateRun { .. });
            prop_assert_eq!(ends, run.is_live());
            prop_assert!(current.into_iter().flatten().all(|current| current.name != *name));
        }
    }
}
