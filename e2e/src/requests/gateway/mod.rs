//! A real gateway: Traefik, as a plain process that reads the Gateway API and its own kinds from the
//! control plane.

mod program;

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::controlplane::{ControlPlane, Error as ProcessError, ProcessGroup};
use crate::loopback::{DEADLINE, get};
use crate::progress::{say, seconds};

pub use program::{Program, VERSION, find_or_build};

/// The port for requests from outside: what a Gateway of its class names.
pub const WEB: u16 = 8000;
/// The port of `/metrics` and `/ping`.
pub const METRICS: u16 = 8082;
/// The user that it is for the control plane; to be named in `Options::extra_users`.
pub const USER: &str = "gateway";

const NAME: &str = "traefik";
/// How often it is asked whether it is ready.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// A gateway that runs; it ends with its owner. Only one fits into a network: its ports are fixed.
#[derive(Debug)]
pub struct Gateway {
    processes: Mutex<ProcessGroup>,
}

impl Gateway {
    /// Starts the gateway on a control plane that has its definitions; waits until it answers.
    ///
    /// # Errors
    ///
    /// Says with the end of its log why it does not.
    pub async fn start(program: &Program, plane: &ControlPlane) -> Result<Self, ProcessError> {
        let began = Instant::now();
        let folder = tempfile::Builder::new()
            .prefix("sluice-gateway-")
            .tempdir()
            .map_err(ProcessError::io("create", &std::env::temp_dir()))?
            .keep();
        let scratch = folder.join("scratch");
        std::fs::create_dir(&scratch).map_err(ProcessError::io("create", &scratch))?;
        let mut processes = ProcessGroup::new(&scratch, &folder)?;
        let log = folder.join("traefik.log");
        let mut command = command(program, plane)?;
        processes.spawn(NAME, command.current_dir(&folder), &log)?;
        let gateway = Self { processes: Mutex::new(processes) };
        let ready = gateway.until_ready().await;
        if ready.is_err() {
            gateway.processes().keep_folder();
        }
        ready?;
        let took = seconds(began.elapsed());
        say(NAME, &format!("{VERSION} is ready in {took}; log in {}", log.display()));
        Ok(gateway)
    }

    async fn until_ready(&self) -> Result<(), ProcessError> {
        let end = Instant::now() + DEADLINE;
        loop {
            self.check()?;
            if matches!(get(METRICS, "/ping").await, Ok((200, _))) {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(ProcessError::NotReady {
                    what: NAME.to_owned(),
                    waited: DEADLINE,
                    folder: std::env::temp_dir(),
                    tails: String::new(),
                });
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// Whether it runs.
    ///
    /// # Errors
    ///
    /// Shows the end of its log if it has ended.
    pub fn check(&self) -> Result<(), ProcessError> {
        self.processes().check()
    }

    /// Makes its log survive it.
    pub fn keep_log(&self) {
        self.processes().keep_folder();
    }

    fn processes(&self) -> MutexGuard<'_, ProcessGroup> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn command(program: &Program, plane: &ControlPlane) -> Result<Command, ProcessError> {
    let mut command = Command::new(&program.path);
    command
        .env_clear()
        .env("KUBECONFIG", plane.kubeconfig(USER)?)
        .arg("--providers.kubernetesgateway=true")
        .arg("--providers.kubernetescrd=true")
        .arg(format!("--entrypoints.web.address=:{WEB}"))
        .arg(format!("--entrypoints.metrics.address=127.0.0.1:{METRICS}"))
        .args(["--metrics.prometheus=true", "--metrics.prometheus.entrypoint=metrics"])
        .arg("--metrics.prometheus.addserviceslabels=true")
        .args(["--ping=true", "--ping.entrypoint=metrics"])
        .args(["--global.checknewversion=false", "--global.sendanonymoususage=false"])
        .arg("--log.level=INFO");
    Ok(command)
}
