//! The language of conditions: recorded cases, the original beside it, and what always holds.

#![allow(clippy::unwrap_used, clippy::panic)]

mod conditions;
mod differential;
mod explained;
mod generated;
mod laws;
mod moments;
mod times;
mod warned;
