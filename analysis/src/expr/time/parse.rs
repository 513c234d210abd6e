//! Texts as times, by a layout.

use chrono::{NaiveDate, NaiveTime};

use super::super::budget::Budget;
use super::super::error::{Fault, fault, quoted};
use super::layout::{Offset, Padding, Part, Upto, next};
use super::{Time, Zone};

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// What a date may look like that is given without a layout; the first one that fits counts.
const LAYOUTS: [&str; 7] = [
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
];

/// What `date()` makes of a text, by a layout or by the usual ones; without a zone in it, in UTC.
pub(crate) fn date(text: &str, layout: Option<&str>, budget: &mut Budget) -> Result<Time, Fault> {
    budget.steps(text.len() + layout.map_or(0, str::len))?;
    let found = match layout {
        Some(layout) => parse(text, layout),
        None => LAYOUTS.iter().find_map(|layout| parse(text, layout)),
    };
    let Some(found) = found else {
        let shown = quoted(text);
        return fault(match layout {
            Some(_) => format!("{shown} is no date of that layout"),
            None => {
                format!("{shown} is no date: write it as 2026-01-31, or as 2026-01-31T15:04:05Z")
            }
        });
    };
    found.time()
}

/// A name of a time zone, of which only that of UTC is known without a database.
pub(crate) fn in_utc(name: &str) -> Result<(), Fault> {
    if matches!(name, "" | "UTC") {
        return Ok(());
    }
    fault(format!("the time zone {} is not known here, only UTC is", quoted(name)))
}

/// What was read. Day and month are there even if they were not read, and fit together.
#[derive(Default)]
struct Found {
    year: i32,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    afternoon: Option<bool>,
    zulu: bool,
    offset_seconds: Option<i32>,
    letters: Option<String>,
}

fn parse(mut text: &str, mut layout: &str) -> Option<Found> {
    let mut found = Found::default();
    loop {
        let (before, part, rest) = next(layout);
        text = skip(text, before)?;
        let Some(part) = part else {
            return if text.is_empty() { found.completed() } else { None };
        };
        layout = rest;
        text = found.read(part, text, layout)?;
    }
}

/// What is behind the text that has to be there; any number of spaces stand for one.
fn skip<'t>(mut text: &'t str, mut before: &str) -> Option<&'t str> {
    while let Some(c) = before.chars().next() {
        if c == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            before = before.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
        } else {
            before = &before[c.len_utf8()..];
            text = text.strip_prefix(c)?;
        }
    }
    Some(text)
}

