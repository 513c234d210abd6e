//! Benchmarks: a fleet of Rollouts on the real control plane, with any controller of these CRDs, and
//! with a stand-in that does the least possible writes with no logic; many AnalysisRuns on the
//! simulated one. Figures only; nothing here passes or fails.

mod analysis;
mod fleet;
mod process;
mod report;
mod stand_in;

pub use analysis::{Analysis, AnalysisFigures, run_analysis};
pub use fleet::{Error, Fleet, run};
pub use report::{Figures, Latencies};
pub use stand_in::run as run_stand_in;
