//! What can be wrong with a condition, said with the place where it is.

use thiserror::Error;

/// A condition that is no expression at all, whatever the measurement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at column {column}: {message}")]
pub struct CompileError {
    /// Counted in characters, from 1.
    pub column: usize,
    pub message: String,
}

impl CompileError {
    pub(crate) fn at(column: u32, message: impl Into<String>) -> Self {
        Self { column: column as usize, message: message.into() }
    }
}

/// Why a condition has no answer for a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EvalError {
    /// The types of the expression do not go together for this kind of result.
    #[error("at column {column}: {message}")]
    Type { column: usize, message: String },
    /// It failed while it ran.
    #[error("at column {column}: {message}")]
    Run { column: usize, message: String },
    /// It failed, and there was nothing to judge.
    #[error("metric result is nil or empty: no data returned ({cause})")]
    NoData { cause: Box<EvalError> },
    /// A condition has to be true or false.
    #[error("expected bool, but got {found}")]
    NotBool { found: &'static str },
    /// It took more steps or memory than a condition may.
    #[error("at column {column}: the expression takes more than {limit} {unit}")]
    Budget { column: usize, limit: u64, unit: &'static str },
    /// The measured value is nested deeper than can be judged.
    #[error("the value is nested deeper than {0} levels")]
    Depth(usize),
}

impl EvalError {
    /// Where it is, in characters from 1; nothing, where the whole is meant.
    pub fn column(&self) -> Option<usize> {
        match self {
            Self::Type { column, .. } | Self::Run { column, .. } | Self::Budget { column, .. } => {
                Some(*column)
            }
            Self::NoData { cause } => cause.column(),
            Self::NotBool { .. } | Self::Depth(_) => None,
        }
    }

    /// A bounded name of the kind, for metrics and tests.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Type { .. } => "type",
            Self::Run { .. } => "run",
            Self::NoData { .. } => "no-data",
            Self::NotBool { .. } => "not-bool",
            Self::Budget { .. } => "budget",
            Self::Depth(_) => "depth",
        }
    }
}

/// What fails inside of an operation, before it is known where that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    Message(String),
    Budget { limit: u64, unit: &'static str },
}

impl Fault {
    pub(crate) fn at(self, column: u32) -> EvalError {
        let column = column as usize;
        match self {
            Self::Message(message) => EvalError::Run { column, message },
            Self::Budget { limit, unit } => EvalError::Budget { column, limit, unit },
        }
    }
}

/// A fault with a message.
pub(crate) fn fault<T>(message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Message(message.into()))
}

/// A text in a message: all of it, or only how long it is. A part of a secret would not be known
/// for one where secrets are taken out of messages.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 60;
    match text.chars().nth(SHOWN_CHARS_MAX) {
        None => format!("'{}'", text.escape_debug()),
        Some(_) => format!("a text of {} bytes", text.len()),
    }
}
