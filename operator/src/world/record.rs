//! Lean records, decoded straight from the wire: what is not needed is never built.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sluice_crd::time::Time;
use sluice_planner::names::{HASH_LABEL, LAST_APPLIED, MANAGED_BY};
use sluice_planner::{Annotations, Pods, ReplicaSetRecord, RolloutRecord, ServiceRecord};

/// `metadata`, as far as it is of use here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    finalizers: Vec<String>,
    generation: i64,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    owner_references: Vec<Owner>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Owner {
    uid: String,
    controller: bool,
}

impl Meta {
    /// Whether it is being deleted.
    pub fn deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// `metadata.generation`.
    pub fn generation(&self) -> i64 {
        self.generation
    }

    /// `metadata.creationTimestamp`.
    pub fn created(&self) -> Option<Time> {
        self.creation_timestamp
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str)
    }

    /// The uid of the object that controls it.
    pub fn controller(&self) -> Option<&str> {
        self.owner_references.iter().find(|o| o.controller).map(|o| o.uid.as_str())
    }

    fn labels(&mut self) -> Annotations {
        std::mem::take(&mut self.labels).into_iter().collect()
    }

    fn annotations(&mut self) -> Annotations {
        self.annotations.remove(LAST_APPLIED);
        std::mem::take(&mut self.annotations).into_iter().collect()
    }
}

/// A kind of which records are kept.
pub trait Record: Clone + Debug + Send + Sync + Sized + 'static {
    /// API group, empty for the core group.
    const GROUP: &'static str;
    /// API version.
    const VERSION: &'static str;
    /// Kind.
    const KIND: &'static str;
    /// Resource, as in URLs.
    const PLURAL: &'static str;
    /// What is read of the object.
    type Wire: DeserializeOwned;

    /// The object's `metadata`.
    fn meta(wire: &Self::Wire) -> &Meta;

    /// The record of an object.
    ///
    /// # Errors
    ///
    /// Says what about the object cannot be understood.
    fn decode(wire: Self::Wire) -> Result<Self, String>;
}

/// An object as observed: its record, or why there is none.
#[derive(Clone, Debug)]
pub struct Observed<R> {
    meta: ObjectMeta,
    /// The record; the error where the object cannot be understood.
    pub record: Result<R, String>,
}

impl<R> Observed<R> {
    /// An object with its record.
    pub(super) fn new(meta: &Meta, record: Result<R, String>) -> Self {
        let text = |field: &String| (!field.is_empty()).then(|| field.clone());
        let meta = ObjectMeta {
            name: Some(meta.name.clone()),
            namespace: text(&meta.namespace),
            uid: Some(meta.uid.clone()),
            resource_version: Some(meta.resource_version.clone()),
            ..ObjectMeta::default()
        };
        Self { meta, record }
    }

    pub(super) fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    pub(super) fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }

    /// `metadata.namespace` and `metadata.name`.
    pub fn place(&self) -> super::Place {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        (text(&self.meta.namespace), text(&self.meta.name))
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> &str {
        self.meta.uid.as_deref().unwrap_or_default()
    }

    /// `metadata.resourceVersion`.
    pub fn version(&self) -> &str {
        self.meta.resource_version.as_deref().unwrap_or_default()
    }
}

impl<'de, R: Record> Deserialize<'de> for Observed<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = R::Wire::deserialize(deserializer)?;
        let unread = Self::new(R::meta(&wire), Err(String::new()));
        Ok(Self { record: R::decode(wire), ..unread })
    }
}

impl<R: Record> Resource for Observed<R> {
    type DynamicType = ();
    type Scope = kube::core::NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        R::KIND.into()
    }

    fn group((): &()) -> Cow<'_, str> {
        R::GROUP.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        R::VERSION.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        R::PLURAL.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

/// What is read of a Rollout.
#[derive(Debug, Deserialize)]
pub struct RolloutWire {
    metadata: Meta,
    #[serde(default = "empty")]
    spec: Value,
    #[serde(default = "empty")]
    status: Value,
}

/// A part of an object; an error names the field by its path.
pub(super) fn decoded<T: DeserializeOwned>(part: &str, value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { format!(".{path}") };
        format!("{part}{path}: {}", error.inner())
    })
}

pub(super) fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

impl Record for Arc<RolloutRecord> {
    const GROUP: &'static str = "argoproj.io";
    const VERSION: &'static str = "v1alpha1";
    const KIND: &'static str = "Rollout";
    const PLURAL: &'static str = "rollouts";
    type Wire = RolloutWire;

    fn meta(wire: &RolloutWire) -> &Meta {
        &wire.metadata
    }

