//! Which texts name what: the rules of Kubernetes.

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Whether `text` consists of `inner`, begins and ends with `outer`, and is not empty.
fn is_made_of(text: &str, outer: fn(u8) -> bool, inner: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|b| outer(*b))
        && bytes.last().is_some_and(|b| outer(*b))
        && bytes.iter().all(|b| outer(*b) || inner(*b))
}

/// What a text is, at the start of a message.
fn told(text: &str) -> String {
    if text.is_empty() { "is empty".to_owned() } else { format!("is `{text}`") }
}

/// A DNS label: the name of a container, a volume or a Service.
pub(super) fn dns_label(text: &str) -> Result<(), String> {
    if text.len() <= 63 && is_made_of(text, is_lower, |b| b == b'-') {
        return Ok(());
    }
    Err(format!(
        "{}, must be at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends",
        told(text)
    ))
}

/// A DNS subdomain: the name of most objects.
pub(super) fn dns_subdomain(text: &str) -> Result<(), String> {
    if text.len() <= 253 && text.split('.').all(|label| is_made_of(label, is_lower, |b| b == b'-'))
    {
        return Ok(());
    }
    Err(format!(
        "{}, must be at most 253 lower-case letters, digits, dashes and dots, with a letter or digit at both ends of each part",
        told(text)
    ))
}

/// The key of a label or an annotation: `NAME` or `DOMAIN/NAME`.
pub(super) fn label_key(text: &str) -> Result<(), String> {
    let (domain, name) = match text.split_once('/') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, text),
    };
    let is_name = name.len() <= 63 && is_made_of(name, is_alphanumeric, |b| b"-_.".contains(&b));
    if is_name && domain.is_none_or(|domain| dns_subdomain(domain).is_ok()) {
        return Ok(());
    }
    Err(format!(
        "`{text}` is no key, must be NAME or DOMAIN/NAME: a name has at most 63 letters, digits, dashes, dots and underscores, with a letter or digit at both ends"
    ))
}

/// The value of a label; it may be empty.
pub(super) fn label_value(text: &str) -> Result<(), String> {
    let is_value = is_made_of(text, is_alphanumeric, |b| b"-_.".contains(&b));
    if text.is_empty() || text.len() <= 63 && is_value {
        return Ok(());
    }
    Err(format!(
        "{}, must be empty or at most 63 letters, digits, dashes, dots and underscores, with a letter or digit at both ends",
        told(text)
    ))
}

/// The name of a port.
pub(super) fn port_name(text: &str) -> Result<(), String> {
    let is_name = text.len() <= 15
        && is_made_of(text, is_lower, |b| b == b'-')
        && text.bytes().any(|b| b.is_ascii_lowercase())
        && !text.contains("--");
    if is_name {
        return Ok(());
    }
    Err(format!(
        "{}, must be at most 15 lower-case letters, digits and single dashes, with at least one letter",
        told(text)
    ))
}

/// The name of an environment variable.
pub(super) fn variable_name(text: &str) -> Result<(), String> {
    if !text.is_empty() && text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        return Ok(());
    }
    Err(format!("{}, must be printable ASCII characters other than `=`", told(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let long = "a".repeat(64);
        for (check, good, bad) in [
            (
                dns_label as fn(&str) -> Result<(), String>,
                vec!["a", "web-1", "1"],
                vec!["", "-a", "a-", "A", "a.b", "a_b", "é", &long],
            ),
            (dns_subdomain, vec!["a", "a.b-c.1", &long], vec!["", "a..b", ".a", "a.", "A", "a_b"]),
            (
                label_key,
                vec!["app", "App", "a.b_c-d", "x.io/app", "1"],
                vec!["", "/a", "x/", "X.io/a", "a/b/c", "a b", "-a", &long],
            ),
            (label_value, vec!["", "V1.2_3-x"], vec!["-a", "a ", "a/b", &long]),
            (
                port_name,
                vec!["http", "8080-tcp", "a"],
                vec!["", "8080", "a--b", "HTTP", "abcdefghijklmnop", "-a"],
            ),
            (variable_name, vec!["A", "a.b-c", "1 x", "MY_VAR"], vec!["", "A=B", "é", "a\n"]),
        ] {
            for text in good {
                assert_eq!(check(text), Ok(()));
            }
            for text in bad {
                assert!(check(text).is_err(), "{text}");
            }
        }
    }
}
