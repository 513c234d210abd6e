//! The instants of a range query: `now() - duration("1h")`.
//!
//! Just so much of the language of conditions as such windows are written in: `now()`,
//! `duration("…")`, `date("…")`, `+`, `-` and parentheses.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use sluice_crd::duration::GoDuration;

/// The longest expression, in bytes, which also bounds how deep it is nested.
const SOURCE_BYTES_MAX: usize = 256;

/// The instant that an expression means.
pub(super) fn moment(expression: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    if expression.len() > SOURCE_BYTES_MAX {
        return Err(format!("the expression is longer than {SOURCE_BYTES_MAX} bytes"));
    }
    let refuse = |why: &str| format!("`{expression}`: {why}");
    let mut parser = Parser { rest: expression, now };
    let value = parser.sum().map_err(|why| refuse(&why))?;
    match (value, parser.rest.trim()) {
        (Value::Instant(instant), "") => Ok(instant),
        (Value::Span(_), "") => {
            Err(refuse("this is a duration: write an instant, such as now() - duration(\"1h\")"))
        }
        (_, rest) => Err(refuse(&format!("`{rest}` is not understood"))),
    }
}

#[derive(Clone, Copy)]
enum Value {
    Instant(DateTime<Utc>),
    Span(TimeDelta),
}

struct Parser<'a> {
    rest: &'a str,
    now: DateTime<Utc>,
}

impl<'a> Parser<'a> {
    fn sum(&mut self) -> Result<Value, String> {
        let mut sum = self.term()?;
        loop {
            let minus = if self.eat("+") {
                false
            } else if self.eat("-") {
                true
            } else {
                return Ok(sum);
            };
            sum = add(sum, self.term()?, minus)?;
        }
    }

    fn term(&mut self) -> Result<Value, String> {
        if self.eat("(") {
            let value = self.sum()?;
            return if self.eat(")") { Ok(value) } else { Err("a `)` is missing".to_owned()) };
        }
        for (name, takes_text) in [("now", false), ("duration", true), ("date", true)] {
            let begin = self.rest;
            if !(self.eat(name) && self.eat("(")) {
                self.rest = begin;
                continue;
            }
            let text = if takes_text { self.text()? } else { "" };
            if !self.eat(")") {
                return Err(format!("a `)` is missing behind {name}("));
            }
            return match name {
                "now" => Ok(Value::Instant(self.now)),
                "duration" => span(text).map(Value::Span),
                _ => date(text).map(Value::Instant),
            };
        }
        Err("write now(), duration(\"…\") or date(\"…\"), with + and - between them".to_owned())
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn text(&mut self) -> Result<&'a str, String> {
        for quote in ['"', '\'', '`'] {
            let Some(rest) = self.rest.trim_start().strip_prefix(quote) else { continue };
            let Some((text, rest)) = rest.split_once(quote) else { break };
            self.rest = rest;
            return Ok(text);
        }
        Err("a text in quotes is missing".to_owned())
    }
}

fn add(left: Value, right: Value, minus: bool) -> Result<Value, String> {
    let signed = |span: TimeDelta| if minus { -span } else { span };
    let sum = match (left, right) {
        (Value::Instant(at), Value::Span(span)) => {
            at.checked_add_signed(signed(span)).map(Value::Instant)
        }
        (Value::Span(span), Value::Instant(at)) if !minus => {
            at.checked_add_signed(span).map(Value::Instant)
        }
        (Value::Span(one), Value::Span(other)) => one.checked_add(&signed(other)).map(Value::Span),
        (Value::Instant(one), Value::Instant(other)) if minus => {
            Some(Value::Span(one.signed_duration_since(other)))
        }
        (Value::Instant(_) | Value::Span(_), Value::Instant(_)) => {
            return Err(
                "an instant can neither be added to one nor taken from a duration".to_owned()
            );
        }
    };
    sum.ok_or_else(|| "the instant is out of range".to_owned())
}

fn span(text: &str) -> Result<TimeDelta, String> {
    let duration: GoDuration = text.parse().map_err(|error| format!("duration: {error}"))?;
    Ok(TimeDelta::nanoseconds(duration.as_nanos()))
}

/// The forms that expr reads; without a zone it is UTC.
fn date(text: &str) -> Result<DateTime<Utc>, String> {
    let day = || text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0);
    let time = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok();
    let zoned = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc2822(text))
        .map(|at| at.with_timezone(&Utc));
    zoned
        .ok()
        .or_else(|| day().or_else(time).map(|at| at.and_utc()))
        .ok_or_else(|| format!("`{text}` is no date such as 2026-01-31 or 2026-01-31T12:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(expression: &str) -> Result<String, String> {
        let now = "2026-01-31T12:00:00Z".parse().unwrap();
        moment(expression, now).map(|at| at.format("%FT%T").to_string())
    }

    #[test]
    fn instants() {
        for (expression, expected) in [
            ("now()", "2026-01-31T12:00:00"),
            ("now() - duration(\"1h30m\")", "2026-01-31T10:30:00"),
            (" now()-duration('10m') + duration(`5m`) ", "2026-01-31T11:55:00"),
            ("duration('1h') + now()", "2026-01-31T13:00:00"),
            ("now() - (duration('1h') - duration('30m'))", "2026-01-31T11:30:00"),
            ("now() - (now() - date('2026-01-31'))", "2026-01-31T00:00:00"),
            ("date('2026-01-30 06:00:00')", "2026-01-30T06:00:00"),
            ("date(\"2026-01-30T06:00:00+02:00\")", "2026-01-30T04:00:00"),
            ("date('Fri, 30 Jan 2026 06:00:00 +0000')", "2026-01-30T06:00:00"),
        ] {
            assert_eq!(at(expression).as_deref(), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn what_is_none() {
        for expression in [
            "",
            "now",
            "now() -",
            "now() now()",
            "now() + now()",
            "duration('1h') - now()",
            "duration('1h')",
            "now() - duration(1h)",
            "now() - duration('soon')",
            "date('tomorrow')",
            "(now()",
            "now() - duration('2000000h') - duration('2562047h')* 2",
        ] {
            let error = at(expression).unwrap_err();
            assert!(error.starts_with(&format!("`{expression}`")), "{error}");
        }
        assert!(at(&"(".repeat(1000)).is_err());
    }

    proptest! {
        #[test]
        fn no_expression_panics(parts in prop::collection::vec(prop::sample::select(vec![
            "now()", "duration(", "date(", "'2562047h'", "'2026-01-01'", "(", ")", "+", "-", " ", "x",
        ]), 0..20)) {
            let _ = at(&parts.concat());
        }
    }
}
