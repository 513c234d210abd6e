//! Sends what a plan says, and decides nothing: each write conditional on the version that it was
//! planned on, within the fence of the lease, counted.

mod routes;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use kube::Client;
use kube::core::Status;
use kube::core::params::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::request::Request;
pub use routes::route_path;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sluice_planner::names::{HASH_LABEL, MANAGED_BY, TEMPLATE_DIGEST};
use sluice_planner::traffic::objects::{KindView, RouteKind};
use sluice_planner::{Action, MetadataChange, RolloutRecord};
use tokio::time::Instant;

use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::world::{Effect, ObjectId, ResourceKind, Wrote};

/// The field manager of every write.
pub const FIELD_MANAGER: &str = "rollouts-controller";

/// How long one request may take, however long the lease lasts.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// What is read of an answer.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    metadata: AnswerMeta,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AnswerMeta {
    uid: String,
    resource_version: String,
    deletion_timestamp: Option<String>,
    owner_references: Vec<AnswerOwner>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AnswerOwner {
    uid: String,
    controller: bool,
}

/// Writes for one Rollout, in one pass.
pub struct Writer<'a> {
    client: &'a Client,
    metrics: &'a Metrics,
    rollout: &'a RolloutRecord,
    /// How the kinds of routers' objects are served.
    served: BTreeMap<RouteKind, KindView>,
    /// The Rollout's version: that of the record, then of our own last write.
    version: String,
    fence: Instant,
    /// What has been written.
    pub wrote: Vec<Wrote>,
    /// What the API server said of evictions, by pod; nothing where it let the pod go.
    pub evictions: BTreeMap<String, Option<String>>,
}

