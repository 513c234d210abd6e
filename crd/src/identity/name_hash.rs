//! The short hashes in names and labels: FNV-32a, in letters that spell no word.

/// Consonants and digits that Kubernetes uses in generated names.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// FNV-1a with 32 bits over `chunks`, one after the other.
pub(super) fn fnv32a<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    chunks
        .into_iter()
        .flatten()
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The decimal digits of `hash`, each byte in the safe alphabet: 1 to 10 characters, fit for a
/// label value and for the end of a DNS label.
pub(super) fn safe_encode(hash: u32) -> String {
    let letter = |digit: u8| char::from(ALPHABET[usize::from(digit) % ALPHABET.len()]);
    hash.to_string().bytes().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_matches_its_published_vectors() {
        assert_eq!(fnv32a([]), 0x811c_9dc5);
        assert_eq!(fnv32a([&b"a"[..]]), 0xe40c_292c);
        assert_eq!(fnv32a([&b"foo"[..], &b"bar"[..]]), 0xbf9c_f968);
    }

    #[test]
    fn digits_become_safe_letters() {
        assert_eq!(safe_encode(0), "4");
        assert_eq!(safe_encode(1_234_567_890), "56789bcdf4");
    }
}
