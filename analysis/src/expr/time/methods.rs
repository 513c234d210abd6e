//! Methods of times, durations and the one time zone, as Go has them.
//!
//! Left out are those that need a database of zones or the zone of the machine (`Local`), that give
//! types of their own (`Month`, `Weekday`, `Location`) or several values, and those that are for
//! other programs (`MarshalJSON`, `GoString`). `Format` says all that they do.

use chrono::{Datelike as _, Timelike as _};
use sluice_crd::duration::GoDuration;

use super::super::budget::Budget;
use super::super::error::{Fault, fault};
use super::super::types::Type;
use super::super::value::Value;
use super::{Time, span};

/// What a method takes, and what it gives.
type Signature = (&'static [Type], Type);

const NONE: &[Type] = &[];
const TIME: &[Type] = &[Type::Time];
const SPAN: &[Type] = &[Type::Duration];

/// The method of that name of a type.
pub(crate) fn signature(of: &Type, name: &str) -> Option<Signature> {
    match of {
        Type::Time => of_time(name),
        Type::Duration => of_duration(name),
        Type::Zone => (name == "String").then_some((NONE, Type::Text)),
        Type::Unknown
        | Type::Any
        | Type::Nil
        | Type::Bool
        | Type::Int
        | Type::Int64
        | Type::Float
        | Type::Text
        | Type::List(..)
        | Type::Map(_) => None,
    }
}

fn of_time(name: &str) -> Option<Signature> {
    Some(match name {
        "Year" | "YearDay" | "Day" | "Hour" | "Minute" | "Second" | "Nanosecond" => {
            (NONE, Type::Int)
        }
        "Unix" | "UnixMilli" | "UnixMicro" | "UnixNano" => (NONE, Type::Int64),
        "IsZero" => (NONE, Type::Bool),
        "String" => (NONE, Type::Text),
        "UTC" => (NONE, Type::Time),
        "In" => (&[Type::Zone], Type::Time),
        "Format" => (&[Type::Text], Type::Text),
        "Before" | "After" | "Equal" => (TIME, Type::Bool),
        "Compare" => (TIME, Type::Int),
        "Sub" => (TIME, Type::Duration),
        "Add" | "Round" | "Truncate" => (SPAN, Type::Time),
        "AddDate" => (&[Type::Int, Type::Int, Type::Int], Type::Time),
        _ => return None,
    })
}

fn of_duration(name: &str) -> Option<Signature> {
    Some(match name {
        "Hours" | "Minutes" | "Seconds" => (NONE, Type::Float),
        "Milliseconds" | "Microseconds" | "Nanoseconds" => (NONE, Type::Int64),
        "String" => (NONE, Type::Text),
        "Abs" => (NONE, Type::Duration),
        "Round" | "Truncate" => (SPAN, Type::Duration),
        _ => return None,
    })
}

/// Calls a method of a value.
pub(crate) fn call(
    of: &Value,
    name: &str,
    arguments: &[Value],
    budget: &mut Budget,
) -> Result<Value, Fault> {
    let known = signature(&Type::of(of), name);
    let Some((takes, _)) = known else {
        return fault(format!("{} has no method `{name}` here", of.type_name()));
    };
    if takes.len() != arguments.len() {
        return fault(format!("`{name}` takes {} arguments", takes.len()));
    }
    let found = match of {
        Value::Time(time) => call_of_time(time, name, arguments, budget)?,
        Value::Duration(span) => call_of_duration(*span, name, arguments),
        Value::Zone => Some(Value::text("UTC")),
        _ => None,
    };
    let unfit = || {
        let types: Vec<&str> = arguments.iter().map(Value::type_name).collect();
        fault(format!("`{name}` does not take {}", types.join(", ")))
    };
    found.map_or_else(unfit, Ok)
}

/// Nothing, where it does not take these arguments.
fn call_of_time(
    time: &Time,
    name: &str,
    arguments: &[Value],
    budget: &mut Budget,
) -> Result<Option<Value>, Fault> {
    let local = time.local()?;
    let int = |number: u32| Value::Int(i64::from(number));
    let (seconds, nanos) = (time.at.timestamp(), i64::from(time.at.timestamp_subsec_nanos()));
    // What does not fit wraps around, as in Go.
    let since_1970 = |in_second: i64| {
        let within = nanos / (1_000_000_000 / in_second);
        Value::Int(seconds.wrapping_mul(in_second).wrapping_add(within))
    };
    let made = |time: Time| Value::Time(time.into());
    Ok(Some(match (name, arguments) {
        ("Year", _) => Value::Int(i64::from(local.year())),
        ("YearDay", _) => int(local.ordinal()),
        ("Day", _) => int(local.day()),
        ("Hour", _) => int(local.hour()),
        ("Minute", _) => int(local.minute()),
        ("Second", _) => int(local.second()),
        ("Nanosecond", _) => int(local.nanosecond()),
        ("Unix", _) => Value::Int(seconds),
        ("UnixMilli", _) => since_1970(1_000),
        ("UnixMicro", _) => since_1970(1_000_000),
        ("UnixNano", _) => since_1970(1_000_000_000),
        ("IsZero", _) => Value::Bool(time.nanos() == YEAR_ONE),
        ("String", _) => Value::text(time.plain(budget)?),
        ("UTC", _) | ("In", [Value::Zone]) => made(Time::utc(time.at)),
        ("Format", [Value::Text(layout)]) => Value::text(time.format(layout, budget)?),
        ("Before", [Value::Time(other)]) => Value::Bool(time.order(other).is_lt()),
        ("After", [Value::Time(other)]) => Value::Bool(time.order(other).is_gt()),
        ("Equal", [Value::Time(other)]) => Value::Bool(time.order(other).is_eq()),
        ("Compare", [Value::Time(other)]) => Value::Int(time.order(other) as i64),
        ("Sub", [Value::Time(other)]) => Value::Duration(time.since(other)),
        ("Add", [Value::Duration(span)]) => made(time.plus(*span)?),
        ("Truncate", [Value::Duration(step)]) => made(time.minus(beyond(time, *step))?),
        ("Round", [Value::Duration(step)]) => made(rounded(time, *step)?),
        ("AddDate", [Value::Int(years), Value::Int(months), Value::Int(days)]) => {
            made(time.later_by(*years, *months, *days)?)
        }
        _ => return Ok(None),
    }))
}

/// The beginning of the year 1, from which Go counts.
const YEAR_ONE: i128 = -62_135_596_800 * 1_000_000_000;

/// What of a time is beyond a whole number of steps since the year 1.
fn beyond(time: &Time, step: GoDuration) -> GoDuration {
    let step = i128::from(step.as_nanos());
    let over = if step <= 0 { 0 } else { (time.nanos() - YEAR_ONE).rem_euclid(step) };
    GoDuration::from_nanos(i64::try_from(over).unwrap_or(0))
}

/// To the nearest step; half a step goes up.
fn rounded(time: &Time, step: GoDuration) -> Result<Time, Fault> {
    let over = beyond(time, step).as_nanos();
    if over == 0 || over.unsigned_abs() * 2 < step.as_nanos().unsigned_abs() {
        return time.minus(GoDuration::from_nanos(over));
    }
    time.plus(GoDuration::from_nanos(step.as_nanos() - over))
}

fn call_of_duration(span: GoDuration, name: &str, arguments: &[Value]) -> Option<Value> {
    Some(match (name, arguments) {
        ("Hours", _) => Value::Float(span::in_units(span, 3_600_000_000_000)),
        ("Minutes", _) => Value::Float(span::in_units(span, 60_000_000_000)),
        ("Seconds", _) => Value::Float(span::in_units(span, 1_000_000_000)),
        ("Milliseconds", _) => Value::Int(span.as_nanos() / 1_000_000),
        ("Microseconds", _) => Value::Int(span.as_nanos() / 1_000),
        ("Nanoseconds", _) => Value::Int(span.as_nanos()),
        ("String", _) => Value::text(span::duration(span)),
        ("Abs", _) => Value::Duration(span::absolute(span)),
        ("Round", [Value::Duration(step)]) => Value::Duration(span::rounded(span, *step)),
        ("Truncate", [Value::Duration(step)]) => Value::Duration(span::truncated(span, *step)),
        _ => return None,
    })
}
