//! A Kubernetes Job: the measurement is its outcome.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sluice_analysis::{Ongoing, Reading, Verdict};
use sluice_crd::analysis::{AnalysisPhase, JobMetric, Measurement, Metric};

use crate::context::{Context, JobId, RunId};
use crate::error::ProviderError;
use crate::provider::{Provider, terminated};

/// Keys of the measurement's metadata.
const JOB_NAME: &str = "job-name";
const JOB_NAMESPACE: &str = "job-namespace";

/// Marks the Jobs of a run.
const UID: &str = "analysisrun.argoproj.io/uid";

/// The Job controller makes labels of the name.
const NAME_BYTES_MAX: usize = 63;

/// The category of errors of an API server that may be well again soon.
const BUSY: &str = "busy";

/// When it is asked again.
const RETRY: TimeDelta = TimeDelta::seconds(10);

/// What the pods of a Job wait for that does not come by itself.
const NO_IMAGE: [&str; 3] = ["ErrImagePull", "ImagePullBackOff", "InvalidImageName"];

/// Runs a Job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job;

#[async_trait]
impl Provider for Job {
    async fn measure(&self, cx: &Context, metric: &Metric) -> Result<Reading, ProviderError> {
        let Some(job) = &metric.provider.job else {
            return Err(ProviderError::spec("the metric has no provider.job"));
        };
        let (namespace, remote) = cx.cluster.place(&cx.run);
        let id = JobId { name: name(&cx.run.uid, &metric.name, cx.number), namespace };
        let manifest = manifest(job, &metric.name, &cx.run, &id, remote);
        match cx.cluster.create_job(&id.namespace, &manifest).await {
            // It may be there or not: to be created is what it is asked for until it is seen.
            Err(error) => later(error, &id, cx.now),
            Ok(()) => Ok(ongoing(&id, cx.now, TimeDelta::zero())),
        }
    }

    async fn resume(
        &self,
        cx: &Context,
        metric: &Metric,
        ongoing: &Measurement,
    ) -> Result<Reading, ProviderError> {
        let id = job_of(cx, &metric.name, ongoing);
        let started = ongoing.started_at.map_or(cx.now, |at| at.to_chrono());
        let job = match cx.cluster.job(&id).await {
            Err(error) => return later(error, &id, cx.now),
            Ok(job) => job,
        };
        let Some(job) = job else {
            if !ongoing.message.is_empty() {
                return self.measure(cx, metric).await;
            }
            let text = format!("the Job {}/{} is gone: it was deleted", id.namespace, id.name);
            return Err(ProviderError::new("cluster", text));
        };
        if let Some(reading) = finished(&job, &id) {
            return Ok(reading);
        }
        match cx.cluster.pods_of(&id).await {
            Err(error) => later(error, &id, cx.now),
            Ok(pods) => Ok(interpret(&pods, &id, cx.now, started)),
        }
    }

    async fn terminate(
        &self,
        cx: &Context,
        metric: &Metric,
        ongoing: &Measurement,
    ) -> Result<Reading, ProviderError> {
        let id = job_of(cx, &metric.name, ongoing);
        match cx.cluster.delete_job(&id).await {
            // Once more, and no longer: a verdict of other metrics waits for this.
            Err(error) if ongoing.message.is_empty() => later(error, &id, cx.now),
            Err(error) if error.category == BUSY => Ok(left_behind(&id, &error)),
            Err(error) => Err(error),
            Ok(()) => Ok(terminated(metadata(&id))),
        }
    }

    async fn forget(&self, cx: &Context, dropped: &Measurement) -> Result<(), ProviderError> {
        // A status can be edited: nobody else's Job is deleted for it.
        match written(cx, dropped).filter(|id| is_own(id, cx)) {
            Some(id) => cx.cluster.delete_job(&id).await,
            None => Ok(()),
        }
    }
}

/// A measurement that is over for its run, though its Job could not be deleted.
fn left_behind(id: &JobId, error: &ProviderError) -> Reading {
    Reading::Verdict(Verdict {
        phase: AnalysisPhase::Inconclusive,
        message: format!("Metric Terminated; its Job is left behind: {}", error.message),
        text: String::new(),
        metadata: metadata(id),
    })
}

/// The Job of a measurement, as its metadata says.
fn written(cx: &Context, measurement: &Measurement) -> Option<JobId> {
    let name = measurement.metadata.get(JOB_NAME)?.clone();
    let namespace = measurement.metadata.get(JOB_NAMESPACE).cloned();
    Some(JobId { name, namespace: namespace.unwrap_or_else(|| cx.cluster.place(&cx.run).0) })
}

/// Whether a Job is one of this run.
fn is_own(id: &JobId, cx: &Context) -> bool {
    id.name.strip_prefix(&cx.run.uid).is_some_and(|rest| rest.starts_with('.'))
}

/// The Job of a measurement that is under way. Its name follows from the run: metadata that is
/// missing, or in which a secret was seen, is not needed.
fn job_of(cx: &Context, metric: &str, measurement: &Measurement) -> JobId {
    written(cx, measurement).filter(|id| is_own(id, cx)).unwrap_or_else(|| JobId {
        name: name(&cx.run.uid, metric, cx.number),
        namespace: cx.cluster.place(&cx.run).0,
    })
}

