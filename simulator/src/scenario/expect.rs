//! Whether the cluster is as a scenario says.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::file::{Endpoints, Expect};
use super::mirror::Mirror;
use super::named;
use super::routers;

/// What is not as it should be, one line each; empty where all is.
///
/// Without events, what is expected of them does not count.
pub(super) fn differences(
    expect: &Expect,
    mirror: &Mirror,
    told: Option<&[ToldEvent]>,
) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(name) = &expect.rollout {
        match mirror.get("Rollout", name) {
            Some(rollout) => about_rollout(expect, name, rollout, mirror, told, &mut out),
            None => out.push(format!("Rollout {name} does not exist")),
        }
    }
    if let Some(object) = &expect.object {
        let name = named::resolve(mirror, &object.kind, &object.name);
        let found = mirror.get(&object.kind, &name);
        match (found, object.absent) {
            (Some(_), true) => out.push(format!("{} {} exists", object.kind, object.name)),
            (None, false) => out.push(format!("{} {} does not exist", object.kind, object.name)),
            (Some(found), false) => {
                if let Some(part) = &object.is {
                    part_of(part, found, &format!("{} {}", object.kind, object.name), &mut out);
                }
            }
            (None, true) => {}
        }
    }
    routers::expect::differences(&expect.routes, mirror, &mut out);
    if let Some(service) = &expect.service {
        about_endpoints(expect, service, mirror, &mut out);
    }
    if let Some(name) = &expect.run {
        match (named::run(mirror, name), expect.absent) {
            (Some(_), true) => out.push(format!("AnalysisRun {name} exists")),
            (Some(run), false) => about_run(expect, name, run, mirror, told, &mut out),
            (None, true) => {}
            (None, false) => out.push(format!("AnalysisRun {name} does not exist")),
        }
    }
    for (name, wanted) in &expect.runs {
        let found = named::runs(mirror, name).len();
        if found != *wanted {
            out.push(format!("{found} AnalysisRuns of {name}, not {wanted}"));
        }
    }
    out
}

/// An event that was seen.
#[derive(Clone, Debug)]
pub(super) struct ToldEvent {
    /// Kind and name of what it is about.
    pub(super) about: (String, String),
    pub(super) reason: String,
}

fn about_endpoints(expect: &Expect, service: &str, mirror: &Mirror, out: &mut Vec<String>) {
    if mirror.get("Service", service).is_none() {
        out.push(format!("Service {service} does not exist"));
    }
    let ready = named::ready_endpoints(mirror, service);
    let total = match &expect.endpoints {
        None => return,
        Some(Endpoints::Number(number)) => *number,
        Some(Endpoints::ByVersion(versions)) => {
            for (version, wanted) in versions {
                let set = named::replica_set(mirror, version);
                let pods = set.map(|set| mirror.pods_of(set)).unwrap_or_default();
                let is_ready = |pod: &&Value| {
                    pod["metadata"]["uid"].as_str().is_some_and(|uid| ready.contains(uid))
                };
                let found = pods.into_iter().filter(is_ready).count();
                if found != *wanted {
                    out.push(format!(
                        "Service {service} has {found} ready endpoints of {version}, not {wanted}"
                    ));
                }
            }
            versions.values().sum()
        }
    };
    if ready.len() != total {
        out.push(format!("Service {service} has {} ready endpoints, not {total}", ready.len()));
    }
}

fn about_run(
    expect: &Expect,
    called: &str,
    run: &Value,
    mirror: &Mirror,
    told: Option<&[ToldEvent]>,
    out: &mut Vec<String>,
) {
    let status = &run["status"];
    if let Some(phase) = &expect.phase
        && status["phase"] != phase.as_str()
    {
        let (found, why) = (&status["phase"], &status["message"]);
        out.push(format!("AnalysisRun {called} is {found} ({why}), not {phase}"));
    }
    if let Some(part) = &expect.is {
        part_of(part, run, &format!("AnalysisRun {called}"), out);
    }
    for (metric, wanted) in &expect.jobs {
        let found = named::jobs(mirror, run, metric).len();
        if found != *wanted {
            out.push(format!("AnalysisRun {called} has {found} Jobs of {metric}, not {wanted}"));
        }
    }
    if expect.rollout.is_none() {
        let name = run["metadata"]["name"].as_str().unwrap_or_default();
        about_events(expect, ("AnalysisRun", name), told, out);
    }
}

