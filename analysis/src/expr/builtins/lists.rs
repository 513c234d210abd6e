//! Functions of lists and maps.

use super::super::budget::Budget;
use super::super::error::{Fault, fault, quoted};
use super::super::eval::{entry, fetch, place};
use super::super::operators::{equal, less};
use super::super::value::{Key, List, ListKind, Map, MapKind, Value};
use super::Builtin;
use std::cmp::Ordering;
use std::collections::BTreeMap;

type Given = Result<Value, Fault>;

pub(crate) fn apply(
    builtin: Builtin,
    first: &Value,
    values: &[Value],
    budget: &mut Budget,
) -> Given {
    let second = values.get(1).unwrap_or(&Value::Nil);
    match builtin {
        Builtin::Len => length(first, budget),
        Builtin::First => Ok(fetch(first, &Value::Int(0)).unwrap_or(Value::Nil)),
        Builtin::Last => Ok(fetch(first, &Value::Int(-1)).unwrap_or(Value::Nil)),
        Builtin::Get => get(first, second),
        Builtin::Keys | Builtin::Values | Builtin::ToPairs => {
            let Value::Map(map) = first else { return unfit(builtin, first) };
            of_map(builtin, map, budget)
        }
        Builtin::Concat => {
            let mut items = Vec::new();
            for value in values {
                let Value::List(list) = value else { return unfit(builtin, value) };
                budget.elements(list.items.len())?;
                items.extend_from_slice(&list.items);
            }
            if items.is_empty() {
                return Ok(Value::absent());
            }
            Value::list(ListKind::Any, items)
        }
        Builtin::Sort => {
            let order = values.get(1).cloned().unwrap_or_else(|| Value::text("asc"));
            let items = match first {
                Value::List(list) if !matches!(list.kind, ListKind::Pair | ListKind::Pairs) => {
                    budget.elements(list.items.len())?;
                    list.items.clone()
                }
                _ => Vec::new(),
            };
            sorted_by(items.clone(), items, &order, budget)
        }
        _ => {
            let Value::List(list) = first else { return unfit(builtin, first) };
            of_list(builtin, list, second, budget)
        }
    }
}

fn unfit<T>(builtin: Builtin, value: &Value) -> Result<T, Fault> {
    fault(format!("`{}` does not take {}", builtin.name(), value.type_name()))
}

/// Of a text, in characters.
fn length(value: &Value, budget: &mut Budget) -> Given {
    let length = match value {
        Value::Text(text) => {
            budget.read(text)?;
            text.chars().count()
        }
        Value::List(list) => list.items.len(),
        Value::Map(map) => map.entries.len(),
        other => return unfit(Builtin::Len, other),
    };
    Ok(Value::Int(length as i64))
}

/// Like a member, but nil where there is none.
fn get(base: &Value, key: &Value) -> Given {
    match base {
        Value::Map(map) => Ok(entry(map, key)?.cloned().unwrap_or(Value::Nil)),
        Value::List(list) => {
            let at = place(list.items.len(), super::super::operators::integer(key)?);
            Ok(at.map_or(Value::Nil, |at| list.items[at].clone()))
        }
        Value::Text(text) => {
            let at = place(text.len(), super::super::operators::integer(key)?);
            Ok(at.map_or(Value::Nil, |at| Value::Int(i64::from(text.as_bytes()[at]))))
        }
        Value::Nil
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Time(_)
        | Value::Duration(_)
        | Value::Zone => Ok(Value::Nil),
    }
}

fn of_map(builtin: Builtin, map: &Map, budget: &mut Budget) -> Given {
    budget.elements(3 * map.entries.len())?;
    match builtin {
        Builtin::Keys => Value::list(ListKind::Any, map.entries.keys().map(Key::value).collect()),
        Builtin::Values => Value::list(ListKind::Any, map.entries.values().cloned().collect()),
        _ => {
            let pair = |(key, value): (&Key, &Value)| {
                Value::list(ListKind::Pair, vec![key.value(), value.clone()])
            };
            let pairs = map.entries.iter().map(pair).collect::<Result<_, _>>()?;
            Value::list(ListKind::Pairs, pairs)
        }
    }
}

