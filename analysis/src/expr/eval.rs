//! What an expression is worth, within a budget.

mod access;
pub(crate) use access::{entry, fetch, place};
mod calls;
mod elements;

use super::ast::{Binary, Kind, Node, Pointer, Unary};
use super::budget::{Budget, Context};
use super::check::{AS_FLOAT, BOTH_INTEGERS, BOTH_TEXTS, Facts};
use super::error::{EvalError, Fault, fault};
use super::operators;
use super::regexes::Patterns;
use super::value::{Key, List, ListKind, MapKind, Value};
use chrono::{DateTime, Utc};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

type Evaluated = Result<Value, EvalError>;

pub(crate) struct Evaluator<'a> {
    facts: &'a Facts,
    result: &'a Value,
    now: Option<DateTime<Utc>>,
    pub(super) budget: Budget,
    patterns: Patterns,
    pub(super) variables: Vec<(&'a str, Value)>,
    pub(super) scopes: Vec<Scope>,
}

/// Where a predicate stands.
pub(super) struct Scope {
    list: Arc<List>,
    pub(super) index: usize,
    accumulator: Value,
}

impl Scope {
    pub(super) fn over(list: Arc<List>) -> Self {
        Self { list, index: 0, accumulator: Value::Nil }
    }
}

/// What a part is worth; nothing, where `?.` ended its chain.
enum Found {
    Value(Value),
    Ended,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(facts: &'a Facts, result: &'a Value, context: Context) -> Self {
        Self {
            facts,
            result,
            now: context.now,
            budget: Budget::new(context.limits),
            patterns: Patterns::default(),
            variables: Vec::new(),
            scopes: Vec::new(),
        }
    }

    pub(crate) fn eval(&mut self, node: &'a Node) -> Evaluated {
        self.budget.steps(1).map_err(|f| f.at(node.column))?;
        match &node.kind {
            Kind::Nil => Ok(Value::Nil),
            Kind::Bool(b) => Ok(Value::Bool(*b)),
            Kind::Int(i) if self.facts.has(node, AS_FLOAT) => Ok(Value::Float(*i as f64)),
            Kind::Int(i) => Ok(Value::Int(*i)),
            Kind::Float(f) => Ok(Value::Float(*f)),
            Kind::Text(text) => Ok(Value::Text(text.clone())),
            Kind::Name(name) => Ok(self.named(name)),
            Kind::Pointer(pointer) => Ok(self.pointed(pointer)),
            Kind::Unary(operator, of) => self.unary(node, *operator, of),
            Kind::Binary(operator, left, right) => self.binary(node, *operator, left, right),
            Kind::Chain(of) => match self.link(of)? {
                Found::Value(value) if !value.is_nil() => Ok(value),
                Found::Value(_) | Found::Ended => Ok(Value::Nil),
            },
            Kind::Member { of, key, .. } => {
                let base = self.eval(of)?;
                self.member(node, &base, key)
            }
            Kind::Slice { of, from, to } => self.slice(node, of, from.as_deref(), to.as_deref()),
            Kind::Call { callee, arguments } => self.call(node, callee, arguments),
            Kind::Builtin(call) => self.builtin(node, call),
            Kind::Let { name, value, body } => {
                let value = self.eval(value)?;
                self.variables.push((name, value));
                let value = self.eval(body)?;
                self.variables.pop();
                Ok(value)
            }
            Kind::Sequence(nodes) => {
                let mut last = Value::Nil;
                for node in nodes {
                    last = self.eval(node)?;
                }
                Ok(last)
            }
            Kind::If(nodes) => {
                let [condition, yes, no] = &**nodes;
                if self.truth(condition)? { self.eval(yes) } else { self.eval(no) }
            }
            Kind::List(nodes) => self.list(node, nodes),
            Kind::Map(pairs) => self.map(node, pairs),
        }
    }

    fn named(&self, name: &str) -> Value {
        let variable = self.variables.iter().rev().find(|(n, _)| *n == name);
        variable.map_or_else(|| self.result.clone(), |(_, value)| value.clone())
    }

    fn pointed(&self, pointer: &Pointer) -> Value {
        let Some(scope) = self.scopes.last() else { return Value::Nil };
        match pointer {
            Pointer::Item => scope.list.items.get(scope.index).cloned().unwrap_or(Value::Nil),
            Pointer::Named(name) if name == "index" => Value::Int(scope.index as i64),
            Pointer::Named(_) => scope.accumulator.clone(),
        }
    }

    /// What has to be true or false.
    fn truth(&mut self, node: &'a Node) -> Result<bool, EvalError> {
        match self.eval(node)? {
            Value::Bool(b) => Ok(b),
            other => failed(node, format!("expected true or false, found {}", other.type_name())),
        }
    }

    fn list(&mut self, node: &'a Node, nodes: &'a [Node]) -> Evaluated {
        self.budget.elements(nodes.len()).map_err(|f| f.at(node.column))?;
        let mut items = Vec::with_capacity(nodes.len());
        for node in nodes {
            items.push(self.eval(node)?);
        }
        Value::list(ListKind::Any, items).map_err(|f| f.at(node.column))
    }

