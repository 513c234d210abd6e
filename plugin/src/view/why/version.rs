//! The versions of a Rollout, and the one whose pods are waited for.

use std::fmt;

use k8s_openapi::api::core::v1::Pod;

use super::{PODS_MAX, PodTrouble, Scene, Situation};
use crate::view::replica_set::{ReplicaSetView, Tag};

/// What a version is to its Rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What is asked for, and not yet stable.
    New,
    /// What is fallen back to.
    Stable,
    /// Neither.
    Older,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::New => "new",
            Self::Stable => "stable",
            Self::Older => "older",
        })
    }
}

/// A version that has pods or should have some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// What it is to the Rollout.
    pub role: Role,
    /// The number of the update.
    pub revision: i64,
    /// Its ReplicaSet.
    pub replica_set: String,
    /// Pods that are available.
    pub available: i32,
    /// Pods that are asked for.
    pub desired: i32,
    /// Images of its containers.
    pub images: Vec<String>,
}

/// The version whose pods are waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitedFor {
    /// What it is to the Rollout.
    pub role: Role,
    /// Its ReplicaSet.
    pub replica_set: String,
    /// Pods that are available.
    pub available: i32,
    /// Pods that are asked for.
    pub desired: i32,
    /// Why it cannot create pods, if it cannot.
    pub failure: Option<String>,
    /// Pods that do not serve, and why.
    pub pods: Vec<PodTrouble>,
    /// How many more there are.
    pub more: usize,
}

fn role(scene: &Scene<'_>, set: &ReplicaSetView) -> Role {
    if set.is(&Tag::Stable) {
        Role::Stable
    } else if set.hash == scene.status.current_pod_hash {
        Role::New
    } else {
        Role::Older
    }
}

pub(super) fn versions(scene: &Scene<'_>) -> Vec<Version> {
    let interesting = |set: &&ReplicaSetView| {
        set.desired > 0 || set.replicas > 0 || role(scene, set) != Role::Older
    };
    let version = |set: &ReplicaSetView| Version {
        role: role(scene, set),
        revision: set.revision,
        replica_set: set.name.clone(),
        available: set.available,
        desired: set.desired,
        images: set.images.clone(),
    };
    scene.view.replica_sets().filter(interesting).map(version).collect()
}

/// The ReplicaSet that has fewer pods available than it should: after an abort the stable one,
/// else the new one first.
pub(super) fn waited_for(
    scene: &Scene<'_>,
    situation: &Situation,
    pods: &[Pod],
) -> Option<WaitedFor> {
    let lacks = |set: &&ReplicaSetView| set.available < set.desired || set.failure.is_some();
    let (new, stable) = (scene.new_set().filter(lacks), scene.stable_set().filter(lacks));
    let set = match situation {
        Situation::Aborted => stable,
        _ => new.or(stable),
    }?;
    let troubles = troubles(scene, set, pods);
    let more = troubles.len().saturating_sub(PODS_MAX);
    Some(WaitedFor {
        role: role(scene, set),
        replica_set: set.name.clone(),
        available: set.available,
        desired: set.desired,
        failure: set.failure.clone(),
        pods: troubles.into_iter().take(PODS_MAX).collect(),
        more,
    })
}

/// The troubles of its pods: those of pods that stay first, then those that have lasted longest.
fn troubles(scene: &Scene<'_>, set: &ReplicaSetView, pods: &[Pod]) -> Vec<PodTrouble> {
    let min_ready = scene.rollout.spec.min_ready_seconds;
    let is_of_set = |pod: &&Pod| {
        let name = pod.metadata.name.as_deref();
        set.pods.iter().any(|of_set| Some(of_set.name.as_str()) == name)
    };
    let mut troubles: Vec<(bool, PodTrouble)> = pods
        .iter()
        .filter(is_of_set)
        .filter_map(|pod| {
            let goes = pod.metadata.deletion_timestamp.is_some();
            PodTrouble::of(pod, min_ready, scene.now).map(|trouble| (goes, trouble))
        })
        .collect();
    troubles.sort_by(|(a_goes, a), (b_goes, b)| {
        (a_goes, a.since, &a.name).cmp(&(b_goes, b.since, &b.name))
    });
    troubles.into_iter().map(|(_, trouble)| trouble).collect()
}
