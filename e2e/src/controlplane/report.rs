//! What the harness says while it works: which programs, what is being built, how long it took.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::progress;
pub(crate) use crate::progress::seconds;

/// Lines of a log that an error shows.
const TAIL_LINES: usize = 15;
/// Bytes of a log that are read to find those lines: klog's and etcd's lines can be long.
const TAIL_BYTES: usize = 16 * 1024;

/// Says a line on stderr.
pub(crate) fn say(line: &str) {
    progress::say("controlplane", line);
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
}
