//! The Job controller: pods until enough of them have succeeded, too many have failed, or the time
//! is up. Jobs with indexes, and those that name another controller, are left alone.

mod census;
mod verdict;

use chrono::Duration;
use serde_json::{Map, Value, json};
use std::sync::Arc;

use super::queue::Work;
use super::{collect, condition, controller_of, pods, template, time, until};
use crate::api::{Payload, Subresource, Verb, route::Target};
use crate::clock::rfc3339;
use crate::kinds::GroupResource;
use crate::state::State;
use crate::store::Key;
use census::Census;
use verdict::Verdict;

/// Holds a pod until its end has been counted.
const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// At most this many pods are created or deleted in one go.
const BURST_MAX: usize = 500;
/// How soon a refused creation is tried again.
const RETRY: std::time::Duration = std::time::Duration::from_secs(1);

fn jobs() -> GroupResource {
    GroupResource::new("batch", "jobs")
}

/// Brings one Job closer to its end.
pub(super) fn sync(state: &mut State, key: &Key) {
    let Some(job) = state.store.get(&jobs(), key).cloned() else { return };
    if let Some(verdict) = Verdict::final_of(&job) {
        retire(state, key, &job, &verdict);
        return;
    }
    let other = "kubernetes.io/job-controller";
    let managed = job["spec"]["managedBy"].as_str().is_none_or(|name| name == other);
    if !managed || job["spec"]["completionMode"] == "Indexed" {
        return;
    }
    let mut census = Census::take(state, &job);
    let mut status = job["status"].as_object().cloned().unwrap_or_default();
    let suspended = job["spec"]["suspend"] == true;
    let now = rfc3339(state.now());
    if !suspended && !status.contains_key("startTime") {
        status.insert("startTime".into(), now.as_str().into());
    }
    let mut verdict = Verdict::reached(state, &job, &status, &census);
    if verdict.is_some() {
        for pod in census.dismiss(BURST_MAX) {
            delete(state, key, &pod);
        }
    } else {
        if job["metadata"]["deletionTimestamp"].is_null() {
            manage(state, key, &job, &mut census);
        }
        if census.is_complete(&job) {
            verdict = Some(Verdict::complete());
        } else {
            note_suspension(&mut status, suspended, &now);
        }
    }
    watch_the_clock(state, key, &job, &status, verdict.as_ref());
    conclude(state, key, &census, status, verdict.as_ref());
}

/// Writes down what has come to an end, lets those pods go, and counts them: in two writes of the
/// status, so that a controller that dies in between counts none twice.
fn conclude(
    state: &mut State,
    key: &Key,
    census: &Census,
    mut status: Map<String, Value>,
    verdict: Option<&Verdict>,
) {
    for (field, count, always) in [
        ("active", census.active.len(), false),
        ("ready", census.ready, true),
        ("terminating", census.terminating, true),
    ] {
        if count > 0 || always {
            status.insert(field.into(), count.into());
        } else {
            status.remove(field);
        }
    }
    let now = rfc3339(state.now());
    let lists = [("succeeded", &census.succeeded), ("failed", &census.failed(verdict.is_some()))];
    let uncounted = lists.iter().filter(|(_, uids)| !uids.is_empty());
    let uncounted: Map<String, Value> =
        uncounted.map(|(field, uids)| ((*field).to_owned(), json!(uids))).collect();
    let interim = verdict.filter(|verdict| !verdict.is_noted(&status));
    if let Some(verdict) = interim {
        verdict.note(&mut status, verdict.interim(), &now);
    }
    status.insert("uncountedTerminatedPods".into(), Value::Object(uncounted.clone()));
    if !uncounted.is_empty() || interim.is_some() {
        write_status(state, key, &status);
    }
    for pod in census.released(verdict.is_some() || !lives(state, key)) {
        collect::remove_finalizer(state, &pods(), &pod, TRACKING);
    }
    status.insert("uncountedTerminatedPods".into(), json!({}));
    for (field, uids) in lists {
        let before = status.get(field).and_then(Value::as_u64).unwrap_or(0);
        let count = before + uids.len() as u64;
        if count > 0 {
            status.insert(field.into(), count.into());
        }
    }
    if let Some(verdict) = verdict.filter(|_| census.terminating == 0) {
        verdict.note(&mut status, verdict.last(), &now);
        if verdict.is_good() {
            status.insert("completionTime".into(), now.into());
        }
    }
    write_status(state, key, &status);
}

fn lives(state: &State, key: &Key) -> bool {
    let job = state.store.get(&jobs(), key);
    job.is_some_and(|job| job["metadata"]["deletionTimestamp"].is_null())
}

