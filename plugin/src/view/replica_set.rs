//! A ReplicaSet: which version it is, how it is, and its pods.

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use sluice_crd::rollout::{PingPongType, Rollout, RolloutStatus};
use sluice_crd::time::Time;
use sluice_planner::names;

use super::colour::Colour;
use super::icon::Icon;
use super::objects::{annotation, created, is_owned, name, revision, uid};
use super::pod::PodView;

/// Annotation of a ReplicaSet: when it may be scaled down (spec §1.9).
const SCALE_DOWN_DEADLINE: &str = "scale-down-deadline";
/// Annotation of a ReplicaSet: the version of an Experiment that it is (spec §1.9).
const EXPERIMENT_TEMPLATE: &str = "experiment.argoproj.io/template-name";

/// A ReplicaSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaSetView {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Option<Time>,
    /// The hash of its pod template, as its label has it.
    pub hash: String,
    /// The number of the update; 0 where that is not known.
    pub revision: i64,
    /// How it is.
    pub health: Health,
    /// Which part it plays in its Rollout.
    pub tags: Vec<Tag>,
    /// The version of an Experiment that it is.
    pub template: Option<String>,
    /// When it may be scaled down, if that is put off.
    pub scale_down: Option<Time>,
    /// Pods asked for.
    pub desired: i32,
    /// Pods that it has.
    pub replicas: i32,
    /// Pods that are available.
    pub available: i32,
    /// Why it cannot create or delete pods, if it cannot.
    pub failure: Option<String>,
    /// Images of its containers.
    pub images: Vec<String>,
    /// Its pods, oldest first.
    pub pods: Vec<PodView>,
}

/// How a ReplicaSet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// All pods asked for are available.
    Healthy,
    /// Some are not yet.
    Progressing,
    /// None are asked for.
    ScaledDown,
    /// It cannot create or delete pods.
    ReplicaFailure,
}

impl Health {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Progressing => "Progressing",
            Self::ScaledDown => "ScaledDown",
            Self::ReplicaFailure => "ReplicaFailure",
        }
    }

    /// As a sign.
    pub fn icon(self) -> Icon {
        match self {
            Self::Healthy => Icon::Good,
            Self::Progressing => Icon::Progressing,
            Self::ScaledDown => Icon::Neutral,
            Self::ReplicaFailure => Icon::Bad,
        }
    }
}

/// A part that a version plays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tag {
    /// The version to fall back to.
    Stable,
    /// The new version.
    Canary,
    /// Behind the active Service.
    Active,
    /// Behind the preview Service.
    Preview,
    /// Behind the ping Service.
    Ping,
    /// Behind the pong Service.
    Pong,
    /// A version of an Experiment.
    Experiment(String),
}

impl Tag {
    /// In a word.
    pub fn word(&self) -> String {
        match self {
            Self::Stable => "stable".to_owned(),
            Self::Canary => "canary".to_owned(),
            Self::Active => "active".to_owned(),
            Self::Preview => "preview".to_owned(),
            Self::Ping => "ping".to_owned(),
            Self::Pong => "pong".to_owned(),
            Self::Experiment(template) => format!("Σ:{template}"),
        }
    }

    /// Its colour.
    pub fn colour(&self) -> Option<Colour> {
        match self {
            Self::Stable | Self::Active => Some(Colour::Green),
            Self::Canary => Some(Colour::Yellow),
            Self::Preview => Some(Colour::HighBlue),
            Self::Ping | Self::Pong | Self::Experiment(_) => None,
        }
    }
}

impl ReplicaSetView {
    /// The ReplicaSets of one owner, the newest update first. The Rollout, if it is the owner,
    /// says which parts they play.
    pub fn owned_by(
        owner_uid: &str,
        rollout: Option<&Rollout>,
        replica_sets: &[ReplicaSet],
        pods: &[Pod],
    ) -> Vec<Self> {
        let owned = replica_sets.iter().filter(|rs| is_owned(&rs.metadata, owner_uid));
        let mut views: Vec<Self> = owned.map(|rs| Self::of(rs, rollout, pods)).collect();
        views.sort_by(|a, b| (b.revision, &a.name).cmp(&(a.revision, &b.name)));
        views
    }

