//! The way down to the clause that decided.

use super::super::ast::{Binary, Kind, Node, Pointer, Span, Unary};
use super::super::budget::Context;
use super::super::builtins::Builtin;
use super::super::check::Facts;
use super::super::error::{EvalError, Fault};
use super::super::eval::Evaluator;
use super::super::lexer::is_name;
use super::super::value::Value;
use super::EVIDENCE_CHARS_MAX;
use super::relation::Relation;
use super::shown::{Shown, cut};
use super::source::Source;

/// What the texts for a clause are worth in steps.
const CLAUSE_STEPS: usize = 20;

/// And what they are worth where secrets are looked for in them.
const SECRET_STEPS: usize = 20_000;

/// The longest name of a place in what was measured.
const NAME_CHARS_MAX: usize = 60;

/// What was found of a clause.
pub(super) struct Why {
    pub(super) holds: bool,
    pub(super) clause: Span,
    /// What is the case; all of them are.
    pub(super) parts: Vec<String>,
}

impl Why {
    pub(super) fn new(holds: bool, node: &Node, part: String) -> Self {
        Self { holds, clause: node.span, parts: vec![part] }
    }

    /// All that is the case, as far as there is room for.
    pub(super) fn evidence(&self) -> String {
        const MORE: usize = " and 10000 more".len();
        let mut out = String::new();
        let mut length = 0;
        for (place, part) in self.parts.iter().enumerate() {
            let left = self.parts.len() - place;
            let reserved = if left > 1 { MORE } else { 0 };
            length += part.chars().count() + " and ".len();
            if place > 0 && length + reserved > EVIDENCE_CHARS_MAX {
                out.push_str(&format!(" and {left} more"));
                break;
            }
            if place > 0 {
                out.push_str(" and ");
            }
            out.push_str(part);
        }
        out
    }
}

pub(super) type Found = Result<Why, EvalError>;

/// Evaluates a condition once more and keeps what it comes by.
pub(super) struct Descent<'a> {
    pub(super) run: Evaluator<'a>,
    pub(super) source: &'a Source<'a>,
    shown: Shown<'a>,
    /// What `#` stands for, by its place in what was measured.
    pub(super) places: Vec<String>,
}

impl<'a> Descent<'a> {
    pub(super) fn new(
        facts: &'a Facts,
        result: &'a Value,
        context: Context,
        source: &'a Source<'a>,
        shown: Shown<'a>,
    ) -> Self {
        Self { run: Evaluator::new(facts, result, context), source, shown, places: Vec::new() }
    }

    /// The clause of a condition that decides, and what is the case with it.
    pub(super) fn decided(&mut self, node: &'a Node) -> Found {
        let steps = if self.shown.has_secrets() { SECRET_STEPS } else { CLAUSE_STEPS };
        self.run.budget.steps(steps).map_err(|fault| fault.at(node.column))?;
        match &node.kind {
            Kind::Bool(holds) => Ok(Why::new(*holds, node, format!("always {holds}"))),
            Kind::Unary(Unary::Not, of) => {
                let found = self.decided(of)?;
                Ok(Why { holds: !found.holds, ..found })
            }
            Kind::Binary(Binary::And, left, right) => self.joined(node, left, right, false),
            Kind::Binary(Binary::Or, left, right) => self.joined(node, left, right, true),
            Kind::Binary(Binary::Coalesce, left, right) => self.coalesced(node, left, right),
            Kind::Binary(operator, left, right) => self.compared(node, *operator, left, right),
            Kind::If(nodes) => self.branched(&nodes[0], &nodes[1], &nodes[2]),
            Kind::Let { name, value, body } => {
                let value = self.run.eval(value)?;
                self.run.variables.push((name, value));
                let found = self.decided(body);
                self.run.variables.pop();
                found
            }
            Kind::Sequence(nodes) => {
                let Some((last, before)) = nodes.split_last() else { return self.bare(node) };
                for node in before {
                    self.run.eval(node)?;
                }
                self.decided(last)
            }
            Kind::Builtin(call) => match (call.builtin, call.arguments.as_slice()) {
                (Builtin::All | Builtin::Any | Builtin::None | Builtin::One, [over, predicate]) => {
                    self.over_elements(node, call.builtin, over, predicate)
                }
                (Builtin::HasPrefix, [text, part]) => {
                    self.compared(node, Binary::StartsWith, text, part)
                }
                (Builtin::HasSuffix, [text, part]) => {
                    self.compared(node, Binary::EndsWith, text, part)
                }
                _ => self.bare(node),
            },
            _ => self.bare(node),
        }
    }

    /// `and` is decided by what is false, `or` by what is true; else all of it decides together.
    fn joined(&mut self, node: &Node, left: &'a Node, right: &'a Node, decides: bool) -> Found {
        let mut found = self.decided(left)?;
        if found.holds == decides {
            return Ok(found);
        }
        let other = self.decided(right)?;
        if other.holds == decides {
            return Ok(other);
        }
        found.parts.extend(other.parts);
        Ok(Why { clause: node.span, ..found })
    }

