//! String formats that the API server checks.

use chrono::DateTime;

/// Whether the text has the format. Unknown formats accept everything, as they do there.
pub(crate) fn accepts(format: &str, text: &str) -> bool {
    match format {
        "date-time" => DateTime::parse_from_rfc3339(text).is_ok(),
        "byte" => is_base64(text),
        _ => true,
    }
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let digit = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
    text.len().is_multiple_of(4) && text.len() - body.len() <= 2 && body.chars().all(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        assert!(accepts("date-time", "2025-01-02T03:04:05Z"));
        assert!(!accepts("date-time", "yesterday"));
        assert!(accepts("byte", "YWI="));
        assert!(!accepts("byte", "YWI"));
        assert!(accepts("unheard-of", "?"));
    }
}
