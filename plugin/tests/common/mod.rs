//! What the tests share: recorded objects.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

pub(crate) mod bench;
pub(crate) mod prometheus;
pub(crate) mod world;

use kube::ResourceExt;
use kubectl_argo_rollouts::view::Objects;
use serde::de::DeserializeOwned;
use sluice_crd::rollout::Rollout;
use std::path::Path;

/// The text of a recorded file.
pub(crate) fn recorded(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recorded").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The items of a recorded list.
pub(crate) fn recorded_items<K: DeserializeOwned>(file: &str) -> Vec<K> {
    let mut list: serde_json::Value = serde_yaml_ng::from_str(&recorded(file)).unwrap();
    serde_json::from_value(list["items"].take()).unwrap()
}

/// A recorded Rollout, with all that was recorded beside it.
pub(crate) fn objects_of(name: &str) -> Objects {
    let rollouts: Vec<Rollout> = recorded_items("rollouts.yaml");
    let rollout = rollouts.into_iter().find(|rollout| rollout.name_any() == name).unwrap();
    Objects {
        replica_sets: recorded_items("replicasets.yaml"),
        analysis_runs: recorded_items("analysisruns.yaml"),
        ..Objects::of(rollout)
    }
}
