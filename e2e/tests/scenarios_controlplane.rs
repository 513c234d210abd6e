//! Every scenario on a real control plane, several at a time, each in a namespace of its own; and in
//! the end, whether the Role that they ran under has the verbs in use and no more.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Failed, Trial};
use sluice_e2e::controlplane::{ControlPlane, OPERATOR, Options, Search};
use sluice_e2e::on_control_plane::OnControlPlane;
use sluice_e2e::prometheus::find_or_fetch;
use sluice_e2e::rbac;
use sluice_e2e::scenarios::{self, Named};
use sluice_e2e::under_test::Sluice;
use sluice_simulator::scenario::{Care, Prometheus, run};

/// Scenarios that run at once: they mostly wait.
const AT_ONCE: usize = 12;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let scenarios = match scenarios::all() {
        Ok(scenarios) => scenarios,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let all = scenarios.iter().filter(|named| named.scenario.only_simulator.is_none()).count();
    for named in &scenarios {
        if let Some(why) = &named.scenario.only_simulator {
            println!("{} runs on the simulator only: {why}", named.name);
        }
    }
    if arguments.list {
        return libtest_mimic::run(&arguments, trials(scenarios, &Err("not started".into())))
            .exit_code();
    }
    arguments.test_threads = Some(arguments.test_threads.unwrap_or(AT_ONCE));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let plane = runtime.block_on(start());
    let conclusion = libtest_mimic::run(&arguments, trials(scenarios, &plane));
    if conclusion.has_failed() {
        return conclusion.exit_code();
    }
    if conclusion.num_passed as usize == all
        && let Ok(plane) = &plane
        && let Err(problem) = runtime.block_on(verbs_in_use(plane))
    {
        eprintln!("{problem}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

async fn start() -> Result<Arc<ControlPlane>, String> {
    let plane = ControlPlane::start(Options::default()).await.map_err(|e| e.to_string())?;
    plane.apply_crds(&scenarios::crds_folder()).await.map_err(|e| e.to_string())?;
    Ok(Arc::new(plane))
}

fn trials(scenarios: Vec<Named>, plane: &Result<Arc<ControlPlane>, String>) -> Vec<Trial> {
    scenarios
        .into_iter()
        .filter(|named| named.scenario.only_simulator.is_none())
        .map(|named| {
            let plane = plane.clone();
            Trial::test(named.name.clone(), move || on(&named, plane))
        })
        .collect()
}

fn on(named: &Named, plane: Result<Arc<ControlPlane>, String>) -> Result<(), Failed> {
    let plane = plane?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let mut backend = OnControlPlane::new(plane, &named.name, 1).await?;
        if named.scenario.prometheus == Prometheus::Real {
            backend = backend.with_prometheus(&program()?).await?;
        }
        let sluice = Sluice::default();
        Ok::<_, String>(run(&named.scenario, &named.folder, &backend, &sluice, Care::All).await)
    })?;
    for (what, took) in &outcome.times {
        println!("{}: {what}: {:.1} s", named.name, took.as_secs_f64());
    }
    if outcome.is_good() { Ok(()) } else { Err(outcome.failures.join("\n").into()) }
}

/// The program of Prometheus, found or fetched once for all scenarios.
fn program() -> Result<PathBuf, String> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let find = || {
        let search = Search::from_env().map_err(|e| e.to_string())?;
        find_or_fetch(&search).map_err(|e| e.to_string())
    };
    PROGRAM.get_or_init(find).clone()
}

/// The audit log knows what the controller did; the Role says what it may do.
async fn verbs_in_use(plane: &ControlPlane) -> Result<(), String> {
    plane.settle_audit().await.map_err(|e| e.to_string())?;
    let audit = plane.audit().map_err(|e| e.to_string())?;
    let used = audit.verbs_used(OPERATOR).map_err(|e| e.to_string())?;
    let granted = rbac::granted()?;
    let unused: BTreeSet<_> = granted.difference(&used).cloned().collect();
    let superfluous = rbac::not_excused(&unused);
    if superfluous.is_empty() {
        println!("the Role grants {} verbs, all in use or excused", granted.len());
        Ok(())
    } else {
        Err(format!("the Role grants verbs that no scenario used: {superfluous:?}"))
    }
}
