//! Layouts of times: Go writes them as one certain instant would look, Mon Jan 2 15:04:05 MST 2006.

/// A part of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All four digits, or the last two.
    Year {
        long: bool,
    },
    /// As a number, with a zero before it or without.
    Month {
        padded: bool,
    },
    /// By its name, or by the first three letters of it.
    MonthName {
        long: bool,
    },
    Weekday {
        long: bool,
    },
    Day(Padding),
    DayOfYear(Padding),
    /// Up to 23.
    Hour,
    /// Up to 12.
    HalfDayHour {
        padded: bool,
    },
    Minute {
        padded: bool,
    },
    Second {
        padded: bool,
    },
    /// AM or PM.
    HalfDay {
        lower: bool,
    },
    /// Letters, such as UTC.
    Letters,
    Offset(Offset),
    Fraction {
        digits: usize,
        exact: bool,
        point: char,
    },
}

/// What stands before a number that is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    No,
    Space,
    Zero,
}

/// An offset from UTC as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offset {
    /// Z is no offset.
    pub(super) zulu: bool,
    pub(super) colons: bool,
    pub(super) upto: Upto,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upto {
    Hours,
    Minutes,
    Seconds,
}

const fn offset(zulu: bool, colons: bool, upto: Upto) -> Part {
    Part::Offset(Offset { zulu, colons, upto })
}

/// Parts by how they are written: of two, the longer one comes first.
const WRITTEN: &[(&str, Part)] = &[
    ("January", Part::MonthName { long: true }),
    ("Jan", Part::MonthName { long: false }),
    ("Monday", Part::Weekday { long: true }),
    ("Mon", Part::Weekday { long: false }),
    ("MST", Part::Letters),
    ("002", Part::DayOfYear(Padding::Zero)),
    ("01", Part::Month { padded: true }),
    ("02", Part::Day(Padding::Zero)),
    ("03", Part::HalfDayHour { padded: true }),
    ("04", Part::Minute { padded: true }),
    ("05", Part::Second { padded: true }),
    ("06", Part::Year { long: false }),
    ("15", Part::Hour),
    ("1", Part::Month { padded: false }),
    ("2006", Part::Year { long: true }),
    ("2", Part::Day(Padding::No)),
    ("__2", Part::DayOfYear(Padding::Space)),
    ("_2", Part::Day(Padding::Space)),
    ("3", Part::HalfDayHour { padded: false }),
    ("4", Part::Minute { padded: false }),
    ("5", Part::Second { padded: false }),
    ("PM", Part::HalfDay { lower: false }),
    ("pm", Part::HalfDay { lower: true }),
    ("-070000", offset(false, false, Upto::Seconds)),
    ("-07:00:00", offset(false, true, Upto::Seconds)),
    ("-0700", offset(false, false, Upto::Minutes)),
    ("-07:00", offset(false, true, Upto::Minutes)),
    ("-07", offset(false, false, Upto::Hours)),
    ("Z070000", offset(true, false, Upto::Seconds)),
    ("Z07:00:00", offset(true, true, Upto::Seconds)),
    ("Z0700", offset(true, false, Upto::Minutes)),
    ("Z07:00", offset(true, true, Upto::Minutes)),
    ("Z07", offset(true, false, Upto::Hours)),
];

/// What stands before the next part as it is, the part, and what is behind it; without a part at
/// the end.
pub(super) fn next(layout: &str) -> (&str, Option<Part>, &str) {
    for (at, _) in layout.char_indices() {
        if let Some((part, length)) = part_at(&layout[at..]) {
            return (&layout[..at], Some(part), &layout[at + length..]);
        }
    }
    (layout, None, "")
}

fn part_at(text: &str) -> Option<(Part, usize)> {
    if let Some(point @ ('.' | ',')) = text.chars().next() {
        return fraction(text, point);
    }
    // A year, after an underscore that stands for itself.
    if text.starts_with("_2006") {
        return None;
    }
    let begins = |(written, part): &&(&str, Part)| {
        let Some(rest) = text.strip_prefix(written) else { return false };
        // `Jane` is no month, and `Mond` no day.
        let short = matches!(part, Part::MonthName { long: false } | Part::Weekday { long: false });
        !(short && rest.starts_with(|c: char| c.is_ascii_lowercase()))
    };
    WRITTEN.iter().find(begins).map(|(written, part)| (*part, written.len()))
}

/// A point and zeros are so many digits; with nines, as many as there are.
fn fraction(text: &str, point: char) -> Option<(Part, usize)> {
    let digits = &text[1..];
    let digit = digits.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let rest = digits.trim_start_matches(digit);
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let count = digits.len() - rest.len();
    Some((Part::Fraction { digits: count, exact: digit == '0', point }, 1 + count))
}
