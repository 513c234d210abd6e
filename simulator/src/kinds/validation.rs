//! The rules of built-in kinds that matter to a rollout operator. What is not checked here is
//! accepted.

use serde_json::Value;

use super::Kind;
use crate::names::label_problems;
use crate::schema::FieldPath;
use crate::selector::LabelSelector;
use crate::status_error::FieldError;

/// The most that a label can hold.
const LABEL_VALUE_MAX: usize = 63;

/// What is wrong with a built-in object; `old` is what it replaces.
pub(crate) fn problems(kind: &Kind, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let spec = FieldPath::root().child("spec");
    match kind.kind.as_str() {
        "ReplicaSet" | "Deployment" => {
            workload(object, &spec, &mut errors);
            if let Some(old) = old {
                immutable(object, old, &["spec", "selector"], &mut errors);
            }
        }
        "Pod" => pod_spec(&object["spec"], &spec, &mut errors),
        "Job" => job(object, old, &spec, &mut errors),
        "Service" => service(object, old, &mut errors),
        "Event" => event(object, &mut errors),
        _ => {}
    }
    if kind.kind == "ReplicaSet" {
        replica_set_status(&object["status"], &mut errors);
    }
    errors
}

fn immutable(object: &Value, old: &Value, path: &[&str], errors: &mut Vec<FieldError>) {
    let at = |mut value: &Value| {
        for step in path {
            value = &value[step];
        }
        value.clone()
    };
    let (new, old) = (at(object), at(old));
    if new != old {
        errors.push(FieldError::invalid(path.join("."), &new, "field is immutable"));
    }
}

fn not_negative(value: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    if value.as_i64().is_some_and(|number| number < 0) {
        let detail = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(path.as_str(), value, detail));
    }
}

fn workload(object: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let spec = &object["spec"];
    for field in ["replicas", "minReadySeconds"] {
        not_negative(&spec[field], &path.child(field), errors);
    }
    let selector = LabelSelector::from_object(&spec["selector"]);
    let selector_path = path.child("selector");
    if spec["selector"].is_null() {
        errors.push(FieldError::required(selector_path.as_str(), ""));
    } else if selector.is_empty() {
        let detail = "empty selector is invalid for deployment";
        errors.push(FieldError::invalid(selector_path.as_str(), &spec["selector"], detail));
    }
    let template = path.child("template");
    let labels = &spec["template"]["metadata"]["labels"];
    // No selector at all selects nothing.
    if spec["selector"].is_null() || !selector.matches_labels(labels) {
        let path = template.child("metadata").child("labels");
        let detail = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid(path.as_str(), labels, detail));
    }
    let pod = &spec["template"]["spec"];
    pod_spec(pod, &template.child("spec"), errors);
    if pod["restartPolicy"] != "Always" {
        let path = template.child("spec").child("restartPolicy");
        let allowed = ["Always".to_owned()];
        errors.push(FieldError::not_supported(path.as_str(), &pod["restartPolicy"], &allowed));
    }
}

fn job(object: &Value, old: Option<&Value>, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let spec = &object["spec"];
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
    ] {
        not_negative(&spec[field], &path.child(field), errors);
    }
    let template = path.child("template");
    // Labels that the server has made of the Job's name are looked at like others.
    for (_, value) in spec["template"]["metadata"]["labels"].as_object().into_iter().flatten() {
        if value.as_str().is_some_and(|text| text.len() > LABEL_VALUE_MAX) {
            let detail = format!("must be no more than {LABEL_VALUE_MAX} characters");
            errors.push(FieldError::invalid(template.child("labels").as_str(), value, &detail));
        }
    }
    let pod = &spec["template"]["spec"];
    pod_spec(pod, &template.child("spec"), errors);
    if pod["restartPolicy"] != "OnFailure" && pod["restartPolicy"] != "Never" {
        let path = template.child("spec").child("restartPolicy");
        let valid = "valid values: \"OnFailure\", \"Never\"";
        errors.push(FieldError::required(path.as_str(), valid));
    }
    if let Some(old) = old {
        for field in ["completions", "selector", "template"] {
            immutable(object, old, &["spec", field], errors);
        }
    }
}

