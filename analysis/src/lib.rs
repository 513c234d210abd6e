//! What measurements say of a release, pure: nothing here knows a client, a clock or a log.

pub mod expr;
mod reading;
mod secret;

pub use reading::{Ongoing, Reading, Sample, Verdict};
pub use secret::{REDACTED, Redactor, Sealed};
