//! Durations as Go writes them: `300ms`, `1.5h`, `2h45m`.

use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::rollout::RolloutPause;

/// A span of time with the precision and range of Go's `time.Duration`: nanoseconds in 64 bits,
/// about 292 years either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GoDuration(i64);

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No number, or something behind the last unit.
    #[error("`{0}` is not a duration: write numbers with units, such as 30s, 10m or 1h30m")]
    Malformed(String),
    /// A number without a unit.
    #[error("`{0}` lacks a unit: write one of ns, us, ms, s, m, h behind each number")]
    MissingUnit(String),
    /// A unit that does not exist.
    #[error("`{text}` has the unknown unit `{unit}`: use one of ns, us, ms, s, m, h")]
    UnknownUnit {
        /// The whole text.
        text: String,
        /// The unit in it.
        unit: String,
    },
    /// More than 64 bits of nanoseconds.
    #[error("`{0}` is too long: a duration is at most 292 years")]
    Overflow(String),
    /// Below zero where that makes no sense.
    #[error("`{0}` is negative: write 0 or more")]
    Negative(String),
}

impl GoDuration {
    /// A duration of so many nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The whole seconds, what is beyond them cut off.
    pub const fn as_seconds(self) -> i64 {
        self.0 / 1_000_000_000
    }
}

/// The magnitude that a negative duration may have, one more than a positive one.
const MAGNITUDE_MAX: u64 = 1 << 63;

impl FromStr for GoDuration {
    type Err = DurationError;

    /// Reads what Go's `time.ParseDuration` reads, to the same nanosecond.
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let malformed = || DurationError::Malformed(text.to_owned());
        let overflow = || DurationError::Overflow(text.to_owned());
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if unsigned == "0" {
            return Ok(Self(0));
        }
        if unsigned.is_empty() {
            return Err(malformed());
        }
        let mut sum: u64 = 0;
        let mut rest = unsigned;
        while !rest.is_empty() {
            let (whole, tail) = digits(rest);
            let (fraction, tail) = match tail.strip_prefix('.') {
                Some(tail) => digits(tail),
                None => ("", tail),
            };
            if whole.is_empty() && fraction.is_empty() {
                return Err(malformed());
            }
            let end = tail.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(end);
            let unit_nanos = match unit {
                "" => return Err(DurationError::MissingUnit(text.to_owned())),
                "ns" => 1,
                "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" => 60_000_000_000,
                "h" => 3_600_000_000_000,
                _ => {
                    let (text, unit) = (text.to_owned(), unit.to_owned());
                    return Err(DurationError::UnknownUnit { text, unit });
                }
            };
            let whole: u64 =
                if whole.is_empty() { 0 } else { whole.parse().map_err(|_| overflow())? };
            let nanos = whole
                .checked_mul(unit_nanos)
                .filter(|nanos| *nanos <= MAGNITUDE_MAX)
                .ok_or_else(overflow)?;
            sum = nanos
                .checked_add(fraction_nanos(fraction, unit_nanos))
                .and_then(|nanos| sum.checked_add(nanos))
                .filter(|sum| *sum <= MAGNITUDE_MAX)
                .ok_or_else(overflow)?;
            rest = tail;
        }
        let nanos =
            if negative { 0_i64.checked_sub_unsigned(sum) } else { i64::try_from(sum).ok() };
        nanos.map(Self).ok_or_else(overflow)
    }
}

/// The digits at the start of `text`, and what follows.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The nanoseconds of a fraction. Go computes them in floating point from the digits that fit into
/// 63 bits, and cuts off the rest.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn fraction_nanos(fraction: &str, unit_nanos: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1.0_f64);
    for digit in fraction.bytes().map(|byte| u64::from(byte - b'0')) {
        let next = value.checked_mul(10).and_then(|value| value.checked_add(digit));
        let Some(next) = next.filter(|next| *next < MAGNITUDE_MAX) else { break };
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (unit_nanos as f64 / scale)) as u64
}

