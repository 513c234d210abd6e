//! The defaults of pod specs and pod templates.

use serde_json::{Value, json};
use sluice_crd::identity::defaulted;

/// Sets a field that is absent. A value that is no object, which decoding has refused, stays.
pub(super) fn or_default(value: &mut Value, key: &str, default: impl Into<Value>) {
    if value.is_null() {
        *value = json!({});
    }
    if let Some(map) = value.as_object_mut() {
        map.entry(key).or_insert_with(|| default.into());
    }
}

/// The object at a key, made if it is absent.
pub(super) fn section<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
    or_default(value, key, json!({}));
    if value.is_object() { &mut value[key] } else { value }
}

/// The items of the list at a key.
pub(super) fn each<'a>(value: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

/// A pod template as the server stores it inside a workload.
pub(super) fn template(spec: &mut Value) {
    spec["template"] = defaulted(&spec["template"]);
}

/// The spec of a pod: the defaults of templates, and those that only a pod itself gets.
pub(super) fn pod(object: &mut Value) {
    let mut template = defaulted(&json!({"spec": object["spec"]}));
    object["spec"] = template["spec"].take();
    let spec = section(object, "spec");
    or_default(spec, "enableServiceLinks", true);
    for list in ["containers", "initContainers"] {
        for entry in each(spec, list) {
            let limits = entry["resources"]["limits"].as_object().cloned();
            for (name, limit) in limits.into_iter().flatten() {
                or_default(section(section(entry, "resources"), "requests"), &name, limit);
            }
        }
    }
}

/// The tag of an image reference; `latest` if it has neither tag nor digest.
pub(crate) fn tag(image: &str) -> &str {
    let (name, digest) = image.split_once('@').map_or((image, ""), |(name, rest)| (name, rest));
    // A colon before the last slash belongs to the registry's port.
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.split_once(':') {
        Some((_, tag)) => tag,
        None if digest.is_empty() => "latest",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_tags() {
        for (image, expected) in [
            ("nginx", "latest"),
            ("nginx:1.2", "1.2"),
            ("host:5000/nginx", "latest"),
            ("host:5000/nginx:v1", "v1"),
            ("nginx@sha256:abc", ""),
        ] {
            assert_eq!(tag(image), expected, "{image}");
        }
    }
}
