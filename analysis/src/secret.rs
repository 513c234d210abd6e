//! What must not be seen: values read from Secrets, and whatever holds them.
//!
//! Two means. [`Sealed`] keeps a value that holds secrets from being printed or serialized by
//! accident. [`Redactor`] takes the secrets out of every text that leaves a measurement: an echo of
//! a server, a message of an error, the address that was asked.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

/// What stands in place of a secret, as upstream has it.
pub const REDACTED: &str = "*****";

/// A value that holds secrets: it cannot be printed, and is asked for by name.
pub struct Sealed<T>(T);

impl<T> Sealed<T> {
    /// Seals a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one who sends it where it belongs.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Takes secrets out of texts: as they are, and as they look in a URL, in JSON, in a header of basic
/// authentication.
#[derive(Default)]
pub struct Redactor {
    /// Longest first, so that a secret within another leaves nothing of the longer one.
    forms: Vec<SecretString>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor of {} forms", self.forms.len())
    }
}

impl Redactor {
    /// Whether there is nothing to take out.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Adds a secret in all the forms in which it may come back.
    pub fn add(&mut self, secret: &str) {
        let trimmed = secret.trim();
        for text in [secret, trimmed] {
            self.add_form(text.to_owned());
            self.add_form(form_urlencoded::byte_serialize(text.as_bytes()).collect());
            self.add_form(percent_encoded(text));
            self.add_form(quoted(text));
            self.add_form(STANDARD_NO_PAD.encode(text));
            self.add_form(URL_SAFE_NO_PAD.encode(text));
        }
    }

    fn add_form(&mut self, form: String) {
        let known = |f: &SecretString| f.expose_secret() == form;
        if form.is_empty() || self.forms.iter().any(known) {
            return;
        }
        self.forms.push(form.into());
        self.forms.sort_by_key(|form| std::cmp::Reverse(form.expose_secret().len()));
    }

    /// The text without the secrets.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for form in &self.forms {
            if text.contains(form.expose_secret()) {
                text = Cow::Owned(text.replace(form.expose_secret(), REDACTED));
            }
        }
        text
    }
}

/// As in the path of a URL: all but letters, digits and `-_.~` as `%XX`.
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// As within a JSON text, without the quotes around it.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json[1..json.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_in_every_form() {
        let secret = "p@ss \"w\u{f6}rd\"/+\n";
        let mut redactor = Redactor::default();
        redactor.add(secret);
        let forms = [
            secret.to_owned(),
            secret.trim().to_owned(),
            form_urlencoded::byte_serialize(secret.trim().as_bytes()).collect(),
            percent_encoded(secret.trim()),
            serde_json::Value::from(secret).to_string(),
            base64::engine::general_purpose::STANDARD.encode(secret),
            base64::engine::general_purpose::URL_SAFE.encode(secret.trim()),
        ];
        for form in forms {
            let text = format!("before {form} after");
            let redacted = redactor.redact(&text);
            assert!(redacted.contains(REDACTED), "{form} stayed");
            assert!(!redacted.contains(form.trim_matches(['"', '='])), "{form} stayed in part");
        }
        assert_eq!(redactor.redact("nothing here"), "nothing here");
    }

    #[test]
    fn of_one_secret_within_another_nothing_is_left() {
        let mut redactor = Redactor::default();
        redactor.add("abc");
        redactor.add("abcdef");
        assert_eq!(redactor.redact("x abcdef y"), format!("x {REDACTED} y"));
    }

    #[test]
    fn neither_can_be_printed() {
        let mut redactor = Redactor::default();
        redactor.add("canary");
        let shown = format!("{:?} {redactor:?}", Sealed::new("canary"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
