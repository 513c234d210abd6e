//! The programs of the control plane, and where those at hand are found.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::report::say;
use super::{Error, build, versions};

/// One program of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// The store.
    Etcd,
    /// The API server.
    ApiServer,
    /// ReplicaSets, Jobs, garbage collection and the other built-in controllers.
    ControllerManager,
    /// Gives pods a node.
    Scheduler,
    /// Plays the nodes and what happens on them.
    Kwok,
    /// The command line client; not needed to run, but by people and by tests of what it prints.
    Kubectl,
}

impl Program {
    /// All of them, in the order in which they are built.
    pub const ALL: [Self; 6] = [
        Self::Etcd,
        Self::ApiServer,
        Self::ControllerManager,
        Self::Scheduler,
        Self::Kwok,
        Self::Kubectl,
    ];

    /// The file name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kwok => "kwok",
            Self::Kubectl => "kubectl",
        }
    }

    /// How to ask for the version, and the word of the answer that says it is the pinned one.
    fn version_question(self) -> (&'static [&'static str], String) {
        match self {
            Self::Etcd => (&["--version"], versions::ETCD.to_owned()),
            Self::Kwok => (&["--version"], format!("v{}", versions::KWOK)),
            Self::Kubectl => (&["version", "--client"], format!("v{}", versions::KUBERNETES)),
            Self::ApiServer | Self::ControllerManager | Self::Scheduler => {
                (&["--version"], format!("v{}", versions::KUBERNETES))
            }
        }
    }

    /// Whether the program at `path` says that it is of the pinned version.
    fn is_pinned_version(self, path: &Path) -> bool {
        let (arguments, wanted) = self.version_question();
        let output = Command::new(path).args(arguments).stdin(Stdio::null()).output();
        output.is_ok_and(|output| has_word(&String::from_utf8_lossy(&output.stdout), &wanted))
    }
}

fn has_word(text: &str, wanted: &str) -> bool {
    text.split_whitespace().any(|word| word == wanted)
}

/// Where a program came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The folder that `KUBEBUILDER_ASSETS` names.
    Assets,
    /// The cache folder: built by an earlier run.
    Cache,
    /// A folder on `PATH`, where it is of exactly the pinned version.
    Path,
    /// Built just now, into the cache folder.
    Built,
}

impl Origin {
    fn describe(self) -> &'static str {
        match self {
            Self::Assets => "KUBEBUILDER_ASSETS",
            Self::Cache => "the cache",
            Self::Path => "PATH",
            Self::Built => "a build just now",
        }
    }
}

/// The places to search, in this order: assets, cache, `PATH`.
#[derive(Debug, Clone)]
pub struct Search {
    /// `KUBEBUILDER_ASSETS`, the convention of envtest. Whatever version lies there is taken.
    pub assets: Option<PathBuf>,
    /// The folder of this project in the user's cache folder.
    pub cache: PathBuf,
    /// The folders of `PATH`.
    pub path: Vec<PathBuf>,
}

impl Search {
    /// As the environment says: `KUBEBUILDER_ASSETS`, `PATH`, and for the cache `SLUICE_CACHE`,
    /// else `sluice` in `XDG_CACHE_HOME`, else in `~/.cache`. Relative paths are taken from the
    /// current folder.
    ///
    /// # Errors
    /// [`Error::NoCacheFolder`] if none of those variables and no `HOME` is set.
    pub fn from_env() -> Result<Self, Error> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        // The programs run in a folder of their own.
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let folder = |name: &str| set(name).map(PathBuf::from).map(absolute);
        let cache = folder("SLUICE_CACHE")
            .or_else(|| folder("XDG_CACHE_HOME").map(|xdg| xdg.join("sluice")))
            .or_else(|| folder("HOME").map(|home| home.join(".cache").join("sluice")))
            .ok_or(Error::NoCacheFolder)?;
        let path = set("PATH").unwrap_or_default();
        let path = std::env::split_paths(&path).map(absolute).collect();
        Ok(Self { assets: folder("KUBEBUILDER_ASSETS"), cache, path })
    }

    /// Where built programs are kept: `<cache>/controlplane/<versions>/bin`.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.cache.join("controlplane").join(versions::folder_name()).join("bin")
    }

    /// `is_pinned` is asked only of what lies on `PATH`.
    fn find(
        &self,
        program: Program,
        is_pinned: impl Fn(Program, &Path) -> bool,
    ) -> Option<(PathBuf, Origin)> {
        let in_folder = |folder: &Path| {
            let path = folder.join(program.name());
            is_executable(&path).then_some(path)
        };
        if let Some(path) = self.assets.as_deref().and_then(in_folder) {
            return Some((path, Origin::Assets));
        }
        if let Some(path) = in_folder(&self.bin()) {
            return Some((path, Origin::Cache));
        }
        let on_path = self.path.iter().find_map(|folder| in_folder(folder))?;
        is_pinned(program, &on_path).then_some((on_path, Origin::Path))
    }
}

