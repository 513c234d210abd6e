//! Pod templates: what an API server would refuse to put into a ReplicaSet.
//!
//! Not all of its rules are here. Those that are never refuse what it would take; the others show
//! when the ReplicaSet is created.

mod container;
mod pod;
mod types;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::Value;

use super::selector::{check_labels, matches};
use super::{Path, Problems, names};
use crate::identity::defaulted;

/// Checks a template whose pods `selector` has to select.
pub(super) fn check_pod_template(
    template: &Value,
    selector: Option<&LabelSelector>,
    path: &Path,
    problems: &mut Problems,
) {
    let before = problems.0.len();
    types::check(template, path, problems);
    if problems.0.len() > before {
        return; // What has the wrong type cannot be checked further.
    }
    let completed = defaulted(template);
    let decoded: PodTemplateSpec = match serde_json::from_value(completed.clone()) {
        Ok(decoded) => decoded,
        Err(error) => return problems.add(path, format!("cannot be read: {error}")),
    };
    check_metadata(&decoded, selector, &path.field("metadata"), problems);
    let spec = decoded.spec.unwrap_or_default();
    pod::check(&spec, &completed["spec"], &path.field("spec"), problems);
}

fn check_metadata(
    template: &PodTemplateSpec,
    selector: Option<&LabelSelector>,
    path: &Path,
    problems: &mut Problems,
) {
    let none = BTreeMap::new();
    let metadata = template.metadata.as_ref();
    let labels = metadata.and_then(|metadata| metadata.labels.as_ref()).unwrap_or(&none);
    let labels_path = path.field("labels");
    check_labels(labels, &labels_path, problems);
    for key in metadata.and_then(|metadata| metadata.annotations.as_ref()).into_iter().flatten() {
        // The API server compares the keys of annotations in lower case.
        problems.check(&path.field("annotations"), names::label_key(&key.0.to_lowercase()));
    }
    if selector.is_some_and(|selector| !matches(selector, labels)) {
        problems.add(&labels_path, "are not selected by the selector, give them its labels");
    }
}
