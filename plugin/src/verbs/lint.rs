//! `lint`: what is wrong with the manifests of a file goes to standard output, what is odd to
//! standard error.

use crate::args::Lint;
use crate::error::Failure;
use crate::lint;
use crate::manifests;
use crate::output::Output;

pub(super) fn lint(args: &Lint, output: &mut Output<'_>) -> Result<(), Failure> {
    let findings = lint::look(&manifests::read(&args.filename)?);
    for warning in &findings.warnings {
        output.complain(&format!("Warning: {warning}"))?;
    }
    if findings.looked_at == 0 {
        output.complain(
            "Warning: nothing was looked at: there is no Rollout, Experiment, AnalysisTemplate, \
             ClusterAnalysisTemplate or AnalysisRun of argoproj.io/v1alpha1",
        )?;
    }
    for problem in &findings.problems {
        output.line(&problem.to_string())?;
    }
    match findings.problems.into_iter().next() {
        Some(first) => Err(Failure::Lint(first.text)),
        None => Ok(()),
    }
}
