//! The kinds AnalysisTemplate, ClusterAnalysisTemplate and AnalysisRun (spec §1.7).

mod provider;
mod run;
mod template;

pub use provider::*;
pub use run::*;
pub use template::*;
