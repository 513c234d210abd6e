//! Numbers of pods and weights: 64-bit, never wrapping (spec I23).

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use serde::Serialize;

/// A number of pods. Arithmetic saturates; a difference may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Pods(pub i64);

impl Pods {
    /// None.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(1);

    /// At least none.
    #[must_use]
    pub fn or_none(self) -> Self {
        self.max(Self::ZERO)
    }

    /// The number as the API stores it; saturates.
    pub fn to_i32(self) -> i32 {
        i32::try_from(self.0).unwrap_or(if self.0 < 0 { i32::MIN } else { i32::MAX })
    }
}

impl From<i32> for Pods {
    fn from(count: i32) -> Self {
        Self(i64::from(count))
    }
}

impl From<i64> for Pods {
    fn from(count: i64) -> Self {
        Self(count)
    }
}

impl Add for Pods {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Pods {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Pods {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Pods {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Pods {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Pods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A share of traffic in percent, 0 to 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Weight(i64);

impl Weight {
    /// No traffic.
    pub const NONE: Self = Self(0);
    /// All traffic.
    pub const ALL: Self = Self(100);

    /// A weight of so many percent; what lies outside 0 to 100 is cut to it.
    pub fn percent(percent: i32) -> Self {
        Self(i64::from(percent).clamp(0, 100))
    }

    /// The percentage, 0 to 100.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
