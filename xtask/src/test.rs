//! `cargo xtask test`: every test of the project, in phases whose times are printed; and
//! `cargo xtask e2e`: the scenarios on a real control plane.

use std::process::Command;
use std::time::Instant;

use clap::Args;
use sluice_e2e::controlplane::{Programs, Search};

use crate::Outcome;

/// Which scenarios.
#[derive(Args)]
pub(crate) struct Scenarios {
    /// Only scenarios with this in their names
    name: Option<String>,
}

/// Runs everything: first what needs nothing, then what needs the real control plane.
pub(crate) fn all() -> Outcome {
    let mut phases = Phases::default();
    phases.run("build the tests", || cargo(&["test", "--workspace", "--no-run", "--quiet"]))?;
    phases.run("the crates by themselves", || {
        cargo(&["test", "--workspace", "--exclude", "sluice-e2e", "--quiet"])
    })?;
    phases.run("scenarios in memory", || {
        let tests = ["--lib", "--test", "scenarios_simulator", "--test", "broken_policies"];
        cargo(&[&["test", "-p", "sluice-e2e", "--quiet"], &tests[..]].concat())
    })?;
    phases.run("programs of the control plane", || {
        Programs::find_or_build(&Search::from_env()?)?;
        Ok(())
    })?;
    phases.run("scenarios on the control plane", || {
        cargo(&["test", "-p", "sluice-e2e", "--quiet", "--test", "scenarios_controlplane"])
    })?;
    for test in other_tests()? {
        phases.run(&test.clone(), || {
            cargo(&["test", "-p", "sluice-e2e", "--quiet", "--test", &test])
        })?;
    }
    phases.report();
    Ok(())
}

/// Runs the scenarios on a real control plane.
pub(crate) fn scenarios(arguments: &Scenarios) -> Outcome {
    let mut command = vec!["test", "-p", "sluice-e2e", "--test", "scenarios_controlplane", "--"];
    command.extend(arguments.name.as_deref());
    cargo(&command)
}

/// The remaining test files of the crate `e2e`, in the order of names.
fn other_tests() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let run_before = ["scenarios_simulator", "scenarios_controlplane", "broken_policies"];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../e2e/tests");
    let mut tests = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_rust = path.extension().is_some_and(|ending| ending == "rs");
        let is_folder = path.join("main.rs").is_file();
        if let Some(name) =
            path.file_stem().and_then(|n| n.to_str()).filter(|_| is_rust || is_folder)
            && !run_before.contains(&name)
        {
            tests.push(name.to_owned());
        }
    }
    tests.sort();
    Ok(tests)
}

fn cargo(arguments: &[&str]) -> Outcome {
    let status = Command::new(env!("CARGO")).args(arguments).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo {}: {status}", arguments.join(" ")).into())
    }
}

/// Phases and how long they took.
#[derive(Default)]
struct Phases(Vec<(String, f64)>);

impl Phases {
    fn run(&mut self, name: &str, work: impl FnOnce() -> Outcome) -> Outcome {
        println!("==> {name}");
        let began = Instant::now();
        let outcome = work();
        let seconds = began.elapsed().as_secs_f64();
        println!("==> {name}: {seconds:.0} s");
        self.0.push((name.to_owned(), seconds));
        if outcome.is_err() {
            self.report();
        }
        outcome
    }

    fn report(&self) {
        println!("\n{:>8}  phase", "seconds");
        for (name, seconds) in &self.0 {
            println!("{seconds:>8.0}  {name}");
        }
        let total: f64 = self.0.iter().map(|(_, seconds)| seconds).sum();
        println!("{total:>8.0}  all");
    }
}
