//! What conditions make of a measurement.

use std::fmt;

use super::explain::Explanation;
use super::{Condition, Context, EvalError, Value};
use crate::Redactor;

/// What a measurement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    Successful,
    Failed,
    Inconclusive,
}

/// One of the two conditions of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Success,
    Failure,
}

impl Which {
    /// Its field in a template.
    pub fn field(self) -> &'static str {
        match self {
            Self::Success => "successCondition",
            Self::Failure => "failureCondition",
        }
    }
}

/// A judgement, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What [`judge`] says.
    pub outcome: Result<Judgement, EvalError>,
    /// The condition that decided; both, where the measurement meets neither; none, where there is
    /// none.
    pub decided: Vec<(Which, Explanation)>,
}

impl fmt::Display for Judged {
    /// `0.93 < 0.95`; with both conditions, each behind its name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.decided.as_slice() {
            [] => f.write_str("no condition: every value is good"),
            [(_, explanation)] => write!(f, "{explanation}"),
            all => {
                for (place, (which, explanation)) in all.iter().enumerate() {
                    let before = if place > 0 { "; " } else { "" };
                    write!(f, "{before}{}: {explanation}", which.field())?;
                }
                Ok(())
            }
        }
    }
}

/// What the two conditions say of a measurement.
struct Answers {
    success: Option<Result<bool, EvalError>>,
    failure: Option<Result<bool, EvalError>>,
}

impl Answers {
    /// The second one is not asked after an error of the first.
    fn of(
        result: &Value,
        success: Option<&Condition>,
        failure: Option<&Condition>,
        context: Context,
    ) -> Self {
        let success = success.map(|condition| condition.holds(result, context));
        let failure = match success {
            Some(Err(_)) => None,
            _ => failure.map(|condition| condition.holds(result, context)),
        };
        Self { success, failure }
    }

    /// The judgement, and which conditions it rests on.
    fn judgement(&self) -> (Result<Judgement, EvalError>, &'static [Which]) {
        let (success, failure) = (self.success.as_ref(), self.failure.as_ref());
        match (success, failure) {
            (Some(Err(error)), _) => (Err(error.clone()), &[Which::Success]),
            (_, Some(Err(error))) => (Err(error.clone()), &[Which::Failure]),
            (_, Some(Ok(true))) => (Ok(Judgement::Failed), &[Which::Failure]),
            (Some(Ok(false)), None) => (Ok(Judgement::Failed), &[Which::Success]),
            (Some(Ok(true)), _) => (Ok(Judgement::Successful), &[Which::Success]),
            (None, Some(Ok(false))) => (Ok(Judgement::Successful), &[Which::Failure]),
            (None, None) => (Ok(Judgement::Successful), &[]),
            (Some(Ok(false)), Some(Ok(false))) => {
                (Ok(Judgement::Inconclusive), &[Which::Success, Which::Failure])
            }
        }
    }
}

/// Judges a measurement by its conditions; an error is an error of the measurement.
///
/// Failure wins. With one condition, what does not meet it is the opposite; with both, what meets
/// neither is inconclusive; with none, whatever was measured is a success.
pub fn judge(
    result: &Value,
    success: Option<&Condition>,
    failure: Option<&Condition>,
    context: impl Into<Context>,
) -> Result<Judgement, EvalError> {
    Answers::of(result, success, failure, context.into()).judgement().0
}

/// Judges as [`judge`] does, and says which condition decided, and why, without the secrets.
pub fn judge_explained(
    result: &Value,
    success: Option<&Condition>,
    failure: Option<&Condition>,
    context: impl Into<Context>,
    secrets: &Redactor,
) -> Judged {
    let context = context.into();
    let answers = Answers::of(result, success, failure, context);
    let (outcome, which) = answers.judgement();
    let explained = |which: &Which| {
        let (condition, answer) = match which {
            Which::Success => (success?, answers.success.clone()?),
            Which::Failure => (failure?, answers.failure.clone()?),
        };
        Some((*which, condition.explain_outcome(result, context, answer, secrets)))
    };
    Judged { outcome, decided: which.iter().filter_map(explained).collect() }
}
