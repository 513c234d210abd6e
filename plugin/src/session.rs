//! A connection to a cluster, and how requests over it fail.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kube::core::Status;
use kube::{Client, Config};
use sluice_crd::time::Time;

use sluice_operator::failure::chain;

use crate::error::{Failure, root};
use crate::flags::KubeFlags;

/// A connection, and the namespace that is talked about.
#[derive(Clone)]
pub struct Session {
    /// The client.
    pub client: Client,
    /// The namespace of Rollouts that are named without one.
    pub namespace: String,
    /// The API server's address, for messages.
    server: String,
    /// The time that a request may take.
    limit: Option<Duration>,
    now: Arc<dyn Fn() -> Time + Send + Sync>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("server", &self.server)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// The connection that the flags describe. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// Flags, kubeconfig or certificates that cannot be used.
    pub async fn connect(flags: &KubeFlags) -> Result<Self, Failure> {
        let limit = flags.limit()?;
        let config: Config = flags.config().await?;
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let namespace = config.default_namespace.clone();
        let client =
            Client::try_from(config).map_err(|error| Failure::Kubeconfig(chain(&error)))?;
        let now = || Time::new(chrono::Utc::now());
        Ok(Self { limit, ..Self::over(client, server, namespace, now) })
    }

    /// A connection over this client, with this clock; requests may take as long as they take.
    pub fn over(
        client: Client,
        server: impl Into<String>,
        namespace: impl Into<String>,
        now: impl Fn() -> Time + Send + Sync + 'static,
    ) -> Self {
        let (server, namespace) = (server.into(), namespace.into());
        Self { client, namespace, server, limit: None, now: Arc::new(now) }
    }

    /// The same with a limit to the time that a request may take.
    #[must_use]
    pub fn limited(self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// What time it is.
    pub fn now(&self) -> Time {
        (self.now)()
    }

    /// The answer to a request, or why there is none. `what` completes "could not …", `resource`
    /// is the plural name and group of what it is about.
    pub(crate) async fn ask<T>(
        &self,
        what: &str,
        resource: &str,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Failure> {
        let answer = match self.limit {
            None => request.await,
            Some(limit) => tokio::time::timeout(limit, request).await.map_err(|_| {
                let (server, request) = (self.server.clone(), what.to_owned());
                Failure::TimedOut { server, limit, request }
            })?,
        };
        answer.map_err(|error| self.failure(what, resource, &error))
    }

    /// A failed request in words.
    pub(crate) fn failure(&self, what: &str, resource: &str, error: &kube::Error) -> Failure {
        let server = self.server.clone();
        match error {
            kube::Error::Api(status) => self.refusal(what, resource, status),
            kube::Error::Auth(error) => Failure::Credentials { server, cause: chain(error) },
            kube::Error::SerdeError(error) => {
                Failure::Unreadable { request: what.to_owned(), problem: error.to_string() }
            }
            kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => {
                Failure::Unreachable { server, cause: root(error) }
            }
            other => Failure::Refused { request: what.to_owned(), message: chain(other) },
        }
    }

    /// An answer of the API server that is a refusal.
    pub(crate) fn refusal(&self, what: &str, resource: &str, status: &Status) -> Failure {
        let server = self.server.clone();
        let message = status.message.clone();
        match status.code {
            404 if names_an_object(status) => Failure::NotFound(message),
            404 => Failure::NotServed { server, resource: resource.to_owned() },
            403 => Failure::Forbidden { message },
            401 => Failure::Unauthorized { server, message },
            _ => Failure::Refused { request: what.to_owned(), message },
        }
    }
}

/// Whether a 404 is about an object: one about an unknown path or kind names none.
fn names_an_object(status: &Status) -> bool {
    status.details.as_ref().is_some_and(|details| !details.name.is_empty())
}
