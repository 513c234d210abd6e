//! Values as texts, as Go writes them.

use std::fmt::Write as _;

use super::budget::Budget;
use super::error::{Fault, fault};
use super::time;
use super::value::{Key, ListKind, MapKind, Value};

/// What `string()` gives.
pub(crate) fn plain(value: &Value, budget: &mut Budget) -> Result<String, Fault> {
    let mut out = String::new();
    write_plain(value, &mut out, budget)?;
    Ok(out)
}

fn write_plain(value: &Value, out: &mut String, budget: &mut Budget) -> Result<(), Fault> {
    budget.text(24)?;
    match value {
        Value::Nil => out.push_str("<nil>"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Value::Float(f) => out.push_str(&float(*f, -4, 6, true)),
        Value::Text(text) => {
            budget.text(text.len())?;
            out.push_str(text);
        }
        Value::List(list) => {
            out.push('[');
            for (place, item) in list.items.iter().enumerate() {
                if place > 0 {
                    out.push(' ');
                }
                write_plain(item, out, budget)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push_str("map[");
            for (place, (key, item)) in map.entries.iter().enumerate() {
                if place > 0 {
                    out.push(' ');
                }
                write_plain(&key.value(), out, budget)?;
                out.push(':');
                write_plain(item, out, budget)?;
            }
            out.push(']');
        }
        Value::Time(time) => out.push_str(&time.plain(budget)?),
        Value::Duration(span) => out.push_str(&time::duration(*span)),
        Value::Zone => out.push_str("UTC"),
    }
    Ok(())
}

/// The shortest digits that mean this number, with an exponent below `10^low` and from `10^high`.
fn float(f: f64, low: i32, high: i32, padded: bool) -> String {
    if f.is_nan() {
        return "NaN".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{f:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if f == 0.0 || (low..high).contains(&exponent) {
        return format!("{f}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    let width = if padded { 2 } else { 1 };
    format!("{digits}e{sign}{:0width$}", exponent.abs())
}

/// What `toJSON()` gives: indented by two.
pub(crate) fn json(value: &Value, budget: &mut Budget) -> Result<String, Fault> {
    let mut out = String::new();
    write_json(value, 0, &mut out, budget)?;
    Ok(out)
}

fn write_json(
    value: &Value,
    level: usize,
    out: &mut String,
    budget: &mut Budget,
) -> Result<(), Fault> {
    budget.text(24 + 2 * level)?;
    let line = |out: &mut String, level: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(level));
    };
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Value::Float(f) if !f.is_finite() => return fault("JSON has no such number"),
        Value::Float(f) => out.push_str(&float(*f, -6, 21, false)),
        Value::Text(text) => write_text(text, out, budget)?,
        Value::List(list) if list.kind == ListKind::Absent => out.push_str("null"),
        Value::List(list) if list.items.is_empty() => out.push_str("[]"),
        Value::List(list) => {
            out.push('[');
            for (place, item) in list.items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                line(out, level + 1);
                write_json(item, level + 1, out, budget)?;
            }
            line(out, level);
            out.push(']');
        }
        Value::Map(map) if map.kind != MapKind::Texts => {
            return fault("JSON has no maps with keys of any type");
        }
        Value::Map(map) if map.entries.is_empty() => out.push_str("{}"),
        Value::Map(map) => {
            out.push('{');
            for (place, (key, item)) in map.entries.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                line(out, level + 1);
                if let Key::Text(key) = key {
                    write_text(key, out, budget)?;
                }
                out.push_str(": ");
                write_json(item, level + 1, out, budget)?;
            }
            line(out, level);
            out.push('}');
        }
        Value::Time(time) => {
            let _ = write!(out, "\"{}\"", time.json(budget)?);
        }
        Value::Duration(span) => {
            let _ = write!(out, "{}", span.as_nanos());
        }
        Value::Zone => out.push_str("{}"),
    }
    Ok(())
}

/// Escaped so that it can stand in HTML.
fn write_text(text: &str, out: &mut String, budget: &mut Budget) -> Result<(), Fault> {
    budget.text(6 * text.len())?;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}