    fn of(rs: &ReplicaSet, rollout: Option<&Rollout>, pods: &[Pod]) -> Self {
        let meta = &rs.metadata;
        let status = rs.status.as_ref();
        let hash = meta.labels.as_ref().and_then(|labels| labels.get(names::HASH_LABEL));
        let hash = hash.cloned().unwrap_or_default();
        let template = rs.spec.template.as_ref().and_then(|template| template.spec.as_ref());
        let images = template.iter().flat_map(|pod| &pod.containers);
        let failure = status.iter().flat_map(|s| s.conditions.iter().flatten());
        let failure = failure
            .filter(|c| c.type_.as_deref() == Some("ReplicaFailure"))
            .filter(|c| c.status.as_deref() == Some("True"))
            .map(|c| c.message.clone().unwrap_or_default())
            .next();
        let owned = pods.iter().filter(|pod| is_owned(&pod.metadata, uid(meta)));
        let mut pods: Vec<PodView> = owned.map(PodView::of).collect();
        pods.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
        Self {
            name: name(meta),
            created: created(meta),
            tags: rollout.map_or_else(Vec::new, |rollout| tags(rollout, &hash)),
            hash,
            revision: revision(meta),
            health: health(rs, failure.is_some()),
            template: annotation(meta, EXPERIMENT_TEMPLATE).map(str::to_owned),
            scale_down: annotation(meta, SCALE_DOWN_DEADLINE).and_then(|at| Time::parse(at).ok()),
            desired: rs.spec.replicas.unwrap_or(1),
            replicas: status.map_or(0, |status| status.replicas),
            available: status.and_then(|status| status.available_replicas).unwrap_or(0),
            failure,
            images: images.filter_map(|container| container.image.clone()).collect(),
            pods,
        }
    }

    /// Whether it plays this part.
    pub fn is(&self, tag: &Tag) -> bool {
        self.tags.contains(tag)
    }
}

fn health(rs: &ReplicaSet, has_failed: bool) -> Health {
    let observed = rs.status.as_ref().and_then(|status| status.observed_generation).unwrap_or(0);
    if rs.metadata.generation.unwrap_or(0) > observed {
        return Health::Progressing;
    }
    if has_failed {
        return Health::ReplicaFailure;
    }
    let desired = rs.spec.replicas.unwrap_or(1);
    let available = rs.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0);
    match desired {
        _ if available < desired => Health::Progressing,
        0 => Health::ScaledDown,
        _ => Health::Healthy,
    }
}

/// The parts, in the order in which they are shown.
fn tags(rollout: &Rollout, hash: &str) -> Vec<Tag> {
    let empty = RolloutStatus::default();
    let status = rollout.status.as_ref().unwrap_or(&empty);
    let strategy = &rollout.spec.strategy;
    let mut tags = Vec::new();
    if hash.is_empty() {
        return tags;
    }
    let is_stable = status.stable_rs == hash;
    if is_stable {
        tags.push(Tag::Stable);
    }
    if let Some(canary) = &strategy.canary {
        let is_canary = !is_stable && status.current_pod_hash == hash;
        if is_canary {
            tags.push(Tag::Canary);
        }
        if canary.ping_pong.is_some() && (is_stable || is_canary) {
            let stable_is_ping = status.canary.stable_ping_pong == Some(PingPongType::Ping);
            tags.push(if stable_is_ping == is_stable { Tag::Ping } else { Tag::Pong });
        }
    } else if strategy.blue_green.is_some() {
        if status.blue_green.active_selector == hash {
            tags.push(Tag::Active);
        } else if status.blue_green.preview_selector == hash {
            tags.push(Tag::Preview);
        }
    }
    tags
}
