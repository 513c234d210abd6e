//! The real client.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use bytes::{Bytes, BytesMut};
use reqwest::redirect::Policy;
use rustls::RootCertStore;
use tower::service_fn;
use url::Url;

use super::egress::Egress;
use super::proxy::Proxies;
use super::redirect::{Hop, REDIRECTS_MAX};
use super::resolver::{Judging, Resolver};
use super::slots::Slots;
use super::target::{self, Destination};
use super::{Call, HttpClient, HttpError, failure, tls};
use crate::context::Environment;

/// How many bytes of a body are read: answers that are measurements have a few hundred, and a
/// thousand runs may read at once.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Calls under way to one server, unless the settings say otherwise: what upstream does at once with
/// its 30 workers.
pub const IN_FLIGHT_DEFAULT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(29);

/// Connections that are kept open to a server while nobody uses them, and for how long: enough for
/// the next measurement of a short interval, and hardly any memory.
const IDLE_MAX: usize = 4;
const IDLE_TIME: Duration = Duration::from_secs(30);

const USER_AGENT: &str = concat!("sluice/", env!("CARGO_PKG_VERSION"));

/// How the client is set up.
#[derive(Clone)]
pub struct Settings {
    /// Where calls may go.
    pub egress: Egress,
    /// Certificates of authorities that are trusted beside those of the system, as PEM.
    pub extra_roots: Option<Vec<u8>>,
    /// Calls under way to one server (scheme, host and port) at once; others wait for them.
    /// Default [`IN_FLIGHT_DEFAULT`].
    pub in_flight_max: NonZeroUsize,
    /// Where the variables of proxies are read: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, also in
    /// small letters, with the meaning that Go programs give them.
    pub environment: Arc<Environment>,
}

/// Without the environment, which holds credentials.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { egress, in_flight_max, .. } = self;
        let mut shown = f.debug_struct("Settings");
        shown.field("egress", egress).field("in_flight_max", in_flight_max).finish_non_exhaustive()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            egress: Egress::default(),
            extra_roots: None,
            in_flight_max: IN_FLIGHT_DEFAULT,
            environment: Arc::default(),
        }
    }
}

/// Why a client cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The extra certificates.
    #[error("the file of extra certificates (--analysis-ca-file) cannot be used: {0}")]
    Roots(String),
    /// TLS itself.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The client.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

/// Makes the client for measurements.
///
/// # Errors
///
/// Where the extra certificates cannot be read.
pub fn client(
    settings: &Settings,
    resolver: Arc<dyn Resolver>,
) -> Result<HttpClient, SettingsError> {
    exchange(settings, resolver, Some(Arc::new(settings.egress.clone())))
}

/// Makes the client for the controller's own credentials, which goes where its environment says,
/// link-local addresses included. It is never handed what a template says.
///
/// # Errors
///
/// As [`client`].
pub fn own_client(
    settings: &Settings,
    resolver: Arc<dyn Resolver>,
) -> Result<HttpClient, SettingsError> {
    exchange(settings, resolver, None)
}

fn exchange(
    settings: &Settings,
    resolver: Arc<dyn Resolver>,
    egress: Option<Arc<Egress>>,
) -> Result<HttpClient, SettingsError> {
    let roots = tls::roots(settings.extra_roots.as_deref())?;
    let exchange = Arc::new(Exchange {
        egress,
        resolver,
        roots,
        proxies: Proxies::of(&settings.environment),
        slots: Slots::new(settings.in_flight_max),
        clients: Default::default(),
    });
    let serve = move |call| {
        let exchange = Arc::clone(&exchange);
        async move { exchange.make(call).await }
    };
    Ok(HttpClient::new(service_fn(serve)))
}

struct Exchange {
    egress: Option<Arc<Egress>>,
    resolver: Arc<dyn Resolver>,
    roots: Arc<RootCertStore>,
    proxies: Proxies,
    slots: Slots,
    /// By whether it goes through a proxy, and whether certificates go unchecked. Made when first
    /// needed: most controllers need one of the four.
    clients: [[OnceLock<reqwest::Client>; 2]; 2],
}

