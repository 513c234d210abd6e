//! The acts: what is done, what is waited for, and what is said between.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Service};
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use sluice_crd::analysis::AnalysisTemplate;
use sluice_crd::rollout::Rollout;
use tokio::time::Instant;

use super::Problem;
use super::ledger::{End, Ledger};
use super::narrate::{LINE_MAX, Narrator, wrapped};
use super::sample::{self, BAD, FIRST, GOOD, NAME, NAMESPACE};
use super::stage::{Setting, Stage};
use super::summary::{self, Expected, Facts, heading};
use crate::cluster;
use crate::error::Failure;
use crate::follow::Follow;
use crate::output::Output;
use crate::session::Session;
use crate::verbs::Stop;
use crate::view::colour::Colour;
use crate::view::why::{Situation, StepState, Why};
use crate::view::{tree, why};

/// The longest wait for anything: more than twice of what any of it takes.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// The least time between two pictures: what happens within it is told together.
const PICTURE: Duration = Duration::from_millis(250);
/// How long a state that is to be looked at stays.
const LOOK: Duration = Duration::from_millis(1_500);

/// What stands before the lines of a verb.
const QUOTE: &str = "  │ ";
/// The indentation of what goes on from a line before: past the labels of `why`.
const HANGING: &str = "            ";

/// Plays the whole story.
///
/// # Errors
///
/// Something did not happen that was to, or it was stopped.
pub async fn run(setting: Setting, output: &mut Output<'_>, stop: &Stop) -> Result<(), Failure> {
    let began = Instant::now();
    let objects = sample::objects().map_err(|e| Problem::Stage(e.to_string()))?;
    let rollout: Rollout = objects
        .iter()
        .find(|object| object["kind"] == "Rollout")
        .and_then(|object| serde_json::from_value(object.clone()).ok())
        .ok_or_else(|| Problem::Stage("the sample has no Rollout".to_owned()))?;
    let pods = usize::try_from(rollout.spec.replicas_or_default()).unwrap_or_default();
    let stage = Stage::start(setting, pods)?;
    let session = stage.session();
    let narrator = Narrator::new(output.palette);
    let follow = Follow::whole(&session, &rollout);
    let ledger = Ledger::default();
    let mut story = Story { began, session, follow, narrator, ledger, output, stop };
    story.introduction()?;
    story.first_version(&objects).await?;
    story.good_version(&rollout).await?;
    story.bad_version(&rollout).await?;
    let Story { ledger, output, .. } = story;
    let facts = Facts { took: began.elapsed(), ledger, ..stage.end().await };
    end(&facts, output)
}

/// Prints the summary, and judges.
fn end(facts: &Facts, output: &mut Output<'_>) -> Result<(), Failure> {
    output.line("")?;
    output.lines(&summary::lines(facts, output.palette))?;
    let versions = [(FIRST, End::Stable), (GOOD, End::Stable), (BAD, End::Aborted)];
    let expected = Expected { versions: &versions, most_of_aborted: 2 };
    let differences = summary::differences(facts, &expected);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Problem::Differs(differences.join("; ")).into())
}

struct Story<'a, 'o> {
    began: Instant,
    session: Session,
    follow: Follow,
    narrator: Narrator,
    ledger: Ledger,
    output: &'a mut Output<'o>,
    stop: &'a Stop,
}

impl Story<'_, '_> {
    fn introduction(&mut self) -> Result<(), Failure> {
        self.output.line(
            "An API server and Sluice's operator run in this process: nothing else is touched. \
             Ctrl-C ends it.",
        )?;
        self.output.line(
            "Lines that begin with $ are what you would type on a cluster. This is sample.yaml:",
        )?;
        self.output.line("")?;
        for line in sample::YAML.lines() {
            self.output.line(&format!("    {line}"))?;
        }
        Ok(())
    }

