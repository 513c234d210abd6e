//! The piece of the past that is judged: `--from 2h --to now`.

use chrono::{DateTime, TimeDelta, Utc};
use sluice_crd::duration::GoDuration;
use sluice_crd::time::Time;

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Where the clock begins: at a whole second, as all times of a run.
    pub from: DateTime<Utc>,
    /// Where it ends.
    pub to: DateTime<Utc>,
}

/// What is wrong with a flag's value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{flag}: {problem}")]
pub struct NoWindow {
    flag: &'static str,
    problem: String,
}

impl Window {
    /// The window that the flags name, as of now.
    ///
    /// # Errors
    ///
    /// One that cannot be read, lies in the future, or ends before it begins.
    pub fn of(from: &str, to: Option<&str>, now: DateTime<Utc>) -> Result<Self, NoWindow> {
        let from = instant("--from", from, now)?;
        let to = to.map_or(Ok(now), |to| instant("--to", to, now))?;
        let (from, to) = (Time::new(from).to_chrono(), Time::new(to).to_chrono());
        for (flag, at) in [("--from", from), ("--to", to)] {
            if at > now {
                let problem =
                    format!("{} lies in the future, where there is no data", Time::new(at));
                return Err(NoWindow { flag, problem });
            }
        }
        if from >= to {
            let problem = format!("{} is not before --to, {}", Time::new(from), Time::new(to));
            return Err(NoWindow { flag: "--from", problem });
        }
        Ok(Self { from, to })
    }
}

/// An instant: `now`, RFC 3339, or how long ago it was.
fn instant(flag: &'static str, text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, NoWindow> {
    if text == "now" {
        return Ok(now);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let unreadable = || NoWindow {
        flag,
        problem: format!(
            "`{text}` is no instant: write now, how long ago (30m, 2h, 7d), or 2026-11-21T07:30:00Z"
        ),
    };
    let ago = ago(text).filter(|ago| *ago >= TimeDelta::zero()).ok_or_else(unreadable)?;
    now.checked_sub_signed(ago).ok_or_else(unreadable)
}

/// A span as Go writes it, or whole days.
fn ago(text: &str) -> Option<TimeDelta> {
    if let Some(days) = text.strip_suffix('d') {
        return TimeDelta::try_days(days.parse().ok()?);
    }
    let duration: GoDuration = text.parse().ok()?;
    Some(TimeDelta::nanoseconds(duration.as_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-21T07:30:00.750Z";

    fn window(from: &str, to: Option<&str>) -> Result<(String, String), String> {
        let window = Window::of(from, to, NOW.parse().unwrap()).map_err(|e| e.to_string())?;
        Ok((Time::new(window.from).to_string(), Time::new(window.to).to_string()))
    }

    #[test]
    fn instants() {
        for (from, to, expected) in [
            ("2h", None, ("2026-11-21T05:30:00Z", "2026-11-21T07:30:00Z")),
            ("90m", Some("30m"), ("2026-11-21T06:00:00Z", "2026-11-21T07:00:00Z")),
            ("7d", Some("now"), ("2026-11-14T07:30:00Z", "2026-11-21T07:30:00Z")),
            (
                "2026-11-21T08:00:00+01:00",
                Some("2026-11-21T07:10:00Z"),
                ("2026-11-21T07:00:00Z", "2026-11-21T07:10:00Z"),
            ),
        ] {
            let expected = (expected.0.to_owned(), expected.1.to_owned());
            assert_eq!(window(from, to), Ok(expected), "{from} {to:?}");
        }
    }

    #[test]
    fn what_is_no_window() {
        for (from, to, problem) in [
            ("soon", None, "--from: `soon` is no instant"),
            ("-2h", None, "--from: `-2h` is no instant"),
            ("2h", Some("yesterday"), "--to: `yesterday` is no instant"),
            ("999999999999d", None, "--from: `999999999999d` is no instant"),
            ("1h", Some("2h"), "--from: 2026-11-21T06:30:00Z is not before --to"),
            ("now", None, "--from: 2026-11-21T07:30:00Z is not before --to"),
            ("1h", Some("2026-11-21T08:00:00Z"), "--to: 2026-11-21T08:00:00Z lies in the future"),
        ] {
            let error = window(from, to).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
        }
    }
}
