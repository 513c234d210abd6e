//! Which pull policy an image gets by its name.

/// `Always` for the tag `latest`, written or implied, and `IfNotPresent` for everything else, also
/// for a name that cannot be read.
pub(super) fn default_pull_policy(image: &str) -> &'static str {
    if tag(image) == Some("latest") { "Always" } else { "IfNotPresent" }
}

/// The tag of an image: `latest` where neither a tag nor a digest is written; `None` where there
/// is a digest alone, or the name is malformed.
fn tag(image: &str) -> Option<&str> {
    if image.len() == 64 && image.bytes().all(is_lower_hex) {
        return None; // An image id, which is no name.
    }
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let (name, tag) = match name.rsplit_once(':') {
        // A colon before the last slash is a registry's port.
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (name, None),
    };
    let well_formed = is_name(name) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest);
    match (tag, digest) {
        _ if !well_formed => None,
        (Some(tag), _) => Some(tag),
        (None, Some(_)) => None,
        (None, None) => Some("latest"),
    }
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// `[domain/]component[/component…]`, at most 255 bytes without the domain.
fn is_name(name: &str) -> bool {
    let path = match name.split_once('/') {
        Some((domain, path)) if is_domain_like(domain) => {
            if !is_domain(domain) {
                return false;
            }
            path
        }
        _ => name,
    };
    // Names without a slash live under `library/`.
    let length = if path.contains('/') || path != name { path.len() } else { path.len() + 8 };
    length <= 255 && path.split('/').all(is_component)
}

/// What tells a registry from the first component of a path.
fn is_domain_like(first: &str) -> bool {
    first.contains(['.', ':'])
        || first == "localhost"
        || first.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let is_label = |label: &str| {
        label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_ipv6 = |host: &str| {
        host.strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .is_some_and(|h| !h.is_empty() && h.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'))
    };
    port.is_none_or(is_port) && (is_ipv6(host) || host.split('.').all(is_label))
}

/// Lower-case letters and digits, with single `.`, one or two `_`, or any number of `-` between.
fn is_component(component: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let mut at = 0;
    loop {
        let word = bytes[at..].iter().take_while(|b| is_word(**b)).count();
        if word == 0 {
            return false;
        }
        at += word;
        if at == bytes.len() {
            return true;
        }
        let separator = bytes[at..].iter().take_while(|b| !is_word(**b)).count();
        match &bytes[at..at + separator] {
            b"." | b"_" | b"__" => {}
            dashes if dashes.iter().all(|b| *b == b'-') => {}
            _ => return false,
        }
        at += separator;
    }
}

fn is_tag(tag: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|b| is_word(b) || b == b'.' || b == b'-')
}

/// A digest of an algorithm that the API server knows.
fn is_digest(digest: &str) -> bool {
    let length = match digest.split_once(':') {
        Some(("sha256", hex)) => (hex, 64),
        Some(("sha384", hex)) => (hex, 96),
        Some(("sha512", hex)) => (hex, 128),
        _ => return false,
    };
    length.0.len() == length.1 && length.0.bytes().all(is_lower_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_decides() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (image, expected) in [
            ("nginx", Some("latest")),
            ("nginx:latest", Some("latest")),
            ("nginx:1.27", Some("1.27")),
            ("shop/web", Some("latest")),
            ("localhost/web", Some("latest")),
            ("localhost:5000/web", Some("latest")),
            ("registry.example.com:5000/a/b__c/d-e.f:v1", Some("v1")),
            ("[fe80::1]:5000/web", Some("latest")),
            ("Registry/web", Some("latest")),
            ("web:Latest", Some("Latest")),
            (&format!("web@{digest}"), None),
            (&format!("web:latest@{digest}"), Some("latest")),
            ("web@sha256:abc", None),
            (&"a".repeat(64), None),
            (&"a".repeat(63), Some("latest")),
            ("", None),
            ("Web", None),
            ("web:", None),
            ("a//b", None),
            ("a..b", None),
            ("a___b", None),
            ("-a", None),
            ("a b", None),
            ("$(IMAGE)", None),
            ("example.com:port/web", None),
            ("-x.example.com/web", None),
            (&"a".repeat(248), None),
        ] {
            assert_eq!(tag(image), expected, "{image}");
        }
    }
}
