//! Structural schemas: what a kind's objects may look like. One form serves both worlds: the
//! `openAPIV3Schema` of a CRD, and the generated JSON schema of a built-in type.

pub(crate) mod builtin;
pub(crate) mod custom;
mod formats;
mod listtype;
mod parse;
mod validate;

use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use listtype::duplicates;
pub use parse::SchemaProblem;
pub(crate) use parse::{Unenforced, from_crd, from_json_schema};
pub(crate) use validate::{transitions, validate};

/// One node of a schema. Children are shared, so that a pod template costs its memory once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schema {
    /// The allowed JSON type; none allows all.
    pub(crate) ty: Option<Type>,
    pub(crate) int_or_string: bool,
    pub(crate) format: String,
    /// The Go type of a built-in struct, for decoding errors.
    pub(crate) go_name: String,
    pub(crate) nullable: bool,
    pub(crate) preserve_unknown: bool,
    pub(crate) embedded: bool,
    pub(crate) properties: BTreeMap<String, Arc<Schema>>,
    pub(crate) additional: Option<Arc<Schema>>,
    pub(crate) items: Option<Arc<Schema>>,
    pub(crate) required: Vec<String>,
    pub(crate) default: Option<Value>,
    pub(crate) allowed: Vec<Value>,
    pub(crate) minimum: Option<Bound>,
    pub(crate) maximum: Option<Bound>,
    pub(crate) multiple_of: Option<f64>,
    pub(crate) length: Limits,
    pub(crate) item_count: Limits,
    pub(crate) property_count: Limits,
    pub(crate) unique_items: bool,
    pub(crate) pattern: Option<Regex>,
    pub(crate) list: ListType,
    /// Rules `self == oldSelf`: the messages.
    pub(crate) immutable: Vec<String>,
    pub(crate) any_of: Vec<Arc<Schema>>,
    pub(crate) one_of: Vec<Arc<Schema>>,
    pub(crate) all_of: Vec<Arc<Schema>>,
    pub(crate) not: Option<Arc<Schema>>,
}

/// A JSON type, as schemas name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// A limit on a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bound {
    pub(crate) value: f64,
    pub(crate) exclusive: bool,
}

/// Limits on a count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) min: Option<u64>,
    pub(crate) max: Option<u64>,
}

/// How the items of a list relate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum ListType {
    #[default]
    Atomic,
    Set,
    Map(Vec<String>),
}

impl Schema {
    /// Whether any rule `self == oldSelf` stands somewhere in it.
    pub(crate) fn has_rules(&self) -> bool {
        let children = self.properties.values().chain(&self.additional).chain(&self.items);
        !self.immutable.is_empty() || children.into_iter().any(|child| child.has_rules())
    }
}

impl Type {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Type::Object => "object",
            Type::Array => "array",
            Type::String => "string",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::Boolean => "boolean",
        }
    }
}

/// A path into an object as the API server prints it: `spec.list[0].field`.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldPath {
    text: String,
}

impl FieldPath {
    pub(crate) fn root() -> FieldPath {
        FieldPath::default()
    }

    pub(crate) fn child(&self, name: &str) -> FieldPath {
        let text = match self.text.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.text),
        };
        FieldPath { text }
    }

    pub(crate) fn index(&self, index: usize) -> FieldPath {
        FieldPath { text: format!("{}[{index}]", self.text) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}
