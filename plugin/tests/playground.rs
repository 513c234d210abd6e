//! The playground in virtual time: what it shows, and that it only says what has happened.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use common::bench::{Paper, eventually};
use common::world::{NEW, OLD, canary, crashes, now, serves};
use futures::FutureExt;
use kubectl_argo_rollouts::args::Args;
use kubectl_argo_rollouts::error::Failure;
use kubectl_argo_rollouts::output::Output;
use kubectl_argo_rollouts::playground::gauge::Gauge;
use kubectl_argo_rollouts::playground::ledger::{End, Ledger, Version};
use kubectl_argo_rollouts::playground::narrate::Narrator;
use kubectl_argo_rollouts::playground::summary::{self, Expected, Facts};
use kubectl_argo_rollouts::playground::traffic::Requests;
use kubectl_argo_rollouts::playground::{self, Problem, Setting};
use kubectl_argo_rollouts::verbs::{self, Stop};
use kubectl_argo_rollouts::view::Objects;
use kubectl_argo_rollouts::view::colour::Palette;
use kubectl_argo_rollouts::view::columns::width;
use kubectl_argo_rollouts::view::why::Why;
use serde_json::json;
use sluice_planner::Plan;
use sluice_simulator::Options;

/// The title of the summary, without its time.
const TITLE: &str = "What happened, in ";

/// Plays until the end; what was printed, and what it failed with.
async fn play(setting: Setting, stop: &Stop, paper: &Paper) -> Result<String, String> {
    play_in(Palette::PLAIN, setting, stop, paper).await
}

async fn play_in(
    palette: Palette,
    setting: Setting,
    stop: &Stop,
    paper: &Paper,
) -> Result<String, String> {
    let (mut out, mut err) = (paper.clone(), Paper::default());
    let mut output = Output::plain(&mut out, &mut err).shown(false, palette);
    let played = playground::run(setting, &mut output, stop).await;
    assert_eq!(err.text(), "");
    played.map(|()| paper.text()).map_err(|failure| failure.to_string())
}

fn setting(seed: u64) -> Setting {
    Setting::over(Options::stepped(seed))
}

#[tokio::test(start_paused = true)]
async fn the_whole_story() {
    let text = play(setting(7), &verbs::never(), &Paper::default()).await.unwrap();
    for line in text.lines() {
        assert!(width(line) <= 100, "{} signs: {line}", width(line));
    }
    let (_, summary) = text.split_once(TITLE).unwrap();
    assert!(summary.lines().count() <= 24, "the summary is more than a screen");
    // What the verbs print is tested with them; here they have to be in the picture.
    for shown in [
        "  │ ⟳ checkout                            Rollout      ॥ Paused",
        "α checkout-5487858b85-2         AnalysisRun  ◌ Running",
        "  │           stable version at 5 of 5 pods",
        "Pods      never fewer than 5 of 5 pods served",
        "up to 2 of checkout:1.2",
        "from the first bad measurement to its last request: ",
        "all kept",
    ] {
        assert!(text.contains(shown), "{shown}\n{text}");
    }
    insta::assert_snapshot!(plot(&text));
}

