//! The user of a scenario: what he applies, patches, deletes and restores.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kube::core::params::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::request::Request;
use serde_json::{Value, json};
use sluice_crd::rollout::Rollout;
use sluice_crd::time::Time;
use sluice_crd::verbs::ClientPatch;

use super::backend::Backend;
use super::file::{Cascade, Recorded, Restart, SetImage, read_yaml};
use super::gitops::argo_cd::Action;
use super::named::workload;
use super::resources::{canonical, is_cluster_wide, kind_of, path_in, plural_of};

/// What stands in texts for the address of the metrics.
const METRICS: &str = "${METRICS}";

/// The user, with his connection to the cluster.
pub(super) struct User<'a> {
    backend: &'a dyn Backend,
    metrics_address: String,
    /// The versions that his writes have made.
    written: BTreeSet<String>,
    /// In which version he has written objects of a kind.
    spoken: BTreeMap<String, String>,
    /// The last of them: kind, name, version.
    last: Option<(String, String, String)>,
}

impl<'a> User<'a> {
    pub(super) fn of(backend: &'a dyn Backend) -> Self {
        let metrics_address = backend.environment().metrics_address;
        Self {
            backend,
            metrics_address,
            written: BTreeSet::new(),
            spoken: BTreeMap::new(),
            last: None,
        }
    }

    /// Restores recorded objects; how many ReplicaSets are among them.
    pub(super) async fn restore(
        &mut self,
        all: &[Recorded],
        folder: &Path,
    ) -> Result<usize, String> {
        let mut uids: BTreeMap<String, Value> = BTreeMap::new();
        let mut sets = 0;
        for recorded in all {
            let value = read_yaml(&folder.join(&recorded.file)).map_err(|e| e.to_string())?;
            let objects = match value["items"].as_array() {
                Some(items) => items.clone(),
                None => vec![value],
            };
            for object in objects {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                let kind = object["kind"].as_str().unwrap_or_default();
                let named = |names: &[String], text: &str| {
                    names.is_empty() || names.iter().any(|n| text.starts_with(n.as_str()))
                };
                if named(&recorded.names, name) && named(&recorded.kinds, kind) {
                    sets += usize::from(kind == "ReplicaSet");
                    self.restore_one(object, &mut uids).await?;
                }
            }
        }
        Ok(sets)
    }