impl Found {
    /// Reads a part from the beginning of a text; gives the rest.
    fn read<'t>(&mut self, part: Part, text: &'t str, layout: &str) -> Option<&'t str> {
        let rest = match part {
            Part::Year { long: false } => {
                let year = signed(text.get(..2)?)?;
                self.year = year + if year >= 69 { 1900 } else { 2000 };
                &text[2..]
            }
            Part::Year { long: true } => {
                let digits = text.get(..4).filter(|t| t.starts_with(|c: char| c.is_ascii_digit()));
                self.year = signed(digits?)?;
                &text[4..]
            }
            Part::Month { padded } => {
                let (month, rest) = number(text, padded)?;
                self.month = Some(month).filter(|month| (1..=12).contains(month));
                self.month?;
                rest
            }
            Part::MonthName { long } => {
                let (place, rest) = named(&MONTHS, long, text)?;
                self.month = Some(place + 1);
                rest
            }
            // Whether it fits the date is not looked at.
            Part::Weekday { long } => named(&DAYS, long, text)?.1,
            Part::Day(padding) => {
                let spaced = padding == Padding::Space;
                let text = text.strip_prefix(' ').filter(|_| spaced).unwrap_or(text);
                let (day, rest) = number(text, padding == Padding::Zero)?;
                self.day = Some(day);
                rest
            }
            Part::DayOfYear(padding) => self.read_day_of_year(padding, text)?,
            Part::Hour => self.read_hour(text, false, 23)?,
            Part::HalfDayHour { padded } => self.read_hour(text, padded, 12)?,
            Part::Minute { padded } => {
                let (minute, rest) = number(text, padded)?;
                self.minute = Some(minute).filter(|minute| *minute < 60)?;
                rest
            }
            Part::Second { padded } => {
                let (second, rest) = number(text, padded)?;
                self.second = Some(second).filter(|second| *second < 60)?;
                // A fraction may be there even if the layout has none.
                if matches!(next(layout).1, Some(Part::Fraction { .. })) {
                    rest
                } else {
                    self.read_fraction(rest, None)?
                }
            }
            Part::Fraction { digits, exact: true, .. } => self.read_fraction(text, Some(digits))?,
            Part::Fraction { exact: false, .. } => self.read_fraction(text, None)?,
            Part::HalfDay { lower } => {
                let (morning, afternoon) = if lower { ("am", "pm") } else { ("AM", "PM") };
                self.afternoon = Some(text.starts_with(afternoon));
                text.strip_prefix(afternoon).or_else(|| text.strip_prefix(morning))?
            }
            Part::Letters => self.read_letters(text)?,
            Part::Offset(offset) => self.read_offset(offset, text)?,
        };
        Some(rest)
    }

    fn read_hour<'t>(&mut self, text: &'t str, padded: bool, most: u32) -> Option<&'t str> {
        let (hour, rest) = number(text, padded)?;
        self.hour = Some(hour).filter(|hour| *hour <= most)?;
        Some(rest)
    }

    fn read_day_of_year<'t>(&mut self, padding: Padding, text: &'t str) -> Option<&'t str> {
        let mut text = text;
        if padding == Padding::Space {
            text = text.strip_prefix(' ').unwrap_or(text);
            text = text.strip_prefix(' ').unwrap_or(text);
        }
        let digits = text.bytes().take(3).take_while(u8::is_ascii_digit).count();
        if padding == Padding::Zero && digits < 3 {
            return None;
        }
        self.day_of_year = Some(text[..digits].parse().ok()?);
        Some(&text[digits..])
    }

    /// A point or comma and digits: so many, or as many as there are, or none at all.
    fn read_fraction<'t>(&mut self, text: &'t str, digits: Option<usize>) -> Option<&'t str> {
        let there = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let behind = text.strip_prefix(['.', ',']);
        let (behind, digits) = match (behind, digits) {
            (behind, Some(digits)) => (behind?, digits),
            (Some(behind), None) if there(behind) > 0 => (behind, there(behind)),
            (_, None) => return Some(text),
        };
        let counted = behind.get(..digits)?;
        let counted = counted.get(..digits.min(9))?;
        let nanos = u32::try_from(signed(counted)?).ok()?;
        self.nanos = nanos * 10_u32.pow(9 - counted.len() as u32);
        Some(&behind[digits..])
    }

    fn read_letters<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix("UTC") {
            self.zulu = true;
            return Some(rest);
        }
        let length = letters(text)?;
        self.letters = Some(text[..length].to_owned());
        Some(&text[length..])
    }

    fn read_offset<'t>(&mut self, offset: Offset, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix('Z').filter(|_| offset.zulu) {
            self.zulu = true;
            return Some(rest);
        }
        let sign = match text.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let mut rest = &text[1..];
        let mut numbers = [0; 3];
        // People do write 24 hours, 60 minutes and 60 seconds, and Go lets them.
        let most = [24, 60, 60];
        let count = match offset.upto {
            Upto::Hours => 1,
            Upto::Minutes => 2,
            Upto::Seconds => 3,
        };
        for place in 0..count {
            if place > 0 && offset.colons {
                rest = rest.strip_prefix(':')?;
            }
            let (found, behind) = number(rest, true)?;
            numbers[place] = Some(found as i32).filter(|found| *found <= most[place])?;
            rest = behind;
        }
        let seconds = sign * ((numbers[0] * 60 + numbers[1]) * 60 + numbers[2]);
        // Go has no other sign for an offset that it did not read.
        self.offset_seconds = Some(seconds).filter(|seconds| *seconds != -1);
        Some(rest)
    }

    /// With the hour of the whole day, and a month and a day that fit.
    fn completed(mut self) -> Option<Self> {
        match self.afternoon {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        if let Some(day) = self.day_of_year {
            use chrono::Datelike as _;
            let date = NaiveDate::from_yo_opt(self.year, day)?;
            if self.month.is_some_and(|month| month != date.month())
                || self.day.is_some_and(|day| day != date.day())
            {
                return None;
            }
            (self.month, self.day) = (Some(date.month()), Some(date.day()));
        }
        self.date()?;
        Some(self)
    }

    fn date(&self) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1))
    }

    fn time(self) -> Result<Time, Fault> {
        let of_day = NaiveTime::from_hms_nano_opt(self.hour, self.minute, self.second, self.nanos);
        let (Some(date), Some(of_day)) = (self.date(), of_day) else {
            return super::out_of_range();
        };
        let letters = self.letters.as_deref();
        let zone = match (self.zulu, self.offset_seconds, letters) {
            (true, ..) | (_, None, None) | (_, Some(0), None | Some("UTC")) => Zone::Utc,
            (_, Some(seconds), letters) => {
                Zone::Fixed { seconds, letters: letters.map(Into::into) }
            }
            // Letters alone say nothing of the instant; hours behind GMT say how it is shown.
            (_, None, Some(letters)) => {
                let hours = letters.strip_prefix("GMT").and_then(signed).unwrap_or(0);
                let zone = Zone::Fixed { seconds: hours * 3600, letters: Some(letters.into()) };
                return Ok(Time { at: date.and_time(of_day).and_utc(), zone });
            }
        };
        Time::new(date.and_time(of_day), zone)
    }
}

