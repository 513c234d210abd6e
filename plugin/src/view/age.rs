//! Spans of time as kubectl prints them: `102s`, `2m8s`, `3h59m`, `8d`.

use sluice_crd::time::Time;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// A span of whole seconds in the one or two units that matter at its size (the rules of kubectl's
/// AGE column). More than a second below zero is `<invalid>`: the clocks disagree.
pub fn human_duration(seconds: i64) -> String {
    match seconds {
        ..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..=119 => format!("{seconds}s"),
        s if s < 10 * MINUTE => two(s / MINUTE, "m", s % MINUTE, "s"),
        s if s < 3 * HOUR => format!("{}m", s / MINUTE),
        s if s < 8 * HOUR => two(s / HOUR, "h", s % HOUR / MINUTE, "m"),
        s if s < 2 * DAY => format!("{}h", s / HOUR),
        s if s < 8 * DAY => two(s / DAY, "d", s % DAY / HOUR, "h"),
        s if s < 2 * YEAR => format!("{}d", s / DAY),
        s if s < 8 * YEAR => two(s / YEAR, "y", s % YEAR / DAY, "d"),
        s => format!("{}y", s / YEAR),
    }
}

/// The smaller unit is left out where there is nothing of it.
fn two(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}

/// The age of something; `<unknown>` where nobody noted when it was created.
pub fn age(created: Option<Time>, now: Time) -> String {
    created.map_or_else(|| "<unknown>".to_owned(), |at| human_duration(now.seconds_since(at)))
}

/// An instant with its distance: `2026-11-21T07:28:07Z (12s ago)`, `… (in 30s)`.
pub fn instant(at: Time, now: Time) -> String {
    format!("{at} ({})", distance(at, now))
}

/// How far an instant is from now: `12s ago`, `in 30s`, `now`.
pub fn distance(at: Time, now: Time) -> String {
    match now.seconds_since(at) {
        0 => "now".to_owned(),
        past if past > 0 => format!("{} ago", human_duration(past)),
        ahead => format!("in {}", human_duration(ahead.saturating_neg())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_size_has_its_units() {
        for (seconds, text) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (37, "37s"),
            (102, "102s"),
            (119, "119s"),
            (120, "2m"),
            (128, "2m8s"),
            (599, "9m59s"),
            (600, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + 59 * MINUTE + 59, "3h59m"),
            (8 * HOUR - 1, "7h59m"),
            (8 * HOUR, "8h"),
            (2 * DAY - 1, "47h"),
            (2 * DAY, "2d"),
            (2 * DAY + 5 * HOUR, "2d5h"),
            (8 * DAY - 1, "7d23h"),
            (8 * DAY, "8d"),
            (2 * YEAR - 1, "729d"),
            (2 * YEAR, "2y"),
            (2 * YEAR + 3 * DAY, "2y3d"),
            (8 * YEAR, "8y"),
            (i64::MAX, "292471208677y"),
        ] {
            assert_eq!(human_duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn instants_have_a_direction() {
        let at = Time::parse("2026-11-21T07:28:07Z").unwrap();
        assert_eq!(instant(at, at.plus_seconds(12)), "2026-11-21T07:28:07Z (12s ago)");
        assert_eq!(instant(at, at.plus_seconds(-30)), "2026-11-21T07:28:07Z (in 30s)");
        assert_eq!(instant(at, at), "2026-11-21T07:28:07Z (now)");
        assert_eq!(age(None, at), "<unknown>");
    }

    /// What a printed span says, in seconds.
    fn read(text: &str) -> i64 {
        let mut total = 0;
        let mut digits = String::new();
        for c in text.chars() {
            let unit = match c {
                's' => 1,
                'm' => MINUTE,
                'h' => HOUR,
                'd' => DAY,
                'y' => YEAR,
                digit => {
                    digits.push(digit);
                    continue;
                }
            };
            total += digits.parse::<i64>().unwrap() * unit;
            digits.clear();
        }
        total
    }

    proptest! {
        #[test]
        fn printed_spans_are_rounded_down_by_an_eighth_at_most(seconds in 0..20 * YEAR) {
            let said = read(&human_duration(seconds));
            prop_assert!(said <= seconds && (seconds - said) * 8 <= seconds, "{said} of {seconds}");
        }

        #[test]
        fn a_longer_span_never_reads_shorter(a in 0..20 * YEAR, b in 0..20 * YEAR) {
            let (short, long) = (a.min(b), a.max(b));
            prop_assert!(read(&human_duration(short)) <= read(&human_duration(long)));
        }
    }
}