/// What is said and done, and where the release stands: all that does not hang on moments.
fn plot(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        let head = line.split_once("s ⟳ ").map(|(_, head)| head);
        let line = match head {
            // Whether a picture falls between two writes is chance.
            Some(head) if head.contains("waiting for") => continue,
            Some(head) => [": at ", ", at ", ": more"]
                .iter()
                .fold(head, |head, end| head.split_once(end).map_or(head, |(before, _)| before)),
            None if line.starts_with(' ') => continue,
            None if line.starts_with(TITLE) => break,
            None => line,
        };
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

#[tokio::test(start_paused = true)]
async fn a_seed_gives_one_run() {
    let one = play(setting(3), &verbs::never(), &Paper::default()).await;
    assert_eq!(one, play(setting(3), &verbs::never(), &Paper::default()).await);
    assert_ne!(one, play(setting(4), &verbs::never(), &Paper::default()).await);
}

#[tokio::test(start_paused = true)]
async fn it_ends_well_within_half_a_minute_whatever_the_delays() {
    for seed in 100..108 {
        let began = tokio::time::Instant::now();
        let played = play(setting(seed), &verbs::never(), &Paper::default()).await;
        assert!(played.is_ok(), "seed {seed}: {played:?}");
        // Virtual time: the same on every machine.
        assert!(began.elapsed() < Duration::from_secs(28), "seed {seed}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn colours_change_nothing_else() {
    let plain = play(setting(5), &verbs::never(), &Paper::default()).await.unwrap();
    let coloured =
        play_in(Palette::COLOURED, setting(5), &verbs::never(), &Paper::default()).await.unwrap();
    assert_ne!(coloured, plain);
    let mut bare = coloured;
    for code in ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[94m", "\u{1b}[0m"] {
        bare = bare.replace(code, "");
    }
    assert_eq!(bare, plain);
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_that_answers_well_is_no_success() {
    let harmless = Setting { success: |_, _| 1.0, ..setting(7) };
    let failure = play(harmless, &verbs::never(), &Paper::default()).await.unwrap_err();
    assert_eq!(
        failure,
        "this is not what was to happen: shop/checkout:1.2 was to be aborted, and became stable; \
         shop/checkout:1.2 was to serve with 2 pods at most, and did with 5"
    );
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_does_nothing_is_told() {
    let idle = Setting { policy: Arc::new(|_| Plan::rest()), ..setting(7) };
    let failure = play(idle, &verbs::never(), &Paper::default()).await.unwrap_err();
    assert_eq!(
        failure,
        "waited 20s for shop/checkout:1.0 to be Healthy; what was seen last: Progressing - waiting \
         for rollout spec update to be observed"
    );
}

#[tokio::test(start_paused = true)]
async fn it_can_be_stopped_at_any_time() {
    let text = play(setting(7), &verbs::never(), &Paper::default()).await.unwrap();
    let moments = ["1. The first", "step 1/4", "get rollout checkout", "ScaledDown"];
    for moment in moments {
        assert!(text.contains(moment), "{moment}");
        let (pressed, stop) = tokio::sync::oneshot::channel::<()>();
        let stop = async move {
            let _ = stop.await;
        };
        let (paper, stop) = (Paper::default(), stop.boxed().shared());
        let (played, ()) = tokio::join!(play(setting(7), &stop, &paper), async {
            eventually(&paper, moment).await;
            pressed.send(()).unwrap();
        });
        assert_eq!(
            played.unwrap_err(),
            "stopped before the end; nothing is left behind, all of it was in this process"
        );
        assert!(!paper.text().contains(TITLE), "{moment}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_cluster_is_asked_for() {
    let args = Args::try_parse_from(["kubectl-argo-rollouts", "playground"]).unwrap();
    let (mut out, mut err) = (Paper::default(), Paper::default());
    let mut output = Output::plain(&mut out, &mut err);
    let at_once = futures::future::ready(()).boxed().shared();
    let connect = async || panic!("a connection to a cluster");
    let failure = verbs::run(&args.verb, connect, &mut output, &at_once).await.unwrap_err();
    assert!(matches!(failure, Failure::Playground(Problem::Interrupted)), "{failure}");
    assert!(out.text().contains("$ kubectl apply -f sample.yaml -n shop"));
}

fn why(objects: &Objects) -> Why {
    Why::new(objects, now())
}

#[test]
fn only_what_has_changed_is_told() {
    let status = |index: i32| {
        json!({"phase": "Progressing", "message": "more replicas need to be updated",
            "observedGeneration": "2", "currentStepIndex": index, "replicas": 5})
    };
    let start = canary(status(0)).set(OLD, 1, 4, 4).set(NEW, 2, 2, 0);
    let two = start
        .pod(NEW, "a", 2, json!({"phase": "Pending"}))
        .pod(NEW, "b", 2, json!({"phase": "Pending"}))
        .objects();
    let crashed = canary(status(0)).set(OLD, 1, 4, 4).set(NEW, 2, 2, 1);
    let crashed = crashed.pod(NEW, "a", 9, crashes(1)).pod(NEW, "b", 9, serves()).objects();
    let again = canary(status(0)).set(OLD, 1, 4, 4).set(NEW, 2, 2, 1);
    let again = again.pod(NEW, "a", 9, crashes(2)).pod(NEW, "b", 9, serves()).objects();
    let mut narrator = Narrator::new(Palette::PLAIN);
    let mut told = Vec::new();
    for (second, objects) in [(1, &two), (2, &two), (3, &crashed), (4, &again)] {
        let lines = narrator.tell(Duration::from_secs(second), &why(objects));
        told.push(format!("picture {second}"));
        told.extend(lines);
    }
    insta::assert_snapshot!(told.join("\n"));
}

/// Facts of a run that went as it should.
fn good() -> Facts {
    let version = |revision: i64, image: &str, end| Version {
        image: image.to_owned(),
        revision,
        began: Duration::from_secs(10 * revision.unsigned_abs()),
        end: Some((end, Duration::from_secs(10 * revision.unsigned_abs() + 7))),
        why: vec!["nothing: it is rolled out".to_owned(), "all pods are there".to_owned()],
        trouble: None,
        steps: (revision > 1).then_some((0, 4)),
    };
    let mut bad = version(3, "shop/web:3", End::Aborted);
    bad.why = vec!["revision 3 was aborted at noon: its analysis failed".to_owned()];
    bad.trouble = Some("CrashLoopBackOff, exit code 3: no such file".to_owned());
    let versions =
        [version(1, "shop/web:1", End::Stable), version(2, "shop/web:2", End::Stable), bad];
    let counts = |of: &[(&str, usize)]| {
        of.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect::<BTreeMap<_, _>>()
    };
    Facts {
        took: Duration::from_millis(21_460),
        ledger: Ledger { versions: versions.into_iter().map(|v| (v.revision, v)).collect() },
        gauge: Gauge {
            desired: 2,
            least: Some(2),
            most: counts(&[("shop/web:1", 2), ("shop/web:2", 2), ("shop/web:3", 1)]),
            looks: 99,
        },
        requests: [
            ("shop/web:1", 300.0, 0.4),
            ("shop/web:2", 500.0, 1.0),
            ("shop/web:3", 50.0, 9.0),
        ]
        .map(|(image, all, failed)| (image.to_owned(), Requests { all, failed }))
        .into(),
        way_back: Some(Duration::from_millis(1_250)),
        promises: vec!["nothing goes back and forth", "an abort leads back to stable"],
        changes: 99,
        breaches: Vec::new(),
        writes: counts(&[("create events", 9), ("patch replicasets", 5)]),
        reads: 4,
        events: counts(&[("RolloutAborted", 1), ("ScalingReplicaSet", 8)]),
    }
}

fn differences(facts: &Facts) -> Vec<String> {
    let versions =
        [("shop/web:1", End::Stable), ("shop/web:2", End::Stable), ("shop/web:3", End::Aborted)];
    summary::differences(facts, &Expected { versions: &versions, most_of_aborted: 1 })
}

#[test]
fn the_summary_of_a_good_run() {
    insta::assert_snapshot!(summary::lines(&good(), Palette::PLAIN).join("\n"));
    assert_eq!(differences(&good()), Vec::<String>::new());
}

#[test]
fn the_summary_of_a_bad_run_says_so() {
    let mut facts = good();
    facts.gauge.least = Some(1);
    facts.gauge.most.insert("shop/web:3".to_owned(), 2);
    facts.gauge.most.insert("shop/web:2".to_owned(), 1);
    facts.breaches = vec!["I1: too few pods".to_owned()];
    facts.ledger.versions.get_mut(&2).unwrap().end = Some((End::Aborted, Duration::from_secs(27)));
    facts.ledger.versions.get_mut(&3).unwrap().end = None;
    insta::assert_snapshot!(summary::lines(&facts, Palette::PLAIN).join("\n"));
    assert_eq!(
        differences(&facts),
        [
            "shop/web:2 was to become stable, and was aborted",
            "shop/web:2 was to serve with 2 pods, and did with 1",
            "shop/web:3 was to be aborted, and has not ended",
            "shop/web:3 was to serve with 1 pods at most, and did with 2",
            "only 1 of 2 pods served for a while",
            "a promise was broken: I1: too few pods",
        ]
    );
    facts = Facts { gauge: Gauge { least: None, ..good().gauge }, ..good() };
    assert_eq!(differences(&facts), ["2 pods never served together"]);
}
