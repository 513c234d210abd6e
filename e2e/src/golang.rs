//! Builds programs from Go modules of this project, into the cache folder.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::controlplane::{Error, tail};
use crate::progress::{say, seconds};

/// How often a build that goes on says so.
const PROGRESS_EVERY: Duration = Duration::from_secs(15);
/// How often a running `go` is looked at.
const POLL_EVERY: Duration = Duration::from_millis(50);
/// Folders of builds that are under way.
const WORK_PREFIX: &str = ".building-";

/// One program to build.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Its file name.
    pub(crate) name: &'static str,
    /// What it is built from.
    pub(crate) package: Package,
    /// Flags for the linker.
    pub(crate) ldflags: String,
}

/// Where a program's package is.
#[derive(Debug, Clone)]
pub(crate) enum Package {
    /// A package that the pinning module requires.
    InModule(&'static str),
    /// A package with its version, built with the versions that its own module names.
    Alone(String),
}

/// What programs are built with, and where they go.
#[derive(Debug)]
pub(crate) struct Workshop {
    /// Who says what is going on.
    pub(crate) subject: &'static str,
    /// The folder in the cache; builds lie in it while they go on.
    pub(crate) root: PathBuf,
    /// The folder that finished programs appear in.
    pub(crate) bin: PathBuf,
    /// The module that pins the versions: its `go.mod` and `go.sum`.
    pub(crate) module: [&'static str; 2],
    /// What helps where there is no Go; follows "or ".
    pub(crate) without_go: String,
}

impl Workshop {
    /// Builds `sources`, but those that are in the folder already. Builders of several processes
    /// wait for each other; what another one has built meanwhile is not built again. A program
    /// appears in the folder only when it is whole, and when `before` has done its part: it is
    /// called with the folder of the module.
    ///
    /// # Errors
    ///
    /// [`Error::NoGo`], [`Error::GoRefuses`] and [`Error::BuildFailed`]; [`Error::Io`] if the cache
    /// folder cannot be written.
    pub(crate) fn build(
        &self,
        sources: &[Source],
        before: impl FnOnce(&Path) -> Result<(), Error>,
    ) -> Result<(), Error> {
        std::fs::create_dir_all(&self.root).map_err(Error::io("create", &self.root))?;
        let _lock = lock(self.subject, &self.root.join("build.lock"), "building the programs")?;
        let missing: Vec<&Source> =
            sources.iter().filter(|source| !self.bin.join(source.name).exists()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        // Same file system as the cache, so that the rename at the end is atomic. Gone with its
        // files when this function returns; what killed builders left is removed here.
        remove_leftovers(&self.root)?;
        let work = tempfile::Builder::new()
            .prefix(WORK_PREFIX)
            .tempdir_in(&self.root)
            .map_err(Error::io("create", &self.root))?;
        for (name, content) in ["go.mod", "go.sum"].into_iter().zip(self.module) {
            let path = work.path().join(name);
            std::fs::write(&path, content).map_err(Error::io("write", &path))?;
        }
        self.check_go(&missing, work.path())?;
        std::fs::create_dir_all(&self.bin).map_err(Error::io("create", &self.bin))?;
        self.build_all(&missing, work.path(), before)
    }

    fn build_all(
        &self,
        missing: &[&Source],
        work: &Path,
        before: impl FnOnce(&Path) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let start = Instant::now();
        say(
            self.subject,
            &format!(
                "building {} into {}; the first time this takes minutes",
                names(missing),
                self.bin.display()
            ),
        );
        let mut before = Some(before);
        for (n, source) in missing.iter().enumerate() {
            let output = self.run_go(source, work, &format!("{} of {}", n + 1, missing.len()))?;
            if let Some(before) = before.take() {
                before(work)?;
            }
            let target = self.bin.join(source.name);
            std::fs::rename(&output, &target).map_err(Error::io("move into the cache", &target))?;
        }
        let took = seconds(start.elapsed());
        say(self.subject, &format!("built {} programs in {took}", missing.len()));
        Ok(())
    }

    /// Whether there is a `go`, and whether it accepts the module in `work`. Asking inside the module
    /// lets a Go that may download newer toolchains do so.
    fn check_go(&self, missing: &[&Source], work: &Path) -> Result<(), Error> {
        let (programs, instead) = (names(missing), self.without_go.clone());
        let output = match go(work).args(["env", "GOVERSION"]).output() {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NoGo { programs, instead });
            }
            Err(error) => return Err(Error::io("start", Path::new("go"))(error)),
        };
        if output.status.success() {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::GoRefuses { programs, message, instead })
    }