    async fn first_version(&mut self, objects: &[Value]) -> Result<(), Failure> {
        self.act(&format!("1. The first version, {FIRST}, takes no steps"))?;
        self.command("kubectl apply -f sample.yaml")?;
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": NAMESPACE}});
        self.create(&namespace).await?;
        for object in objects {
            self.create(object).await?;
        }
        self.until(&format!("{FIRST} to be Healthy"), |why| is_stable(why, 1)).await?;
        self.linger(LOOK / 2).await
    }

    async fn good_version(&mut self, rollout: &Rollout) -> Result<(), Failure> {
        self.act(&format!("2. A good version, {GOOD}, is measured, passes, and is promoted"))?;
        self.comment(&sample::way(rollout))?;
        self.apply_image(GOOD).await?;
        self.until("the second pause", |why| {
            matches!(why.situation, Situation::Paused { .. })
                && why.steps.iter().skip(2).any(|step| step.state == StepState::Done)
        })
        .await?;
        self.linger(LOOK).await?;
        self.tree()?;
        self.until(&format!("{GOOD} to be Healthy"), |why| is_stable(why, 2)).await?;
        self.linger(LOOK / 2).await
    }

    async fn bad_version(&mut self, rollout: &Rollout) -> Result<(), Failure> {
        self.act(&format!("3. A bad version, {BAD}, has too few connections to its database"))?;
        self.comment("one pod of five manages; with two it answers with errors")?;
        self.apply_image(BAD).await?;
        let ended = |ledger: &Ledger| ledger.of_image(BAD).is_some_and(|v| v.end.is_some());
        self.until_known(&format!("{BAD} to be aborted, with all pods on {GOOD}"), ended).await?;
        let pods = rollout.spec.replicas_or_default();
        let said = format!("{pods} of {pods} pods");
        self.until("the Rollout to say so", |why| {
            why.reasons.iter().any(|reason| reason.contains(&said))
        })
        .await?;
        self.comment("nobody has done anything, and all pods run the version before; why?")?;
        self.why()?;
        self.linger(LOOK / 2).await
    }

    // What is done.

    async fn apply_image(&mut self, image: &str) -> Result<(), Failure> {
        self.comment(&format!("the same file, with image: {image}"))?;
        self.command("kubectl apply -f sample.yaml")?;
        let api = cluster::api::<Rollout>(&self.session, Some(NAMESPACE));
        let merge = Patch::Merge(sample::with_image(image));
        let params =
            PatchParams { field_manager: Some("kubectl".to_owned()), ..Default::default() };
        let patched = api.patch(NAME, &params, &merge);
        self.session.ask("apply the sample", cluster::ROLLOUTS, patched).await?;
        Ok(())
    }

    async fn create(&self, object: &Value) -> Result<(), Failure> {
        let client = self.session.client.clone();
        let api: Api<DynamicObject> = match object["kind"].as_str() {
            Some("Namespace") => Api::all_with(client, &ApiResource::erase::<Namespace>(&())),
            Some("Service") => cluster::api::<Service>(&self.session, Some(NAMESPACE)),
            Some("AnalysisTemplate") => {
                cluster::api::<AnalysisTemplate>(&self.session, Some(NAMESPACE))
            }
            _ => cluster::api::<Rollout>(&self.session, Some(NAMESPACE)),
        };
        let object =
            serde_json::from_value(object.clone()).map_err(|e| Problem::Stage(e.to_string()))?;
        let params = PostParams::default();
        let created = api.create(&params, &object);
        self.session.ask("apply the sample", cluster::ROLLOUTS, created).await?;
        Ok(())
    }

    // What is waited for.

    /// Tells what changes until this holds.
    async fn until(&mut self, what: &str, holds: impl Fn(&Why) -> bool) -> Result<(), Failure> {
        self.go_on(what, |why, _| holds(why)).await
    }

    async fn until_known(
        &mut self,
        what: &str,
        holds: impl Fn(&Ledger) -> bool,
    ) -> Result<(), Failure> {
        self.go_on(what, |_, ledger| holds(ledger)).await
    }

