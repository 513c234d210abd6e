//! How many pods each ReplicaSet of a Deployment is asked for: the arithmetic of the real controller.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Map, Value};
use sluice_crd::int_or_percent::RollingLimits;
use std::cmp::Reverse;
use std::sync::Arc;

use super::revisions::{DESIRED, MAX, size_annotations};
use super::{Rollout, count, name, size};
use crate::state::State;
use crate::status_error::StatusError;

fn limits(deployment: &Value) -> RollingLimits {
    let none = RollingLimits { max_surge: 0, max_unavailable: 0 };
    let strategy = &deployment["spec"]["strategy"];
    if strategy["type"] != "RollingUpdate" {
        return none;
    }
    let read = |field: &str| {
        let value = strategy["rollingUpdate"][field].clone();
        serde_json::from_value::<IntOrString>(value).unwrap_or(IntOrString::Int(0))
    };
    let limits =
        RollingLimits::resolve(&read("maxSurge"), &read("maxUnavailable"), size(deployment));
    limits.unwrap_or(none)
}

/// How many pods there may be beyond `spec.replicas`.
pub(super) fn max_surge(deployment: &Value) -> i64 {
    limits(deployment).max_surge
}

/// How many pods may be missing.
pub(super) fn max_unavailable(deployment: &Value) -> i64 {
    limits(deployment).max_unavailable.min(size(deployment))
}

/// The available pods of a ReplicaSet that it keeps. Its status may not tell yet that some go.
fn available(set: &Value) -> i64 {
    count(set, "status", "availableReplicas").min(size(set))
}

fn noted(set: &Value, annotation: &str) -> Option<i64> {
    set["metadata"]["annotations"][annotation].as_str()?.parse().ok()
}

impl Rollout {
    /// A step of a rolling update: first up, then down. Whether a ReplicaSet was scaled.
    pub(super) fn roll(&mut self, state: &mut State) -> Result<bool, StatusError> {
        self.settle_new(state, true)?;
        let present = self.new.as_ref().map_or(0, |set| size(set));
        let wanted = self.size_of_new(present);
        Ok(self.resize_new(state, wanted)? || self.shrink_old(state)?)
    }

    /// How many pods the new ReplicaSet may have, given how many it is asked for now.
    pub(super) fn size_of_new(&self, present: i64) -> i64 {
        let replicas = size(&self.deployment);
        if present >= replicas || self.deployment["spec"]["strategy"]["type"] != "RollingUpdate" {
            return replicas;
        }
        let all = self.old.iter().map(|set| size(set)).sum::<i64>() + present;
        let room = replicas + max_surge(&self.deployment) - all;
        present + room.clamp(0, replicas - present)
    }

    /// Takes pods from the old ReplicaSets, those that do not serve first, and never so many that
    /// fewer serve than have to.
    fn shrink_old(&mut self, state: &mut State) -> Result<bool, StatusError> {
        let total = |sets: &[Arc<Value>]| sets.iter().map(|set| size(set)).sum::<i64>();
        if total(&self.old) == 0 {
            return Ok(false);
        }
        let least = size(&self.deployment) - max_unavailable(&self.deployment);
        let new_size = self.new.as_ref().map_or(0, |set| size(set));
        let new_available = self.new.as_ref().map_or(0, |set| available(set));
        let most = total(&self.old) + new_size - least - (new_size - new_available);
        if most <= 0 {
            return Ok(false);
        }
        let mut moved = false;
        let mut taken = 0;
        for index in 0..self.old.len() {
            let set = &self.old[index];
            let idle = (size(set) - available(set)).min(most - taken);
            if idle > 0 {
                taken += idle;
                moved |= self.resize_old(state, index, size(&self.old[index]) - idle)?;
            }
        }
        let serving = self.all().map(|set| available(set)).sum::<i64>();
        let mut spare = serving - least;
        for index in 0..self.old.len() {
            let part = size(&self.old[index]).min(spare);
            if part > 0 {
                spare -= part;
                moved |= self.resize_old(state, index, size(&self.old[index]) - part)?;
            }
        }
        Ok(moved)
    }

