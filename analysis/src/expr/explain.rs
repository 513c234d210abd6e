//! Why a condition holds or does not: which clause of it decided, and what was the case.
//!
//! A condition is evaluated first as ever; what that gives is the outcome. Then the clauses that
//! decided are evaluated once more, along the way that the first evaluation took, and what they
//! compare is written down. The second way has a budget of its own, as large as the first; where it
//! does not suffice, the explanation says no more than the outcome.

mod descent;
mod elements;
mod relation;
mod shown;
mod source;

use std::fmt;

use super::ast::{Binary, Kind, Node, Unary};
use super::{Condition, Context, EvalError, Value};
use crate::Redactor;
use descent::Descent;
use shown::{Shown, cut};
use source::Source;

/// The longest text of an explanation, in characters: a line and a half of a terminal.
pub const EVIDENCE_CHARS_MAX: usize = 200;

/// Why a condition holds or does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What [`Condition::holds`] says.
    pub outcome: Result<bool, EvalError>,
    /// The clause that decided, as it is written, on one line and not longer than
    /// [`EVIDENCE_CHARS_MAX`].
    pub clause: String,
    /// Where that begins in the condition, in characters from 1.
    pub column: usize,
    /// What is the case, such as `0.93 < 0.95`; never longer than [`EVIDENCE_CHARS_MAX`].
    pub evidence: String,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.evidence)
    }
}

impl Condition {
    /// Whether a measurement meets the condition, and why. Costs at most twice as much as
    /// [`Condition::holds`] may.
    ///
    /// Texts of the measurement and of the condition are in what is said, some of them cut: the
    /// secrets in them have to be known before they are, and are not shown.
    pub fn explain(
        &self,
        result: &Value,
        context: impl Into<Context>,
        secrets: &Redactor,
    ) -> Explanation {
        let context = context.into();
        let outcome = self.holds(result, context);
        self.explain_outcome(result, context, outcome, secrets)
    }

    /// The same, where the outcome is known.
    pub(super) fn explain_outcome(
        &self,
        result: &Value,
        context: Context,
        outcome: Result<bool, EvalError>,
        secrets: &Redactor,
    ) -> Explanation {
        let shown = Shown::without(secrets);
        let source = Source::new(&self.source, shown);
        let (span, evidence) = match &outcome {
            Ok(holds) => {
                let found = self.facts(result).map(|facts| {
                    Descent::new(&facts, result, context, &source, shown).decided(&self.run)
                });
                match found {
                    Ok(Ok(found)) if found.holds == *holds => (found.clause, found.evidence()),
                    _ => (self.written.span, format!("{} is {holds}", source.short(&self.run))),
                }
            }
            Err(error) => (blamed(&self.written, error).span, error.to_string()),
        };
        Explanation {
            outcome,
            clause: cut(&source.line(span), EVIDENCE_CHARS_MAX),
            column: span.start as usize,
            evidence: cut(&shown.redacted(&evidence), EVIDENCE_CHARS_MAX),
        }
    }
}

/// The clause that an error comes from: the smallest part with a truth of its own.
fn blamed<'a>(root: &'a Node, error: &EvalError) -> &'a Node {
    let Some(column) = error.column() else { return root };
    let mut clause = root;
    loop {
        let parts: Vec<&Node> = match &clause.kind {
            Kind::Binary(Binary::And | Binary::Or | Binary::Coalesce, left, right) => {
                vec![left, right]
            }
            Kind::Unary(Unary::Not, of) => vec![of],
            Kind::If(nodes) => nodes.iter().collect(),
            Kind::Let { value, body, .. } => vec![value, body],
            Kind::Sequence(nodes) => nodes.iter().collect(),
            _ => return clause,
        };
        let holds = |part: &&&Node| (part.span.start..part.span.end).contains(&(column as u32));
        match parts.iter().find(holds) {
            Some(part) => clause = part,
            None => return clause,
        }
    }
}
