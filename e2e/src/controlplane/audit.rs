//! The API server's audit log, read as it grows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use kube::Client;
use serde::Deserialize;

use super::Error;

/// One request, as the audit log knows it: once it was answered, or for a watch, once it was open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who asked.
    pub user: String,
    /// When the request arrived, to the microsecond.
    pub time: DateTime<Utc>,
    /// The verb in the terms of RBAC: get, list, watch, create, update, patch, delete,
    /// deletecollection; for requests that are about no resource, the HTTP method in lower case.
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource, in the plural; empty for requests that are about none, such as discovery.
    pub resource: String,
    /// The subresource, or empty.
    pub subresource: String,
    /// The namespace, or empty.
    pub namespace: String,
    /// The object's name, or empty. Known for a create whose name the server generates.
    pub name: String,
    /// The path with the query.
    pub uri: String,
    /// The HTTP status of the answer.
    pub code: u16,
    /// What the client calls itself; empty if it does not.
    pub user_agent: String,
    /// From arrival to answer; for a watch, until it was open.
    pub latency: Duration,
}

impl Request {
    /// The resource as RBAC rules name it: `pods`, `pods/status`.
    #[must_use]
    pub fn resource_path(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

/// What requests are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count {
    /// As [`Request::verb`].
    pub verb: String,
    /// As [`Request::group`].
    pub group: String,
    /// As [`Request::resource`]; for requests that are about none, the path without the query.
    pub resource: String,
    /// As [`Request::subresource`].
    pub subresource: String,
    /// As [`Request::code`].
    pub code: u16,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, group, resource, subresource, code } = self;
        write!(f, "{verb} {resource}")?;
        if !group.is_empty() {
            write!(f, ".{group}")?;
        }
        if !subresource.is_empty() {
            write!(f, "/{subresource}")?;
        }
        write!(f, " {code}")
    }
}

