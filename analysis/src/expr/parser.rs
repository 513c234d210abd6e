//! Tokens into a tree: operators by precedence, everything else by what it begins with.

mod postfix;
mod primary;

use super::ast::{Binary, Kind, Node, Span, Unary};
use super::budget::{DEPTH_MAX, NODES_MAX, SOURCE_BYTES_MAX};
use super::error::CompileError;
use super::lexer::{self, Kind as Token, is_name};

/// Boxed, as each level of an expression has a dozen of these on the stack, and unoptimized builds
/// give each its own place there.
type Parsed = Result<Box<Node>, Failed>;

type Failed = Box<CompileError>;

/// The tree of a text, and how many numbers its nodes took.
pub(crate) fn parse(source: &str) -> Result<(Node, u32), CompileError> {
    if source.len() > SOURCE_BYTES_MAX {
        let message = format!("the expression is longer than {SOURCE_BYTES_MAX} bytes");
        return Err(CompileError::at(1, message));
    }
    let tokens = lexer::tokens(source)?;
    let mut parser = Parser { tokens, at: 0, end: 1, nodes: 0, level: 0, predicates: 0 };
    let root = parser.sequence().map_err(|error| *error)?;
    if parser.now().kind != Token::End {
        return Err(*parser.unexpected());
    }
    Ok((*root, u32::try_from(parser.nodes).unwrap_or(u32::MAX)))
}

/// How tightly an operator binds, which it is, and whether `not` stands before it.
type Infix = ((u16, Binary), bool);

struct Parser {
    tokens: Vec<lexer::Token>,
    at: usize,
    /// Behind the last token that was taken.
    end: u32,
    nodes: usize,
    /// Expressions that are being parsed within one another.
    level: usize,
    /// Predicates around this place: within one, `#` has a meaning.
    predicates: usize,
}

/// What binds tighter has a larger number.
fn binary(operator: &str) -> Option<(u16, Binary)> {
    Some(match operator {
        "or" | "||" => (10, Binary::Or),
        "and" | "&&" => (15, Binary::And),
        "==" => (20, Binary::Equal),
        "!=" => (20, Binary::NotEqual),
        "<" => (20, Binary::Less),
        "<=" => (20, Binary::LessOrEqual),
        ">" => (20, Binary::More),
        ">=" => (20, Binary::MoreOrEqual),
        "in" => (20, Binary::In),
        "matches" => (20, Binary::Matches),
        "contains" => (20, Binary::Contains),
        "startsWith" => (20, Binary::StartsWith),
        "endsWith" => (20, Binary::EndsWith),
        ".." => (25, Binary::Range),
        "+" => (30, Binary::Add),
        "-" => (30, Binary::Subtract),
        "*" => (60, Binary::Multiply),
        "/" => (60, Binary::Divide),
        "%" => (60, Binary::Modulo),
        "**" | "^" => (100, Binary::Power),
        "??" => (500, Binary::Coalesce),
        _ => return None,
    })
}

fn unary(operator: &str) -> Option<(u16, Unary)> {
    Some(match operator {
        "not" | "!" => (50, Unary::Not),
        "+" => (90, Unary::Plus),
        "-" => (90, Unary::Minus),
        _ => return None,
    })
}

fn is_order(operator: Binary) -> bool {
    matches!(operator, Binary::Less | Binary::LessOrEqual | Binary::More | Binary::MoreOrEqual)
}

/// What `not` may stand before, as in `x not in y`.
fn can_be_negated(operator: Binary) -> bool {
    matches!(
        operator,
        Binary::In | Binary::Matches | Binary::Contains | Binary::StartsWith | Binary::EndsWith
    )
}

