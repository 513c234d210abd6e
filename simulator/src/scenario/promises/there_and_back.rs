//! `Back`: what is left at rest is what Argo Rollouts expects to find, so that a team can go back to
//! it (docs/there-and-back.md; spec §1.6, §1.9, §2.1–2.8).

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_crd::identity::step_hash;
use sluice_crd::rollout::CanaryStep;
use sluice_crd::time::Time;

use super::{Breach, hash, name, named_services, selected_hash};
use crate::scenario::gitops::argo_cd::is_observed;
use crate::scenario::mirror::Mirror;

const HASH: &str = "rollouts-pod-template-hash";
const REVISION: &str = "rollout.argoproj.io/revision";
const MANAGED_BY: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";

/// The types of conditions that Argo Rollouts knows, with the reasons that it gives them where it
/// reads them; the last three are ours, and are carried along.
const CONDITIONS: [(&str, &[&str]); 10] = [
    (
        "Progressing",
        &[
            "NewReplicaSetCreated",
            "FoundNewReplicaSet",
            "ReplicaSetUpdated",
            "NewReplicaSetAvailable",
            "ReplicaSetNotAvailable",
            "RolloutPaused",
            "RolloutResumed",
            "RolloutAborted",
            "RolloutRetry",
            "ProgressDeadlineExceeded",
            "ReplicaSetCreateError",
        ],
    ),
    ("Available", &["AvailableReason"]),
    ("Completed", &["RolloutCompleted"]),
    ("Healthy", &["RolloutHealthy"]),
    ("Paused", &["RolloutPaused"]),
    ("InvalidSpec", &[]),
    ("ReplicaFailure", &[]),
    ("Ready", &[]),
    ("Reconciling", &[]),
    ("Stalled", &[]),
];

/// Looks at a Rollout at rest, and all that belongs to it.
pub(super) fn look(mirror: &Mirror, rollout: &Value) -> Vec<Breach> {
    if !is_ours(rollout) {
        return Vec::new();
    }
    let sets = mirror.replica_sets_of(rollout);
    let mut found = Vec::new();
    for rs in &sets {
        let wrong = replica_set(rollout, rs).into_iter();
        found.extend(wrong.map(|what| format!("ReplicaSet {}: {what}", name(rs))));
    }
    for run in mirror.all("AnalysisRun").filter(|run| owns(rollout, run)) {
        let wrong = analysis_run(rollout, run).into_iter();
        found.extend(wrong.map(|what| format!("AnalysisRun {}: {what}", name(run))));
    }
    let mut wrong = identity(rollout, &sets);
    wrong.extend(steps(rollout));
    wrong.extend(pairs(&rollout["spec"], &rollout["status"]));
    wrong.extend(conditions(&rollout["status"]));
    wrong.extend(numbers(rollout));
    found.extend(wrong.into_iter().map(|what| format!("Rollout {}: {what}", name(rollout))));
    found.extend(services(mirror, rollout, &sets));
    found.into_iter().map(|what| Breach { promise: "Back", what }).collect()
}

/// Whether the status speaks of the spec as it is, and a release is looked after: a spec that is
/// refused, and what has been given back, are as they are.
fn is_ours(rollout: &Value) -> bool {
    let (meta, status) = (&rollout["metadata"], &rollout["status"]);
    let message = status["message"].as_str().unwrap_or_default();
    let refused = ["InvalidSpec", "UnsupportedFeature", "ReplicaSetCreateError", "given back"];
    status.is_object()
        && meta["deletionTimestamp"].is_null()
        && is_observed(rollout)
        && !refused.iter().any(|start| message.starts_with(start))
}

fn owns(rollout: &Value, object: &Value) -> bool {
    let mut owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let uid = &rollout["metadata"]["uid"];
    owners.any(|owner| owner["controller"] == true && owner["uid"] == *uid)
}

fn is_number(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<i64>().is_ok())
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| Time::parse(text).is_ok())
}

