//! Opening a watch: what it starts with. Delivering its events is the transport's part.

use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::mpsc;

use super::{Call, read};
use crate::kinds::{GroupResource, Kind};
use crate::state::State;
use crate::status_error::{FieldError, StatusError};
use crate::store::watch::{Delivery, Event, EventType, Opener};

/// The API server ends a watch without `timeoutSeconds` after this and up to twice this.
const TIMEOUT_MIN_SECONDS: u64 = 1800;

/// A watch that has been opened.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) events: mpsc::Receiver<Delivery>,
    pub(crate) resource: GroupResource,
    /// How long it stays open.
    pub(crate) timeout_seconds: u64,
    /// The kind, if bookmarks are wanted.
    pub(crate) bookmarks: Option<Arc<Kind>>,
}

/// Opens the watch that a request asks for.
pub(super) fn open(state: &mut State, call: &Call) -> Result<Opening, StatusError> {
    let scope = read::scope(call)?;
    let wants_bookmarks = call.parameter("allowWatchBookmarks") == "true";
    let streaming = call.parameter("sendInitialEvents") == "true";
    check_options(call)?;
    let from = read::revision_parameter(call).map_err(StatusError::unforeseen)?;
    let resource = call.resource().clone();
    let current = state.store.revision();
    let list = |ty| {
        let objects = state.store.list(&resource, &scope.namespace);
        let selected = objects.filter(|(_, object)| scope.selects(object));
        selected.map(|(_, object)| Event { ty, object: object.clone() }).collect::<Vec<_>>()
    };
    let no_list = call.parameter("sendInitialEvents") == "false";
    let mut ended = false;
    let initial = match from {
        _ if streaming => {
            let mut events = list(EventType::Added);
            let mut bookmark = bookmark(&call.kind, current);
            bookmark["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
            events.push(Event { ty: EventType::Bookmark, object: Arc::new(bookmark) });
            events
        }
        None | Some(0) if no_list => Vec::new(),
        None | Some(0) => list(EventType::Added),
        Some(from) => match state.store.since(&resource, from) {
            Ok(changes) => changes.iter().filter_map(|change| scope.event(change)).collect(),
            Err(expired) => {
                ended = true;
                let message = format!("too old resource version: {from} ({})", expired.oldest);
                let object = Arc::new(StatusError::expired(message).to_status());
                vec![Event { ty: EventType::Error, object }]
            }
        },
    };
    let opener = Opener { user: &call.user, connection: call.connection, seed: state.options.seed };
    let delay = state.options.watch_delay.clone();
    let events = if ended {
        // Nothing follows an error: a watch that is open nowhere ends after what it has.
        let (sender, receiver) = mpsc::channel(1);
        let due = tokio::time::Instant::now();
        for event in initial {
            // The queue holds one, and there is one.
            let _ = sender.try_send(Delivery { due, event });
        }
        receiver
    } else {
        state.watches.open(opener, &resource, scope, initial, &delay)
    };
    let timeout_seconds = match call.parameter("timeoutSeconds").parse() {
        Ok(seconds) if seconds > 0 => seconds,
        _ => TIMEOUT_MIN_SECONDS + state.chance.names.below(TIMEOUT_MIN_SECONDS),
    };
    let bookmarks = wants_bookmarks.then(|| call.kind.clone());
    Ok(Opening { events, resource, timeout_seconds, bookmarks })
}

/// The object of a bookmark: nothing but the revision up to which events were sent.
pub(crate) fn bookmark(kind: &Kind, revision: u64) -> Value {
    json!({
        "apiVersion": kind.api_version(),
        "kind": kind.kind,
        "metadata": {"resourceVersion": revision.to_string()},
    })
}

fn check_options(call: &Call) -> Result<(), StatusError> {
    let mut errors = Vec::new();
    let matching = call.parameter("resourceVersionMatch");
    let initial = call.parameter("sendInitialEvents");
    if !initial.is_empty() && matching != "NotOlderThan" {
        let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(FieldError::forbidden("resourceVersionMatch", detail));
    }
    if initial.is_empty() && !matching.is_empty() {
        let detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is \
                      provided";
        errors.push(FieldError::forbidden("resourceVersionMatch", detail));
    }
    match errors.as_slice() {
        [] => Ok(()),
        errors => Err(StatusError::invalid("meta.k8s.io", "ListOptions", "", errors)),
    }
}
