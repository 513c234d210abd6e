//! What measurements say of a release, pure: nothing here knows a client, a clock or a log.

pub mod args;
pub mod expr;
pub mod merge;
mod no_data;
mod reading;
pub mod run;
mod secret;

pub use no_data::{NO_DATA_ANNOTATION, NoData, NoDataPolicy};

pub use reading::{Ongoing, Reading, Sample, Verdict};
pub use secret::{REDACTED, Redactor, Sealed};
