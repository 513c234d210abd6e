//! What the API server fills into built-in objects that leave it out.

use serde_json::{Value, json};

use super::Kind;
use super::pod_defaults::{each, or_default, pod, section, template};

/// Fills in the defaults of a built-in kind. Custom kinds have theirs in the schema.
pub(crate) fn fill(kind: &Kind, object: &mut Value) {
    match kind.kind.as_str() {
        "Pod" => {
            pod(object);
            or_default(section(object, "status"), "phase", "Pending");
        }
        "ReplicaSet" => {
            let spec = section(object, "spec");
            or_default(spec, "replicas", 1);
            template(spec);
            or_default(section(object, "status"), "replicas", 0);
        }
        "Deployment" => deployment(object),
        "Job" => job(object),
        "PodTemplate" => template(object),
        "PodDisruptionBudget" => {
            let status = section(object, "status");
            for count in ["currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"]
            {
                or_default(status, count, 0);
            }
        }
        "ResourceQuota" => {
            section(object, "spec");
            section(object, "status");
        }
        "Service" => service(object),
        "Event" => {
            for key in ["firstTimestamp", "lastTimestamp", "eventTime"] {
                or_default(object, key, Value::Null);
            }
            section(object, "source");
            or_default(object, "reportingComponent", "");
            or_default(object, "reportingInstance", "");
        }
        "Secret" => secret(object),
        "Namespace" => {
            let name = object["metadata"]["name"].clone();
            if name.is_string() {
                let labels = section(section(object, "metadata"), "labels");
                or_default(labels, "kubernetes.io/metadata.name", name);
            }
            or_default(section(object, "spec"), "finalizers", json!(["kubernetes"]));
            or_default(section(object, "status"), "phase", "Active");
        }
        "Lease" | "Node" => {
            section(object, "spec");
        }
        "HorizontalPodAutoscaler" => {
            let spec = section(object, "spec");
            or_default(spec, "minReplicas", 1);
            let target = json!({"type": "Utilization", "averageUtilization": 80});
            let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
            or_default(spec, "metrics", json!([metric]));
        }
        "EndpointSlice" => {
            or_default(object, "endpoints", Value::Null);
            or_default(object, "ports", Value::Null);
            for port in each(object, "ports") {
                or_default(port, "name", "");
                or_default(port, "protocol", "TCP");
            }
        }
        "Ingress" => or_default(section(object, "status"), "loadBalancer", json!({})),
        _ => {}
    }
}

fn deployment(object: &mut Value) {
    let spec = section(object, "spec");
    or_default(spec, "replicas", 1);
    or_default(spec, "revisionHistoryLimit", 10);
    or_default(spec, "progressDeadlineSeconds", 600);
    let strategy = section(spec, "strategy");
    or_default(strategy, "type", "RollingUpdate");
    if strategy["type"] == "RollingUpdate" {
        let rolling = section(strategy, "rollingUpdate");
        or_default(rolling, "maxSurge", "25%");
        or_default(rolling, "maxUnavailable", "25%");
    }
    template(spec);
    section(object, "status");
}

fn job(object: &mut Value) {
    let spec = section(object, "spec");
    // With a parallelism and no completions it is a queue of work.
    if spec["parallelism"].is_null() {
        or_default(spec, "completions", 1);
    }
    for (key, default) in [
        ("parallelism", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
        ("manualSelector", json!(false)),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
    ] {
        or_default(spec, key, default);
    }
    template(spec);
    section(object, "status");
}

/// `stringData` is a convenience for writers: it is stored as `data`.
fn secret(object: &mut Value) {
    or_default(object, "type", "Opaque");
    let Some(map) = object.as_object_mut() else { return };
    if let Some(Value::Object(texts)) = map.remove("stringData") {
        for (key, text) in texts {
            let encoded = base64(text.as_str().unwrap_or_default().as_bytes());
            section(object, "data")[key] = encoded.into();
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for index in 0..4 {
            let digit = (bits >> (18 - 6 * index)) & 63;
            text.push(if index <= chunk.len() { char::from(DIGITS[digit as usize]) } else { '=' });
        }
    }
    text
}

fn service(object: &mut Value) {
    let spec = section(object, "spec");
    or_default(spec, "sessionAffinity", "None");
    or_default(spec, "type", "ClusterIP");
    if spec["type"] != "ExternalName" {
        or_default(spec, "internalTrafficPolicy", "Cluster");
    }
    if spec["type"] == "NodePort" || spec["type"] == "LoadBalancer" {
        or_default(spec, "externalTrafficPolicy", "Cluster");
    }
    for port in each(spec, "ports") {
        or_default(port, "protocol", "TCP");
        let number = port["port"].clone();
        or_default(port, "targetPort", number);
    }
    or_default(section(object, "status"), "loadBalancer", json!({}));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::GroupResource;
    use crate::kinds::builtin::builtin_kinds;

    fn filled(group: &str, resource: &str, mut object: Value) -> Value {
        fill(&builtin_kinds()[&GroupResource::new(group, resource)], &mut object);
        object
    }

    #[test]
    fn secrets_hold_what_was_written_as_text() {
        for (text, encoded) in [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj")] {
            let object = filled("", "secrets", json!({"stringData": {"k": text}}));
            assert_eq!(object, json!({"type": "Opaque", "data": {"k": encoded}}));
        }
    }

    #[test]
    fn replica_set_templates_are_defaulted() {
        let object = filled(
            "apps",
            "replicasets",
            json!({"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}),
        );
        assert_eq!(object["spec"]["replicas"], 1);
        assert_eq!(object["spec"]["template"]["spec"]["restartPolicy"], "Always");
        assert_eq!(object["status"], json!({"replicas": 0}));
    }

    #[test]
    fn service_ports() {
        let object = filled("", "services", json!({"spec": {"ports": [{"port": 80}]}}));
        assert_eq!(
            object["spec"]["ports"],
            json!([{"port": 80, "protocol": "TCP", "targetPort": 80}])
        );
        assert_eq!(object["spec"]["type"], "ClusterIP");
    }
}
