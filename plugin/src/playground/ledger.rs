//! What has become of each version, as the pictures show it. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;

use crate::view::Objects;
use crate::view::pod::PodView;
use crate::view::replica_set::{ReplicaSetView, Tag};
use crate::view::why::{Situation, StepState, Why};

/// How a version ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It became the stable version, with all its pods.
    Stable,
    /// It was given up, its pods are gone, and those of the stable version are all there.
    Aborted,
}

/// A version, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The image.
    pub image: String,
    /// The number of the update.
    pub revision: i64,
    /// When it was first seen.
    pub began: Duration,
    /// How and when it ended.
    pub end: Option<(End, Duration)>,
    /// Why it ended so; until then, what it waits for.
    pub why: Vec<String>,
    /// What the last pod of it suffered from that could not serve.
    pub trouble: Option<String>,
    /// How many steps were over when that was last known, of how many.
    pub steps: Option<(usize, usize)>,
}

/// All versions, by the number of the update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The versions.
    pub versions: BTreeMap<i64, Version>,
}

impl Ledger {
    /// Takes in a picture, this long after the beginning.
    pub fn take(&mut self, at: Duration, objects: &Objects, why: &Why) {
        let current = objects.rollout.status.as_ref().map(|status| status.current_pod_hash.clone());
        for set in why.rollout.replica_sets() {
            let version = self.versions.entry(set.revision).or_insert_with(|| Version {
                image: set.images.join(" "),
                revision: set.revision,
                began: at,
                end: None,
                why: Vec::new(),
                trouble: None,
                steps: None,
            });
            if version.end.is_some() || current.as_ref() != Some(&set.hash) {
                continue;
            }
            version.why.clone_from(&why.reasons);
            version.steps = steps(why).or(version.steps);
            version.trouble = trouble(set, &objects.pods).or(version.trouble.take());
            version.end = end(set, why).map(|end| (end, at));
        }
    }

    /// The version of an image.
    pub fn of_image(&self, image: &str) -> Option<&Version> {
        self.versions.values().find(|version| version.image == image)
    }
}

/// How the version that is asked for has ended, if it has.
fn end(set: &ReplicaSetView, why: &Why) -> Option<End> {
    let whole = |set: &ReplicaSetView| i64::from(set.available) >= why.rollout.desired;
    match why.situation {
        Situation::Healthy => (set.is(&Tag::Stable) && whole(set)).then_some(End::Stable),
        Situation::Aborted => {
            let stable = why.rollout.replica_sets().find(|set| set.is(&Tag::Stable))?;
            let is_gone = set.replicas == 0 && set.pods.is_empty();
            (is_gone && whole(stable)).then_some(End::Aborted)
        }
        _ => None,
    }
}

/// How many steps are over, of how many.
fn steps(why: &Why) -> Option<(usize, usize)> {
    let count = why.steps.len();
    let over = why.steps.iter().filter(|step| step.state == StepState::Done).count();
    (count > 0).then_some((over, count))
}

/// What keeps a pod of this ReplicaSet from serving, if a container of it has failed.
fn trouble(set: &ReplicaSetView, pods: &[Pod]) -> Option<String> {
    let is_of_set =
        |pod: &&Pod| set.pods.iter().any(|of_set| Some(&of_set.name) == pod.metadata.name.as_ref());
    let stays = |pod: &&Pod| pod.metadata.deletion_timestamp.is_none();
    pods.iter().filter(is_of_set).filter(stays).find_map(|pod| {
        let containers = pod.status.as_ref()?.container_statuses.as_ref()?;
        let ended = containers.iter().find_map(|c| c.last_state.as_ref()?.terminated.as_ref())?;
        let mut text = format!("{}, exit code {}", PodView::of(pod).status, ended.exit_code);
        if let Some(message) = ended.message.as_deref().filter(|message| !message.is_empty()) {
            text = format!("{text}: {}", message.lines().next().unwrap_or_default());
        }
        Some(text)
    })
}
