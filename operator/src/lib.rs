//! The shell around the planner: what changes in the cluster comes in as records, what is decided
//! goes out as writes. Nothing is decided here.

pub mod analysis;
pub mod args;
pub mod clock;
pub mod config;
pub mod connection;
mod counts;
pub mod events;
mod facts;
pub mod failure;
pub mod http;
pub mod key;
pub mod leader;
pub mod metrics;
pub mod queue;
mod reconcile;
pub mod runtime;
mod watch;
pub mod world;
pub mod writer;

pub use reconcile::{Policy, status_difference};
