//! GET of an object and of a list.

use bytes::Bytes;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};
use std::sync::Arc;

use super::{Call, Reply};
use crate::kinds::Kind;
use crate::selector::{FieldSelector, LabelSelector};
use crate::state::State;
use crate::status_error::{FieldError, StatusError, go_quote};
use crate::store::Key;
use crate::store::watch::Scope;

/// GET of one object.
pub(super) fn get(state: &State, call: &Call) -> Result<Reply, StatusError> {
    let key = Key::new(&call.namespace, &call.name);
    let object = state.store.get(call.resource(), &key).ok_or_else(|| call.not_found())?;
    Ok(Reply::object(200, object.clone()))
}

/// What a list or watch selects.
///
/// # Errors
/// 400 for selectors that cannot be read.
pub(super) fn scope(call: &Call) -> Result<Scope, StatusError> {
    let supported = call.kind.selectable;
    let fields = call.parameter("fieldSelector");
    Ok(Scope {
        namespace: call.namespace.clone(),
        labels: LabelSelector::parse(call.parameter("labelSelector"))?,
        fields: FieldSelector::parse(fields, supported, |field| call.kind.unselectable(field))?,
    })
}

/// The `resourceVersion` parameter: none if absent.
///
/// # Errors
/// What is wrong with one that is not a number, for [`StatusError`]s that differ by verb.
pub(super) fn revision_parameter(call: &Call) -> Result<Option<u64>, String> {
    match call.parameter("resourceVersion") {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            let text = go_quote(text);
            format!(
                "resourceVersion: Invalid value: {text}: strconv.ParseUint: parsing {text}: \
                 invalid syntax"
            )
        }),
    }
}

/// GET of a list, whole or in pages.
pub(super) fn list(state: &State, call: &Call) -> Result<Reply, StatusError> {
    check_options(call)?;
    let scope = scope(call)?;
    let current = state.store.revision();
    let asked = revision_parameter(call).map_err(|problem| {
        StatusError::bad_request(format!("invalid resource version: {problem}"))
    })?;
    if let Some(asked) = asked.filter(|asked| *asked > current) {
        return Err(StatusError::too_large_resource_version(asked, current));
    }
    let limit = limit(call)?;
    // From the cache, which resourceVersion=0 asks for, pages are not served.
    let limit = if asked == Some(0) { 0 } else { limit };
    let exact = call.parameter("resourceVersionMatch") == "Exact";
    let (revision, after) = match call.parameter("continue") {
        "" => (asked.filter(|_| exact).unwrap_or(current), None),
        token => {
            if asked.is_some_and(|asked| asked > 0) {
                return Err(StatusError::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            let (revision, key) = read_token(token)?;
            (revision, Some(key))
        }
    };
    let continued = after.is_some();
    let page = state
        .store
        .page(call.resource(), &call.namespace, revision, after.as_ref(), limit, |object| {
            scope.selects(object)
        })
        .map_err(|_| match continued {
            true => StatusError::expired(CONTINUE_EXPIRED),
            false => StatusError::expired(format!(
                "The resourceVersion for the provided list is too old: {revision}"
            )),
        })?;
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".into(), revision.to_string().into());
    if call.kind.custom {
        metadata.insert("continue".into(), "".into());
    }
    if let Some(next) = &page.next {
        metadata.insert("continue".into(), token(revision, next).into());
        if scope.is_everything() {
            metadata.insert("remainingItemCount".into(), page.remaining.into());
        }
    }
    Ok(Reply::Text { code: 200, body: list_body(&call.kind, metadata, &page.items)? })
}

fn limit(call: &Call) -> Result<usize, StatusError> {
    match call.parameter("limit") {
        "" => Ok(0),
        text => text.parse().map_err(|_| {
            let text = go_quote(text);
            StatusError::bad_request(format!("strconv.ParseInt: parsing {text}: invalid syntax"))
        }),
    }
}

const CONTINUE_EXPIRED: &str = "The provided continue parameter is too old to display a \
    consistent list result. You can start a new list without the continue parameter, or use the \
    continue token in this response to retrieve the remainder of the results. Continuing with the \
    provided token results in an inconsistent list - objects that were created, modified, or \
    deleted between the time the first chunk was returned and now may show up in the list.";

fn check_options(call: &Call) -> Result<(), StatusError> {
    let mut errors = Vec::new();
    let matching = call.parameter("resourceVersionMatch");
    let field = "resourceVersionMatch";
    if !matching.is_empty() {
        let version = call.parameter("resourceVersion");
        if version.is_empty() {
            let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.push(FieldError::forbidden(field, detail));
        }
        if !call.parameter("continue").is_empty() {
            let detail = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(field, detail));
        }
        let allowed = ["Exact", "NotOlderThan", ""].map(str::to_owned);
        if !allowed.iter().any(|allowed| allowed == matching) {
            errors.push(FieldError::not_supported(field, &matching.into(), &allowed));
        }
        if matching == "Exact" && version == "0" {
            let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.push(FieldError::forbidden(field, detail));
        }
    }
    if !call.parameter("sendInitialEvents").is_empty() {
        let detail = "sendInitialEvents is forbidden for list";
        errors.push(FieldError::forbidden("sendInitialEvents", detail));
    }
    match errors.as_slice() {
        [] => Ok(()),
        errors => Err(StatusError::invalid("meta.k8s.io", "ListOptions", "", errors)),
    }
}

fn token(revision: u64, key: &Key) -> String {
    format!("{revision}.{}/{}", key.namespace, key.name)
}

fn read_token(token: &str) -> Result<(u64, Key), StatusError> {
    let parsed = token.split_once('.').and_then(|(revision, key)| {
        let (namespace, name) = key.split_once('/')?;
        Some((revision.parse().ok()?, Key::new(namespace, name)))
    });
    parsed.ok_or_else(|| {
        StatusError::bad_request(format!("continue key is not valid: cannot read {token:?}"))
    })
}

#[derive(Serialize)]
struct ListBody<'a> {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: &'a str,
    metadata: Map<String, Value>,
    items: Vec<Item<'a>>,
}

/// An item of a list: of built-in kinds without `apiVersion` and `kind`, as Go prints them.
struct Item<'a> {
    object: &'a Value,
    custom: bool,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.object {
            Value::Object(map) if !self.custom => {
                let mut out = serializer.serialize_map(None)?;
                for (key, value) in map {
                    if key != "apiVersion" && key != "kind" {
                        out.serialize_entry(key, value)?;
                    }
                }
                out.end()
            }
            other => other.serialize(serializer),
        }
    }
}

fn list_body(
    kind: &Kind,
    metadata: Map<String, Value>,
    objects: &[Arc<Value>],
) -> Result<Bytes, StatusError> {
    let body = ListBody {
        api_version: kind.api_version(),
        kind: &kind.list_kind,
        metadata,
        items: objects.iter().map(|object| Item { object, custom: kind.custom }).collect(),
    };
    let text = serde_json::to_vec(&body)
        .map_err(|error| StatusError::internal(&format!("cannot write the list: {error}")))?;
    Ok(Bytes::from(text))
}
