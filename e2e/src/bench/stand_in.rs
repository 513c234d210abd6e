//! A controller without judgement: for the Rollouts of the benchmark it does the writes that the
//! protocol cannot do without, and nothing else. What a real controller costs beyond it is the
//! price of its decisions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::Client;
use kube::core::params::{Patch, PatchParams, PostParams, WatchParams};
use kube::core::{DynamicObject, WatchEvent, request::Request};
use serde_json::{Value, json};
use tokio::sync::{Mutex, watch};

/// How many pods of a ReplicaSet are available, by its name.
type Available = BTreeMap<String, u64>;

/// Runs until the process is killed.
///
/// # Errors
///
/// Says why the cluster cannot be watched.
pub async fn run(client: Client) -> Result<(), String> {
    let (sender, available) = watch::channel(Available::new());
    tokio::spawn(follow_sets(client.clone(), sender));
    let stand_in = Arc::new(StandIn { client, available, served: Mutex::default() });
    let path = "/apis/argoproj.io/v1alpha1/rollouts";
    let mut version = "0".to_owned();
    loop {
        let request = Request::new(path)
            .watch(&WatchParams::default(), &version)
            .map_err(|e| e.to_string())?;
        let stream = stand_in.client.request_events::<DynamicObject>(request).await;
        let mut stream = std::pin::pin!(stream.map_err(|e| e.to_string())?);
        while let Some(Ok(event)) = stream.next().await {
            let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event else {
                continue;
            };
            version = object.metadata.resource_version.clone().unwrap_or_default();
            let stand_in = Arc::clone(&stand_in);
            tokio::spawn(async move {
                // What is refused is left: the benchmark sees that it did not arrive.
                let _ = stand_in.serve(object).await;
            });
        }
    }
}

struct StandIn {
    client: Client,
    available: watch::Receiver<Available>,
    /// The generation of each Rollout that is served or was.
    served: Mutex<BTreeMap<String, i64>>,
}

impl StandIn {
    async fn serve(&self, rollout: DynamicObject) -> Result<(), String> {
        let name = rollout.metadata.name.clone().unwrap_or_default();
        let generation = rollout.metadata.generation.unwrap_or(0);
        let status = &rollout.data["status"];
        let observed = status["observedGeneration"].as_str().and_then(|g| g.parse().ok());
        let before = self.served.lock().await.insert(name.clone(), generation);
        if before == Some(generation) || observed == Some(generation) {
            return Ok(());
        }
        let replicas = rollout.data["spec"]["replicas"].as_u64().unwrap_or(1);
        let new = format!("{name}-{generation}");
        let Some(old) = status["stableRS"].as_str().map(|hash| format!("{name}-{hash}")) else {
            self.create(&rollout, &new, generation, replicas).await?;
            self.annotate(&rollout, &name, generation).await?;
            self.wait(&new, replicas).await;
            return self.status(&rollout, &name, generation, "Healthy").await;
        };
        // 20 %, pause, 60 %, pause, all.
        let (first, second) = (replicas.div_ceil(5), (replicas * 3).div_ceil(5));
        self.create(&rollout, &new, generation, first).await?;
        self.annotate(&rollout, &name, generation).await?;
        self.scale(&rollout, &old, replicas - first).await?;
        self.wait(&new, first).await;
        self.status(&rollout, &name, generation - 1, "Paused").await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        self.scale(&rollout, &new, second).await?;
        self.wait(&new, second).await;
        self.scale(&rollout, &old, replicas - second).await?;
        self.status(&rollout, &name, generation - 1, "Paused").await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        self.scale(&rollout, &new, replicas).await?;
        self.wait(&new, replicas).await;
        self.scale(&rollout, &old, 0).await?;
        self.status(&rollout, &name, generation, "Healthy").await
    }

    async fn wait(&self, set: &str, pods: u64) {
        let mut available = self.available.clone();
        // The sender lives as long as the process.
        let _ = available.wait_for(|all| all.get(set).is_some_and(|n| *n >= pods)).await;
    }

    async fn create(
        &self,
        rollout: &DynamicObject,
        name: &str,
        generation: i64,
        pods: u64,
    ) -> Result<(), String> {
        let mut template = rollout.data["spec"]["template"].clone();
        template["metadata"]["labels"]["rollouts-pod-template-hash"] =
            Value::from(generation.to_string());
        let labels = template["metadata"]["labels"].clone();
        let set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": name, "labels": labels,
                "ownerReferences": [{
                    "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "controller": true,
                    "name": rollout.metadata.name, "uid": rollout.metadata.uid,
                }],
            },
            "spec": {"replicas": pods, "selector": {"matchLabels": labels}, "template": template},
        });
        let request = Request::new(sets(rollout))
            .create(&PostParams::default(), set.to_string().into_bytes());
        self.send(request).await
    }

    async fn scale(&self, rollout: &DynamicObject, name: &str, pods: u64) -> Result<(), String> {
        let merge = json!({"spec": {"replicas": pods}});
        let patch = Patch::Merge(merge);
        self.send(Request::new(sets(rollout)).patch(name, &PatchParams::default(), &patch)).await
    }

    async fn annotate(
        &self,
        rollout: &DynamicObject,
        name: &str,
        generation: i64,
    ) -> Result<(), String> {
        let revision = generation.to_string();
        let annotations = json!({"rollout.argoproj.io/revision": revision});
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        self.send(resource(rollout).patch(name, &PatchParams::default(), &patch)).await
    }

    async fn status(
        &self,
        rollout: &DynamicObject,
        name: &str,
        stable: i64,
        phase: &str,
    ) -> Result<(), String> {
        let status = json!({
            "phase": phase, "stableRS": stable.to_string(),
            "observedGeneration": rollout.metadata.generation.unwrap_or(0).to_string(),
        });
        let patch = Patch::Merge(json!({"status": status}));
        let params = PatchParams::default();
        self.send(resource(rollout).patch_subresource("status", name, &params, &patch)).await
    }

    async fn send(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<(), String> {
        let request = request.map_err(|e| e.to_string())?;
        self.client.request::<Value>(request).await.map(drop).map_err(|e| e.to_string())
    }
}

fn sets(rollout: &DynamicObject) -> String {
    let namespace = rollout.metadata.namespace.as_deref().unwrap_or_default();
    format!("/apis/apps/v1/namespaces/{namespace}/replicasets")
}

fn resource(rollout: &DynamicObject) -> Request {
    let namespace = rollout.metadata.namespace.as_deref().unwrap_or_default();
    Request::new(format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts"))
}

async fn follow_sets(client: Client, available: watch::Sender<Available>) {
    let mut version = "0".to_owned();
    loop {
        let request =
            Request::new("/apis/apps/v1/replicasets").watch(&WatchParams::default(), &version);
        let Ok(request) = request else { return };
        let Ok(stream) = client.request_events::<DynamicObject>(request).await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let mut stream = std::pin::pin!(stream);
        while let Some(Ok(event)) = stream.next().await {
            let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event else {
                continue;
            };
            version = object.metadata.resource_version.clone().unwrap_or_default();
            let pods = object.data["status"]["availableReplicas"].as_u64().unwrap_or(0);
            let name = object.metadata.name.unwrap_or_default();
            available.send_modify(|all| {
                all.insert(name, pods);
            });
        }
    }
}
