//! The controller's own identity at Amazon Web Services: for Amazon Managed Prometheus and for
//! CloudWatch.
//!
//! Where credentials come from is decided by [`plan`] from the environment and the files that it
//! names, as in the SDKs of AWS: static keys, a web identity (IRSA), a profile, the endpoint of a
//! container (ECS, EKS Pod Identity), the metadata of the machine (IMDSv2). Those endpoints are
//! link-local, and forbidden to measurements; they are asked by a client of their own, to which
//! nothing of a template comes but the name of a profile, a role and a region.

mod container;
mod credentials;
mod imds;
mod plan;
mod profiles;
mod sign;
mod sts;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tower::ServiceExt;

use crate::context::{Context, Environment};
use crate::error::ProviderError;
use crate::http::{self, Answer, Call, HttpClient};
use crate::request::Request;
use credentials::Credentials;
use plan::{Base, Plan, Role};
use profiles::Profiles;
pub(crate) use sign::endpoint;

/// How long before they expire credentials are fetched anew: longer than any measurement takes.
const MARGIN: TimeDelta = TimeDelta::minutes(5);

/// How long an endpoint for credentials may take. It is near, or not there at all.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Credentials that are kept at once; templates name the roles.
const KEPT_MAX: usize = 64;

/// What a template asks for beyond the controller's identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wanted {
    /// A profile of the controller's files.
    pub(crate) profile: Option<String>,
    /// A role to assume.
    pub(crate) role_arn: Option<String>,
    /// The region of the service.
    pub(crate) region: Option<String>,
}

/// The controller's identity at AWS. Credentials are kept until shortly before they expire.
pub struct Aws {
    environment: Arc<Environment>,
    http: HttpClient,
    kept: Mutex<BTreeMap<Wanted, Credentials>>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aws")
    }
}

impl Aws {
    /// The identity that an environment gives. `http` is the client for the controller's own
    /// credentials ([`crate::http::own_client`]).
    pub fn new(environment: Arc<Environment>, http: HttpClient) -> Self {
        Self { environment, http, kept: Mutex::default() }
    }

    /// Signs a request for a service.
    ///
    /// # Errors
    ///
    /// Where there is no region, or no credentials.
    pub(crate) async fn sign(
        &self,
        cx: &Context,
        service: &str,
        wanted: &Wanted,
        request: ::http::Request<Bytes>,
    ) -> Result<::http::Request<Bytes>, ProviderError> {
        let region = self.region(wanted).await?;
        let credentials = self.credentials(wanted, cx.now).await?;
        cx.redactions.learn(credentials.secret.expose_secret());
        if let Some(token) = &credentials.token {
            cx.redactions.learn(token.expose_secret());
        }
        sign::sign(request, &credentials, service, &region, cx.now)
    }

    /// The region that is asked for, or that of the environment, the profile, the machine.
    ///
    /// # Errors
    ///
    /// Where none is known.
    pub(crate) async fn region(&self, wanted: &Wanted) -> Result<String, ProviderError> {
        let profiles = Profiles::read(&self.environment).await;
        if let Some(region) = plan::region(&self.environment, &profiles, wanted) {
            return Ok(region);
        }
        let said = "the AWS region is not known: set it in the metric, or AWS_REGION in the \
                    controller's environment";
        let token = self.imds_token().await.map_err(|_| ProviderError::spec(said))?;
        let call = imds::region(&self.environment, &token)?.call(TIMEOUT, false)?;
        self.ask(call, imds::text).await.map_err(|_| ProviderError::spec(said))
    }

    async fn credentials(
        &self,
        wanted: &Wanted,
        now: DateTime<Utc>,
    ) -> Result<Credentials, ProviderError> {
        // Held while they are fetched: a thousand measurements ask once.
        let mut kept = self.kept.lock().await;
        kept.retain(|_, credentials| credentials.last_beyond(now + MARGIN));
        if let Some(credentials) = kept.get(wanted) {
            return Ok(credentials.clone());
        }
        let profiles = Profiles::read(&self.environment).await;
        let Plan { base, roles } = plan::plan(&self.environment, &profiles, wanted)?;
        let mut credentials = self.base(base).await?;
        for role in roles {
            credentials = self.assume(&role, wanted, &credentials, now).await?;
        }
        if kept.len() < KEPT_MAX {
            kept.insert(wanted.clone(), credentials.clone());
        }
        Ok(credentials)
    }

    async fn base(&self, base: Base) -> Result<Credentials, ProviderError> {
        match base {
            Base::Keys(credentials) => Ok(credentials),
            Base::WebIdentity { role, token_file } => {
                let token = plan::file(&token_file).await?;
                let call = sts::with_web_identity(&self.environment, &role, &token)?;
                self.ask(call.call(TIMEOUT, false)?, sts::credentials).await
            }
            Base::Container => self.container().await,
            Base::Machine => self.machine().await,
        }
    }

    async fn container(&self) -> Result<Credentials, ProviderError> {
        let token = match container::token_file(&self.environment) {
            Some(file) => Some(plan::file(file).await?),
            None => None,
        };
        let call = container::request(&self.environment, token.as_deref())?.call(TIMEOUT, false)?;
        self.ask(call, credentials::of_json).await
    }

    async fn machine(&self) -> Result<Credentials, ProviderError> {
        let none = |error: ProviderError| {
            let text = "the controller has no AWS credentials: set AWS_ACCESS_KEY_ID and \
                        AWS_SECRET_ACCESS_KEY, or give its service account a role (the machine was \
                        asked last";
            ProviderError::new("secret", format!("{text}: {})", error.message))
        };
        let token = self.imds_token().await.map_err(none)?;
        let roles = imds::roles(&self.environment, &token)?.call(TIMEOUT, false)?;
        let role = self.ask(roles, imds::text).await.map_err(none)?;
        let call = imds::credentials(&self.environment, &token, &role)?.call(TIMEOUT, false)?;
        self.ask(call, credentials::of_json).await.map_err(none)
    }

    async fn imds_token(&self) -> Result<String, ProviderError> {
        let call = imds::token(&self.environment)?.call(TIMEOUT, false)?;
        self.ask(call, imds::text).await
    }

    async fn assume(
        &self,
        role: &Role,
        wanted: &Wanted,
        by: &Credentials,
        now: DateTime<Utc>,
    ) -> Result<Credentials, ProviderError> {
        let region = self.region(wanted).await?;
        let request: Request = sts::assume_role(&self.environment, role, &region)?;
        let call = request.call(TIMEOUT, false)?;
        let request = sign::sign(call.request, by, "sts", &region, now)?;
        self.ask(Call { request, ..call }, sts::credentials).await
    }

    async fn ask<T>(
        &self,
        call: Call,
        interpret: impl FnOnce(&Answer) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let asked = http::shown(&call);
        let answer = self.http.clone().oneshot(call).await?;
        interpret(&answer).map_err(|error| error.about(&asked))
    }
}
