//! A control plane that stands until it is told to stop, for people: `cargo xtask controlplane`.
//!
//! A process of its own owns it. It holds a lock for as long as it lives, so whether there is one
//! is never a guess from a process number that may have been given to somebody else.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, setsid};
use serde::{Deserialize, Serialize};

use super::report::tail;
use super::users::{ADMIN, client_config};
use super::{ControlPlane, Error, Options, Programs, Search, crds};

const POLL_EVERY: Duration = Duration::from_millis(50);
/// How long the owner may take to come up, besides the build, which is done before.
const UP_WITHIN: Duration = Duration::from_secs(180);
/// How long the owner may take to kill its processes.
const DOWN_WITHIN: Duration = Duration::from_secs(30);

/// The files by which the commands and the owner of the standing control plane find each other.
#[derive(Debug, Clone)]
pub struct Standing {
    folder: PathBuf,
}

/// What the owner says about itself once the control plane is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The process that owns it.
    pub pid: i32,
    /// The API server's address.
    pub server: String,
    /// The administrator's kubeconfig. Those of the other users lie beside it.
    pub kubeconfig: PathBuf,
    /// The folder with the logs.
    pub folder: PathBuf,
}

impl Standing {
    /// The one of this user, in the cache folder.
    #[must_use]
    pub fn new(search: &Search) -> Self {
        Self::in_folder(&search.cache.join("standing"))
    }

    /// One that is found by the files in `folder`, which need not exist yet.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn lock_file(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// The process that owns it, ready or not yet.
    fn owner(&self) -> Option<i32> {
        if !self.is_owned() {
            return None;
        }
        std::fs::read_to_string(self.lock_file()).ok()?.trim().parse().ok()
    }

    fn status_file(&self) -> PathBuf {
        self.folder.join("status.json")
    }

    /// What the owner prints.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// What stands, if it does and is ready.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        if !self.is_owned() {
            return None;
        }
        let text = std::fs::read(self.status_file()).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Whether an owner lives: then it holds the lock.
    fn is_owned(&self) -> bool {
        File::open(self.lock_file()).is_ok_and(|file| file.try_lock().is_err())
    }

    /// Makes sure that one stands: builds the programs if need be, starts `owner` (a command that
    /// calls [`Self::serve`]) in the background, and waits until it is ready. Says whether it was
    /// started now.
    ///
    /// # Errors
    /// As [`Programs::find_or_build`]; [`Error::StandingFailed`] with the end of the owner's log.
    pub fn up(&self, search: &Search, mut owner: Command) -> Result<(Status, bool), Error> {
        if let Some(status) = self.status() {
            return Ok((status, false));
        }
        std::fs::create_dir_all(&self.folder).map_err(Error::io("create", &self.folder))?;
        // Here, where its progress is seen, and not in the background.
        Programs::find_or_build(search)?;
        let log = self.log();
        let out = File::create(&log).map_err(Error::io("create", &log))?;
        let err = out.try_clone().map_err(Error::io("open", &log))?;
        let program = PathBuf::from(owner.get_program());
        let mut child = owner
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(Error::io("start", &program))?;
        let deadline = Instant::now() + UP_WITHIN;
        while Instant::now() < deadline {
            if let Some(status) = self.status() {
                return Ok((status, true));
            }
            let ended = child.try_wait().map_err(Error::io("wait for", &program))?;
            // It also ends when another owner was faster.
            if ended.is_some() && !self.is_owned() {
                break;
            }
            std::thread::sleep(POLL_EVERY);
        }
        Err(Error::StandingFailed { tail: tail(&log), log })
    }

    /// Applies the CustomResourceDefinitions of a folder to the standing control plane.
    ///
    /// # Errors
    /// As [`ControlPlane::apply_crds`].
    pub async fn apply_crds(&self, status: &Status, folder: &Path) -> Result<Vec<String>, Error> {
        let config = client_config(ADMIN, &status.kubeconfig).await?;
        let client = kube::Client::try_from(config).map_err(Error::api("making a client"))?;
        crds::apply(&client, folder).await
    }

    /// Takes this process away from its terminal, whose end would end an owner too.
    pub fn detach() {
        // Fails if that is so already.
        let _ = setsid();
    }

    /// Is the owner: starts a control plane and keeps it until `stop` ends, or a program of it
    /// does. Returns at once, without a control plane, if there is an owner already.
    ///
    /// # Errors
    /// As [`ControlPlane::start`], and [`Error::Exited`].
    pub async fn serve(
        &self,
        options: Options,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        std::fs::create_dir_all(&self.folder).map_err(Error::io("create", &self.folder))?;
        let path = self.lock_file();
        let mut lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::io("create", &path))?;
        if lock.try_lock().is_err() {
            return Ok(());
        }
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let write = lock.set_len(0).and_then(|()| writeln!(lock, "{pid}"));
        write.map_err(Error::io("write", &path))?;
        let path = self.status_file();
        remove_if_there(&path)?;

        let mut stop = pin!(stop);
        let plane = tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            plane = ControlPlane::start(options) => plane?,
        };
        let status = Status {
            pid,
            server: plane.server().to_owned(),
            kubeconfig: plane.kubeconfig(ADMIN)?,
            folder: plane.folder().to_owned(),
        };
        // Renamed into place, so that nobody reads half of it.
        let draft = path.with_extension("draft");
        let text = serde_json::to_vec(&status).unwrap_or_default();
        std::fs::write(&draft, text).map_err(Error::io("write", &draft))?;
        std::fs::rename(&draft, &path).map_err(Error::io("write", &path))?;

        let result = tokio::select! {
            biased;
            () = &mut stop => Ok(()),
            ended = plane.until_one_ends() => Err(ended),
        };
        remove_if_there(&path)?;
        plane.stop();
        drop(lock);
        result
    }

    /// Makes sure that none stands. Says whether one did.
    ///
    /// # Errors
    /// [`Error::StillStanding`] if its owner does not end.
    pub fn down(&self) -> Result<bool, Error> {
        let Some(pid) = self.owner() else {
            return Ok(false);
        };
        if let Some(pid) = Pid::from_raw(pid) {
            // If it has just ended by itself, all the better.
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + DOWN_WITHIN;
        while self.is_owned() {
            if Instant::now() >= deadline {
                return Err(Error::StillStanding { pid, waited: DOWN_WITHIN });
            }
            std::thread::sleep(POLL_EVERY);
        }
        Ok(true)
    }
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
