//! `cargo xtask bench`: figures.

use std::path::PathBuf;
use std::process::Command;

use clap::{Args, Subcommand};
use sluice_e2e::bench::{Analysis, Fleet, run, run_analysis};

use crate::Outcome;

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Many Rollouts that are created, left alone, all updated at once, and go on after a kill
    Fleet(FleetArguments),
    /// Many AnalysisRuns that measure at the same time, on the simulated API server
    Analysis(AnalysisArguments),
}

/// How many runs, how often, for how long.
#[derive(Args)]
pub(crate) struct AnalysisArguments {
    /// AnalysisRuns
    #[arg(long, default_value_t = 1000)]
    runs: usize,
    /// The interval of their metric in seconds
    #[arg(long, default_value_t = 5)]
    interval: u64,
    /// How long figures are taken, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// The flags of the controller under measurement.
const FLAGS: &str = "--leader-elect=false --loglevel warn --healthzPort 0 --metricsPort 0";

/// How many, and which controllers.
#[derive(Args)]
pub(crate) struct FleetArguments {
    /// Rollouts
    #[arg(long, default_value_t = 100)]
    rollouts: usize,
    /// Pods of each
    #[arg(long, default_value_t = 5)]
    replicas: usize,
    /// Another controller of these CRDs, by the command line that starts it; KUBECONFIG is set
    #[arg(long = "controller-cmd")]
    controller_cmd: Option<String>,
    /// A file for the figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Leaves the stand-in out
    #[arg(long)]
    no_stand_in: bool,
}

/// Builds what is measured, then measures it.
pub(crate) fn run_verb(verb: Verb) -> Outcome {
    match verb {
        Verb::Fleet(arguments) => fleet(arguments),
        Verb::Analysis(arguments) => analysis(&arguments),
    }
}

fn analysis(arguments: &AnalysisArguments) -> Outcome {
    build()?;
    let analysis = Analysis {
        runs: arguments.runs,
        interval: arguments.interval,
        seconds: arguments.seconds,
        command: format!("{} {FLAGS}", binary("sluice-controller")),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("{}", runtime.block_on(run_analysis(&analysis))?);
    Ok(())
}

fn build() -> Outcome {
    let build = Command::new(env!("CARGO"))
        .args(["build", "--release", "-p", "sluice-operator", "-p", "sluice-e2e"])
        .args(["--bin", "sluice-controller", "--bin", "stand-in"])
        .status()?;
    if !build.success() {
        return Err("the controllers do not build".into());
    }
    Ok(())
}

fn binary(name: &str) -> String {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    target.join("release").join(name).display().to_string()
}

fn fleet(arguments: FleetArguments) -> Outcome {
    build()?;
    let mut controllers = Vec::new();
    match arguments.controller_cmd {
        Some(command) => controllers.push(("other".to_owned(), command)),
        None => {
            let sluice = format!("{} {FLAGS}", binary("sluice-controller"));
            controllers.push(("sluice".to_owned(), sluice));
        }
    }
    if !arguments.no_stand_in {
        controllers.push(("stand-in".to_owned(), binary("stand-in")));
    }
    let fleet = Fleet {
        rollouts: arguments.rollouts,
        replicas: arguments.replicas,
        controllers,
        json: arguments.json,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(&fleet))?;
    Ok(())
}
