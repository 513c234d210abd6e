//! Instants, with what Go's `time.Time` knows of them: an instant and the zone that it is shown in.

mod layout;
mod methods;
mod parse;
mod show;
mod span;

use std::cmp::Ordering;
use std::sync::Arc;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use sluice_crd::duration::GoDuration;

use super::error::{Fault, fault};

pub(crate) use methods::{call, signature};
pub(crate) use parse::{date, in_utc};
pub(crate) use span::duration;

/// An instant, and the zone that it was written in or is shown in. Instants are compared without
/// their zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    at: DateTime<Utc>,
    zone: Zone,
}

/// A zone is an offset; there is no database of zones here, so nothing changes with the season.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Zone {
    Utc,
    /// As a text had it: perhaps with letters such as CET, which then say no more than how it is
    /// shown.
    Fixed {
        seconds: i32,
        letters: Option<Arc<str>>,
    },
}

impl Zone {
    fn seconds(&self) -> i32 {
        match self {
            Self::Utc => 0,
            Self::Fixed { seconds, .. } => *seconds,
        }
    }

    /// What stands for it where letters are asked for.
    fn letters(&self) -> Option<&str> {
        match self {
            Self::Utc => Some("UTC"),
            Self::Fixed { letters, .. } => letters.as_deref(),
        }
    }
}

impl Time {
    /// The instant, shown in UTC.
    pub fn utc(at: DateTime<Utc>) -> Self {
        Self { at, zone: Zone::Utc }
    }

    /// The instant.
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// How far its zone is ahead of UTC.
    pub fn offset_seconds(&self) -> i32 {
        self.zone.seconds()
    }

    fn new(local: NaiveDateTime, zone: Zone) -> Result<Self, Fault> {
        let offset = TimeDelta::seconds(i64::from(zone.seconds()));
        match local.checked_sub_signed(offset) {
            Some(utc) => Ok(Self { at: utc.and_utc(), zone }),
            None => out_of_range(),
        }
    }

    /// Date and time of day where it is shown.
    fn local(&self) -> Result<NaiveDateTime, Fault> {
        let offset = TimeDelta::seconds(i64::from(self.zone.seconds()));
        self.at.naive_utc().checked_add_signed(offset).map_or_else(out_of_range, Ok)
    }

    pub(crate) fn plus(&self, span: GoDuration) -> Result<Self, Fault> {
        match self.at.checked_add_signed(TimeDelta::nanoseconds(span.as_nanos())) {
            Some(at) => Ok(Self { at, zone: self.zone.clone() }),
            None => out_of_range(),
        }
    }

    pub(crate) fn minus(&self, span: GoDuration) -> Result<Self, Fault> {
        // The longest one backwards has no opposite, and stays what it is.
        self.plus(GoDuration::from_nanos(span.as_nanos().wrapping_neg()))
    }

    /// How long ago the other was; what does not fit is the longest there is.
    pub(crate) fn since(&self, other: &Self) -> GoDuration {
        let nanos = self.nanos() - other.nanos();
        let most = if nanos < 0 { i64::MIN } else { i64::MAX };
        GoDuration::from_nanos(i64::try_from(nanos).unwrap_or(most))
    }

    pub(crate) fn order(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }

    /// Since 1970, in nanoseconds.
    fn nanos(&self) -> i128 {
        i128::from(self.at.timestamp()) * 1_000_000_000
            + i128::from(self.at.timestamp_subsec_nanos())
    }

    /// With so many years, months and days added: the 31st of a month that ends before is in the
    /// next one, as Go has it.
    fn later_by(&self, years: i64, months: i64, days: i64) -> Result<Self, Fault> {
        let local = self.local()?;
        let day = local.day0();
        let moved = || {
            let months = years.checked_mul(12)?.checked_add(months)?;
            let month = i64::from(local.year()) * 12 + i64::from(local.month0());
            let month = month.checked_add(months)?;
            let year = i32::try_from(month.div_euclid(12)).ok()?;
            let first = NaiveDate::from_ymd_opt(year, month.rem_euclid(12) as u32 + 1, 1)?;
            let days = TimeDelta::try_days(days.checked_add(i64::from(day))?)?;
            Some(first.checked_add_signed(days)?.and_time(local.time()))
        };
        moved().map_or_else(out_of_range, |local| Self::new(local, self.zone.clone()))
    }
}

/// The calendar here ends some 260,000 years from now, Go's does later.
fn out_of_range<T>() -> Result<T, Fault> {
    fault("the time is out of range")
}
