//! Label selectors.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::names::{label_key, label_value};
use super::{Path, Problems};

/// Checks a selector that has to select something in particular.
pub(super) fn check_selector(selector: &LabelSelector, path: &Path, problems: &mut Problems) {
    let labels = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    if labels.clone().next().is_none() && expressions.clone().next().is_none() {
        problems.add(path, "is empty and would select all pods, set matchLabels");
    }
    check_labels(labels, &path.field("matchLabels"), problems);
    for (index, expression) in expressions.enumerate() {
        let path = path.field("matchExpressions").index(index);
        problems.check(&path.field("key"), label_key(&expression.key));
        let values = expression.values.as_deref().unwrap_or_default();
        let values_path = path.field("values");
        match expression.operator.as_str() {
            "In" | "NotIn" if values.is_empty() => {
                problems.add(&values_path, "is empty, In and NotIn need values");
            }
            "In" | "NotIn" => {}
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                problems.add(&values_path, "must be empty, Exists and DoesNotExist take no values");
            }
            operator => {
                let allowed = ["In", "NotIn", "Exists", "DoesNotExist"];
                problems.one_of(&path.field("operator"), operator, &allowed);
            }
        }
        for (index, value) in values.iter().enumerate() {
            problems.check(&values_path.index(index), label_value(value));
        }
    }
}

/// Checks keys and values of labels.
pub(super) fn check_labels<'a>(
    labels: impl IntoIterator<Item = (&'a String, &'a String)>,
    path: &Path,
    problems: &mut Problems,
) {
    for (key, value) in labels {
        problems.check(path, label_key(key));
        problems.check(&path.key(key), label_value(value));
    }
}

/// Whether `selector` selects what has `labels`.
pub fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let has_all = selector
        .match_labels
        .iter()
        .flatten()
        .all(|(key, value)| labels.get(key).is_some_and(|actual| actual == value));
    let meets_all = selector.match_expressions.iter().flatten().all(|expression| {
        let value = labels.get(&expression.key);
        let is_listed =
            || value.is_some_and(|v| expression.values.iter().flatten().any(|x| x == v));
        match expression.operator.as_str() {
            "In" => is_listed(),
            "NotIn" => !is_listed(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    });
    has_all && meets_all
}
