//! The controller's binary as a user runs it: a process of its own, with its log and its ports.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child as Process, Command};
use tokio::sync::watch;

use crate::loopback::{DEADLINE, get, within};

/// A controller that runs; killed when dropped.
#[derive(Debug)]
pub struct Child {
    process: Process,
    pid: u32,
    log: watch::Receiver<Vec<String>>,
}

/// How a controller has ended.
#[derive(Debug)]
pub struct End {
    /// Its status.
    pub status: ExitStatus,
    /// All that it logged.
    pub log: Vec<String>,
}

impl Child {
    /// Starts `program` with `arguments`, on ports that are free and with nothing of this process's
    /// environment.
    ///
    /// # Errors
    ///
    /// Says why it could not be started.
    pub fn start(program: &Path, arguments: &[&str]) -> Result<Self, String> {
        let mut process = Command::new(program)
            .args(["--healthzPort=0", "--metricsPort=0"])
            .args(arguments)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("{}: {e}", program.display()))?;
        let pid = process.id().ok_or("it has ended already")?;
        let stderr = process.stderr.take().ok_or("it has no stderr")?;
        let (sender, log) = watch::channel(Vec::new());
        tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|log| log.push(line));
            }
        });
        Ok(Self { process, pid, log })
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// Waits for the line number `nth`, from 0, that contains all of `parts`.
    ///
    /// # Errors
    ///
    /// Shows the log if that line does not come.
    pub async fn logs_again(&self, nth: usize, parts: &[&str]) -> Result<String, String> {
        let mut log = self.log.clone();
        let find = |log: &Vec<String>| {
            let has = |line: &&String| parts.iter().all(|part| line.contains(part));
            log.iter().filter(has).nth(nth).cloned()
        };
        let found = match tokio::time::timeout(DEADLINE, log.wait_for(|l| find(l).is_some())).await
        {
            Ok(Ok(log)) => find(&log),
            Ok(Err(_)) | Err(_) => None,
        };
        found.ok_or_else(|| {
            format!("no line {nth} with {parts:?} in the log:\n{}", self.log().join("\n"))
        })
    }

    /// Waits for the first line that contains all of `parts`.
    ///
    /// # Errors
    ///
    /// As [`Self::logs_again`].
    pub async fn logs(&self, parts: &[&str]) -> Result<String, String> {
        self.logs_again(0, parts).await
    }

    /// Asks for a path of the port that serves `/healthz` and `/readyz`.
    ///
    /// # Errors
    ///
    /// Says what went wrong with the request.
    pub async fn health(&self, path: &str) -> Result<(u16, String), String> {
        get(self.port("/readyz").await?, path).await
    }

    /// What `/metrics` answers.
    ///
    /// # Errors
    ///
    /// Says what went wrong with the request.
    pub async fn metrics(&self) -> Result<String, String> {
        match get(self.port("/metrics").await?, "/metrics").await? {
            (200, text) => Ok(text),
            (code, text) => Err(format!("{code} {text}")),
        }
    }

    /// Asks for `/metrics` until lines begin with each of `samples`: they follow what was written.
    ///
    /// # Errors
    ///
    /// Shows the metrics if they stay without one.
    pub async fn has_metrics(&self, samples: &[&str]) -> Result<String, String> {
        let mut last = String::new();
        let has_all = |text: &str| {
            samples.iter().all(|sample| text.lines().any(|line| line.starts_with(sample)))
        };
        let asked = within("these metrics", async {
            while !has_all(&last) {
                last = self.metrics().await?;
            }
            Ok(())
        });
        match asked.await {
            Ok(answered) => answered.map(|()| last),
            Err(late) => Err(format!("{late}: {samples:?} in {last}")),
        }
    }

    async fn port(&self, purpose: &str) -> Result<u16, String> {
        let line = self.logs(&["serving ", purpose]).await?;
        let address = match serde_json::from_str::<Value>(&line) {
            Ok(line) => line["address"].as_str().map(str::to_owned),
            Err(_) => line.split_once("address=").map(|(_, address)| address.to_owned()),
        };
        let port = address.as_deref().and_then(|a| a.rsplit(':').next()?.trim().parse().ok());
        port.ok_or_else(|| format!("no port in {line}"))
    }

    /// Asks it to end, as a kubelet does.
    ///
    /// # Errors
    ///
    /// When it has ended already.
    pub fn terminate(&self) -> Result<(), String> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).ok_or("no such process")?;
        kill_process(pid, Signal::TERM).map_err(|e| e.to_string())
    }

    /// Kills it, as a machine that fails does.
    ///
    /// # Errors
    ///
    /// When it has ended already.
    pub async fn kill(mut self) -> Result<(), String> {
        self.process.kill().await.map_err(|e| e.to_string())
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    ///
    /// Shows the log if it goes on.
    pub async fn end(mut self) -> Result<End, String> {
        let status = match tokio::time::timeout(DEADLINE, self.process.wait()).await {
            Ok(status) => status.map_err(|e| e.to_string())?,
            Err(_) => return Err(format!("it goes on; its log:\n{}", self.log().join("\n"))),
        };
        // The log is whole when its writer is gone.
        while self.log.changed().await.is_ok() {}
        Ok(End { status, log: self.log() })
    }
}
