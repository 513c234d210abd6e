//! From a path and a method to what is meant.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Call, Payload, Subresource, Verb};
use crate::kinds::{GroupResource, Kind, Kinds};
use crate::status_error::StatusError;

/// Where a request goes.
#[derive(Debug)]
pub(crate) enum Route {
    /// Discovery, health and version: the path itself says all.
    Fixed(String),
    /// A resource.
    Resource(Box<Call>),
}

/// An object or a collection, for requests from inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) resource: &'a GroupResource,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) subresource: Subresource,
}

/// An HTTP request without its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) user: &'a str,
    pub(crate) connection: u64,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) content_type: &'a str,
}

/// Finds out what a request means.
///
/// # Errors
/// 404 for what is not served, 405 for methods that a place does not have.
pub(crate) fn route(kinds: &Kinds, head: Head<'_>, payload: Payload) -> Result<Route, StatusError> {
    let segments: Vec<&str> = head.path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (group, version, rest) = match segments.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return Ok(Route::Fixed(head.path.to_owned())),
    };
    let find = |resource: &str| -> Option<Arc<Kind>> {
        let kind = kinds.get(&GroupResource::new(group, resource))?;
        (kind.version == version).then(|| kind.clone())
    };
    // `namespaces/x` is a namespace, `namespaces/x/pods` what is in it.
    let (namespace, plural, name, subresource) = match rest {
        ["namespaces", namespace, plural, rest @ ..]
            if find(plural).is_some_and(|kind| kind.namespaced)
                || !matches!(*plural, "status" | "finalize") =>
        {
            let (name, subresource) = name_and_subresource(rest)?;
            (*namespace, *plural, name, subresource)
        }
        [plural, rest @ ..] => {
            let (name, subresource) = name_and_subresource(rest)?;
            ("", *plural, name, subresource)
        }
        [] => return Err(StatusError::no_such_path()),
    };
    let kind = find(plural).ok_or_else(|| {
        // Built-in groups have a handler of their own, which answers in JSON.
        let built_in = kinds.values().any(|kind| !kind.custom && kind.resource.group == group);
        if built_in { StatusError::no_such_resource() } else { StatusError::no_such_path() }
    })?;
    if kind.namespaced && namespace.is_empty() && !name.is_empty()
        || !kind.namespaced && !namespace.is_empty()
    {
        return Err(match kind.custom {
            true => StatusError::no_such_path(),
            false => StatusError::no_such_resource(),
        });
    }
    let subresource = match subresource {
        "" => Subresource::Main,
        "status" if kind.status_subresource => Subresource::Status,
        "scale" if kind.scale.is_some() => Subresource::Scale,
        "eviction" if kind.kind == "Pod" && !kind.custom => Subresource::Eviction,
        // Of custom resources the server says it as if the object were missing.
        _ if kind.custom => return Err(StatusError::not_found(&kind.resource, name)),
        _ => return Err(StatusError::no_such_resource()),
    };
    let query: BTreeMap<String, String> = parse_query(head.query);
    let watching = matches!(query.get("watch").map(String::as_str), Some("1" | "true"));
    let verb = match (head.method, name.is_empty()) {
        ("GET", true) if watching => Verb::Watch,
        ("GET", true) => Verb::List,
        ("GET", false) => Verb::Get,
        ("POST", true) if namespace.is_empty() != kind.namespaced => Verb::Create,
        ("POST", false) if subresource == Subresource::Eviction => Verb::Create,
        ("PUT", false) => Verb::Update,
        ("PATCH", false) => Verb::Patch,
        ("DELETE", false) => Verb::Delete,
        ("PUT" | "PATCH", true) if kind.custom => {
            return Err(StatusError::bad_request("name must be provided"));
        }
        _ => return Err(StatusError::method_not_allowed()),
    };
    Ok(Route::Resource(Box::new(Call {
        user: head.user.to_owned(),
        connection: head.connection,
        verb,
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource,
        query,
        content_type: head.content_type.to_owned(),
        payload,
    })))
}

fn name_and_subresource<'a>(rest: &[&'a str]) -> Result<(&'a str, &'a str), StatusError> {
    match rest {
        [] => Ok(("", "")),
        [name] => Ok((name, "")),
        [name, subresource] => Ok((name, subresource)),
        _ => Err(StatusError::no_such_path()),
    }
}

fn parse_query(query: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        // Of a repeated parameter the first counts.
        parameters.entry(key.into_owned()).or_insert_with(|| value.into_owned());
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::builtin::builtin_kinds;

    fn meaning(method: &str, path: &str, query: &str) -> Result<String, u16> {
        let head = Head { user: "u", connection: 1, method, path, query, content_type: "" };
        match route(&builtin_kinds(), head, Payload::None) {
            Ok(Route::Fixed(path)) => Ok(format!("fixed {path}")),
            Ok(Route::Resource(call)) => Ok(format!(
                "{} {} {:?} {}/{}",
                call.verb.name(),
                call.resource(),
                call.subresource,
                call.namespace,
                call.name
            )),
            Err(error) => Err(error.code),
        }
    }

    #[test]
    fn paths() {
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(meaning("GET", "/api/v1", ""), ok("fixed /api/v1"));
        assert_eq!(meaning("GET", "/api/v1/pods", ""), ok("list pods Main /"));
        assert_eq!(
            meaning("GET", "/apis/apps/v1/namespaces/a/replicasets/x/scale", ""),
            ok("get replicasets.apps Scale a/x")
        );
        assert_eq!(
            meaning("GET", "/api/v1/namespaces/a/pods", "watch=true"),
            ok("watch pods Main a/")
        );
        assert_eq!(meaning("GET", "/api/v1/namespaces/a", ""), ok("get namespaces Main /a"));
        assert_eq!(
            meaning("PUT", "/api/v1/namespaces/a/status", ""),
            ok("update namespaces Status /a")
        );
        assert_eq!(meaning("GET", "/api/v1/pods/x", ""), Err(404));
        assert_eq!(meaning("GET", "/api/v2/pods", ""), Err(404));
        assert_eq!(meaning("GET", "/apis/apps/v1/namespaces/a/nothing", ""), Err(404));
        assert_eq!(meaning("GET", "/api/v1/namespaces/a/pods/x/log", ""), Err(404));
        assert_eq!(meaning("POST", "/api/v1/pods", ""), Err(405));
        assert_eq!(
            meaning("POST", "/api/v1/namespaces/a/pods/x/eviction", ""),
            ok("create pods Eviction a/x")
        );
        assert_eq!(meaning("POST", "/api/v1/namespaces/a/pods/x", ""), Err(405));
        assert_eq!(meaning("PUT", "/api/v1/namespaces/a/pods", ""), Err(405));
    }
}
