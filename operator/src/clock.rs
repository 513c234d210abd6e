//! The only place that knows what time it is.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

/// Tells the time: the machine's, or a simulation's.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The machine's.
    pub fn real() -> Self {
        Self::new(Utc::now)
    }

    /// Any other.
    pub fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time now.
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
