//! An AnalysisRun, from its spec to its verdict (spec §2.9), pure.
//!
//! [`compile`] makes the spec ready once; [`plan`] says what to do now, from the status and from what
//! was measured since; [`taken`] makes a measurement of what a provider brought back. Nothing here
//! waits or asks anybody.

mod assess;
mod compile;
mod news;
mod plan;
mod taken;

pub use assess::is_completed;
pub use compile::{
    CompileCondition, CompiledMetric, CompiledRun, Conditions, ERROR_RETRY, INTERVAL_LEAST,
    InvalidRun, RETENTION_DEFAULT, compile, compile_afresh, rule_problems,
};
pub use news::News;
pub use plan::{Measure, RunPlan, RunSnapshot, RunUrgency, What, plan};
pub use taken::{CLAUSE_KEY, CONDITION_KEY, DECIDED_KEY, Occasion, Taken};

#[cfg(test)]
mod tests;
