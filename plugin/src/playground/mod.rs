//! The verb `playground`: an API server, the operator and what Prometheus would know in this process,
//! and three versions of a sample: the first, a good one that passes its analysis, and one that
//! answers with errors and goes back by itself.
//!
//! [`story`] lets things happen on a [`stage`] and waits for what comes of them. What is printed
//! is computed by pure parts: [`narrate`] turns pictures into lines, [`ledger`] and [`gauge`]
//! measure, [`summary`] tells and judges.

pub mod gauge;
pub mod ledger;
pub mod narrate;
pub mod sample;
mod stage;
mod story;
pub mod summary;
pub mod traffic;
mod way_back;

use std::time::Duration;

pub use stage::Setting;
pub use story::run;

/// Why a run ended otherwise than it should.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Somebody pressed Ctrl-C.
    #[error("stopped before the end; nothing is left behind, all of it was in this process")]
    Interrupted,
    /// The cluster or the operator could not be set up.
    #[error("cannot set up the playground: {0}")]
    Stage(String),
    /// Something did not come about in time.
    #[error("waited {limit:?} for {what}; what was seen last: {seen}")]
    Waited {
        /// How long.
        limit: Duration,
        /// For what.
        what: String,
        /// How the Rollout was.
        seen: String,
    },
    /// All came to its end, and not as it should.
    #[error("this is not what was to happen: {0}")]
    Differs(String),
}