fn number(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

/// The problems whose condition holds.
fn those<const N: usize>(all: [(bool, &str); N]) -> Vec<String> {
    all.into_iter().filter(|(wrong, _)| *wrong).map(|(_, what)| what.to_owned()).collect()
}

fn replica_set(rollout: &Value, rs: &Value) -> Vec<String> {
    let (annotations, spec) = (&rs["metadata"]["annotations"], &rs["spec"]);
    let status = &rollout["status"];
    let label = &rs["metadata"]["labels"][HASH];
    let deadline = &annotations["scale-down-deadline"];
    // Of an aborted update the new version is kept for a while, too.
    let is_new = status["currentPodHash"] == *label && status["abort"] != true;
    let in_use = is_new || status["stableRS"] == *label;
    let history = annotations["rollout.argoproj.io/revision-history"].as_str().unwrap_or_default();
    let old = history.split(',').filter(|number| !number.is_empty());
    let has_pods = spec["replicas"] != 0;
    those([
        (label.as_str().unwrap_or_default().is_empty(), "it has no label with the hash"),
        (spec["selector"]["matchLabels"][HASH] != *label, "its selector lacks the hash"),
        (spec["template"]["metadata"]["labels"][HASH] != *label, "its pods lack the hash"),
        (!is_number(&annotations[REVISION]), "it has no revision"),
        (
            has_pods && !is_number(&annotations["rollout.argoproj.io/desired-replicas"]),
            "it has no desired-replicas",
        ),
        (!deadline.is_null() && !is_time(deadline), "its scale-down-deadline is no time"),
        (!deadline.is_null() && in_use, "it is in use and has a scale-down-deadline"),
        (old.clone().any(|n| n.parse::<i64>().is_err()), "its revision-history is no numbers"),
    ])
}

/// Which ReplicaSets are meant: by their hashes and numbers.
fn identity(rollout: &Value, sets: &[&Value]) -> Vec<String> {
    let (meta, status) = (&rollout["metadata"], &rollout["status"]);
    let by_hash = |wanted: &Value| sets.iter().find(|rs| *wanted == hash(rs));
    let (current, stable) = (&status["currentPodHash"], &status["stableRS"]);
    let new = by_hash(current);
    let revision = |rs: &&Value| number(&rs["metadata"]["annotations"][REVISION]);
    let newest = sets.iter().map(revision).max().unwrap_or(0);
    let observed = &status["observedGeneration"];
    let said = observed.as_str().map_or_else(|| observed.to_string(), str::to_owned);
    let generation = meta["generation"].to_string();
    let mark = &meta["annotations"][REVISION];
    those([
        (new.is_none(), "currentPodHash is no ReplicaSet's hash"),
        (
            stable.as_str().is_some_and(|hash| !hash.is_empty()) && by_hash(stable).is_none(),
            "stableRS is no ReplicaSet's hash",
        ),
        (new.is_some_and(|rs| revision(rs) != newest), "its new ReplicaSet is not the newest"),
        (!is_number(mark), "it has no revision"),
        (
            new.is_some_and(|rs| revision(rs) != number(mark)),
            "its revision is not its ReplicaSet's",
        ),
        (said != generation, "observedGeneration is not its generation"),
    ])
}

/// Where it stands among the steps: any other hash of them begins anew.
fn steps(rollout: &Value) -> Vec<String> {
    let (canary, status) = (&rollout["spec"]["strategy"]["canary"], &rollout["status"]);
    let known: Option<Vec<CanaryStep>> = serde_json::from_value(canary["steps"].clone()).ok();
    let count = known.as_ref().map_or(0, Vec::len);
    let (index, said) = (&status["currentStepIndex"], &status["currentStepHash"]);
    let at = index.as_u64().and_then(|index| usize::try_from(index).ok());
    let is_canary = !canary.is_null();
    let promoted = status["stableRS"] == status["currentPodHash"];
    those([
        (is_canary && *said != step_hash(known.as_deref()), "currentStepHash is not upstream's"),
        (!is_canary && !said.as_str().unwrap_or_default().is_empty(), "it has a step hash"),
        (count == 0 && !index.is_null(), "it has an index and no steps"),
        (count > 0 && at.is_none_or(|at| at > count), "currentStepIndex is not among the steps"),
        (count > 0 && promoted && at != Some(count), "it is promoted before its last step"),
        (
            count > 0 && status["abort"] == true && !promoted && at != Some(0),
            "it is aborted and not at its first step",
        ),
    ])
}

/// Fields that go together.
fn pairs(spec: &Value, status: &Value) -> Vec<String> {
    let pauses = status["pauseConditions"].as_array().cloned().unwrap_or_default();
    let reasons =
        ["InconclusiveAnalysisRun", "InconclusiveExperiment", "CanaryPauseStep", "BlueGreenPause"];
    let is_known = |pause: &Value| {
        reasons.iter().any(|reason| pause["reason"] == *reason) && is_time(&pause["startTime"])
    };
    let controller = status["controllerPause"] == true;
    let aborted = status["abort"] == true;
    let promoted = status["stableRS"] == status["currentPodHash"];
    let runs = [
        &status["canary"]["currentStepAnalysisRunStatus"],
        &status["canary"]["currentBackgroundAnalysisRunStatus"],
        &status["blueGreen"]["prePromotionAnalysisRunStatus"],
        &status["blueGreen"]["postPromotionAnalysisRunStatus"],
    ];
    let nameless = runs.iter().any(|run| !run.is_null() && run["name"].as_str().is_none());
    those([
        (pauses.iter().any(|pause| !is_known(pause)), "a pause has no known reason and time"),
        (!pauses.is_empty() && !controller, "it has pauses without controllerPause"),
        (
            controller && pauses.is_empty() && spec["paused"] != true,
            "it has controllerPause without pauses, which means that somebody has resumed it",
        ),
        (aborted != is_time(&status["abortedAt"]), "abort and abortedAt do not go together"),
        (promoted && status["promoteFull"] == true, "it is promoted and still has promoteFull"),
        (nameless, "an analysis in its status has no name"),
    ])
}

fn conditions(status: &Value) -> Vec<String> {
    let all = status["conditions"].as_array().cloned().unwrap_or_default();
    let known: BTreeMap<&str, &[&str]> = CONDITIONS.into_iter().collect();
    let mut found = Vec::new();
    for condition in &all {
        let kind = condition["type"].as_str().unwrap_or_default();
        let reason = condition["reason"].as_str().unwrap_or_default();
        let reasons = known.get(kind);
        let timed =
            is_time(&condition["lastUpdateTime"]) && is_time(&condition["lastTransitionTime"]);
        if reasons.is_none_or(|all| !all.is_empty() && !all.contains(&reason)) || !timed {
            found.push(format!("Argo Rollouts has no condition {kind} with reason {reason}"));
        }
    }
    for kind in ["Progressing", "Available"] {
        if !all.iter().any(|condition| condition["type"] == kind) {
            found.push(format!("it has no condition {kind}"));
        }
    }
    found
}

/// What autoscalers and front ends read.
fn numbers(rollout: &Value) -> Vec<String> {
    let status = &rollout["status"];
    let canary = !rollout["spec"]["strategy"]["canary"].is_null();
    let phases = ["Healthy", "Degraded", "Progressing", "Paused"];
    let count = |field: &str| number(&status[field]);
    let selector = status["selector"].as_str().unwrap_or_default();
    those([
        (!phases.iter().any(|phase| status["phase"] == *phase), "its phase is none"),
        (selector.is_empty(), "it has no selector for autoscalers"),
        (
            canary && count("HPAReplicas") != count("replicas"),
            "HPAReplicas is not the number of its pods",
        ),
        (!canary && !selector.contains(HASH), "its selector is not of one version"),
    ])
}

fn services(mirror: &Mirror, rollout: &Value, sets: &[&Value]) -> Vec<String> {
    let status = &rollout["status"];
    let mut found = Vec::new();
    for (role, service) in named_services(rollout) {
        let Some(object) = mirror.get("Service", service) else { continue };
        let selected = selected_hash(object);
        let mark = &object["metadata"]["annotations"][MANAGED_BY];
        let said = match role {
            "activeService" => Some(&status["blueGreen"]["activeSelector"]),
            "previewService" => Some(&status["blueGreen"]["previewSelector"]),
            _ => None,
        };
        let ours = *mark == rollout["metadata"]["name"];
        let wrong = those([
            (selected.is_some() && !ours, "it has no mark of its Rollout"),
            (
                selected.is_some_and(|selected| !sets.iter().any(|rs| hash(rs) == selected)),
                "it selects no ReplicaSet",
            ),
            (
                said.is_some_and(|said| said.as_str() != selected),
                "the status has another selector of it",
            ),
        ]);
        found.extend(wrong.into_iter().map(|what| format!("Service {service}: {what}")));
    }
    found
}

fn analysis_run(rollout: &Value, run: &Value) -> Vec<String> {
    let labels = &run["metadata"]["labels"];
    let kind = labels["rollout-type"].as_str().unwrap_or_default();
    let revision = run["metadata"]["annotations"][REVISION].as_str().unwrap_or_default();
    let hash = labels[HASH].as_str().unwrap_or_default();
    let index = labels["step-index"].as_str();
    let start = format!("{}-{hash}-{revision}", name(rollout));
    let end = match kind {
        "Step" => index.map(|index| format!("-{index}")),
        "Background" => Some(String::new()),
        "PrePromotion" => Some("-pre".to_owned()),
        "PostPromotion" => Some("-post".to_owned()),
        _ => None,
    };
    let named = end.as_ref().is_some_and(|end| {
        let rest = name(run).strip_prefix(&format!("{start}{end}"));
        // Another attempt is numbered.
        rest.is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('.').is_some_and(|n| n.parse::<u32>().is_ok())
        })
    });
    those([
        (hash.is_empty(), "it has no label with the hash"),
        (revision.is_empty(), "it has no revision"),
        (end.is_none(), "its labels do not say what it is for"),
        (end.is_some() && !named, "it is not named by Rollout, hash, revision and step"),
    ])
}