fn of_list(builtin: Builtin, list: &List, second: &Value, budget: &mut Budget) -> Given {
    let items = &list.items;
    match builtin {
        Builtin::Take => {
            let Value::Int(count) = second else { return unfit(builtin, second) };
            let Ok(count) = usize::try_from(*count) else {
                return fault(format!("`take` cannot take {count} elements"));
            };
            let count = count.min(items.len());
            budget.elements(count)?;
            let kind = if list.kind == ListKind::Pair { ListKind::Any } else { list.kind };
            Value::list(kind, items[..count].to_vec())
        }
        Builtin::FromPairs => from_pairs(items, budget),
        Builtin::Reverse => {
            budget.elements(items.len())?;
            Value::list(ListKind::Any, items.iter().rev().cloned().collect())
        }
        Builtin::Uniq => {
            let mut out: Vec<Value> = Vec::new();
            for item in items {
                let mut known = false;
                for other in &out {
                    known = equal(item, other, budget)?;
                    if known {
                        break;
                    }
                }
                if !known {
                    budget.elements(1)?;
                    out.push(item.clone());
                }
            }
            Value::list(ListKind::Any, out)
        }
        _ => {
            let mut out = Vec::new();
            flatten(items, &mut out, budget)?;
            Value::list(ListKind::Any, out)
        }
    }
}

fn from_pairs(items: &[Value], budget: &mut Budget) -> Given {
    budget.elements(2 * items.len())?;
    let mut entries = BTreeMap::new();
    for item in items {
        let Value::List(pair) = item else { return unfit(Builtin::FromPairs, item) };
        let [key, value] = pair.items.as_slice() else {
            return fault("a pair has two elements");
        };
        let Some(key) = Key::of(key) else {
            return fault(format!("{} is no key", key.type_name()));
        };
        entries.insert(key, value.clone());
    }
    Value::map(MapKind::Any, entries)
}

fn flatten(items: &[Value], out: &mut Vec<Value>, budget: &mut Budget) -> Result<(), Fault> {
    for item in items {
        budget.elements(1)?;
        match item {
            Value::List(list) => flatten(&list.items, out, budget)?,
            other => out.push(other.clone()),
        }
    }
    Ok(())
}

/// Up to here elements are inserted one by one, as Go's sort does: where NaN makes the order
/// contradict itself, the outcome is the same.
const INSERTED_MAX: usize = 12;

/// The items in the order of their keys, which are all of one type. Equal ones stay as they are.
pub(crate) fn sorted_by(
    keys: Vec<Value>,
    items: Vec<Value>,
    order: &Value,
    budget: &mut Budget,
) -> Given {
    let Value::Text(order) = order else {
        return fault(format!("an order is a text, not {}", order.type_name()));
    };
    let descending = match &**order {
        "asc" => false,
        "desc" => true,
        other => return fault(format!("{} is no order: asc or desc", quoted(other))),
    };
    let length = keys.len();
    let compared = length.saturating_mul(1 + length.max(2).ilog2() as usize);
    budget.steps(compared)?;
    budget.elements(length)?;
    if let [first, .., last] = keys.as_slice() {
        // Where all can be compared with the first one, any two can.
        for key in &keys {
            less(first, key, budget)?;
        }
        less(last, first, budget)?;
    }
    let mut both: Vec<(Value, Value)> = keys.into_iter().zip(items).collect();
    if length <= INSERTED_MAX {
        for end in 1..length {
            let mut at = end;
            while at > 0 {
                let (a, b) = (&both[at].0, &both[at - 1].0);
                let before = if descending { less(b, a, budget)? } else { less(a, b, budget)? };
                if !before {
                    break;
                }
                both.swap(at, at - 1);
                at -= 1;
            }
        }
    } else {
        both.sort_by(|(a, _), (b, _)| if descending { total(b, a) } else { total(a, b) });
    }
    Value::list(ListKind::Any, both.into_iter().map(|(_, item)| item).collect())
}

/// An order of numbers among one another, of texts, of times and of durations.
fn total(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Time(a), Value::Time(b)) => a.order(b),
        (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
        _ => {
            let float = |v: &Value| super::super::operators::float(v).unwrap_or(f64::NAN) + 0.0;
            float(a).total_cmp(&float(b))
        }
    }
}
