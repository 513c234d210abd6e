//! What a provider brings back from one measurement, before it is judged.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use sluice_crd::analysis::AnalysisPhase;

use crate::expr::Value;

/// What came of asking a provider.
#[derive(Clone, Debug)]
pub enum Reading {
    /// A value, for the conditions to judge.
    Sample(Sample),
    /// A verdict of the provider's own (a Job that failed, a score of Kayenta).
    Verdict(Verdict),
    /// It is not over: to be asked for again.
    Ongoing(Ongoing),
}

/// A measured value. What is printed of it for debugging is its type: a server may have put a secret
/// into it, and the value is not redacted, for conditions are judged on it as it is.
#[derive(Clone)]
pub struct Sample {
    /// What conditions see as `result`. Never to be shown: it may hold secrets.
    pub value: Value,
    /// The value as text, for `measurement.value`: as upstream writes it.
    pub text: String,
    /// What else is worth knowing of this one measurement: `measurement.metadata`.
    pub metadata: BTreeMap<String, String>,
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, text, metadata } = self;
        let keys = metadata.len();
        write!(f, "Sample({}, {} bytes of text, {keys} of metadata)", value.type_name(), text.len())
    }
}

/// A verdict that the provider has reached by itself.
#[derive(Clone, PartialEq)]
pub struct Verdict {
    /// Successful, Failed, Inconclusive or Error.
    pub phase: AnalysisPhase,
    /// Why, where there is more to say.
    pub message: String,
    /// A value that goes with it, as text; may be empty.
    pub text: String,
    /// As in [`Sample::metadata`].
    pub metadata: BTreeMap<String, String>,
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verdict({}, {} bytes of message)", self.phase, self.message.len())
    }
}

/// A measurement under way somewhere else.
#[derive(Clone, PartialEq)]
pub struct Ongoing {
    /// When to ask again.
    pub resume_at: DateTime<Utc>,
    /// What is needed to find it again, such as the name of a Job; as in [`Sample::metadata`].
    pub metadata: BTreeMap<String, String>,
    /// What keeps it from going on, and is tried again then; empty if nothing does.
    pub trouble: String,
}

impl fmt::Debug for Ongoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ongoing(until {}, {} of metadata)", self.resume_at, self.metadata.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_measured_is_printed() {
        let metadata = BTreeMap::from([("canary-key".to_owned(), "canary-entry".to_owned())]);
        let sample = Sample {
            value: Value::text("canary-value"),
            text: "canary-text".to_owned(),
            metadata: metadata.clone(),
        };
        let verdict = Verdict {
            phase: AnalysisPhase::Failed,
            message: "canary-message".to_owned(),
            text: "canary-text".to_owned(),
            metadata: metadata.clone(),
        };
        let ongoing = Ongoing {
            resume_at: DateTime::UNIX_EPOCH,
            metadata,
            trouble: "canary-trouble".to_owned(),
        };
        let readings =
            [Reading::Sample(sample), Reading::Verdict(verdict), Reading::Ongoing(ongoing)];
        let shown = format!("{readings:?}");
        assert!(!shown.contains("canary"), "{shown}");
        assert!(shown.contains("string") && shown.contains("Failed"), "{shown}");
    }
}