/// How many requests there were of each sort.
#[must_use]
pub fn counts<'a>(requests: impl IntoIterator<Item = &'a Request>) -> BTreeMap<Count, u64> {
    let mut counts = BTreeMap::new();
    for request in requests {
        let resource = if request.resource.is_empty() {
            request.uri.split('?').next().unwrap_or_default()
        } else {
            &request.resource
        };
        let key = Count {
            verb: request.verb.clone(),
            group: request.group.clone(),
            resource: resource.to_owned(),
            subresource: request.subresource.clone(),
            code: request.code,
        };
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

/// The rights that requests exercised, as (group, resource or resource/subresource, verb). A patch
/// that created its object (server-side apply) needs the right to create as well.
#[must_use]
pub fn verbs_used<'a>(
    requests: impl IntoIterator<Item = &'a Request>,
) -> BTreeSet<(String, String, String)> {
    let mut used = BTreeSet::new();
    for request in requests.into_iter().filter(|request| !request.resource.is_empty()) {
        let right = |verb: &str| (request.group.clone(), request.resource_path(), verb.to_owned());
        used.insert(right(&request.verb));
        if request.verb == "patch" && request.code == 201 {
            used.insert(right("create"));
        }
    }
    used
}

/// The audit log of one control plane.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    read: Mutex<Read>,
    next_marker: AtomicU64,
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Read {
    /// Where the next line begins.
    offset: u64,
    lines: u64,
    requests: Vec<Request>,
    markers: BTreeSet<String>,
}

impl AuditLog {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: Mutex::default(), next_marker: AtomicU64::new(0) }
    }

    /// The requests of `user` so far, in the order of their ends. What was answered just before
    /// may be missing; see [`settle_audit`](super::ControlPlane::settle_audit).
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::AuditLine`] if the log cannot be read.
    pub fn requests(&self, user: &str) -> Result<Vec<Request>, Error> {
        self.select(|request| request.user == user)
    }

    /// The requests so far that `wanted` picks.
    ///
    /// # Errors
    /// As [`Self::requests`].
    pub fn select(&self, wanted: impl Fn(&Request) -> bool) -> Result<Vec<Request>, Error> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.catch_up(&self.path)?;
        Ok(read.requests.iter().filter(|request| wanted(request)).cloned().collect())
    }

    /// The rights that `user` has exercised so far; see [`verbs_used`].
    ///
    /// # Errors
    /// As [`Self::requests`].
    pub fn verbs_used(&self, user: &str) -> Result<BTreeSet<(String, String, String)>, Error> {
        Ok(verbs_used(&self.requests(user)?))
    }

    /// Waits until all that was answered before is in the log, by sending one more request (it is
    /// not counted) and waiting until that is.
    pub(crate) async fn settle(&self, client: &Client, deadline: Duration) -> Result<(), Error> {
        let marker = format!("{MARKER}{}", self.next_marker.fetch_add(1, Ordering::Relaxed));
        let request = http::Request::get(&marker).body(Vec::new());
        let action = "marking the audit log";
        let request = request.map_err(|e| Error::api(action)(kube::Error::HttpError(e)))?;
        client.request_text(request).await.map_err(Error::api(action))?;
        let seen = async {
            while !self.has_marker(&marker)? {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        };
        tokio::time::timeout(deadline, seen).await.unwrap_or_else(|_| {
            Err(Error::NotReady {
                what: format!("the audit log, which lacks {marker},"),
                waited: deadline,
                folder: self.path.parent().map(Path::to_owned).unwrap_or_default(),
                tails: super::report::tail(&self.path),
            })
        })
    }

    fn has_marker(&self, marker: &str) -> Result<bool, Error> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.catch_up(&self.path)?;
        Ok(read.markers.contains(marker))
    }
}

/// The beginning of the path of marking requests.
const MARKER: &str = "/version?audit-marker=";

impl Read {
    /// Reads the lines that have been completed since.
    fn catch_up(&mut self, path: &Path) -> Result<(), Error> {
        let mut file = File::open(path).map_err(Error::io("open", path))?;
        file.seek(SeekFrom::Start(self.offset)).map_err(Error::io("read", path))?;
        let mut reader = BufReader::new(file);
        let mut line = String::new();
        loop {
            line.clear();
            let length = reader.read_line(&mut line).map_err(Error::io("read", path))?;
            // A line without its end is still being written.
            if !line.ends_with('\n') {
                return Ok(());
            }
            self.offset += length as u64;
            self.lines += 1;
            let event: Event = serde_json::from_str(&line).map_err(|source| Error::AuditLine {
                path: path.to_owned(),
                line: self.lines,
                source,
            })?;
            self.take(event);
        }
    }

    fn take(&mut self, event: Event) {
        if event.request_uri.starts_with(MARKER) {
            self.markers.insert(event.request_uri);
            return;
        }
        // A watch is logged when it opens and when it ends, other long requests likewise: count
        // the first of a watch and the last of the others.
        let counted = if event.verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
        if event.stage == counted || event.stage == "Panic" {
            self.requests.push(event.into());
        }
    }
}

/// What is used of audit.k8s.io/v1 Event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    user: EventUser,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: ResponseStatus,
    request_received_timestamp: DateTime<Utc>,
    stage_timestamp: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
struct EventUser {
    #[serde(default)]
    username: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ResponseStatus {
    code: u16,
}

impl From<Event> for Request {
    fn from(event: Event) -> Self {
        let latency = event.stage_timestamp - event.request_received_timestamp;
        Self {
            user: event.user.username,
            time: event.request_received_timestamp,
            verb: event.verb,
            group: event.object_ref.api_group,
            resource: event.object_ref.resource,
            subresource: event.object_ref.subresource,
            namespace: event.object_ref.namespace,
            name: event.object_ref.name,
            uri: event.request_uri,
            code: event.response_status.code,
            user_agent: event.user_agent,
            // Never negative unless the machine's clock was set back in between.
            latency: latency.to_std().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
