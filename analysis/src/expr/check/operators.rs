//! Operators: between which types they are.

use super::super::ast::{Binary, Kind, Node, Unary};
use super::super::regexes::Pattern;
use super::super::types::Type;
use super::super::value::MapKind;
use super::{AS_FLOAT, BOTH_INTEGERS, BOTH_TEXTS, Checked, Checker, error};

/// Both are, or one is and the other may be.
fn may_both(left: &Type, right: &Type, is: impl Fn(&Type) -> bool) -> bool {
    let may = |t: &Type| t.is_unknown() || is(t);
    may(left) && may(right)
}

fn promoted(left: &Type, right: &Type) -> Type {
    if left.is_unknown() || right.is_unknown() {
        Type::Unknown
    } else if *left == Type::Float || *right == Type::Float {
        Type::Float
    } else {
        Type::Int
    }
}

/// Whether one of them is unknown, and the other one may be of these types.
fn unknown_and(left: &Type, right: &Type, is: impl Fn(&Type) -> bool) -> bool {
    (left.is_unknown() || right.is_unknown()) && may_both(left, right, is)
}

fn sum(left: &Type, right: &Type) -> Option<Type> {
    let fits = |t: &Type| t.is_number() || matches!(t, Type::Text | Type::Time | Type::Duration);
    match (left, right) {
        (Type::Text, Type::Text) => Some(Type::Text),
        (Type::Time, Type::Duration) | (Type::Duration, Type::Time) => Some(Type::Time),
        (Type::Duration, Type::Duration) => Some(Type::Duration),
        (l, r) if may_both(l, r, Type::is_number) => Some(promoted(l, r)),
        (l, r) => unknown_and(l, r, fits).then_some(Type::Unknown),
    }
}

fn difference(left: &Type, right: &Type) -> Option<Type> {
    let fits = |t: &Type| t.is_number() || matches!(t, Type::Time | Type::Duration);
    match (left, right) {
        (Type::Time, Type::Time) | (Type::Duration, Type::Duration) => Some(Type::Duration),
        (Type::Time, Type::Duration) => Some(Type::Time),
        (l, r) if may_both(l, r, Type::is_number) => Some(promoted(l, r)),
        (l, r) => unknown_and(l, r, fits).then_some(Type::Unknown),
    }
}

fn product(left: &Type, right: &Type) -> Option<Type> {
    let fits = |t: &Type| t.is_number() || *t == Type::Duration;
    match (left, right) {
        // Also by a float, where it is one when it runs.
        (Type::Duration, r) if r.is_number() || *r == Type::Duration => Some(Type::Duration),
        (l, Type::Duration) if l.is_number() => Some(Type::Duration),
        (l, r) if may_both(l, r, Type::is_number) => Some(promoted(l, r)),
        (l, r) => unknown_and(l, r, fits).then_some(Type::Unknown),
    }
}

impl<'a> Checker<'a> {
    pub(super) fn unary(&mut self, node: &'a Node, operator: Unary, of: &'a Node) -> Checked {
        let found = self.visit(of)?;
        let name = found.name();
        match operator {
            Unary::Not if found.may_be_bool() => Ok(Type::Bool),
            Unary::Plus | Unary::Minus if found.is_number() => Ok(found),
            Unary::Plus | Unary::Minus if found.is_unknown() => Ok(Type::Unknown),
            Unary::Not => error(node, format!("`not` is for true and false, not for {name}")),
            Unary::Plus | Unary::Minus => {
                error(node, format!("a sign is for numbers, not for {name}"))
            }
        }
    }

    pub(super) fn binary(
        &mut self,
        node: &'a Node,
        operator: Binary,
        left: &'a Node,
        right: &'a Node,
    ) -> Checked {
        let l = self.visit(left)?;
        let r = self.visit(right)?;
        let numbers = || may_both(&l, &r, Type::is_number);
        let texts = || may_both(&l, &r, |t| *t == Type::Text);
        let times = || may_both(&l, &r, |t| *t == Type::Time);
        let spans = || may_both(&l, &r, |t| *t == Type::Duration);
        let found = match operator {
            Binary::Equal | Binary::NotEqual => self.equality(node, &l, &r),
            Binary::Or | Binary::And => {
                may_both(&l, &r, |t| *t == Type::Bool).then_some(Type::Bool)
            }
            Binary::Less | Binary::LessOrEqual | Binary::More | Binary::MoreOrEqual => {
                (numbers() || texts() || times() || spans()).then_some(Type::Bool)
            }
            Binary::Add => sum(&l, &r),
            Binary::Subtract => difference(&l, &r),
            Binary::Multiply => product(&l, &r),
            Binary::Divide | Binary::Power => numbers().then_some(Type::Float),
            Binary::Modulo => may_both(&l, &r, Type::is_integer).then_some(Type::Int),
            Binary::Range => may_both(&l, &r, Type::is_integer).then(|| Type::list_of(Type::Int)),
            Binary::In => is_within(&l, &r).then_some(Type::Bool),
            Binary::Matches => {
                if let Kind::Text(pattern) = &right.kind
                    && let Err(message) = Pattern::compile(pattern)
                {
                    return error(right, message);
                }
                texts().then_some(Type::Bool)
            }
            Binary::Contains | Binary::StartsWith | Binary::EndsWith => {
                texts().then_some(Type::Bool)
            }
            Binary::Coalesce => Some(match (&l, &r) {
                (Type::Nil, _) => r.clone(),
                (_, Type::Nil) => l.clone(),
                _ if r.assignable_to(&l) => l.clone(),
                _ => Type::Unknown,
            }),
        };
        match found {
            Some(found) => Ok(found),
            None => {
                let (symbol, l, r) = (operator.symbol(), l.name(), r.name());
                error(node, format!("`{symbol}` does not go between {l} and {r}"))
            }
        }
    }

    fn equality(&mut self, node: &'a Node, left: &Type, right: &Type) -> Option<Type> {
        if !left.comparable_to(right) {
            return None;
        }
        if *left == Type::Int && *right == Type::Int {
            self.mark(node, BOTH_INTEGERS);
        }
        if *left == Type::Text && *right == Type::Text {
            self.mark(node, BOTH_TEXTS);
        }
        Some(Type::Bool)
    }

    /// Integers that are written where a float is taken are floats.
    pub(super) fn literals_as_floats(&mut self, node: &'a Node) {
        match &node.kind {
            Kind::Int(_) => self.mark(node, AS_FLOAT),
            Kind::Unary(_, of) => self.literals_as_floats(of),
            Kind::Binary(Binary::Add | Binary::Subtract | Binary::Multiply, left, right) => {
                self.literals_as_floats(left);
                self.literals_as_floats(right);
            }
            _ => {}
        }
    }
}

fn is_within(needle: &Type, all: &Type) -> bool {
    match all {
        Type::Map(MapKind::Texts) => *needle == Type::Text || needle.is_unknown(),
        Type::Map(MapKind::Any | MapKind::Groups) => true,
        Type::List(_, element) => needle.comparable_to(element),
        Type::Text => needle.is_unknown(),
        Type::Unknown | Type::Any => true,
        Type::Time | Type::Zone => *needle == Type::Text || needle.is_unknown(),
        Type::Nil | Type::Bool | Type::Int | Type::Int64 | Type::Float | Type::Duration => false,
    }
}
