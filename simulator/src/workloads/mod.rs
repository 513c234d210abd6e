//! The built-in controllers: ReplicaSets and Jobs make pods, pods live and die, the garbage collector
//! cleans up. They step on the store's own notifications and are deterministic.

mod collect;
mod errand;
mod job;
mod namespace;
mod pod;
pub(crate) mod queue;
mod ranking;
mod replica_set;
mod template;

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

fn pods() -> GroupResource {
    GroupResource::new("", "pods")
}

/// The reference that says who manages an object.
fn controller_of(object: &Value) -> Option<&Value> {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners.into_iter().flatten().find(|owner| owner["controller"] == true)
}

fn condition<'a>(object: &'a Value, ty: &str) -> Option<&'a Value> {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|condition| condition["type"] == ty)
}

fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|condition| condition["status"] == "True")
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