    async fn go_on(
        &mut self,
        what: &str,
        holds: impl Fn(&Why, &Ledger) -> bool,
    ) -> Result<(), Failure> {
        let end = Instant::now() + WAIT_MAX;
        loop {
            let seen = self.tell()?;
            if seen.as_ref().is_some_and(|why| holds(why, &self.ledger)) {
                return Ok(());
            }
            if !self.changed_before(end).await? {
                let seen =
                    seen.map_or_else(|| "nothing".to_owned(), |why| why.rollout.phase.line());
                return Err(Problem::Waited { limit: WAIT_MAX, what: what.to_owned(), seen }.into());
            }
        }
    }

    /// Goes on telling what changes for so long.
    async fn linger(&mut self, time: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time;
        while self.changed_before(end).await? {
            self.tell()?;
        }
        Ok(())
    }

    /// Waits for a change, and a moment longer for what belongs to it; says whether there was one.
    async fn changed_before(&mut self, end: Instant) -> Result<bool, Failure> {
        tokio::select! {
            biased;
            () = self.stop.clone() => return Err(Problem::Interrupted.into()),
            () = tokio::time::sleep_until(end) => return Ok(false),
            changed = self.follow.changed() => changed?,
        }
        tokio::select! {
            biased;
            () = self.stop.clone() => return Err(Problem::Interrupted.into()),
            () = tokio::time::sleep(PICTURE) => {}
        }
        Ok(true)
    }

    // What is said.

    /// Tells what has changed; the picture, if there is something to see yet.
    fn tell(&mut self) -> Result<Option<Why>, Failure> {
        if !self.follow.is_complete() || self.follow.all().next().is_none() {
            return Ok(None);
        }
        let objects = self.follow.objects(NAME)?;
        let why = Why::new(&objects, self.session.now());
        let at = self.began.elapsed();
        self.ledger.take(at, &objects, &why);
        self.output.lines(&self.narrator.tell(at, &why))?;
        Ok(Some(why))
    }

    fn tree(&mut self) -> Result<(), Failure> {
        let Some(why) = self.tell()? else { return Ok(()) };
        let view = &why.rollout;
        let (updated, current) = (view.updated, view.current);
        self.comment(&format!("{updated} of {current} pods are new, and they are measured:"))?;
        self.command(&format!("kubectl argo rollouts get rollout {NAME}"))?;
        self.shown(&tree::lines(view, self.output.palette))
    }

    fn why(&mut self) -> Result<(), Failure> {
        self.command(&format!("kubectl argo rollouts why {NAME}"))?;
        if let Some(why) = self.tell()? {
            self.shown(&why::lines(&why, self.output.palette))?;
        }
        Ok(())
    }

    /// What a verb prints, set off from the rest.
    fn shown(&mut self, lines: &[String]) -> Result<(), Failure> {
        for line in lines {
            for line in wrapped(line, LINE_MAX - QUOTE.len(), HANGING) {
                self.output.line(format!("{QUOTE}{line}").trim_end())?;
            }
        }
        Ok(())
    }

    fn act(&mut self, title: &str) -> Result<(), Failure> {
        self.output.line("")?;
        Ok(self.output.line(&heading(title, self.output.palette))?)
    }

    fn comment(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.output.line(&format!("# {text}"))?)
    }

    fn command(&mut self, command: &str) -> Result<(), Failure> {
        let command = format!("$ {command} -n {NAMESPACE}");
        let painted = self.output.palette.paint(&command, Some(Colour::HighBlue));
        Ok(self.output.line(&painted)?)
    }
}

/// Whether a revision is the stable one, with all its pods.
fn is_stable(why: &Why, revision: i64) -> bool {
    why.situation == Situation::Healthy
        && why.rollout.replica_sets().next().is_some_and(|set| set.revision == revision)
}
