//! The project's own tasks: `cargo xtask VERB`. One module a verb.

mod bench;
mod controlplane;
mod crds;
mod scenarios;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a verb can end with.
type Outcome = Result<(), Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// A real Kubernetes control plane on this machine, with no container
    #[command(subcommand)]
    Controlplane(controlplane::Verb),
    /// Figures, on the real control plane
    #[command(subcommand)]
    Bench(bench::Verb),
    /// Every test of the project, in phases with their times
    Test,
    /// The scenarios on a real control plane
    E2e(test::Scenarios),
    /// Write the table of docs/scenarios.md from the scenarios
    Scenarios(scenarios::Arguments),
    /// Write the CustomResourceDefinitions in manifests/crds from the types in crd/
    Crds(crds::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Controlplane(verb) => controlplane::run(verb),
        Verb::Bench(verb) => bench::run_verb(verb),
        Verb::Crds(arguments) => crds::run(&arguments),
        Verb::Test => test::all(),
        Verb::E2e(arguments) => test::scenarios(&arguments),
        Verb::Scenarios(arguments) => scenarios::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
