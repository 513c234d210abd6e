//! The defaults of pod specs and pod templates.

use serde_json::{Value, json};

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

fn present<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    value.get_mut(key).filter(|inner| inner.is_object())
}

/// The defaults that apply to every pod spec, in a pod or in a template.
pub(super) fn pod_spec(spec: &mut Value) {
    or_default(spec, "dnsPolicy", "ClusterFirst");
    or_default(spec, "restartPolicy", "Always");
    or_default(spec, "schedulerName", "default-scheduler");
    or_default(spec, "securityContext", json!({}));
    or_default(spec, "terminationGracePeriodSeconds", 30);
    // The deprecated name is kept equal to the new one.
    let account = spec.get("serviceAccountName").or(spec.get("serviceAccount")).cloned();
    if let Some(account) = account {
        spec["serviceAccountName"] = account.clone();
        spec["serviceAccount"] = account;
    }
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        each(spec, list).for_each(container);
    }
    each(spec, "volumes").for_each(volume);
}

/// The defaults that only a pod itself gets.
pub(super) fn pod(spec: &mut Value) {
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

fn container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let policy = if tag(image) == "latest" { "Always" } else { "IfNotPresent" };
    or_default(container, "imagePullPolicy", policy);
    or_default(container, "resources", json!({}));
    or_default(container, "terminationMessagePath", "/dev/termination-log");
    or_default(container, "terminationMessagePolicy", "File");
    for port in each(container, "ports") {
        or_default(port, "protocol", "TCP");
    }
    for variable in each(container, "env") {
        if let Some(source) = present(variable, "valueFrom") {
            field_reference(source);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = present(container, name) else { continue };
        or_default(probe, "timeoutSeconds", 1);
        or_default(probe, "periodSeconds", 10);
        or_default(probe, "successThreshold", 1);
        or_default(probe, "failureThreshold", 3);
        handler(probe);
        if let Some(grpc) = present(probe, "grpc") {
            or_default(grpc, "service", "");
        }
    }
    if let Some(lifecycle) = present(container, "lifecycle") {
        for hook in ["postStart", "preStop"] {
            if let Some(hook) = present(lifecycle, hook) {
                handler(hook);
            }
        }
    }
}

fn handler(handler: &mut Value) {
    if let Some(get) = present(handler, "httpGet") {
        or_default(get, "path", "/");
        or_default(get, "scheme", "HTTP");
    }
}

fn field_reference(source: &mut Value) {
    if let Some(reference) = present(source, "fieldRef") {
        or_default(reference, "apiVersion", "v1");
    }
}

fn volume(volume: &mut Value) {
    if volume.as_object().is_some_and(|map| map.len() <= 1) {
        volume["emptyDir"] = json!({});
    }
    for name in ["secret", "configMap", "downwardAPI", "projected"] {
        let Some(source) = present(volume, name) else { continue };
        or_default(source, "defaultMode", 420);
        each(source, "items").for_each(field_reference);
        for part in each(source, "sources") {
            if let Some(token) = present(part, "serviceAccountToken") {
                or_default(token, "expirationSeconds", 3600);
            }
            if let Some(api) = present(part, "downwardAPI") {
                each(api, "items").for_each(field_reference);
            }
        }
    }
    if let Some(path) = present(volume, "hostPath") {
        or_default(path, "type", "");
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

    #[test]
    fn env_without_a_source_stays_as_it_is() {
        let mut spec = json!({"containers": [{"name": "c", "image": "i:1",
            "env": [{"name": "A", "value": "1"}, {"name": "B",
                "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}]});
        pod_spec(&mut spec);
        let env = &spec["containers"][0]["env"];
        assert_eq!(env[0], json!({"name": "A", "value": "1"}));
        assert_eq!(env[1]["valueFrom"]["fieldRef"]["apiVersion"], "v1");
        assert_eq!(spec["containers"][0]["imagePullPolicy"], "IfNotPresent");
    }
}
