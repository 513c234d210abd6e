//! POST of an object.

use serde_json::{Map, Value, json};

use super::admit::{FieldValidation, Misfit, admit, root};
use super::{Call, Reply, body, metadata, quota};
use crate::clock::rfc3339;
use crate::kinds::builtin::CRD_RESOURCE;
use crate::kinds::{Generation, GroupResource, Kind, validation};
use crate::schema::{duplicates, validate};
use crate::state::State;
use crate::status_error::{FieldError, StatusError, go_quote};
use crate::store::Key;

/// How many characters the server puts behind a `generateName`.
const SUFFIX_LENGTH: usize = 5;
/// A generated name is cut to leave room for them.
const GENERATE_NAME_MAX: usize = 58;

/// POST.
pub(super) fn create(state: &mut State, call: &Call) -> Result<Reply, StatusError> {
    let submitted = body::object(call)?;
    create_object(state, call, submitted)
}

/// Stores a new object, submitted by a POST or by a PUT that may create.
pub(super) fn create_object(
    state: &mut State,
    call: &Call,
    submitted: Value,
) -> Result<Reply, StatusError> {
    let kind = call.kind.clone();
    call.check_options("CreateOptions")?;
    check_kind(state, call, &submitted)?;
    let field_validation = FieldValidation::of(call.parameter("fieldValidation"));
    let (mut object, warnings) =
        admit(&kind, submitted, field_validation).map_err(|misfit| undecodable(&kind, &misfit))?;
    metadata::settle_place(&kind, &mut object, &call.namespace, "")?;
    check_namespace(state, &kind, &object)?;
    if object["metadata"]["resourceVersion"].as_str().is_some_and(|version| !version.is_empty()) {
        let message = "resourceVersion should not be set on objects to be created";
        return Err(StatusError::unforeseen(message));
    }
    fill_system_fields(state, &kind, &mut object);
    if kind.kind == "Job" {
        label_job(&mut object);
    }
    let errors = problems(&kind, &object);
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if !errors.is_empty() {
        let (group, kind_name) = kind.qualified();
        return Err(StatusError::invalid(group, kind_name, &name, &errors));
    }
    quota::check(state, &kind, &object)?;
    let key = Key::new(object["metadata"]["namespace"].as_str().unwrap_or_default(), &name);
    if let Some(existing) = state.store.get(&kind.resource, &key) {
        let mut error = StatusError::already_exists(&kind.resource, &name);
        if !existing["metadata"]["deletionTimestamp"].is_null() {
            error.message = format!("object is being deleted: {}", error.message);
        }
        return Err(error);
    }
    allocate(state, &kind, &mut object);
    let stored = if call.is_dry_run() {
        std::sync::Arc::new(object)
    } else {
        let Some(change) = state.commit(&kind, &key, Some(object)) else {
            return Err(StatusError::internal("the object was not stored"));
        };
        state.obey_crd(&change);
        change.object.clone()
    };
    Ok(Reply::Object { code: 201, object: stored, warnings })
}

/// Makes sure that the body is an object of the kind that the path names.
///
/// # Errors
/// 400 or 422 in the server's words.
pub(super) fn check_kind(state: &State, call: &Call, object: &Value) -> Result<(), StatusError> {
    let kind = &call.kind;
    if !object.is_object() {
        return Err(StatusError::bad_request(
            "couldn't get version/kind; json parse error: json: cannot unmarshal into Go value of \
             type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \
             \"json:\\\"kind,omitempty\\\"\" }",
        ));
    }
    let text = |field: &str| object[field].as_str().filter(|text| !text.is_empty());
    let (version, name) = (text("apiVersion"), text("kind"));
    let wanted = kind.api_version();
    if !kind.custom {
        // What is left out is what the path says.
        let (version, name) = (version.unwrap_or(&wanted), name.unwrap_or(&kind.kind));
        if version == wanted && name == kind.kind {
            return Ok(());
        }
        return Err(other_builtin(state, kind, version, name));
    }
    let Some(name) = name else {
        let body = object.to_string();
        let short = match body.char_indices().nth(SUMMARY_LENGTH) {
            Some((end, _)) => format!("{} ...", &body[..end]),
            None => body.clone(),
        };
        return Err(StatusError::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): Object 'Kind' is missing in \
             '{body}' ({short})",
            kind.kind
        )));
    };
    let version = version.unwrap_or_default();
    if version != wanted {
        return Err(StatusError::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version \
             ({wanted})"
        )));
    }
    if name != kind.kind {
        let error = FieldError::invalid("kind", &name.into(), &format!("must be {}", kind.kind));
        let object_name = object["metadata"]["name"].as_str().unwrap_or_default();
        return Err(StatusError::invalid(&kind.resource.group, name, object_name, &[error]));
    }
    Ok(())
}