    /// `a ?? b`
    fn coalesced(&mut self, node: &'a Node, left: &'a Node, right: &'a Node) -> Found {
        let found = self.run.eval(left)?;
        if !found.is_nil() {
            return self.is(left, &found);
        }
        match &right.kind {
            Kind::Bool(holds) => Ok(Why::new(*holds, node, format!("{} is nil", self.named(left)))),
            _ => self.decided(right),
        }
    }

    /// The branch that was taken; the condition, if that says it all.
    fn branched(&mut self, condition: &'a Node, yes: &'a Node, no: &'a Node) -> Found {
        let found = self.decided(condition)?;
        let branch = if found.holds { yes } else { no };
        match &branch.kind {
            Kind::Bool(holds) => Ok(Why { holds: *holds, ..found }),
            _ => self.decided(branch),
        }
    }

    /// What is true or false by itself.
    fn bare(&mut self, node: &'a Node) -> Found {
        let found = self.run.eval(node)?;
        self.is(node, &found)
    }

    fn is(&mut self, node: &'a Node, found: &Value) -> Found {
        let Value::Bool(holds) = found else {
            return Err(EvalError::NotBool { found: found.type_name() });
        };
        Ok(Why::new(*holds, node, format!("{} is {holds}", self.named(node))))
    }

    fn compared(
        &mut self,
        node: &'a Node,
        operator: Binary,
        left: &'a Node,
        right: &'a Node,
    ) -> Found {
        let values = (self.run.eval(left)?, self.run.eval(right)?);
        let found = self.run.apply(node, operator, (&values.0, &values.1), right);
        let holds = match found.map_err(|fault: Fault| fault.at(node.column))? {
            Value::Bool(holds) => holds,
            other => return Err(EvalError::NotBool { found: other.type_name() }),
        };
        if matches!(operator, Binary::Equal | Binary::NotEqual)
            && let Some(part) = self.equals_literal((left, right), &values)
        {
            return Ok(Why::new(holds, node, part));
        }
        let relation = Relation { shown: self.shown, operator, left, right, values, holds };
        let part = match relation.said() {
            Some(said) => match [left, right].into_iter().find(|side| is_made_of_many(side)) {
                Some(side) => format!("{}: {said}", self.named(side)),
                None => said,
            },
            None => format!("{} is {holds}", self.source.short(node)),
        };
        Ok(Why::new(holds, node, part))
    }

    /// `x == true` and `x == nil` say what `x` is.
    fn equals_literal(
        &self,
        (left, right): (&'a Node, &'a Node),
        values: &(Value, Value),
    ) -> Option<String> {
        let literal = |node: &Node| matches!(node.kind, Kind::Bool(_) | Kind::Nil);
        let (node, found, other) = if literal(right) {
            (left, &values.0, &values.1)
        } else if literal(left) {
            (right, &values.1, &values.0)
        } else {
            return None;
        };
        Some(match (found, other) {
            (found, _) if found.is_nil() => format!("{} is nil", self.named(node)),
            (Value::Bool(found), Value::Bool(_)) => format!("{} is {found}", self.named(node)),
            (found, other) => {
                let (found, other) = (self.shown.value(found), self.shown.value(other));
                format!("{} is {found}, not {other}", self.named(node))
            }
        })
    }

    /// A short name for a part: its place in what was measured, or how it is written.
    pub(super) fn named(&self, node: &Node) -> String {
        cut(&self.shown.redacted(&self.name_of(node)), NAME_CHARS_MAX)
    }

    fn name_of(&self, node: &Node) -> String {
        match &node.kind {
            Kind::Chain(of) => self.name_of(of),
            Kind::Pointer(Pointer::Item) => {
                self.places.last().cloned().unwrap_or_else(|| "#".to_owned())
            }
            Kind::Member { of, key, .. } if self.begins_with_item(of) => match &key.kind {
                Kind::Text(name) if is_name(name) => format!("{}.{name}", self.name_of(of)),
                Kind::Text(name) => format!("{}[{}]", self.name_of(of), self.shown.text(name)),
                Kind::Int(index) => format!("{}[{index}]", self.name_of(of)),
                _ => self.source.short(node),
            },
            _ => self.source.short(node),
        }
    }

    fn begins_with_item(&self, node: &Node) -> bool {
        match &node.kind {
            Kind::Pointer(Pointer::Item) => !self.places.is_empty(),
            Kind::Member { of, .. } | Kind::Chain(of) => self.begins_with_item(of),
            _ => false,
        }
    }
}

/// Whether a value says little without what it was made by.
fn is_made_of_many(node: &Node) -> bool {
    let Kind::Builtin(call) = &node.kind else { return false };
    call.builtin.with_predicate().is_some()
        || matches!(
            call.builtin,
            Builtin::Len
                | Builtin::Max
                | Builtin::Min
                | Builtin::Mean
                | Builtin::Median
                | Builtin::First
                | Builtin::Last
        )
}
