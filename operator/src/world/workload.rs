//! Workloads that Rollouts refer to (`spec.workloadRef`): the pod template as text, a few numbers,
//! and who refers to them. A kind is watched once a Rollout refers to one of it.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;
use sluice_crd::raw::Raw;
use sluice_planner::{Pods, RolloutRecord, Workload, WorkloadRecord};

use super::record::{Meta, Record};
use super::table::{Changed, Table};
use super::{Place, ResourceKind, World};
use crate::key::Key;

/// A kind that a Rollout may refer to.
pub trait Kind: Clone + Debug + Send + Sync + 'static {
    /// API group, empty for the core group.
    const GROUP: &'static str;
    /// The kind.
    const KIND: ResourceKind;
    /// Resource, as in URLs.
    const PLURAL: &'static str;
}

/// `deployments.apps`
#[derive(Clone, Debug)]
pub struct Deployment;

/// `replicasets.apps` that are no Rollout's.
#[derive(Clone, Debug)]
pub struct PlainReplicaSet;

/// `podtemplates`
#[derive(Clone, Debug)]
pub struct PodTemplate;

impl Kind for Deployment {
    const GROUP: &'static str = "apps";
    const KIND: ResourceKind = ResourceKind::Deployment;
    const PLURAL: &'static str = "deployments";
}

impl Kind for PlainReplicaSet {
    const GROUP: &'static str = "apps";
    const KIND: ResourceKind = ResourceKind::PlainReplicaSet;
    const PLURAL: &'static str = "replicasets";
}

impl Kind for PodTemplate {
    const GROUP: &'static str = "";
    const KIND: ResourceKind = ResourceKind::PodTemplate;
    const PLURAL: &'static str = "podtemplates";
}

/// A workload.
#[derive(Clone, Debug)]
pub struct PlacedWorkload<K> {
    /// The record.
    pub record: Arc<WorkloadRecord>,
    kind: PhantomData<K>,
}

/// What is read of a workload.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WorkloadWire {
    metadata: Meta,
    spec: WorkloadSpec,
    status: WorkloadStatus,
    /// Of a PodTemplate, which has no spec.
    template: Option<Raw<PodTemplateSpec>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WorkloadSpec {
    replicas: Option<i32>,
    selector: Option<LabelSelector>,
    template: Option<Raw<PodTemplateSpec>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WorkloadStatus {
    observed_generation: i64,
    available_replicas: i32,
}

impl<K: Kind> Record for PlacedWorkload<K> {
    const GROUP: &'static str = K::GROUP;
    const VERSION: &'static str = "v1";
    const KIND: &'static str = K::KIND.name();
    const PLURAL: &'static str = K::PLURAL;
    type Wire = WorkloadWire;

    fn meta(wire: &WorkloadWire) -> &Meta {
        &wire.metadata
    }

    fn decode(wire: WorkloadWire) -> Result<Self, String> {
        let WorkloadWire { metadata: meta, spec, status, template } = wire;
        let is_current = status.observed_generation >= meta.generation();
        let available = if is_current { status.available_replicas } else { 0 };
        let record = WorkloadRecord {
            deleting: meta.deleting(),
            generation: meta.generation(),
            name: meta.name,
            resource_version: meta.resource_version,
            template: spec.template.or(template).unwrap_or_default(),
            selector: spec.selector,
            desired: Pods::from(spec.replicas.unwrap_or(1)),
            available: available.into(),
        };
        Ok(Self { record: Arc::new(record), kind: PhantomData })
    }
}

/// The workload that a Rollout refers to: its kind and name.
pub fn referred(rollout: &RolloutRecord) -> Option<(ResourceKind, &str)> {
    let reference = rollout.spec.workload_ref.as_ref()?;
    let kind = match (reference.api_version.as_str(), reference.kind.as_str()) {
        ("apps/v1", "Deployment") => ResourceKind::Deployment,
        ("apps/v1", "ReplicaSet") => ResourceKind::PlainReplicaSet,
        ("v1", "PodTemplate") => ResourceKind::PodTemplate,
        // Validation refuses it.
        _ => return None,
    };
    Some((kind, &reference.name))
}

impl World {
    pub(super) fn workload_changed<K: Kind>(
        &mut self,
        changed: Changed<PlacedWorkload<K>>,
        affected: &mut BTreeSet<Key>,
    ) {
        let id = (K::KIND, changed.place);
        let rollouts = self.referrers.get(&id).into_iter().flatten();
        affected.extend(rollouts.map(|name| Key::rollout(&id.1.0, name)));
    }

    /// Those who wait to hear whether their workload exists.
    pub(super) fn referrers_of(&self, kind: ResourceKind) -> impl Iterator<Item = Key> {
        let of_kind = self.referrers.iter().filter(move |((of, _), _)| *of == kind);
        of_kind.flat_map(|((_, (namespace, _)), rollouts)| {
            rollouts.iter().map(move |name| Key::rollout(namespace, name))
        })
    }

    /// The kinds of which a Rollout has referred to a workload.
    pub fn referred_kinds(&self) -> &BTreeSet<ResourceKind> {
        &self.referred_kinds
    }

    /// The workload that a Rollout refers to.
    pub fn workload_of(&self, rollout: &RolloutRecord) -> Workload {
        fn of<K: Kind>(table: &Table<PlacedWorkload<K>>, place: &Place) -> Workload {
            match table.get(place) {
                _ if !table.is_synced() => Workload::Unread,
                Some(found) => Workload::Found(Arc::clone(&found.record)),
                None => Workload::Absent,
            }
        }
        let Some((kind, name)) = referred(rollout) else { return Workload::Absent };
        let place = (rollout.namespace.clone(), name.to_owned());
        match kind {
            ResourceKind::Deployment => of(&self.deployments, &place),
            ResourceKind::PlainReplicaSet => of(&self.plain_replica_sets, &place),
            ResourceKind::PodTemplate => of(&self.pod_templates, &place),
            _ => Workload::Absent,
        }
    }
}
