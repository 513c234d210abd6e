//! The one way out: a call to a server, as a `tower` service that tests and simulations replace.
//!
//! [`client`] makes the real one. Whatever its caller asks for, it goes nowhere that the
//! [`Egress`] policy forbids, reads no more than [`BODY_BYTES_MAX`], and takes no longer than the
//! call allows.

mod client;
mod egress;
mod failure;
mod proxy;
mod redirect;
mod resolver;
mod slots;
mod target;
mod tls;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use tower::util::BoxCloneSyncService;

pub use client::{BODY_BYTES_MAX, IN_FLIGHT_DEFAULT, Settings, SettingsError, client, own_client};
pub use egress::{Allowed, AllowedError, Egress};
pub use redirect::REDIRECTS_MAX;
pub use resolver::{Resolver, SystemResolver};

/// One exchange with a server.
#[derive(Clone)]
pub struct Call {
    /// What is sent. The URI is absolute, of scheme http or https.
    pub request: ::http::Request<Bytes>,
    /// How long all of it may take: name resolution, redirects and the whole body included. Waiting
    /// for other calls to the same server is not.
    pub timeout: Duration,
    /// Whether the server's certificate goes unchecked.
    pub insecure: bool,
}

/// Who is asked, and nothing that may hold a secret: neither path nor query, header or body.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, timeout, insecure } = self;
        f.debug_struct("Call")
            .field("method", request.method())
            .field("host", &request.uri().host())
            .field("timeout", timeout)
            .field("insecure", insecure)
            .finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The policy forbids it: where to, why, and how to allow it.
    #[error("{0}")]
    Forbidden(String),
    /// No connection: name, address, TLS.
    #[error("{0}")]
    Connect(String),
    /// Not within the time.
    #[error("{0}")]
    Timeout(String),
    /// The answer is too large, breaks off, or redirects too often.
    #[error("{0}")]
    Body(String),
}

/// Without the text, which may name a path that holds a secret.
impl fmt::Debug for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forbidden(_) => "Forbidden",
            Self::Connect(_) => "Connect",
            Self::Timeout(_) => "Timeout",
            Self::Body(_) => "Body",
        })
    }
}

/// What a server answered: status, content type and body; other headers are not kept.
pub type Answer = ::http::Response<Bytes>;

/// Method and URL of a call for a message: user, password and the values of the query left out.
pub(crate) fn shown(call: &Call) -> String {
    let uri = call.request.uri();
    match target::parse(&uri.to_string()) {
        Ok(url) => target::shown(call.request.method(), &url),
        Err(_) => format!("{} {}", call.request.method(), uri.host().unwrap_or("nowhere")),
    }
}

/// Makes calls. Answers of any status are answers; a body is never larger than [`BODY_BYTES_MAX`].
pub type HttpClient = BoxCloneSyncService<Call, Answer, HttpError>;
