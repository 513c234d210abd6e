//! The project's own tasks: `cargo xtask VERB`. One module a verb.

mod bench;
mod controlplane;
mod crds;

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
    /// Write the CustomResourceDefinitions in manifests/crds from the types in crd/
    Crds(crds::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Controlplane(verb) => controlplane::run(verb),
        Verb::Bench(verb) => bench::run_verb(verb),
        Verb::Crds(arguments) => crds::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
