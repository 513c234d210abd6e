//! `status`: a line for each change, until the Rollout is healthy or has failed.

use sluice_crd::rollout::{Rollout, RolloutPhase};

use super::list::tell_troubles;
use super::{Stop, after};
use crate::args;
use crate::cluster;
use crate::error::Failure;
use crate::flags::duration;
use crate::follow::Follow;
use crate::output::Output;
use crate::session::Session;
use crate::view::phase::PhaseView;

pub(super) async fn status(
    session: &Session,
    args: &args::Status,
    output: &mut Output<'_>,
    stop: &Stop,
) -> Result<(), Failure> {
    let limit = Some(duration("--timeout", &args.timeout)?).filter(|limit| !limit.is_zero());
    let end = after(limit);
    tokio::pin!(end);
    let rollout = cluster::rollout(session, &args.name).await?;
    let mut last = tell(&rollout, output)?;
    if let Some(outcome) = outcome(&last) {
        return outcome;
    }
    if !args.watch {
        return Ok(());
    }
    let mut follow = Follow::rollout(session, &args.name);
    let mut told = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = stop.clone() => return Err(Failure::WatchTimedOut),
            () = &mut end => return Err(Failure::WatchTimedOut),
            changed = follow.changed() => changed?,
        }
        tell_troubles(&follow, &mut told, output)?;
        if !follow.is_complete() {
            continue;
        }
        let phase = PhaseView::of(&follow.objects(&args.name)?.rollout);
        if phase != last {
            output.line(&phase.line())?;
        }
        last = phase;
        if let Some(outcome) = outcome(&last) {
            return outcome;
        }
    }
}

fn tell(rollout: &Rollout, output: &mut Output<'_>) -> Result<PhaseView, Failure> {
    let phase = PhaseView::of(rollout);
    output.line(&phase.line())?;
    Ok(phase)
}

/// How it ended, if it has.
fn outcome(phase: &PhaseView) -> Option<Result<(), Failure>> {
    match &phase.phase {
        RolloutPhase::Healthy => Some(Ok(())),
        RolloutPhase::Degraded => Some(Err(Failure::Degraded(phase.message.clone()))),
        RolloutPhase::Progressing | RolloutPhase::Paused | RolloutPhase::Other(_) => None,
    }
}
