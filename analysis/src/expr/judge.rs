//! What conditions make of a measurement.

use super::{Condition, Context, EvalError, Value};

/// What a measurement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    Successful,
    Failed,
    Inconclusive,
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
    let context = context.into();
    let holds = |condition: Option<&Condition>| {
        condition.map(|condition| condition.holds(result, context)).transpose()
    };
    let (succeeded, failed) = (holds(success)?, holds(failure)?);
    Ok(match (succeeded, failed) {
        (_, Some(true)) | (Some(false), None) => Judgement::Failed,
        (Some(true) | None, _) => Judgement::Successful,
        (Some(false), Some(false)) => Judgement::Inconclusive,
    })
}
