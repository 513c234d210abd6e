//! What may follow an operand: members, indices, slices, calls of members.

use super::super::ast::{Kind, Node};
use super::{Parsed, Parser, Token, is_name};

impl Parser {
    /// What follows the operand that began at `start`.
    pub(super) fn postfix(&mut self, mut node: Box<Node>, start: u32) -> Parsed {
        loop {
            if self.operator_is(".") {
                self.next();
                node = self.member(node, false, start)?;
            } else if self.operator_is("?.") {
                self.next();
                node = if self.bracket_is("[") {
                    self.index(node, true, start)?
                } else {
                    self.member(node, true, start)?
                };
            } else if self.bracket_is("[") {
                node = self.index(node, false, start)?;
            } else {
                return Ok(node);
            }
        }
    }

    /// `.name`: goes into the chain before it, so that `a?.b.c` as a whole is nil without `a`.
    fn member(&mut self, node: Box<Node>, optional: bool, start: u32) -> Parsed {
        let name = self.now().clone();
        let word = name.kind == Token::Operator && is_name(&name.text);
        if name.kind != Token::Name && !word {
            return self.error(format!("expected a name, found {}", name.shown()));
        }
        self.next();
        let column = name.column;
        let key = self.node(column, column, Kind::Text(name.text.into()))?;
        let (of, in_chain) = match node.kind {
            Kind::Chain(inner) => (inner, true),
            _ => (node, false),
        };
        let mut node = self.node(start, column, Kind::Member { of, key, optional })?;
        if self.bracket_is("(") {
            let arguments = self.arguments(Vec::new())?;
            node = self.node(start, column, Kind::Call { callee: node, arguments })?;
        }
        if in_chain || optional {
            node = self.node(start, column, Kind::Chain(node))?;
        }
        Ok(node)
    }

    /// `[index]`, `[from:to]`
    fn index(&mut self, of: Box<Node>, optional: bool, start: u32) -> Parsed {
        let column = self.now().column;
        self.next();
        let from = if self.operator_is(":") { None } else { Some(self.expression(0)?) };
        if self.operator_is(":") {
            self.next();
            let to = if self.bracket_is("]") { None } else { Some(self.expression(0)?) };
            self.expect_bracket("]")?;
            return self.node(start, column, Kind::Slice { of, from, to });
        }
        let Some(key) = from else { return Err(self.unexpected()) };
        self.expect_bracket("]")?;
        let node = self.node(start, column, Kind::Member { of, key, optional })?;
        if optional { self.node(start, column, Kind::Chain(node)) } else { Ok(node) }
    }
}
