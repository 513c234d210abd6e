//! The one way out: a call to a server, as a `tower` service that tests and simulations replace.

use std::time::Duration;

use bytes::Bytes;
use tower::util::BoxCloneSyncService;

/// One exchange with a server.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is sent. The URI is absolute.
    pub request: ::http::Request<Bytes>,
    /// How long all of it may take: name resolution, redirects and the whole body included.
    pub timeout: Duration,
    /// Whether the server's certificate goes unchecked.
    pub insecure: bool,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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

/// Makes calls. Answers of any status are answers; a body is never larger than 1 MiB.
pub type HttpClient = BoxCloneSyncService<Call, ::http::Response<Bytes>, HttpError>;