impl<'a> Writer<'a> {
    /// A writer whose last write ends at `fence`.
    pub fn new(
        client: &'a Client,
        metrics: &'a Metrics,
        (rollout, served): (&'a RolloutRecord, BTreeMap<RouteKind, KindView>),
        fence: Instant,
    ) -> Self {
        let version = rollout.resource_version.clone();
        Self {
            client,
            metrics,
            rollout,
            served,
            version,
            fence,
            wrote: Vec::new(),
            evictions: BTreeMap::new(),
        }
    }

    /// Sends one action.
    ///
    /// # Errors
    ///
    /// As the API server answers; nothing further is to be sent then.
    pub async fn apply(&mut self, action: &Action) -> Result<(), Failure> {
        match action {
            Action::CreateReplicaSet { name, manifest, .. } => self.create(name, manifest).await,
            Action::AnnotateRollout { annotations, .. } => {
                let body = json!({
                    "metadata": {
                        "resourceVersion": self.version,
                        "annotations": annotations,
                    },
                });
                self.patch_rollout(None, &body).await
            }
            Action::SetFinalizers { finalizers } => {
                let body = json!({
                    "metadata": {"resourceVersion": self.version, "finalizers": finalizers},
                });
                self.patch_rollout(None, &body).await
            }
            Action::ScaleDeployment { name, resource_version, scale: (_, to), .. } => {
                let body = json!({
                    "metadata": {"resourceVersion": resource_version},
                    "spec": {"replicas": to.to_i32()},
                });
                self.patch(ResourceKind::Deployment, name, resource_version, &body).await
            }
            Action::AdoptReplicaSet { name, resource_version } => {
                self.still_there().await?;
                let owner = sluice_planner::owner_reference(self.rollout);
                let body = json!({
                    "metadata": {"resourceVersion": resource_version, "ownerReferences": [owner]},
                });
                self.patch(ResourceKind::ReplicaSet, name, resource_version, &body).await
            }
            Action::PatchReplicaSet {
                name,
                resource_version,
                scale,
                min_ready_seconds,
                annotations,
                pod_metadata,
                ..
            } => {
                let mut spec = Map::new();
                if let Some((_, to)) = scale {
                    spec.insert("replicas".to_owned(), Value::from(to.to_i32()));
                }
                if let Some(seconds) = min_ready_seconds {
                    spec.insert("minReadySeconds".to_owned(), Value::from(*seconds));
                }
                if !pod_metadata.is_empty() {
                    spec.insert("template".to_owned(), json!({"metadata": pod_metadata}));
                }
                let mut body = json!({"metadata": {"resourceVersion": resource_version}});
                if !annotations.is_empty() {
                    body["metadata"]["annotations"] = json!(annotations);
                }
                if !spec.is_empty() {
                    body["spec"] = Value::Object(spec);
                }
                self.patch(ResourceKind::ReplicaSet, name, resource_version, &body).await
            }
            Action::SelectPods { service, resource_version, to, managed_by, .. } => {
                let body = json!({
                    "metadata": {
                        "resourceVersion": resource_version,
                        "annotations": {MANAGED_BY: managed_by},
                    },
                    "spec": {"selector": {HASH_LABEL: to}},
                });
                self.patch(ResourceKind::Service, service, resource_version, &body).await
            }
            Action::ReleaseService { service, resource_version, selects_hash } => {
                let body = release_patch(resource_version, *selects_hash);
                self.patch(ResourceKind::Service, service, resource_version, &body).await
            }
            Action::PatchRoute { key, resource_version, patch, .. } => {
                self.patch_route(key, resource_version, patch).await
            }
            Action::CreateRoute { key, manifest, .. } => self.create_route(key, manifest).await,
            Action::DeleteRoute { key, uid, resource_version, .. } => {
                self.delete_route(key, uid, resource_version).await
            }
            Action::PatchPod { name, uid, metadata } => self.patch_pod(name, uid, metadata).await,
            Action::EvictPod { name, uid } => self.evict(name, uid).await,
            Action::DeleteReplicaSet { name, uid, resource_version } => {
                self.delete(ResourceKind::ReplicaSet, name, uid, resource_version).await
            }
            Action::CreateAnalysisRun { name, manifest } => self.create_run(name, manifest).await,
            Action::TerminateRun { name, resource_version } => {
                let body = json!({
                    "metadata": {"resourceVersion": resource_version},
                    "spec": {"terminate": true},
                });
                self.patch(ResourceKind::AnalysisRun, name, resource_version, &body).await
            }
            Action::DeleteRun { name, uid, resource_version } => {
                self.delete(ResourceKind::AnalysisRun, name, uid, resource_version).await
            }
        }
    }

    /// Writes the difference of the status.
    ///
    /// # Errors
    ///
    /// As the API server answers.
    pub async fn write_status(&mut self, difference: &Value) -> Result<(), Failure> {
        let body = json!({
            "metadata": {"resourceVersion": self.version},
            "status": difference,
        });
        self.patch_rollout(Some("status"), &body).await
    }

    async fn create(&mut self, name: &str, manifest: &Value) -> Result<(), Failure> {
        let sent = self.post(ResourceKind::ReplicaSet, manifest).await;
        let answer = match sent {
            Err(failure) if failure.is_already_exists() => self.existing(name, manifest).await?,
            sent => sent?,
        };
        self.note(ResourceKind::ReplicaSet, name, answer);
        Ok(())
    }

    /// The records showed no run of the name: one that is there nevertheless is ours, its answer
    /// lost, or somebody else's.
    async fn create_run(&mut self, name: &str, manifest: &Value) -> Result<(), Failure> {
        let kind = ResourceKind::AnalysisRun;
        let sent = self.post(kind, manifest).await;
        let answer = match sent {
            Err(failure) if failure.is_already_exists() => {
                let request = self.resource(kind).get(name, &Default::default());
                let found = self.send("Get", kind, request).await?;
                let is = if found.deletion_timestamp.is_some() {
                    "is being deleted"
                } else if found.owner_references.iter().any(|owner| self.is_ours(owner)) {
                    self.note(kind, name, found);
                    return Ok(());
                } else {
                    "belongs to something else"
                };
                return Err(Failure::NameTaken(format!("AnalysisRun {name} exists and {is}")));
            }
            sent => sent?,
        };
        self.note(kind, name, answer);
        Ok(())
    }

    async fn post(&self, kind: ResourceKind, manifest: &Value) -> Result<AnswerMeta, Failure> {
        let created = self.resource(kind).create(&post_params(), manifest.to_string().into_bytes());
        self.send("Create", kind, created).await
    }

    fn is_ours(&self, owner: &AnswerOwner) -> bool {
        owner.controller && owner.uid == self.rollout.uid
    }

    /// Asks whether the Rollout is alive as the record has it: what an owner adopts that is gone
    /// already is garbage-collected, pods and all.
    async fn still_there(&self) -> Result<(), Failure> {
        let kind = ResourceKind::Rollout;
        let request = self.resource(kind).get(&self.rollout.name, &Default::default());
        let found = match self.send("Get", kind, request).await {
            Err(failure) if failure.is_not_found() => AnswerMeta::default(),
            found => found?,
        };
        if found.uid == self.rollout.uid && found.deletion_timestamp.is_none() {
            Ok(())
        } else {
            Err(Failure::Conflict(format!("Rollout {} is going or gone", self.rollout.name)))
        }
    }

    /// An earlier request of ours got through, unless somebody else took the name.
    async fn existing(&self, name: &str, manifest: &Value) -> Result<AnswerMeta, Failure> {
        let request = self.resource(ResourceKind::ReplicaSet).get(name, &Default::default());
        let found = self.send("Get", ResourceKind::ReplicaSet, request).await?;
        let ours = found.owner_references.iter().any(|owner| self.is_ours(owner));
        let wanted = manifest["metadata"]["annotations"][TEMPLATE_DIGEST].as_str();
        let same = found.annotations.get(TEMPLATE_DIGEST).map(String::as_str) == wanted;
        let wanted = manifest["metadata"]["labels"].as_object();
        let labelled = wanted
            .into_iter()
            .flatten()
            .all(|(key, value)| found.labels.get(key).map(String::as_str) == value.as_str());
        if found.owner_references.is_empty() && labelled && found.deletion_timestamp.is_none() {
            return Err(Failure::Conflict(format!("ReplicaSet {name} has lost its owner")));
        }
        let is = match (ours, same) {
            _ if found.deletion_timestamp.is_some() => "is being deleted",
            (true, true) if found.labels.contains_key(HASH_LABEL) => return Ok(found),
            (true, true) => return self.label(name, &found.resource_version, manifest).await,
            (true, false) => "is of another template",
            (false, _) => "belongs to something else",
        };
        Err(Failure::NameTaken(format!("ReplicaSet {name} exists and {is}")))
    }

    /// Somebody has taken the label off by which it is found.
    async fn label(
        &self,
        name: &str,
        version: &str,
        manifest: &Value,
    ) -> Result<AnswerMeta, Failure> {
        let labels = &manifest["metadata"]["labels"];
        let body = json!({"metadata": {"resourceVersion": version, "labels": labels}});
        let kind = ResourceKind::ReplicaSet;
        let request = self.resource(kind).patch(name, &params(), &Patch::Merge(&body));
        self.send("Patch", kind, request).await
    }

    /// Whatever else becomes of a pod meanwhile, these keys are ours: its uid is enough.
    async fn patch_pod(
        &self,
        name: &str,
        uid: &str,
        change: &MetadataChange,
    ) -> Result<(), Failure> {
        let mut body = json!({"metadata": change});
        body["metadata"]["uid"] = Value::from(uid);
        let pods = Request::new(format!("/api/v1/namespaces/{}/pods", self.rollout.namespace));
        let request =
            pods.patch(name, &params(), &Patch::Merge(&body)).map_err(kube::Error::BuildRequest)?;
        match within(self.fence, self.client.request::<Answer>(request)).await {
            Err(failure) if failure.is_not_found() => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// A pod that may not go now is no failure of the pass.
    async fn evict(&mut self, name: &str, uid: &str) -> Result<(), Failure> {
        let namespace = &self.rollout.namespace;
        let body = json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": uid}},
        });
        let pods = Request::new(format!("/api/v1/namespaces/{namespace}/pods"));
        let request = pods
            .create_subresource("eviction", name, &post_params(), body.to_string().into_bytes())
            .map_err(kube::Error::BuildRequest)?;
        let sent = async {
            match self.client.request::<Value>(request).await {
                Ok(_) => Ok(None),
                Err(kube::Error::Api(status)) => match status.code {
                    // It has gone, or another has its name.
                    404 | 409 => Ok(None),
                    _ => Ok(Some(said(&status))),
                },
                Err(error) => Err(error),
            }
        };
        let said = within(self.fence, sent).await?;
        self.evictions.insert(name.to_owned(), said);
        Ok(())
    }

    async fn delete(
        &mut self,
        kind: ResourceKind,
        name: &str,
        uid: &str,
        version: &str,
    ) -> Result<(), Failure> {
        let request = self.resource(kind).delete(name, &delete_params(uid, version));
        let answer = self.send("Delete", kind, request).await;
        let id = self.id(kind, name);
        self.unless_stale(id.clone(), version, answer)?;
        self.wrote.push(Wrote { id, uid: Some(uid.to_owned()), effect: Effect::Gone });
        Ok(())
    }

    async fn patch_rollout(
        &mut self,
        subresource: Option<&str>,
        body: &Value,
    ) -> Result<(), Failure> {
        let kind = ResourceKind::Rollout;
        let (name, params) = (&self.rollout.name, params());
        let resource = self.resource(kind);
        let request = match subresource {
            Some(part) => resource.patch_subresource(part, name, &params, &Patch::Merge(body)),
            None => resource.patch(name, &params, &Patch::Merge(body)),
        };
        let answer = self.send("Patch", kind, request).await;
        let name = name.clone();
        let id = self.id(kind, &name);
        let answer = self.unless_stale(id, &self.version.clone(), answer)?;
        self.version.clone_from(&answer.resource_version);
        self.note(kind, &name, answer);
        Ok(())
    }

    async fn patch(
        &mut self,
        kind: ResourceKind,
        name: &str,
        version: &str,
        body: &Value,
    ) -> Result<(), Failure> {
        let request = self.resource(kind).patch(name, &params(), &Patch::Merge(body));
        let answer = self.send("Patch", kind, request).await;
        let answer = self.unless_stale(self.id(kind, name), version, answer)?;
        self.note(kind, name, answer);
        Ok(())
    }

    /// Notes where our record of an object turns out to be old, or the object to be gone: nothing
    /// is decided on it again before it has been seen anew.
    fn unless_stale(
        &mut self,
        id: ObjectId,
        version: &str,
        answer: Result<AnswerMeta, Failure>,
    ) -> Result<AnswerMeta, Failure> {
        let failure = match answer {
            Ok(answer) => return Ok(answer),
            Err(failure) if failure.is_not_found() => Failure::Conflict(failure.to_string()),
            Err(failure) => failure,
        };
        if matches!(failure, Failure::Conflict(_)) {
            self.wrote.push(Wrote { id, uid: None, effect: Effect::NewerThan(version.to_owned()) });
        }
        Err(failure)
    }

    fn note(&mut self, kind: ResourceKind, name: &str, answer: AnswerMeta) {
        let effect = Effect::Version(answer.resource_version);
        self.wrote.push(Wrote { id: self.id(kind, name), uid: Some(answer.uid), effect });
    }

    fn id(&self, kind: ResourceKind, name: &str) -> ObjectId {
        ObjectId { kind, place: (self.rollout.namespace.clone(), name.to_owned()) }
    }

    fn resource(&self, kind: ResourceKind) -> Request {
        Request::new(path(kind, &self.rollout.namespace))
    }

    async fn send(
        &self,
        verb: &'static str,
        kind: ResourceKind,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<AnswerMeta, Failure> {
        let request = request.map_err(kube::Error::BuildRequest)?;
        let answer = within(self.fence, self.client.request::<Answer>(request)).await;
        self.metrics.request(verb, kind, answer.as_ref().err());
        answer.map(|answer| answer.metadata)
    }
}

/// The path of the objects of a kind in a namespace.
pub fn path(kind: ResourceKind, namespace: &str) -> String {
    let ours = "/apis/argoproj.io/v1alpha1";
    match kind {
        ResourceKind::Rollout => format!("{ours}/namespaces/{namespace}/rollouts"),
        ResourceKind::ReplicaSet | ResourceKind::PlainReplicaSet => {
            format!("/apis/apps/v1/namespaces/{namespace}/replicasets")
        }
        ResourceKind::Deployment => format!("/apis/apps/v1/namespaces/{namespace}/deployments"),
        ResourceKind::PodTemplate => format!("/api/v1/namespaces/{namespace}/podtemplates"),
        ResourceKind::Service => format!("/api/v1/namespaces/{namespace}/services"),
        ResourceKind::AnalysisRun => format!("{ours}/namespaces/{namespace}/analysisruns"),
        ResourceKind::AnalysisTemplate => {
            format!("{ours}/namespaces/{namespace}/analysistemplates")
        }
        ResourceKind::ClusterAnalysisTemplate => format!("{ours}/clusteranalysistemplates"),
        // Which version is served is known by whoever has seen one: they ask by `route_path`.
        ResourceKind::Route(kind) => {
            let (group, version) = kind.versions().first().copied().unwrap_or_default();
            route_path(kind, &format!("{group}/{version}"), namespace)
        }
    }
}

/// Deletes this very object, as it was seen, and what it owns afterwards.
pub(crate) fn delete_params(uid: &str, version: &str) -> DeleteParams {
    DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_owned()),
        }),
        ..DeleteParams::background()
    }
}

