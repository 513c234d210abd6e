//! Functions that go over the elements of a list with a predicate.

use super::super::ast::{Call, Node};
use super::super::builtins::Builtin;
use super::super::builtins::lists::sorted_by;
use super::super::operators;
use super::super::value::{Key, List, ListKind, MapKind, Value};
use super::{EvalError, Evaluated, Evaluator, Scope, failed};
use std::collections::BTreeMap;
use std::sync::Arc;

impl<'a> Evaluator<'a> {
    pub(super) fn over_elements(&mut self, node: &'a Node, call: &'a Call) -> Evaluated {
        let (Some(over), predicate) = (call.arguments.first(), call.arguments.get(1)) else {
            return failed(node, "there is no list");
        };
        let found = self.eval(over)?;
        let Value::List(list) = found else {
            let (name, found) = (call.builtin.name(), found.type_name());
            return failed(over, format!("`{name}` goes over a list, not over {found}"));
        };
        let scope = Scope::over(list.clone());
        self.scopes.push(scope);
        let value = self.go(node, call, &list, predicate);
        self.scopes.pop();
        value
    }

    fn go(
        &mut self,
        node: &'a Node,
        call: &'a Call,
        list: &Arc<List>,
        predicate: Option<&'a Node>,
    ) -> Evaluated {
        let length = list.items.len();
        match call.builtin {
            Builtin::All => {
                Ok(Value::Bool(self.first_that(node, predicate, false, length)?.is_none()))
            }
            Builtin::None => {
                Ok(Value::Bool(self.first_that(node, predicate, true, length)?.is_none()))
            }
            Builtin::Any => {
                Ok(Value::Bool(self.first_that(node, predicate, true, length)?.is_some()))
            }
            Builtin::One | Builtin::Count => {
                let mut count = 0;
                for at in 0..length {
                    count += i64::from(self.holds(node, predicate, at)?);
                    if call.enough == Some(count) {
                        break;
                    }
                }
                let one = call.builtin == Builtin::One;
                Ok(if one { Value::Bool(count == 1) } else { Value::Int(count) })
            }
            Builtin::Find | Builtin::FindIndex => {
                let found = self.first_that(node, predicate, true, length)?;
                self.found(node, call, found)
            }
            Builtin::FindLast | Builtin::FindLastIndex => {
                let mut found = None;
                for at in (0..length).rev() {
                    if self.holds(node, predicate, at)? {
                        found = Some(at);
                        break;
                    }
                }
                self.found(node, call, found)
            }
            Builtin::Filter => {
                let mut items = Vec::new();
                for at in 0..length {
                    if self.holds(node, predicate, at)? {
                        self.budget.elements(1).map_err(|f| f.at(node.column))?;
                        items.push(match &call.then {
                            Some(then) => self.eval(then)?,
                            None => list.items[at].clone(),
                        });
                    }
                }
                Value::list(ListKind::Any, items).map_err(|f| f.at(node.column))
            }
            Builtin::Map => {
                let items = self.each(node, predicate, length)?;
                Value::list(ListKind::Any, items).map_err(|f| f.at(node.column))
            }
            Builtin::Sum => self.sum(node, predicate, length),
            Builtin::GroupBy => self.groups(node, list, predicate),
            Builtin::SortBy => self.sort_by(node, call, list, predicate),
            _ => self.reduce(node, call, list, predicate),
        }
    }

    /// What the predicate gives for an element; without one, the element itself.
    fn at(&mut self, node: &'a Node, predicate: Option<&'a Node>, at: usize) -> Evaluated {
        self.budget.steps(1).map_err(|f| f.at(node.column))?;
        if let Some(scope) = self.scopes.last_mut() {
            scope.index = at;
        }
        match predicate {
            Some(predicate) => self.eval(predicate),
            None => Ok(self.pointed(&super::Pointer::Item)),
        }
    }