    /// Of equal keys, the first one counts.
    fn map(&mut self, node: &'a Node, pairs: &'a [(Node, Node)]) -> Evaluated {
        self.budget.elements(2 * pairs.len()).map_err(|f| f.at(node.column))?;
        let mut entries = BTreeMap::new();
        for (key, value) in pairs {
            let found = self.eval(key)?;
            let value = self.eval(value)?;
            let Value::Text(text) = found else {
                return failed(key, format!("a key is a text, not {}", found.type_name()));
            };
            entries.entry(Key::Text(text)).or_insert(value);
        }
        Value::map(MapKind::Texts, entries).map_err(|f| f.at(node.column))
    }

    fn unary(&mut self, node: &'a Node, operator: Unary, of: &'a Node) -> Evaluated {
        match operator {
            Unary::Not => Ok(Value::Bool(!self.truth(of)?)),
            Unary::Plus => self.eval(of),
            Unary::Minus => {
                let value = self.eval(of)?;
                operators::negate(&value).map_err(|f| f.at(node.column))
            }
        }
    }

    fn binary(
        &mut self,
        node: &'a Node,
        operator: Binary,
        left: &'a Node,
        right: &'a Node,
    ) -> Evaluated {
        match operator {
            // The right side is handed on as it is.
            Binary::And => {
                if self.truth(left)? {
                    self.eval(right)
                } else {
                    Ok(Value::Bool(false))
                }
            }
            Binary::Or => {
                if self.truth(left)? {
                    Ok(Value::Bool(true))
                } else {
                    self.eval(right)
                }
            }
            Binary::Coalesce => match self.eval(left)? {
                value if value.is_nil() => self.eval(right),
                value => Ok(value),
            },
            _ => {
                let l = self.eval(left)?;
                let r = self.eval(right)?;
                self.apply(node, operator, (&l, &r), right).map_err(|f| f.at(node.column))
            }
        }
    }

    pub(super) fn apply(
        &mut self,
        node: &Node,
        operator: Binary,
        (l, r): (&Value, &Value),
        right: &Node,
    ) -> Result<Value, Fault> {
        let budget = &mut self.budget;
        let symbol = operator.symbol();
        let truth = match operator {
            Binary::Equal => self.same(node, l, r)?,
            Binary::NotEqual => !self.same(node, l, r)?,
            Binary::Less => operators::less(l, r, budget)?,
            Binary::More => operators::order(l, r, symbol, budget)? == Some(Ordering::Greater),
            Binary::LessOrEqual => {
                let order = operators::order(l, r, symbol, budget)?;
                matches!(order, Some(Ordering::Less | Ordering::Equal))
            }
            Binary::MoreOrEqual => {
                let order = operators::order(l, r, symbol, budget)?;
                matches!(order, Some(Ordering::Greater | Ordering::Equal))
            }
            Binary::In => access::within(l, r, right, budget)?,
            Binary::Matches | Binary::Contains | Binary::StartsWith | Binary::EndsWith => {
                text_relation(operator, l, r, &mut self.patterns, budget)?
            }
            Binary::Add => return operators::add(l, r, budget),
            Binary::Subtract => return operators::subtract(l, r),
            Binary::Multiply => return operators::multiply(l, r),
            Binary::Divide => return operators::divide(l, r),
            Binary::Modulo => return operators::modulo(l, r),
            Binary::Power => return operators::power(l, r),
            Binary::Range => return range(l, r, budget),
            Binary::And | Binary::Or | Binary::Coalesce => return fault("not an operation"),
        };
        Ok(Value::Bool(truth))
    }

    /// Where both sides are known to be integers or texts, nil is none of them.
    fn same(&mut self, node: &Node, l: &Value, r: &Value) -> Result<bool, Fault> {
        let ints = matches!((l, r), (Value::Int(_), Value::Int(_)));
        let texts = matches!((l, r), (Value::Text(_), Value::Text(_)));
        if self.facts.has(node, BOTH_INTEGERS) && !ints
            || self.facts.has(node, BOTH_TEXTS) && !texts
        {
            let (l, r) = (l.type_name(), r.type_name());
            return fault(format!("`==` does not go between {l} and {r} here"));
        }
        operators::equal(l, r, &mut self.budget)
    }
}

fn failed<T>(node: &Node, message: impl Into<String>) -> Result<T, EvalError> {
    fault(message).map_err(|f| f.at(node.column))
}

fn text_relation(
    operator: Binary,
    l: &Value,
    r: &Value,
    patterns: &mut Patterns,
    budget: &mut Budget,
) -> Result<bool, Fault> {
    let (Value::Text(text), Value::Text(part)) = (l, r) else {
        if matches!(l, Value::Nil) || matches!(r, Value::Nil) {
            return Ok(false);
        }
        let (symbol, l, r) = (operator.symbol(), l.type_name(), r.type_name());
        return fault(format!("`{symbol}` goes between texts, not between {l} and {r}"));
    };
    budget.read(text)?;
    budget.read(part)?;
    Ok(match operator {
        Binary::Contains => text.contains(&**part),
        Binary::StartsWith => text.starts_with(&**part),
        Binary::EndsWith => text.ends_with(&**part),
        _ => patterns.is_match(part, text, budget)?,
    })
}

fn range(l: &Value, r: &Value, budget: &mut Budget) -> Result<Value, Fault> {
    let (from, to) = (operators::integer(l)?, operators::integer(r)?);
    let count = if to < from { 0 } else { to.abs_diff(from).saturating_add(1) };
    budget.elements(usize::try_from(count).unwrap_or(usize::MAX))?;
    let items = if to < from { Vec::new() } else { (from..=to).map(Value::Int).collect() };
    Value::list(ListKind::Ints, items)
}
