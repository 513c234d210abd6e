//! Rollouts under real requests: a load goes through a real gateway to pods that answer, and none of
//! it may be lost (docs/real-requests.md). The program puts itself into a network of its own first.

mod blue_green;
mod by_hand;
mod canary;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use sluice_e2e::requests::isolation::Network;
use sluice_e2e::requests::report::Summary;
use sluice_e2e::requests::rig::{Rig, Tools};
use sluice_e2e::requests::scene::Scene;
use tokio::runtime::Runtime;

/// Scenarios that run at once. Each sends its load: what they take is the processor, not time.
const AT_ONCE: usize = 4;

/// How a scenario is to be judged that went as it should.
enum Ending {
    /// By its report: nothing is lost, and it has rested at these weights, in this order: the
    /// percentage of the version that has less.
    Rested(&'static [f64]),
    /// It has judged itself.
    Judged,
}

/// The end of a scenario, or what went wrong.
type Ended = Result<Ending, String>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if arguments.list {
        return libtest_mimic::run(&arguments, trials(&Err("not started".to_owned()))).exit_code();
    }
    arguments.test_threads = Some(arguments.test_threads.unwrap_or(AT_ONCE));
    let network = match Network::find() {
        Ok(network) => network,
        Err(why) => {
            println!("skipped: this machine does not allow network namespaces: {why}");
            return ExitCode::SUCCESS;
        }
    };
    // Programs are built and fetched while there is a network to do it by.
    match Tools::find().and_then(|tools| network.enter().map(|()| tools)) {
        Ok(tools) => run(&arguments, &tools),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments, tools: &Tools) -> ExitCode {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let rig = runtime.block_on(Rig::start(tools)).map(Arc::new);
    let ground = rig.map(|rig| Arc::new(Common { runtime, rig, summary: Mutex::default() }));
    let conclusion = libtest_mimic::run(arguments, trials(&ground));
    if let Ok(common) = &ground {
        println!(
            "real requests: {}\n",
            common.summary.lock().unwrap_or_else(PoisonError::into_inner)
        );
        if conclusion.has_failed() {
            common.rig.gateway.keep_log();
        }
    }
    conclusion.exit_code()
}

/// What scenarios run on, or why there is none.
type Ground = Result<Arc<Common>, String>;

/// What they have in common.
struct Common {
    runtime: Runtime,
    rig: Arc<Rig>,
    /// Of those that are judged by their reports.
    summary: Mutex<Summary>,
}

fn trials(ground: &Ground) -> Vec<Trial> {
    let mut trials = by_hand::trials(ground);
    trials.extend(blue_green::trials(ground));
    trials.extend(canary::trials(ground));
    trials
}

fn trial<S>(ground: &Ground, name: &'static str, scenario: S) -> Trial
where
    S: AsyncFnOnce(&mut Scene) -> Ended + Send + 'static,
{
    let ground = ground.clone();
    Trial::test(name, move || {
        let common = ground?;
        common.runtime.block_on(play(&common, name, scenario)).map_err(Failed::from)
    })
}

/// Plays a scenario and prints how it went.
async fn play<S>(common: &Common, name: &'static str, scenario: S) -> Result<(), String>
where
    S: AsyncFnOnce(&mut Scene) -> Ended,
{
    let mut scene = Scene::begin(Arc::clone(&common.rig), name).await?;
    let ended = scenario(&mut scene).await;
    let report = scene.end().await;
    let verdict = ended.and_then(|ending| match ending {
        Ending::Rested(weights) => {
            common.summary.lock().unwrap_or_else(PoisonError::into_inner).add(&report);
            report.verdict(weights)
        }
        Ending::Judged => Ok(()),
    });
    match &verdict {
        Ok(()) => print!("{report}"),
        Err(_) => print!("{}", report.in_full()),
    }
    verdict
}
