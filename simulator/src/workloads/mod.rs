//! The built-in controllers: ReplicaSets and Jobs make pods, pods live and die, the garbage collector
//! cleans up. They step on the store's own notifications and are deterministic.

mod autoscaler;
mod collect;
mod deployment;
mod disruption;
mod endpoints;
mod errand;
mod job;
mod namespace;
mod pod;
pub(crate) mod queue;
mod quota;
mod ranking;
mod related;
mod replica_set;
mod template;

pub use autoscaler::LOAD_ANNOTATION;
pub(crate) use autoscaler::Recommendations;
pub(crate) use related::related;

pub(crate) use pod::PodMemory;
pub use pod::{BEHAVIOR_ANNOTATION, Crash, READY_AFTER_ANNOTATION};

use chrono::{DateTime, Utc};
use serde_json::Value;
use std::sync::{Arc, Weak};

use crate::api::{Payload, Reply, Subresource, Verb, record_of, route::Target};
use crate::audit::CONTROLLERS;
use crate::cluster::Shared;
use crate::kinds::{GroupResource, Kind};
use crate::state::State;
use crate::status_error::StatusError;
use crate::store::Key;
use queue::Work;

/// Runs the controllers until the cluster is gone.
pub(crate) async fn run(cluster: Weak<Shared>) {
    loop {
        let (next, notify) = {
            let Some(cluster) = cluster.upgrade() else { return };
            let mut state = cluster.lock();
            while let Some(work) = state.work.take() {
                state.work_on(work);
            }
            (state.work.next_due(), state.work.notify())
        };
        match next {
            Some(next) => {
                tokio::select! {
                    biased;
                    () = notify.notified() => {}
                    () = tokio::time::sleep_until(next) => {}
                }
            }
            None => notify.notified().await,
        }
    }
}

impl State {
    fn work_on(&mut self, work: Work) {
        match work {
            Work::ReplicaSet(key) => replica_set::sync(self, &key),
            Work::Job(key) => job::sync(self, &key),
            Work::Pod(key) => pod::sync(self, &key),
            Work::Collect(resource, key) => collect::sync(self, &resource, &key),
            Work::Namespace(name) => namespace::sync(self, &name),
            Work::Deployment(key) => deployment::sync(self, &key),
            Work::Endpoints(key) => endpoints::sync(self, &key),
            Work::Budget(key) => disruption::sync(self, &key),
            Work::Quota(key) => quota::sync(self, &key),
            Work::Autoscaler(key) => autoscaler::sync(self, &key),
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.options.clock.now()
    }

    /// Stores (or with `None` removes) an object as a kubelet or scheduler would, past the rules
    /// for other clients.
    fn write_internal(
        &mut self,
        resource: &GroupResource,
        key: &Key,
        subresource: Subresource,
        object: Option<Value>,
    ) {
        if let Some(kind) = self.kinds.get(resource).cloned() {
            self.write_unasked(&kind, key, subresource, object);
        }
    }

    /// A write that no request asked for, with its line in the audit log all the same.
    pub(crate) fn write_unasked(
        &mut self,
        kind: &Arc<Kind>,
        key: &Key,
        subresource: Subresource,
        object: Option<Value>,
    ) {
        let call = crate::api::Call {
            user: CONTROLLERS.to_owned(),
            connection: 0,
            verb: if object.is_some() { Verb::Update } else { Verb::Delete },
            kind: kind.clone(),
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            subresource,
            query: std::collections::BTreeMap::new(),
            content_type: String::new(),
            payload: Payload::None,
        };
        let mut record = record_of(&call, None);
        record.at = self.now();
        record.code = 200;
        self.commit(kind, key, object);
        self.record(record);
    }

    /// Creates an object, as a controller does.
    fn create_internal(
        &mut self,
        resource: &GroupResource,
        namespace: &str,
        object: Value,
    ) -> Result<Arc<Value>, StatusError> {
        let target = Target { resource, namespace, name: "", subresource: Subresource::Main };
        stored(self.internal(Verb::Create, target, Payload::Json(object), &[])?)
    }

    /// Replaces an object or its status, as a controller does.
    fn update_internal(
        &mut self,
        resource: &GroupResource,
        key: &Key,
        subresource: Subresource,
        object: Value,
    ) -> Result<Arc<Value>, StatusError> {
        let (namespace, name) = (key.namespace.as_str(), key.name.as_str());
        let target = Target { resource, namespace, name, subresource };
        stored(self.internal(Verb::Update, target, Payload::Json(object), &[])?)
    }

    /// Deletes an object if it is still the one with this uid.
    fn delete_internal(
        &mut self,
        resource: &GroupResource,
        key: &Key,
        uid: &Value,
        mut options: Value,
    ) -> Result<Reply, StatusError> {
        options["preconditions"]["uid"] = uid.clone();
        let target = Target {
            resource,
            namespace: &key.namespace,
            name: &key.name,
            subresource: Subresource::Main,
        };
        self.internal(Verb::Delete, target, Payload::Json(options), &[])
    }
}

fn stored(reply: Reply) -> Result<Arc<Value>, StatusError> {
    match reply {
        Reply::Object { object, .. } => Ok(object),
        Reply::Text { .. } | Reply::Watch(_) => Err(StatusError::internal("no object came back")),
    }
}

fn pods() -> GroupResource {
    GroupResource::new("", "pods")
}

/// The reference that says who manages an object.
fn controller_of(object: &Value) -> Option<&Value> {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners.into_iter().flatten().find(|owner| owner["controller"] == true)
}

pub(crate) fn condition<'a>(object: &'a Value, ty: &str) -> Option<&'a Value> {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|condition| condition["type"] == ty)
}

pub(crate) fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|condition| condition["status"] == "True")
}

/// Puts a condition in the place of the one of its type. It has changed when its status has.
pub(crate) fn set_condition(object: &mut Value, mut fresh: Value, now: &str) {
    let ty = fresh["type"].as_str().unwrap_or_default();
    let old = condition(object, ty);
    let kept = old.filter(|old| old["status"] == fresh["status"]);
    fresh["lastTransitionTime"] =
        kept.map_or_else(|| now.into(), |old| old["lastTransitionTime"].clone());
    let conditions = &mut object["status"]["conditions"];
    if conditions.is_null() {
        *conditions = serde_json::json!([]);
    }
    let Some(list) = conditions.as_array_mut() else { return };
    match list.iter_mut().find(|old| old["type"] == fresh["type"]) {
        Some(old) => *old = fresh,
        None => list.push(fresh),
    }
}

/// Whether a pod is neither over nor going.
fn is_active(pod: &Value) -> bool {
    !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
        && pod["metadata"]["deletionTimestamp"].is_null()
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
    Some(time.with_timezone(&Utc))
}

/// The tokio instant of a point in the cluster's time that lies ahead.
fn until(state: &State, at: DateTime<Utc>) -> std::time::Duration {
    (at - state.now()).to_std().unwrap_or_default()
}
