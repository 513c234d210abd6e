//! Members, elements and slices.

use super::super::ast::{Kind, Node};
use super::super::budget::Budget;
use super::super::error::{Fault, fault};
use super::super::operators::{self, integer};
use super::super::value::{Key, ListKind, Map, MapKind, Value};
use super::{Evaluated, Evaluator, Found, failed};

impl<'a> Evaluator<'a> {
    /// A part of a chain: it ends where something optional is looked for in nil.
    pub(super) fn link(&mut self, node: &'a Node) -> Result<Found, super::EvalError> {
        let (of, key, optional) = match &node.kind {
            Kind::Member { of, key, optional } => (of, key, optional),
            Kind::Call { callee, arguments } => return self.call_link(node, callee, arguments),
            _ => return self.eval(node).map(Found::Value),
        };
        self.budget.steps(1).map_err(|f| f.at(node.column))?;
        let Found::Value(base) = self.link(of)? else { return Ok(Found::Ended) };
        if *optional && base.is_nil() {
            return Ok(Found::Ended);
        }
        self.member(node, &base, key).map(Found::Value)
    }

    pub(super) fn member(&mut self, node: &'a Node, base: &Value, key: &'a Node) -> Evaluated {
        let key = self.eval(key)?;
        fetch(base, &key).map_err(|f| f.at(node.column))
    }

    pub(super) fn slice(
        &mut self,
        node: &'a Node,
        of: &'a Node,
        from: Option<&'a Node>,
        to: Option<&'a Node>,
    ) -> Evaluated {
        let base = self.eval(of)?;
        let length = match &base {
            Value::List(list) => list.items.len(),
            Value::Text(text) => text.len(),
            Value::Map(_)
            | Value::Nil
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Time(_)
            | Value::Duration(_)
            | Value::Zone => {
                return failed(node, format!("{} cannot be sliced", base.type_name()));
            }
        };
        let to = match to {
            Some(node) => self.bound(node, length)?,
            None => length,
        };
        let from = match from {
            Some(node) => self.bound(node, length)?.min(to),
            None => 0,
        };
        let cut = match &base {
            Value::List(list) => {
                let kind = if list.kind == ListKind::Pair { ListKind::Any } else { list.kind };
                let part = self.budget.elements(to - from);
                part.and_then(|()| Value::list(kind, list.items[from..to].to_vec()))
            }
            // By bytes, as Go does; what is cut through becomes the replacement character.
            Value::Text(text) => self
                .budget
                .text(to - from)
                .map(|()| Value::text(String::from_utf8_lossy(&text.as_bytes()[from..to]))),
            _ => Ok(Value::Nil),
        };
        cut.map_err(|f| f.at(node.column))
    }

    /// Negative ones count from the end.
    fn bound(&mut self, node: &'a Node, length: usize) -> Result<usize, super::EvalError> {
        let value = self.eval(node)?;
        let at = integer(&value).map_err(|f| f.at(node.column))?;
        let length = length as i64;
        let at = if at < 0 { length.saturating_add(at) } else { at };
        Ok(usize::try_from(at.clamp(0, length)).unwrap_or(0))
    }
}

/// The place of an element, counted from the end if negative.
pub(crate) fn place(length: usize, index: i64) -> Option<usize> {
    let at = if index < 0 { (length as i64).checked_add(index)? } else { index };
    usize::try_from(at).ok().filter(|at| *at < length)
}

pub(crate) fn fetch(base: &Value, key: &Value) -> Result<Value, Fault> {
    let length = match base {
        Value::List(list) => list.items.len(),
        Value::Text(text) => text.len(),
        Value::Map(map) => {
            let none = if map.kind == MapKind::Groups { Value::absent() } else { Value::Nil };
            return Ok(entry(map, key)?.cloned().unwrap_or(none));
        }
        Value::Nil
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Time(_)
        | Value::Duration(_)
        | Value::Zone => {
            let what = base.type_name();
            return fault(match key {
                Value::Text(name) if name.len() <= 60 => format!("{what} has no field `{name}`"),
                Value::Text(_) => format!("{what} has no fields"),
                _ => format!("{what} has no elements"),
            });
        }
    };
    let index = integer(key)?;
    let Some(at) = place(length, index) else {
        return fault(format!("index {index} is out of range: there are {length} elements"));
    };
    Ok(match base {
        Value::List(list) => list.items[at].clone(),
        Value::Text(text) => Value::Int(i64::from(text.as_bytes()[at])),
        _ => Value::Nil,
    })
}

/// What a map has under a key, if it may be one.
pub(crate) fn entry<'m>(map: &'m Map, key: &Value) -> Result<Option<&'m Value>, Fault> {
    let key = match (map.kind, key) {
        (MapKind::Texts, Value::Nil) => Key::Text("".into()),
        (MapKind::Texts, Value::Text(text)) => Key::Text(text.clone()),
        (MapKind::Any | MapKind::Groups, key) => match Key::of(key) {
            Some(key) => key,
            None => return fault(format!("{} is no key", key.type_name())),
        },
        (MapKind::Texts, key) => {
            return fault(format!("a map has no keys of type {}", key.type_name()));
        }
    };
    Ok(map.entries.get(&key))
}

pub(super) fn within(
    needle: &Value,
    all: &Value,
    written: &Node,
    budget: &mut Budget,
) -> Result<bool, Fault> {
    match all {
        Value::Nil => Ok(false),
        Value::Map(map) => Ok(entry(map, needle)?.is_some()),
        Value::List(list) => {
            if only_texts(written) {
                // Upstream makes a map of them, which has keys of no other type.
                return match needle {
                    Value::Text(_) => any_equal(needle, &list.items, budget),
                    Value::Nil => any_equal(&Value::text(""), &list.items, budget),
                    other => fault(format!("{} is not among texts", other.type_name())),
                };
            }
            any_equal(needle, &list.items, budget)
        }
        // A struct of Go's, none of whose fields is for others.
        Value::Time(_) | Value::Zone if matches!(needle, Value::Text(_)) => Ok(false),
        other => fault(format!("nothing is `in` {}", other.type_name())),
    }
}

/// Whether it is written as a list of texts.
fn only_texts(node: &Node) -> bool {
    match &node.kind {
        Kind::List(nodes) => {
            !nodes.is_empty() && nodes.iter().all(|n| matches!(n.kind, Kind::Text(_)))
        }
        _ => false,
    }
}

fn any_equal(needle: &Value, items: &[Value], budget: &mut Budget) -> Result<bool, Fault> {
    for item in items {
        if operators::equal(item, needle, budget)? {
            return Ok(true);
        }
    }
    Ok(false)
}
