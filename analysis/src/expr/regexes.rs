//! Regular expressions as Go writes them, for an engine that differs in small things.

use regex::{Regex, RegexBuilder};

/// The largest compiled expression: nested repetitions grow by multiplication.
const COMPILED_BYTES_MAX: usize = 256 * 1024;

/// The longest pattern.
const PATTERN_BYTES_MAX: usize = 4096;

pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("the regular expression is longer than {PATTERN_BYTES_MAX} bytes"));
    }
    RegexBuilder::new(&translate(pattern))
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .nest_limit(50)
        .build()
        .map_err(|e| {
            let reason = e.to_string();
            let last = reason.lines().last().unwrap_or_default();
            format!("not a regular expression: {}", last.trim_start_matches("error: "))
        })
}

/// In Go, `\d` and its like are ASCII, and brackets within brackets mean nothing.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    // Where in a class we are: at its beginning, `]` is an ordinary character.
    let mut class: Option<usize> = None;
    while let Some(c) = chars.next() {
        let place = class;
        class = class.map(|n| n + 1);
        match c {
            '\\' => match chars.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('s') => out.push_str(r"[\t\n\x0C\r ]"),
                Some('S') => out.push_str(r"[^\t\n\x0C\r ]"),
                Some('b') if place.is_none() => out.push_str(r"(?-u:\b)"),
                Some('B') if place.is_none() => out.push_str(r"(?-u:\B)"),
                Some(c @ ('<' | '>')) => out.push(c),
                Some(c) => {
                    out.push('\\');
                    out.push(c);
                }
                None => out.push('\\'),
            },
            '[' if place.is_none() => {
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
                class = Some(0);
            }
            '[' if chars.peek() == Some(&':') => out.push('['),
            ':' if place.is_some() && chars.peek() == Some(&']') => {
                // The end of a named class, as in `[[:alpha:]]`; else of the class itself.
                out.push(':');
                if is_named(&out) {
                    chars.next();
                    out.push(']');
                }
            }
            ']' if place == Some(0) => out.push_str(r"\]"),
            ']' if place.is_some() => {
                out.push(']');
                class = None;
            }
            '[' | '&' | '~' if place.is_some() => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Whether what was written ends within `[:name:`.
fn is_named(written: &str) -> bool {
    let Some((_, name)) = written[..written.len() - 1].rsplit_once("[:") else { return false };
    name.chars().all(|c| c.is_ascii_lowercase() || c == '^')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_go() {
        for (pattern, text, found) in [
            (r"^\d+$", "123", true),
            (r"^\d+$", "١٢٣", false),
            (r"^\w+$", "é", false),
            (r"^[\w-]+$", "a-b_1", true),
            (r"[[]", "[", true),
            (r"[]]", "]", true),
            (r"[^]]", "]", false),
            (r"^[a&&b]+$", "a&b", true),
            (r"^[[:digit:]x]+$", "1x2", true),
            (r"\bok\b", "its ok!", true),
            (r"(?i)^ERR", "error", true),
            (r"^[a:]$", ":", true),
        ] {
            assert_eq!(compile(pattern).unwrap().is_match(text), found, "{pattern} on {text}");
        }
        for bad in ["(", "[", "a{1,2", "*", &"a".repeat(5000), r"(?:\w{1000}){1000}"] {
            let bad_in_go = bad != "a{1,2";
            assert!(compile(bad).is_err() || !bad_in_go, "{bad}");
        }
    }
}