/// How much of a body the server repeats.
const SUMMARY_LENGTH: usize = 30;

/// Refuses an object of another built-in kind, or of none that is known.
fn other_builtin(state: &State, kind: &Kind, version: &str, name: &str) -> StatusError {
    let package = |group: &str| match group {
        "" => "core".to_owned(),
        group => group.split('.').next().unwrap_or(group).to_owned(),
    };
    let known = state
        .kinds
        .values()
        .any(|other| !other.custom && other.api_version() == version && other.kind == name);
    let short = version.rsplit('/').next().unwrap_or(version);
    let why = if known {
        format!(
            "converting ({short}.{name}) to ({}.{}): unknown conversion",
            package(&kind.resource.group),
            kind.kind
        )
    } else {
        format!(
            "no kind {} is registered for version {} in scheme \
             \"pkg/runtime/scheme.go:110\"",
            go_quote(name),
            go_quote(version)
        )
    };
    StatusError::bad_request(format!(
        "{name} in version {} cannot be handled as a {}: {why}",
        go_quote(short),
        kind.kind
    ))
}

/// 400 for an object that does not fit its kind.
pub(super) fn undecodable(kind: &Kind, misfit: &Misfit) -> StatusError {
    StatusError::bad_request(format!(
        "{} in version {} cannot be handled as a {}: {}",
        kind.kind,
        go_quote(&kind.version),
        kind.kind,
        misfit.text()
    ))
}

/// All that is wrong with a new object.
fn problems(kind: &Kind, object: &Value) -> Vec<FieldError> {
    let mut errors = metadata::problems(kind, object);
    if kind.custom {
        validate(object, &kind.schema, &root(), &mut errors);
        super::scale::replicas_problems(kind, object, &mut errors);
        duplicates(object, &kind.schema, &root(), &mut errors);
        if kind.has_rules && errors.iter().any(FieldError::blocks_rules) {
            errors.push(FieldError::rules_not_checked());
        }
    } else {
        errors.extend(validation::problems(kind, object, None));
    }
    errors
}

fn check_namespace(state: &State, kind: &Kind, object: &Value) -> Result<(), StatusError> {
    if !kind.namespaced {
        return Ok(());
    }
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let namespaces = GroupResource::new("", "namespaces");
    let found = state.store.get(&namespaces, &Key::new("", namespace));
    let Some(found) = found else {
        return Err(StatusError::not_found(&namespaces, namespace));
    };
    if !found["metadata"]["deletionTimestamp"].is_null() {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let mut error = StatusError::forbidden(&kind.resource, name, &why);
        let cause = json!({"reason": "NamespaceTerminating", "field": "metadata.namespace",
            "message": format!("namespace {namespace} is being terminated")});
        error.details["causes"] = json!([cause]);
        return Err(error);
    }
    Ok(())
}

fn fill_system_fields(state: &mut State, kind: &Kind, object: &mut Value) {
    if kind.status_subresource && kind.custom {
        if let Some(map) = object.as_object_mut() {
            map.remove("status");
        }
    } else if kind.status_subresource {
        reset_status(kind, object);
    }
    let now = rfc3339(state.options.clock.now());
    let chance = match kind.kind.as_str() {
        "EndpointSlice" => &mut state.slice_chance,
        _ => &mut state.chance,
    };
    let uid = chance.uids.uuid();
    let Some(metadata) = object["metadata"].as_object_mut() else { return };
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
        metadata.remove(field);
    }
    metadata.insert("uid".into(), uid.into());
    metadata.insert("creationTimestamp".into(), now.into());
    if kind.generation != Generation::None {
        metadata.insert("generation".into(), 1.into());
    }
    let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default();
    let prefix = metadata.get("generateName").and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() && !prefix.is_empty() {
        let cut = prefix.char_indices().nth(GENERATE_NAME_MAX).map_or(prefix.len(), |(i, _)| i);
        let name = format!("{}{}", &prefix[..cut], chance.names.suffix(SUFFIX_LENGTH));
        metadata.insert("name".into(), name.into());
    }
}

