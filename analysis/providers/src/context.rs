//! What a provider is handed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::Value;
use tower::ServiceExt;

use crate::aws::Aws;
use crate::error::ProviderError;
use crate::http::{self, Answer, Call, HttpClient};
use crate::redactions::Redactions;

/// Environment variables of the controller, read once at its start.
pub type Environment = BTreeMap<String, String>;

/// The AnalysisRun that a measurement is taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// What a measurement is taken with.
#[derive(Clone)]
pub struct Context {
    /// The instant at which the measurement began.
    pub now: DateTime<Utc>,
    /// The instant of which the data is, where it is that of the past; signatures go by `now`. Of
    /// the providers, Prometheus can be asked for it.
    pub data_of: Option<DateTime<Utc>>,
    /// For which run.
    pub run: RunId,
    /// The number of this measurement of the metric, from 1, errors counted.
    pub number: u32,
    /// The namespace of the controller: where Secrets of providers are.
    pub home: String,
    /// The way out.
    pub http: HttpClient,
    /// Secrets of providers.
    pub secrets: Arc<dyn SecretReader>,
    /// Where Jobs run.
    pub cluster: Arc<dyn Cluster>,
    /// Environment variables of the controller.
    pub environment: Arc<Environment>,
    /// The controller's own identity at AWS.
    pub aws: Arc<Aws>,
    /// The secrets in the metric's arguments, and those that are met on the way.
    pub redactions: Redactions,
}

/// For which run, and nothing that may hold a secret.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { now, run, number, .. } = self;
        let fields = [("now", now as &dyn fmt::Debug), ("run", run), ("number", number)];
        let mut shown = f.debug_struct("Context");
        for (name, field) in fields {
            shown.field(name, field);
        }
        shown.finish_non_exhaustive()
    }
}

/// How a key of a Secret is treated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Taken out of every text.
    Secret,
    /// No secret although it lies in one: an address, a region.
    Open,
}

impl Context {
    /// The instant of which the data is.
    pub(crate) fn data_instant(&self) -> DateTime<Utc> {
        self.data_of.unwrap_or(self.now)
    }

    /// An environment variable that is set to something.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Makes a call, and reads the answer. What is said of the answer begins with what was asked.
    pub(crate) async fn ask<T>(
        &self,
        call: Call,
        interpret: impl FnOnce(&Answer) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let asked = http::shown(&call);
        let answer = self.http.clone().oneshot(call).await?;
        interpret(&answer).map_err(|error| error.about(&asked))
    }

    /// The keys of a Secret that are there, of those asked for.
    pub(crate) async fn keys_of(
        &self,
        namespace: &str,
        name: &str,
        keys: &[(&str, Kept)],
    ) -> Result<BTreeMap<String, SecretString>, ProviderError> {
        let names: Vec<_> = keys.iter().map(|(key, _)| *key).collect();
        let found = self.secrets.read_some(namespace, name, &names).await?;
        for (key, kept) in keys {
            if let (Kept::Secret, Some(secret)) = (kept, found.get(*key)) {
                self.redactions.learned(secret.clone());
            }
        }
        Ok(found)
    }
}

/// Reads single keys of Secrets, by `get`.
#[async_trait]
pub trait SecretReader: Send + Sync {
    /// The value of one key.
    ///
    /// # Errors
    ///
    /// Names the Secret and the key: it is not there, it has no such key, or it may not be read.
    async fn read(
        &self,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<SecretString, ProviderError>;

    /// The values of the keys that are there, of those asked for; nothing where there is no such
    /// Secret.
    ///
    /// # Errors
    ///
    /// Where it may not be read, or nobody answers.
    async fn read_some(
        &self,
        namespace: &str,
        name: &str,
        keys: &[&str],
    ) -> Result<BTreeMap<String, SecretString>, ProviderError>;
}

/// A Job by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobId {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// The cluster that Jobs of measurements run in. Writes end with the controller's lease.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Creates a Job. That one of the name exists already is success when it carries the same label
    /// `analysisrun.argoproj.io/uid`.
    ///
    /// # Errors
    ///
    /// As the API server answers.
    async fn create_job(&self, namespace: &str, manifest: &Value) -> Result<(), ProviderError>;

    /// A Job; `None` where it is not there.
    ///
    /// # Errors
    ///
    /// As the API server answers.
    async fn job(&self, id: &JobId) -> Result<Option<Value>, ProviderError>;

    /// The pods of a Job (label `job-name`).
    ///
    /// # Errors
    ///
    /// As the API server answers.
    async fn pods_of(&self, id: &JobId) -> Result<Vec<Value>, ProviderError>;

    /// Deletes a Job with its pods, in the background; that it is not there is success.
    ///
    /// # Errors
    ///
    /// As the API server answers.
    async fn delete_job(&self, id: &JobId) -> Result<(), ProviderError>;

    /// The namespace for Jobs, if not that of the run; and whether this is another cluster than the
    /// run's, where an owner reference would mean nothing.
    fn place(&self, run: &RunId) -> (String, bool);
}
