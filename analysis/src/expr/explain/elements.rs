//! The elements that decide about a list.

use super::super::ast::{Kind, Node};
use super::super::builtins::Builtin;
use super::super::error::EvalError;
use super::super::eval::Scope;
use super::super::value::Value;
use super::EVIDENCE_CHARS_MAX;
use super::descent::{Descent, Found, Why};

/// Up to so many elements that decide together are shown one by one.
const SHOWN_MAX: usize = 3;

impl<'a> Descent<'a> {
    /// `all`, `any`, `none` and `one`.
    pub(super) fn over_elements(
        &mut self,
        node: &'a Node,
        builtin: Builtin,
        over: &'a Node,
        predicate: &'a Node,
    ) -> Found {
        let Value::List(list) = self.run.eval(over)? else {
            return Err(EvalError::NotBool { found: "no list" });
        };
        let length = list.items.len();
        let name = match over.kind {
            Kind::Binary(..) | Kind::Unary(..) | Kind::If(_) => format!("({})", self.named(over)),
            _ => self.named(over),
        };
        self.run.scopes.push(Scope::over(list));
        let found = match builtin {
            Builtin::One => self.one(node, &name, predicate, length),
            _ => self.first(node, builtin, &name, predicate, length),
        };
        self.run.scopes.pop();
        found
    }

    fn first(
        &mut self,
        node: &'a Node,
        builtin: Builtin,
        name: &str,
        predicate: &'a Node,
        length: usize,
    ) -> Found {
        let looked_for = builtin != Builtin::All;
        let found = self.run.first_that(node, Some(predicate), looked_for, length)?;
        let holds = found.is_some() == (builtin == Builtin::Any);
        let parts = match found {
            Some(at) => vec![self.element(name, predicate, at)?],
            None => self.all_alike(name, predicate, length, !looked_for)?,
        };
        Ok(Why { holds, clause: node.span, parts })
    }

    fn one(&mut self, node: &'a Node, name: &str, predicate: &'a Node, length: usize) -> Found {
        let mut places = Vec::new();
        for at in 0..length {
            if self.run.holds(node, Some(predicate), at)? && places.len() < 2 {
                places.push(at);
            }
        }
        let mut parts = Vec::new();
        for at in &places {
            parts.push(self.element(name, predicate, *at)?);
        }
        let holds = places.len() == 1;
        if holds && length > 1 {
            parts.push("no other".to_owned());
        }
        if places.is_empty() {
            parts = self.all_alike(name, predicate, length, false)?;
        }
        Ok(Why { holds, clause: node.span, parts })
    }

    /// What is the case with one element, and its place.
    fn element(&mut self, name: &str, predicate: &'a Node, at: usize) -> Result<String, EvalError> {
        let place = format!("{name}[{at}]");
        if let Some(scope) = self.run.scopes.last_mut() {
            scope.index = at;
        }
        self.places.push(place.clone());
        let found = self.decided(predicate);
        self.places.pop();
        let evidence = found?.evidence();
        let length = place.chars().count() + evidence.chars().count();
        // Lists within lists: the inner place begins with the outer one, or it is long enough.
        if evidence.starts_with(&place) || length + 2 > EVIDENCE_CHARS_MAX {
            return Ok(evidence);
        }
        Ok(format!("{place}: {evidence}"))
    }

    /// What is the case where the predicate gives the same for all elements.
    fn all_alike(
        &mut self,
        name: &str,
        predicate: &'a Node,
        length: usize,
        holds: bool,
    ) -> Result<Vec<String>, EvalError> {
        if length == 0 {
            return Ok(vec![format!("{name} is empty")]);
        }
        if length <= SHOWN_MAX {
            return (0..length).map(|at| self.element(name, predicate, at)).collect();
        }
        let predicate = self.source.short(predicate);
        let all = if holds { "all" } else { "none of the" };
        Ok(vec![format!("{predicate} holds for {all} {length} of {name}")])
    }
}
