//! `get rollout`: head and tree, once or as they change.

use std::time::Duration;

use tokio::time::Instant;

use super::{Stop, after};
use crate::args::GetRollout;
use crate::cluster;
use crate::error::Failure;
use crate::follow::Follow;
use crate::output::Output;
use crate::session::Session;
use crate::view::{Objects, RolloutView, header, tree};

/// How often a terminal is redrawn although nothing changed: ages count in seconds.
const REDRAW: Duration = Duration::from_secs(1);
/// The least time between two pictures.
const PICTURE: Duration = Duration::from_millis(200);

pub(super) async fn rollout(
    session: &Session,
    args: &GetRollout,
    output: &mut Output<'_>,
    stop: &Stop,
) -> Result<(), Failure> {
    let found = cluster::find(session, &args.name).await?;
    for warning in &found.warnings {
        output.complain(&format!("Warning: {warning}"))?;
    }
    let picture = draw(session, &found.objects, output);
    if !args.watch {
        return Ok(output.lines(&picture)?);
    }
    let limit = Some(Duration::from_secs(args.timeout_seconds)).filter(|limit| !limit.is_zero());
    let end = after(limit);
    tokio::pin!(end);
    let mut follow = Follow::whole(session, &found.objects.rollout);
    let mut objects = found.objects;
    let mut last = picture;
    output.redraw(&last, true)?;
    loop {
        let drawn = Instant::now();
        let tick = output.is_terminal.then_some(REDRAW);
        tokio::select! {
            biased;
            () = stop.clone() => return Ok(()),
            () = &mut end => return Ok(()),
            changed = follow.changed() => {
                changed?;
                if follow.is_complete() {
                    objects = follow.objects(&args.name)?;
                }
                tokio::time::sleep_until(drawn + PICTURE).await;
            }
            () = after(tick) => {}
        }
        let mut picture = draw(session, &objects, output);
        picture.extend(follow.troubles().map(|trouble| format!("Warning: {trouble}")));
        if picture != last {
            output.redraw(&picture, false)?;
            last = picture;
        }
    }
}

fn draw(session: &Session, objects: &Objects, output: &Output<'_>) -> Vec<String> {
    let view = RolloutView::new(objects, session.now());
    let mut lines = header::lines(&view, output.palette);
    lines.push(String::new());
    lines.extend(tree::lines(&view, output.palette));
    lines
}
