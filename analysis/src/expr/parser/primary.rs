//! What an operand begins with: literals, names, calls, lists and maps.

use super::super::ast::{Call, Kind, Node, Pointer};
use super::super::builtins::Builtin;
use super::super::lexer::{Kind as Token, Token as Found};
use super::{Failed, Parsed, Parser, failed, unary};

impl Parser {
    pub(super) fn primary(&mut self) -> Parsed {
        if self.bracket_is("(") {
            return self.parenthesized();
        }
        let token = self.now().clone();
        let start = token.column;
        if token.kind == Token::Operator {
            if let Some((binds, operator)) = unary(&token.text) {
                self.next();
                let of = self.expression(binds)?;
                let node = self.node(start, start, Kind::Unary(operator, of))?;
                return self.postfix(node, start);
            }
            if self.predicates > 0 && (token.text == "#" || token.text == ".") {
                let pointer = self.pointer(&token);
                let node = self.node(start, start, Kind::Pointer(pointer))?;
                return self.postfix(node, start);
            }
            if token.text == "::" {
                self.next();
                let name = self.expect_name()?;
                let node = self.call(name, Vec::new(), start)?;
                return self.postfix(node, start);
            }
            return Err(self.unexpected());
        }
        self.operand(token)
    }

    fn parenthesized(&mut self) -> Parsed {
        let start = self.now().column;
        self.next();
        let node = self.sequence()?;
        self.expect_bracket(")")?;
        self.postfix(node, start)
    }

    /// `#` itself, or `#index`; a dot that stands for `#.` is left to what follows.
    fn pointer(&mut self, token: &Found) -> Pointer {
        if token.text == "." {
            return Pointer::Item;
        }
        self.next();
        if self.now().kind != Token::Name {
            return Pointer::Item;
        }
        let name = self.now().text.clone();
        self.next();
        Pointer::Named(name)
    }

    fn operand(&mut self, token: Found) -> Parsed {
        let column = token.column;
        let node = match token.kind {
            Token::Name => {
                self.next();
                match token.text.as_str() {
                    "true" => return self.node(column, column, Kind::Bool(true)),
                    "false" => return self.node(column, column, Kind::Bool(false)),
                    "nil" => return self.node(column, column, Kind::Nil),
                    _ if self.bracket_is("(") => self.call(token, Vec::new(), column)?,
                    _ => self.node(column, column, Kind::Name(token.text))?,
                }
            }
            Token::Number => {
                self.next();
                return self.number(&token);
            }
            Token::Text => {
                self.next();
                self.node(column, column, Kind::Text(token.text.into()))?
            }
            Token::Bracket if token.text == "[" => self.list()?,
            Token::Bracket if token.text == "{" => self.map()?,
            Token::Bracket | Token::Operator | Token::End => return Err(self.unexpected()),
        };
        self.postfix(node, column)
    }

    fn number(&mut self, token: &Found) -> Parsed {
        let text = token.text.replace('_', "").to_ascii_lowercase();
        let based = |prefix, radix| {
            text.strip_prefix(prefix).map(|digits| i64::from_str_radix(digits, radix).ok())
        };
        let kind = if let Some(number) = based("0x", 16) {
            number.map(Kind::Int)
        } else if text.contains(['.', 'e']) {
            text.parse::<f64>().ok().filter(|f| f.is_finite()).map(Kind::Float)
        } else if let Some(number) = based("0b", 2).or_else(|| based("0o", 8)) {
            number.map(Kind::Int)
        } else {
            text.parse::<i64>().ok().map(Kind::Int)
        };
        match kind {
            Some(kind) => self.node(token.column, token.column, kind),
            None => {
                let message = format!("{} is not a number that fits into 64 bits", token.shown());
                Err(failed(token.column, message))
            }
        }
    }

    /// A call by name; from a pipe, with its first argument, where it begins then.
    pub(super) fn call(&mut self, name: Found, before: Vec<Node>, start: u32) -> Parsed {
        let Some(builtin) = Builtin::named(&name.text) else {
            let callee = self.node(name.column, name.column, Kind::Name(name.text))?;
            let arguments = self.arguments(before)?;
            return self.node(start, name.column, Kind::Call { callee, arguments });
        };
        let arguments = match builtin.with_predicate() {
            Some(least) => self.predicate_arguments(&name, before, least)?,
            None => self.arguments(before)?,
        };
        self.node(start, name.column, Kind::Builtin(Box::new(Call::new(builtin, arguments))))
    }

    pub(super) fn arguments(&mut self, mut nodes: Vec<Node>) -> Result<Vec<Node>, Failed> {
        self.expect_bracket("(")?;
        let mut first = true;
        while !self.bracket_is(")") {
            if !first {
                self.expect_operator(",")?;
                if self.bracket_is(")") {
                    break;
                }
            }
            first = false;
            nodes.push(*self.expression(0)?);
        }
        self.next();
        Ok(nodes)
    }

    /// A list, a predicate, and what else there may be: `least` and `most` arguments in all.
    fn predicate_arguments(
        &mut self,
        name: &Found,
        mut nodes: Vec<Node>,
        (least, most): (usize, usize),
    ) -> Result<Vec<Node>, Failed> {
        self.expect_bracket("(")?;
        let before = nodes.len();
        for place in before..most {
            if self.bracket_is(")") {
                if place < least {
                    let message = format!("`{}` takes at least {least} arguments", name.text);
                    return Err(failed(name.column, message));
                }
                break;
            }
            if place > before {
                self.expect_operator(",")?;
                if place >= least && self.bracket_is(")") {
                    break;
                }
            }
            let node = if place == 1 { self.predicate()? } else { self.expression(0)? };
            nodes.push(*node);
        }
        if self.operator_is(",") {
            self.next();
        }
        self.expect_bracket(")")?;
        Ok(nodes)
    }

    fn predicate(&mut self) -> Parsed {
        self.predicates += 1;
        let node = if self.bracket_is("{") {
            self.braced()
        } else {
            let node = self.expression(0);
            if self.operator_is(";") {
                return self.error("a predicate with `;` needs braces around it");
            }
            node
        };
        self.predicates -= 1;
        node
    }

    fn list(&mut self) -> Parsed {
        let column = self.now().column;
        self.next();
        let mut nodes = Vec::new();
        while !self.bracket_is("]") {
            if !nodes.is_empty() {
                self.expect_operator(",")?;
                if self.bracket_is("]") {
                    break;
                }
            }
            nodes.push(*self.expression(0)?);
        }
        self.next();
        self.node(column, column, Kind::List(nodes))
    }

    fn map(&mut self) -> Parsed {
        let column = self.now().column;
        self.next();
        let mut pairs = Vec::new();
        while !self.bracket_is("}") {
            if !pairs.is_empty() {
                self.expect_operator(",")?;
                if self.bracket_is("}") {
                    break;
                }
            }
            let token = self.now().clone();
            let key = match token.kind {
                Token::Name | Token::Number | Token::Text => {
                    self.next();
                    self.node(token.column, token.column, Kind::Text(token.text.into()))?
                }
                _ if token.is_bracket("(") => self.expression(0)?,
                _ => {
                    return self.error(format!(
                        "a key is a name, a number, a text or stands in parentheses; found {}",
                        token.shown()
                    ));
                }
            };
            self.expect_operator(":")?;
            let value = self.expression(0)?;
            pairs.push((*key, *value));
        }
        self.next();
        self.node(column, column, Kind::Map(pairs))
    }
}
