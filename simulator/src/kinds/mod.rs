//! The kinds that the API serves: the built-in ones in use, and those of installed CRDs.

pub(crate) mod builtin;
pub(crate) mod crd;
pub(crate) mod defaults;
pub(crate) mod pod_defaults;
pub(crate) mod validation;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::names::NameRule;
use crate::schema::Schema;

pub use crd::{Crd, CrdProblem};

/// A resource by group and plural name, such as `apps`, `replicasets`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupResource {
    /// The API group; empty for the core group.
    pub group: String,
    /// The plural name, as in URLs.
    pub resource: String,
}

impl GroupResource {
    /// The resource of that group and plural name.
    pub fn new(group: &str, resource: &str) -> GroupResource {
        GroupResource { group: group.to_owned(), resource: resource.to_owned() }
    }
}

impl fmt::Display for GroupResource {
    /// `replicasets.apps`, or `pods` in the core group.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.as_str() {
            "" => write!(f, "{}", self.resource),
            group => write!(f, "{}.{group}", self.resource),
        }
    }
}

/// All served kinds by resource.
pub(crate) type Kinds = BTreeMap<GroupResource, Arc<Kind>>;

/// What the API knows of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    pub(crate) resource: GroupResource,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    /// Comes from a CRD: pruned and validated by its schema rather than passed through Go types.
    pub(crate) custom: bool,
    pub(crate) status_subresource: bool,
    pub(crate) scale: Option<ScalePaths>,
    pub(crate) generation: Generation,
    /// A PUT without resourceVersion overwrites.
    pub(crate) unconditional_update: bool,
    /// A PUT of an object that does not exist creates it.
    pub(crate) create_on_update: bool,
    /// DELETE answers with the object rather than with a `Status`.
    pub(crate) returns_deleted: bool,
    pub(crate) names: NameRule,
    /// The fields that `fieldSelector` may name.
    pub(crate) selectable: &'static [&'static str],
    pub(crate) schema: Arc<Schema>,
    /// The schema has CEL rules, which are not checked where other things are wrong.
    pub(crate) has_rules: bool,
}

/// Where the scale subresource reads and writes, as steps from the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScalePaths {
    pub(crate) spec_replicas: Vec<String>,
    pub(crate) status_replicas: Vec<String>,
    /// A text selector in the object; none for built-in kinds, which have `spec.selector`.
    pub(crate) selector: Option<Vec<String>>,
}

/// Which changes count up `metadata.generation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// The kind has none.
    None,
    /// Changes of `spec`.
    Spec,
    /// Changes of anything outside `metadata`; with a status subresource the status does not get
    /// there.
    AllButMetadata,
}

impl Kind {
    pub(crate) fn api_version(&self) -> String {
        match self.resource.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// How the server refuses a field in a `fieldSelector`.
    pub(crate) fn unselectable(&self, field: &str) -> String {
        if self.kind == "Job" {
            format!("field label {field:?} not supported for Job")
        } else if !self.custom && self.selectable == builtin::METADATA_FIELDS {
            format!(
                "{field:?} is not a known field selector: only \"metadata.name\", \
                 \"metadata.namespace\""
            )
        } else {
            format!("field label not supported: {field}")
        }
    }

    /// Group and kind, as errors about objects name them.
    pub(crate) fn qualified(&self) -> (&str, &str) {
        (&self.resource.group, &self.kind)
    }
}
