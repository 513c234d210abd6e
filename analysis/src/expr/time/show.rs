//! Times as texts, by a layout.

use std::fmt::{self, Write as _};

use chrono::{Datelike as _, NaiveDateTime, Timelike as _};

use super::super::budget::{Budget, Limits};
use super::super::error::{Fault, fault};
use super::layout::{Offset, Padding, Part, Upto, next};
use super::parse::{DAYS, MONTHS};
use super::{Time, Zone};

/// How Go shows a time that nobody gave a layout for.
const PLAIN: &str = "2006-01-02 15:04:05.999999999 -0700 MST";

/// How a time stands in JSON.
const JSON: &str = "2006-01-02T15:04:05.999999999Z07:00";

impl Time {
    /// What `Format` gives.
    pub(crate) fn format(&self, layout: &str, budget: &mut Budget) -> Result<String, Fault> {
        // No part is more than three times as long as it is written, but for the letters of a zone.
        let letters = self.zone.letters().map_or(0, str::len);
        budget.text(layout.len().saturating_mul(3 + letters) + 8)?;
        let local = self.local()?;
        let mut out = String::with_capacity(layout.len() + 8);
        let mut rest = layout;
        loop {
            let (before, part, behind) = next(rest);
            out.push_str(before);
            let Some(part) = part else { return Ok(out) };
            write_part(part, local, &self.zone, &mut out);
            rest = behind;
        }
    }

    /// As `string()` has it.
    pub(crate) fn plain(&self, budget: &mut Budget) -> Result<String, Fault> {
        self.format(PLAIN, budget)
    }

    /// As it stands in JSON, without quotes.
    pub(crate) fn json(&self, budget: &mut Budget) -> Result<String, Fault> {
        if !(0..=9999).contains(&self.local()?.year()) {
            return fault("JSON has no such year");
        }
        if self.offset_seconds().abs() >= 24 * 3600 {
            return fault("JSON has no such offset of a time zone");
        }
        self.format(JSON, budget)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.plain(&mut Budget::new(Limits::default())).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

fn write_part(part: Part, at: NaiveDateTime, zone: &Zone, out: &mut String) {
    match part {
        Part::Year { long: true } => number(i64::from(at.year()), 4, out),
        Part::Year { long: false } => number(i64::from(at.year().unsigned_abs() % 100), 2, out),
        Part::Month { padded } => number(i64::from(at.month()), width(padded), out),
        Part::MonthName { long } => name(&MONTHS, at.month0(), long, out),
        Part::Weekday { long } => name(&DAYS, at.weekday().num_days_from_sunday(), long, out),
        Part::Day(padding) => padded(at.day(), padding, 2, out),
        Part::DayOfYear(padding) => padded(at.ordinal(), padding, 3, out),
        Part::Hour => number(i64::from(at.hour()), 2, out),
        Part::HalfDayHour { padded } => number(i64::from(at.hour12().1), width(padded), out),
        Part::Minute { padded } => number(i64::from(at.minute()), width(padded), out),
        Part::Second { padded } => number(i64::from(at.second()), width(padded), out),
        Part::HalfDay { lower } => out.push_str(match (at.hour12().0, lower) {
            (true, true) => "pm",
            (true, false) => "PM",
            (false, true) => "am",
            (false, false) => "AM",
        }),
        Part::Letters => match zone.letters() {
            Some(letters) => out.push_str(letters),
            None => write_offset(offset_in_place_of_letters(), zone.seconds(), out),
        },
        Part::Offset(offset) => write_offset(offset, zone.seconds(), out),
        Part::Fraction { digits, exact, point } => {
            let all = format!("{:09}", at.nanosecond());
            let kept = &all[..digits.min(9)];
            let kept = if exact { kept } else { kept.trim_end_matches('0') };
            if !kept.is_empty() {
                out.push(point);
                out.push_str(kept);
            }
        }
    }
}

fn offset_in_place_of_letters() -> Offset {
    Offset { zulu: false, colons: false, upto: Upto::Minutes }
}

fn width(padded: bool) -> usize {
    if padded { 2 } else { 1 }
}

fn number(number: i64, width: usize, out: &mut String) {
    let sign = if number < 0 { "-" } else { "" };
    let _ = write!(out, "{sign}{:0width$}", number.unsigned_abs());
}

fn padded(number: u32, padding: Padding, width: usize, out: &mut String) {
    let _ = match padding {
        Padding::No => write!(out, "{number}"),
        Padding::Space => write!(out, "{number:width$}"),
        Padding::Zero => write!(out, "{number:0width$}"),
    };
}

fn name(names: &[&str], place: u32, long: bool, out: &mut String) {
    let name = names.get(place as usize).copied().unwrap_or_default();
    out.push_str(if long { name } else { &name[..name.len().min(3)] });
}

fn write_offset(offset: Offset, seconds: i32, out: &mut String) {
    if offset.zulu && seconds == 0 {
        out.push('Z');
        return;
    }
    // Less than a minute behind is shown as ahead, as Go does: it goes by minutes.
    let minutes = seconds / 60;
    out.push(if minutes < 0 { '-' } else { '+' });
    let (minutes, seconds) = (minutes.unsigned_abs(), seconds.unsigned_abs());
    let colon = if offset.colons { ":" } else { "" };
    let _ = write!(out, "{:02}", minutes / 60);
    if offset.upto != Upto::Hours {
        let _ = write!(out, "{colon}{:02}", minutes % 60);
    }
    if offset.upto == Upto::Seconds {
        let _ = write!(out, "{colon}{:02}", seconds % 60);
    }
}
