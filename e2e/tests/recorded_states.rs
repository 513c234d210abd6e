//! Sluice takes over from Argo Rollouts in the middle of a canary, wherever it stands: from every
//! status that Argo Rollouts went through (`scenarios/recorded/canary-steady-statuses.json`) the
//! release goes on with the step that it is at, repeats none, makes no ReplicaSet, and ends healthy.
//! So does a canary whose requests NGINX splits, from every point between the writes of a step.
#![expect(clippy::unwrap_used, reason = "outside of a test function, clippy does not see a test")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sluice_e2e::scenarios;
use sluice_e2e::under_test::Sluice;
use sluice_simulator::scenario::gitops::argo_cd::{Action, Health, health};
use sluice_simulator::scenario::gitops::kstatus::{KStatus, kstatus};
use sluice_simulator::scenario::{Care, InMemory, Scenario, read_yaml, run};

/// The Rollout whose whole canary was recorded, and its versions: old, stable, new.
const ROLLOUT: &str = "canary-steady";
const NEW: &str = "bd4f7d6fb";
const STABLE: &str = "6bf9df84df";

fn recorded(file: &str) -> PathBuf {
    scenarios::folder().join("recorded").join(file)
}

fn all(file: &str) -> Vec<Value> {
    let list = read_yaml(&recorded(file)).unwrap();
    list["items"].as_array().unwrap().clone()
}

fn objects(file: &str) -> Vec<Value> {
    let ours = |object: &Value| object["metadata"]["name"].as_str().unwrap().starts_with(ROLLOUT);
    all(file).into_iter().filter(ours).collect()
}

/// The objects as they were at that status: the recordings hold ReplicaSets only of the end.
fn at(status: &Value) -> Vec<Value> {
    let count = |field: &str| status[field].as_i64().unwrap_or(0);
    let (all, new) = (count("replicas"), count("updatedReplicas"));
    let mut objects: Vec<Value> = objects("rollouts.yaml");
    objects[0]["status"] = status.clone();
    for mut rs in self::objects("replicasets.yaml") {
        let hash = rs["metadata"]["labels"]["rollouts-pod-template-hash"].clone();
        rs["spec"]["replicas"] = match hash.as_str().unwrap() {
            NEW => json!(new),
            STABLE => json!(all - new),
            _ => json!(0),
        };
        objects.push(rs);
    }
    objects
}

/// The states from the moment on at which the new version was seen.
fn states() -> Vec<Value> {
    let text = std::fs::read_to_string(recorded("canary-steady-statuses.json")).unwrap();
    // The clock of the simulator begins with 2026: the canary began a minute before.
    let text = text
        .replace("2026-11-21T07:28:", "2025-12-31T23:58:")
        .replace("2026-11-21T07:29:", "2025-12-31T23:59:");
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let statuses = all.into_iter().map(|state| state["status"].clone());
    statuses.filter(|status| status["currentPodHash"] == NEW).collect()
}

fn scenario(number: usize, status: &Value) -> Scenario {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("recorded-state-{number}.yaml"));
    std::fs::write(&file, json!({"items": at(status)}).to_string()).unwrap();
    let index = status["currentStepIndex"].as_u64().unwrap();
    let steps = if index == 4 { Value::Null } else { json!(4 - index) };
    let told = if steps.is_null() { json!({}) } else { json!({"RolloutStepCompleted": steps}) };
    let whole = json!({"phase": "Healthy", "currentStepIndex": 4, "currentPodHash": NEW,
        "stableRS": NEW, "currentStepHash": status["currentStepHash"]});
    let text = json!({
        "about": "a canary of Argo Rollouts is taken over",
        "covers": [],
        "recorded": [
            {"file": recorded("services-ingresses.yaml"), "kinds": ["Service"], "names": [ROLLOUT]},
            {"file": file},
        ],
        "steps": [
            {"expect": {"rollout": ROLLOUT, "status": whole, "replica-sets": 3,
                "replicas": {"1": 0, "2": 0, "3": 5}, "events": told}},
            {"rest": "10s"},
        ],
    });
    Scenario::parse(&text.to_string(), &file).unwrap()
}

#[test]
fn every_state_of_a_canary_is_taken_over() {
    let states = states();
    assert!(states.len() > 20, "{}", states.len());
    let crds = scenarios::crds().unwrap();
    for (number, status) in states.iter().enumerate() {
        let scenario = scenario(number, status);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let outcome = runtime.block_on(async {
            let backend = InMemory::new(1, &crds);
            run(&scenario, &scenarios::folder(), &backend, &Sluice::default(), Care::All).await
        });
        assert!(outcome.is_good(), "state {number}: {status}: {:?}", outcome.failures);
        let created = outcome.writes.iter().filter(|write| write.verb == "create");
        let created: Vec<_> = created.filter(|write| write.resource == "replicasets").collect();
        assert!(created.is_empty(), "state {number}: {created:?}");
    }
}

/// Where a routed canary stood: the step, the weights that the canary Ingress and the status have, and
/// the pods of the new version.
const ROUTED: [(u64, u32, u32, u32); 10] = [
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 10, 0, 1),
    (1, 10, 10, 1),
    (2, 10, 10, 1),
    (2, 10, 10, 2),
    (2, 50, 10, 2),
    (3, 50, 50, 2),
    (4, 50, 50, 4),
    (4, 100, 50, 4),
];

const CANARY_WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";

