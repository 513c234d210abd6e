//! Amounts of a resource, as Kubernetes writes them: `500m`, `0.5`, `1Gi`, `1e3`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// Digits that fit into Go's `int64` for certain; longer numbers take another way through its
/// parser, which forgets how they were written.
const SHORT_DIGITS: i64 = 18;
/// The finest amount: a billionth. What is finer is rounded away from zero.
const NANO: i64 = -9;
/// The largest amount with a binary suffix.
const BINARY_MAX: i128 = i64::MAX as i128;

/// An amount of a resource, exact, with the form that the API server would write it in.
///
/// Equality and order are those of the amounts: `0.5` equals `500m`.
#[derive(Debug, Clone)]
pub struct Quantity {
    /// The amount is `mantissa` × 10^`exponent`. No factor of ten in the mantissa; zero is 0 × 10^0.
    mantissa: i128,
    exponent: i64,
    notation: Notation,
    /// How it was written, and on what scale, where the API server keeps that.
    written: Option<(String, i64)>,
}

/// The family of suffixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notation {
    /// `n u m k M G T P E`
    Decimal,
    /// `Ki Mi Gi Ti Pi Ei`
    Binary,
    /// `e3`, `E3`
    Exponent,
}

/// Why a text is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Neither digits nor a known suffix.
    #[error("is not a quantity: write digits with an optional suffix, such as 500m, 0.5 or 2Gi")]
    Malformed,
    /// More digits than can be computed with here.
    #[error("has too many digits for a quantity: write at most 18")]
    TooLong,
}

impl Quantity {
    /// The quantity in a JSON value, which may be a text or a number.
    pub fn from_json(value: &Value) -> Result<Self, QuantityError> {
        match value {
            Value::String(text) => text.trim().parse(),
            Value::Number(number) => number.to_string().parse(),
            _ => Err(QuantityError::Malformed),
        }
    }

    /// Whether the amount is below zero.
    pub fn is_negative(&self) -> bool {
        self.mantissa < 0
    }

    /// Rounded away from zero to whole thousandths, which is as fine as resources of a container go.
    #[must_use]
    pub fn rounded_to_milli(self) -> Self {
        let finer = |scale: i64| scale < -3;
        if self.written.as_ref().is_some_and(|(_, scale)| !finer(*scale)) {
            return self;
        }
        let (mantissa, exponent) = round_away(self.mantissa, self.exponent, -3);
        Self { written: None, ..Self::normal(mantissa, exponent, self.notation) }
    }

    fn normal(mut mantissa: i128, mut exponent: i64, notation: Notation) -> Self {
        while mantissa != 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        if mantissa == 0 {
            exponent = 0;
        }
        Self { mantissa, exponent, notation, written: None }
    }

    /// The amount as a whole number, if it is one that fits.
    fn whole(&self) -> Option<i128> {
        let factor = 10_i128.checked_pow(u32::try_from(self.exponent).ok()?)?;
        self.mantissa.checked_mul(factor)
    }
}

