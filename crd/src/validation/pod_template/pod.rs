//! The pod as a whole: its containers as a set, volumes, and where it may run.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Affinity, PodSpec, TopologySpreadConstraint};
use serde_json::Value;

use super::container::{self, Context};
use crate::validation::selector::check_labels;
use crate::validation::{Path, Problems, list, names};

/// Checks a pod spec with its defaults, decoded and as JSON.
pub(super) fn check(spec: &PodSpec, json: &Value, path: &Path, problems: &mut Problems) {
    let volumes = check_volumes(json, &path.field("volumes"), problems);
    check_containers(spec, &volumes, path, problems);
    if spec.ephemeral_containers.as_ref().is_some_and(|list| !list.is_empty()) {
        problems.add(&path.field("ephemeralContainers"), "must be empty in a template");
    }
    if let Some(policy) = &spec.restart_policy {
        problems.one_of(&path.field("restartPolicy"), policy, &["Always"]);
    }
    if spec.active_deadline_seconds.is_some() {
        let detail = "must not be set, pods of a Rollout run until they are replaced";
        problems.add(&path.field("activeDeadlineSeconds"), detail);
    }
    if let Some(policy) = &spec.dns_policy {
        let allowed = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
        problems.one_of(&path.field("dnsPolicy"), policy, &allowed);
    }
    for (field, name) in [
        ("serviceAccountName", &spec.service_account_name),
        ("priorityClassName", &spec.priority_class_name),
        ("runtimeClassName", &spec.runtime_class_name),
        ("nodeName", &spec.node_name),
    ] {
        if let Some(name) = name {
            problems.check(&path.field(field), names::dns_subdomain(name));
        }
    }
    for (field, name) in [("hostname", &spec.hostname), ("subdomain", &spec.subdomain)] {
        if let Some(name) = name {
            problems.check(&path.field(field), names::dns_label(name));
        }
    }
    check_labels(spec.node_selector.iter().flatten(), &path.field("nodeSelector"), problems);
    if let Some(affinity) = &spec.affinity {
        check_affinity(affinity, &path.field("affinity"), problems);
    }
    let constraints = spec.topology_spread_constraints.iter().flatten();
    for (index, constraint) in constraints.enumerate() {
        let path = path.field("topologySpreadConstraints").index(index);
        check_spread(constraint, &path, problems);
    }
}

/// Names of the volumes. Each has a source: one, and no more.
fn check_volumes(json: &Value, path: &Path, problems: &mut Problems) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let volumes = json["volumes"].as_array();
    for (index, volume) in volumes.into_iter().flatten().enumerate() {
        let path = path.index(index);
        let name = volume["name"].as_str().unwrap_or_default();
        let name_path = path.field("name");
        if names::dns_label(name).is_err() {
            problems.check(&name_path, names::dns_label(name));
        } else if !seen.insert(name.to_owned()) {
            problems
                .add(&name_path, format!("is `{name}`, which names a volume further up already"));
        }
        let fields = volume.as_object().into_iter().flat_map(serde_json::Map::keys);
        let sources: Vec<&str> = fields.map(String::as_str).filter(|key| *key != "name").collect();
        if sources.len() > 1 {
            problems.add(&path, format!("has {}, set only one of them", list(&sources)));
        }
    }
    seen
}

fn check_containers(
    spec: &PodSpec,
    volumes: &BTreeSet<String>,
    path: &Path,
    problems: &mut Problems,
) {
    let mut context =
        Context { volumes, host_network: spec.host_network == Some(true), names: BTreeSet::new() };
    let init_path = path.field("initContainers");
    for (index, init) in spec.init_containers.iter().flatten().enumerate() {
        container::check(init, &mut context, &init_path.index(index), problems);
    }
    let containers_path = path.field("containers");
    if spec.containers.is_empty() {
        problems.add(&containers_path, "is empty, a pod needs a container");
    }
    for (index, main) in spec.containers.iter().enumerate() {
        container::check(main, &mut context, &containers_path.index(index), problems);
    }
}

fn check_affinity(affinity: &Affinity, path: &Path, problems: &mut Problems) {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
    let node = affinity.node_affinity.as_ref();
    let preferred = node.into_iter().flat_map(|node| {
        node.preferred_during_scheduling_ignored_during_execution.iter().flatten()
    });
    for (index, term) in preferred.enumerate() {
        let path = path.field("nodeAffinity").field(PREFERRED).index(index).field("weight");
        problems.within(&path, term.weight, 1, 100);
    }
    let required =
        node.and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
    if required.is_some_and(|selector| selector.node_selector_terms.is_empty()) {
        let path = path.field("nodeAffinity").field(REQUIRED).field("nodeSelectorTerms");
        problems.add(&path, "is empty, no node would do");
    }
    let pod = affinity.pod_affinity.as_ref().map(|pod| {
        let required = &pod.required_during_scheduling_ignored_during_execution;
        (required, &pod.preferred_during_scheduling_ignored_during_execution)
    });
    let anti = affinity.pod_anti_affinity.as_ref().map(|pod| {
        let required = &pod.required_during_scheduling_ignored_during_execution;
        (required, &pod.preferred_during_scheduling_ignored_during_execution)
    });
    for (field, terms) in [("podAffinity", pod), ("podAntiAffinity", anti)] {
        let Some((required, preferred)) = terms else { continue };
        let path = path.field(field);
        for (index, term) in required.iter().flatten().enumerate() {
            let path = path.field(REQUIRED).index(index).field("topologyKey");
            problems.check(&path, names::label_key(&term.topology_key));
        }
        for (index, weighted) in preferred.iter().flatten().enumerate() {
            let path = path.field(PREFERRED).index(index);
            problems.within(&path.field("weight"), weighted.weight, 1, 100);
            let key_path = path.field("podAffinityTerm").field("topologyKey");
            problems.check(&key_path, names::label_key(&weighted.pod_affinity_term.topology_key));
        }
    }
}

fn check_spread(constraint: &TopologySpreadConstraint, path: &Path, problems: &mut Problems) {
    problems.at_least(&path.field("maxSkew"), constraint.max_skew, 1);
    if constraint.topology_key.is_empty() {
        problems.add(&path.field("topologyKey"), "is missing, name a label of nodes");
    }
    let allowed = ["DoNotSchedule", "ScheduleAnyway"];
    problems.one_of(&path.field("whenUnsatisfiable"), &constraint.when_unsatisfiable, &allowed);
}