impl Exchange {
    async fn make(&self, call: Call) -> Result<::http::Response<Bytes>, HttpError> {
        let (parts, body) = call.request.into_parts();
        let url = target::parse(&parts.uri.to_string())?;
        let shown = target::shown(&parts.method, &url);
        let hop = Hop { method: parts.method, url, headers: parts.headers, body };
        self.judge(&hop)?;
        let _slot = self.slots.take(Destination::of(&hop.url)).await;
        let exchange = self.follow(hop, call.insecure);
        tokio::time::timeout(call.timeout, exchange).await.unwrap_or_else(|_| {
            let limit = call.timeout.as_secs_f64();
            Err(HttpError::Timeout(format!("{shown} has not answered within {limit} s")))
        })
    }

    fn judge(&self, hop: &Hop) -> Result<(), HttpError> {
        let Some(egress) = &self.egress else { return Ok(()) };
        egress.check_url(&hop.url).map_err(|refused| {
            HttpError::Forbidden(format!("{}: {refused}", target::shown(&hop.method, &hop.url)))
        })
    }

    async fn follow(
        &self,
        mut hop: Hop,
        insecure: bool,
    ) -> Result<::http::Response<Bytes>, HttpError> {
        for _ in 0..=REDIRECTS_MAX {
            self.judge(&hop)?;
            let shown = target::shown(&hop.method, &hop.url);
            let response = self.send(&hop, insecure).await.map_err(|error| match error {
                SendError::Settings(error) => HttpError::Connect(format!("{shown}: {error}")),
                SendError::Reqwest(error) => failure::of(&shown, &error),
            })?;
            match hop.next(response.status(), response.headers().get(LOCATION))? {
                None => return read(&shown, response).await,
                Some(next) => hop = next,
            }
        }
        let shown = target::shown(&hop.method, &hop.url);
        Err(HttpError::Body(format!("more than {REDIRECTS_MAX} redirects, the last to {shown}")))
    }

    async fn send(&self, hop: &Hop, insecure: bool) -> Result<reqwest::Response, SendError> {
        let proxied = self.proxies.for_url(&hop.url).is_some();
        let client = self.client(proxied, insecure)?;
        let mut request = reqwest::Request::new(hop.method.clone(), hop.url.clone());
        *request.headers_mut() = hop.headers.clone();
        if !hop.body.is_empty() {
            *request.body_mut() = Some(hop.body.clone().into());
        }
        Ok(client.execute(request).await?)
    }

    fn client(&self, proxied: bool, insecure: bool) -> Result<&reqwest::Client, SettingsError> {
        let place = &self.clients[usize::from(proxied)][usize::from(insecure)];
        if let Some(client) = place.get() {
            return Ok(client);
        }
        let tls = if insecure { tls::trusting() } else { tls::checking(self.roots.clone()) }?;
        // Through a proxy, the only name that is resolved here is the proxy's own.
        let egress = if proxied { None } else { self.egress.clone() };
        let resolver = Judging { resolver: Arc::clone(&self.resolver), egress };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(resolver)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(USER_AGENT)
            .http1_only()
            .pool_max_idle_per_host(IDLE_MAX)
            .pool_idle_timeout(IDLE_TIME)
            .no_proxy();
        if proxied {
            let proxies = self.proxies.clone();
            let choose = move |url: &Url| proxies.for_url(url).cloned();
            builder = builder.proxy(reqwest::Proxy::custom(choose));
        }
        let client = builder.build().map_err(|error| SettingsError::Client(error.to_string()))?;
        Ok(place.get_or_init(|| client))
    }
}

enum SendError {
    Settings(SettingsError),
    Reqwest(reqwest::Error),
}

impl From<SettingsError> for SendError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<reqwest::Error> for SendError {
    fn from(error: reqwest::Error) -> Self {
        Self::Reqwest(error)
    }
}

/// Reads the body, up to the limit and no further.
async fn read(
    shown: &str,
    mut response: reqwest::Response,
) -> Result<::http::Response<Bytes>, HttpError> {
    let too_large =
        || HttpError::Body(format!("{shown} answers with more than {BODY_BYTES_MAX} bytes"));
    let encoding = response.headers().get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let text = format!("{shown} answers in a content encoding that was not asked for");
        return Err(HttpError::Body(text));
    }
    if response.content_length().is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure::of(shown, &error))? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    let mut answer = ::http::Response::new(body.freeze());
    *answer.status_mut() = response.status();
    if let Some(value) = response.headers().get(CONTENT_TYPE) {
        answer.headers_mut().insert(CONTENT_TYPE, value.clone());
    }
    Ok(answer)
}
