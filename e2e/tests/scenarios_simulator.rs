//! Every scenario on the simulator, in virtual time: once as it is, over several seeds, and again
//! with the controller dying after each of its writes in turn (I24).

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use sluice_e2e::scenarios::{self, Named};
use sluice_e2e::under_test::Sluice;
use sluice_e2e::{end_state, footprint, scenarios::crds};
use sluice_simulator::scenario::{Care, InMemory, Outcome, run};
use sluice_simulator::{Crd, Cut, Options};

/// Seeds that every scenario runs with, each with other delays and another order of work. For a
/// longer search: SLUICE_SEEDS=200.
fn seeds() -> std::ops::RangeInclusive<u64> {
    let asked = std::env::var("SLUICE_SEEDS").ok().and_then(|n| n.parse().ok());
    1..=asked.unwrap_or(4)
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let (scenarios, crds) = match (scenarios::all(), crds()) {
        (Ok(scenarios), Ok(crds)) => (scenarios, Arc::new(crds)),
        (scenarios, crds) => {
            eprintln!("{:?} {:?}", scenarios.err(), crds.err());
            return ExitCode::FAILURE;
        }
    };
    let mut trials = Vec::new();
    for named in scenarios {
        let named = Arc::new(named);
        let (n, c) = (Arc::clone(&named), Arc::clone(&crds));
        trials.push(Trial::test(named.name.clone(), move || as_it_is(&n, &c)));
        if named.scenario.no_restarts.is_none() {
            let (n, c) = (Arc::clone(&named), Arc::clone(&crds));
            let name = format!("{}::dies_after_each_write", named.name);
            trials.push(Trial::test(name, move || with_deaths(&n, &c)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Over several seeds; and the first one twice, which must be the same run to the byte.
fn as_it_is(named: &Named, crds: &[Crd]) -> Result<(), Failed> {
    for seed in seeds() {
        let (outcome, _) = once(named, crds, seed, None)?;
        good(&outcome).map_err(|e| format!("seed {seed}: {e}"))?;
    }
    let (_, first) = once(named, crds, 1, None)?;
    let (_, again) = once(named, crds, 1, None)?;
    if first.is_empty() {
        return Err("no trace was kept".into());
    }
    match first.iter().zip(&again).find(|(a, b)| a != b) {
        Some((a, b)) => Err(format!("the same seed ran otherwise:\n{a}\n{b}").into()),
        None if first.len() != again.len() => Err("the same seed ran for longer".into()),
        None => Ok(()),
    }
}

/// The end is the same wherever the controller died on the way, whether or not it got to see the
/// answer to its last write.
fn with_deaths(named: &Named, crds: &[Crd]) -> Result<(), Failed> {
    let seed = 1;
    let (uninterrupted, _) = once(named, crds, seed, None)?;
    good(&uninterrupted)?;
    let expected = end_state::normalized(&uninterrupted.objects);
    for nth in 1..=uninterrupted.writes.len() as u64 {
        for cut in [Cut::AfterReply, Cut::BeforeReply] {
            let (outcome, _) = once(named, crds, seed, Some((nth, cut)))?;
            let at = format!("died at write {nth} of {} ({cut:?})", uninterrupted.writes.len());
            good(&outcome).map_err(|e| format!("{at}: {e}"))?;
            let found = end_state::normalized(&outcome.objects);
            if let Some(difference) = end_state::difference(&expected, &found) {
                return Err(format!("{at}: I24: another end state: {difference}").into());
            }
        }
    }
    Ok(())
}

fn once(
    named: &Named,
    crds: &[Crd],
    seed: u64,
    death: Option<(u64, Cut)>,
) -> Result<(Outcome, Vec<String>), Failed> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let mut options = Options { trace: death.is_none(), ..Options::stepped(seed) };
        if seed.is_multiple_of(2) {
            // A bad day: what the controller sees is up to a second and a half old.
            options.watch_delay = Duration::from_millis(1)..Duration::from_millis(1500);
            options.request_latency = Duration::from_millis(1)..Duration::from_millis(300);
        }
        let backend = InMemory::with_options(options, crds);
        let sluice = Sluice::default();
        let mut outcome = match death {
            None => run(&named.scenario, &named.folder, &backend, &sluice, Care::All).await,
            Some((nth, cut)) => {
                let dying = backend.dying(&sluice, nth, cut);
                run(&named.scenario, &named.folder, &backend, &dying, Care::NotEvents).await
            }
        };
        let requests = backend.cluster().requests("controller");
        let writes = requests.iter().filter(|request| request.is_write());
        outcome.failures.extend(writes.filter_map(footprint::problem).take(1));
        if std::env::var_os("SLUICE_SHOW_WRITES").is_some() {
            show_writes(&backend);
        }
        Ok((outcome, backend.cluster().trace()))
    })
}

/// For people who look into a scenario: every write of the controller with its body.
fn show_writes(backend: &InMemory) {
    for request in backend.cluster().requests("controller").iter().filter(|r| r.is_write()) {
        if request.resource != "events" {
            println!("{request} {}", request.body.as_ref().unwrap_or(&serde_json::Value::Null));
        }
    }
}

fn good(outcome: &Outcome) -> Result<(), String> {
    if outcome.is_good() { Ok(()) } else { Err(outcome.failures.join("\n")) }
}
