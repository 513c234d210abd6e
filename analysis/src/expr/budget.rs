//! What a condition may cost. Conditions and measurements come from users and from servers, and a
//! controller evaluates thousands of them: none may be slow, large or endless.

use chrono::{DateTime, Utc};

use super::error::Fault;

/// The longest text of a condition: far more than anybody would read.
pub const SOURCE_BYTES_MAX: usize = 64 * 1024;

/// How deep an expression may be nested, `a || b || c` being three deep. Each level is a few frames
/// of the stack; at this depth they fit into half of a thread's 2 MiB, debug builds included.
pub const DEPTH_MAX: usize = 100;

/// How many nodes an expression may have: upstream's own limit.
pub const NODES_MAX: usize = 10_000;

/// How deep a value may be nested; what parses as JSON is not deeper.
pub const VALUE_DEPTH_MAX: usize = 128;

/// What one evaluation may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nodes evaluated and elements looked at; longer texts count for more.
    pub steps_max: u64,
    /// Bytes of all values that are made, whether or not they are still there.
    pub bytes_max: u64,
}

impl Default for Limits {
    /// Enough for a few predicates over all elements of a reply of 1 MiB, the largest there is.
    fn default() -> Self {
        Self { steps_max: 5_000_000, bytes_max: 32 * 1024 * 1024 }
    }
}

impl Limits {
    /// These limits, at an instant: what `now()` gives. Without one, `now()` is an error.
    pub fn at(self, now: DateTime<Utc>) -> Context {
        Context { limits: self, now: Some(now) }
    }
}

/// What an expression has around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Context {
    /// What the evaluation may take.
    pub limits: Limits,
    /// What time it is: nothing here has a clock.
    pub now: Option<DateTime<Utc>>,
}

impl From<Limits> for Context {
    fn from(limits: Limits) -> Self {
        Self { limits, now: None }
    }
}

/// What is left of the limits.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    steps: u64,
    bytes: u64,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, steps: 0, bytes: 0 }
    }

    pub(crate) fn steps(&mut self, count: usize) -> Result<(), Fault> {
        self.steps = self.steps.saturating_add(count as u64);
        if self.steps > self.limits.steps_max {
            return Err(Fault::Budget { limit: self.limits.steps_max, unit: "steps" });
        }
        Ok(())
    }

    /// To be asked for before the memory is.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<(), Fault> {
        self.bytes = self.bytes.saturating_add(count as u64);
        if self.bytes > self.limits.bytes_max {
            return Err(Fault::Budget { limit: self.limits.bytes_max, unit: "bytes" });
        }
        Ok(())
    }

    /// For a new list or map.
    pub(crate) fn elements(&mut self, count: usize) -> Result<(), Fault> {
        self.steps(count)?;
        self.bytes(count.saturating_mul(size_of::<super::Value>()))
    }

    /// For reading a text once.
    pub(crate) fn read(&mut self, text: &str) -> Result<(), Fault> {
        self.steps(text.len() / 16)
    }

    /// For a new text.
    pub(crate) fn text(&mut self, length: usize) -> Result<(), Fault> {
        self.steps(length / 16)?;
        self.bytes(length)
    }
}
