//! The controller's own identity at Amazon Web Services: for Amazon Managed Prometheus, for
//! CloudWatch, and for what load balancers do.
//!
//! Where credentials come from is decided by [`plan`] from the environment and the files that it
//! names, as in the SDKs of AWS: static keys, a web identity (IRSA), a profile, the endpoint of a
//! container (ECS, EKS Pod Identity), the metadata of the machine (IMDSv2). Those endpoints are
//! link-local, and forbidden to measurements; they are asked by a client of their own, to which
//! nothing of a template comes but the name of a profile, a role and a region.

mod container;
mod credentials;
mod elb;
mod imds;
mod plan;
mod profiles;
mod sign;
mod sts;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use tower::ServiceExt;
use url::Url;

use crate::context::{Context, Environment};
use crate::error::ProviderError;
use crate::http::{self, Answer, Call, HttpClient};
use crate::request;
use credentials::Credentials;
pub use elb::{Forward, LoadBalancer, Question, TargetGroup};
use plan::{Base, Plan, Role};
use profiles::Profiles;
use sign::endpoint;

/// How long before they expire credentials are fetched anew: longer than any measurement takes.
const MARGIN: TimeDelta = TimeDelta::minutes(5);

/// How long an endpoint for credentials may take. It is near, or not there at all.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How many wishes are remembered; templates name profiles, roles and regions.
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

/// How long a failure is the answer to whoever asks: as long as the engine waits before it tries a
/// measurement again. A thousand measurements do not ask one after the other.
const FAILED_FOR: TimeDelta = TimeDelta::seconds(10);

/// What was found for a wish, and until when it is good.
#[derive(Clone)]
struct Found {
    outcome: Result<Identity, ProviderError>,
    until: DateTime<Utc>,
}

/// What is known of a wish; locked while somebody finds out.
type Slot = Arc<tokio::sync::Mutex<Option<Found>>>;

/// The controller's identity at AWS. Credentials are kept until shortly before they expire.
pub struct Aws {
    environment: Arc<Environment>,
    http: HttpClient,
    slots: Mutex<BTreeMap<Wanted, Slot>>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aws")
    }
}

/// Credentials, and the region that they are used in.
#[derive(Clone)]
pub(crate) struct Identity {
    credentials: Credentials,
    pub(crate) region: String,
}

impl Identity {
    /// Signs a request for a service.
    ///
    /// # Errors
    ///
    /// Where the request is none that can be signed.
    pub(crate) fn sign(
        &self,
        cx: &Context,
        service: &str,
        request: ::http::Request<Bytes>,
    ) -> Result<::http::Request<Bytes>, ProviderError> {
        self.sign_at(cx.now, service, request)
    }

    fn sign_at(
        &self,
        now: DateTime<Utc>,
        service: &str,
        request: ::http::Request<Bytes>,
    ) -> Result<::http::Request<Bytes>, ProviderError> {
        sign::sign(request, &self.credentials, service, &self.region, now)
    }
}

/// The address of a service: that of the environment, as for the SDKs (`AWS_ENDPOINT_URL_NAME`, then
/// `AWS_ENDPOINT_URL`), or that of the region.
///
/// # Errors
///
/// Where the environment holds no URL, or the region is none.
pub(crate) fn service_address(
    environment: &Environment,
    name: &str,
    service: &str,
    region: &str,
) -> Result<Url, ProviderError> {
    let of_service = format!("AWS_ENDPOINT_URL_{name}");
    let names = [of_service.as_str(), "AWS_ENDPOINT_URL"];
    let set = |name: &&str| environment.get(*name).filter(|value| !value.is_empty());
    match names.iter().find_map(|name| Some((name, set(name)?))) {
        Some((name, address)) => request::url(name, address),
        None => request::url("region", &endpoint(service, region)?),
    }
}

impl Aws {
    /// The identity that an environment gives. `http` is the client for the controller's own
    /// credentials ([`crate::http::own_client`]).
    pub fn new(environment: Arc<Environment>, http: HttpClient) -> Self {
        Self { environment, http, slots: Mutex::default() }
    }

    /// The identity that a template asks for. Its secrets are learned.
    ///
    /// # Errors
    ///
    /// Where there is no region, or no credentials.
    pub(crate) async fn identity(
        &self,
        cx: &Context,
        wanted: &Wanted,
    ) -> Result<Identity, ProviderError> {
        let outcome = self.find_kept(wanted, cx.now).await;
        if let Ok(Identity { credentials, .. }) = &outcome {
            cx.redactions.learn(credentials.secret.expose_secret());
            if let Some(token) = &credentials.token {
                cx.redactions.learn(token.expose_secret());
            }
        }
        outcome
    }

    /// What is known of a wish, or what is found out now.
    async fn find_kept(
        &self,
        wanted: &Wanted,
        now: DateTime<Utc>,
    ) -> Result<Identity, ProviderError> {
        let slot = self.slot(wanted);
        let mut found = slot.lock().await;
        let known = found.clone().filter(|found| now < found.until);
        match known {
            Some(known) => known.outcome,
            None => {
                let outcome = self.find(wanted, now).await;
                let until = match &outcome {
                    Ok(Identity { credentials, .. }) => {
                        let renew = |at: DateTime<Utc>| at.checked_sub_signed(MARGIN);
                        credentials.expires.map_or(Some(DateTime::<Utc>::MAX_UTC), renew)
                    }
                    Err(_) => now.checked_add_signed(FAILED_FOR),
                };
                *found = until.map(|until| Found { outcome: outcome.clone(), until });
                outcome
            }
        }
    }

    fn slot(&self, wanted: &Wanted) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if !slots.contains_key(wanted) && slots.len() >= KEPT_MAX {
            // Whoever is in the middle of it keeps what it has.
            slots.clear();
        }
        Arc::clone(slots.entry(wanted.clone()).or_default())
    }

    async fn find(&self, wanted: &Wanted, now: DateTime<Utc>) -> Result<Identity, ProviderError> {
        let profiles = Profiles::read(&self.environment).await;
        let region = match plan::region(&self.environment, &profiles, wanted) {
            Some(region) => region,
            None => self.region_of_machine().await?,
        };
        sign::check_region(&region)?;
        let Plan { base, roles } = plan::plan(&self.environment, &profiles, wanted)?;
        let mut credentials = self.base(base).await?;
        for role in roles {
            credentials = self.assume(&role, &region, &credentials, now).await?;
        }
        Ok(Identity { credentials, region })
    }

    async fn region_of_machine(&self) -> Result<String, ProviderError> {
        let unknown = |_| {
            ProviderError::spec(
                "the AWS region is not known: set it in the metric, or AWS_REGION in the \
                 controller's environment",
            )
        };
        let token = self.imds_token().await.map_err(unknown)?;
        let call = imds::region(&self.environment, &token)?.call(TIMEOUT, false)?;
        self.ask(call, imds::text).await.map_err(unknown)
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
        region: &str,
        by: &Credentials,
        now: DateTime<Utc>,
    ) -> Result<Credentials, ProviderError> {
        let call = sts::assume_role(&self.environment, role, region)?.call(TIMEOUT, false)?;
        let request = sign::sign(call.request, by, "sts", region, now)?;
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
