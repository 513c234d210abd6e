//! What the server says of itself: versions, groups, resources, health.

use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use super::Reply;
use crate::kinds::{Kind, Kinds};
use crate::state::State;
use crate::status_error::StatusError;

/// Answers a path that names no resource.
pub(super) fn answer(state: &State, path: &str) -> Result<Reply, StatusError> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let groups = groups(&state.kinds);
    match segments.as_slice() {
        ["version"] => Ok(Reply::json(200, &version())),
        ["healthz" | "readyz" | "livez"] => {
            Ok(Reply::Text { code: 200, body: Bytes::from_static(b"ok") })
        }
        ["api"] => Ok(Reply::json(
            200,
            &json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        )),
        ["apis"] => {
            let groups: Vec<Value> = groups
                .iter()
                .filter(|(group, _)| !group.is_empty())
                .map(|(group, versions)| api_group(group, versions))
                .collect();
            let list = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups});
            Ok(Reply::json(200, &list))
        }
        ["apis", group] => match groups.get(*group) {
            Some(versions) => {
                let mut body = api_group(group, versions);
                body["kind"] = "APIGroup".into();
                body["apiVersion"] = "v1".into();
                Ok(Reply::json(200, &body))
            }
            None => Err(StatusError::no_such_path()),
        },
        ["api", version] if *version == "v1" => resources(&state.kinds, "", version),
        ["apis", group, version] => resources(&state.kinds, group, version),
        _ => Err(StatusError::no_such_path()),
    }
}

fn version() -> Value {
    json!({
        "major": "1",
        "minor": "34",
        "gitVersion": concat!("v1.34.0+sluice-simulator-", env!("CARGO_PKG_VERSION")),
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "",
        "goVersion": "",
        "compiler": "",
        "platform": "",
    })
}

/// The groups with their versions; `v1` goes before `v1alpha1`, by their names alone.
fn groups(kinds: &Kinds) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for kind in kinds.values() {
        groups.entry(&kind.resource.group).or_default().insert(&kind.version);
    }
    groups
}

fn api_group(group: &str, versions: &BTreeSet<&str>) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
        .collect();
    json!({"name": group, "preferredVersion": versions.first(), "versions": versions})
}

fn resources(kinds: &Kinds, group: &str, version: &str) -> Result<Reply, StatusError> {
    let served: Vec<&Kind> = kinds
        .values()
        .map(AsRef::as_ref)
        .filter(|kind| kind.resource.group == group && kind.version == version)
        .collect();
    let Some(first) = served.first() else { return Err(StatusError::no_such_path()) };
    let mut list = Vec::new();
    for kind in &served {
        list.push(json!({
            "name": kind.resource.resource,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            "shortNames": kind.short_names,
            "categories": kind.categories,
        }));
        let mut subresource = |name: &str, kind_name: &str| {
            list.push(json!({
                "name": format!("{}/{name}", kind.resource.resource),
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": kind_name,
                "verbs": ["get", "patch", "update"],
            }));
        };
        if kind.status_subresource {
            subresource("status", &kind.kind);
        }
        if kind.scale.is_some() {
            subresource("scale", "Scale");
        }
        if kind.kind == "Pod" && !kind.custom {
            list.push(json!({
                "name": "pods/eviction",
                "singularName": "",
                "namespaced": true,
                "group": "policy",
                "version": "v1",
                "kind": "Eviction",
                "verbs": ["create"],
            }));
        }
    }
    let group_version = first.api_version();
    Ok(Reply::json(
        200,
        &json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": group_version,
            "resources": list,
        }),
    ))
}
