//! What may follow an operand: members, indices, slices, calls of members.

use super::super::ast::{Kind, Node};
use super::{Parsed, Parser, Token, is_name};

impl Parser {
    pub(super) fn postfix(&mut self, mut node: Node) -> Parsed {
        loop {
            if self.operator_is(".") {
                self.next();
                node = self.member(node, false)?;
            } else if self.operator_is("?.") {
                self.next();
                node = if self.bracket_is("[") {
                    self.index(node, true)?
                } else {
                    self.member(node, true)?
                };
            } else if self.bracket_is("[") {
                node = self.index(node, false)?;
            } else {
                return Ok(node);
            }
        }
    }

    /// `.name`: goes into the chain before it, so that `a?.b.c` as a whole is nil without `a`.
    fn member(&mut self, node: Node, optional: bool) -> Parsed {
        let name = self.now().clone();
        let word = name.kind == Token::Operator && is_name(&name.text);
        if name.kind != Token::Name && !word {
            return self.error(format!("expected a name, found {}", name.shown()));
        }
        self.next();
        let column = name.column;
        let key = Box::new(self.node(column, Kind::Text(name.text.into()))?);
        let (of, in_chain) = match node.kind {
            Kind::Chain(inner) => (inner, true),
            _ => (Box::new(node), false),
        };
        let mut node = self.node(column, Kind::Member { of, key, optional })?;
        if self.bracket_is("(") {
            let arguments = self.arguments(Vec::new())?;
            node = self.node(column, Kind::Call { callee: Box::new(node), arguments })?;
        }
        if in_chain || optional {
            node = self.node(column, Kind::Chain(Box::new(node)))?;
        }
        Ok(node)
    }

    /// `[index]`, `[from:to]`
    fn index(&mut self, node: Node, optional: bool) -> Parsed {
        let column = self.now().column;
        self.next();
        let of = Box::new(node);
        let from = if self.operator_is(":") { None } else { Some(Box::new(self.expression(0)?)) };
        let node = if self.operator_is(":") {
            self.next();
            let to = if self.bracket_is("]") { None } else { Some(Box::new(self.expression(0)?)) };
            self.node(column, Kind::Slice { of, from, to })?
        } else {
            let Some(key) = from else { return Err(self.unexpected()) };
            let node = self.node(column, Kind::Member { of, key, optional })?;
            if optional { self.node(column, Kind::Chain(Box::new(node)))? } else { node }
        };
        self.expect_bracket("]")?;
        Ok(node)
    }
}
