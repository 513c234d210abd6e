//! What is written: patches and creations.

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Map, Value, json};
use sluice_crd::analysis::AnalysisRun;
use sluice_crd::rollout::Rollout;
use sluice_crd::verbs::ClientPatch;

use super::{ANALYSIS_RUNS, ROLLOUTS, api};
use crate::error::Failure;
use crate::session::Session;

/// Who writes, as managed fields have it.
const FIELD_MANAGER: &str = "kubectl-argo-rollouts";

/// Sends patches in their order. One of a status goes to the subresource; where the API server has
/// none, it and those after it go to the object itself, as one (user-interfaces §1.4).
///
/// # Errors
///
/// There is no such Rollout, or the API server refuses a patch; earlier ones have taken effect.
pub async fn patch(session: &Session, name: &str, patches: &[ClientPatch]) -> Result<(), Failure> {
    let api = api::<Rollout>(session, Some(&session.namespace));
    let params =
        PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
    let what = format!("patch rollout {name}");
    for (index, patch) in patches.iter().enumerate() {
        let merge = Patch::Merge(&patch.merge);
        let Some(subresource) = patch.subresource else {
            session.ask(&what, ROLLOUTS, api.patch(name, &params, &merge)).await?;
            continue;
        };
        let sent = api.patch_subresource(subresource, name, &params, &merge);
        match session.ask(&what, ROLLOUTS, sent).await {
            Ok(_) => {}
            Err(Failure::NotFound(_) | Failure::NotServed { .. }) => {
                let rest = Patch::Merge(unified(&patches[index..]));
                session.ask(&what, ROLLOUTS, api.patch(name, &params, &rest)).await?;
                return Ok(());
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// Ends an AnalysisRun (user-interfaces §1.2).
///
/// # Errors
///
/// There is no such run, or the API server refuses.
pub async fn terminate(session: &Session, name: &str) -> Result<(), Failure> {
    let api = api::<AnalysisRun>(session, Some(&session.namespace));
    let merge = Patch::Merge(json!({"spec": {"terminate": true}}));
    let params =
        PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
    let what = format!("patch analysisrun {name}");
    session.ask(&what, ANALYSIS_RUNS, api.patch(name, &params, &merge)).await.map(drop)
}

/// Creates an object of ours; gives back the name that it got.
///
/// # Errors
///
/// The API server refuses.
pub async fn create(
    session: &Session,
    resource: &ApiResource,
    namespace: Option<&str>,
    object: &DynamicObject,
) -> Result<String, Failure> {
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(session.client.clone(), namespace, resource),
        None => Api::all_with(session.client.clone(), resource),
    };
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
    let plural = format!("{}.{}", resource.plural, resource.group);
    let what = format!("create {} {}", resource.kind.to_lowercase(), object.name_any());
    let created = session.ask(what.trim_end(), &plural, api.create(&params, object)).await?;
    Ok(created.name_any())
}

/// Patches of different fields as one.
fn unified(patches: &[ClientPatch]) -> Value {
    let mut all = Map::new();
    for patch in patches {
        if let Value::Object(fields) = &patch.merge {
            all.extend(fields.clone());
        }
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_without_a_subresource_are_one() {
        let status = ClientPatch {
            subresource: Some("status"),
            merge: json!({"status": {"pauseConditions": null}}),
        };
        let spec = ClientPatch { subresource: None, merge: json!({"spec": {"paused": false}}) };
        assert_eq!(
            unified(&[status, spec]),
            json!({"status": {"pauseConditions": null}, "spec": {"paused": false}})
        );
    }
}
