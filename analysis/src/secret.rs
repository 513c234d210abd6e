//! What must not be seen: values read from Secrets, and whatever holds them.
//!
//! Two means. [`Sealed`] keeps a value that holds secrets from being printed or serialized by
//! accident. [`Redactor`] takes the secrets out of every text that leaves a measurement: an echo of
//! a server, a message of an error, the address that was asked.

mod packed;
mod pattern;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};

use pattern::Pattern;

/// What stands in place of a secret, as upstream has it.
pub const REDACTED: &str = "*****";

/// Base64 of a secret is looked for when so many characters of it depend on nothing but the secret:
/// fewer would be found in any text.
const BASE64_CHARS_MIN: usize = 4;

/// Pieces of a secret of so many characters are taken out where pieces are looked for: a parser that
/// quotes what it does not understand quotes a word or two.
const PIECE_CHARS: usize = 6;

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

/// Takes secrets out of texts: as they are, and as they look in a URL, in JSON or HTML, and in
/// base64, also in the middle of something longer, such as a header of basic authentication.
#[derive(Clone)]
pub struct Redactor {
    /// Longest first, so that a secret within another leaves nothing of the longer one.
    patterns: Vec<Pattern>,
    /// By byte, whether a pattern may begin with it: most bytes of a text need no closer look.
    begins: [bool; 256],
}

impl Default for Redactor {
    fn default() -> Self {
        Self { patterns: Vec::new(), begins: [false; 256] }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor of {} forms", self.patterns.len())
    }
}

impl Redactor {
    /// Whether there is nothing to take out.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Adds a secret in all the forms in which it may come back.
    pub fn add(&mut self, secret: &str) {
        for text in [secret, secret.trim()] {
            self.add_form(text);
            // As in the name of a host or of a header.
            self.add_form(&text.to_lowercase());
            // What a URL leaves of it: no line breaks, and nothing behind a `#`.
            self.add_form(&text.replace(['\t', '\r', '\n'], ""));
            let (before, _) = text.split_once('#').unwrap_or_default();
            if before.chars().count() >= PIECE_CHARS {
                self.add_form(before);
            }
            // As a server reads what was a part of a URL or of a form.
            for text in [text, &text.replace('+', "%2B")] {
                let encoded = format!("x={}", text.replace('&', "%26"));
                let pairs = form_urlencoded::parse(encoded.as_bytes());
                pairs.for_each(|(_, decoded)| self.add_form(&decoded));
            }
            for offset in 0..3 {
                self.add_form(&base64_within(text, offset, &STANDARD));
                self.add_form(&base64_within(text, offset, &URL_SAFE));
            }
        }
    }

    fn add_form(&mut self, form: &str) {
        let Some(pattern) = Pattern::new(form) else { return };
        if self.patterns.contains(&pattern) {
            return;
        }
        let place = self.patterns.partition_point(|known| known.len() >= pattern.len());
        for byte in pattern.begins() {
            self.begins[usize::from(byte)] = true;
        }
        self.patterns.insert(place, pattern);
    }

    /// The text without the secrets.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.redact_to(text, usize::MAX)
    }

    /// So much of the text without the secrets as makes a number of bytes, or somewhat more: of a
    /// long text of which the beginning is shown, the rest need not be searched.
    pub fn redact_to<'a>(&self, text: &'a str, bytes: usize) -> Cow<'a, str> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = Masked { text, out: String::new(), done: 0 };
        for run in packed::runs(text) {
            self.mask_up_to(&mut masked, run.begin);
            if masked.out.len() >= bytes {
                return Cow::Owned(masked.out);
            }
            let hidden = masked.done >= run.end;
            if !hidden && run.contents().any(|text| self.find(&text, 0, text.len()).is_some()) {
                masked.mask(masked.done.max(run.begin), run.end);
            }
        }
        self.mask_up_to(&mut masked, text.len());
        if masked.out == text { Cow::Borrowed(text) } else { Cow::Owned(masked.out) }
    }

    /// Goes on up to a place, or to the end of a secret that begins before it.
    fn mask_up_to(&self, masked: &mut Masked<'_>, place: usize) {
        while let Some((begin, end)) = self.find(masked.text, masked.done, place) {
            masked.mask(begin, end);
        }
        masked.copy_to(place);
    }

    /// Where the next secret begins, before a place, and ends.
    fn find(&self, text: &str, from: usize, before: usize) -> Option<(usize, usize)> {
        let bytes = text.as_bytes().get(from..before)?.iter();
        let places = bytes.zip(from..).filter(|(byte, _)| self.begins[usize::from(**byte)]);
        let places = places.map(|(_, place)| place).filter(|place| text.is_char_boundary(*place));
        let mut matches = places.filter_map(|begin| {
            let end = self.patterns.iter().find_map(|known| known.end_of_match(text, begin))?;
            Some((begin, end))
        });
        matches.next()
    }

    /// The text without the secrets and without pieces of them. For texts that quote parts of what
    /// a secret is a part of, such as the message of a parser; of other texts it may take out words
    /// that are no secret.
    pub fn redact_pieces(&self, text: &str) -> String {
        let mut pieces = BTreeSet::new();
        for pattern in &self.patterns {
            let characters: Vec<_> = pattern.characters().collect();
            pieces.extend(characters.windows(PIECE_CHARS).map(<[char]>::to_vec));
        }
        let characters: Vec<_> = self.redact(text).chars().collect();
        let mut hidden = vec![false; characters.len()];
        for (place, piece) in characters.windows(PIECE_CHARS).enumerate() {
            if pieces.contains(piece) {
                hidden[place..place + PIECE_CHARS].fill(true);
            }
        }
        let mut out = String::new();
        for (place, character) in characters.into_iter().enumerate() {
            match (hidden[place], place > 0 && hidden[place - 1]) {
                (false, _) => out.push(character),
                (true, false) => out.push_str(REDACTED),
                (true, true) => {}
            }
        }
        out
    }
}

/// A text of which parts are masked, from its beginning on.
struct Masked<'a> {
    text: &'a str,
    out: String,
    /// Up to where the text has been dealt with.
    done: usize,
}

impl Masked<'_> {
    fn copy_to(&mut self, place: usize) {
        if self.done < place {
            self.out.push_str(&self.text[self.done..place]);
            self.done = place;
        }
    }

    fn mask(&mut self, begin: usize, end: usize) {
        self.copy_to(begin);
        self.out.push_str(REDACTED);
        self.done = end;
    }
}

/// The base64 of a text that has `offset` bytes before it and others behind it: those characters
/// that depend on nothing but the text. Empty where they are too few.
fn base64_within(text: &str, offset: usize, alphabet: &base64::alphabet::Alphabet) -> String {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(text.as_bytes());
    let mut encoded = GeneralPurpose::new(alphabet, NO_PAD).encode(&bytes);
    encoded.truncate(bytes.len() * 8 / 6);
    let own = encoded.split_off((offset * 8).div_ceil(6).min(encoded.len()));
    if own.len() < BASE64_CHARS_MIN { String::new() } else { own }
}

#[cfg(test)]
mod tests;