    /// Builds one program in the folder `work`; `position` says which of how many. Returns its path.
    fn run_go(&self, source: &Source, work: &Path, position: &str) -> Result<PathBuf, Error> {
        let start = Instant::now();
        let name = source.name;
        say(self.subject, &format!("building {name} ({position})"));
        let log = work.join(format!("{name}.log"));
        let log_file = File::create(&log).map_err(Error::io("create", &log))?;
        let output = work.join(name);
        let mut command = go(work);
        match &source.package {
            Package::InModule(package) => {
                command.args(["build", "-trimpath", "-ldflags", &source.ldflags, "-o"]);
                command.arg(&output).arg(package);
            }
            Package::Alone(package) => {
                command.args(["install", "-trimpath", "-ldflags", &source.ldflags, package]);
                command.env("GOBIN", work);
            }
        }
        let mut child = command
            .stdout(Stdio::null())
            .stderr(log_file)
            .spawn()
            .map_err(Error::io("start", Path::new("go")))?;
        let mut said = start;
        let status: ExitStatus = loop {
            let ended = child.try_wait().map_err(Error::io("wait for", Path::new("go")))?;
            if let Some(status) = ended {
                break status;
            }
            if said.elapsed() >= PROGRESS_EVERY {
                said = Instant::now();
                let so_far = seconds(start.elapsed());
                say(self.subject, &format!("building {name} ({position}), {so_far} so far"));
            }
            std::thread::sleep(POLL_EVERY);
        };
        if !status.success() {
            return Err(Error::BuildFailed { program: name, status, tail: tail(&log) });
        }
        let took = seconds(start.elapsed());
        say(self.subject, &format!("built {name} ({position}) in {took}"));
        Ok(output)
    }
}

/// An exclusive lock that ends when the file is closed, also by the death of the process.
/// What another process does that holds it is said meanwhile, by `subject`.
pub(crate) fn lock(subject: &str, path: &Path, doing: &str) -> Result<File, Error> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(Error::io("open", path))?;
    if file.try_lock().is_err() {
        say(subject, &format!("another process is {doing}; waiting for it"));
        file.lock().map_err(Error::io("lock", path))?;
    }
    Ok(file)
}

/// The folder of the files of a module that the module in `work` requires.
///
/// # Errors
///
/// Says what `go` did not like.
pub(crate) fn module_folder(work: &Path, module: &'static str) -> Result<PathBuf, Error> {
    let mut command = go(work);
    command.args(["list", "-m", "-f", "{{.Dir}}", module]);
    let output = command.output().map_err(Error::io("start", Path::new("go")))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !folder.is_empty() {
        return Ok(PathBuf::from(folder));
    }
    let tail = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::BuildFailed { program: module, status: output.status, tail })
}

fn remove_leftovers(root: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir(root).map_err(Error::io("read", root))? {
        let path = entry.map_err(Error::io("read", root))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(WORK_PREFIX) {
            std::fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

fn names(sources: &[&Source]) -> String {
    sources.iter().map(|source| source.name).collect::<Vec<_>>().join(", ")
}

/// A `go` for this machine that follows no settings of an enclosing workspace or module.
fn go(work: &Path) -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(work)
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .env("GOFLAGS", "-buildvcs=false")
        .env_remove("GOOS")
        .env_remove("GOARCH")
        .stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_of_killed_builders_go() {
        let root = tempfile::tempdir().unwrap();
        let leftover = root.path().join(".building-abc");
        let kept = root.path().join("kubernetes-1");
        std::fs::create_dir(&leftover).unwrap();
        std::fs::write(leftover.join("etcd"), "half").unwrap();
        std::fs::create_dir(&kept).unwrap();
        remove_leftovers(root.path()).unwrap();
        assert!(!leftover.exists());
        assert!(kept.exists());
    }

    #[test]
    fn what_is_there_is_not_built() {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::fs::write(bin.join("one"), "").unwrap();
        let workshop = Workshop {
            subject: "test",
            root: root.path().to_owned(),
            bin,
            module: ["not a go.mod", ""],
            without_go: "nothing".to_owned(),
        };
        let source = Source {
            name: "one",
            package: Package::InModule("example.com/one"),
            ldflags: String::new(),
        };
        workshop.build(&[source], |_| unreachable!()).unwrap();
    }
}
