//! The kind Rollout (spec §1.1–1.6).

mod analysis;
mod blue_green;
mod canary;
mod spec;
mod status;
mod steps;
mod traffic;

pub use analysis::*;
pub use blue_green::*;
pub use canary::*;
pub use spec::*;
pub use status::*;
pub use steps::*;
pub use traffic::*;