/// The name of the Job for a measurement. Where it would be too long, the name of the metric gives
/// way, and a hash of it takes the place of what is missing: two metrics, or two measurements of
/// one, never share a Job.
fn name(uid: &str, metric: &str, number: u32) -> String {
    let whole = format!("{uid}.{metric}.{number}");
    if whole.len() <= NAME_BYTES_MAX {
        return whole;
    }
    let hash = format!("{:08x}", fnv(metric.as_bytes()));
    let fixed = uid.len() + hash.len() + number.to_string().len() + 3;
    let mut end = NAME_BYTES_MAX.saturating_sub(fixed).min(metric.len());
    while !metric.is_char_boundary(end) {
        end -= 1;
    }
    let kept = metric[..end].trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    if kept.is_empty() {
        return format!("{uid}.{hash}.{number}");
    }
    format!("{uid}.{kept}-{hash}.{number}")
}

/// FNV-1a.
fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The Job that measures.
fn manifest(job: &JobMetric, metric: &str, run: &RunId, id: &JobId, remote: bool) -> Value {
    let mut labels = json!(job.metadata.labels);
    labels = if labels.is_object() { labels } else { json!({}) };
    labels[UID] = json!(run.uid);
    let mut annotations = json!(job.metadata.annotations);
    annotations = if annotations.is_object() { annotations } else { json!({}) };
    annotations["analysisrun.argoproj.io/name"] = json!(run.name);
    annotations["analysisrun.argoproj.io/namespace"] = json!(run.namespace);
    annotations["analysisrun.argoproj.io/metric-name"] = json!(metric);
    let mut metadata = json!({
        "name": id.name,
        "namespace": id.namespace,
        "labels": labels,
        "annotations": annotations,
    });
    // In another cluster or namespace the owner does not exist, and the garbage collector would
    // take the Job away.
    if !remote && id.namespace == run.namespace {
        metadata["ownerReferences"] = json!([{
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AnalysisRun",
            "name": run.name,
            "uid": run.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }]);
    }
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": job.spec.to_value(),
    })
}

fn metadata(id: &JobId) -> BTreeMap<String, String> {
    let entry = |key: &str, value: &String| (key.to_owned(), value.clone());
    BTreeMap::from([entry(JOB_NAME, &id.name), entry(JOB_NAMESPACE, &id.namespace)])
}

/// The verdict, where the Job is over.
fn finished(job: &Value, id: &JobId) -> Option<Reading> {
    let conditions = job["status"]["conditions"].as_array()?;
    let holds = |kind: &str| {
        conditions
            .iter()
            .find(|condition| condition["type"] == kind && condition["status"] == "True")
    };
    let verdict =
        |phase, message| Verdict { phase, message, text: String::new(), metadata: metadata(id) };
    if let Some(failed) = holds("Failed") {
        let say = |key: &str| failed[key].as_str().unwrap_or_default();
        let message = format!("{}: {}", say("reason"), say("message"));
        let message = message.trim_matches([':', ' ']).to_owned();
        return Some(Reading::Verdict(verdict(AnalysisPhase::Failed, message)));
    }
    holds("Complete").map(|_| Reading::Verdict(verdict(AnalysisPhase::Successful, String::new())))
}

/// What comes of the pods of a Job that is not over.
fn interpret(pods: &[Value], id: &JobId, now: DateTime<Utc>, started: DateTime<Utc>) -> Reading {
    match pods.iter().find_map(without_image) {
        Some(message) => Reading::Verdict(Verdict {
            phase: AnalysisPhase::Inconclusive,
            message,
            text: String::new(),
            metadata: metadata(id),
        }),
        None => ongoing(id, now, now.signed_duration_since(started)),
    }
}

/// What a pod says that cannot get an image.
fn without_image(pod: &Value) -> Option<String> {
    let status = &pod["status"];
    let lists = [&status["initContainerStatuses"], &status["containerStatuses"]];
    let containers = lists.into_iter().filter_map(Value::as_array).flatten();
    for container in containers {
        let waiting = &container["state"]["waiting"];
        let reason = waiting["reason"].as_str().unwrap_or_default();
        if NO_IMAGE.contains(&reason) {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let container = container["name"].as_str().unwrap_or_default();
            let why = waiting["message"].as_str().unwrap_or_default();
            let text = format!("pod {name}, container {container}: {reason}: {why}");
            return Some(text.trim_end_matches([':', ' ']).to_owned());
        }
    }
    None
}

/// Asked for again after a time that grows with the root of what has passed: a short Job is noticed
/// soon, a long one costs little.
fn ongoing(id: &JobId, now: DateTime<Utc>, elapsed: TimeDelta) -> Reading {
    let elapsed = elapsed.to_std().unwrap_or_default().as_secs_f64();
    let millis = ((2.0 * elapsed).sqrt().max(1.0) * 1000.0).round();
    // At most the root of some millions of seconds: no precision is lost.
    #[allow(clippy::cast_possible_truncation)]
    let wait = TimeDelta::try_milliseconds(millis as i64).unwrap_or(TimeDelta::seconds(1));
    let trouble = String::new();
    Reading::Ongoing(Ongoing { resume_at: now + wait, metadata: metadata(id), trouble })
}

/// An API server that is busy says nothing about what is measured: it is asked again. All other
/// errors are errors of the measurement.
fn later(error: ProviderError, id: &JobId, now: DateTime<Utc>) -> Result<Reading, ProviderError> {
    if error.category != BUSY {
        return Err(error);
    }
    let metadata = metadata(id);
    Ok(Reading::Ongoing(Ongoing { resume_at: now + RETRY, metadata, trouble: error.message }))
}

#[cfg(test)]
mod tests;
