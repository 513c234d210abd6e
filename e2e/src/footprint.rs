//! What the controller leaves in objects of others: the fields that it writes there, each write with
//! its field manager (docs/gitops.md).

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_simulator::RequestRecord;

/// The field manager that every write names.
pub const FIELD_MANAGER: &str = "rollouts-controller";

/// The fields that the controller writes in objects that its users own, by resource. What ends with
/// `*` is any field below: keys that the Rollout itself names.
pub const FIELDS: [(&str, &str); 36] = [
    ("rollouts", "metadata.annotations[rollout.argoproj.io/revision]"),
    ("rollouts", "metadata.annotations[rollout.argoproj.io/workload-generation]"),
    ("rollouts", "metadata.finalizers"),
    ("rollouts/status", "status*"),
    ("services", "metadata.annotations[argo-rollouts.argoproj.io/managed-by-rollouts]"),
    ("services", "spec.selector[rollouts-pod-template-hash]"),
    ("deployments", "spec.replicas"),
    ("pods", "metadata.labels*"),
    ("pods", "metadata.annotations*"),
    ("pods/eviction", "*"),
    ("leases", "*"),
    ("httproutes", "spec.rules"),
    ("httproutes", "metadata.labels*"),
    ("httproutes", "metadata.annotations*"),
    ("grpcroutes", "spec.rules"),
    ("grpcroutes", "metadata.labels*"),
    ("grpcroutes", "metadata.annotations*"),
    ("tcproutes", "spec.rules"),
    ("tcproutes", "metadata.labels*"),
    ("tcproutes", "metadata.annotations*"),
    ("tlsroutes", "spec.rules"),
    ("tlsroutes", "metadata.labels*"),
    ("tlsroutes", "metadata.annotations*"),
    ("configmaps", "data.httpManagedRoutes"),
    ("configmaps", "data.grpcManagedRoutes"),
    ("ingresses", "spec.rules"),
    ("virtualservices", "spec.http"),
    ("virtualservices", "spec.tls"),
    ("virtualservices", "spec.tcp"),
    ("destinationrules", "spec.subsets"),
    ("destinationrules", "metadata.annotations[argo-rollouts.argoproj.io/managed-by-rollouts]"),
    ("ingresses", "metadata.annotations*"),
    ("traefikservices", "spec.weighted.services"),
    ("apisixroutes", "spec.http"),
    ("virtualrouters", "spec.routes"),
    ("virtualnodes", "spec.podSelector.matchLabels[rollouts-pod-template-hash]"),
];

/// What is the controller's own: it creates these, and owns all that they hold.
const CREATED: [&str; 5] = ["replicasets", "analysisruns", "jobs", "events", "trafficsplits"];

/// What Argo Rollouts left, and goes.
const DELETED: [&str; 2] = ["configmaps", "apisixroutes"];

/// Of these the controller creates one beside that of the user, whose name ends so.
const CREATED_BESIDE: [&str; 2] = ["ingresses", "mappings"];
const BESIDE: &str = "-canary";

/// What of a write breaks the rules, if something does.
pub fn problem(write: &RequestRecord) -> Option<String> {
    if write.verb != "delete" && write.field_manager != FIELD_MANAGER {
        return Some(format!("{write}: names the field manager {:?}", write.field_manager));
    }
    let resource = match write.subresource.as_str() {
        "" => write.resource.clone(),
        part => format!("{}/{part}", write.resource),
    };
    let body = write.body.as_ref()?;
    let own_resource = write.resource.as_str();
    let is_beside = CREATED_BESIDE.contains(&own_resource) && write.name.ends_with(BESIDE);
    let goes = write.verb == "delete" && DELETED.contains(&own_resource);
    if CREATED.contains(&own_resource) || is_beside || goes {
        return None;
    }
    let strange = fields(body).into_iter().find(|field| !is_known(&resource, field));
    strange.map(|field| format!("{write}: writes {field}, which docs/gitops.md does not name"))
}

fn is_known(resource: &str, field: &str) -> bool {
    let of_it = FIELDS.iter().filter(|(known, _)| *known == resource);
    of_it.map(|(_, known)| *known).any(|known| match known.strip_suffix('*') {
        Some(above) => field.starts_with(above),
        None => field == known,
    })
}

/// Every field that a merge patch sets; conditions on version and uid are none.
fn fields(body: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect("", body, &mut found);
    found.remove("metadata.resourceVersion");
    found.remove("metadata.uid");
    found
}

fn collect(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    let Some(below) = value.as_object().filter(|below| !below.is_empty()) else {
        found.insert(path.to_owned());
        return;
    };
    for (key, value) in below {
        let is_word = key.chars().all(|c| c.is_ascii_alphanumeric());
        let path = match (path, is_word) {
            ("", _) => key.clone(),
            (path, true) => format!("{path}.{key}"),
            (path, false) => format!("{path}[{key}]"),
        };
        collect(&path, value, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patch(resource: &str, part: &str, manager: &str, body: Value) -> RequestRecord {
        RequestRecord {
            at: chrono::DateTime::UNIX_EPOCH,
            user: "controller".into(),
            verb: "patch".into(),
            group: String::new(),
            resource: resource.into(),
            subresource: part.into(),
            namespace: "demo".into(),
            name: "web".into(),
            field_manager: manager.into(),
            code: 200,
            body: Some(body),
            changed: true,
        }
    }

    #[test]
    fn what_is_documented_may_be_written() {
        for (resource, part, body) in [
            (
                "services",
                "",
                json!({"metadata": {"resourceVersion": "1",
                "annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "web"}},
                "spec": {"selector": {"rollouts-pod-template-hash": "abc"}}}),
            ),
            ("rollouts", "status", json!({"status": {"canary": {"a": null}}})),
            ("replicasets", "", json!({"spec": {"anything": 1}})),
        ] {
            assert_eq!(problem(&patch(resource, part, FIELD_MANAGER, body)), None);
        }
    }

    #[test]
    fn anything_else_is_seen() {
        for (resource, part, manager, body) in [
            ("services", "", FIELD_MANAGER, json!({"spec": {"selector": {"app": "web"}}})),
            ("rollouts", "", FIELD_MANAGER, json!({"spec": {"replicas": 1}})),
            ("rollouts", "status", "", json!({"status": {}})),
            ("rollouts", "", FIELD_MANAGER, json!({"status": {}})),
        ] {
            assert!(problem(&patch(resource, part, manager, body)).is_some(), "{resource}");
        }
    }
}
