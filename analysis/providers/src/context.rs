//! What a provider is handed.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::Value;

use crate::error::ProviderError;
use crate::http::HttpClient;

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
