//! Numbers of pods that may be written as a share of others.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// What to do with a fraction of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Count it as a whole one.
    Up,
    /// Leave it out.
    Down,
}

/// Why a text is no number of pods.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntOrPercentError {
    /// A text that is no percentage.
    #[error("`{0}` is neither a number nor a percentage: write 3 or 25%")]
    Malformed(String),
    /// A negative number or percentage.
    #[error("`{0}` is negative: write 0 or more")]
    Negative(String),
    /// The result does not fit into 64 bits.
    #[error("{percent}% of {total} is too large a number")]
    Overflow {
        /// The percentage.
        percent: i64,
        /// What it is a share of.
        total: i64,
    },
}

/// `value` as a number of pods. A number is itself; any text is a percentage of `total`, also
/// without a percent sign (spec §2.3): `"25"` is a quarter.
pub fn resolve(
    value: &IntOrString,
    total: i64,
    rounding: Rounding,
) -> Result<i64, IntOrPercentError> {
    match value {
        IntOrString::Int(number) if *number < 0 => {
            Err(IntOrPercentError::Negative(number.to_string()))
        }
        IntOrString::Int(number) => Ok(i64::from(*number)),
        IntOrString::String(text) => {
            let percent: i64 = text
                .replace('%', "")
                .parse()
                .map_err(|_| IntOrPercentError::Malformed(text.clone()))?;
            if percent < 0 {
                return Err(IntOrPercentError::Negative(text.clone()));
            }
            let overflow = IntOrPercentError::Overflow { percent, total };
            let hundredths = percent.checked_mul(total).ok_or(overflow)?;
            let whole = hundredths.div_euclid(100);
            let has_rest = hundredths.rem_euclid(100) != 0;
            Ok(whole + i64::from(has_rest && rounding == Rounding::Up))
        }
    }
}

/// How far a rolling change may go beyond, or below, the wanted number of pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RollingLimits {
    /// Pods that may run beyond the wanted number.
    pub max_surge: i64,
    /// Pods that may be missing from the wanted number.
    pub max_unavailable: i64,
}

impl RollingLimits {
    /// The limits for `replicas` pods: the surge rounded up, what may be unavailable rounded down.
    /// Where both come to 0, nothing could ever move: then one pod may be unavailable (spec §2.3).
    ///
    /// # Errors
    /// The error of the surge, if both have one.
    pub fn resolve(
        max_surge: &IntOrString,
        max_unavailable: &IntOrString,
        replicas: i64,
    ) -> Result<Self, IntOrPercentError> {
        let max_surge = resolve(max_surge, replicas, Rounding::Up)?;
        let max_unavailable = resolve(max_unavailable, replicas, Rounding::Down)?;
        let is_stuck = max_surge == 0 && max_unavailable == 0;
        Ok(Self { max_surge, max_unavailable: if is_stuck { 1 } else { max_unavailable } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> IntOrString {
        IntOrString::String(text.to_owned())
    }

    #[test]
    fn any_text_is_a_percentage() {
        for (value, up, down) in [
            ("25%", 3, 2),
            ("25", 3, 2),
            ("0", 0, 0),
            ("100%", 10, 10),
            ("%25", 3, 2),
            ("150%", 15, 15),
        ] {
            assert_eq!(resolve(&text(value), 10, Rounding::Up), Ok(up), "{value}");
            assert_eq!(resolve(&text(value), 10, Rounding::Down), Ok(down), "{value}");
        }
        assert_eq!(resolve(&IntOrString::Int(7), 10, Rounding::Up), Ok(7));
    }

    #[test]
    fn nonsense_is_refused() {
        for value in ["", "%", "a", "2.5%", "25 %", "9223372036854775808"] {
            let error = resolve(&text(value), 10, Rounding::Up).unwrap_err();
            assert_eq!(error, IntOrPercentError::Malformed(value.to_owned()));
        }
        assert_eq!(
            resolve(&text("-5%"), 10, Rounding::Up),
            Err(IntOrPercentError::Negative("-5%".to_owned()))
        );
        assert_eq!(
            resolve(&IntOrString::Int(-5), 10, Rounding::Up),
            Err(IntOrPercentError::Negative("-5".to_owned()))
        );
        assert!(resolve(&text("9223372036854775807"), 10, Rounding::Up).is_err());
    }

    /// Ten pods with the defaults: 3 and 2 (spec §2.3).
    #[test]
    fn limits() {
        let limits = |surge: &str, unavailable: &str, replicas| {
            let limits = RollingLimits::resolve(&text(surge), &text(unavailable), replicas);
            limits.map(|limits| (limits.max_surge, limits.max_unavailable))
        };
        assert_eq!(limits("25", "25", 10), Ok((3, 2)));
        assert_eq!(limits("25", "25", 1), Ok((1, 0)));
        assert_eq!(limits("25", "25", 0), Ok((0, 1)));
        assert_eq!(limits("0", "0", 10), Ok((0, 1)));
        assert_eq!(limits("0", "5%", 10), Ok((0, 1)));
    }

    proptest! {
        #[test]
        fn rounding_is_never_off_by_more_than_one(percent in 0..300_i64, total in 0..100_000_i64) {
            let value = text(&format!("{percent}%"));
            let up = resolve(&value, total, Rounding::Up).unwrap();
            let down = resolve(&value, total, Rounding::Down).unwrap();
            prop_assert!(down * 100 <= percent * total && percent * total <= up * 100);
            prop_assert!((0..=1).contains(&(up - down)));
        }

        #[test]
        fn something_may_always_move(surge in 0..30_i64, unavailable in 0..30_i64, replicas in 0..50_i64) {
            let (surge, unavailable) = (text(&surge.to_string()), text(&unavailable.to_string()));
            let limits = RollingLimits::resolve(&surge, &unavailable, replicas).unwrap();
            prop_assert!(limits.max_surge + limits.max_unavailable > 0);
        }
    }
}