/// The programs, each at its path.
#[derive(Debug, Clone)]
pub struct Programs {
    found: BTreeMap<Program, (PathBuf, Origin)>,
}

impl Programs {
    /// Finds every program, builds what is missing (minutes), and says which it used.
    ///
    /// # Errors
    /// [`Error::NoGo`], [`Error::GoRefuses`] and [`Error::BuildFailed`] if a program is missing
    /// and cannot be built; [`Error::Io`] if the cache folder cannot be written.
    pub fn find_or_build(search: &Search) -> Result<Self, Error> {
        let programs = match Self::find(search, Program::is_pinned_version) {
            (programs, missing) if missing.is_empty() => programs,
            (mut programs, missing) => {
                build::build(&missing, search)?;
                for program in missing {
                    let path = search.bin().join(program.name());
                    programs.found.insert(program, (path, Origin::Built));
                }
                programs
            }
        };
        programs.report();
        Ok(programs)
    }

    /// What is at hand, and what is not.
    pub(crate) fn find(
        search: &Search,
        is_pinned: impl Fn(Program, &Path) -> bool,
    ) -> (Self, Vec<Program>) {
        let mut found = BTreeMap::new();
        let mut missing = Vec::new();
        for program in Program::ALL {
            match search.find(program, &is_pinned) {
                Some(place) => {
                    found.insert(program, place);
                }
                None => missing.push(program),
            }
        }
        (Self { found }, missing)
    }

    /// Where the program is.
    #[must_use]
    pub fn path(&self, program: Program) -> &Path {
        self.found.get(&program).map_or(Path::new(program.name()), |(path, _)| path)
    }

    /// Where the program came from.
    #[must_use]
    pub fn origin(&self, program: Program) -> Option<Origin> {
        self.found.get(&program).map(|(_, origin)| *origin)
    }

    fn report(&self) {
        let mut by_origin: BTreeMap<Origin, Vec<&str>> = BTreeMap::new();
        for (program, (path, origin)) in &self.found {
            by_origin.entry(*origin).or_default().push(program.name());
            if *origin == Origin::Assets && !program.is_pinned_version(path) {
                let (_, wanted) = program.version_question();
                say(&format!(
                    "note: {} is not the version {wanted} that this project tests with",
                    path.display()
                ));
            }
        }
        for (origin, names) in by_origin {
            say(&format!("{} from {}", names.join(", "), origin.describe()));
        }
    }
}

pub(crate) fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stand-in for a program; what it "prints" is its content, so that nothing is run here.
    fn put(folder: &Path, program: Program, version: &str) {
        std::fs::create_dir_all(folder).unwrap();
        let path = folder.join(program.name());
        std::fs::write(&path, version).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn find(search: &Search) -> (Programs, Vec<Program>) {
        Programs::find(search, |program, path| {
            has_word(&std::fs::read_to_string(path).unwrap(), &program.version_question().1)
        })
    }

    fn search(root: &Path) -> Search {
        Search {
            assets: Some(root.join("assets")),
            cache: root.join("cache"),
            path: vec![root.join("usr"), root.join("local")],
        }
    }

    #[test]
    fn assets_come_before_the_cache_and_the_cache_before_path() {
        let root = tempfile::tempdir().unwrap();
        let search = search(root.path());
        for folder in [root.path().join("assets"), search.bin(), root.path().join("usr")] {
            put(&folder, Program::Etcd, "etcd Version: 3.6.4");
        }
        put(&search.bin(), Program::Kwok, "any");
        put(&root.path().join("local"), Program::Kubectl, "Client Version: v1.34.4");
        let (programs, missing) = find(&search);
        assert_eq!(programs.origin(Program::Etcd), Some(Origin::Assets));
        assert_eq!(programs.origin(Program::Kwok), Some(Origin::Cache));
        assert_eq!(programs.origin(Program::Kubectl), Some(Origin::Path));
        assert_eq!(missing, [Program::ApiServer, Program::ControllerManager, Program::Scheduler]);
    }

    #[test]
    fn another_version_on_path_is_not_taken() {
        let root = tempfile::tempdir().unwrap();
        let search = search(root.path());
        put(&root.path().join("usr"), Program::Kubectl, "Client Version: v1.34.40");
        put(&root.path().join("usr"), Program::Scheduler, "Kubernetes v1.34.4");
        put(&root.path().join("usr"), Program::Kwok, "kwok version v0.8.0 go1.26.8 (linux/amd64)");
        let (programs, _) = find(&search);
        assert_eq!(programs.origin(Program::Kubectl), None);
        assert_eq!(programs.origin(Program::Scheduler), Some(Origin::Path));
        assert_eq!(programs.origin(Program::Kwok), Some(Origin::Path));
    }

    #[test]
    fn a_file_that_cannot_be_run_does_not_count() {
        let root = tempfile::tempdir().unwrap();
        let search = search(root.path());
        std::fs::create_dir_all(search.bin()).unwrap();
        std::fs::write(search.bin().join("etcd"), "half").unwrap();
        assert!(find(&search).1.contains(&Program::Etcd));
    }
}
