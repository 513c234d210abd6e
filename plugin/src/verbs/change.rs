//! `promote`, `abort`, `retry`, `pause` and `terminate`. What is patched of a Rollout stands in
//! `sluice_crd::verbs`.

use sluice_crd::verbs::{self, ClientPatch};

use crate::args;
use crate::cluster;
use crate::error::Failure;
use crate::output::Output;
use crate::session::Session;

pub(crate) async fn promote(
    session: &Session,
    args: &args::Promote,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let args::Promote { name, full, skip_current_step, skip_all_steps } = args;
    if *skip_current_step && *skip_all_steps {
        return Err(Failure::BothSkips);
    }
    let rollout = cluster::rollout(session, name).await?;
    let patches = if *skip_current_step {
        verbs::skip_current_step(&rollout)?
    } else if *skip_all_steps {
        verbs::skip_all_steps(&rollout)?
    } else if *full {
        verbs::promote_full(&rollout)
    } else {
        verbs::promote(&rollout)
    };
    cluster::patch(session, name, &patches).await?;
    let how = if *full { "fully promoted" } else { "promoted" };
    Ok(output.line(&format!("rollout '{name}' {how}"))?)
}

pub(super) async fn abort(
    session: &Session,
    names: &[String],
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    each(session, names, &verbs::abort(), "aborted", output).await
}

pub(super) async fn retry(
    session: &Session,
    names: &[String],
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    each(session, names, &verbs::retry(), "retried", output).await
}

pub(super) async fn pause(
    session: &Session,
    names: &[String],
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    each(session, names, &verbs::pause(), "paused", output).await
}

/// Ends AnalysisRuns.
pub(super) async fn terminate(
    session: &Session,
    names: &[String],
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let end = async |name: &str| cluster::terminate(session, name).await;
    one_by_one(
        names,
        "analysisruns",
        end,
        |name| format!("analysisRun '{name}' terminated"),
        output,
    )
    .await
}

/// Patches each Rollout.
async fn each(
    session: &Session,
    names: &[String],
    patches: &[ClientPatch],
    done: &str,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let patch = async |name: &str| cluster::patch(session, name, patches).await;
    one_by_one(names, "rollouts", patch, |name| format!("rollout '{name}' {done}"), output).await
}

/// Changes each of several objects. One that fails keeps no other from it: who aborts several is in
/// a hurry.
async fn one_by_one(
    names: &[String],
    what: &'static str,
    change: impl AsyncFn(&str) -> Result<(), Failure>,
    done: impl Fn(&str) -> String,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut failed = 0;
    for name in names {
        match change(name).await {
            Ok(()) => output.line(&done(name))?,
            Err(failure) if names.len() == 1 => return Err(failure),
            Err(failure) => {
                output.complain(&format!("Error: {failure}"))?;
                failed += 1;
            }
        }
    }
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::Several { failed, count: names.len(), what })
}
