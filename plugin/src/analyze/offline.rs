//! What there is in place of a cluster: nothing, and it says so.

use std::collections::BTreeMap;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::Value;
use sluice_providers::{Cluster, JobId, ProviderError, RunId, SecretReader};

/// No cluster.
pub(super) struct Offline;

fn secret(name: &str) -> ProviderError {
    let message = format!("Secret {name} cannot be read: analyze works without a cluster");
    ProviderError::new("secret", message)
}

fn job() -> ProviderError {
    ProviderError::new("cluster", "Jobs cannot be run: analyze works without a cluster")
}

#[async_trait]
impl SecretReader for Offline {
    async fn read(&self, _: &str, name: &str, _: &str) -> Result<SecretString, ProviderError> {
        Err(secret(name))
    }

    async fn read_some(
        &self,
        _: &str,
        name: &str,
        _: &[&str],
    ) -> Result<BTreeMap<String, SecretString>, ProviderError> {
        Err(secret(name))
    }
}

#[async_trait]
impl Cluster for Offline {
    async fn create_job(&self, _: &str, _: &Value) -> Result<(), ProviderError> {
        Err(job())
    }

    async fn job(&self, _: &JobId) -> Result<Option<Value>, ProviderError> {
        Err(job())
    }

    async fn pods_of(&self, _: &JobId) -> Result<Vec<Value>, ProviderError> {
        Err(job())
    }

    async fn delete_job(&self, _: &JobId) -> Result<(), ProviderError> {
        Err(job())
    }

    fn place(&self, run: &RunId) -> (String, bool) {
        (run.namespace.clone(), false)
    }
}
