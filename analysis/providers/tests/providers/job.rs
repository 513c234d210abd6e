use serde_json::json;
use sluice_crd::analysis::AnalysisPhase;
use sluice_providers::{forget, provider_of, resume, terminate};

use crate::stage::{Stage, measure, metric, now, ongoing, under_way, verdict};

const NAME: &str = "fbfd5d2e-4492-4caf-8089-0d7547d737ea.m.1";

fn job() -> sluice_crd::analysis::Metric {
    metric(json!({"job": {"spec": {"template": {"spec": {"containers": []}}}}}))
}

#[tokio::test]
async fn a_job_from_its_beginning_to_its_end() {
    let (mut cx, _, jobs) = Stage::default().shared();
    let metric = job();
    let provider = provider_of(&metric.provider).unwrap();
    let started = ongoing(measure(&cx, &metric).await);
    assert_eq!(started.metadata["job-name"], NAME);
    assert_eq!(started.metadata["job-namespace"], "shop");
    assert_eq!((started.resume_at - now()).num_milliseconds(), 1000);
    let measurement = under_way(&started);

    cx.now = now() + chrono::TimeDelta::seconds(50);
    let waiting = ongoing(resume(provider, &cx, &metric, &measurement).await);
    assert_eq!((waiting.resume_at - cx.now).num_milliseconds(), 10_000);

    let key = ("shop".to_owned(), NAME.to_owned());
    let complete = json!({"conditions": [{"type": "Complete", "status": "True"}]});
    jobs.jobs.lock().unwrap().get_mut(&key).unwrap()["status"] = complete;
    let done = verdict(resume(provider, &cx, &metric, &measurement).await);
    assert_eq!(done.phase, AnalysisPhase::Successful);
    assert_eq!(done.metadata, started.metadata);

    forget(provider, &cx, &measurement).await.unwrap();
    assert!(jobs.jobs.lock().unwrap().is_empty());
    let gone = resume(provider, &cx, &metric, &measurement).await.outcome.unwrap_err();
    assert_eq!(gone.message, format!("the Job shop/{NAME} is gone: it was deleted"));
}

#[tokio::test]
async fn ending_it_deletes_the_job() {
    let (cx, _, jobs) = Stage::default().shared();
    let metric = job();
    let provider = provider_of(&metric.provider).unwrap();
    let started = ongoing(measure(&cx, &metric).await);
    let ended = verdict(terminate(provider, &cx, &metric, &under_way(&started)).await);
    assert_eq!(
        (ended.phase, ended.message.as_str()),
        (AnalysisPhase::Inconclusive, "Metric Terminated")
    );
    assert_eq!(ended.metadata, started.metadata);
    assert!(jobs.jobs.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_pod_without_its_image_is_inconclusive() {
    let (cx, _, jobs) = Stage::default().shared();
    let metric = job();
    let provider = provider_of(&metric.provider).unwrap();
    let started = ongoing(measure(&cx, &metric).await);
    let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}});
    *jobs.pods.lock().unwrap() = vec![json!({
        "metadata": {"name": "p"},
        "status": {"containerStatuses": [{"name": "c", "state": waiting}]},
    })];
    let stuck = verdict(resume(provider, &cx, &metric, &under_way(&started)).await);
    assert_eq!(stuck.phase, AnalysisPhase::Inconclusive);
    assert_eq!(stuck.message, "pod p, container c: ImagePullBackOff: no such tag");
}

#[tokio::test]
async fn jobs_may_run_elsewhere() {
    let mut stage = Stage::default();
    stage.jobs.place = Some(("jobs".to_owned(), true));
    let (cx, _, jobs) = stage.shared();
    let started = ongoing(measure(&cx, &job()).await);
    assert_eq!(started.metadata["job-namespace"], "jobs");
    let jobs = jobs.jobs.lock().unwrap();
    let manifest = jobs.values().next().unwrap();
    assert_eq!(manifest["metadata"]["namespace"], "jobs");
    assert!(manifest["metadata"].get("ownerReferences").is_none());
}

/// A secret that is a part of the name of the Job masks it in the status; the Job is found all the
/// same.
#[tokio::test]
async fn a_masked_name_does_not_lose_the_job() {
    let mut stage = Stage::default();
    stage.redactor.add("0d7547d737ea");
    let (cx, _, jobs) = stage.shared();
    let metric = job();
    let provider = provider_of(&metric.provider).unwrap();
    let started = ongoing(measure(&cx, &metric).await);
    assert_eq!(started.metadata["job-name"], "fbfd5d2e-4492-4caf-8089-*****.m.1");
    let ended = terminate(provider, &cx, &metric, &under_way(&started)).await;
    assert_eq!(verdict(ended).phase, AnalysisPhase::Inconclusive);
    assert!(jobs.jobs.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_job_is_an_error() {
    let (cx, _, _) = Stage::default().shared();
    ongoing(measure(&cx, &job()).await);
    let error = measure(&cx, &job()).await.outcome.unwrap_err();
    assert_eq!((error.category, error.message.as_str()), ("cluster", "there is such a Job"));
}

/// A measurement is not lost, and no second Job made, because the API server is away for a while.
#[tokio::test]
async fn a_busy_api_server_is_asked_again() {
    let (mut cx, _, jobs) = Stage::default().shared();
    let metric = job();
    let provider = provider_of(&metric.provider).unwrap();
    let busy = |is: bool| *jobs.busy.lock().unwrap() = is;
    busy(true);
    let waiting = ongoing(measure(&cx, &metric).await);
    assert_eq!(waiting.trouble, "the API server did not answer");
    assert_eq!((waiting.resume_at - now()).num_seconds(), 10);
    let mut measurement = under_way(&waiting);
    measurement.message = waiting.trouble;

    cx.now = waiting.resume_at;
    let waiting = ongoing(resume(provider, &cx, &metric, &measurement).await);
    assert_eq!((waiting.resume_at - cx.now).num_seconds(), 10);
    busy(false);
    let created = ongoing(resume(provider, &cx, &metric, &measurement).await);
    assert_eq!((created.trouble.as_str(), jobs.jobs.lock().unwrap().len()), ("", 1));

    busy(true);
    let ending = terminate(provider, &cx, &metric, &under_way(&created)).await;
    assert_eq!(ongoing(ending).trouble, "the API server did not answer");
    busy(false);
    let ended = terminate(provider, &cx, &metric, &under_way(&created)).await;
    assert_eq!(verdict(ended).message, "Metric Terminated");
    assert!(jobs.jobs.lock().unwrap().is_empty());
}

/// A status can be edited by whoever may edit the run.
#[tokio::test]
async fn nobody_elses_job_is_deleted() {
    let (cx, _, jobs) = Stage::default().shared();
    let metric = job();
    let provider = provider_of(&metric.provider).unwrap();
    let mut measurement = under_way(&ongoing(measure(&cx, &metric).await));
    measurement.metadata.insert("job-name".to_owned(), "backup".to_owned());
    let key = ("shop".to_owned(), "backup".to_owned());
    jobs.jobs.lock().unwrap().insert(key.clone(), json!({}));
    forget(provider, &cx, &measurement).await.unwrap();
    verdict(terminate(provider, &cx, &metric, &measurement).await);
    assert_eq!(jobs.jobs.lock().unwrap().keys().collect::<Vec<_>>(), [&key]);
}