/// New built-in objects start with the status that the server gives them.
fn reset_status(kind: &Kind, object: &mut Value) {
    object["status"] = match kind.kind.as_str() {
        "Pod" => json!({"phase": "Pending", "qosClass": qos_class(object)}),
        "ReplicaSet" => json!({"replicas": 0}),
        "Service" | "Ingress" => json!({"loadBalancer": {}}),
        "Namespace" => json!({"phase": "Active"}),
        // A node registers with its status.
        "Node" => object["status"].clone(),
        "HorizontalPodAutoscaler" => json!({"currentMetrics": null, "desiredReplicas": 0}),
        "PodDisruptionBudget" => json!({"currentHealthy": 0, "desiredHealthy": 0,
            "disruptionsAllowed": 0, "expectedPods": 0}),
        _ => Value::Object(Map::new()),
    };
    if object["status"].is_null() {
        object["status"] = json!({});
    }
}

fn qos_class(pod: &Value) -> &'static str {
    let containers = pod["spec"]["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let given = |container: &Value, field: &str| {
        container["resources"][field].as_object().is_some_and(|map| !map.is_empty())
    };
    let guaranteed = |container: &Value| {
        let (limits, requests) =
            (&container["resources"]["limits"], &container["resources"]["requests"]);
        ["cpu", "memory"].iter().all(|name| !limits[name].is_null())
            && (requests.is_null() || requests == limits)
    };
    if containers.iter().all(guaranteed) {
        "Guaranteed"
    } else if containers.iter().any(|c| given(c, "limits") || given(c, "requests")) {
        "Burstable"
    } else {
        "BestEffort"
    }
}

/// What is filled in when nothing is wrong: a Service's cluster IP, a Job's labels.
fn allocate(state: &mut State, kind: &Kind, object: &mut Value) {
    match kind.kind.as_str() {
        "Job" if object["metadata"]["labels"].is_null() => {
            object["metadata"]["labels"] = object["spec"]["template"]["metadata"]["labels"].clone();
        }
        "Pod" => admit_pod(object),
        _ => {}
    }
    if kind.kind != "Service" || object["spec"]["type"] == "ExternalName" {
        return;
    }
    if object["spec"]["clusterIP"].is_null() {
        state.addresses += 1;
        let address = format!("10.96.{}.{}", state.addresses / 250, state.addresses % 250 + 1);
        object["spec"]["clusterIP"] = address.into();
    }
    let address = object["spec"]["clusterIP"].clone();
    // Endpoints of a headless service without selector are anybody's.
    let anybody = address == "None" && object["spec"]["selector"].is_null();
    let (families, policy) = match anybody {
        true => (json!(["IPv4", "IPv6"]), "RequireDualStack"),
        false => (json!(["IPv4"]), "SingleStack"),
    };
    for (field, default) in [
        ("clusterIPs", json!([address])),
        ("ipFamilies", families),
        ("ipFamilyPolicy", policy.into()),
    ] {
        if object["spec"][field].is_null() {
            object["spec"][field] = default;
        }
    }
}

/// What the usual admission plugins give every pod.
fn admit_pod(object: &mut Value) {
    let spec = &mut object["spec"];
    let mut tolerations = spec["tolerations"].as_array().cloned().unwrap_or_default();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        if !tolerations.iter().any(|toleration| toleration["key"] == key) {
            tolerations.push(json!({"effect": "NoExecute", "key": key, "operator": "Exists",
                "tolerationSeconds": 300}));
        }
    }
    spec["tolerations"] = tolerations.into();
    for (field, default) in [
        ("preemptionPolicy", json!("PreemptLowerPriority")),
        ("priority", json!(0)),
        ("serviceAccount", json!("default")),
        ("serviceAccountName", json!("default")),
    ] {
        if spec[field].is_null() {
            spec[field] = default;
        }
    }
}

/// A job selects its pods by its own uid.
fn label_job(object: &mut Value) {
    if object["spec"]["manualSelector"] == true {
        return;
    }
    let uid = object["metadata"]["uid"].clone();
    let name = object["metadata"]["name"].clone();
    let mut labels = object["spec"]["template"]["metadata"]["labels"].clone();
    if labels.is_null() {
        labels = json!({});
    }
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        labels[key] = value.clone();
    }
    object["spec"]["selector"] =
        json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    object["spec"]["template"]["metadata"]["labels"] = labels;
}

impl State {
    /// A CRD that was written is served from now on; one that is gone is not.
    pub(crate) fn obey_crd(&mut self, change: &crate::store::Change) {
        if (change.resource.group.as_str(), change.resource.resource.as_str()) != CRD_RESOURCE {
            return;
        }
        // A CRD that cannot be read is stored and not served, as a non-structural one would be.
        if let Ok((kind, _)) = crate::kinds::crd::kind_of_crd(&change.object) {
            if change.deleted {
                self.kinds.remove(&kind.resource);
            } else {
                self.kinds.insert(kind.resource.clone(), std::sync::Arc::new(kind));
            }
        }
    }
}
