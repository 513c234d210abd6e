//! Writes to an AnalysisRun: its status, or its end. The kind has no status subresource (as
//! upstream): the status is patched on the object itself.

use std::sync::Arc;

use kube::Client;
use kube::core::params::Patch;
use kube::core::request::Request;
use serde::Deserialize;
use serde_json::json;
use sluice_crd::analysis::AnalysisRunStatus;
use sluice_planner::RunRecord;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::world::{Effect, ObjectId, ResourceKind, Wrote};
use crate::writer::{delete_params, params, path, within};
use sluice_planner::merge_patch;

/// What is written.
#[derive(Debug)]
pub(crate) enum Change {
    /// From one status to another.
    Status(Box<(AnalysisRunStatus, AnalysisRunStatus)>),
    /// The run has outlived its time.
    Delete,
}

/// What came of a write.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) wrote: Option<Wrote>,
    pub(crate) result: Result<(), Failure>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    metadata: AnswerMeta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AnswerMeta {
    uid: String,
    resource_version: String,
}

/// Writes, on the version that was looked at.
pub(crate) async fn write(
    client: &Client,
    metrics: &Metrics,
    namespace: &str,
    run: &Arc<RunRecord>,
    change: Change,
    fence: Instant,
) -> Written {
    let kind = ResourceKind::AnalysisRun;
    let resource = Request::new(path(kind, namespace));
    let version = &run.resource_version;
    let (verb, request) = match &change {
        Change::Status(statuses) => {
            let (old, new) = &**statuses;
            let before = if old.phase.as_str().is_empty() { json!({}) } else { json!(old) };
            let Some(difference) = merge_patch::difference(&before, &json!(new)) else {
                return Written { wrote: None, result: Ok(()) };
            };
            let body = json!({"metadata": {"resourceVersion": version}, "status": difference});
            ("Patch", resource.patch(&run.name, &params(), &Patch::Merge(&body)))
        }
        Change::Delete => ("Delete", resource.delete(&run.name, &delete_params(&run.uid, version))),
    };
    let request = match request {
        Ok(request) => request,
        Err(error) => {
            let failure = Failure::from(kube::Error::BuildRequest(error));
            return Written { wrote: None, result: Err(failure) };
        }
    };
    let answer = within(fence, client.request::<Answer>(request)).await;
    metrics.request(verb, kind, answer.as_ref().err());
    let id = ObjectId { kind, place: (namespace.to_owned(), run.name.clone()) };
    let wrote = |effect| Some(Wrote { id, uid: Some(run.uid.clone()), effect });
    match (answer, change) {
        (Ok(_), Change::Delete) => Written { wrote: wrote(Effect::Gone), result: Ok(()) },
        (Ok(answer), Change::Status(_)) => {
            let meta = answer.metadata;
            let seen = meta.uid == run.uid;
            let wrote = wrote(Effect::Version(meta.resource_version)).filter(|_| seen);
            Written { wrote, result: Ok(()) }
        }
        (Err(failure), _) => {
            // Our record is old, or the run is gone: that has to be seen first.
            let stale = matches!(failure, Failure::Conflict(_)) || failure.is_not_found();
            let wrote = wrote(Effect::NewerThan(version.clone())).filter(|_| stale);
            let failure = if stale { Failure::Conflict(failure.to_string()) } else { failure };
            Written { wrote, result: Err(failure) }
        }
    }
}
