//! Writes to the objects of routers.

use kube::core::params::Patch;
use kube::core::request::Request;
use serde_json::{Map, Value};
use sluice_planner::traffic::objects::{KindView, RouteKey, RouteKind};

use super::{Writer, delete_params, params, post_params};
use crate::failure::Failure;
use crate::world::{Effect, ObjectId, ResourceKind, Wrote};

/// The path of the objects of a kind in a namespace, under the group and version that is served.
pub fn route_path(kind: RouteKind, version: &str, namespace: &str) -> String {
    let api = if version.contains('/') { "apis" } else { "api" };
    format!("/{api}/{version}/namespaces/{namespace}/{}", kind.plural())
}

impl Writer<'_> {
    /// Where objects of a kind are written. Nothing is written where it is not known how they are
    /// served: the planner has seen another state of things.
    fn route(&self, key: &RouteKey) -> Result<Request, Failure> {
        match self.served.get(&key.kind) {
            Some(KindView::Listed(version)) => {
                Ok(Request::new(route_path(key.kind, version, &key.namespace)))
            }
            _ => Err(Failure::Conflict(format!("{key}: its kind is not served"))),
        }
    }

    pub(super) async fn patch_route(
        &mut self,
        key: &RouteKey,
        version: &str,
        patch: &Value,
    ) -> Result<(), Failure> {
        let body = conditional(patch, version);
        let request = self.route(key)?.patch(&key.name, &params(), &Patch::Merge(&body));
        let answer = self.send("Patch", ResourceKind::Route(key.kind), request).await;
        let answer = self.unless_stale(id(key), version, answer)?;
        let effect = Effect::Version(answer.resource_version);
        self.wrote.push(Wrote { id: id(key), uid: Some(answer.uid), effect });
        Ok(())
    }

    /// One that is there already may be anybody's: it is looked at before anything is done about it.
    pub(super) async fn create_route(
        &mut self,
        key: &RouteKey,
        manifest: &Value,
    ) -> Result<(), Failure> {
        let body = manifest.to_string().into_bytes();
        let request = self.route(key)?.create(&post_params(), body);
        let sent = self.send("Create", ResourceKind::Route(key.kind), request).await;
        let answer = match sent {
            Err(failure) if failure.is_already_exists() => {
                return Err(Failure::Conflict(failure.to_string()));
            }
            sent => sent?,
        };
        let effect = Effect::Version(answer.resource_version);
        self.wrote.push(Wrote { id: id(key), uid: Some(answer.uid), effect });
        Ok(())
    }

    /// One that is gone already is as it was to be.
    pub(super) async fn delete_route(
        &mut self,
        key: &RouteKey,
        uid: &str,
        version: &str,
    ) -> Result<(), Failure> {
        let request = self.route(key)?.delete(&key.name, &delete_params(uid, version));
        match self.send("Delete", ResourceKind::Route(key.kind), request).await {
            Err(failure) if failure.is_not_found() => {}
            answer => drop(self.unless_stale(id(key), version, answer)?),
        }
        let uid = Some(uid.to_owned());
        self.wrote.push(Wrote { id: id(key), uid, effect: Effect::Gone });
        Ok(())
    }
}

fn id(key: &RouteKey) -> ObjectId {
    ObjectId {
        kind: ResourceKind::Route(key.kind),
        place: (key.namespace.clone(), key.name.clone()),
    }
}

/// A patch that holds for one version only.
fn conditional(patch: &Value, version: &str) -> Value {
    let mut body: Map<String, Value> = patch.as_object().cloned().unwrap_or_default();
    let metadata = body.remove("metadata");
    let mut metadata: Map<String, Value> =
        metadata.and_then(|m| m.as_object().cloned()).unwrap_or_default();
    metadata.insert("resourceVersion".to_owned(), Value::from(version));
    body.insert("metadata".to_owned(), Value::Object(metadata));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_is_conditional_whatever_it_holds() {
        let of = |patch: Value| conditional(&patch, "7");
        assert_eq!(
            of(json!({"spec": {"a": 1}})),
            json!({"metadata": {"resourceVersion": "7"}, "spec": {"a": 1}})
        );
        assert_eq!(
            of(json!({"metadata": {"annotations": {"a": null}}})),
            json!({"metadata": {"resourceVersion": "7", "annotations": {"a": null}}})
        );
    }

    #[test]
    fn the_group_is_that_under_which_the_kind_is_served() {
        let path = route_path(RouteKind::TraefikService, "traefik.containo.us/v1alpha1", "shop");
        assert_eq!(path, "/apis/traefik.containo.us/v1alpha1/namespaces/shop/traefikservices");
    }
}
