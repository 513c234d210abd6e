//! `get`: a Rollout or an AnalysisRun, once or as it changes.

use std::time::Duration;

use sluice_analysis::run::is_completed;
use sluice_crd::analysis::AnalysisRun;
use tokio::time::Instant;

use super::{Stop, after};
use crate::args::{GetRollout, GetRun, Look};
use crate::cluster;
use crate::error::Failure;
use crate::follow::Follow;
use crate::output::Output;
use crate::session::Session;
use crate::view::{Objects, RolloutView, RunView, header, run, tree};

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
    let follow = |objects: &Objects| Follow::whole(session, &objects.rollout);
    let shown = Shown { session, name: &args.name, look: args.look, object: found.objects };
    shown.show(follow, output, stop).await
}

pub(super) async fn analysis_run(
    session: &Session,
    args: &GetRun,
    output: &mut Output<'_>,
    stop: &Stop,
) -> Result<(), Failure> {
    let object = cluster::analysis_run(session, &args.name).await?;
    let follow = |_: &AnalysisRun| Follow::run(session, &args.name);
    let shown = Shown { session, name: &args.name, look: args.look, object };
    shown.show(follow, output, stop).await
}

/// What `get` shows.
trait Picture: Sized {
    /// What is known of it.
    fn of(follow: &Follow, name: &str) -> Result<Self, Failure>;

    /// It as text.
    fn draw(&self, session: &Session, output: &Output<'_>) -> Vec<String>;

    /// Whether nothing more is to be expected of it.
    fn is_over(&self) -> bool;
}

impl Picture for Objects {
    fn of(follow: &Follow, name: &str) -> Result<Self, Failure> {
        follow.objects(name)
    }

    fn draw(&self, session: &Session, output: &Output<'_>) -> Vec<String> {
        let view = RolloutView::new(self, session.now());
        let mut lines = header::lines(&view, output.palette);
        lines.push(String::new());
        lines.extend(tree::lines(&view, output.palette));
        lines
    }

    /// A Rollout goes on for ever.
    fn is_over(&self) -> bool {
        false
    }
}

impl Picture for AnalysisRun {
    fn of(follow: &Follow, name: &str) -> Result<Self, Failure> {
        follow.one(name)
    }

    fn draw(&self, session: &Session, output: &Output<'_>) -> Vec<String> {
        run::lines(&RunView::new(self, session.now()), output.palette)
    }

    fn is_over(&self) -> bool {
        self.status.as_ref().is_some_and(|status| is_completed(&status.phase))
    }
}

struct Shown<'a, P> {
    session: &'a Session,
    name: &'a str,
    look: Look,
    object: P,
}

impl<P: Picture> Shown<'_, P> {
    async fn show(
        self,
        follow: impl FnOnce(&P) -> Follow,
        output: &mut Output<'_>,
        stop: &Stop,
    ) -> Result<(), Failure> {
        let Self { session, name, look, mut object } = self;
        let mut last = object.draw(session, output);
        if !look.watch {
            return Ok(output.lines(&last)?);
        }
        let limit = Some(Duration::from_secs(look.timeout_seconds));
        let end = after(limit.filter(|limit| !limit.is_zero()));
        tokio::pin!(end);
        let mut follow = follow(&object);
        output.redraw(&last, true)?;
        while !object.is_over() {
            let drawn = Instant::now();
            let tick = output.is_terminal.then_some(REDRAW);
            tokio::select! {
                biased;
                () = stop.clone() => return Ok(()),
                () = &mut end => return Ok(()),
                changed = follow.changed() => {
                    changed?;
                    if follow.is_complete() {
                        object = P::of(&follow, name)?;
                    }
                    tokio::time::sleep_until(drawn + PICTURE).await;
                }
                () = after(tick) => {}
            }
            let mut picture = object.draw(session, output);
            picture.extend(follow.troubles().map(|trouble| format!("Warning: {trouble}")));
            if picture != last {
                output.redraw(&picture, false)?;
                last = picture;
            }
        }
        Ok(())
    }
}
