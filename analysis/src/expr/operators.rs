//! What the operators do with values.

use super::budget::Budget;
use super::error::{Fault, fault};
use super::value::{ListKind, Map, Value};
use sluice_crd::duration::GoDuration;

type Given = Result<Value, Fault>;

/// Two numbers, floats as soon as one of them is.
enum Numbers {
    Ints(i64, i64),
    Floats(f64, f64),
}

fn numbers(left: &Value, right: &Value) -> Option<Numbers> {
    Some(match (left, right) {
        (Value::Int(a), Value::Int(b)) => Numbers::Ints(*a, *b),
        _ => Numbers::Floats(float(left)?, float(right)?),
    })
}

/// A number as a float.
pub(crate) fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(i) => Some(*i as f64),
        Value::Float(f) => Some(*f),
        Value::Nil
        | Value::Bool(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Time(_)
        | Value::Duration(_)
        | Value::Zone => None,
    }
}

/// A number as an integer, without what is behind its point. What does not fit becomes the smallest
/// integer, as on the machines that upstream runs on.
pub(crate) fn truncated(f: f64) -> i64 {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&f) { f as i64 } else { i64::MIN }
}

/// A number that is used as an integer.
pub(crate) fn integer(value: &Value) -> Result<i64, Fault> {
    match value {
        Value::Int(i) => Ok(*i),
        Value::Float(f) => Ok(truncated(*f)),
        other => fault(format!("expected an integer, found {}", other.type_name())),
    }
}

fn mismatch<T>(symbol: &str, left: &Value, right: &Value) -> Result<T, Fault> {
    let (left, right) = (left.type_name(), right.type_name());
    fault(format!("`{symbol}` does not go between {left} and {right}"))
}

pub(crate) fn negate(value: &Value) -> Given {
    match value {
        Value::Int(i) => Ok(Value::Int(i.wrapping_neg())),
        Value::Float(f) => Ok(Value::Float(-f)),
        other => fault(format!("a sign is for numbers, not for {}", other.type_name())),
    }
}

pub(crate) fn add(left: &Value, right: &Value, budget: &mut Budget) -> Given {
    if let (Value::Text(a), Value::Text(b)) = (left, right) {
        budget.text(a.len() + b.len())?;
        return Ok(Value::text([&**a, &**b].concat()));
    }
    match (left, right) {
        (Value::Time(time), Value::Duration(span)) | (Value::Duration(span), Value::Time(time)) => {
            return Ok(Value::Time(time.plus(*span)?.into()));
        }
        (Value::Duration(a), Value::Duration(b)) => return Ok(spans(*a, *b, i64::wrapping_add)),
        _ => {}
    }
    match numbers(left, right) {
        Some(Numbers::Ints(a, b)) => Ok(Value::Int(a.wrapping_add(b))),
        Some(Numbers::Floats(a, b)) => Ok(Value::Float(a + b)),
        None => mismatch("+", left, right),
    }
}

/// Durations wrap around like integers.
fn spans(a: GoDuration, b: GoDuration, how: fn(i64, i64) -> i64) -> Value {
    Value::Duration(GoDuration::from_nanos(how(a.as_nanos(), b.as_nanos())))
}

pub(crate) fn subtract(left: &Value, right: &Value) -> Given {
    match (left, right) {
        (Value::Time(a), Value::Time(b)) => return Ok(Value::Duration(a.since(b))),
        (Value::Time(time), Value::Duration(span)) => {
            return Ok(Value::Time(time.minus(*span)?.into()));
        }
        (Value::Duration(a), Value::Duration(b)) => return Ok(spans(*a, *b, i64::wrapping_sub)),
        _ => {}
    }
    match numbers(left, right) {
        Some(Numbers::Ints(a, b)) => Ok(Value::Int(a.wrapping_sub(b))),
        Some(Numbers::Floats(a, b)) => Ok(Value::Float(a - b)),
        None => mismatch("-", left, right),
    }
}

/// A duration times a float is a float, of nanoseconds.
pub(crate) fn multiply(left: &Value, right: &Value) -> Given {
    match (left, right) {
        (Value::Duration(a), Value::Duration(b)) => return Ok(spans(*a, *b, i64::wrapping_mul)),
        (Value::Duration(span), Value::Int(by)) | (Value::Int(by), Value::Duration(span)) => {
            return Ok(spans(*span, GoDuration::from_nanos(*by), i64::wrapping_mul));
        }
        (Value::Duration(span), Value::Float(by)) | (Value::Float(by), Value::Duration(span)) => {
            return Ok(Value::Float(span.as_nanos() as f64 * by));
        }
        _ => {}
    }
    match numbers(left, right) {
        Some(Numbers::Ints(a, b)) => Ok(Value::Int(a.wrapping_mul(b))),
        Some(Numbers::Floats(a, b)) => Ok(Value::Float(a * b)),
        None => mismatch("*", left, right),
    }
}

