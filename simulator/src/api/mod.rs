//! The API server: what each request answers and changes. Synchronous and under the cluster's
//! lock; latency, watches' delays and broken connections are the transport's business.

mod admit;
pub(crate) mod body;
mod create;
mod delete;
mod discovery;
pub(crate) mod evict;
mod metadata;
mod patch;
pub(crate) mod quota;
mod read;
pub(crate) mod route;
mod scale;
mod update;
pub(crate) mod watch;

use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::audit::{CONTROLLERS, RequestRecord};
use crate::kinds::{GroupResource, Kind};
use crate::state::State;
use crate::status_error::{FieldError, StatusError};
use route::{Route, Target};
use watch::Opening;

/// What a request wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
}

impl Verb {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Watch => "watch",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Patch => "patch",
            Verb::Delete => "delete",
        }
    }
}

/// Which face of an object is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Subresource {
    #[default]
    Main,
    Status,
    Scale,
    Eviction,
}

impl Subresource {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Subresource::Main => "",
            Subresource::Status => "status",
            Subresource::Scale => "scale",
            Subresource::Eviction => "eviction",
        }
    }
}

/// What came with a request.
#[derive(Debug, Clone, Default)]
pub(crate) enum Payload {
    #[default]
    None,
    Bytes(Bytes),
    /// From the built-in controllers, which need no text.
    Json(Value),
}

/// A request for a resource, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) user: String,
    pub(crate) connection: u64,
    pub(crate) verb: Verb,
    pub(crate) kind: Arc<Kind>,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) subresource: Subresource,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) content_type: String,
    pub(crate) payload: Payload,
}

impl Call {
    pub(crate) fn resource(&self) -> &GroupResource {
        &self.kind.resource
    }

    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Checks the parameters that every write has.
    ///
    /// # Errors
    /// 422 about the options, whose kind is given.
    fn check_options(&self, options: &str) -> Result<(), StatusError> {
        let validation = self.parameter("fieldValidation");
        if matches!(validation, "" | "Ignore" | "Warn" | "Strict") {
            return Ok(());
        }
        let allowed = ["", "Ignore", "Strict", "Warn"].map(str::to_owned);
        let error = FieldError::not_supported("fieldValidation", &validation.into(), &allowed);
        Err(StatusError::invalid("meta.k8s.io", options, "", &[error]))
    }

    fn is_dry_run(&self) -> bool {
        self.parameter("dryRun") == "All"
    }

    fn not_found(&self) -> StatusError {
        StatusError::not_found(self.resource(), &self.name)
    }
}

/// What a request answers.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A JSON body that is already text.
    Text { code: u16, body: Bytes },
    /// An object.
    Object { code: u16, object: Arc<Value>, warnings: Vec<String> },
    /// A stream of events.
    Watch(Opening),
}

impl Reply {
    fn json(code: u16, body: &Value) -> Reply {
        Reply::Text { code, body: Bytes::from(body.to_string()) }
    }

    fn object(code: u16, object: impl Into<Arc<Value>>) -> Reply {
        Reply::Object { code, object: object.into(), warnings: Vec::new() }
    }

    pub(crate) fn code(&self) -> u16 {
        match self {
            Reply::Text { code, .. } | Reply::Object { code, .. } => *code,
            Reply::Watch(_) => 200,
        }
    }
}

impl State {
    /// Serves one request and writes it into the audit log. `record` says who asks for what.
    pub(crate) fn serve(
        &mut self,
        route: Result<Route, StatusError>,
        mut record: RequestRecord,
        refusal: Option<StatusError>,
    ) -> Result<Reply, StatusError> {
        record.at = self.options.clock.now();
        let answer = match (refusal, route) {
            (Some(refusal), _) => Err(refusal),
            (None, Err(error)) => Err(error),
            (None, Ok(Route::Fixed(path))) => discovery::answer(self, &path),
            (None, Ok(Route::Resource(call))) => self.answer(&call),
        };
        record.code = match &answer {
            Ok(reply) => reply.code(),
            Err(error) => error.code,
        };
        if let (Ok(Reply::Object { object, .. }), "create") = (&answer, record.verb.as_str()) {
            record.name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        }
        self.record(record);
        answer
    }

