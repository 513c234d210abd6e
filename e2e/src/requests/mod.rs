//! Real requests: pods that answer, a real gateway before them, a load on it, and what became of
//! each request while a Rollout went through its steps (docs/real-requests.md).

pub mod gateway;
pub mod isolation;
pub mod load;
pub mod objects;
pub mod pods;
pub mod report;
pub mod rig;
pub mod scene;
pub mod tally;
pub mod timeline;