    /// Follows `spec.replicas`: one ReplicaSet alone entirely, several in proportion.
    pub(super) fn scale(&mut self, state: &mut State) -> Result<(), StatusError> {
        let replicas = size(&self.deployment);
        let active = self.all().filter(|set| size(set) > 0).count();
        let only_new = self.new.as_ref().is_some_and(|set| size(set) > 0);
        if active <= 1 {
            let index = match active {
                0 => self.old.len().checked_sub(1),
                _ => self.old.iter().position(|set| size(set) > 0),
            };
            return match index {
                Some(index) if !only_new && (active == 1 || self.new.is_none()) => {
                    self.resize_old(state, index, replicas).map(drop)
                }
                _ => self.resize_new(state, replicas).map(drop),
            };
        }
        let saturated = self.new.as_ref().is_some_and(|set| {
            noted(set, DESIRED) == Some(size(set))
                && size(set) == replicas
                && available(set) == replicas
        });
        if saturated {
            for index in 0..self.old.len() {
                self.resize_old(state, index, 0)?;
            }
            return Ok(());
        }
        if self.deployment["spec"]["strategy"]["type"] == "RollingUpdate" {
            self.scale_in_proportion(state)?;
        }
        Ok(())
    }

    fn scale_in_proportion(&mut self, state: &mut State) -> Result<(), StatusError> {
        let replicas = size(&self.deployment);
        let allowed = if replicas > 0 { replicas + max_surge(&self.deployment) } else { 0 };
        let mut sets: Vec<Arc<Value>> = self.all().filter(|set| size(set) > 0).cloned().collect();
        let more = allowed - sets.iter().map(|set| size(set)).sum::<i64>();
        // The biggest first; of equals the newer ones grow and the older ones shrink first.
        if more > 0 {
            sets.reverse();
        }
        sets.sort_by_key(|set| Reverse(size(set)));
        let mut added = 0;
        let mut sizes: Vec<(String, i64)> = Vec::new();
        for set in &sets {
            let left = more - added;
            let share = if left == 0 { 0 } else { self.share_of(set) };
            let share = if more > 0 { share.min(left) } else { share.max(left) };
            added += share;
            sizes.push((name(set).to_owned(), size(set) + share));
        }
        if let Some((_, first)) = sizes.first_mut() {
            *first = (*first + more - added).max(0);
        }
        for (name, wanted) in sizes {
            match self.old.iter().position(|set| super::name(set) == name) {
                Some(index) => self.resize_old(state, index, wanted)?,
                None => self.resize_new(state, wanted)?,
            };
        }
        Ok(())
    }

    /// How many pods more (or fewer) a ReplicaSet has, if it keeps its share of all.
    fn share_of(&self, set: &Value) -> i64 {
        let replicas = size(&self.deployment);
        if replicas == 0 {
            return -size(set);
        }
        let most = replicas + max_surge(&self.deployment);
        let before =
            noted(set, MAX).unwrap_or_else(|| count(&self.deployment, "status", "replicas"));
        if before == 0 {
            return 0;
        }
        // Rounded to the nearest, halves away from zero.
        (2 * size(set) * most + before).div_euclid(2 * before) - size(set)
    }

    /// Asks the new ReplicaSet for so many pods; whether that is another number.
    pub(super) fn resize_new(
        &mut self,
        state: &mut State,
        wanted: i64,
    ) -> Result<bool, StatusError> {
        let Some(set) = self.new.clone() else { return Ok(false) };
        let resized = self.resized(&set, wanted);
        self.new = Some(self.write_set(state, resized)?);
        Ok(size(&set) != wanted)
    }

    /// Asks an old ReplicaSet for so many pods; whether that is another number.
    pub(super) fn resize_old(
        &mut self,
        state: &mut State,
        index: usize,
        wanted: i64,
    ) -> Result<bool, StatusError> {
        let set = self.old[index].clone();
        if size(&set) == 0 && wanted == 0 {
            return Ok(false);
        }
        let resized = self.resized(&set, wanted);
        self.old[index] = self.write_set(state, resized)?;
        Ok(size(&set) != wanted)
    }

    fn resized(&self, set: &Value, wanted: i64) -> Value {
        let mut set = set.clone();
        set["spec"]["replicas"] = wanted.into();
        let mut annotations =
            set["metadata"]["annotations"].as_object().cloned().unwrap_or_else(Map::new);
        size_annotations(&mut annotations, &self.deployment);
        set["metadata"]["annotations"] = Value::Object(annotations);
        set
    }
}