    fn answer(&mut self, call: &Call) -> Result<Reply, StatusError> {
        match (call.verb, call.subresource) {
            (Verb::Get, Subresource::Scale) => scale::get(self, call),
            (Verb::Get | Verb::Update | Verb::Patch, Subresource::Eviction) => {
                Err(StatusError::method_not_allowed())
            }
            (Verb::Get, _) => read::get(self, call),
            (Verb::List, Subresource::Main) => read::list(self, call),
            (Verb::Watch, Subresource::Main) => watch::open(self, call).map(Reply::Watch),
            (Verb::Create, Subresource::Main) => create::create(self, call),
            (Verb::Create, Subresource::Eviction) => evict::evict(self, call),
            (Verb::Update, Subresource::Scale) => scale::update(self, call),
            (Verb::Patch, Subresource::Scale) => scale::patch(self, call),
            (Verb::Update, _) => update::update(self, call),
            (Verb::Patch, _) => update::patch(self, call),
            (Verb::Delete, Subresource::Main) => delete::delete(self, call),
            (Verb::List | Verb::Watch | Verb::Create | Verb::Delete, _) => {
                Err(StatusError::method_not_allowed())
            }
        }
    }

    /// A request of the built-in controllers, which have no connection that could break.
    ///
    /// # Errors
    /// As any client's.
    pub(crate) fn internal(
        &mut self,
        verb: Verb,
        target: Target<'_>,
        payload: Payload,
        query: &[(&str, &str)],
    ) -> Result<Reply, StatusError> {
        let Some(kind) = self.kinds.get(target.resource).cloned() else {
            return Err(StatusError::no_such_path());
        };
        let call = Call {
            user: CONTROLLERS.to_owned(),
            connection: 0,
            verb,
            kind,
            namespace: target.namespace.to_owned(),
            name: target.name.to_owned(),
            subresource: target.subresource,
            query: query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            content_type: match verb {
                Verb::Patch => "application/merge-patch+json".to_owned(),
                _ => "application/json".to_owned(),
            },
            payload,
        };
        let record = record_of(&call, None);
        // Faults may hit the controllers too: a quota that refuses pods is one.
        let verdict = self.faults.judge(&record);
        let unreachable = || StatusError::plain(503, "ServiceUnavailable", "injected fault");
        let refusal = verdict.refusal.or_else(|| (!verdict.apply).then(unreachable));
        self.serve(Ok(Route::Resource(Box::new(call))), record, refusal)
    }
}

/// The audit record of a call, its time and code still open.
pub(crate) fn record_of(call: &Call, body: Option<Value>) -> RequestRecord {
    // The path of a create does not name the object; its body may.
    let named = body.as_ref().and_then(|body| body["metadata"]["name"].as_str());
    let name = if call.name.is_empty() { named.unwrap_or_default() } else { &call.name };
    RequestRecord {
        at: chrono::DateTime::UNIX_EPOCH,
        user: call.user.clone(),
        verb: call.verb.name().to_owned(),
        group: call.resource().group.clone(),
        resource: call.resource().resource.clone(),
        subresource: call.subresource.name().to_owned(),
        namespace: call.namespace.clone(),
        name: name.to_owned(),
        field_manager: call.parameter("fieldManager").to_owned(),
        code: 0,
        body,
        changed: false,
    }
}

/// The answer to a deletion that is done.
fn success(call: &Call, uid: &str) -> Value {
    let mut details = json!({"name": call.name, "kind": call.resource().resource, "uid": uid});
    if !call.resource().group.is_empty() {
        details["group"] = call.resource().group.as_str().into();
    }
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    })
}
