//! The objects of a scenario as an onlooker sees them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::expect::revision;
use super::resources::{canonical, kind_of};

/// One change, in the order of the cluster's versions.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The object after the change; its last state where it is gone.
    pub object: Value,
    /// Whether it is gone.
    pub deleted: bool,
}

/// The latest state of every object of the namespace.
#[derive(Clone, Debug, Default)]
pub(super) struct Mirror {
    objects: BTreeMap<(String, String), Value>,
    remembered_pods: BTreeSet<String>,
}

impl Mirror {
    /// Takes in a change; the object as it was before.
    pub(super) fn take(&mut self, seen: &Seen) -> Option<Value> {
        let name = seen.object["metadata"]["name"].as_str().unwrap_or_default();
        let id = (kind_of(&seen.object), name.to_owned());
        if seen.deleted {
            self.objects.remove(&id)
        } else {
            self.objects.insert(id, seen.object.clone())
        }
    }

    /// Whether an object is known in an earlier state than that of this version alone.
    pub(super) fn lags(&self, kind: &str, name: &str, version: &str) -> bool {
        let number = |version: &str| version.parse::<u64>().unwrap_or(0);
        let known = self.get(kind, name).and_then(|o| o["metadata"]["resourceVersion"].as_str());
        known.is_some_and(|known| number(known) < number(version))
    }

    pub(super) fn get(&self, kind: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(canonical(kind).to_owned(), name.to_owned()))
    }

    /// Every object of a kind.
    pub(super) fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |((k, _), _)| k == kind).map(|(_, object)| object)
    }

    /// The ReplicaSets that a Rollout owns.
    pub(super) fn replica_sets_of(&self, rollout: &Value) -> Vec<&Value> {
        let uid = &rollout["metadata"]["uid"];
        self.all("ReplicaSet").filter(|rs| owner(rs) == uid).collect()
    }

    /// The pods that a ReplicaSet owns.
    pub(super) fn pods_of(&self, rs: &Value) -> Vec<&Value> {
        let uid = &rs["metadata"]["uid"];
        self.all("Pod").filter(|pod| owner(pod) == uid).collect()
    }

    /// Remembers the pods that there are now.
    pub(super) fn remember_pods(&mut self) {
        self.remembered_pods = self.pod_uids();
    }

    /// Whether no pod has come or gone that was remembered.
    pub(super) fn pods_are_as_remembered(&self, _rollout: &Value) -> bool {
        self.remembered_pods.is_subset(&self.pod_uids())
    }

    /// How many pods that were remembered are there.
    pub(super) fn kept_pods(&self) -> usize {
        self.remembered_pods.intersection(&self.pod_uids()).count()
    }

    /// Whether there are so many ReplicaSets, each with the pods that it asks for.
    pub(super) fn has_available(&self, sets: usize) -> bool {
        let whole = self.all("ReplicaSet").filter(|rs| {
            let wanted = rs["spec"]["replicas"].as_i64().unwrap_or(0);
            rs["status"]["availableReplicas"].as_i64().unwrap_or(0) == wanted
        });
        whole.count() == sets
    }

    /// Every object.
    pub(super) fn objects(&self) -> Vec<Value> {
        self.objects.values().cloned().collect()
    }

    /// The Rollouts with their ReplicaSets, and the AnalysisRuns, for messages.
    pub(super) fn summary(&self) -> String {
        let mut out = String::new();
        for rollout in self.all("Rollout") {
            let status = &rollout["status"];
            let ready = status["conditions"].as_array().into_iter().flatten();
            let ready = ready.filter(|c| c["type"] == "Ready").map(|c| c["message"].to_string());
            out.push_str(&format!(
                "  Rollout {}: {} {} step {} new {} stable {}; {}\n",
                rollout["metadata"]["name"],
                status["phase"],
                status["message"],
                status["currentStepIndex"],
                status["currentPodHash"],
                status["stableRS"],
                ready.collect::<String>(),
            ));
            for rs in self.replica_sets_of(rollout) {
                out.push_str(&format!(
                    "    revision {} {}: {} asked for, {} there, {} available\n",
                    revision(rs),
                    rs["metadata"]["name"],
                    rs["spec"]["replicas"],
                    rs["status"]["replicas"],
                    rs["status"]["availableReplicas"],
                ));
            }
        }
        for run in self.all("AnalysisRun") {
            let status = &run["status"];
            out.push_str(&format!(
                "  AnalysisRun {}: {} {}\n",
                run["metadata"]["name"], status["phase"], status["message"]
            ));
        }
        out
    }

    fn pod_uids(&self) -> BTreeSet<String> {
        let uid = |pod: &Value| pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        self.all("Pod")
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .map(uid)
            .collect()
    }
}

/// The uid of the controlling owner.
fn owner(object: &Value) -> &Value {
    let owners = object["metadata"]["ownerReferences"].as_array();
    let controlling = owners.into_iter().flatten().find(|o| o["controller"] == true);
    controlling.map_or(&Value::Null, |o| &o["uid"])
}
