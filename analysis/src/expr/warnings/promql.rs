//! As much of PromQL as it takes to see that a query gives a list.

/// Functions that give a single number.
const SCALARS: [&str; 3] = ["scalar", "time", "pi"];

/// Names that are numbers.
const NUMBERS: [&str; 2] = ["inf", "nan"];

/// Whether a query certainly gives a vector or a matrix: it names a metric, or calls a function, and
/// none that gives a single number. With an argument outside of texts (`{{args.x}}`) it may become
/// anything.
pub(super) fn gives_list(query: &str) -> bool {
    let mut rest = query;
    let mut named = false;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' | '\'' | '`' => match text(rest, c) {
                Some(length) => length,
                None => return false,
            },
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '{' if rest.starts_with("{{") => return false,
            '{' => {
                named = true;
                1
            }
            '0'..='9' => word(rest),
            c if c == '_' || c == ':' || c.is_alphabetic() => {
                let length = word(rest);
                let name = rest[..length].to_lowercase();
                let call = rest[length..].trim_start().starts_with('(');
                if call && SCALARS.contains(&name.as_str()) {
                    return false;
                }
                named |= !NUMBERS.contains(&name.as_str());
                length
            }
            c => c.len_utf8(),
        };
        rest = &rest[length..];
    }
    named
}

fn word(text: &str) -> usize {
    let inside = |c: char| c == '_' || c == ':' || c == '.' || c.is_alphanumeric();
    text.find(|c| !inside(c)).unwrap_or(text.len())
}

/// How long a quoted text is, with its quotes.
fn text(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_certain_is_a_list() {
        for list in [
            "up",
            "sum(rate(http_requests_total{code=~\"5..\", service=\"{{args.service}}\"}[5m]))",
            "{__name__=\"up\"}",
            "vector(1)",
            "up # scalar(up)",
            "time_seconds > 5",
            "label_replace(up, 'a', '$1', 'b', 'scalar(.*)')",
            "infinite",
            "sum(a) / sum(b) > 0.5e3",
        ] {
            assert!(gives_list(list), "{list}");
        }
        for perhaps in [
            "",
            "1 + 2",
            "1e3",
            "0x1F",
            "-Inf",
            "NaN",
            "time()",
            "scalar(sum(up))",
            "1 - SCALAR (up)",
            "pi()",
            "{{args.query}}",
            "sum(rate({{args.metric}}[5m]))",
            "\"text\"",
            "up{a=\"b}",
            "# up",
        ] {
            assert!(!gives_list(perhaps), "{perhaps}");
        }
    }
}
