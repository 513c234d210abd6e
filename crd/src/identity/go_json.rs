//! JSON to the byte as Go's `encoding/json` writes it.

use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;

/// `value` as Go's `json.Marshal` writes it.
///
/// Field order and omitted fields are the type's affair (its serde attributes follow Go's
/// declaration); this function adds what Go does to text and numbers.
pub(super) fn to_vec<T: Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, GoFormatter))?;
    Ok(bytes)
}

struct GoFormatter;

impl Formatter for GoFormatter {
    /// Go escapes what HTML or JavaScript could stumble over.
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = tail.chars();
            if let Some(escaped) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(escaped))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    /// Go writes an exponent below 1e-6 and from 1e21 on, and digits everywhere else.
    fn write_f64<W: io::Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            let text = format!("{value:e}");
            let sign = if size < 1.0 { "e" } else { "e+" };
            writer.write_all(text.replace('e', sign).as_bytes())
        } else {
            write!(writer, "{value}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn go(value: &Value) -> String {
        String::from_utf8(to_vec(value).unwrap()).unwrap()
    }

    #[test]
    fn text_is_escaped_as_go_escapes_it() {
        let text = "a<b>&\u{2028}\u{2029}\"\\\n\r\t\u{8}\u{c}\u{1}\u{7f}é";
        assert_eq!(
            go(&json!(text)),
            r#""a\u003cb\u003e\u0026\u2028\u2029\"\\\n\r\t\b\f\u0001"#.to_owned() + "\u{7f}é\""
        );
        assert_eq!(go(&json!({"<": "&&"})), r#"{"\u003c":"\u0026\u0026"}"#);
    }

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (number, text) in [
            (json!(1.0), "1"),
            (json!(0.5), "0.5"),
            (json!(-0.0), "-0"),
            (json!(1e-6), "0.000001"),
            (json!(9.5e-7), "9.5e-7"),
            (json!(1e-10), "1e-10"),
            (json!(1e20), "100000000000000000000"),
            (json!(1e21), "1e+21"),
            (json!(-1.5e300), "-1.5e+300"),
            (json!(9_007_199_254_740_993_u64), "9007199254740993"),
        ] {
            assert_eq!(go(&number), text);
        }
    }
}