/// Always a float, also between integers.
pub(crate) fn divide(left: &Value, right: &Value) -> Given {
    match (float(left), float(right)) {
        (Some(a), Some(b)) => Ok(Value::Float(a / b)),
        _ => mismatch("/", left, right),
    }
}

/// Between integers only.
pub(crate) fn modulo(left: &Value, right: &Value) -> Given {
    match (left, right) {
        (Value::Int(_), Value::Int(0)) => fault("integer divide by zero"),
        (Value::Int(a), Value::Int(b)) => Ok(Value::Int(a.wrapping_rem(*b))),
        _ => mismatch("%", left, right),
    }
}

pub(crate) fn power(left: &Value, right: &Value) -> Given {
    match (float(left), float(right)) {
        (Some(a), Some(b)) => Ok(Value::Float(a.powf(b))),
        _ => mismatch("**", left, right),
    }
}

/// `<`; the others are this one, turned round.
pub(crate) fn less(left: &Value, right: &Value, budget: &mut Budget) -> Result<bool, Fault> {
    order(left, right, "<", budget).map(|o| o == Some(std::cmp::Ordering::Less))
}

/// How two values are ordered; not at all where one is NaN.
pub(crate) fn order(
    left: &Value,
    right: &Value,
    symbol: &str,
    budget: &mut Budget,
) -> Result<Option<std::cmp::Ordering>, Fault> {
    if let (Value::Text(a), Value::Text(b)) = (left, right) {
        budget.steps(a.len().min(b.len()) / 16)?;
        return Ok(Some(a.cmp(b)));
    }
    match (left, right) {
        (Value::Time(a), Value::Time(b)) => return Ok(Some(a.order(b))),
        (Value::Duration(a), Value::Duration(b)) => return Ok(Some(a.cmp(b))),
        _ => {}
    }
    match numbers(left, right) {
        Some(Numbers::Ints(a, b)) => Ok(Some(a.cmp(&b))),
        Some(Numbers::Floats(a, b)) => Ok(a.partial_cmp(&b)),
        None => mismatch(symbol, left, right),
    }
}

/// `==`: what is of another type is not equal, but for numbers.
pub(crate) fn equal(left: &Value, right: &Value, budget: &mut Budget) -> Result<bool, Fault> {
    budget.steps(1)?;
    match (left, right) {
        (Value::List(a), Value::List(b)) => {
            let loose = holds_anything(a.kind) || holds_anything(b.kind);
            let paired = |kind| matches!(kind, ListKind::Pair | ListKind::Pairs);
            let comparable = a.kind == b.kind || loose && !paired(a.kind) && !paired(b.kind);
            if !comparable || a.items.len() != b.items.len() {
                return Ok(false);
            }
            for (a, b) in a.items.iter().zip(&b.items) {
                let same = if loose { equal(a, b, budget)? } else { identical(a, b, budget)? };
                if !same {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Map(a), Value::Map(b)) => same_maps(a, b, budget),
        (Value::Nil, other) | (other, Value::Nil) => Ok(other.is_nil()),
        (Value::Int(a), Value::Int(b)) => Ok(a == b),
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
            Ok(float(left) == float(right))
        }
        _ => identical(left, right, budget),
    }
}

fn holds_anything(kind: ListKind) -> bool {
    matches!(kind, ListKind::Any | ListKind::Absent)
}

/// Equal in type as well, all the way down.
fn identical(left: &Value, right: &Value, budget: &mut Budget) -> Result<bool, Fault> {
    budget.steps(1)?;
    Ok(match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => {
            budget.steps(a.len().min(b.len()) / 16)?;
            a == b
        }
        (Value::List(a), Value::List(b)) => {
            if a.kind != b.kind || a.items.len() != b.items.len() {
                return Ok(false);
            }
            for (a, b) in a.items.iter().zip(&b.items) {
                if !identical(a, b, budget)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(a), Value::Map(b)) => same_maps(a, b, budget)?,
        (Value::Time(a), Value::Time(b)) => a.order(b).is_eq(),
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Zone, Value::Zone) => true,
        _ => false,
    })
}

fn same_maps(left: &Map, right: &Map, budget: &mut Budget) -> Result<bool, Fault> {
    if left.kind != right.kind || left.entries.len() != right.entries.len() {
        return Ok(false);
    }
    for ((key, value), (other_key, other)) in left.entries.iter().zip(&right.entries) {
        if key != other_key || !identical(value, other, budget)? {
            return Ok(false);
        }
    }
    Ok(true)
}
