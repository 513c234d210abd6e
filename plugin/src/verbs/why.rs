//! `why`: what a Rollout waits for, since when, what ends it, and what a person can do.

use crate::args::Name;
use crate::cluster;
use crate::error::Failure;
use crate::output::Output;
use crate::session::Session;
use crate::view::why::{Why, lines};

pub(super) async fn why(
    session: &Session,
    args: &Name,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let found = cluster::find(session, &args.name).await?;
    for warning in &found.warnings {
        output.complain(&format!("Warning: {warning}"))?;
    }
    let why = Why::new(&found.objects, session.now());
    Ok(output.lines(&lines(&why, output.palette))?)
}
