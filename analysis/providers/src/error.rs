//! Why a measurement could not be taken.

/// The measurement is an error. The text is for the person who reads the AnalysisRun: what was
/// asked of whom, what came back, what to look at. Secrets may still be in it; whoever passes it on
/// redacts it first (`sluice_analysis::Redactor`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// A bounded name of the kind, for metrics and tests: `connect`, `timeout`, `status`, `body`,
    /// `secret`, `spec`, `egress`, `cluster`.
    pub category: &'static str,
    /// The text.
    pub message: String,
}

impl ProviderError {
    /// An error of a kind.
    pub fn new(category: &'static str, message: impl Into<String>) -> Self {
        Self { category, message: message.into() }
    }
}