/// One digit or two, as there are; with a zero before a single one if it is padded.
fn number(text: &str, padded: bool) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    if digits == 0 || padded && digits < 2 {
        return None;
    }
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// A number of a few digits, which may have a sign; none at all are 0, to Go.
fn signed(text: &str) -> Option<i32> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.bytes().all(|b| b.is_ascii_digit());
    let number: i32 = format!("0{unsigned}").parse().ok().filter(|_| digits)?;
    Some(if text.starts_with('-') { -number } else { number })
}

fn named<'t>(names: &[&str], long: bool, text: &'t str) -> Option<(u32, &'t str)> {
    for (place, name) in (0_u32..).zip(names) {
        let name = if long { name } else { &name[..3] };
        let begins = text.get(..name.len()).filter(|t| t.eq_ignore_ascii_case(name));
        if begins.is_some() {
            return Some((place, &text[name.len()..]));
        }
    }
    None
}

/// How long the letters of a time zone are: three to five capitals by rules of thumb, GMT with a
/// number of hours, or a number in place of letters.
fn letters(text: &str) -> Option<usize> {
    if text.len() < 3 {
        return None;
    }
    if text.starts_with("ChST") || text.starts_with("MeST") {
        return Some(4);
    }
    if let Some(rest) = text.strip_prefix("GMT") {
        return Some(3 + hours(rest).unwrap_or(0));
    }
    if text.starts_with(['+', '-']) {
        return hours(text);
    }
    let capitals = text.bytes().take(6).take_while(u8::is_ascii_uppercase).count();
    match capitals {
        3 => Some(3),
        4 if text.as_bytes()[3] == b'T' || text.starts_with("WITA") => Some(4),
        5 if text.as_bytes()[4] == b'T' => Some(5),
        _ => None,
    }
}

/// How long a sign and a number of hours are.
fn hours(text: &str) -> Option<usize> {
    let unsigned = text.strip_prefix(['+', '-'])?;
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let hours: u64 = unsigned[..digits].parse().ok()?;
    (hours <= 23).then_some(1 + digits)
}
