//! Where the Jobs of measurements run. Writes end with the lease, as all others do.

use async_trait::async_trait;
use kube::Client;
use kube::core::params::{DeleteParams, ListParams, PostParams};
use kube::core::request::Request;
use serde::Deserialize;
use serde_json::Value;
use sluice_providers::{Cluster, JobId, ProviderError, RunId};
use tokio::sync::watch;

use super::JobsElsewhere;
use crate::failure::Failure;
use crate::leader::Fence;
use crate::writer::{FIELD_MANAGER, answered, within};

/// Label of a Job: the AnalysisRun that it measures for (spec §1.9).
const RUN_UID: &str = "analysisrun.argoproj.io/uid";

/// The Jobs API of the cluster that measurements run in.
pub(crate) struct Jobs {
    client: Client,
    elsewhere: JobsElsewhere,
    fence: watch::Receiver<Fence>,
}

impl Jobs {
    pub(crate) fn new(
        client: Client,
        elsewhere: JobsElsewhere,
        fence: watch::Receiver<Fence>,
    ) -> Self {
        let client = elsewhere.client.clone().unwrap_or(client);
        Self { client, elsewhere, fence }
    }

    fn fence(&self) -> Result<tokio::time::Instant, Failure> {
        (*self.fence.borrow()).ok_or(Failure::NotLeader)
    }

    async fn get(&self, id: &JobId) -> Result<Option<Value>, Failure> {
        let request = Request::new(jobs(&id.namespace)).get(&id.name, &Default::default());
        let request = request.map_err(kube::Error::BuildRequest)?;
        match answered(self.client.request::<Value>(request)).await {
            Ok(job) => Ok(Some(job)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn create(&self, namespace: &str, manifest: &Value) -> Result<(), Failure> {
        let params =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let body = manifest.to_string().into_bytes();
        let request = Request::new(jobs(namespace)).create(&params, body);
        let request = request.map_err(kube::Error::BuildRequest)?;
        let created = within(self.fence()?, self.client.request::<Value>(request)).await;
        let name = manifest["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        match created {
            Err(failure) if failure.is_already_exists() => {
                let id = JobId { namespace: namespace.to_owned(), name };
                let found = self.get(&id).await?;
                let uid = |job: &Value| job["metadata"]["labels"][RUN_UID].clone();
                if found.is_some_and(|job| uid(&job) == uid(manifest)) {
                    Ok(())
                } else {
                    Err(failure)
                }
            }
            created => created.map(drop),
        }
    }

    async fn delete(&self, id: &JobId) -> Result<(), Failure> {
        let request = Request::new(jobs(&id.namespace));
        let request = request.delete(&id.name, &DeleteParams::background());
        let request = request.map_err(kube::Error::BuildRequest)?;
        match within(self.fence()?, self.client.request::<Value>(request)).await {
            Err(failure) if failure.is_not_found() => Ok(()),
            deleted => deleted.map(drop),
        }
    }
}

fn jobs(namespace: &str) -> String {
    format!("/apis/batch/v1/namespaces/{namespace}/jobs")
}

fn error(what: &str, namespace: &str, name: &str, failure: &Failure) -> ProviderError {
    let help = match failure {
        Failure::Refused { code: 401 | 403, .. } => {
            "; the Role or ClusterRole of the controller has to grant it"
        }
        _ => "",
    };
    let message = format!("cannot {what} {namespace}/{name}: {failure}{help}");
    let soon =
        matches!(failure, Failure::Unanswered(_) | Failure::Conflict(_) | Failure::NotLeader);
    ProviderError::new(if soon { "busy" } else { "cluster" }, message)
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<Value>,
}

#[async_trait]
impl Cluster for Jobs {
    async fn create_job(&self, namespace: &str, manifest: &Value) -> Result<(), ProviderError> {
        let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
        let created = self.create(namespace, manifest).await;
        created.map_err(|failure| error("create Job", namespace, name, &failure))
    }

    async fn job(&self, id: &JobId) -> Result<Option<Value>, ProviderError> {
        let found = self.get(id).await;
        found.map_err(|failure| error("read Job", &id.namespace, &id.name, &failure))
    }

    async fn pods_of(&self, id: &JobId) -> Result<Vec<Value>, ProviderError> {
        let path = format!("/api/v1/namespaces/{}/pods", id.namespace);
        let params = ListParams::default().labels(&format!("job-name={}", id.name));
        let list = async {
            let request = Request::new(path).list(&params).map_err(kube::Error::BuildRequest)?;
            answered(self.client.request::<List>(request)).await
        };
        let list = list.await;
        let list = list
            .map_err(|failure| error("list the pods of Job", &id.namespace, &id.name, &failure))?;
        Ok(list.items)
    }

    async fn delete_job(&self, id: &JobId) -> Result<(), ProviderError> {
        let deleted = self.delete(id).await;
        deleted.map_err(|failure| error("delete Job", &id.namespace, &id.name, &failure))
    }

    fn place(&self, run: &RunId) -> (String, bool) {
        let namespace = self.elsewhere.namespace.clone().unwrap_or_else(|| run.namespace.clone());
        (namespace, self.elsewhere.client.is_some())
    }
}
