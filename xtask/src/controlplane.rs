//! `cargo xtask controlplane`: a control plane that stands until it is taken down.

use std::path::Path;
use std::process::Command;

use clap::Subcommand;
use sluice_e2e::controlplane::{Options, Search, Standing, Status};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::Outcome;

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Start one in the background unless one stands, with the CRDs of manifests/crds
    Up,
    /// Stop it
    Down,
    /// Say whether one stands, and where
    Status,
    /// Own the control plane until SIGTERM; `up` starts this in the background
    #[command(hide = true)]
    Serve,
}

pub(crate) fn run(verb: Verb) -> Outcome {
    let search = Search::from_env()?;
    let standing = Standing::new(&search);
    match verb {
        Verb::Up => up(&search, &standing),
        Verb::Down => down(&standing),
        Verb::Status => {
            match standing.status() {
                Some(status) => print(&status),
                None => {
                    println!("no control plane stands; `cargo xtask controlplane up` starts one")
                }
            }
            Ok(())
        }
        Verb::Serve => serve(&standing),
    }
}

fn up(search: &Search, standing: &Standing) -> Outcome {
    let mut owner = Command::new(std::env::current_exe()?);
    owner.args(["controlplane", "serve"]);
    let (status, started) = standing.up(search, owner)?;
    println!("{}", if started { "started a control plane" } else { "it stands already" });

    let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/crds");
    if crds.is_dir() {
        for name in Runtime::new()?.block_on(standing.apply_crds(&status, &crds))? {
            println!("applied {name}");
        }
    }
    print(&status);
    Ok(())
}

fn down(standing: &Standing) -> Outcome {
    let stood = standing.down()?;
    println!("{}", if stood { "stopped the control plane" } else { "no control plane stood" });
    Ok(())
}

fn serve(standing: &Standing) -> Outcome {
    Standing::detach();
    Runtime::new()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = async move {
            terminate.recv().await;
        };
        standing.serve(Options::default(), stop).await?;
        Ok(())
    })
}

fn print(status: &Status) {
    println!("server:     {}", status.server);
    println!("kubeconfig: {}", status.kubeconfig.display());
    println!("logs:       {}", status.folder.display());
    println!("export KUBECONFIG={}", status.kubeconfig.display());
}