    /// Uids and versions are the API server's to give; what refers to them follows.
    async fn restore_one(
        &mut self,
        mut object: Value,
        uids: &mut BTreeMap<String, Value>,
    ) -> Result<(), String> {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let old_uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let generation = object["metadata"]["generation"].as_i64();
        // An AnalysisRun has its status as a part of itself, not as a subresource.
        let mut status = Value::Null;
        if let Some(fields) = object.as_object_mut().filter(|_| kind != "AnalysisRun") {
            status = fields.remove("status").unwrap_or_default();
        }
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            for field in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
                metadata.remove(field);
            }
            let owners = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut);
            for owner in owners.into_iter().flatten() {
                let uid = owner["uid"].as_str().unwrap_or_default();
                if let Some(new) = uids.get(uid) {
                    owner["uid"] = new.clone();
                }
            }
        }
        // An address is one cluster's.
        if let Some(Value::Object(spec)) = object.get_mut("spec").filter(|_| kind == "Service") {
            spec.remove("clusterIP");
            spec.remove("clusterIPs");
        }
        object["metadata"]["namespace"] = Value::from(self.backend.namespace());
        let body = object.to_string().into_bytes();
        let request = self.resource(&kind)?.create(&PostParams::default(), body);
        let created = self.send(request).await?;
        uids.insert(old_uid, created["metadata"]["uid"].clone());
        if kind == "Rollout" && status.is_object() {
            // A status that spoke of the spec as it was still does.
            let observed = status["observedGeneration"].as_str().and_then(|n| n.parse().ok());
            if observed.is_some() && observed == generation {
                status["observedGeneration"] =
                    Value::from(created["metadata"]["generation"].to_string());
            }
            let name = created["metadata"]["name"].as_str().unwrap_or_default();
            self.patch(&kind, name, Some("status"), &json!({"status": status})).await?;
        }
        Ok(())
    }

    pub(super) async fn verb(
        &mut self,
        name: &str,
        patches: impl Fn(&Rollout) -> Result<Vec<ClientPatch>, String>,
    ) -> Result<(), String> {
        let rollout = self.get("Rollout", name).await?;
        let rollout = serde_json::from_value(rollout).map_err(|e| e.to_string())?;
        for patch in patches(&rollout)? {
            self.patch("Rollout", name, patch.subresource, &patch.merge).await?;
        }
        Ok(())
    }

    pub(super) async fn set_image(&mut self, set: &SetImage) -> Result<(), String> {
        let (kind, name) = workload(&set.rollout);
        let object = self.get(kind, name).await?;
        let mut containers = object["spec"]["template"]["spec"]["containers"].clone();
        containers[0]["image"] = Value::from(set.image.as_str());
        let merge = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        self.patch(kind, name, None, &merge).await
    }

    /// Does what Argo CD does, where it offers it.
    pub(super) async fn argo_cd(&mut self, name: &str, action: Action) -> Result<(), String> {
        let rollout = self.get("Rollout", name).await?;
        if !action.is_enabled(&rollout) {
            return Err(format!("Argo CD does not offer {action:?} of Rollout {name}"));
        }
        let now = self.now().await?.to_string();
        for (part, merge) in action.patches(&rollout, &now) {
            self.patch("Rollout", name, part, &merge).await?;
        }
        Ok(())
    }

    /// Orders a restart.
    pub(super) async fn restart(&mut self, order: &Restart) -> Result<(), String> {
        let delay = order.r#in.map_or(0, |span| span.0.as_secs());
        let delay = i64::try_from(delay).map_err(|e| e.to_string())?;
        let merge = json!({"spec": {"restartAt": self.now().await?.plus_seconds(delay)}});
        self.patch("Rollout", &order.rollout, None, &merge).await
    }

    /// The time by the clock of the API server: a creation that is not carried out tells it.
    async fn now(&self) -> Result<Time, String> {
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "clock"}});
        let params = PostParams { dry_run: true, ..PostParams::default() };
        let request = self.resource("ConfigMap")?.create(&params, body.to_string().into_bytes());
        let answer = self.send(request).await?;
        let now = answer["metadata"]["creationTimestamp"].as_str().unwrap_or_default();
        Time::parse(now).map_err(|e| e.to_string())
    }

    pub(super) async fn apply(&mut self, object: &Value) -> Result<(), String> {
        let mut object = self.filled(object);
        let text = |pointer: &str| {
            object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let (kind, name) = (kind_of(&object), text("/metadata/name"));
        self.spoken.insert(kind.clone(), text("/apiVersion"));
        if !is_cluster_wide(&kind) {
            object["metadata"]["namespace"] = Value::from(self.backend.namespace());
        }
        // Which uid its owner has is known to the API server alone.
        for place in 0.. {
            let pointer = format!("/metadata/ownerReferences/{place}");
            let Some(owner) = object.pointer(&pointer).cloned() else { break };
            let text = |field: &str| owner[field].as_str().unwrap_or_default();
            if owner["uid"].is_null() {
                let found = self.get(text("kind"), text("name")).await?;
                object["metadata"]["ownerReferences"][place]["uid"] =
                    found["metadata"]["uid"].clone();
            }
        }
        match self.get(&kind, &name).await {
            Ok(_) => self.patch(&kind, &name, None, &object).await,
            Err(_) => {
                let body = object.to_string().into_bytes();
                let request = self.resource(&kind)?.create(&PostParams::default(), body);
                self.write(request).await.map(drop)
            }
        }
    }

    pub(super) async fn patch(
        &mut self,
        kind: &str,
        name: &str,
        subresource: Option<&str>,
        merge: &Value,
    ) -> Result<(), String> {
        let params =
            PatchParams { field_manager: Some("scenario".to_owned()), ..Default::default() };
        let merge = self.filled(merge);
        let resource = self.resource(kind)?;
        let request = match subresource {
            Some(part) => resource.patch_subresource(part, name, &params, &Patch::Merge(&merge)),
            None => resource.patch(name, &params, &Patch::Merge(&merge)),
        };
        let written = self.write(request).await?;
        let version = written["metadata"]["resourceVersion"].as_str();
        self.last = version.map(|version| (kind.to_owned(), name.to_owned(), version.to_owned()));
        Ok(())
    }

    /// What his last patch has made, told once: kind, name, version.
    pub(super) fn last_patched(&mut self) -> Option<(String, String, String)> {
        self.last.take()
    }

    pub(super) async fn delete(
        &mut self,
        kind: &str,
        name: &str,
        cascade: Cascade,
    ) -> Result<(), String> {
        let params = match cascade {
            Cascade::Background => DeleteParams::background(),
            Cascade::Foreground => DeleteParams::foreground(),
            Cascade::Orphan => DeleteParams::orphan(),
        };
        let request = self.resource(kind)?.delete(name, &params);
        self.send(request).await.map(drop)
    }

    /// Evicts a pod; whether a budget allowed it.
    pub(super) async fn evict(&mut self, name: &str) -> Result<bool, String> {
        let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": name}});
        let body = eviction.to_string().into_bytes();
        let resource = self.resource("Pod")?;
        let request = resource.create_subresource("eviction", name, &PostParams::default(), body);
        match self.backend.client().request::<Value>(request.map_err(|e| e.to_string())?).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.code == 429 => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Deletes the namespace of the scenario.
    pub(super) async fn delete_namespace(&mut self) -> Result<(), String> {
        let namespaces = Request::new("/api/v1/namespaces");
        let request = namespaces.delete(&self.backend.namespace(), &DeleteParams::default());
        self.send(request).await.map(drop)
    }

    async fn get(&self, kind: &str, name: &str) -> Result<Value, String> {
        self.send(self.resource(kind)?.get(name, &Default::default())).await
    }

    /// Sends a write, and remembers the version that came of it.
    async fn write(
        &mut self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Value, String> {
        let written = self.send(request).await?;
        if let Some(version) = written["metadata"]["resourceVersion"].as_str() {
            self.written.insert(version.to_owned());
        }
        Ok(written)
    }

    /// Whether this state of an object came of a write of his.
    pub(super) fn has_written(&self, object: &Value) -> bool {
        let version = object["metadata"]["resourceVersion"].as_str();
        version.is_some_and(|version| self.written.contains(version))
    }

    fn filled(&self, value: &Value) -> Value {
        filled(value, &self.metrics_address)
    }

    fn resource(&self, kind: &str) -> Result<Request, String> {
        plural_of(kind).ok_or_else(|| format!("scenarios know no kind {kind}"))?;
        let version = self.spoken.get(canonical(kind)).map(String::as_str);
        Ok(Request::new(path_in(kind, version, &self.backend.namespace())))
    }

    async fn send(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Value, String> {
        let request = request.map_err(|e| e.to_string())?;
        self.backend.client().request(request).await.map_err(|e| match e {
            kube::Error::Api(status) => format!("{} ({})", status.message, status.reason),
            other => other.to_string(),
        })
    }
}

/// The value with the address of the metrics in its texts.
pub(super) fn filled(value: &Value, address: &str) -> Value {
    match value {
        Value::String(text) => Value::from(text.replace(METRICS, address)),
        Value::Array(items) => items.iter().map(|item| filled(item, address)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            Value::Object(
                fields.map(|(key, value)| (key.clone(), filled(value, address))).collect(),
            )
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_filled_in_everywhere() {
        let value =
            json!({"a": [{"address": "${METRICS}"}, 1], "url": "${METRICS}/check?x=${METRICS}"});
        let expected =
            json!({"a": [{"address": "http://m"}, 1], "url": "http://m/check?x=http://m"});
        assert_eq!(filled(&value, "http://m"), expected);
    }
}
