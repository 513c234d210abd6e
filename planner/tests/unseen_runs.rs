//! An AnalysisRun that the records do not show: nobody concludes from that that there is none (I13).

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use serde_json::{Value, json};
use sluice_planner::{
    Action, Plan, Pods, ReplicaSetRecord, RolloutRecord, Settings, Snapshot, TemplateRecord,
    Templates, plan,
};

fn replica_set(hash: &str, revision: &str, pods: i64) -> Arc<ReplicaSetRecord> {
    Arc::new(ReplicaSetRecord {
        name: format!("web-{hash}"),
        uid: hash.to_owned(),
        resource_version: "1".to_owned(),
        hash: hash.to_owned(),
        annotations: [("rollout.argoproj.io/revision".to_owned(), revision.to_owned())]
            .into_iter()
            .collect(),
        desired: Pods(pods),
        replicas: Pods(pods),
        ready: Pods(pods),
        available: Pods(pods),
        ..ReplicaSetRecord::default()
    })
}

/// Revision 2 at 25 %, in a pause, with a background analysis of this phase that is not seen.
fn planned(recorded: &str, paused: bool) -> Plan {
    let steps = json!([{"setWeight": 25}, {"pause": {}}]);
    let spec: sluice_crd::rollout::RolloutSpec = serde_json::from_value(json!({
        "replicas": 4,
        "paused": paused,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "shop/web:v2"}]},
        },
        "strategy": {"canary": {
            "analysis": {"templates": [{"templateName": "success-rate"}]},
            "steps": steps,
        }},
    }))
    .unwrap();
    let canary = spec.strategy.canary.as_ref().unwrap();
    let status: Value = json!({
        "observedGeneration": "1",
        "currentPodHash": "new",
        "stableRS": "old",
        "currentStepHash": sluice_crd::identity::step_hash(canary.steps.as_deref()),
        "currentStepIndex": 1,
        "controllerPause": true,
        "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-11-21T07:00:00Z"}],
        "canary": {"currentBackgroundAnalysisRunStatus": {"name": "web-new-2", "status": recorded}},
    });
    let template = json!({"metrics": [{
        "name": "rate",
        "interval": "1s",
        "successCondition": "result[0] > 0.95",
        "provider": {"prometheus": {"query": "success_rate"}},
    }]});
    let template = TemplateRecord { spec: template.to_string().into(), ..Default::default() };
    plan(&Snapshot {
        now: "2026-11-21T08:00:00Z".parse().unwrap(),
        rollout: Arc::new(RolloutRecord {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "uid".to_owned(),
            resource_version: "1".to_owned(),
            generation: 1,
            created: None,
            deleting: false,
            finalizers: Vec::new(),
            labels: Default::default(),
            annotations: Default::default(),
            spec: Arc::new(spec),
            status: serde_json::from_value(status).unwrap(),
        }),
        replica_sets: vec![replica_set("new", "2", 1), replica_set("old", "1", 3)],
        orphans: Vec::new(),
        services: Default::default(),
        workload: Default::default(),
        routes: Default::default(),
        runs: Vec::new(),
        templates: Templates {
            found: [((false, "success-rate".to_owned()), Arc::new(template))].into(),
            namespace_only: false,
        },
        facts: Default::default(),
        failure: None,
        settings: Settings::default(),
    })
}

fn created(plan: &Plan) -> Vec<&str> {
    let created = plan.actions.iter().filter_map(|action| match action {
        Action::CreateAnalysisRun { name, .. } => Some(name.as_str()),
        _ => None,
    });
    created.collect()
}

fn recorded(plan: &Plan) -> Option<(String, String)> {
    let status = &plan.status.as_ref()?.status;
    let run = status.canary.current_background_analysis_run_status.as_ref()?;
    Some((run.name.clone(), run.status.to_string()))
}

#[test]
fn one_that_is_not_seen_is_asked_for_by_its_name() {
    for phase in ["", "Pending", "Running"] {
        let plan = planned(phase, false);
        assert_eq!(created(&plan), ["web-new-2"], "{phase}");
        assert_eq!(recorded(&plan), Some(("web-new-2".to_owned(), phase.to_owned())));
    }
}

#[test]
fn one_that_has_spoken_is_not_made_again() {
    let plan = planned("Successful", false);
    assert!(created(&plan).is_empty());
    assert_eq!(recorded(&plan).unwrap().1, "Successful");
    let plan = planned("Failed", false);
    assert!(created(&plan).is_empty());
    assert!(plan.status.unwrap().status.abort);
}

#[test]
fn one_that_is_gone_is_not_made_again_while_its_user_holds_the_rollout() {
    assert!(created(&planned("Running", true)).is_empty());
    assert_eq!(created(&planned("", true)), ["web-new-2"]);
}
