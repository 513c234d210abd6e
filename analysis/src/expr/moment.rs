//! Expressions that say when: the start and the end of a range query.

use chrono::{DateTime, Utc};
use thiserror::Error;

use super::budget::Limits;
use super::error::{CompileError, EvalError};
use super::eval::Evaluator;
use super::value::Value;
use super::{check, parser, rewrite};

/// Why an expression gives no instant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TimeError {
    /// It is no expression.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// It has no value.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// It has another one: a text is not read as a date without `date()`.
    #[error("expected a time, such as now() or date('2026-01-31'), but got {found}")]
    NotTime {
        /// The type of its value.
        found: &'static str,
    },
}

/// What instant an expression such as `now() - duration("1h")` gives.
///
/// It is the language of conditions without a measurement: there is no `result`, and of the
/// functions of conditions there are `isNaN` and `isInf`, as upstream has it. Two calls of `now()`
/// give the same instant here.
pub fn evaluate_time(source: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, TimeError> {
    let (mut tree, ids) = parser::parse(source)?;
    let facts = check::check(&tree, ids, None)?;
    rewrite::rewrite(&mut tree)?;
    let context = Limits::default().at(now);
    match Evaluator::new(&facts, &Value::Nil, context).eval(&tree)? {
        Value::Time(time) => Ok(time.at()),
        other => Err(TimeError::NotTime { found: other.type_name() }),
    }
}