fn about_events(
    expect: &Expect,
    (kind, name): (&str, &str),
    told: Option<&[ToldEvent]>,
    out: &mut Vec<String>,
) {
    let Some(told) = told else { return };
    let is_about = |event: &&ToldEvent| event.about.0 == kind && event.about.1 == name;
    for (reason, wanted) in &expect.events {
        let found = told.iter().filter(is_about).filter(|e| e.reason == *reason).count();
        if found != *wanted {
            out.push(format!("event {reason} told {found} times, not {wanted}"));
        }
    }
}

fn about_rollout(
    expect: &Expect,
    name: &str,
    rollout: &Value,
    mirror: &Mirror,
    told: Option<&[ToldEvent]>,
    out: &mut Vec<String>,
) {
    if let Some(part) = &expect.status {
        part_of(part, &rollout["status"], "status", out);
    }
    if let Some(part) = &expect.annotations {
        part_of(part, &rollout["metadata"]["annotations"], "annotations", out);
    }
    for (kind, wanted) in &expect.conditions {
        let found = condition(rollout, kind);
        if !matches(wanted, &found) {
            out.push(format!("condition {kind} is `{found}`, not `{wanted}`"));
        }
    }
    let sets = mirror.replica_sets_of(rollout);
    let by_revision: BTreeMap<String, &Value> = sets.iter().map(|rs| (revision(rs), *rs)).collect();
    let mut counts = |wanted: &BTreeMap<String, i64>, what: &str, pointer: &str| {
        for (revision, wanted) in wanted {
            let found = by_revision
                .get(revision)
                .map(|rs| rs.pointer(pointer).and_then(Value::as_i64).unwrap_or(0));
            if found != Some(*wanted) {
                let found = found.map_or_else(|| "no ReplicaSet".to_owned(), |n| n.to_string());
                out.push(format!("revision {revision}: {what} {found}, not {wanted}"));
            }
        }
    };
    counts(&expect.replicas, "asked for", "/spec/replicas");
    counts(&expect.available, "available", "/status/availableReplicas");
    if let Some(wanted) = expect.replica_sets
        && sets.len() != wanted
    {
        out.push(format!("{} ReplicaSets, not {wanted}", sets.len()));
    }
    for (service, wanted) in &expect.services {
        let hash = mirror
            .get("Service", service)
            .map(|s| s["spec"]["selector"]["rollouts-pod-template-hash"].as_str().unwrap_or(""));
        let found = match hash {
            None => "no such Service".to_owned(),
            Some("") => "0".to_owned(),
            Some(hash) => sets
                .iter()
                .find(|rs| rs["metadata"]["labels"]["rollouts-pod-template-hash"] == hash)
                .map_or_else(|| format!("unknown hash {hash}"), |rs| revision(rs)),
        };
        if found != wanted.to_string() {
            out.push(format!("Service {service} selects {found}, not {wanted}"));
        }
    }
    for (revision, part) in &expect.pods {
        let pods = by_revision.get(revision).map(|rs| mirror.pods_of(rs)).unwrap_or_default();
        let staying = |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_null();
        for pod in pods.into_iter().filter(staying) {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            part_of(part, pod, &format!("pod {name} of revision {revision}"), out);
        }
    }
    if let Some(wanted) = expect.kept_pods {
        let found = mirror.kept_pods();
        if found != wanted {
            out.push(format!("{found} of the remembered pods are there, not {wanted}"));
        }
    }
    about_events(expect, ("Rollout", name), told, out);
    if let Some(wanted) = expect.same_pods
        && mirror.pods_are_as_remembered(rollout) != wanted
    {
        out.push("pods have been replaced".to_owned());
    }
}

/// The revision of a ReplicaSet, as text.
pub(super) fn revision(rs: &Value) -> String {
    let annotations = &rs["metadata"]["annotations"];
    annotations["rollout.argoproj.io/revision"].as_str().unwrap_or("?").to_owned()
}

/// `Status Reason: message`, or `absent`.
fn condition(rollout: &Value, kind: &str) -> String {
    let all = rollout["status"]["conditions"].as_array();
    let found = all.into_iter().flatten().find(|c| c["type"] == kind);
    found.map_or_else(
        || "absent".to_owned(),
        |c| {
            let text = |field: &str| c[field].as_str().unwrap_or_default();
            format!("{} {}: {}", text("status"), text("reason"), text("message"))
        },
    )
}

/// Whether text is as wanted: a regex after `~`; else equal, or equal up to a `: `.
fn matches(wanted: &str, found: &str) -> bool {
    if let Some(pattern) = wanted.strip_prefix('~') {
        return Regex::new(pattern).is_ok_and(|regex| regex.is_match(found));
    }
    found == wanted || found.strip_prefix(wanted).is_some_and(|rest| rest.starts_with(": "))
}

