//! The subsets of a DestinationRule: by which labels a mesh finds the pods of a version.

use serde_json::Value;
use sluice_crd::rollout::IstioDestinationRule;

use crate::names::HASH_LABEL;
use crate::traffic::Problem;

/// A DestinationRule whose subsets select these hashes. What is not given stays as it is: a subset is
/// moved only to pods that serve.
///
/// # Errors
///
/// [`Problem`] where it has no subset of that name: nothing of it is changed.
pub fn subsets(
    named: &IstioDestinationRule,
    stable: Option<&str>,
    canary: Option<&str>,
    rule: &Value,
) -> Result<Value, Problem> {
    let mut out = rule.clone();
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
