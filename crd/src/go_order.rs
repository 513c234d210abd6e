//! Serialization in Go's field order, for the types of k8s-openapi that a step hash covers.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Serializer;
use serde::ser::SerializeMap;

/// A label selector as Go writes it: labels first (k8s-openapi sorts by name), empty parts left out.
pub(crate) fn label_selector<S: Serializer>(
    selector: &Option<LabelSelector>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let Some(selector) = selector else { return serializer.serialize_none() };
    let labels = selector.match_labels.as_ref().filter(|labels| !labels.is_empty());
    let expressions = selector.match_expressions.as_ref().filter(|list| !list.is_empty());
    let mut map = serializer.serialize_map(None)?;
    if let Some(labels) = labels {
        map.serialize_entry("matchLabels", labels)?;
    }
    if let Some(expressions) = expressions {
        map.serialize_entry("matchExpressions", expressions)?;
    }
    map.end()
}
