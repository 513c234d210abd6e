//! What can go wrong with a request, and what follows from it.

use kube::core::Status;

/// A request that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The object has changed since the decision: look again, never send again.
    #[error("the object has changed meanwhile: {0}")]
    Conflict(String),
    /// The name is taken by an object that is not ours.
    #[error("the name is taken: {0}")]
    NameTaken(String),
    /// This replica may not write any longer.
    #[error("this replica does not hold the lease")]
    NotLeader,
    /// The API server did not answer, asked to come again later, or is in trouble itself.
    #[error("the API server did not answer: {0}")]
    Unanswered(String),
    /// The API server refused.
    #[error("{message} ({reason}, {code})")]
    Refused {
        /// The HTTP status.
        code: u16,
        /// Its reason, one word.
        reason: String,
        /// Its message.
        message: String,
    },
}

impl Failure {
    /// For metrics: one word of a small set.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Conflict(_) => "conflict",
            Self::NameTaken(_) => "name_taken",
            Self::NotLeader => "not_leader",
            Self::Unanswered(_) => "unanswered",
            Self::Refused { .. } => "refused",
        }
    }

    /// Whether the object that was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }

    /// Whether a name was in use.
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::Refused { code: 409, reason, .. } if reason == "AlreadyExists")
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => from_status(*status),
            other => Self::Unanswered(chain(&other)),
        }
    }
}

fn from_status(status: Status) -> Failure {
    match (status.code, status.reason.as_str()) {
        (409, reason) if reason != "AlreadyExists" => Failure::Conflict(status.message),
        // Of a server that is busy or in trouble: an admission webhook that is restarting, an etcd
        // without a leader.
        (429 | 500..=599, _) => Failure::Unanswered(status.message),
        (code, _) => Failure::Refused { code, reason: status.reason, message: status.message },
    }
}

/// An error with its causes, each once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