fn pod_spec(spec: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let containers = spec["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let path = path.child("containers");
    if containers.is_empty() {
        errors.push(FieldError::required(path.as_str(), ""));
    }
    for (index, container) in containers.iter().enumerate() {
        let path = path.index(index);
        let name = container["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            errors.push(FieldError::required(path.child("name").as_str(), ""));
        }
        for problem in label_problems(name).iter().filter(|_| !name.is_empty()) {
            let path = path.child("name");
            errors.push(FieldError::invalid(path.as_str(), &container["name"], problem));
        }
        if containers[..index].iter().any(|other| other["name"] == name) {
            errors.push(FieldError::duplicate(path.child("name").as_str(), &container["name"]));
        }
        if container["image"].as_str().unwrap_or_default().is_empty() {
            errors.push(FieldError::required(path.child("image").as_str(), ""));
        }
    }
}

fn service(object: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
    let spec = &object["spec"];
    let headless = spec["clusterIP"] == "None";
    let ports = spec["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
    if ports.is_empty() && !headless && spec["type"] != "ExternalName" {
        errors.push(FieldError::required("spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        let path = FieldPath::root().child("spec").child("ports").index(index);
        if ports.len() > 1 && port["name"].as_str().unwrap_or_default().is_empty() {
            errors.push(FieldError::required(path.child("name").as_str(), ""));
        }
        let number = port["port"].as_i64().unwrap_or_default();
        if !(1..=65535).contains(&number) {
            let detail = "must be between 1 and 65535, inclusive";
            errors.push(FieldError::invalid(path.child("port").as_str(), &number.into(), detail));
        }
    }
    if let Some(old) = old
        && !old["spec"]["clusterIP"].is_null()
    {
        immutable(object, old, &["spec", "clusterIP"], errors);
    }
}

fn event(object: &Value, errors: &mut Vec<FieldError>) {
    let place = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let about = object["involvedObject"]["namespace"].as_str().unwrap_or_default();
    // Events about cluster-scoped objects live in the default namespace.
    if about != place && !(about.is_empty() && place == "default") {
        let detail = "does not match event.namespace";
        let about = Value::from(about);
        errors.push(FieldError::invalid("involvedObject.namespace", &about, detail));
    }
}

fn replica_set_status(status: &Value, errors: &mut Vec<FieldError>) {
    let count = |field: &str| status[field].as_i64().unwrap_or_default();
    let path = FieldPath::root().child("status");
    for field in ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"] {
        not_negative(&status[field], &path.child(field), errors);
    }
    let limit = "cannot be greater than status.replicas";
    for field in ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"] {
        if count(field) > count("replicas") {
            errors.push(FieldError::invalid(path.child(field).as_str(), &status[field], limit));
        }
    }
    if count("availableReplicas") > count("readyReplicas") {
        let field = path.child("availableReplicas");
        let detail = "cannot be greater than readyReplicas";
        errors.push(FieldError::invalid(field.as_str(), &status["availableReplicas"], detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::GroupResource;
    use crate::kinds::builtin::builtin_kinds;
    use serde_json::json;

    fn messages(resource: (&str, &str), object: Value, old: Option<Value>) -> Vec<String> {
        let kinds = builtin_kinds();
        let kind = &kinds[&GroupResource::new(resource.0, resource.1)];
        let errors = problems(kind, &object, old.as_ref());
        errors.into_iter().map(|error| format!("{}: {}", error.field, error.body)).collect()
    }

    #[test]
    fn replica_sets() {
        let set = |labels: Value, selector: Value| {
            json!({"spec": {"replicas": 1, "selector": selector, "template": {
                "metadata": {"labels": labels},
                "spec": {"restartPolicy": "Always",
                    "containers": [{"name": "c", "image": "i"}]}}}})
        };
        let web = json!({"app": "web"});
        let selector = json!({"matchLabels": {"app": "web"}});
        let good = set(web.clone(), selector.clone());
        let kind = ("apps", "replicasets");
        assert_eq!(messages(kind, good.clone(), None), Vec::<String>::new());
        assert_eq!(
            messages(kind, set(json!({"app": "db"}), selector), None),
            ["spec.template.metadata.labels: Invalid value: {\"app\":\"db\"}: `selector` does \
              not match template `labels`"]
        );
        let other = set(web, json!({"matchExpressions": [{"key": "app", "operator": "Exists"}]}));
        assert_eq!(messages(kind, other, Some(good)).len(), 1, "the selector is immutable");
    }

    #[test]
    fn services_need_ports() {
        let kind = ("", "services");
        assert_eq!(messages(kind, json!({"spec": {}}), None), ["spec.ports: Required value"]);
        assert!(messages(kind, json!({"spec": {"clusterIP": "None"}}), None).is_empty());
    }
}
