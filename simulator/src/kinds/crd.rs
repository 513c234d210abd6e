//! Reading a CustomResourceDefinition.

use serde_json::Value;
use std::sync::Arc;

use super::{Generation, GroupResource, Kind, ScalePaths};
use crate::names::NameRule;
use crate::schema::{SchemaProblem, Unenforced, from_crd};

/// A CRD that cannot be installed.
#[derive(Debug, thiserror::Error)]
pub enum CrdProblem {
    /// A field that every CRD has is absent.
    #[error("CustomResourceDefinition {name:?} has no {field}; add it")]
    Missing {
        /// The object's name; empty if it has none.
        name: String,
        /// The field's path.
        field: &'static str,
    },
    /// No version is served and stored.
    #[error("CustomResourceDefinition {name:?} has no version with served and storage set")]
    NoVersion {
        /// The object's name.
        name: String,
    },
    /// The schema of the served version cannot be used.
    #[error("CustomResourceDefinition {name:?}: {source}")]
    Schema {
        /// The object's name.
        name: String,
        /// What is wrong with it.
        source: SchemaProblem,
    },
}

/// A CustomResourceDefinition that has been read, to be installed in as many clusters as one likes.
#[derive(Debug, Clone)]
pub struct Crd {
    pub(crate) object: Value,
    pub(crate) kind: Arc<Kind>,
    unenforced: Unenforced,
}

impl Crd {
    /// Reads a definition.
    ///
    /// # Errors
    /// Parts that are missing, or a schema that cannot be read.
    pub fn parse(crd: &Value) -> Result<Crd, CrdProblem> {
        let (kind, unenforced) = kind_of_crd(crd)?;
        Ok(Crd { object: crd.clone(), kind: Arc::new(kind), unenforced })
    }

    /// The CEL rules of its schema that the simulator does not enforce, as `path: rule`. Only
    /// `self == oldSelf` is enforced.
    pub fn unenforced(&self) -> &[String] {
        &self.unenforced
    }
}

/// The kind that a CRD describes, and its CEL rules that are not enforced.
///
/// # Errors
/// Missing parts, or a schema that cannot be read.
pub(crate) fn kind_of_crd(crd: &Value) -> Result<(Kind, Unenforced), CrdProblem> {
    let name = crd["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let text = |value: &Value, field: &'static str| {
        value
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| CrdProblem::Missing { name: name.clone(), field })
    };
    let spec = &crd["spec"];
    let names = &spec["names"];
    let kind = text(&names["kind"], "spec.names.kind")?;
    let plural = text(&names["plural"], "spec.names.plural")?;
    let group = text(&spec["group"], "spec.group")?;
    let scope = text(&spec["scope"], "spec.scope")?;
    let versions = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let used = |version: &&Value| version["served"] == true && version["storage"] == true;
    let Some(version) = versions.iter().find(used) else {
        return Err(CrdProblem::NoVersion { name });
    };
    let (schema, unenforced) = from_crd(&version["schema"]["openAPIV3Schema"])
        .map_err(|source| CrdProblem::Schema { name: name.clone(), source })?;
    let subresources = &version["subresources"];
    let list = |value: &Value| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let kind = Kind {
        resource: GroupResource { group, resource: plural },
        version: text(&version["name"], "spec.versions[].name")?,
        list_kind: names["listKind"].as_str().map_or(format!("{kind}List"), str::to_owned),
        singular: names["singular"].as_str().map_or(kind.to_lowercase(), str::to_owned),
        short_names: list(&names["shortNames"]),
        categories: list(&names["categories"]),
        kind,
        namespaced: scope == "Namespaced",
        custom: true,
        status_subresource: subresources["status"].is_object(),
        scale: scale_paths(&subresources["scale"]),
        generation: Generation::AllButMetadata,
        unconditional_update: false,
        create_on_update: false,
        returns_deleted: false,
        names: NameRule::Subdomain,
        selectable: match scope.as_str() {
            "Namespaced" => &["metadata.name", "metadata.namespace"],
            _ => &["metadata.name"],
        },
        has_rules: !unenforced.is_empty() || schema.has_rules(),
        schema,
    };
    Ok((kind, unenforced))
}

fn scale_paths(scale: &Value) -> Option<ScalePaths> {
    let path = |key: &str| {
        let text = scale[key].as_str()?;
        Some(text.trim_start_matches('.').split('.').map(str::to_owned).collect::<Vec<_>>())
    };
    Some(ScalePaths {
        spec_replicas: path("specReplicasPath")?,
        status_replicas: path("statusReplicasPath")?,
        selector: path("labelSelectorPath"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_crd_is_read() {
        let (kind, unenforced) = kind_of_crd(&json!({
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced",
                "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"]},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                    "subresources": {"status": {}, "scale": {
                        "specReplicasPath": ".spec.replicas",
                        "statusReplicasPath": ".status.HPAReplicas",
                        "labelSelectorPath": ".status.selector"}}}],
            },
        }))
        .unwrap();
        assert!(unenforced.is_empty());
        assert_eq!(kind.api_version(), "example.com/v1");
        assert_eq!(kind.list_kind, "WidgetList");
        assert!(kind.status_subresource);
        let scale = kind.scale.unwrap();
        assert_eq!(scale.status_replicas, ["status", "HPAReplicas"]);
        assert_eq!(scale.selector.unwrap(), ["status", "selector"]);
    }

    #[test]
    fn an_incomplete_crd_says_what_it_lacks() {
        let error = kind_of_crd(&json!({"metadata": {"name": "x"}})).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CustomResourceDefinition \"x\" has no spec.names.kind; add it"
        );
    }
}
