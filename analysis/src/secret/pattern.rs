//! A secret in a text, however the text was escaped on its way.

use std::fmt;

use secrecy::zeroize::{Zeroize, ZeroizeOnDrop};

/// How many backslashes in a row are looked past: whoever escapes a text three times over makes
/// eight of one. It bounds the work on a text of nothing else.
const BACKSLASHES_MAX: usize = 64;

/// How many times more than once a text may have been encoded for a URL.
const ENCODED_AGAIN_MAX: usize = 3;

/// A secret as a sequence of characters, each with the backslashes before it: escaping multiplies
/// those, and puts some where there were none.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    units: Vec<Unit>,
    /// Backslashes at the end.
    tail: usize,
}

#[derive(Clone, PartialEq, Eq)]
struct Unit {
    backslashes: usize,
    character: char,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pattern")
    }
}

impl Drop for Pattern {
    fn drop(&mut self) {
        for unit in &mut self.units {
            unit.character.zeroize();
        }
    }
}

impl ZeroizeOnDrop for Pattern {}

impl Pattern {
    /// `None` for the empty text, which is in every text.
    pub(super) fn new(text: &str) -> Option<Self> {
        let (mut units, mut backslashes) = (Vec::new(), 0);
        for character in text.chars() {
            if character == '\\' {
                backslashes += 1;
            } else {
                units.push(Unit { backslashes, character });
                backslashes = 0;
            }
        }
        (!text.is_empty()).then_some(Self { units, tail: backslashes })
    }

    /// How long it is, for the order of patterns.
    pub(super) fn len(&self) -> usize {
        self.units.iter().map(|unit| unit.backslashes + 1).sum::<usize>() + self.tail
    }

    /// The secret again.
    pub(super) fn characters(&self) -> impl Iterator<Item = char> {
        let unit =
            |unit: &Unit| std::iter::repeat_n('\\', unit.backslashes).chain([unit.character]);
        self.units.iter().flat_map(unit).chain(std::iter::repeat_n('\\', self.tail))
    }

    /// The bytes that a match may begin with.
    pub(super) fn begins(&self) -> impl Iterator<Item = u8> {
        let own = self.units.first().map(|unit| {
            let mut bytes = [0; 4];
            unit.character.encode_utf8(&mut bytes);
            bytes[0]
        });
        own.into_iter().chain(*b"\\%&+")
    }

    /// Where a match that begins at `at` ends.
    pub(super) fn end_of_match(&self, text: &str, at: usize) -> Option<usize> {
        let byte = text.as_bytes().get(at).copied()?;
        if !self.begins().any(|begin| begin == byte) {
            return None;
        }
        // Ends of what has matched so far: `%25` is a percent sign, or three characters.
        let mut ends = vec![at];
        for unit in &self.units {
            let mut next = Vec::new();
            for end in ends {
                unit.after(text, end, &mut next);
            }
            if next.is_empty() {
                return None;
            }
            next.sort_unstable();
            next.dedup();
            ends = next;
        }
        if self.tail == 0 {
            return ends.pop();
        }
        let past = |end: usize| backslashes(text, end, self.tail);
        ends.into_iter().rev().map(past).find_map(|(seen, end)| (seen >= self.tail).then_some(end))
    }
}

impl Unit {
    /// Where the text may go on after this character, which is looked for at `at`.
    fn after(&self, text: &str, at: usize, ends: &mut Vec<usize>) {
        let (seen, at) = backslashes(text, at, self.backslashes + BACKSLASHES_MAX);
        if seen < self.backslashes {
            return;
        }
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else { return };
        let mut found = |length: usize| ends.push(at + length);
        if first == self.character {
            found(first.len_utf8());
        }
        if first == '+' && self.character == ' ' {
            found(1);
        }
        percent(rest, self.character).for_each(&mut found);
        entity(rest, seen > 0, self.character).for_each(&mut found);
        if seen > 0 {
            unicode(rest, self.character).into_iter().for_each(&mut found);
            if short(first) == Some(self.character) {
                found(1);
            }
        }
    }
}

