//! What the harness says while it works: which programs, what is being built, how long it took.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Lines of a log that an error shows.
const TAIL_LINES: usize = 15;
/// Bytes of a log that are read to find those lines: klog's and etcd's lines can be long.
const TAIL_BYTES: usize = 16 * 1024;

/// Says a line on stderr. Not by `eprintln!`: the test harness would swallow that in passing
/// tests, and the log of a CI run is to show where its time went.
pub(crate) fn say(line: &str) {
    // Nothing can be done about a stderr that is closed.
    let _ = writeln!(std::io::stderr().lock(), "controlplane: {line}");
}

/// Measures the phases of a longer piece of work and says each when it ends.
#[derive(Debug)]
pub(crate) struct Phases {
    start: Instant,
    last: Instant,
}

impl Phases {
    pub(crate) fn start() -> Self {
        let now = Instant::now();
        Self { start: now, last: now }
    }

    /// Says that the phase `what` has ended, and how long it took.
    pub(crate) fn end(&mut self, what: &str) {
        let now = Instant::now();
        say(&format!("{what} in {}", seconds(now - self.last)));
        self.last = now;
    }

    /// Since the first phase began.
    pub(crate) fn total(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A duration for people: `0.3 s`, `75 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(10) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{:.0} s", duration.as_secs_f64())
    }
}

/// The last lines of a log, or a note that there are none.
pub(crate) fn tail(log: &Path) -> String {
    let Ok(bytes) = std::fs::read(log) else {
        return "(no log)".to_owned();
    };
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
    let lines: Vec<&str> = text.lines().collect();
    match lines.len() {
        0 => "(the log is empty)".to_owned(),
        n => lines[n.saturating_sub(TAIL_LINES)..].join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_is_the_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("x.log");
        assert_eq!(tail(&log), "(no log)");
        std::fs::write(&log, "").unwrap();
        assert_eq!(tail(&log), "(the log is empty)");
        let lines: Vec<String> = (1..=20).map(|n| n.to_string()).collect();
        std::fs::write(&log, lines.join("\n")).unwrap();
        assert_eq!(tail(&log), lines[5..].join("\n"));
    }

    #[test]
    fn seconds_are_short() {
        assert_eq!(seconds(Duration::from_millis(1260)), "1.3 s");
        assert_eq!(seconds(Duration::from_millis(75_400)), "75 s");
    }
}
