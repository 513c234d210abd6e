//! Functions of numbers.

use super::super::budget::Budget;
use super::super::error::{Fault, fault, quoted};
use super::super::operators::{less, truncated};
use super::super::value::{List, ListKind, Value};
use super::Builtin;

type Given = Result<Value, Fault>;

pub(crate) fn apply(
    builtin: Builtin,
    first: &Value,
    values: &[Value],
    budget: &mut Budget,
) -> Given {
    match builtin {
        Builtin::Abs => match first {
            Value::Int(i) => Ok(Value::Int(i.wrapping_abs())),
            Value::Float(f) => Ok(Value::Float(if *f < 0.0 { -f } else { *f })),
            other => unfit(builtin, other),
        },
        Builtin::Ceil => rounded(builtin, first, f64::ceil),
        Builtin::Floor => rounded(builtin, first, f64::floor),
        Builtin::Round => rounded(builtin, first, f64::round),
        Builtin::Int => match first {
            Value::Int(i) => Ok(Value::Int(*i)),
            Value::Float(f) => Ok(Value::Int(truncated(*f))),
            Value::Duration(span) => Ok(Value::Int(span.as_nanos())),
            Value::Text(text) => parse_integer(text, "int"),
            other => unfit(builtin, other),
        },
        Builtin::Float => match first {
            Value::Int(i) => Ok(Value::Float(*i as f64)),
            Value::Float(f) => Ok(Value::Float(*f)),
            Value::Text(text) => parse_float(text, "float"),
            other => unfit(builtin, other),
        },
        Builtin::Max | Builtin::Min => extreme(builtin, values, budget),
        Builtin::Mean => {
            let mut all = Vec::new();
            collect(builtin, values, &mut all, budget)?;
            let count = all.len() as f64;
            Ok(Value::Float(if all.is_empty() { 0.0 } else { total(values) / count }))
        }
        Builtin::Median => {
            let mut all = Vec::new();
            collect(builtin, values, &mut all, budget)?;
            Ok(Value::Float(median(all)))
        }
        _ => bits(builtin, values),
    }
}

fn unfit<T>(builtin: Builtin, value: &Value) -> Result<T, Fault> {
    fault(format!("`{}` does not take {}", builtin.name(), value.type_name()))
}

fn rounded(builtin: Builtin, value: &Value, how: fn(f64) -> f64) -> Given {
    match value {
        Value::Int(i) => Ok(Value::Float(*i as f64)),
        Value::Float(f) => Ok(Value::Float(how(*f))),
        other => unfit(builtin, other),
    }
}

pub(crate) fn parse_integer(text: &str, function: &str) -> Given {
    match text.parse() {
        Ok(i) => Ok(Value::Int(i)),
        Err(_) => fault(format!("{function}(): {} is not an integer", quoted(text))),
    }
}

/// What is too large for a float is an error, not infinite.
pub(crate) fn parse_float(text: &str, function: &str) -> Given {
    match text.parse::<f64>() {
        Ok(f) if f.is_finite() || !text.contains(|c: char| c.is_ascii_digit()) => {
            Ok(Value::Float(f))
        }
        _ => fault(format!("{function}(): {} is not a number", quoted(text))),
    }
}

/// The largest or smallest number, also in lists of lists; nil where there is none.
fn extreme(builtin: Builtin, values: &[Value], budget: &mut Budget) -> Given {
    let mut best = Value::Nil;
    for value in values {
        match value {
            Value::List(list) => {
                // Lists of one type are judged by themselves first: with NaN, that shows.
                if matches!(list.kind, ListKind::Ints | ListKind::Floats) {
                    let mut own = Value::Nil;
                    for item in &list.items {
                        take_better(builtin, &mut own, item, budget)?;
                    }
                    if !matches!(own, Value::Nil) {
                        take_better(builtin, &mut best, &own, budget)?;
                    }
                    continue;
                }
                for item in &list.items {
                    match item {
                        Value::Int(_) | Value::Float(_) => {
                            take_better(builtin, &mut best, item, budget)?;
                        }
                        Value::List(_) => {
                            let own = extreme(builtin, std::slice::from_ref(item), budget)?;
                            if !matches!(own, Value::Nil) {
                                take_better(builtin, &mut best, &own, budget)?;
                            }
                        }
                        other => return unfit(builtin, other),
                    }
                }
            }
            Value::Int(_) | Value::Float(_) | Value::Duration(_) => {
                take_better(builtin, &mut best, value, budget)?;
            }
            other if values.len() == 1 => return Ok(other.clone()),
            other => return unfit(builtin, other),
        }
    }
    Ok(best)
}

fn take_better(
    builtin: Builtin,
    best: &mut Value,
    item: &Value,
    budget: &mut Budget,
) -> Result<(), Fault> {
    budget.steps(1)?;
    let better = match (&*best, builtin) {
        (Value::Nil, _) => true,
        (best, Builtin::Max) => less(best, item, budget)?,
        (best, _) => less(item, best, budget)?,
    };
    if better {
        *best = item.clone();
    }
    Ok(())
}

/// All numbers of lists within lists.
fn collect(
    builtin: Builtin,
    values: &[Value],
    all: &mut Vec<f64>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    for value in values {
        budget.elements(1)?;
        match value {
            Value::Int(i) => all.push(*i as f64),
            Value::Float(f) => all.push(*f),
            Value::Duration(span) => all.push(span.as_nanos() as f64),
            Value::List(list) => collect(builtin, &list.items, all, budget)?,
            other => return unfit(builtin, other),
        }
    }
    Ok(())
}

/// The sum of a list is taken before it is added: the last digits depend on it.
fn total(values: &[Value]) -> f64 {
    let of_list = |list: &List| total(&list.items);
    values.iter().fold(0.0, |sum, value| {
        sum + match value {
            Value::Int(i) => *i as f64,
            Value::Float(f) => *f,
            Value::Duration(span) => span.as_nanos() as f64,
            Value::List(list) => of_list(list),
            _ => 0.0,
        }
    })
}

/// NaN comes before all numbers.
fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(|a, b| b.is_nan().cmp(&a.is_nan()).then(a.total_cmp(b)));
    let middle = all.len() / 2;
    match (all.get(middle), all.len() % 2) {
        (None, _) => 0.0,
        (Some(m), 1) => *m,
        (Some(m), _) => (all[middle - 1] + m) / 2.0,
    }
}

fn bits(builtin: Builtin, values: &[Value]) -> Given {
    let mut numbers = [0_i64; 2];
    for (number, value) in numbers.iter_mut().zip(values) {
        match value {
            Value::Int(i) => *number = *i,
            other => return unfit(builtin, other),
        }
    }
    let [x, y] = numbers;
    let shifts = matches!(builtin, Builtin::BitShl | Builtin::BitShr | Builtin::BitUshr);
    if shifts && y < 0 {
        return fault(format!("negative shift count {y}"));
    }
    let by = u32::try_from(y).unwrap_or(u32::MAX);
    Ok(Value::Int(match builtin {
        Builtin::BitAnd => x & y,
        Builtin::BitOr => x | y,
        Builtin::BitXor => x ^ y,
        Builtin::BitNand => x & !y,
        Builtin::BitNot => !x,
        Builtin::BitShl => x.checked_shl(by).unwrap_or(0),
        Builtin::BitShr => x >> by.min(63),
        _ => (x as u64).checked_shr(by).unwrap_or(0) as i64,
    }))
}
