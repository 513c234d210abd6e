//! What is shown, as pure functions: objects and an instant in, text out. No client, no clock.
//!
//! [`RolloutView`] is the model of one Rollout, for whatever shows it; [`header`], [`tree`] and
//! [`list`] are the text of `get` and `list`, [`why`] that of `why`. [`RunView`] is the model of one
//! AnalysisRun, [`run`] its text.

pub mod age;
pub mod analysis_run;
pub mod colour;
pub mod columns;
pub mod experiment;
pub mod header;
pub mod icon;
pub mod image;
pub mod list;
mod objects;
pub mod phase;
pub mod pod;
pub mod replica_set;
pub mod rollout;
pub mod run;
pub mod step;
pub mod tree;
pub mod weight;
pub mod why;

pub use objects::Objects;
pub use rollout::RolloutView;
pub use run::RunView;
