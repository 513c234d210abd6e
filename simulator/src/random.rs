//! The simulator's only source of chance: a seeded generator (SplitMix64) with a stream of its own
//! for each use, so that one draw more in one place does not shift the draws elsewhere.

use std::ops::Range;
use std::time::Duration;

/// The characters that Kubernetes gives to generated names: no vowels, so no words.
const NAME_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A deterministic stream of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// The stream named `label` of the run with this seed.
    pub(crate) fn stream(seed: u64, label: &str) -> Random {
        // FNV-1a keeps streams apart; the mixing in `next` does the rest.
        let hash = label.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut random = Random { state: seed ^ hash.rotate_left(17) };
        random.next();
        random
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// A duration in the range, to the microsecond; the start of an empty range.
    pub(crate) fn duration(&mut self, range: &Range<Duration>) -> Duration {
        let width = range.end.saturating_sub(range.start).as_micros();
        let width = u64::try_from(width).unwrap_or(u64::MAX);
        range.start + Duration::from_micros(self.below(width))
    }

    /// `length` characters as Kubernetes puts behind a `generateName`.
    pub(crate) fn suffix(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| char::from(NAME_ALPHABET[self.below(NAME_ALPHABET.len() as u64) as usize]))
            .collect()
    }

    /// A version 4 UUID in its usual form.
    pub(crate) fn uuid(&mut self) -> String {
        let high = (self.next() & 0xffff_ffff_ffff_0fff) | 0x4000;
        let low = (self.next() & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |seed, label| {
            let mut random = Random::stream(seed, label);
            (0..4).map(|_| random.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, "uid"), draw(7, "uid"));
        assert_ne!(draw(7, "uid"), draw(8, "uid"));
        assert_ne!(draw(7, "uid"), draw(7, "names"));
    }

    #[test]
    fn uuid_has_version_and_variant() {
        let mut random = Random::stream(1, "uid");
        for _ in 0..50 {
            let uuid = random.uuid();
            assert_eq!(uuid.len(), 36);
            assert_eq!(&uuid[14..15], "4");
            assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"), "{uuid}");
        }
    }

    #[test]
    fn durations_stay_in_their_range() {
        let mut random = Random::stream(3, "delay");
        let range = Duration::from_millis(2)..Duration::from_millis(5);
        for _ in 0..200 {
            assert!(range.contains(&random.duration(&range)));
        }
        assert_eq!(random.duration(&(range.start..range.start)), range.start);
    }
}
