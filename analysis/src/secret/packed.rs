//! Base64 in a text: whatever was packed into it may hold a secret, in any form.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Shorter runs of its characters are words.
const RUN_CHARS_MIN: usize = 16;

/// A part of a text that may be base64, and its characters in the common alphabet.
pub(super) struct Run {
    pub(super) begin: usize,
    pub(super) end: usize,
    characters: Vec<u8>,
}

/// The parts of a text that may be base64, of either alphabet, also as they look in a URL.
pub(super) fn runs(text: &str) -> impl Iterator<Item = Run> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let next = move || {
        let mut run = Run { begin: at, end: at, characters: Vec::new() };
        while at < bytes.len() {
            let (character, length) = match &bytes[at..] {
                [byte, ..] if byte.is_ascii_alphanumeric() => (Some(*byte), 1),
                [b'+' | b'-', ..] => (Some(b'+'), 1),
                [b'/' | b'_', ..] => (Some(b'/'), 1),
                [b'%', b'2', b'B' | b'b', ..] => (Some(b'+'), 3),
                [b'%', b'2', b'F' | b'f', ..] => (Some(b'/'), 3),
                _ => (None, 1),
            };
            at += length;
            match character {
                Some(character) => {
                    run.characters.push(character);
                    run.end = at;
                }
                None if run.characters.len() >= RUN_CHARS_MIN => return Some(run),
                None => {
                    run.characters.clear();
                    (run.begin, run.end) = (at, at);
                }
            }
        }
        (run.characters.len() >= RUN_CHARS_MIN).then_some(run)
    };
    std::iter::from_fn(next).fuse()
}

impl Run {
    /// What it may hold: where the base64 begins in it is not known.
    pub(super) fn contents(&self) -> impl Iterator<Item = String> {
        let config = GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::RequireNone);
        let engine = GeneralPurpose::new(&STANDARD, config);
        (0..4).filter_map(move |skipped| {
            let rest = self.characters.get(skipped..)?;
            // A single character at the end holds no byte.
            let whole = if rest.len() % 4 == 1 { &rest[..rest.len() - 1] } else { rest };
            let bytes = engine.decode(whole).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        })
    }
}