/// Whether a part says what a list has, lacks, or how many there are of it.
fn is_about_elements(part: &Map<String, Value>) -> bool {
    !part.is_empty()
        && part.iter().all(|(key, value)| match key.as_str() {
            "has" | "lacks" => value.is_array(),
            "count" => value.is_u64(),
            _ => false,
        })
}

fn elements(part: &Map<String, Value>, all: &[Value], path: &str, out: &mut Vec<String>) {
    let fits = |wanted: &Value| {
        all.iter().any(|found| {
            let mut differences = Vec::new();
            part_of(wanted, found, "", &mut differences);
            differences.is_empty()
        })
    };
    let of = |key: &str| part.get(key).and_then(Value::as_array).into_iter().flatten();
    for wanted in of("has").filter(|wanted| !fits(wanted)) {
        out.push(format!("{path} has no {wanted}: {}", Value::from(all)));
    }
    for wanted in of("lacks").filter(|wanted| fits(wanted)) {
        out.push(format!("{path} has {wanted}: {}", Value::from(all)));
    }
    if let Some(count) = part.get("count").filter(|count| **count != all.len()) {
        out.push(format!("{path} has {} elements, not {count}", all.len()));
    }
}

/// Compares a part with a whole; says where they differ.
fn part_of(part: &Value, whole: &Value, path: &str, out: &mut Vec<String>) {
    match (part, whole) {
        (Value::Object(part), Value::Array(_) | Value::Null) if is_about_elements(part) => {
            elements(part, whole.as_array().map(Vec::as_slice).unwrap_or_default(), path, out);
        }
        (Value::Object(part), Value::Object(whole)) => {
            for (key, wanted) in part {
                let at = format!("{path}.{key}");
                part_of(wanted, whole.get(key).unwrap_or(&Value::Null), &at, out);
            }
        }
        (Value::Object(part), Value::Null) if part.values().all(Value::is_null) => {}
        (Value::Array(part), Value::Array(whole)) if part.len() == whole.len() => {
            for (i, (wanted, found)) in part.iter().zip(whole).enumerate() {
                part_of(wanted, found, &format!("{path}[{i}]"), out);
            }
        }
        (Value::String(wanted), Value::String(found)) if wanted.starts_with('~') => {
            if !matches(wanted, found) {
                out.push(format!("{path} is `{found}`, which `{wanted}` does not match"));
            }
        }
        (wanted, found) if wanted == found => {}
        (wanted, found) => out.push(format!("{path} is {found}, not {wanted}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(part: &Value, whole: &Value) -> Vec<String> {
        let mut out = Vec::new();
        part_of(part, whole, "status", &mut out);
        out
    }

    #[test]
    fn a_part_fits_where_all_that_it_names_is_equal() {
        let whole =
            json!({"phase": "Paused", "message": "CanaryPauseStep", "list": [{"a": 1, "b": 2}]});
        assert!(
            check(&json!({"phase": "Paused", "abort": null, "list": [{"a": 1}]}), &whole)
                .is_empty()
        );
        assert!(check(&json!({"message": "~^Canary"}), &whole).is_empty());
        assert_eq!(
            check(&json!({"phase": "Healthy", "message": null, "list": []}), &whole),
            [
                "status.list is [{\"a\":1,\"b\":2}], not []",
                "status.message is \"CanaryPauseStep\", not null",
                "status.phase is \"Paused\", not \"Healthy\"",
            ]
        );
    }

    #[test]
    fn elements_of_a_list_are_found_wherever_they_stand() {
        let whole = json!({"rules": [{"name": "a", "b": 1}, {"name": "c"}]});
        let good = json!({"rules": {"has": [{"name": "c"}, {"b": 1}], "lacks": [{"name": "d"}], "count": 2}});
        assert!(check(&good, &whole).is_empty());
        assert!(check(&json!({"other": {"lacks": ["x"], "count": 0}}), &whole).is_empty());
        let bad = json!({"rules": {"has": [{"name": "a", "b": 2}], "lacks": [{"name": "c"}], "count": 1}});
        assert_eq!(check(&bad, &whole).len(), 3);
        assert_eq!(check(&json!({"other": {"has": [1]}}), &whole), ["status.other has no 1: []"]);
    }

    #[test]
    fn a_condition_may_be_named_without_its_message() {
        assert!(matches(
            "True AvailableReason",
            "True AvailableReason: Rollout has minimum availability"
        ));
        assert!(matches("~deadline", "True X: the deadline"));
        assert!(!matches("True Available", "True AvailableReason: x"));
    }
}
