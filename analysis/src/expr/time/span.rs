//! Durations: as texts, and what Go can do with them.

use std::fmt::Write as _;

use sluice_crd::duration::GoDuration;

const SECOND: u64 = 1_000_000_000;

/// As Go shows it: `1h30m0s`, `1.5s`, `20ms`.
pub(crate) fn duration(span: GoDuration) -> String {
    let nanos = span.as_nanos();
    let left = nanos.unsigned_abs();
    let mut out = String::new();
    if nanos < 0 {
        out.push('-');
    }
    if left == 0 {
        return "0s".to_owned();
    }
    if left < SECOND {
        let (unit, name) = match left {
            0..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "\u{b5}s"),
            _ => (1_000_000, "ms"),
        };
        decimal(left, unit, &mut out);
        out.push_str(name);
        return out;
    }
    let minutes = left / (60 * SECOND);
    if minutes >= 60 {
        let _ = write!(out, "{}h", minutes / 60);
    }
    if minutes > 0 {
        let _ = write!(out, "{}m", minutes % 60);
    }
    decimal(left % (60 * SECOND), SECOND, &mut out);
    out.push('s');
    out
}

fn decimal(number: u64, unit: u64, out: &mut String) {
    let _ = write!(out, "{}", number / unit);
    let over = number % unit;
    if over > 0 {
        let width = unit.ilog10() as usize;
        let digits = format!("{over:0width$}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

/// In units of so many nanoseconds, with what is beyond them.
pub(super) fn in_units(span: GoDuration, unit: i64) -> f64 {
    let nanos = span.as_nanos();
    (nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64
}

pub(super) fn absolute(span: GoDuration) -> GoDuration {
    GoDuration::from_nanos(span.as_nanos().checked_abs().unwrap_or(i64::MAX))
}

/// To a whole number of steps, towards zero.
pub(super) fn truncated(span: GoDuration, step: GoDuration) -> GoDuration {
    let (nanos, step) = (span.as_nanos(), step.as_nanos());
    GoDuration::from_nanos(if step <= 0 { nanos } else { nanos - nanos % step })
}

/// To the nearest number of steps, half ones away from zero; what does not fit is the longest there
/// is.
pub(super) fn rounded(span: GoDuration, step: GoDuration) -> GoDuration {
    let (nanos, step) = (span.as_nanos(), step.as_nanos());
    if step <= 0 {
        return span;
    }
    let over = nanos % step;
    let down = nanos - over;
    let nearer = over.unsigned_abs() * 2 < step.unsigned_abs();
    GoDuration::from_nanos(match (nearer, nanos < 0) {
        (true, _) => down,
        (false, false) => down.saturating_add(step),
        (false, true) => down.saturating_sub(step),
    })
}
