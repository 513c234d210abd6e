//! `cargo xtask test`: every test of the project, in phases whose times are printed; and
//! `cargo xtask e2e`: the scenarios on a real control plane.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use clap::Args;
use sluice_e2e::controlplane::{Programs, Search};
use sluice_e2e::prometheus::find_or_fetch;
use sluice_e2e::requests::gateway::find_or_build;
use sluice_e2e::requests::isolation::Network;

use crate::Outcome;

/// Which scenarios.
#[derive(Args)]
pub(crate) struct Scenarios {
    /// Only scenarios with this in their names
    name: Option<String>,
}

/// Tests of `e2e` that need no control plane.
const IN_MEMORY: [&str; 3] = ["scenarios_simulator", "broken_policies", "documents"];
/// The longest of those that need one.
const SCENARIOS: &str = "scenarios_controlplane";

/// Runs everything: first what needs nothing, then what needs the real control plane. A phase that
/// fails does not hide what the next would tell; only what cannot be built ends the run.
///
/// All of it by `--workspace` and the names of targets: another choice of packages would unify
/// features otherwise, and build everything once more.
pub(crate) fn all() -> Outcome {
    let mut phases = Phases::default();
    phases.run("build the tests", || workspace(&["--no-run"]));
    phases.end_if_failed()?;
    phases.run("the crates by themselves", || {
        let tests = tests_in(|member| member != "e2e")?;
        workspace(&[&["--lib", "--bins"], &named(&tests)[..]].concat())?;
        workspace(&["--doc"])
    });
    phases.run("scenarios in memory", || workspace(&named(&IN_MEMORY)));
    phases.run("programs of the control plane", || {
        Programs::find_or_build(&Search::from_env()?)?;
        Ok(())
    });
    phases.run("the Prometheus server", || {
        find_or_fetch(&Search::from_env()?)?;
        Ok(())
    });
    phases.run("the gateway", || {
        match Network::find() {
            Ok(_) => drop(find_or_build(&Search::from_env()?)?),
            Err(why) => {
                println!("not needed: this machine does not allow network namespaces: {why}")
            }
        }
        Ok(())
    });
    phases.run("scenarios on the control plane", || workspace(&["--test", SCENARIOS]));
    for test in tests_in(|member| member == "e2e")? {
        if test != SCENARIOS && !IN_MEMORY.contains(&test.as_str()) {
            phases.run(&test.replace('_', " "), || workspace(&["--test", &test]));
        }
    }
    phases.report();
    phases.end_if_failed()
}

/// Runs the scenarios on a real control plane.
pub(crate) fn scenarios(arguments: &Scenarios) -> Outcome {
    let mut command = vec!["test", "--workspace", "--test", SCENARIOS, "--"];
    command.extend(arguments.name.as_deref());
    cargo(&command)
}

/// The test targets of some members of the workspace, in the order of names.
fn tests_in(is_meant: impl Fn(&str) -> bool) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut tests = Vec::new();
    for member in members(&root)? {
        let folder = member.join("tests");
        let name = member.file_name().unwrap_or_default().to_string_lossy();
        if !is_meant(&name) || !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let is_rust = path.extension().is_some_and(|ending| ending == "rs");
            if is_rust || path.join("main.rs").is_file() {
                tests.extend(path.file_stem().and_then(|n| n.to_str()).map(str::to_owned));
            }
        }
    }
    tests.sort();
    Ok(tests)
}

/// The folders of the members, those within another one included.
fn members(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut members = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let path = entry?.path();
        if path.join("Cargo.toml").is_file() {
            members.extend(members_within(&path)?);
            members.push(path);
        }
    }
    Ok(members)
}

fn members_within(member: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries: std::io::Result<Vec<_>> = std::fs::read_dir(member)?.collect();
    let paths = entries?.into_iter().map(|entry| entry.path());
    Ok(paths.filter(|path| path.join("Cargo.toml").is_file()).collect())
}

fn named(tests: &[impl AsRef<str>]) -> Vec<&str> {
    tests.iter().flat_map(|test| ["--test", test.as_ref()]).collect()
}

fn workspace(arguments: &[&str]) -> Outcome {
    cargo(&[&["test", "--workspace", "--quiet"], arguments].concat())
}

fn cargo(arguments: &[&str]) -> Outcome {
    let status = Command::new(env!("CARGO")).args(arguments).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo {}: {status}", arguments.join(" ")).into())
    }
}

/// Phases, how long they took and which failed.
#[derive(Default)]
struct Phases {
    took: Vec<(String, f64)>,
    failed: Vec<String>,
}

impl Phases {
    fn run(&mut self, name: &str, work: impl FnOnce() -> Outcome) {
        println!("==> {name}");
        let began = Instant::now();
        let outcome = work();
        let seconds = began.elapsed().as_secs_f64();
        println!("==> {name}: {seconds:.0} s");
        self.took.push((name.to_owned(), seconds));
        if let Err(error) = outcome {
            println!("==> {name} failed: {error}");
            self.failed.push(name.to_owned());
        }
    }

    fn report(&self) {
        println!("\n{:>8}  phase", "seconds");
        for (name, seconds) in &self.took {
            let failed = if self.failed.contains(name) { "  (failed)" } else { "" };
            println!("{seconds:>8.0}  {name}{failed}");
        }
        let total: f64 = self.took.iter().map(|(_, seconds)| seconds).sum();
        println!("{total:>8.0}  all");
    }

    fn end_if_failed(&self) -> Outcome {
        if self.failed.is_empty() {
            return Ok(());
        }
        Err(format!("failed: {}", self.failed.join(", ")).into())
    }
}