/// `mantissa` × 10^`exponent` on a scale not finer than `finest`, rounded away from zero.
fn round_away(mantissa: i128, exponent: i64, finest: i64) -> (i128, i64) {
    if exponent >= finest {
        return (mantissa, exponent);
    }
    let divisor = u32::try_from(finest - exponent).ok().and_then(|n| 10_i128.checked_pow(n));
    let rounded = match divisor {
        Some(divisor) => mantissa / divisor + (mantissa % divisor).signum(),
        None => mantissa.signum(),
    };
    (rounded, finest)
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Malformed);
        }
        let (negative, unsigned) = match text.as_bytes()[0] {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let whole_end = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
        let (whole, rest) = unsigned.split_at(whole_end);
        let whole = whole.trim_start_matches('0');
        let (fraction, suffix) = match rest.strip_prefix('.') {
            Some(rest) => {
                rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()))
            }
            None => ("", rest),
        };
        let (power, notation) = suffix_of(suffix)?;

        let digits = format!("{whole}{fraction}");
        let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
        let places = length(fraction);
        let mut mantissa: i128 = match digits.trim_start_matches('0') {
            "" => 0,
            digits => digits.parse().map_err(|_| QuantityError::TooLong)?,
        };
        if negative {
            mantissa = -mantissa;
        }
        // A missing whole part counts as the digit 0.
        let whole_length = length(whole).max(1);
        let (exponent, short) = match notation {
            Notation::Binary => {
                let factor = 1_i128 << power;
                mantissa = mantissa.checked_mul(factor).ok_or(QuantityError::TooLong)?;
                // An estimate of how many decimal digits the factor takes.
                let room = 14 - power * 3 / 10 - whole_length;
                (-places, room >= 0 && fraction.is_empty())
            }
            Notation::Decimal | Notation::Exponent => {
                (power - places, whole_length + places <= SHORT_DIGITS)
            }
        };
        let short = short && exponent >= NANO;
        let (mantissa, exponent) = round_away(mantissa, exponent, NANO);
        let mut quantity = Self::normal(mantissa, exponent, notation);
        if short {
            let kept = match notation {
                // Not divisible by 8, so not by 1024 either.
                Notation::Binary => whole.parse::<u64>().is_ok_and(|number| number % 8 != 0),
                Notation::Decimal | Notation::Exponent => {
                    exponent % 3 == 0 && !whole.is_empty() && !digits.ends_with("000")
                }
            };
            quantity.written = kept.then(|| (text.to_owned(), exponent));
        } else if notation == Notation::Binary {
            if quantity > Self::normal(BINARY_MAX, 0, notation) {
                quantity = Self::normal(BINARY_MAX, 0, notation);
            }
            let is_fraction = quantity.mantissa > 0 && quantity < Self::normal(1, 0, notation);
            if is_fraction {
                quantity.notation = Notation::Decimal;
            }
        }
        Ok(quantity)
    }
}

/// The power (of ten, or of two for binary ones) that a suffix stands for.
fn suffix_of(suffix: &str) -> Result<(i64, Notation), QuantityError> {
    let (power, notation) = match suffix {
        "n" => (-9, Notation::Decimal),
        "u" => (-6, Notation::Decimal),
        "m" => (-3, Notation::Decimal),
        "" => (0, Notation::Decimal),
        "k" => (3, Notation::Decimal),
        "M" => (6, Notation::Decimal),
        "G" => (9, Notation::Decimal),
        "T" => (12, Notation::Decimal),
        "P" => (15, Notation::Decimal),
        "E" => (18, Notation::Decimal),
        "Ki" => (10, Notation::Binary),
        "Mi" => (20, Notation::Binary),
        "Gi" => (30, Notation::Binary),
        "Ti" => (40, Notation::Binary),
        "Pi" => (50, Notation::Binary),
        "Ei" => (60, Notation::Binary),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E']).ok_or(QuantityError::Malformed)?;
            let exponent: i32 = exponent.parse().map_err(|_| QuantityError::Malformed)?;
            (i64::from(exponent), Notation::Exponent)
        }
    };
    Ok((power, notation))
}