    fn decode(wire: RolloutWire) -> Result<Self, String> {
        let mut meta = wire.metadata;
        let spec = decoded("spec", wire.spec)?;
        let status = decoded("status", wire.status)?;
        Ok(Arc::new(RolloutRecord {
            labels: meta.labels(),
            annotations: meta.annotations(),
            deleting: meta.deleting(),
            finalizers: meta.finalizers,
            namespace: meta.namespace,
            name: meta.name,
            uid: meta.uid,
            resource_version: meta.resource_version,
            generation: meta.generation,
            created: meta.creation_timestamp,
            spec: Arc::new(spec),
            status,
        }))
    }
}

/// A ReplicaSet, with its place and the uid of the object that controls it.
#[derive(Clone, Debug)]
pub struct OwnedReplicaSet {
    /// `metadata.namespace`.
    pub namespace: String,
    /// The uid of its controlling owner, if it has one.
    pub owner: Option<String>,
    /// Its labels, where it has no owner at all: whose selector they match may adopt it.
    pub orphaned: Option<BTreeMap<String, String>>,
    /// The record.
    pub record: Arc<ReplicaSetRecord>,
}

/// What is read of a ReplicaSet.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReplicaSetWire {
    metadata: Meta,
    spec: ReplicaSetSpec,
    status: ReplicaSetStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplicaSetSpec {
    replicas: Option<i32>,
    min_ready_seconds: i32,
    selector: ReplicaSetSelector,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplicaSetSelector {
    match_labels: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplicaSetStatus {
    replicas: i32,
    ready_replicas: i32,
    available_replicas: i32,
    observed_generation: i64,
    conditions: Vec<ReplicaSetCondition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReplicaSetCondition {
    r#type: String,
    status: String,
    message: String,
}

impl Record for OwnedReplicaSet {
    const GROUP: &'static str = "apps";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "ReplicaSet";
    const PLURAL: &'static str = "replicasets";
    type Wire = ReplicaSetWire;

    fn meta(wire: &ReplicaSetWire) -> &Meta {
        &wire.metadata
    }

    fn decode(mut wire: ReplicaSetWire) -> Result<Self, String> {
        let mut meta = wire.metadata;
        // What its pods carry: of the two, the selector is the one that nobody can change.
        let selector = &mut wire.spec.selector.match_labels;
        let hash = selector.remove(HASH_LABEL).or_else(|| meta.labels.get(HASH_LABEL).cloned());
        let failing = |c: &ReplicaSetCondition| c.r#type == "ReplicaFailure" && c.status == "True";
        let is_orphan = meta.owner_references.is_empty();
        Ok(Self {
            orphaned: is_orphan.then(|| std::mem::take(&mut meta.labels)),
            owner: meta.controller().map(str::to_owned),
            record: Arc::new(ReplicaSetRecord {
                annotations: meta.annotations(),
                deleting: meta.deleting(),
                hash: hash.unwrap_or_default(),
                name: meta.name,
                uid: meta.uid,
                resource_version: meta.resource_version,
                created: meta.creation_timestamp,
                desired: Pods::from(wire.spec.replicas.unwrap_or(1)),
                min_ready_seconds: wire.spec.min_ready_seconds,
                replicas: wire.status.replicas.into(),
                ready: wire.status.ready_replicas.into(),
                available: wire.status.available_replicas.into(),
                unobserved: wire.status.observed_generation < meta.generation,
                failure: wire
                    .status
                    .conditions
                    .into_iter()
                    .find(failing)
                    .map(|condition| condition.message),
            }),
            namespace: meta.namespace,
        })
    }
}

/// A Service, with its place.
#[derive(Clone, Debug)]
pub struct PlacedService {
    /// `metadata.namespace`.
    pub namespace: String,
    /// The record.
    pub record: Arc<ServiceRecord>,
}

/// What is read of a Service.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ServiceWire {
    metadata: Meta,
    spec: ServiceSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceSpec {
    selector: BTreeMap<String, String>,
}

impl Record for PlacedService {
    const GROUP: &'static str = "";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Service";
    const PLURAL: &'static str = "services";
    type Wire = ServiceWire;

    fn meta(wire: &ServiceWire) -> &Meta {
        &wire.metadata
    }

    fn decode(wire: ServiceWire) -> Result<Self, String> {
        let mut meta = wire.metadata;
        Ok(Self {
            record: Arc::new(ServiceRecord {
                deleting: meta.deleting(),
                managed_by: meta.annotations.remove(MANAGED_BY),
                name: meta.name,
                uid: meta.uid,
                resource_version: meta.resource_version,
                selector: wire.spec.selector,
            }),
            namespace: meta.namespace,
        })
    }
}
