//! What is read from the API, and what is written there.

mod write;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::Selector;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use sluice_crd::analysis::AnalysisRun;
use sluice_crd::experiment::Experiment;
use sluice_crd::rollout::Rollout;
use sluice_planner::names::HASH_LABEL;

use crate::error::Failure;
use crate::session::Session;
use crate::view::Objects;
pub use write::{create, patch, terminate};

/// Objects in one page of a list.
const PAGE: u32 = 500;

/// The resource of Rollouts, in messages.
pub(crate) const ROLLOUTS: &str = "rollouts.argoproj.io";
/// That of AnalysisRuns.
pub(crate) const ANALYSIS_RUNS: &str = "analysisruns.argoproj.io";

/// Objects of one kind in the namespaces that are looked at. They are decoded one by one, so that
/// one that cannot be read hides no other.
pub(crate) fn api<K>(session: &Session, namespace: Option<&str>) -> Api<DynamicObject>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let resource = ApiResource::erase::<K>(&());
    match namespace {
        Some(namespace) => Api::namespaced_with(session.client.clone(), namespace, &resource),
        None => Api::all_with(session.client.clone(), &resource),
    }
}

/// An object in its own type.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn typed<K: DeserializeOwned>(object: &DynamicObject) -> Result<K, serde_json::Error> {
    serde_json::from_value(serde_json::to_value(object)?)
}

/// Objects in their own type; those that cannot be read are left out.
pub(crate) fn typed_all<'a, K: DeserializeOwned>(
    objects: impl IntoIterator<Item = &'a DynamicObject>,
) -> Vec<K> {
    objects.into_iter().filter_map(|object| typed(object).ok()).collect()
}

/// A Rollout.
///
/// # Errors
///
/// There is none of this name, or it cannot be read.
pub async fn rollout(session: &Session, name: &str) -> Result<Rollout, Failure> {
    let what = format!("get rollout {name}");
    let api = api::<Rollout>(session, Some(&session.namespace));
    let object = session.ask(&what, ROLLOUTS, api.get(name)).await?;
    read(&what, &object)
}

/// An AnalysisRun.
///
/// # Errors
///
/// There is none of this name, or it cannot be read.
pub async fn analysis_run(session: &Session, name: &str) -> Result<AnalysisRun, Failure> {
    let resource = ApiResource::erase::<AnalysisRun>(&());
    one(session, &resource, Some(&session.namespace), name).await
}

/// An object of a kind, of a namespace or of the whole cluster.
///
/// # Errors
///
/// There is none of this name, or it cannot be read.
pub(crate) async fn one<K: DeserializeOwned>(
    session: &Session,
    resource: &ApiResource,
    namespace: Option<&str>,
    name: &str,
) -> Result<K, Failure> {
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(session.client.clone(), namespace, resource),
        None => Api::all_with(session.client.clone(), resource),
    };
    let what = format!("get {} {name}", resource.kind.to_lowercase());
    let plural = format!("{}.{}", resource.plural, resource.group);
    let object = session.ask(&what, &plural, api.get(name)).await?;
    read(&what, &object)
}

pub(crate) fn read<K: DeserializeOwned>(what: &str, object: &DynamicObject) -> Result<K, Failure> {
    typed(object).map_err(|error| Failure::Unreadable {
        request: what.to_owned(),
        problem: error.to_string(),
    })
}

/// The Rollouts of a namespace, or of all, in the order of the API; those that cannot be read are
/// reported beside.
///
/// # Errors
///
/// They cannot be listed.
pub async fn rollouts(
    session: &Session,
    namespace: Option<&str>,
    name: Option<&str>,
) -> Result<(Vec<Rollout>, Vec<String>), Failure> {
    let mut params = ListParams::default();
    if let Some(name) = name {
        params = params.fields(&format!("metadata.name={name}"));
    }
    let api = api::<Rollout>(session, namespace);
    let objects = list(session, &api, params, "list rollouts", ROLLOUTS).await?;
    let (mut rollouts, mut problems) = (Vec::new(), Vec::new());
    for object in &objects {
        match typed(object) {
            Ok(rollout) => rollouts.push(rollout),
            Err(error) => {
                let namespace = object.namespace().unwrap_or_default();
                let name = object.name_any();
                problems.push(format!("rollout {namespace}/{name} cannot be read: {error}"));
            }
        }
    }
    Ok((rollouts, problems))
}

/// All pages of a list.
async fn list(
    session: &Session,
    api: &Api<DynamicObject>,
    params: ListParams,
    what: &str,
    resource: &str,
) -> Result<Vec<DynamicObject>, Failure> {
    let mut params = params.limit(PAGE);
    let mut objects = Vec::new();
    loop {
        let page = session.ask(what, resource, api.list(&params)).await?;
        objects.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(objects),
        }
    }
}

/// A kind that belongs to Rollouts, and how its objects are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    ReplicaSets,
    Pods,
    Experiments,
    AnalysisRuns,
}

impl Part {
    pub(crate) const ALL: [Self; 4] =
        [Self::ReplicaSets, Self::Pods, Self::Experiments, Self::AnalysisRuns];

