//! Benchmarks on the real control plane: any controller of these CRDs, and a stand-in that does the
//! least possible writes with no logic. Figures only; nothing here passes or fails.

mod fleet;
mod process;
mod report;
mod stand_in;

pub use fleet::{Error, Fleet, run};
pub use report::{Figures, Latencies};
pub use stand_in::run as run_stand_in;
