//! Objects of any kind, as users write them.

use kube::api::{Patch, PatchParams};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::discovery::ApiResource;
use kube::{Api, Client};
use serde::Deserialize as _;
use serde_json::Value;

/// The field manager of those who apply.
pub const USER: &str = "a-user";

/// Kinds that say where requests go, those that are sent, and their pods.
pub const WATCHED: [(&str, &str, &str); 5] = [
    ("argoproj.io", "v1alpha1", "Rollout"),
    ("apps", "v1", "ReplicaSet"),
    ("", "v1", "Service"),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute"),
    ("traefik.io", "v1alpha1", "TraefikService"),
];

/// The objects of a kind in a namespace.
#[must_use]
pub fn api(
    client: &Client,
    namespace: &str,
    (group, version, kind): (&str, &str, &str),
) -> Objects {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    match kind {
        "GatewayClass" => Api::all_with(client.clone(), &resource),
        _ => Api::namespaced_with(client.clone(), namespace, &resource),
    }
}

/// Objects of any kind.
pub type Objects = Api<DynamicObject>;

/// Applies every document of a YAML text, in this namespace.
///
/// # Errors
///
/// Names the object that was refused.
pub async fn apply(client: &Client, namespace: &str, yaml: &str) -> Result<(), String> {
    for document in serde_yaml_ng::Deserializer::from_str(yaml) {
        let object = Value::deserialize(document).map_err(|error| error.to_string())?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
        let api_version = text(&object["apiVersion"]);
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let objects = api(client, namespace, (group, version, &kind));
        let params = PatchParams::apply(USER).force();
        let applied = objects.patch(&name, &params, &Patch::Apply(&object)).await;
        applied.map_err(|error| format!("{kind} {name}: {error}"))?;
    }
    Ok(())
}
