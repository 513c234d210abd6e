//! The subsets of a DestinationRule: by which labels a mesh finds the pods of a version.

use serde_json::Value;
use sluice_crd::rollout::IstioDestinationRule;

use crate::names::{HASH_LABEL, MANAGED_BY};
use crate::traffic::Problem;

/// A DestinationRule whose subsets select these hashes. What is not given stays as it is: a subset is
/// moved only to pods that serve.
///
/// # Errors
///
/// [`Problem`] where it has no subset of that name: nothing of it is changed.
pub fn subsets(
    named: &IstioDestinationRule,
    rollout: &str,
    stable: Option<&str>,
    canary: Option<&str>,
    rule: &Value,
) -> Result<Value, Problem> {
    let mut out = rule.clone();
    if let Some(other) = rule["metadata"]["annotations"][MANAGED_BY].as_str()
        && other != rollout
    {
        return Err(Problem {
            object: format!("DestinationRule {}", named.name),
            field: format!("metadata.annotations[{MANAGED_BY}]"),
            what: format!("another Rollout, {other}, has its subsets; give each Rollout its own"),
        });
    }
    set(&mut out, "annotations", MANAGED_BY, rollout);
    let wanted = [(&named.stable_subset_name, stable), (&named.canary_subset_name, canary)];
    for (name, hash) in wanted {
        let subsets = out.pointer_mut("/spec/subsets").and_then(Value::as_array_mut);
        let mut found = subsets.into_iter().flatten().filter(|s| s["name"] == name.as_str());
        let subset = found.next().and_then(Value::as_object_mut).ok_or_else(|| Problem {
            object: format!("DestinationRule {}", named.name),
            field: "spec.subsets".to_owned(),
            what: format!("has no subset {name}; add one with the labels of the pods"),
        })?;
        let Some(hash) = hash else { continue };
        let labels = subset.entry("labels").or_insert_with(|| Value::Object(Default::default()));
        if let Some(labels) = labels.as_object_mut() {
            labels.insert(HASH_LABEL.to_owned(), hash.into());
        }
    }
    Ok(out)
}

/// Sets a key of a map in the metadata.
fn set(object: &mut Value, map: &str, key: &str, value: &str) {
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    let Some(metadata) = metadata else { return };
    let map = metadata.entry(map).or_insert_with(|| Value::Object(Default::default()));
    if let Some(map) = map.as_object_mut() {
        map.insert(key.to_owned(), value.into());
    }
}

/// The hash that a subset selects, if it does.
pub fn selected(subset: &str, rule: &Value) -> Option<String> {
    let mut subsets = rule["spec"]["subsets"].as_array()?.iter();
    let subset = subsets.find(|known| known["name"] == subset)?;
    subset["labels"][HASH_LABEL].as_str().map(str::to_owned)
}
