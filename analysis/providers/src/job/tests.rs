use super::*;

const UID: &str = "fbfd5d2e-4492-4caf-8089-0d7547d737ea";

fn run() -> RunId {
    let name = "canary-analysis-failed-785b8d9f5b-2-1".to_owned();
    RunId { namespace: "shop".to_owned(), name, uid: UID.to_owned() }
}

fn id() -> JobId {
    JobId { namespace: "shop".to_owned(), name: format!("{UID}.smoke.1") }
}

/// What a real one looked like.
#[test]
fn the_manifest_is_upstreams() {
    let job: JobMetric = serde_json::from_value(json!({
        "metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}, "name": "ignored"},
        "spec": {"backoffLimit": 0, "fromTheFuture": 1, "template": {"spec": {"containers": []}}},
    }))
    .unwrap();
    assert_eq!(
        manifest(&job, "smoke", &run(), &id(), false),
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": format!("{UID}.smoke.1"),
                "namespace": "shop",
                "labels": {"analysisrun.argoproj.io/uid": UID, "team": "a"},
                "annotations": {
                    "analysisrun.argoproj.io/metric-name": "smoke",
                    "analysisrun.argoproj.io/name": "canary-analysis-failed-785b8d9f5b-2-1",
                    "analysisrun.argoproj.io/namespace": "shop",
                    "note": "b",
                },
                "ownerReferences": [{
                    "apiVersion": "argoproj.io/v1alpha1",
                    "blockOwnerDeletion": true,
                    "controller": true,
                    "kind": "AnalysisRun",
                    "name": "canary-analysis-failed-785b8d9f5b-2-1",
                    "uid": UID,
                }],
            },
            "spec": {"backoffLimit": 0, "fromTheFuture": 1, "template": {"spec": {"containers": []}}},
        })
    );
}

#[test]
fn elsewhere_there_is_no_owner() {
    let elsewhere = JobId { namespace: "jobs".to_owned(), ..id() };
    for (id, remote) in [(id(), true), (elsewhere, false)] {
        let manifest = manifest(&JobMetric::default(), "smoke", &run(), &id, remote);
        assert_eq!(manifest["metadata"]["ownerReferences"], Value::Null);
        assert_eq!(manifest["metadata"]["namespace"], json!(id.namespace));
    }
}

#[test]
fn names_fit_and_differ() {
    assert_eq!(name(UID, "smoke", 1), format!("{UID}.smoke.1"));
    let long = "integration-test-of-the-checkout";
    let names = [
        name(UID, &format!("{long}-a"), 1),
        name(UID, &format!("{long}-b"), 1),
        name(UID, &format!("{long}-a"), 2),
        name(UID, &format!("{long}-a"), u32::MAX),
        name(UID, &"-".repeat(70), 1),
        name(UID, &"é".repeat(40), 7),
    ];
    for (place, name) in names.iter().enumerate() {
        assert!(name.len() <= NAME_BYTES_MAX, "{name}");
        assert!(name.starts_with(UID) && !name.contains("-.") && !name.contains(".."), "{name}");
        assert_eq!(names.iter().position(|other| other == name), Some(place), "{name}");
    }
    assert_eq!(names[0], format!("{UID}.integration-tes-30828d29.1"));
}

fn job(kind: &str, status: &str) -> Value {
    json!({"status": {"conditions": [
        {"type": "Suspended", "status": "False"},
        {"type": kind, "status": status, "reason": "BackoffLimitExceeded",
         "message": "Job has reached the specified backoff limit"},
    ]}})
}

#[test]
fn the_outcome_of_the_job_is_that_of_the_measurement() {
    let verdict = |job: &Value| match finished(job, &id()) {
        Some(Reading::Verdict(verdict)) => Some((verdict.phase, verdict.message)),
        None => None,
        other => panic!("{other:?}"),
    };
    let reason = "BackoffLimitExceeded: Job has reached the specified backoff limit".to_owned();
    assert_eq!(verdict(&job("Failed", "True")), Some((AnalysisPhase::Failed, reason)));
    let successful = Some((AnalysisPhase::Successful, String::new()));
    assert_eq!(verdict(&job("Complete", "True")), successful);
    for job in [job("Failed", "False"), job("FailureTarget", "True"), json!({}), json!("x")] {
        assert_eq!(verdict(&job), None, "{job}");
    }
}

#[test]
fn a_pod_without_image_ends_it() {
    let now = Utc::now();
    for reason in NO_IMAGE {
        for list in ["containerStatuses", "initContainerStatuses"] {
            let waiting = json!({"reason": reason, "message": "not found"});
            let status = json!({"name": "t", "state": {"waiting": waiting}});
            let pods = [
                json!({"metadata": {"name": "p0"}, "status": {list: [{"state": {"running": {}}}]}}),
                json!({"metadata": {"name": "p1"}, "status": {list: [status]}}),
            ];
            let Reading::Verdict(verdict) = interpret(&pods, &id(), now, now) else { panic!() };
            assert_eq!(verdict.phase, AnalysisPhase::Inconclusive);
            assert_eq!(verdict.message, format!("pod p1, container t: {reason}: not found"));
            assert_eq!(verdict.metadata["job-name"], id().name);
        }
    }
}

#[test]
fn it_is_looked_at_less_and_less() {
    let started: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    let creating = json!({"state": {"waiting": {"reason": "ContainerCreating"}}});
    let pods = [json!({"status": {"containerStatuses": [creating]}})];
    for (elapsed, wait_ms) in
        [(-5, 1000), (0, 1000), (1, 1414), (8, 4000), (50, 10_000), (3600, 84_853)]
    {
        let now = started + TimeDelta::seconds(elapsed);
        let Reading::Ongoing(ongoing) = interpret(&pods, &id(), now, started) else { panic!() };
        assert_eq!(ongoing.resume_at - now, TimeDelta::milliseconds(wait_ms), "{elapsed}");
        assert_eq!(ongoing.metadata["job-namespace"], "shop");
    }
}
