//! What a provider brings back from one measurement, before it is judged.

use std::collections::BTreeMap;

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

/// A measured value.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What conditions see as `result`.
    pub value: Value,
    /// The value as text, for `measurement.value`: as upstream writes it.
    pub text: String,
    /// What else is worth knowing of this one measurement: `measurement.metadata`.
    pub metadata: BTreeMap<String, String>,
}

/// A verdict that the provider has reached by itself.
#[derive(Clone, Debug)]
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

/// A measurement under way somewhere else.
#[derive(Clone, Debug)]
pub struct Ongoing {
    /// When to ask again.
    pub resume_at: DateTime<Utc>,
    /// What is needed to find it again, such as the name of a Job; as in [`Sample::metadata`].
    pub metadata: BTreeMap<String, String>,
}
