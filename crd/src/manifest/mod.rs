//! The CustomResourceDefinitions, generated from the types (spec §1.0).
//!
//! The schema of pod templates is complete, so that typing errors are found and server-side apply
//! merges containers by name. It has no descriptions: with them the file is too large for the
//! annotation that `kubectl apply` keeps the last applied object in.

mod builtin;
mod schema;

use kube::Resource;
use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::analysis::{
    AnalysisRun, AnalysisRunSpec, AnalysisRunStatus, AnalysisTemplate, AnalysisTemplateSpec,
    ClusterAnalysisTemplate, ClusterAnalysisTemplateSpec,
};
use crate::experiment::{Experiment, ExperimentSpec, ExperimentStatus};
use crate::rollout::{Rollout, RolloutSpec, RolloutStatus};
use builtin::Builtin;
pub use schema::SchemaError;

/// A CustomResourceDefinition.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The name of its file, such as `rollout-crd.yaml`.
    pub file_name: String,
    /// The object.
    pub definition: Value,
}

/// All CustomResourceDefinitions.
pub fn manifests() -> Result<Vec<Manifest>, SchemaError> {
    let builtin = Builtin::load()?;
    Ok(vec![
        rollout(&builtin)?,
        with_status::<AnalysisRun, AnalysisRunSpec, AnalysisRunStatus>("ar", &builtin)?,
        without_status::<AnalysisTemplate, AnalysisTemplateSpec>("at", &builtin)?,
        without_status::<ClusterAnalysisTemplate, ClusterAnalysisTemplateSpec>("cat", &builtin)?,
        with_status::<Experiment, ExperimentSpec, ExperimentStatus>("exp", &builtin)?,
    ])
}

fn rollout(builtin: &Builtin) -> Result<Manifest, SchemaError> {
    let mut spec = schema::structural::<RolloutSpec>(builtin)?;
    spec["properties"]["selector"]["x-kubernetes-validations"] = json!([{
        "rule": "self == oldSelf",
        "message": "is immutable: to change it, delete the Rollout and create it again",
    }]);
    let status = schema::structural::<RolloutStatus>(builtin)?;
    let subresources = json!({
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.HPAReplicas",
            "labelSelectorPath": ".status.selector",
        },
    });
    let columns = json!([
        column("Desired", "integer", ".spec.replicas", "Number of pods that are wanted"),
        column("Current", "integer", ".status.replicas", "Number of pods of all versions"),
        column(
            "Up-to-date",
            "integer",
            ".status.updatedReplicas",
            "Number of pods of the new version"
        ),
        column("Available", "integer", ".status.availableReplicas", "Number of available pods"),
        age(),
    ]);
    Ok(definition::<Rollout>("ro", spec, Some(status), subresources, columns))
}

/// A kind whose status is written together with the rest: it has no status subresource, and clients
/// rely on that.
fn with_status<K, Spec, Status>(
    short_name: &str,
    builtin: &Builtin,
) -> Result<Manifest, SchemaError>
where
    K: Resource<DynamicType = ()>,
    Spec: JsonSchema,
    Status: JsonSchema,
{
    let (spec, status) =
        (schema::structural::<Spec>(builtin)?, schema::structural::<Status>(builtin)?);
    let columns = json!([column("Status", "string", ".status.phase", "The verdict"), age()]);
    Ok(definition::<K>(short_name, spec, Some(status), json!({}), columns))
}

fn without_status<K, Spec>(short_name: &str, builtin: &Builtin) -> Result<Manifest, SchemaError>
where
    K: Resource<DynamicType = ()>,
    Spec: JsonSchema,
{
    let spec = schema::structural::<Spec>(builtin)?;
    Ok(definition::<K>(short_name, spec, None, json!({}), json!([age()])))
}

fn column(name: &str, kind: &str, path: &str, description: &str) -> Value {
    json!({"name": name, "type": kind, "jsonPath": path, "description": description})
}

fn age() -> Value {
    column("Age", "date", ".metadata.creationTimestamp", "Time since it was created")
}

fn definition<K: Resource<DynamicType = ()>>(
    short_name: &str,
    spec: Value,
    status: Option<Value>,
    subresources: Value,
    columns: Value,
) -> Manifest {
    let (group, version) = (K::group(&()), K::version(&()));
    let (kind, plural) = (K::kind(&()), K::plural(&()));
    let singular = kind.to_lowercase();
    let mut schema = json!({
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
        },
    });
    if let Some(status) = status {
        schema["properties"]["status"] = status;
    }
    let is_cluster_scoped = kind == ClusterAnalysisTemplate::kind(&());
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group,
            "names": {
                "kind": kind,
                "listKind": format!("{kind}List"),
                "plural": plural,
                "singular": singular,
                "shortNames": [short_name],
            },
            "scope": if is_cluster_scoped { "Cluster" } else { "Namespaced" },
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": schema},
                "subresources": subresources,
                "additionalPrinterColumns": columns,
            }],
        },
    });
    Manifest { file_name: format!("{singular}-crd.yaml"), definition }
}
