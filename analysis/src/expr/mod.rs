//! The language of analysis conditions: the dialect of expr-lang that AnalysisTemplates are
//! written in, with `result` and the functions of Argo Rollouts.
//!
//! Text → [`lexer`] → [`parser`] → tree ([`ast`]); per type of measurement a [`check`], as the same
//! condition may fit one type and not another; then [`eval`], within a [`budget`]; and [`explain`]
//! says which clause decided. Invariant:
//! nothing here panics, blocks, or takes more than its [`Limits`], whatever text and value it is
//! given.

mod ast;
mod budget;
mod builtins;
mod check;
mod error;
mod eval;
mod explain;
mod format;
mod judge;
mod lexer;
mod moment;
mod operators;
mod parser;
mod quoted;
mod regexes;
mod rewrite;
mod time;
mod types;
mod value;
mod warnings;

use std::borrow::Cow;
use std::sync::OnceLock;

pub use budget::{Context, DEPTH_MAX, Limits, NODES_MAX, SOURCE_BYTES_MAX, VALUE_DEPTH_MAX};
pub use error::{CompileError, EvalError};
pub use explain::{EVIDENCE_CHARS_MAX, Explanation};
pub use judge::{Judged, Judgement, Which, judge, judge_explained};
pub use moment::{TimeError, evaluate_time};
pub use time::Time;
pub use value::{Key, List, ListKind, Map, MapKind, Value};

pub use warnings::{ConditionWarning, condition_warnings};

use check::Facts;
use types::Type;

/// A compiled condition: made once, evaluated for each measurement.
#[derive(Debug)]
pub struct Condition {
    source: String,
    /// As it is written: this is what has to fit together.
    written: ast::Node,
    /// As it is run.
    run: ast::Node,
    /// How many numbers the nodes took.
    ids: u32,
    /// What was found out, by the type of the measurement.
    checks: [OnceLock<Result<Facts, EvalError>>; TYPES],
}

/// The types that a measurement can have.
const TYPES: usize = 8;

fn place_of(result: &Value) -> Option<usize> {
    Some(match result {
        Value::Nil => 0,
        Value::Bool(_) => 1,
        Value::Int(_) => 2,
        Value::Float(_) => 3,
        Value::Text(_) => 4,
        Value::List(list) if list.kind == ListKind::Any => 5,
        Value::List(list) if list.kind == ListKind::Floats => 6,
        Value::Map(map) if map.kind == MapKind::Texts => 7,
        Value::List(_) | Value::Map(_) => return None,
        Value::Time(_) | Value::Duration(_) | Value::Zone => return None,
    })
}

impl Condition {
    /// Fails where the text is an error for every measurement.
    pub fn compile(source: &str) -> Result<Self, CompileError> {
        let (written, ids) = parser::parse(source)?;
        let mut run = written.clone();
        rewrite::rewrite(&mut run)?;
        let checks = [const { OnceLock::new() }; TYPES];
        Ok(Self { source: source.to_owned(), written, run, ids, checks })
    }

    /// The text that this was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What the expression is worth for a measurement.
    pub fn evaluate(
        &self,
        result: &Value,
        context: impl Into<Context>,
    ) -> Result<Value, EvalError> {
        self.value_of(result, context.into()).map_err(|error| match error {
            error @ (EvalError::Type { .. } | EvalError::Run { .. }) if result.is_no_data() => {
                EvalError::NoData { cause: Box::new(error) }
            }
            error => error,
        })
    }

    /// Whether a measurement meets the condition: true or false, and nothing else.
    pub fn holds(&self, result: &Value, context: impl Into<Context>) -> Result<bool, EvalError> {
        match self.evaluate(result, context)? {
            Value::Bool(holds) => Ok(holds),
            other => Err(EvalError::NotBool { found: other.type_name() }),
        }
    }

    fn value_of(&self, result: &Value, context: Context) -> Result<Value, EvalError> {
        let facts = self.facts(result)?;
        eval::Evaluator::new(&facts, result, context).eval(&self.run)
    }

    /// What is known of the expression for a measurement of this type.
    fn facts(&self, result: &Value) -> Result<Cow<'_, Facts>, EvalError> {
        let check = || check::check(&self.written, self.ids, Some(Type::of(result)));
        match place_of(result) {
            Some(place) => match self.checks[place].get_or_init(check) {
                Ok(facts) => Ok(Cow::Borrowed(facts)),
                Err(error) => Err(error.clone()),
            },
            None => check().map(Cow::Owned),
        }
    }
}