    pub(in crate::expr) fn holds(
        &mut self,
        node: &'a Node,
        predicate: Option<&'a Node>,
        at: usize,
    ) -> Result<bool, EvalError> {
        match self.at(node, predicate, at)? {
            Value::Bool(b) => Ok(b),
            other => {
                let found = other.type_name();
                failed(predicate.unwrap_or(node), format!("expected true or false, found {found}"))
            }
        }
    }

    pub(in crate::expr) fn first_that(
        &mut self,
        node: &'a Node,
        predicate: Option<&'a Node>,
        holds: bool,
        length: usize,
    ) -> Result<Option<usize>, EvalError> {
        for at in 0..length {
            if self.holds(node, predicate, at)? == holds {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn found(&mut self, node: &'a Node, call: &'a Call, found: Option<usize>) -> Evaluated {
        let index = matches!(call.builtin, Builtin::FindIndex | Builtin::FindLastIndex);
        match (found, &call.then) {
            (None, _) if call.must_find => failed(node, "index out of range: nothing was found"),
            (None, _) => Ok(Value::Nil),
            (Some(at), _) if index => Ok(Value::Int(at as i64)),
            (Some(_), Some(then)) => self.eval(then),
            (Some(_), None) => Ok(self.pointed(&super::Pointer::Item)),
        }
    }

    fn each(
        &mut self,
        node: &'a Node,
        predicate: Option<&'a Node>,
        length: usize,
    ) -> Result<Vec<Value>, EvalError> {
        self.budget.elements(length).map_err(|f| f.at(node.column))?;
        (0..length).map(|at| self.at(node, predicate, at)).collect()
    }

    /// From the integer 0 on, so that only numbers have a sum.
    fn sum(&mut self, node: &'a Node, predicate: Option<&'a Node>, length: usize) -> Evaluated {
        let mut sum = Value::Int(0);
        for at in 0..length {
            let value = self.at(node, predicate, at)?;
            sum = operators::add(&value, &sum, &mut self.budget).map_err(|f| f.at(node.column))?;
        }
        Ok(sum)
    }

    fn groups(&mut self, node: &'a Node, list: &List, predicate: Option<&'a Node>) -> Evaluated {
        let keys = self.each(node, predicate, list.items.len())?;
        let mut groups: BTreeMap<Key, Vec<Value>> = BTreeMap::new();
        for (key, item) in keys.iter().zip(&list.items) {
            let Some(key) = Key::of(key) else {
                return failed(node, format!("{} is no key", key.type_name()));
            };
            self.budget.elements(2).map_err(|f| f.at(node.column))?;
            groups.entry(key).or_default().push(item.clone());
        }
        let groups = groups
            .into_iter()
            .map(|(key, items)| Ok((key, Value::list(ListKind::Any, items)?)))
            .collect::<Result<_, _>>();
        groups.and_then(|groups| Value::map(MapKind::Groups, groups)).map_err(|f| f.at(node.column))
    }

    fn sort_by(
        &mut self,
        node: &'a Node,
        call: &'a Call,
        list: &List,
        predicate: Option<&'a Node>,
    ) -> Evaluated {
        let order = match call.arguments.get(2) {
            Some(order) => self.eval(order)?,
            None => Value::text("asc"),
        };
        let keys = self.each(node, predicate, list.items.len())?;
        sorted_by(keys, list.items.clone(), &order, &mut self.budget).map_err(|f| f.at(node.column))
    }

    fn reduce(
        &mut self,
        node: &'a Node,
        call: &'a Call,
        list: &List,
        predicate: Option<&'a Node>,
    ) -> Evaluated {
        let (start, mut accumulator) = match (call.arguments.get(2), list.items.first()) {
            (Some(start), _) => (0, self.eval(start)?),
            (None, Some(first)) => (1, first.clone()),
            (None, None) => {
                return failed(node, "reduce of empty array with no initial value");
            }
        };
        for at in start..list.items.len() {
            if let Some(scope) = self.scopes.last_mut() {
                scope.accumulator = accumulator;
            }
            accumulator = self.at(node, predicate, at)?;
        }
        Ok(accumulator)
    }
}
