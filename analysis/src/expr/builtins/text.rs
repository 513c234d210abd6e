//! Functions of texts.

use super::super::budget::Budget;
use super::super::error::{Fault, fault};
use super::super::operators::integer;
use super::super::value::{ListKind, Value};
use super::Builtin;

type Given = Result<Value, Fault>;

/// How often a text is repeated at most; upstream's own limit.
const REPEATED_MAX: i64 = 1_000_000;

fn at(builtin: Builtin, values: &[Value], place: usize) -> Result<&str, Fault> {
    match values.get(place) {
        Some(Value::Text(text)) => Ok(text),
        other => {
            let found = other.map_or("nothing", Value::type_name);
            fault(format!("`{}` takes a text, not {found}", builtin.name()))
        }
    }
}

pub(crate) fn apply(builtin: Builtin, values: &[Value], budget: &mut Budget) -> Given {
    if builtin == Builtin::Join {
        return join(values, budget);
    }
    let text = at(builtin, values, 0)?;
    budget.read(text)?;
    let second = || at(builtin, values, 1);
    let two = values.len() > 1;
    Ok(match builtin {
        Builtin::Trim if two => made(text.trim_matches(|c| set(&second(), c)), second()?, budget)?,
        Builtin::Trim => made(text.trim(), "", budget)?,
        Builtin::TrimPrefix => {
            let prefix = if two { second()? } else { " " };
            made(text.strip_prefix(prefix).unwrap_or(text), "", budget)?
        }
        Builtin::TrimSuffix => {
            let suffix = if two { second()? } else { " " };
            made(text.strip_suffix(suffix).unwrap_or(text), "", budget)?
        }
        Builtin::Upper => {
            budget.text(2 * text.len())?;
            Value::text(text.chars().map(|c| single(c, c.to_uppercase())).collect::<String>())
        }
        Builtin::Lower => {
            budget.text(2 * text.len())?;
            Value::text(text.chars().map(|c| single(c, c.to_lowercase())).collect::<String>())
        }
        Builtin::Split | Builtin::SplitAfter => {
            let most = values.get(2).map(integer).transpose()?.unwrap_or(-1);
            let after = builtin == Builtin::SplitAfter;
            split(text, second()?, most, after, budget)?
        }
        Builtin::Replace => {
            let most = values.get(3).map(integer).transpose()?.unwrap_or(-1);
            replace(text, second()?, at(builtin, values, 2)?, most, budget)?
        }
        Builtin::Repeat => {
            let times = integer(values.get(1).unwrap_or(&Value::Nil))?;
            if !(0..=REPEATED_MAX).contains(&times) {
                return fault(format!("a text cannot be repeated {times} times"));
            }
            let times = times as usize;
            budget.text(text.len().saturating_mul(times))?;
            Value::text(text.repeat(times))
        }
        Builtin::IndexOf => Value::Int(text.find(second()?).map_or(-1, |at| at as i64)),
        Builtin::LastIndexOf => Value::Int(text.rfind(second()?).map_or(-1, |at| at as i64)),
        Builtin::HasPrefix => Value::Bool(text.starts_with(second()?)),
        Builtin::HasSuffix => Value::Bool(text.ends_with(second()?)),
        Builtin::ToBase64 => {
            budget.text(text.len() / 3 * 4 + 4)?;
            Value::text(to_base64(text.as_bytes()))
        }
        Builtin::FromBase64 => {
            budget.text(text.len())?;
            match from_base64(text) {
                Some(bytes) => Value::text(String::from_utf8_lossy(&bytes)),
                None => return fault("the text is not base64"),
            }
        }
        _ => from_json(text, budget)?,
    })
}

fn set(cut: &Result<&str, Fault>, c: char) -> bool {
    cut.as_ref().is_ok_and(|cut| cut.contains(c))
}

/// A part of a text, of which another one was read over and over.
fn made(part: &str, read: &str, budget: &mut Budget) -> Given {
    budget.steps(read.len())?;
    budget.text(part.len())?;
    Ok(Value::text(part))
}

/// The other case of a character, where it is one character.
fn single(c: char, mut other: impl Iterator<Item = char>) -> char {
    match (other.next(), other.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// At most so many parts; all of them, if negative.
fn split(text: &str, by: &str, most: i64, after: bool, budget: &mut Budget) -> Given {
    let mut parts: Vec<&str> = Vec::new();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut rest = text;
    while parts.len() + 1 < most {
        let next = if by.is_empty() {
            rest.chars().next().map(|c| (c.len_utf8(), c.len_utf8()))
        } else {
            rest.find(by).map(|at| (if after { at + by.len() } else { at }, at + by.len()))
        };
        let Some((end, skip)) = next else { break };
        // A text without separator falls into characters, the last of which is the rest.
        if by.is_empty() && skip == rest.len() {
            break;
        }
        budget.elements(2)?;
        parts.push(&rest[..end]);
        rest = &rest[skip..];
    }
    if most > 0 && !(by.is_empty() && text.is_empty()) {
        parts.push(rest);
    }
    if most == 0 {
        return Ok(Value::absent());
    }
    budget.elements(parts.len())?;
    budget.text(text.len())?;
    Value::list(ListKind::Texts, parts.into_iter().map(Value::text).collect())
}

fn replace(text: &str, old: &str, new: &str, most: i64, budget: &mut Budget) -> Given {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let count = text.matches(old).take(most).count();
    budget.text(text.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(Value::text(text.replacen(old, new, most)))
}

fn join(values: &[Value], budget: &mut Budget) -> Given {
    let glue = if values.len() > 1 { at(Builtin::Join, values, 1)? } else { "" };
    let Some(Value::List(list)) = values.first() else {
        return fault("`join` takes a list of texts");
    };
    if !matches!(list.kind, ListKind::Any | ListKind::Texts) {
        return fault("`join` takes a list of texts");
    }
    let mut out = String::new();
    for (place, item) in list.items.iter().enumerate() {
        let Value::Text(item) = item else {
            return fault(format!("`join` takes texts, not {}", item.type_name()));
        };
        budget.text(item.len() + glue.len())?;
        budget.steps(1)?;
        if place > 0 {
            out.push_str(glue);
        }
        out.push_str(item);
    }
    Ok(Value::text(out))
}

fn from_json(text: &str, budget: &mut Budget) -> Given {
    // One byte of `[[],[],…]` makes no more than this many.
    budget.bytes(text.len().saturating_mul(48))?;
    budget.steps(text.len())?;
    let json = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(error) => return fault(format!("not JSON: {error}")),
    };
    Value::from_json(&json).map_err(|error| Fault::Message(error.to_string()))
}

const SIXTY_FOUR: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() / 3 * 4 + 4);
    for three in bytes.chunks(3) {
        let byte = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let six = (bits >> (18 - 6 * place)) & 63;
            out.push(if place > three.len() { '=' } else { char::from(SIXTY_FOUR[six as usize]) });
        }
    }
    out
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let clean: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let mut out = Vec::with_capacity(clean.len() / 4 * 3);
    let last = clean.len().checked_sub(4);
    for (place, four) in clean.chunks(4).enumerate() {
        let padding = four.iter().rev().take_while(|b| **b == b'=').count();
        if four.len() < 4 || padding > 2 || (padding > 0 && Some(4 * place) != last) {
            return None;
        }
        let mut bits = 0_u32;
        for byte in &four[..4 - padding] {
            let six = SIXTY_FOUR.iter().position(|b| b == byte)?;
            bits = bits << 6 | six as u32;
        }
        bits <<= 6 * padding;
        out.extend(bits.to_be_bytes()[1..4 - padding].iter());
    }
    Some(out)
}
