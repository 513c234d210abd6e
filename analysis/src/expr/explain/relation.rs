//! What is the case between two values.

use super::super::ast::{Binary, Kind, Node};
use super::super::builtins::Builtin;
use super::super::operators::float;
use super::super::value::Value;
use super::shown::{DIGITS, DIGITS_MAX, Shown, VALUE_CHARS_MAX, number};

/// A comparison that was made.
pub(super) struct Relation<'a> {
    pub(super) shown: Shown<'a>,
    pub(super) operator: Binary,
    pub(super) left: &'a Node,
    pub(super) right: &'a Node,
    pub(super) values: (Value, Value),
    pub(super) holds: bool,
}

impl Relation<'_> {
    /// What is the case: the relation itself, or its opposite. Nothing, where that cannot be said
    /// of the values as they are shown.
    pub(super) fn said(&self) -> Option<String> {
        let (l, r) = &self.values;
        let value = |value: &Value| self.shown.value(value);
        if let (Binary::In, Value::List(list)) = (self.operator, r) {
            let all = match (&self.right.kind, list.items.as_slice()) {
                (Kind::Binary(Binary::Range, ..), [first, .., last]) => {
                    format!("{}..{}", value(first), value(last))
                }
                _ => value(r),
            };
            // Like, but not equal: as it is shown it would be among them.
            let alike = |item: &Value| value(item) == value(l);
            if !self.holds && list.items.iter().take(VALUE_CHARS_MAX).any(alike) {
                return None;
            }
            return Some(format!("{} {} {all}", value(l), self.verb()?));
        }
        match (self.operator, l, r) {
            (Binary::Contains, Value::Text(l), Value::Text(part)) => {
                let at = l.find(&**part).map_or(0, |at| before(l, at));
                self.related(self.shown.text_from(l, at), self.shown.text(part))
            }
            (Binary::StartsWith, Value::Text(l), Value::Text(part)) => {
                let (l, part) = self.texts(l, part);
                self.related(l, part)
            }
            (Binary::EndsWith, Value::Text(l), Value::Text(part)) => {
                self.related(self.shown.text_end(l), self.shown.text_end(part))
            }
            (Binary::Equal | Binary::NotEqual, ..) => self.equality(),
            (Binary::Less | Binary::LessOrEqual | Binary::More | Binary::MoreOrEqual, ..) => {
                let (shown, other) = self.both();
                let symbol = self.operator.symbol();
                if !self.holds && (is_nan(l) || is_nan(r)) {
                    return Some(format!("{shown} is not {symbol} {other}"));
                }
                let symbol = if self.holds { symbol } else { opposite(self.operator)? };
                if shown == other && matches!(symbol, "<" | ">") {
                    return None;
                }
                Some(format!("{shown} {symbol} {other}"))
            }
            _ => self.related(value(l), value(r)),
        }
    }

    /// Everything is in itself, begins with itself and so on: it is not said of what looks alike
    /// that it does not.
    fn related(&self, shown: String, other: String) -> Option<String> {
        if !self.holds && shown == other {
            return None;
        }
        Some(format!("{shown} {} {other}", self.verb()?))
    }

    fn equality(&self) -> Option<String> {
        let equal = self.holds == (self.operator == Binary::Equal);
        let (shown, other) = self.both();
        // Different values that look alike where they are cut, or as they are written.
        if !equal && shown == other && !is_nan(&self.values.0) {
            return None;
        }
        Some(format!("{shown} {} {other}", if equal { "==" } else { "!=" }))
    }

    fn verb(&self) -> Option<&'static str> {
        Some(match (self.operator, self.holds) {
            (Binary::In, true) => "in",
            (Binary::In, false) => "not in",
            (Binary::Matches, true) => "matches",
            (Binary::Matches, false) => "does not match",
            (Binary::Contains, true) => "contains",
            (Binary::Contains, false) => "does not contain",
            (Binary::StartsWith, true) => "starts with",
            (Binary::StartsWith, false) => "does not start with",
            (Binary::EndsWith, true) => "ends with",
            (Binary::EndsWith, false) => "does not end with",
            _ => return None,
        })
    }

    /// Both values, such that what differs looks different.
    fn both(&self) -> (String, String) {
        let (l, r) = &self.values;
        match (l, r) {
            (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
                let (shown, other) = self.numbers();
                (counted(self.left, l, shown), counted(self.right, r, other))
            }
            (Value::Text(l), Value::Text(r)) => self.texts(l, r),
            _ => (self.shown.value(l), self.shown.value(r)),
        }
    }

    /// Two texts from their beginnings, or from where they begin to differ.
    fn texts(&self, l: &str, r: &str) -> (String, String) {
        let (shown, other) = (self.shown.text(l), self.shown.text(r));
        if shown != other || l == r {
            return (shown, other);
        }
        let same = |((at, a), b): ((usize, char), char)| (a == b).then_some(at + a.len_utf8());
        let differ = l.char_indices().zip(r.chars()).map_while(same).last().unwrap_or(0);
        (self.shown.text_from(l, before(l, differ)), self.shown.text_from(r, before(r, differ)))
    }

    fn numbers(&self) -> (String, String) {
        let (l, r) = &self.values;
        if let (Value::Int(l), Value::Int(r)) = (l, r) {
            return (l.to_string(), r.to_string());
        }
        let (l, r) = (float(l).unwrap_or(f64::NAN), float(r).unwrap_or(f64::NAN));
        // What is written in the condition is shown as it is written.
        let shown = |node: &Node, f: f64, digits: usize| match node.kind {
            Kind::Int(_) | Kind::Float(_) => number(f, DIGITS_MAX),
            _ => number(f, digits),
        };
        for digits in DIGITS..DIGITS_MAX {
            let (a, b) = (shown(self.left, l, digits), shown(self.right, r, digits));
            if read(&a).partial_cmp(&read(&b)) == l.partial_cmp(&r) {
                return (a, b);
            }
        }
        (number(l, DIGITS_MAX), number(r, DIGITS_MAX))
    }
}

fn read(shown: &str) -> f64 {
    shown.parse().unwrap_or(f64::NAN)
}

/// A count that ended where it was enough is no more than that.
fn counted(node: &Node, found: &Value, shown: String) -> String {
    match (&node.kind, found) {
        (Kind::Builtin(call), Value::Int(count))
            if call.builtin == Builtin::Count && call.enough == Some(*count) =>
        {
            format!("at least {shown}")
        }
        _ => shown,
    }
}

fn is_nan(value: &Value) -> bool {
    matches!(value, Value::Float(f) if f.is_nan())
}

fn opposite(operator: Binary) -> Option<&'static str> {
    Some(match operator {
        Binary::Less => ">=",
        Binary::LessOrEqual => ">",
        Binary::More => "<=",
        Binary::MoreOrEqual => "<",
        _ => return None,
    })
}

/// How far a text has to go for a part of it to be looked at from near by.
const ENOUGH_CHARS: usize = 30;

/// Some characters before a place, where a text would else be cut before it; its beginning, if that
/// is not far.
fn before(text: &str, at: usize) -> usize {
    const CONTEXT: usize = 8;
    let mut all = text[..at].char_indices().rev();
    match all.nth(ENOUGH_CHARS - 1) {
        Some(_) => text[..at].char_indices().rev().nth(CONTEXT - 1).map_or(0, |(at, _)| at),
        None => 0,
    }
}