impl RolloutPause {
    /// How long the pause lasts, in whole seconds; `None` is until somebody promotes (spec §2.2).
    ///
    /// A number, or a text of digits, is seconds, up to 2147483647; another text is a Go duration,
    /// of which fractions of a second are cut off.
    pub fn duration_seconds(&self) -> Result<Option<i64>, DurationError> {
        let Some(duration) = &self.duration else { return Ok(None) };
        let seconds = match duration {
            IntOrString::Int(seconds) => i64::from(*seconds),
            IntOrString::String(text) => match text.parse::<i32>() {
                Ok(seconds) => i64::from(seconds),
                Err(_) => {
                    let duration: GoDuration = text.parse()?;
                    if duration < GoDuration::default() {
                        return Err(DurationError::Negative(text.clone()));
                    }
                    duration.as_seconds()
                }
            },
        };
        if seconds < 0 {
            return Err(DurationError::Negative(seconds.to_string()));
        }
        Ok(Some(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    fn nanos(text: &str) -> Result<i64, DurationError> {
        text.parse().map(GoDuration::as_nanos)
    }

    #[test]
    fn durations_of_go() {
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("5s", 5 * SECOND),
            ("+5s", 5 * SECOND),
            ("-5.5s", -5 * SECOND - SECOND / 2),
            ("1h30m", 5400 * SECOND),
            ("10.5s4m", 250 * SECOND + SECOND / 2),
            (".5s", SECOND / 2),
            ("1.s", SECOND),
            ("12us", 12_000),
            ("12µs", 12_000),
            ("12μs", 12_000),
            ("1ms2ns", 1_000_002),
            ("0.3333333333333333333h", 1200 * SECOND),
            ("0.100000000000000000000h", 360 * SECOND),
            ("0.830103483285477580700h", 2_988_372_539_827),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("-2562047h47m16.854775808s", i64::MIN),
            ("52763797000ns", 52_763_797_000),
        ] {
            assert_eq!(nanos(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_go_refuses() {
        for text in [
            "", "-", "+", "s", ".", "-.", ".s", "+.s", " 1s", "1s ", "1d", "3", "1e3s", "--1s",
            "1h 5m",
        ] {
            assert!(nanos(text).is_err(), "{text}");
        }
        for text in [
            "9223372036854775808ns",
            "3000000h",
            "-9223372036854775809ns",
            "99999999999999999999s",
            "9223372036854775807ns1ns",
        ] {
            assert_eq!(nanos(text), Err(DurationError::Overflow(text.to_owned())));
        }
    }

    #[test]
    fn errors_say_what_to_write() {
        assert_eq!(
            nanos("10").unwrap_err().to_string(),
            "`10` lacks a unit: write one of ns, us, ms, s, m, h behind each number"
        );
        assert_eq!(
            nanos("2d").unwrap_err().to_string(),
            "`2d` has the unknown unit `d`: use one of ns, us, ms, s, m, h"
        );
    }

    #[test]
    fn pauses() {
        let pause = |duration| RolloutPause { duration }.duration_seconds();
        let text = |text: &str| pause(Some(IntOrString::String(text.to_owned())));
        assert_eq!(pause(None), Ok(None));
        assert_eq!(pause(Some(IntOrString::Int(30))), Ok(Some(30)));
        assert_eq!(text("30"), Ok(Some(30)));
        assert_eq!(text("+30"), Ok(Some(30)));
        assert_eq!(text("1h30m"), Ok(Some(5400)));
        assert_eq!(text("1500ms"), Ok(Some(1)));
        assert_eq!(text("0"), Ok(Some(0)));
        assert_eq!(pause(Some(IntOrString::Int(-1))), Err(DurationError::Negative("-1".into())));
        assert_eq!(text("-30"), Err(DurationError::Negative("-30".into())));
        assert_eq!(text("-0.5s"), Err(DurationError::Negative("-0.5s".into())));
        assert!(text("2147483648").is_err());
        assert!(text("soon").is_err());
    }

    proptest! {
        #[test]
        fn whole_nanoseconds_read_back(nanos: i64) {
            prop_assert_eq!(format!("{nanos}ns").parse(), Ok(GoDuration(nanos)));
        }

        #[test]
        fn parts_add_up(hours in 0..1000_i64, minutes in 0..1000_i64, millis in 0..1_000_000_i64) {
            let expected = hours * 3600 * SECOND + minutes * 60 * SECOND + millis * 1_000_000;
            prop_assert_eq!(nanos(&format!("{hours}h{minutes}m{millis}ms")), Ok(expected));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.a-zµ ]{0,24}") {
            let _ = nanos(&text);
        }
    }
}
