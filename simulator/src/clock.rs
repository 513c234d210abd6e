//! The time that a cluster shows in its timestamps.

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::time::Instant;

/// Where "now" comes from. Waiting always goes through `tokio::time`; this only says what the
/// waiting looks like on a calendar.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Real,
    Stepped { start: DateTime<Utc>, origin: Instant },
}

impl Clock {
    /// The machine's clock.
    pub fn real() -> Clock {
        Clock { source: Source::Real }
    }

    /// Shows `start` now and moves with `tokio::time::Instant`: under a paused runtime this is
    /// virtual time, which jumps to the next timer whenever every task waits. Call it inside the
    /// runtime whose time it is to show.
    pub fn stepped(start: DateTime<Utc>) -> Clock {
        Clock { source: Source::Stepped { start, origin: Instant::now() } }
    }

    /// The current time.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.source {
            Source::Real => Utc::now(),
            Source::Stepped { start, origin } => {
                let elapsed = Instant::now().saturating_duration_since(*origin);
                chrono::Duration::from_std(elapsed)
                    .ok()
                    .and_then(|elapsed| start.checked_add_signed(elapsed))
                    .unwrap_or(DateTime::<Utc>::MAX_UTC)
            }
        }
    }
}

/// The form of `metav1.Time`: whole seconds, `Z`.
pub(crate) fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn stepped_clock_follows_paused_time() {
        let start = DateTime::from_timestamp(1_750_000_000, 0).unwrap();
        let clock = Clock::stepped(start);
        assert_eq!(clock.now(), start);
        tokio::time::sleep(Duration::from_secs(36_000)).await;
        assert_eq!(clock.now() - start, chrono::Duration::hours(10));
        assert_eq!(rfc3339(clock.now()), "2025-06-16T01:06:40Z");
    }
}