/// As many pods as there should be at a time.
fn manage(state: &mut State, key: &Key, job: &Value, census: &mut Census) {
    let active = i64::try_from(census.active.len()).unwrap_or(i64::MAX);
    let wanted = if job["spec"]["suspend"] == true { 0 } else { census.wanted(job) };
    if active > wanted {
        let count = usize::try_from(active - wanted).unwrap_or(BURST_MAX);
        for pod in census.dismiss(count.min(BURST_MAX)) {
            // Whoever was not wanted any longer has not failed.
            census.forget(&pod);
            collect::remove_finalizer(state, &pods(), &key_of(key, &pod), TRACKING);
            delete(state, key, &pod);
        }
        return;
    }
    if active == wanted {
        return;
    }
    let wait = census.pause_after_failures(state.now());
    if wait > Duration::zero() {
        state.work.later(Work::Job(key.clone()), wait.to_std().unwrap_or_default());
        return;
    }
    let mut pod = template::pod(job);
    let finalizers = pod["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let finalizers: Vec<Value> =
        finalizers.into_iter().filter(|name| name != TRACKING).chain([TRACKING.into()]).collect();
    pod["metadata"]["finalizers"] = finalizers.into();
    let missing = usize::try_from(wanted - active).unwrap_or(0);
    for _ in 0..missing.min(BURST_MAX) {
        let target = Target {
            resource: &pods(),
            namespace: &key.namespace,
            name: "",
            subresource: Subresource::Main,
        };
        if state.internal(Verb::Create, target, Payload::Json(pod.clone()), &[]).is_err() {
            state.work.later(Work::Job(key.clone()), RETRY);
            return;
        }
        census.active.push(Arc::new(pod.clone()));
    }
}

fn key_of(job: &Key, pod: &Value) -> Key {
    Key::new(&job.namespace, pod["metadata"]["name"].as_str().unwrap_or_default())
}

fn delete(state: &mut State, key: &Key, pod: &Value) {
    // One that is gone already is gone.
    let uid = &pod["metadata"]["uid"];
    let _ = state.delete_internal(&pods(), &key_of(key, pod), uid, json!({}));
}

/// `Suspended`, once the Job has been; going on begins the time anew.
fn note_suspension(status: &mut Map<String, Value>, suspended: bool, now: &str) {
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    let Some(list) = conditions.as_array_mut() else { return };
    let known = list.iter_mut().find(|condition| condition["type"] == "Suspended");
    let (value, reason, message) = match suspended {
        true => ("True", "JobSuspended", "Job suspended"),
        false => ("False", "JobResumed", "Job resumed"),
    };
    let fresh = verdict::condition("Suspended", value, reason, message, now);
    let changed = match known {
        Some(known) if known["status"] == value => false,
        Some(known) => {
            *known = fresh;
            true
        }
        None if suspended => {
            list.push(fresh);
            true
        }
        None => false,
    };
    if list.is_empty() {
        status.remove("conditions");
    }
    if changed && !suspended {
        status.insert("startTime".into(), now.into());
    }
}

/// A deadline brings the Job back, whether or not anything changes by then.
fn watch_the_clock(
    state: &mut State,
    key: &Key,
    job: &Value,
    status: &Map<String, Value>,
    verdict: Option<&Verdict>,
) {
    let Some(seconds) = job["spec"]["activeDeadlineSeconds"].as_i64() else { return };
    let start = status.get("startTime").and_then(time);
    if let Some(start) = start.filter(|_| verdict.is_none() && job["spec"]["suspend"] != true) {
        let delay = until(state, start + Duration::seconds(seconds));
        state.work.later(Work::Job(key.clone()), delay);
    }
}

fn write_status(state: &mut State, key: &Key, status: &Map<String, Value>) {
    let Some(current) = state.store.get(&jobs(), key) else { return };
    if current["status"].as_object() == Some(status) {
        return;
    }
    let mut object = Value::clone(current);
    object["status"] = Value::Object(status.clone());
    let target = Target {
        resource: &jobs(),
        namespace: &key.namespace,
        name: &key.name,
        subresource: Subresource::Status,
    };
    if state.internal(Verb::Update, target, Payload::Json(object), &[]).is_err() {
        state.work.later(Work::Job(key.clone()), RETRY);
    }
}

/// A Job that is over goes after `ttlSecondsAfterFinished`, its pods before it.
fn retire(state: &mut State, key: &Key, job: &Value, verdict: &Verdict) {
    let Some(ttl) = job["spec"]["ttlSecondsAfterFinished"].as_i64() else { return };
    let over = condition(job, verdict.last()).and_then(|c| time(&c["lastTransitionTime"]));
    let Some(over) = over.filter(|_| job["metadata"]["deletionTimestamp"].is_null()) else {
        return;
    };
    let delay = until(state, over + Duration::seconds(ttl));
    if !delay.is_zero() {
        state.work.later(Work::Job(key.clone()), delay);
        return;
    }
    let options = json!({"propagationPolicy": "Foreground"});
    let deleted = state.delete_internal(&jobs(), key, &job["metadata"]["uid"], options);
    if deleted.is_err_and(|error| error.code != 404) {
        state.work.later(Work::Job(key.clone()), RETRY);
    }
}

/// Takes the finalizer from a pod whose Job is gone or has let it go; whether it did.
pub(super) fn let_go(state: &mut State, key: &Key, pod: &Value) -> bool {
    if !collect::has_finalizer(pod, TRACKING) {
        return false;
    }
    let owner = controller_of(pod).and_then(|owner| owner["uid"].as_str());
    let lives = owner.is_some_and(|uid| state.store.by_uid(uid).is_some());
    if !lives {
        collect::remove_finalizer(state, &pods(), key, TRACKING);
    }
    !lives
}
