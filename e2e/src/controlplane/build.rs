//! Builds missing programs from their Go modules, into the cache folder.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::programs::{Program, Search};
use super::report::{say, seconds, tail};
use super::{Error, versions};

/// How often a build that goes on says so.
const PROGRESS_EVERY: Duration = Duration::from_secs(15);
/// How often a running `go` is looked at.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// Builds `missing` into [`Search::bin`]. Builders of several processes wait for each other; what
/// another one has built meanwhile is not built again. A program appears in the folder only when
/// it is whole.
///
/// # Errors
/// As [`super::Programs::find_or_build`].
pub(crate) fn build(missing: &[Program], search: &Search) -> Result<(), Error> {
    let root = search.cache.join("controlplane");
    std::fs::create_dir_all(&root).map_err(Error::io("create", &root))?;
    let _lock = lock(&root.join("build.lock"), "building the programs")?;

    let bin = search.bin();
    let missing: Vec<Program> =
        missing.iter().copied().filter(|p| !bin.join(p.name()).exists()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    // Same file system as the cache, so that the rename at the end is atomic. Gone with its files
    // when this function returns; what killed builders left is removed here.
    remove_leftovers(&root)?;
    let work = tempfile::Builder::new()
        .prefix(WORK_PREFIX)
        .tempdir_in(&root)
        .map_err(Error::io("create", &root))?;
    for (name, content) in [("go.mod", versions::GO_MOD), ("go.sum", versions::GO_SUM)] {
        let path = work.path().join(name);
        std::fs::write(&path, content).map_err(Error::io("write", &path))?;
    }
    check_go(&missing, work.path())?;

    std::fs::create_dir_all(&bin).map_err(Error::io("create", &bin))?;
    let start = Instant::now();
    say(&format!(
        "building {} into {}; the first time this takes minutes",
        names(&missing),
        bin.display()
    ));
    for (n, program) in missing.iter().enumerate() {
        let output = run_go(*program, work.path(), &format!("{} of {}", n + 1, missing.len()))?;
        let target = bin.join(program.name());
        std::fs::rename(&output, &target).map_err(Error::io("move into the cache", &target))?;
    }
    say(&format!("built {} programs in {}", missing.len(), seconds(start.elapsed())));
    Ok(())
}

const WORK_PREFIX: &str = ".building-";

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

/// An exclusive lock that ends when the file is closed, also by the death of the process.
/// What another process does that holds it is said meanwhile.
pub(crate) fn lock(path: &Path, doing: &str) -> Result<File, Error> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(Error::io("open", path))?;
    if file.try_lock().is_err() {
        say(&format!("another process is {doing}; waiting for it"));
        file.lock().map_err(Error::io("lock", path))?;
    }
    Ok(file)
}

/// Whether there is a `go`, and whether it accepts the module in `work`. Asking inside the module
/// lets a Go that may download newer toolchains do so.
fn check_go(missing: &[Program], work: &Path) -> Result<(), Error> {
    let output = match go(work).args(["env", "GOVERSION"]).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NoGo { programs: names(missing) });
        }
        Err(error) => return Err(Error::io("start", Path::new("go"))(error)),
    };
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::GoRefuses { programs: names(missing), message })
}

fn names(programs: &[Program]) -> String {
    programs.iter().map(|p| p.name()).collect::<Vec<_>>().join(", ")
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

/// Builds one program in the folder `work`; `position` says which of how many. Returns its path.
fn run_go(program: Program, work: &Path, position: &str) -> Result<PathBuf, Error> {
    let start = Instant::now();
    let name = program.name();
    say(&format!("building {name} ({position})"));
    let log = work.join(format!("{name}.log"));
    let log_file = File::create(&log).map_err(Error::io("create", &log))?;
    let output = work.join(name);

    let mut command = go(work);
    match package(program) {
        Package::InModule(package) => {
            command.args(["build", "-trimpath", "-ldflags", &ldflags(), "-o"]).arg(&output);
            command.arg(package);
        }
        Package::Alone(package) => {
            command.args(["install", "-trimpath", "-ldflags", "-s -w", &package]);
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
        if let Some(status) = child.try_wait().map_err(Error::io("wait for", Path::new("go")))? {
            break status;
        }
        if said.elapsed() >= PROGRESS_EVERY {
            said = Instant::now();
            say(&format!("building {name} ({position}), {} so far", seconds(start.elapsed())));
        }
        std::thread::sleep(POLL_EVERY);
    };
    if !status.success() {
        return Err(Error::BuildFailed { program: name, status, tail: tail(&log) });
    }
    say(&format!("built {name} ({position}) in {}", seconds(start.elapsed())));
    Ok(output)
}

enum Package {
    /// A package that the pinning module requires.
    InModule(&'static str),
    /// A package with its version, built with the versions that its own module names.
    Alone(String),
}

fn package(program: Program) -> Package {
    match program {
        Program::Etcd => Package::InModule("go.etcd.io/etcd/server/v3"),
        Program::ApiServer => Package::InModule("k8s.io/kubernetes/cmd/kube-apiserver"),
        Program::ControllerManager => {
            Package::InModule("k8s.io/kubernetes/cmd/kube-controller-manager")
        }
        Program::Scheduler => Package::InModule("k8s.io/kubernetes/cmd/kube-scheduler"),
        Program::Kubectl => Package::InModule("k8s.io/kubernetes/cmd/kubectl"),
        Program::Kwok => Package::Alone(format!("sigs.k8s.io/kwok/cmd/kwok@v{}", versions::KWOK)),
    }
}

/// No symbol tables, and the version stamped in where Kubernetes' own build stamps it: the API
/// server derives its API from it, clients derive their user agent.
fn ldflags() -> String {
    let mut numbers = versions::KUBERNETES.split('.');
    let (major, minor) = (numbers.next().unwrap_or("1"), numbers.next().unwrap_or("0"));
    let mut flags = "-s -w".to_owned();
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        flags += &format!(
            " -X {package}.gitVersion=v{} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}",
            versions::KUBERNETES
        );
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_tools_of_the_module() {
        for program in Program::ALL {
            if let Package::InModule(package) = package(program) {
                assert!(versions::GO_MOD.contains(&format!("\t{package}\n")), "{package}");
            }
        }
    }

    #[test]
    fn version_is_stamped() {
        let flags = ldflags();
        assert!(flags.contains("-X k8s.io/component-base/version.gitVersion=v1.34.4 "), "{flags}");
        assert!(flags.ends_with("-X k8s.io/client-go/pkg/version.gitMinor=34"), "{flags}");
    }

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
}
