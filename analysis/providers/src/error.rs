//! Why a measurement could not be taken.

use std::fmt;

use crate::http::HttpError;

/// The measurement is an error. The text is for the person who reads the AnalysisRun: what was
/// asked of whom, what came back, what to look at. Secrets may still be in it; whoever passes it on
/// redacts it first, as [`crate::take`] does.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// A bounded name of the kind, for metrics and tests: `connect`, `timeout`, `status`, `body`,
    /// `secret`, `spec`, `egress`, `cluster`, `busy` (the API server; tried again).
    pub category: &'static str,
    /// The text.
    pub message: String,
}

impl ProviderError {
    /// An error of a kind.
    pub fn new(category: &'static str, message: impl Into<String>) -> Self {
        Self { category, message: message.into() }
    }

    /// The metric cannot be measured as it is written.
    pub(crate) fn spec(message: impl Into<String>) -> Self {
        Self::new("spec", message)
    }

    /// The answer is not what was asked for.
    pub(crate) fn body(message: impl Into<String>) -> Self {
        Self::new("body", message)
    }

    /// The same, with what it is about before it.
    pub(crate) fn about(self, what: &str) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }
}

/// Without the text, which may hold secrets.
impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProviderError({}, {} bytes of message)", self.category, self.message.len())
    }
}

impl From<HttpError> for ProviderError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Forbidden(message) => Self::new("egress", message),
            HttpError::Connect(message) => Self::new("connect", message),
            HttpError::Timeout(message) => Self::new("timeout", message),
            HttpError::Body(message) => Self::new("body", message),
        }
    }
}