impl fmt::Display for Quantity {
    /// The form that the API server writes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((text, _)) = &self.written {
            return f.write_str(text);
        }
        if self.notation == Notation::Binary
            && let Some(amount) = self.whole()
            && amount.abs() >= 1024
        {
            const SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
            let (mut amount, mut step) = (amount, 0);
            while amount % 1024 == 0 && step + 1 < SUFFIXES.len() {
                amount /= 1024;
                step += 1;
            }
            return write!(f, "{amount}{}", SUFFIXES[step]);
        }
        let surplus = self.exponent.rem_euclid(3);
        let exponent = self.exponent - surplus;
        write!(f, "{}{}", self.mantissa, "0".repeat(usize::try_from(surplus).unwrap_or(0)))?;
        let suffix = match exponent {
            0 => "",
            _ if self.notation == Notation::Exponent => return write!(f, "e{exponent}"),
            -9 => "n",
            -6 => "u",
            -3 => "m",
            3 => "k",
            6 => "M",
            9 => "G",
            12 => "T",
            15 => "P",
            18 => "E",
            beyond => return write!(f, "e{beyond}"),
        };
        f.write_str(suffix)
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        // With no trailing zeros, digits compare like text once their weights are equal.
        let digits = |q: &Self| q.mantissa.unsigned_abs().to_string();
        let magnitude = |digits: &str, q: &Self| {
            i64::try_from(digits.len()).unwrap_or(i64::MAX).saturating_add(q.exponent)
        };
        let sign = self.mantissa.signum();
        sign.cmp(&other.mantissa.signum()).then_with(|| {
            if sign == 0 {
                return Ordering::Equal;
            }
            let (ours, theirs) = (digits(self), digits(other));
            let order = magnitude(&ours, self)
                .cmp(&magnitude(&theirs, other))
                .then_with(|| ours.cmp(&theirs));
            if sign < 0 { order.reverse() } else { order }
        })
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        text.parse::<Quantity>().map_or_else(|e| e.to_string(), |q| q.to_string())
    }

    /// Each pair was read back from a kube-apiserver 1.34.
    #[test]
    fn quantities_are_written_as_the_api_server_writes_them() {
        for (written, expected) in [
            ("0", "0"),
            ("0.0", "0"),
            ("000", "0"),
            ("0m", "0"),
            ("0Ki", "0"),
            ("1", "1"),
            ("+1", "+1"),
            ("007", "007"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1.", "1."),
            ("1.5", "1500m"),
            ("1.500", "1.500"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("100000", "100k"),
            ("1500", "1500"),
            ("1000000", "1M"),
            ("128974848", "128974848"),
            ("1e3", "1e3"),
            ("1E3", "1E3"),
            ("1e2", "100"),
            ("1.5e3", "1500"),
            ("1000e3", "1e6"),
            ("12e-1", "1200e-3"),
            ("1Ki", "1Ki"),
            ("1024Mi", "1Gi"),
            ("1025Mi", "1025Mi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("0.1Ki", "102400m"),
            ("1.1Ki", "1126400m"),
            ("0.0001Ki", "102400u"),
            ("8Gi", "8Gi"),
            ("100Ti", "100Ti"),
            ("9Ei", "9223372036854775807"),
            ("0.00000000001", "1n"),
            ("123456789012345678", "123456789012345678"),
            ("1234567890123456789", "1234567890123456789"),
        ] {
            assert_eq!(canonical(written), expected, "{written}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "1x", "1 Gi", "1Gii", "1e", "1mm", "one", "1.5.", "--1", "1e99999999999"] {
            assert_eq!(text.parse::<Quantity>().unwrap_err(), QuantityError::Malformed, "{text}");
        }
        assert_eq!("1".repeat(50).parse::<Quantity>().unwrap_err(), QuantityError::TooLong);
    }

    #[test]
    fn resources_are_rounded_up_to_thousandths() {
        for (written, expected) in [
            ("1n", "1m"),
            ("0.0015", "2m"),
            ("1500u", "2m"),
            ("1000u", "1m"),
            ("1.500", "1.500"),
            ("2", "2"),
        ] {
            let quantity: Quantity = written.parse().unwrap();
            assert_eq!(quantity.rounded_to_milli().to_string(), expected, "{written}");
        }
    }

    #[test]
    fn amounts_compare_whatever_their_suffix() {
        let q = |text: &str| text.parse::<Quantity>().unwrap();
        assert_eq!(q("0.5"), q("500m"));
        assert_eq!(q("1Gi"), q("1024Mi"));
        assert_eq!(q("1k"), q("1e3"));
        for (less, more) in [
            ("0", "1n"),
            ("-1", "0"),
            ("-2", "-1"),
            ("999m", "1"),
            ("1M", "1Mi"),
            ("15", "150"),
            ("149", "15k"),
            ("1e30", "1e31"),
        ] {
            assert!(q(less) < q(more), "{less} < {more}");
        }
    }

    #[test]
    fn json_numbers_are_quantities_too() {
        use serde_json::json;
        assert_eq!(Quantity::from_json(&json!(0.5)).unwrap().to_string(), "500m");
        assert_eq!(Quantity::from_json(&json!(2)).unwrap().to_string(), "2");
        assert_eq!(Quantity::from_json(&json!(" 1Gi ")).unwrap().to_string(), "1Gi");
        assert_eq!(Quantity::from_json(&json!(true)).unwrap_err(), QuantityError::Malformed);
    }
}
