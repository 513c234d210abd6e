//! POST of an object.

use serde_json::{Map, Value, json};

use super::admit::{FieldValidation, Misfit, admit, root};
use super::{Call, Reply, body, metadata};
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
    check_kind(&kind, &submitted)?;
    let field_validation = FieldValidation::of(call.parameter("fieldValidation"));
    let (mut object, warnings) =
        admit(&kind, submitted, field_validation).map_err(|misfit| undecodable(&kind, &misfit))?;
    metadata::settle_place(&kind, &mut object, &call.namespace, &call.name)?;
    check_namespace(state, &kind, &object)?;
    if object["metadata"]["resourceVersion"].as_str().is_some_and(|version| !version.is_empty()) {
        let message = "resourceVersion should not be set on objects to be created";
        return Err(StatusError::plain(500, "", message));
    }
    fill_system_fields(state, &kind, &mut object);
    let errors = problems(&kind, &object);
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if !errors.is_empty() {
        let (group, kind_name) = kind.qualified();
        return Err(StatusError::invalid(group, kind_name, &name, &errors));
    }
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
/// 400 in the server's words.
pub(super) fn check_kind(kind: &Kind, object: &Value) -> Result<(), StatusError> {
    let wanted = (kind.api_version(), kind.kind.as_str());
    if !object.is_object() {
        let found = match object {
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Bool(_) => "bool",
            Value::Null | Value::Object(_) => "null",
        };
        return Err(StatusError::bad_request(format!(
            "couldn't get version/kind; json parse error: json: cannot unmarshal {found} into Go \
             value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind \
             string \"json:\\\"kind,omitempty\\\"\" }}"
        )));
    }
    let found_version = object["apiVersion"].as_str().unwrap_or(&wanted.0);
    let found_kind = object["kind"].as_str().unwrap_or(wanted.1);
    if kind.custom && object["kind"].is_null() {
        let message = format!("Object 'Kind' is missing in '{object}'");
        return Err(undecodable(kind, &Misfit::Decoding(message)));
    }
    if found_version != wanted.0 || found_kind != wanted.1 {
        let (version, kind_name) = (&kind.version, &kind.kind);
        return Err(StatusError::bad_request(format!(
            "{kind_name} in version {} cannot be handled as a {kind_name}: no kind {} is \
             registered for version {} in scheme",
            go_quote(version),
            go_quote(found_kind),
            go_quote(found_version)
        )));
    }
    Ok(())
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
    let uid = state.uids.uuid();
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
        let name = format!("{}{}", &prefix[..cut], state.names.suffix(SUFFIX_LENGTH));
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

/// What the server hands out itself: a Service's cluster IP.
fn allocate(state: &mut State, kind: &Kind, object: &mut Value) {
    if kind.kind != "Service" || object["spec"]["type"] == "ExternalName" {
        return;
    }
    if object["spec"]["clusterIP"].is_null() {
        state.addresses += 1;
        let address = format!("10.96.{}.{}", state.addresses / 250, state.addresses % 250 + 1);
        object["spec"]["clusterIP"] = address.into();
    }
    let address = object["spec"]["clusterIP"].clone();
    for (field, default) in [
        ("clusterIPs", json!([address])),
        ("ipFamilies", json!(["IPv4"])),
        ("ipFamilyPolicy", json!("SingleStack")),
    ] {
        if object["spec"][field].is_null() {
            object["spec"][field] = default;
        }
    }
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