/// How many backslashes there are at a place, up to a number, and where they end.
fn backslashes(text: &str, at: usize, limit: usize) -> (usize, usize) {
    let (mut seen, mut at) = (0, at);
    while seen < limit {
        let rest = &text[at..];
        at += match rest.as_bytes().first() {
            Some(b'\\') => 1,
            Some(b'%') => match percent(rest, '\\').next() {
                Some(length) => length,
                None => break,
            },
            _ => break,
        };
        seen += 1;
    }
    (seen, at)
}

/// The bytes of a character as `%XX`, with `25` between for each time more that it was encoded: how
/// long that is.
fn percent(rest: &str, character: char) -> impl Iterator<Item = usize> {
    (0..=ENCODED_AGAIN_MAX).filter_map(move |again| {
        let mut bytes = [0; 4];
        let mut length = 0;
        for byte in character.encode_utf8(&mut bytes).bytes() {
            let mut digits = rest.get(length..)?.strip_prefix('%')?;
            for _ in 0..again {
                digits = digits.strip_prefix("25")?;
            }
            if hexadecimal(digits.get(..2)?)? != u32::from(byte) {
                return None;
            }
            length += 3 + 2 * again;
        }
        Some(length)
    })
}

/// A character as an entity of HTML, of which the signs may be encoded in turn: how long that is.
fn entity(rest: &str, escaped: bool, character: char) -> impl Iterator<Item = usize> {
    let signs = [Some("&"), Some("&amp;"), escaped.then_some("u0026")];
    let plain = signs.into_iter().flatten().filter(move |sign| rest.starts_with(sign));
    let begins = plain.map(str::len).chain(percent(rest, '&'));
    begins.filter_map(move |begin| Some(begin + named(&rest[begin..], character)?))
}

/// What follows the first sign of an entity.
fn named(rest: &str, character: char) -> Option<usize> {
    let sign = |rest: &str, sign: char| {
        if rest.starts_with(sign) { Some(1) } else { percent(rest, sign).next() }
    };
    let number = sign(rest, '#');
    let begin = number.unwrap_or(0);
    let length = rest[begin..].bytes().take_while(u8::is_ascii_alphanumeric).take(8).count();
    let end = begin + length;
    let name = &rest[begin..end];
    let meant = match (number, name) {
        (None, "amp") => '&',
        (None, "lt") => '<',
        (None, "gt") => '>',
        (None, "quot") => '"',
        (None, "apos") => '\'',
        (None, _) => return None,
        (Some(_), digits) => char::from_u32(match digits.strip_prefix(['x', 'X']) {
            Some(digits) => hexadecimal(digits)?,
            None => digits.parse().ok()?,
        })?,
    };
    if meant == character { Some(end + sign(&rest[end..], ';')?) } else { None }
}

/// A character as `uXXXX` behind a backslash, or two of them; or as `u{X}`.
fn unicode(rest: &str, character: char) -> Option<usize> {
    if let Some(braced) = rest.strip_prefix("u{") {
        let (digits, _) = braced.split_once('}').filter(|(digits, _)| digits.len() <= 6)?;
        return (hexadecimal(digits)? == u32::from(character)).then_some(digits.len() + 3);
    }
    let mut halves = [0; 2];
    let mut length = 0;
    for (place, half) in character.encode_utf16(&mut halves).iter().enumerate() {
        let rest = rest.get(length..)?;
        let skipped = if place == 0 { 0 } else { backslashes(rest, 0, BACKSLASHES_MAX).1 };
        let digits = rest.get(skipped..)?.strip_prefix('u')?.get(..4)?;
        if hexadecimal(digits)? != u32::from(*half) {
            return None;
        }
        length += skipped + 5;
    }
    Some(length)
}

fn hexadecimal(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain { u32::from_str_radix(digits, 16).ok() } else { None }
}

/// What a letter behind a backslash means.
fn short(letter: char) -> Option<char> {
    Some(match letter {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        '0' => '\0',
        _ => return None,
    })
}
