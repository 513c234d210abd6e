//! What a long test is at, and how long each part took.

use std::io::Write as _;
use std::time::{Duration, Instant};

/// Says on stderr which phase of a piece of work begins, and what the one before it took. Not by
/// `eprintln!`: the test harness would swallow that in tests that pass, and the log of a run is to
/// show where its time went.
#[derive(Debug)]
pub struct Progress {
    subject: &'static str,
    phase: Option<(String, Instant)>,
}

impl Progress {
    /// For the work called `subject`, which is in no phase yet.
    #[must_use]
    pub fn start(subject: &'static str) -> Self {
        Self { subject, phase: None }
    }

    /// The next phase begins.
    pub fn phase(&mut self, what: &str) {
        self.end();
        say(self.subject, &format!("{what} …"));
        self.phase = Some((what.to_owned(), Instant::now()));
    }

    fn end(&mut self) {
        if let Some((what, began)) = self.phase.take() {
            let outcome = if std::thread::panicking() { "failed after" } else { "took" };
            say(self.subject, &format!("{what}: {outcome} {}", seconds(began.elapsed())));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

/// Says a line.
pub(crate) fn say(subject: &str, line: &str) {
    // Nothing can be done about a stderr that is closed.
    let _ = writeln!(std::io::stderr().lock(), "{subject}: {line}");
}

/// A duration for people: `0.3 s`, `75 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(10) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{:.0} s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_short() {
        assert_eq!(seconds(Duration::from_millis(1260)), "1.3 s");
        assert_eq!(seconds(Duration::from_millis(75_400)), "75 s");
    }
}
