//! What the records say: of a Rollout, and of all that belongs to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};
use sluice_crd::rollout::{AnalysisTemplateRef, RolloutAnalysis};
use sluice_planner::{ReplicaSetRecord, RolloutRecord, RunRecord, ServiceRecord, Templates};

use super::analysis::{MetricInfo, OwnedRun, PlacedTemplate};
use super::table::{Entry, Table};
use super::{Pending, Place, World};
use crate::key::Key;

impl World {
    /// What is known of a Rollout.
    pub fn rollout(&self, namespace: &str, name: &str) -> Option<&Entry<Arc<RolloutRecord>>> {
        self.rollouts.entry(&(namespace.to_owned(), name.to_owned()))
    }

    /// Every Rollout, those that cannot be understood included.
    pub fn rollouts(&self) -> impl Iterator<Item = (&Place, &Entry<Arc<RolloutRecord>>)> {
        self.rollouts.entries()
    }

    /// The ReplicaSets that an object controls, in the order of their names.
    pub fn replica_sets_of(&self, uid: &str) -> Vec<Arc<ReplicaSetRecord>> {
        let places = self.owned.get(uid).into_iter().flatten();
        places.filter_map(|p| self.replica_sets.get(p)).map(|rs| Arc::clone(&rs.record)).collect()
    }

    /// What is known of an AnalysisRun.
    pub fn run(&self, namespace: &str, name: &str) -> Option<&Entry<OwnedRun>> {
        self.runs.entry(&(namespace.to_owned(), name.to_owned()))
    }

    /// Every AnalysisRun that can be understood.
    pub fn runs(&self) -> impl Iterator<Item = &OwnedRun> {
        self.runs.entries().filter_map(|(_, entry)| entry.record.as_ref().ok())
    }

    /// Every AnalysisTemplate and ClusterAnalysisTemplate: place and metrics.
    pub fn all_templates(&self) -> impl Iterator<Item = (&Place, &[MetricInfo])> {
        fn of<const CLUSTER: bool>(
            table: &Table<PlacedTemplate<CLUSTER>>,
        ) -> impl Iterator<Item = (&Place, &[MetricInfo])> {
            table.entries().filter_map(|(p, e)| Some((p, &*e.record.as_ref().ok()?.metrics)))
        }
        of(&self.templates).chain(of(&self.cluster_templates))
    }

    /// The Rollout that controls an AnalysisRun.
    pub fn rollout_of_run(&self, namespace: &str, name: &str) -> Option<Key> {
        let run = self.runs.get(&(namespace.to_owned(), name.to_owned()))?;
        self.key_of_uid(run.owner.as_deref()?)
    }

    /// The AnalysisRuns that an object controls, in the order of their names.
    pub fn runs_of(&self, uid: &str) -> Vec<Arc<RunRecord>> {
        let places = self.owned_runs.get(uid).into_iter().flatten();
        places.filter_map(|p| self.runs.get(p)).map(|run| Arc::clone(&run.record)).collect()
    }

    /// The templates that a Rollout's analyses lead to, nested ones included.
    pub fn templates_of(&self, rollout: &RolloutRecord) -> Templates {
        let mut out =
            Templates { namespace_only: self.only_namespace.is_some(), ..Templates::default() };
        let mut open: Vec<AnalysisTemplateRef> =
            analyses(rollout).flat_map(|analysis| analysis.templates.iter().cloned()).collect();
        while let Some(next) = open.pop() {
            let cluster = next.cluster_scope.unwrap_or(false);
            let key = (cluster, next.template_name);
            if out.found.contains_key(&key) {
                continue;
            }
            let namespace = if cluster { String::new() } else { rollout.namespace.clone() };
            let place = (namespace, key.1.clone());
            let found = if cluster {
                self.cluster_templates.get(&place).map(|t| (&t.record, &t.nested))
            } else {
                self.templates.get(&place).map(|t| (&t.record, &t.nested))
            };
            if let Some((record, nested)) = found {
                open.extend(nested.iter().cloned());
                out.found.insert(key, Arc::clone(record));
            }
        }
        out
    }

    /// The ReplicaSets of a namespace without an owner that a selector matches, in the order of
    /// names.
    pub fn orphans_in(
        &self,
        namespace: &str,
        selector: Option<&LabelSelector>,
    ) -> Vec<Arc<ReplicaSetRecord>> {
        let selector = selector.cloned().unwrap_or_default();
        // One that matches everything or cannot be understood is refused by validation.
        let Ok(selector) = Selector::try_from(selector) else { return Vec::new() };
        if selector.selects_all() {
            return Vec::new();
        }
        let from = (namespace.to_owned(), String::new());
        let nearby = self.orphans.range(from..).take_while(|place| place.0 == namespace);
        nearby
            .filter_map(|place| self.replica_sets.get(place))
            .filter(|rs| rs.orphaned.as_ref().is_some_and(|labels| selector.matches(labels)))
            .map(|rs| Arc::clone(&rs.record))
            .collect()
    }

    /// The Services that a Rollout names or that carry its mark, by name.
    pub fn services_of(
        &self,
        namespace: &str,
        name: &str,
        named: &[String],
    ) -> BTreeMap<String, Arc<ServiceRecord>> {
        let marked =
            self.marked.get(&(namespace.to_owned(), name.to_owned())).into_iter().flatten();
        let place = |service: &String| (namespace.to_owned(), service.clone());
        named
            .iter()
            .chain(marked)
            .filter_map(|s| Some((s.clone(), Arc::clone(&self.services.get(&place(s))?.record))))
            .collect()
    }

    /// Rollouts, by namespace and name, that carry no record but of which Services bear the mark.
    pub fn marked_without_rollout(&self) -> Vec<Key> {
        let absent = self.marked.keys().filter(|place| self.rollouts.entry(place).is_none());
        absent.map(|(namespace, name)| Key::rollout(namespace, name)).collect()
    }

    /// Writes of ours that the records may not show yet.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }
}

/// The analyses that a Rollout defines.
pub(super) fn analyses(rollout: &RolloutRecord) -> impl Iterator<Item = &RolloutAnalysis> {
    let canary = rollout.spec.strategy.canary.as_ref();
    let background = canary.and_then(|c| c.analysis.as_ref()).map(|a| &a.analysis);
    let steps = canary.and_then(|c| c.steps.as_deref()).unwrap_or_default();
    let blue_green = rollout.spec.strategy.blue_green.as_ref();
    let around = blue_green.map(|b| [&b.pre_promotion_analysis, &b.post_promotion_analysis]);
    let around = around.into_iter().flatten().flatten();
    let steps = steps.iter().filter_map(|step| step.analysis.as_ref());
    background.into_iter().chain(steps).chain(around)
}

/// The Services that a Rollout names.
pub fn named_services(rollout: &RolloutRecord) -> Vec<String> {
    let canary = rollout.spec.strategy.canary.as_ref();
    let blue_green = rollout.spec.strategy.blue_green.as_ref();
    let canary = canary.map(|c| [&c.stable_service, &c.canary_service]);
    let blue_green = blue_green.map(|b| [&b.active_service, &b.preview_service]);
    let ping_pong = rollout.spec.strategy.canary.as_ref().and_then(|c| c.ping_pong.as_ref());
    let ping_pong = ping_pong.map(|two| [&two.ping_service, &two.pong_service]);
    let names = canary.into_iter().chain(blue_green).chain(ping_pong);
    names.flatten().filter(|name| !name.is_empty()).cloned().collect()
}
