use base64::engine::general_purpose::{STANDARD as PADDED, URL_SAFE as URL_PADDED};
use proptest::prelude::*;

use super::*;

fn redactor(secrets: &[&str]) -> Redactor {
    let mut redactor = Redactor::default();
    secrets.iter().for_each(|secret| redactor.add(secret));
    redactor
}

/// As in the path of a URL: all but letters, digits and what is `kept` as `%XX`.
fn percent_encoded(text: &str, kept: &[u8]) -> String {
    let encode = |byte: u8| match byte.is_ascii_alphanumeric() || kept.contains(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02x}"),
    };
    text.bytes().map(encode).collect()
}

/// What becomes of a text on its way through servers.
fn disguises(text: &str) -> Vec<String> {
    let json = |text: &str| serde_json::Value::from(text).to_string();
    let go_json = json(text).replace('<', "\\u003c").replace('&', "\\u0026");
    let html = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&#34;")
        .replace('\'', "&#x27;");
    vec![
        text.to_owned(),
        form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        percent_encoded(text, b"-_.~"),
        percent_encoded(text, b"-_.~!$&'()*+,;=:@/"),
        percent_encoded(&percent_encoded(text, b"-_.~"), b""),
        json(text),
        json(&json(text)),
        json(&json(&json(text))),
        text.to_lowercase(),
        format!("{text:?}"),
        text.escape_default().to_string(),
        go_json.clone(),
        html.clone(),
        percent_encoded(&html, b""),
        json(&html).replace('&', "\\u0026"),
        percent_encoded(&go_json, b""),
        html.replace('&', "&amp;"),
        PADDED.encode(text),
        PADDED.encode(json(&json(text))),
        format!("xy{}", URL_PADDED.encode(percent_encoded(text, b""))),
        percent_encoded(&PADDED.encode(format!("{} and much more", json(text))), b""),
        URL_PADDED.encode(text),
        PADDED.encode(format!("user:{text}")),
        PADDED.encode(format!("a{text}and more")),
        PADDED.encode(format!("ab{text}!")),
        percent_encoded(&PADDED.encode(format!("{{\"password\":\"{text}\"}}")), b""),
    ]
}

#[test]
fn a_secret_is_taken_out_in_every_form() {
    let secret = "p@ss \"w\u{f6}rd\"/+<&>\\\u{1f512}'n\nx";
    let redactor = redactor(&[secret]);
    for form in disguises(secret) {
        let redacted = redactor.redact(&form).into_owned();
        assert!(redacted.contains(REDACTED), "{form} stayed");
        for part in ["rd\"", "p@ss", "p%40", "cEBzcy", "BAc3Mg", "wQHNzI", "1f512", "d83d"] {
            assert!(!redacted.contains(part), "{form} stayed in part: {redacted}");
        }
    }
    assert_eq!(redactor.redact("nothing here"), "nothing here");
}

#[test]
fn blanks_around_a_secret_do_not_matter() {
    let redactor = redactor(&["  token-1234\n"]);
    assert_eq!(redactor.redact("is token-1234."), format!("is {REDACTED}."));
    assert_eq!(redactor.redact("  token-1234\n"), REDACTED);
}

#[test]
fn the_beginning_of_a_long_text() {
    let redactor = redactor(&["secret-value"]);
    let text = format!("secret-value and more {}", "of the same kind. ".repeat(1000));
    let beginning = redactor.redact_to(&text, 100);
    assert!(beginning.starts_with("***** and more of the same"), "{beginning}");
    let packed = format!("{} {}", PADDED.encode("a secret-value that is packed"), text);
    assert!(redactor.redact_to(&packed, 10).starts_with("*****= ***** and more"));
    assert_eq!(redactor.redact_to("no secret at all", 3), "no secret at all");
}

#[test]
fn what_a_url_leaves_of_a_secret() {
    let redactor = redactor(&["one-line\ntwo#three", "a#b"]);
    assert_eq!(redactor.redact("/one-line%0Atwo?x"), format!("/{REDACTED}?x"));
    assert_eq!(redactor.redact("one-linetwo#three"), REDACTED);
    assert_eq!(redactor.redact("a"), "a");
}

#[test]
fn of_one_secret_within_another_nothing_is_left() {
    let redactor = redactor(&["abc", "abcdef"]);
    assert_eq!(redactor.redact("x abcdef y"), format!("x {REDACTED} y"));
}

#[test]
fn the_mask_is_not_masked_again() {
    let redactor = redactor(&["*", "**a"]);
    assert_eq!(redactor.redact("**a*"), format!("{REDACTED}{REDACTED}"));
}

#[test]
fn nothing_is_no_secret() {
    let redactor = redactor(&["", "  "]);
    assert_eq!(redactor.redact("a b"), "a b");
}

#[test]
fn pieces_are_taken_out_where_they_are_looked_for() {
    let redactor = redactor(&[r"first.second\third", "short"]);
    assert_eq!(redactor.redact("first is not found"), "first is not found");
    let parser = r"`first.` is not found, `second\t`, `third`, shor, short";
    let expected = r"`*****` is not found, `*****`, `third`, shor, *****";
    assert_eq!(redactor.redact_pieces(parser), expected);
    assert_eq!(redactor.redact_pieces("nothing"), "nothing");
}

#[test]
fn backslashes_are_counted() {
    let redactor = redactor(&[r"a\\b\"]);
    assert_eq!(redactor.redact(r"a\\b\"), REDACTED);
    assert_eq!(redactor.redact(r"a\\\\b\\"), format!(r"{REDACTED}\"));
    assert_eq!(redactor.redact(r"a\b\"), r"a\b\");
    let run = "\\".repeat(100_000);
    assert_eq!(redactor.redact(&run), run);
}

#[test]
fn neither_can_be_printed() {
    let shown = format!("{:?} {:?}", Sealed::new("canary"), redactor(&["canary"]));
    assert!(!shown.contains("canary"), "{shown}");
}

proptest! {
    #[test]
    fn no_text_panics(secret in "\\PC{0,8}|[\\\\%&+ u0-9a]{0,8}", text in "\\PC{0,40}|[\\\\%&+ ;#xu0-9a]{0,60}") {
        let redacted = redactor(&[&secret]).redact(&text).into_owned();
        prop_assert!(secret.trim().is_empty() || !redacted.replace(REDACTED, "").contains(&secret) || REDACTED.contains(&secret));
    }

    #[test]
    fn no_disguise_hides_a_secret(secret in "[!-~]{12,20}", before in "[ -~]{0,5}", after in "[ -~]{0,5}") {
        let redactor = redactor(&[&secret]);
        for form in disguises(&secret) {
            let text = format!("{before} {form} {after}");
            prop_assert!(redactor.redact(&text).contains(REDACTED), "{} stayed", form);
        }
    }
}