impl Parser {
    fn now(&self) -> &lexer::Token {
        // The last token is the end, and nothing moves past it.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) {
        self.end = self.now().end;
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    fn operator_is(&self, text: &str) -> bool {
        self.now().is_operator(text)
    }

    fn bracket_is(&self, text: &str) -> bool {
        self.now().is_bracket(text)
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, Failed> {
        Err(failed(self.now().column, message))
    }

    fn unexpected(&self) -> Failed {
        let token = self.now();
        failed(token.column, format!("{} was not expected here", token.shown()))
    }

    fn expect_operator(&mut self, text: &str) -> Result<(), Failed> {
        if !self.operator_is(text) {
            return self.error(format!("expected `{text}`, found {}", self.now().shown()));
        }
        self.next();
        Ok(())
    }

    fn expect_bracket(&mut self, text: &str) -> Result<(), Failed> {
        if !self.bracket_is(text) {
            return self.error(format!("expected `{text}`, found {}", self.now().shown()));
        }
        self.next();
        Ok(())
    }

    fn expect_name(&mut self) -> Result<lexer::Token, Failed> {
        if self.now().kind != Token::Name {
            return self.error(format!("expected a name, found {}", self.now().shown()));
        }
        let token = self.now().clone();
        self.next();
        Ok(token)
    }

    /// A node that begins at `start` and ends with the last token that was taken.
    fn node(&mut self, start: u32, column: u32, kind: Kind) -> Parsed {
        let id = u32::try_from(self.nodes).unwrap_or(u32::MAX);
        self.count(1, column)?;
        let span = Span { start, end: self.end.max(start) };
        let mut node = Box::new(Node { id, column, depth: 1, span, kind });
        let below = node.children().into_iter().map(|n| n.depth).max().unwrap_or(0);
        node.depth += below;
        if usize::from(node.depth) > DEPTH_MAX {
            return Err(too_deep(column));
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, column: u32) -> Result<(), Failed> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX {
            let message = format!("the expression has more than {NODES_MAX} parts");
            return Err(failed(column, message));
        }
        Ok(())
    }

    /// A part that is said once and stands in two places.
    fn again(&mut self, node: &Node) -> Parsed {
        self.count(node.size(), node.column)?;
        Ok(Box::new(node.clone()))
    }

    /// Expressions, one after the other; the last one counts.
    fn sequence(&mut self) -> Parsed {
        let column = self.now().column;
        let first = self.expression(0)?;
        if !self.operator_is(";") {
            return Ok(first);
        }
        let mut nodes = vec![*first];
        while self.operator_is(";") {
            self.next();
            if self.now().kind == Token::End {
                break;
            }
            nodes.push(*self.expression(0)?);
        }
        if nodes.len() == 1 {
            return nodes.pop().map(Box::new).ok_or_else(|| self.unexpected());
        }
        self.node(column, column, Kind::Sequence(nodes))
    }

    fn expression(&mut self, precedence: u16) -> Parsed {
        if self.level >= DEPTH_MAX {
            return Err(too_deep(self.now().column));
        }
        self.level += 1;
        let node = self.expression_within(precedence);
        self.level -= 1;
        node
    }

    fn expression_within(&mut self, precedence: u16) -> Parsed {
        if precedence == 0 && self.operator_is("let") {
            return self.declaration();
        }
        if precedence == 0 && self.operator_is("if") {
            return self.branches();
        }
        let start = self.now().column;
        let mut left = self.primary()?;
        let mut after_coalesce = false;
        while self.now().kind == Token::Operator {
            let column = self.now().column;
            if self.operator_is("|") && precedence == 0 {
                self.next();
                let name = self.expect_name()?;
                left = self.call(name, vec![*left], start)?;
                // What a call gives can be looked into without parentheses.
                after_coalesce = false;
                continue;
            }
            let Some(((binds, operator), negated)) = self.infix(precedence)? else { break };
            if after_coalesce && operator != Binary::Coalesce {
                let message = "`??` and other operators need parentheses between them";
                return Err(failed(column, message));
            }
            after_coalesce = operator == Binary::Coalesce;
            if is_order(operator) {
                left = self.comparisons(left, operator, binds, (start, column))?;
                continue;
            }
            let right_binds = if operator == Binary::Power { binds } else { binds + 1 };
            let right = self.expression(right_binds)?;
            left = self.node(start, column, Kind::Binary(operator, left, right))?;
            if negated {
                left = self.node(start, column, Kind::Unary(Unary::Not, left))?;
            }
        }
        if precedence == 0 {
            return self.ternary(left, start);
        }
        Ok(left)
    }

    /// The operator that stands here, if it binds tightly enough; consumed then.
    fn infix(&mut self, precedence: u16) -> Result<Option<Infix>, Failed> {
        let negated = self.operator_is("not");
        let token = if negated { self.tokens.get(self.at + 1) } else { self.tokens.get(self.at) };
        let Some(token) = token else { return Ok(None) };
        let found = binary(&token.text).filter(|_| token.kind == Token::Operator);
        let Some(found) = found.filter(|(_, o)| !negated || can_be_negated(*o)) else {
            if negated {
                self.next();
                return Err(self.unexpected());
            }
            return Ok(None);
        };
        if found.0 < precedence {
            return Ok(None);
        }
        self.at += usize::from(negated);
        self.next();
        Ok(Some((found, negated)))
    }

    /// `a < b < c` is `a < b && b < c`.
    fn comparisons(
        &mut self,
        mut left: Box<Node>,
        mut operator: Binary,
        binds: u16,
        (start, column): (u32, u32),
    ) -> Parsed {
        let mut all: Option<Box<Node>> = None;
        let mut begins = start;
        loop {
            let right_begins = self.now().column;
            let right = self.expression(binds + 1)?;
            let next = match binary(&self.now().text) {
                Some((_, next)) if self.now().kind == Token::Operator && is_order(next) => {
                    Some(next)
                }
                _ => None,
            };
            let middle = match next {
                Some(_) => Some(self.again(&right)?),
                None => None,
            };
            let one = self.node(begins, column, Kind::Binary(operator, left, right))?;
            let so_far = match all {
                None => one,
                Some(before) => {
                    let both = Kind::Binary(Binary::And, before, one);
                    self.node(start, column, both)?
                }
            };
            let (Some(next), Some(middle)) = (next, middle) else { return Ok(so_far) };
            self.next();
            (left, operator, all, begins) = (middle, next, Some(so_far), right_begins);
        }
    }

    fn declaration(&mut self) -> Parsed {
        let start = self.now().column;
        self.next();
        let name = self.expect_name()?;
        self.expect_operator("=")?;
        let value = self.expression(0)?;
        self.expect_operator(";")?;
        let body = self.sequence()?;
        self.node(start, name.column, Kind::Let { name: name.text, value, body })
    }

    /// `if a { b } else { c }`
    fn branches(&mut self) -> Parsed {
        let column = self.now().column;
        self.next();
        let condition = self.expression(0)?;
        let yes = self.braced()?;
        self.expect_operator("else")?;
        let no = if self.operator_is("if") { self.expression(0)? } else { self.braced()? };
        self.node(column, column, Kind::If(Box::new([*condition, *yes, *no])))
    }

    fn braced(&mut self) -> Parsed {
        self.expect_bracket("{")?;
        let node = self.sequence()?;
        self.expect_bracket("}")?;
        Ok(node)
    }

    /// `a ? b : c`, and `a ?: c`
    fn ternary(&mut self, mut node: Box<Node>, start: u32) -> Parsed {
        while self.operator_is("?") {
            let column = self.now().column;
            self.next();
            let yes = if self.operator_is(":") { self.again(&node)? } else { self.expression(0)? };
            self.expect_operator(":")?;
            let no = self.expression(0)?;
            node = self.node(start, column, Kind::If(Box::new([*node, *yes, *no])))?;
        }
        Ok(node)
    }
}

fn failed(column: u32, message: impl Into<String>) -> Failed {
    Box::new(CompileError::at(column, message))
}

fn too_deep(column: u32) -> Failed {
    failed(column, format!("the expression is nested deeper than {DEPTH_MAX} levels"))
}