    pub(crate) fn resource(self) -> &'static str {
        match self {
            Self::ReplicaSets => "replicasets.apps",
            Self::Pods => "pods",
            Self::Experiments => "experiments.argoproj.io",
            Self::AnalysisRuns => ANALYSIS_RUNS,
        }
    }

    pub(crate) fn api(self, session: &Session) -> Api<DynamicObject> {
        let namespace = Some(session.namespace.as_str());
        match self {
            Self::ReplicaSets => api::<ReplicaSet>(session, namespace),
            Self::Pods => api::<Pod>(session, namespace),
            Self::Experiments => api::<Experiment>(session, namespace),
            Self::AnalysisRuns => api::<AnalysisRun>(session, namespace),
        }
    }

    /// The labels that its objects have, if they are known: those of the Rollout's selector, and a
    /// hash. Nothing is known of what belongs to Experiments.
    pub(crate) fn labels(self, rollout: &Rollout) -> Option<String> {
        let canary = rollout.spec.strategy.canary.as_ref();
        let has_experiments =
            canary.iter().flat_map(|c| c.steps.iter().flatten()).any(|s| s.experiment.is_some());
        match self {
            Self::Experiments | Self::AnalysisRuns => None,
            Self::ReplicaSets | Self::Pods if has_experiments => Some(HASH_LABEL.to_owned()),
            Self::ReplicaSets | Self::Pods => {
                let own = rollout.spec.selector.clone();
                let own = own.and_then(|selector| Selector::try_from(selector).ok());
                let own = own.map(|selector| selector.to_string()).filter(|text| !text.is_empty());
                Some(own.map_or_else(|| HASH_LABEL.to_owned(), |own| format!("{own},{HASH_LABEL}")))
            }
        }
    }

    /// Whether a cluster may do without it, or a user may not see it: then nothing of it is shown.
    pub(crate) fn may_be_missing(self, failure: &Failure) -> bool {
        match failure {
            Failure::NotServed { .. } => matches!(self, Self::Experiments | Self::AnalysisRuns),
            Failure::Forbidden { .. } => true,
            _ => false,
        }
    }
}

/// A Rollout with all that belongs to it, and what of that could not be had.
#[derive(Clone, Debug)]
pub struct Found {
    /// The objects.
    pub objects: Objects,
    /// What is missing, and why.
    pub warnings: Vec<String>,
}

/// A Rollout with all that belongs to it.
///
/// # Errors
///
/// There is no such Rollout, or it or its parts cannot be read. Parts that the user may not see
/// are left out, with a warning.
pub async fn find(session: &Session, name: &str) -> Result<Found, Failure> {
    let rollout = rollout(session, name).await?;
    let lists = Part::ALL.map(|part| {
        let rollout = &rollout;
        async move {
            let mut params = ListParams::default();
            if let Some(labels) = part.labels(rollout) {
                params = params.labels(&labels);
            }
            let resource = part.resource();
            let what = format!("list {resource}");
            (part, list(session, &part.api(session), params, &what, resource).await)
        }
    });
    let mut parts = Parts::default();
    let mut warnings = Vec::new();
    for (part, listed) in futures::future::join_all(lists).await {
        match listed {
            Ok(objects) => parts.put(part, &objects),
            Err(Failure::NotServed { .. }) if part != Part::ReplicaSets && part != Part::Pods => {}
            Err(failure) if part.may_be_missing(&failure) => {
                warnings.push(format!("{} are not shown: {failure}", part.resource()));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(Found { objects: parts.around(rollout), warnings })
}

/// The parts of a Rollout, in their own types.
#[derive(Default)]
pub(crate) struct Parts {
    replica_sets: Vec<ReplicaSet>,
    pods: Vec<Pod>,
    experiments: Vec<Experiment>,
    analysis_runs: Vec<AnalysisRun>,
}

impl Parts {
    pub(crate) fn put<'a>(
        &mut self,
        part: Part,
        objects: impl IntoIterator<Item = &'a DynamicObject>,
    ) {
        match part {
            Part::ReplicaSets => self.replica_sets = typed_all(objects),
            Part::Pods => self.pods = typed_all(objects),
            Part::Experiments => self.experiments = typed_all(objects),
            Part::AnalysisRuns => self.analysis_runs = typed_all(objects),
        }
    }

    pub(crate) fn around(self, rollout: Rollout) -> Objects {
        let Self { replica_sets, pods, experiments, analysis_runs } = self;
        Objects { rollout, replica_sets, pods, experiments, analysis_runs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rollout(spec: Value) -> Rollout {
        let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": "web"}, "spec": spec});
        serde_json::from_value(rollout).unwrap()
    }

    #[test]
    fn parts_are_found_by_the_labels_of_the_selector() {
        let selector = json!({"matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "Exists"}]});
        let own = rollout(json!({"selector": selector}));
        assert_eq!(
            Part::Pods.labels(&own).as_deref(),
            Some("app=web,tier,rollouts-pod-template-hash")
        );
        assert_eq!(Part::AnalysisRuns.labels(&own), None);
        // The selector of a workloadRef stands elsewhere.
        let referring = rollout(json!({"workloadRef": {"name": "web"}}));
        assert_eq!(Part::ReplicaSets.labels(&referring).as_deref(), Some(HASH_LABEL));
        // Pods of an Experiment may have other labels.
        let steps = json!([{"experiment": {"templates": []}}]);
        let experimenting =
            rollout(json!({"selector": selector, "strategy": {"canary": {"steps": steps}}}));
        assert_eq!(Part::Pods.labels(&experimenting).as_deref(), Some(HASH_LABEL));
    }
}
