//! Values as texts, as upstream writes them into `measurement.value`.

use std::fmt::Write as _;

use serde_json::Value;

/// A number without an exponent, by the fewest digits: `0.95`, `NaN`, `+Inf`.
pub(crate) fn plain(number: f64) -> String {
    special(number).map_or_else(|| number.to_string(), str::to_owned)
}

/// A number with so many digits behind the point.
pub(crate) fn fixed(number: f64, digits: usize) -> String {
    special(number).map_or_else(|| format!("{number:.digits$}"), str::to_owned)
}

/// A number with an exponent below 0.0001 and from a million on, as Go's `%v`.
pub(crate) fn general(number: f64) -> String {
    special(number).map_or_else(|| exponential(number, -4, 6, 2), str::to_owned)
}

/// Several of them in brackets.
pub(crate) fn list(texts: impl IntoIterator<Item = String>, separator: &str) -> String {
    let texts: Vec<_> = texts.into_iter().collect();
    format!("[{}]", texts.join(separator))
}

fn special(number: f64) -> Option<&'static str> {
    match number {
        _ if number.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

fn exponential(number: f64, low: i32, high: i32, width: usize) -> String {
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number == 0.0 || (low..high).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:0width$}", exponent.unsigned_abs())
}

/// JSON as Go writes it: keys in order, every number a float, safe within HTML.
pub(crate) fn json(value: &Value) -> String {
    let mut out = String::new();
    write_json(value, &mut out);
    out
}

fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => match number.as_f64() {
            Some(float) => out.push_str(&exponential(float, -6, 21, 1)),
            None => out.push_str(&number.to_string()),
        },
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                write_json(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (place, (key, item)) in entries.into_iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                write_string(key, out);
                out.push(':');
                write_json(item, out);
            }
            out.push('}');
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            character => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_as_go_writes_them() {
        for (number, plainly, generally) in [
            (0.95, "0.95", "0.95"),
            (1.0, "1", "1"),
            (0.0, "0", "0"),
            (-0.5, "-0.5", "-0.5"),
            (1e21, "1000000000000000000000", "1e+21"),
            (123_456_789.0, "123456789", "1.23456789e+08"),
            (1e6, "1000000", "1e+06"),
            (100_000.0, "100000", "100000"),
            (1_234_567.5, "1234567.5", "1.2345675e+06"),
            (0.00001, "0.00001", "1e-05"),
            (0.0001, "0.0001", "0.0001"),
            (f64::NAN, "NaN", "NaN"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
        ] {
            assert_eq!(plain(number), plainly);
            assert_eq!(general(number), generally);
        }
        assert_eq!(fixed(0.125, 2), "0.12");
        assert_eq!(fixed(1.0 / 3.0, 6), "0.333333");
        assert_eq!(list([1.0, 2.5].map(plain), ","), "[1,2.5]");
    }

    #[test]
    fn json_as_go_writes_it() {
        for (value, text) in [
            (json!({"b": 1, "a": [1.0, 1.5, null, true]}), r#"{"a":[1,1.5,null,true],"b":1}"#),
            (json!("<a> & \"b\"\n"), r#""\u003ca\u003e \u0026 \"b\"\n""#),
            (json!(1e21), "1e+21"),
            (json!(1e-7), "1e-7"),
            (json!(0.000_001), "0.000001"),
            (json!(12_345_678_901_234_567_890_u64), "12345678901234567000"),
            (json!({}), "{}"),
        ] {
            assert_eq!(json(&value), text);
        }
    }
}