/// What takes mark and hash off a Service.
pub fn release_patch(resource_version: &str, selects_hash: bool) -> Value {
    let mut body = json!({
        "metadata": {"resourceVersion": resource_version, "annotations": {MANAGED_BY: null}},
    });
    if selects_hash {
        body["spec"] = json!({"selector": {HASH_LABEL: null}});
    }
    body
}

/// What a refusal says, with its causes: which PodDisruptionBudget, and how many pods it needs.
fn said(status: &Status) -> String {
    let details = status.details.iter();
    let causes = details.flat_map(|details| &details.causes).map(|cause| cause.message.as_str());
    let all: Vec<&str> = [status.message.trim_end_matches('.')]
        .into_iter()
        .chain(causes)
        .filter(|said| !said.is_empty())
        .collect();
    all.join(": ")
}

pub(crate) fn post_params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

pub(crate) fn params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// Runs a request until the fence, and not at all after it.
///
/// # Errors
///
/// As the API server answers; [`Failure::NotLeader`] past the fence.
pub async fn within<T>(
    fence: Instant,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Failure> {
    let now = Instant::now();
    if now >= fence {
        return Err(Failure::NotLeader);
    }
    match tokio::time::timeout_at(fence.min(now + WRITE_LIMIT), request).await {
        Ok(answer) => Ok(answer?),
        Err(_) if Instant::now() >= fence => Err(Failure::NotLeader),
        Err(_) => Err(Failure::Unanswered(format!("no answer within {WRITE_LIMIT:?}"))),
    }
}

/// The answer to a request, if it comes in time.
///
/// # Errors
///
/// As the API server answers.
pub async fn answered<T>(
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(WRITE_LIMIT, request).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Failure::Unanswered(format!("no answer within {WRITE_LIMIT:?}"))),
    }
}

/// A merge patch of an object, by the controller's field manager.
///
/// # Errors
///
/// When the request cannot be put together.
pub fn patch_request(
    kind: ResourceKind,
    namespace: &str,
    name: &str,
    body: &Value,
) -> Result<http::Request<Vec<u8>>, Failure> {
    let request = Request::new(path(kind, namespace));
    Ok(request.patch(name, &params(), &Patch::Merge(body)).map_err(kube::Error::BuildRequest)?)
}
