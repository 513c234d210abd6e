//! Values, short enough to stand in a sentence.

use std::fmt::Write as _;

use super::super::lexer::is_name;
use super::super::time::duration;
use super::super::value::{Key, Value};
use crate::{REDACTED, Redactor};

/// How much of a value is shown, in characters.
pub(super) const VALUE_CHARS_MAX: usize = 40;

/// How many digits of a number people look at.
pub(super) const DIGITS: usize = 6;

/// All digits that a float can have.
pub(super) const DIGITS_MAX: usize = 17;

/// How deep lists within lists are shown.
const LEVELS: usize = 2;

/// At most so many characters, of which the last says that there are more.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
            format!("{kept}…")
        }
    }
}

/// Shows values without the secrets in them. A text that has one near what would be shown of it is
/// not shown at all: of a secret that is cut, the rest would not be known for one.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    redactor: &'a Redactor,
}

/// How far from what is shown a secret is looked for.
const NEAR_BYTES: usize = 4 * 1024;

impl<'a> Shown<'a> {
    pub(super) fn without(redactor: &'a Redactor) -> Self {
        Self { redactor }
    }

    pub(super) fn has_secrets(self) -> bool {
        !self.redactor.is_empty()
    }

    pub(super) fn redacted(self, text: &str) -> String {
        self.redactor.redact(text).into_owned()
    }

    /// A value by itself, as it could be written in a condition where it is not cut.
    pub(super) fn value(self, value: &Value) -> String {
        let mut out = String::new();
        self.write(value, LEVELS, &mut out);
        cut(&out, 3 * VALUE_CHARS_MAX / 2)
    }

    fn write(self, value: &Value, levels: usize, out: &mut String) {
        let full = |out: &str| levels == 0 || out.len() >= VALUE_CHARS_MAX;
        match value {
            Value::Nil => out.push_str("nil"),
            Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Value::Int(i) => {
                let _ = write!(out, "{i}");
            }
            Value::Float(f) => out.push_str(&number(*f, DIGITS)),
            Value::Text(t) => out.push_str(&self.text(t)),
            Value::List(list) => {
                out.push('[');
                for (place, item) in list.items.iter().enumerate() {
                    out.push_str(if place > 0 { ", " } else { "" });
                    if full(out) {
                        out.push('…');
                        break;
                    }
                    self.write(item, levels - 1, out);
                }
                out.push(']');
            }
            Value::Map(map) => {
                out.push('{');
                for (place, (key, item)) in map.entries.iter().enumerate() {
                    out.push_str(if place > 0 { ", " } else { "" });
                    if full(out) {
                        out.push('…');
                        break;
                    }
                    match key {
                        Key::Text(key) if is_plain(key) => out.push_str(&self.redacted(key)),
                        Key::Text(key) => out.push_str(&self.text(key)),
                        other => self.write(&other.value(), 0, out),
                    }
                    out.push_str(": ");
                    self.write(item, levels - 1, out);
                }
                out.push('}');
            }
            Value::Time(time) => {
                let at = time.at().naive_utc();
                let _ = write!(out, "{}Z", at.format("%Y-%m-%dT%H:%M:%S%.f"));
            }
            Value::Duration(span) => out.push_str(&duration(*span)),
            Value::Zone => out.push_str("UTC"),
        }
    }

    /// A text from its beginning.
    pub(super) fn text(self, text: &str) -> String {
        self.text_from(text, 0)
    }

    /// A text from that byte on; what is left out shows.
    pub(super) fn text_from(self, text: &str, from: usize) -> String {
        let rest = text.get(from..).unwrap_or(text);
        if self.has_secrets() {
            let near = text.floor_char_boundary(from.saturating_sub(NEAR_BYTES))
                ..text.floor_char_boundary(from + 4 * VALUE_CHARS_MAX + NEAR_BYTES);
            let near = text.get(near).unwrap_or(text);
            if self.redactor.redact(near) != near {
                return format!("'{REDACTED}'");
            }
        }
        let escaped: String =
            rest.chars().take(VALUE_CHARS_MAX + 1).flat_map(char::escape_debug).collect();
        let before = if from > 0 { "…" } else { "" };
        let (shown, after) = match escaped.char_indices().nth(VALUE_CHARS_MAX) {
            Some((end, _)) => (&escaped[..end], "…"),
            None => (escaped.as_str(), ""),
        };
        format!("'{before}{shown}{after}'")
    }

    /// The end of a text.
    pub(super) fn text_end(self, text: &str) -> String {
        let from = text.char_indices().rev().nth(VALUE_CHARS_MAX - 1).map_or(0, |(at, _)| at);
        self.text_from(text, from)
    }
}

fn is_plain(key: &str) -> bool {
    key.len() <= VALUE_CHARS_MAX && is_name(key)
}

/// A float as people write it, with at most so many digits; those before the point are all shown.
pub(super) fn number(f: f64, digits: usize) -> String {
    if f.is_nan() {
        return "NaN".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if f == 0.0 {
        return "0".to_owned();
    }
    let exponent = |scientific: &str| {
        scientific.split_once('e').and_then(|(_, e)| e.parse::<i32>().ok()).unwrap_or(0)
    };
    let shortest = format!("{f:e}");
    let small = exponent(&shortest);
    let plain = (PLAIN_FROM..PLAIN_TO).contains(&small);
    let digits = if plain { digits.max((small + 1).max(0) as usize) } else { digits };
    let has = shortest.bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count();
    let rounded = if has > digits { format!("{f:.*e}", digits.max(1) - 1) } else { shortest };
    // Rounded, it is a float again, whose shortest digits are these.
    let rounded: f64 = rounded.parse().unwrap_or(f);
    if (PLAIN_FROM..PLAIN_TO).contains(&exponent(&format!("{rounded:e}"))) {
        format!("{rounded}")
    } else {
        format!("{rounded:e}")
    }
}

/// Powers of ten that are written without an exponent.
const PLAIN_FROM: i32 = -5;
const PLAIN_TO: i32 = 15;
