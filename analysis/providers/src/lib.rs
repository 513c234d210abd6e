//! What metrics are measured with.
//!
//! A [`Provider`] takes one measurement of one metric. It knows neither limits nor verdicts of runs:
//! that is `sluice-analysis`. What it needs of the world is handed to it in a [`Context`]: the time,
//! an HTTP client, Secrets, a cluster for Jobs. Nothing here reads the environment, opens a socket
//! of its own, or waits longer than the metric says.

mod context;
mod error;
pub mod http;
mod provider;

pub use context::{Cluster, Context, Environment, JobId, RunId, SecretReader};
pub use error::ProviderError;
pub use provider::Provider;
