//! `cargo xtask scenarios`: the table of docs/scenarios.md, from the scenarios.

use clap::Args;
use sluice_e2e::scenario_table::{page, written};
use sluice_e2e::scenarios;

use crate::Outcome;

/// Write, or only look.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Fails when the table is stale, and writes nothing
    #[arg(long)]
    check: bool,
}

/// Writes the table.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let text = std::fs::read_to_string(page())?;
    let current = written(&text, &scenarios::all()?)?;
    if arguments.check && current != text {
        return Err("docs/scenarios.md is stale: run cargo xtask scenarios".into());
    }
    if current != text {
        std::fs::write(page(), current)?;
    }
    Ok(())
}
