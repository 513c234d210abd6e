//! The verbs: one module each. They read, print through [`Output`] and say how it went.

pub(crate) mod change;
mod create;
mod get;
mod lint;
mod list;
mod status;
mod version;
mod why;

use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

use crate::analyze;
use crate::args::{CreateKind, Get, List, Retry, Terminate, Verb};
use crate::error::Failure;
use crate::output::Output;
use crate::playground::{self, Setting};
use crate::session::Session;

/// Resolves when somebody presses Ctrl-C.
pub type Stop = Shared<BoxFuture<'static, ()>>;

/// Never asked to stop.
pub fn never() -> Stop {
    futures::future::pending().boxed().shared()
}

/// Does what the command line asks for, in a cluster that `connect` reaches.
///
/// # Errors
///
/// Why it could not be done.
pub async fn run(
    verb: &Verb,
    connect: impl AsyncFnOnce() -> Result<Session, Failure>,
    output: &mut Output<'_>,
    stop: &Stop,
) -> Result<(), Failure> {
    // These need no cluster.
    match verb {
        Verb::Version(args) => return Ok(output.lines(&version::lines(args.short))?),
        Verb::Playground(_) => return playground::run(Setting::real(), output, stop).await,
        Verb::Lint(args) => return lint::lint(args, output),
        Verb::Analyze(args) => {
            let analyzed = async {
                let setting = analyze::Setting::real()?;
                analyze::run(args, setting, output, stop).await
            };
            return analyzed.await.map_err(analyze::as_error);
        }
        _ => {}
    }
    let session = connect().await?;
    match verb {
        Verb::Get(Get::Rollout(args)) => get::rollout(&session, args, output, stop).await,
        Verb::Get(Get::Analysisrun(args)) => get::analysis_run(&session, args, output, stop).await,
        Verb::List(List::Rollouts(args)) => list::rollouts(&session, args, output, stop).await,
        Verb::Status(args) => status::status(&session, args, output, stop).await,
        Verb::Promote(args) => change::promote(&session, args, output).await,
        Verb::Abort(args) => change::abort(&session, &args.names, output).await,
        Verb::Retry(Retry::Rollout(args)) => change::retry(&session, &args.names, output).await,
        Verb::Pause(args) => change::pause(&session, &args.names, output).await,
        Verb::Why(args) => why::why(&session, args, output).await,
        Verb::Terminate(Terminate::Analysisrun(args)) => {
            change::terminate(&session, &args.names, output).await
        }
        Verb::Create(args) => match &args.kind {
            Some(CreateKind::Analysisrun(run)) => create::run(&session, args, run, output).await,
            None => create::files(&session, args, output, stop).await,
        },
        Verb::Playground(_) | Verb::Version(_) | Verb::Lint(_) | Verb::Analyze(_) => Ok(()),
    }
}

/// Waits so long; for ever where there is no limit.
async fn after(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => futures::future::pending().await,
    }
}
