//! The process that is measured: its time and its memory, as the kernel counts them.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A controller under measurement; killed when dropped.
pub(super) struct Measured {
    child: Child,
    peak_kib: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Measured {
    /// Starts a command line by the shell, its output in a file.
    pub(super) fn start(command: &str, kubeconfig: &Path, log: &Path) -> std::io::Result<Self> {
        let output = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        let errors = output.try_clone()?;
        let child = Command::new("sh")
            .arg("-c")
            // The shell becomes the command: its pid is the controller's.
            .arg(format!("exec {command}"))
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()?;
        let peak_kib = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let (peak, stopped, pid) = (Arc::clone(&peak_kib), Arc::clone(&stop), child.id());
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                peak.fetch_max(resident_kib(pid), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Ok(Self { child, peak_kib, stop })
    }

    /// Memory in use now [KiB].
    pub(super) fn resident_kib(&self) -> u64 {
        resident_kib(self.child.id())
    }

    /// The most memory that was in use [KiB].
    pub(super) fn peak_kib(&self) -> u64 {
        self.peak_kib.load(Ordering::Relaxed).max(self.resident_kib())
    }

    /// Time on a processor so far, user and system together [s].
    pub(super) fn cpu_seconds(&self) -> f64 {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())) else {
            return 0.0;
        };
        // After the name in parentheses: state is field 3, utime 14, stime 15, in ticks of 10 ms.
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |n: usize| fields.get(n - 3).and_then(|t| t.parse::<u32>().ok()).unwrap_or(0);
        f64::from(ticks(14) + ticks(15)) / 100.0
    }

    /// Whether it still runs.
    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resident_kib(pid: u32) -> u64 {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return 0 };
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|l| l.split_whitespace().nth(1)).and_then(|n| n.parse().ok()).unwrap_or(0)
}
