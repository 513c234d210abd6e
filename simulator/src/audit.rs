//! The record of who asked for what: the audit log of the simulated API server.

use chrono::{DateTime, Utc};
use serde_json::Value;
use std::fmt;

/// One answered request.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestRecord {
    /// When the request took effect.
    pub at: DateTime<Utc>,
    /// The user of the client; `controllers` for the built-in controllers.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch` or `delete`.
    pub verb: String,
    /// API group; empty for the core group, and for paths that name no resource.
    pub group: String,
    /// Plural name of the resource; the whole path if it names no resource.
    pub resource: String,
    /// `status`, `scale`, or empty.
    pub subresource: String,
    /// Empty for cluster-wide requests.
    pub namespace: String,
    /// Empty for lists; the generated one for a create with `generateName`.
    pub name: String,
    /// The field manager that a write names; empty where it names none.
    pub field_manager: String,
    /// HTTP code of the answer, whether or not it arrived.
    pub code: u16,
    /// What was sent. None for reads and for the built-in controllers.
    pub body: Option<Value>,
    /// Whether the request changed something.
    pub changed: bool,
}

/// The user name of the built-in controllers.
pub const CONTROLLERS: &str = "controllers";

impl RequestRecord {
    /// Whether the verb writes.
    pub fn is_write(&self) -> bool {
        is_write(&self.verb)
    }
}

pub(crate) fn is_write(verb: &str) -> bool {
    matches!(verb, "create" | "update" | "patch" | "delete")
}

impl fmt::Display for RequestRecord {
    /// One line: time, user, verb, resource, object, code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.format("%H:%M:%S%.6f");
        write!(f, "{at} {} {} {}", self.user, self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if !self.subresource.is_empty() {
            write!(f, "/{}", self.subresource)?;
        }
        write!(f, " {}/{} {}", self.namespace, self.name, self.code)
    }
}