/// The recorded objects of `canary-routed`, put to another point of its release.
fn routed_at((index, written, told, pods): (u64, u32, u32, u32)) -> Vec<Value> {
    let files = ["rollouts.yaml", "replicasets.yaml", "services-ingresses.yaml"];
    let named = |object: &Value| {
        let name = object["metadata"]["name"].as_str().unwrap();
        name.starts_with("canary-routed") || name.starts_with("routed")
    };
    let mut objects: Vec<Value> = files.into_iter().flat_map(all).filter(named).collect();
    for object in &mut objects {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        match (object["kind"].as_str().unwrap(), name.as_str()) {
            ("Ingress", "canary-routed-routed-canary") => {
                object["metadata"]["annotations"][CANARY_WEIGHT] = written.to_string().into();
            }
            ("ReplicaSet", "canary-routed-74c8f895f8") => {
                object["spec"]["replicas"] = pods.into();
            }
            ("Service", "routed-canary") if pods == 0 => {
                object["spec"]["selector"]["rollouts-pod-template-hash"] = "68b5465fbc".into();
            }
            ("Rollout", _) => {
                let status = &mut object["status"];
                status["currentStepIndex"] = index.into();
                status["canary"]["weights"]["canary"]["weight"] = told.into();
                status["canary"]["weights"]["stable"]["weight"] = (100 - told).into();
                if index % 2 == 0 {
                    for field in ["pauseConditions", "controllerPause", "message"] {
                        status.as_object_mut().unwrap().remove(field);
                    }
                    status["phase"] = "Progressing".into();
                }
            }
            _ => {}
        }
    }
    objects
}

#[test]
fn every_state_of_a_routed_canary_is_taken_over() {
    let crds = scenarios::crds().unwrap();
    for (number, state) in ROUTED.into_iter().enumerate() {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("routed-{number}.yaml"));
        std::fs::write(&file, json!({"items": routed_at(state)}).to_string()).unwrap();
        let name = "canary-routed";
        let pauses = [1, 3].into_iter().filter(|pause| *pause >= state.0);
        let through = pauses.flat_map(|pause| {
            let at = json!({"phase": "Paused", "currentStepIndex": pause});
            [json!({"expect": {"rollout": name, "status": at}}), json!({"promote": name})]
        });
        let whole = json!({"phase": "Healthy", "currentStepIndex": 4, "stableRS": "74c8f895f8",
            "canary": {"weights": {"canary": {"weight": 0}}}});
        let end = json!({"rollout": name, "status": whole, "replica-sets": 2,
            "replicas": {"2": 4}, "services": {"routed-stable": 2, "routed-canary": 2}});
        let steps = through.chain([json!({"expect": end}), json!({"rest": "10s"})]);
        let text = json!({"about": "a routed canary of Argo Rollouts is taken over", "covers": [],
            "recorded": [{"file": file}], "steps": steps.collect::<Vec<_>>()});
        let scenario = Scenario::parse(&text.to_string(), &file).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (outcome, requests) = runtime.block_on(async {
            let backend = InMemory::new(1, &crds);
            let sluice = Sluice::default();
            let outcome = run(&scenario, &scenarios::folder(), &backend, &sluice, Care::All).await;
            (outcome, backend.cluster().requests("controller"))
        });
        assert!(outcome.is_good(), "{state:?}: {:?}", outcome.failures);
        let created = requests.iter().filter(|request| request.verb == "create");
        let quiet = ["events", "leases"];
        let created = created.filter(|request| !quiet.contains(&request.resource.as_str()));
        let created: Vec<String> = created.map(ToString::to_string).collect();
        assert!(created.is_empty(), "{state:?}: {created:?}");
        // No weight that it had is written again, none goes down before the promotion.
        let pointer = format!("/metadata/annotations/{}", CANARY_WEIGHT.replace('/', "~1"));
        let written = requests.iter().filter_map(|write| {
            write.body.as_ref()?.pointer(&pointer)?.as_str()?.parse::<u32>().ok()
        });
        let ahead = [10, 50, 100].into_iter().filter(|weight| *weight > state.1);
        assert_eq!(written.collect::<Vec<_>>(), ahead.chain([0]).collect::<Vec<_>>(), "{state:?}");
    }
}

#[test]
fn argo_cd_shows_what_argo_rollouts_left() {
    let under_way = [
        Action::Restart,
        Action::Resume,
        Action::Abort,
        Action::Pause,
        Action::PromoteFull,
        Action::SkipCurrentStep,
    ];
    let aborted = [Action::Restart, Action::Retry, Action::PromoteFull, Action::SkipCurrentStep];
    // Blue-green has no steps to skip.
    let blue_green = &under_way[..5];
    let expected = [
        ("bluegreen-paused", Health::Suspended, blue_green),
        ("canary-aborted", Health::Degraded, &aborted),
        ("canary-analysis-failed", Health::Degraded, &aborted),
        ("canary-paused", Health::Suspended, &under_way),
        ("canary-routed", Health::Suspended, &under_way),
        ("canary-steady", Health::Healthy, &[Action::Restart]),
    ];
    let rollouts = all("rollouts.yaml");
    assert_eq!(rollouts.len(), expected.len());
    for (rollout, (name, shown, offered)) in rollouts.iter().zip(expected) {
        assert_eq!(rollout["metadata"]["name"], name);
        assert_eq!(health(rollout).0, shown, "{name}");
        let enabled = Action::ALL.into_iter().filter(|action| action.is_enabled(rollout));
        assert_eq!(enabled.collect::<Vec<_>>(), offered, "{name}");
        // Its generation is a text.
        assert_eq!(kstatus(rollout), KStatus::Unknown, "{name}");
    }
}
