//! What can go wrong with the control plane, said so that the reader knows what to do next.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::versions::GO_MIN;

/// Failures to find, build, start or use the control plane.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is neither at hand nor can it be built.
    #[error(
        "cannot build {programs}: there is no `go` on PATH. Either install Go {GO_MIN} or newer, \
         or {instead}"
    )]
    NoGo {
        /// The programs that are missing, separated by commas.
        programs: String,
        /// What else helps.
        instead: String,
    },
    /// There is a Go, but it refuses the module, which happens when it is too old.
    #[error(
        "cannot build {programs}: `go` refuses the module that pins them: {message}. Either \
         install Go {GO_MIN} or newer, or {instead}"
    )]
    GoRefuses {
        /// The programs that are missing, separated by commas.
        programs: String,
        /// What else helps.
        instead: String,
        /// What `go` said.
        message: String,
    },
    /// The compiler or the download of a module failed.
    #[error("building {program} failed ({status}); the end of its output:\n{tail}")]
    BuildFailed {
        /// The program that was being built.
        program: &'static str,
        /// How `go` ended.
        status: ExitStatus,
        /// The last lines of what it printed.
        tail: String,
    },
    /// A file, folder or process could not be handled.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb: "create", "read", "start".
        action: &'static str,
        /// To which file, folder or program.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A program of the control plane ended though nobody asked it to.
    #[error(
        "{program} ended ({status}); its log is {}, which ends with:\n{tail}",
        log.display()
    )]
    Exited {
        /// The program.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// Where its log is.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// Every program runs, but something did not become ready in time.
    #[error("{what} was not ready after {waited:?}; the logs are in {}\n{tails}", folder.display())]
    NotReady {
        /// What was waited for.
        what: String,
        /// For how long.
        waited: Duration,
        /// The folder with the logs of all programs.
        folder: PathBuf,
        /// The last lines of the logs that tell most, or the last answer.
        tails: String,
    },
    /// No free port was found for the API server.
    #[error(
        "kube-apiserver found its port taken {attempts} times in a row; is something on this \
         machine taking ports as fast as they are freed?"
    )]
    NoPort {
        /// How many ports were tried.
        attempts: u32,
    },
    /// A user that the control plane was not started with.
    #[error("there is no user {name:?}; known are {known}. Name others in Options::extra_users")]
    UnknownUser {
        /// The name asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The API server could not be asked, or refused.
    #[error("{action} failed: {source}")]
    Api {
        /// What was asked for, with the object's name.
        action: String,
        /// What came back.
        source: Box<kube::Error>,
    },
    /// A client could not be made from a kubeconfig.
    #[error("the kubeconfig of user {user:?} does not work: {source}")]
    Kubeconfig {
        /// Whose kubeconfig.
        user: String,
        /// Why.
        source: Box<kube::config::KubeconfigError>,
    },
    /// A wait for objects did not end well.
    #[error(transparent)]
    Wait(#[from] super::wait::WaitError),
    /// The signing key of service account tokens could not be made.
    #[error("cannot make the key that signs service account tokens: the random source failed")]
    NoRandomness,
    /// A line of the audit log is not what Kubernetes documents.
    #[error("line {line} of the audit log {} cannot be read: {source}", path.display())]
    AuditLine {
        /// The audit log.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// The audit log was asked for but is switched off.
    #[error("this control plane keeps no audit log: it was started with Audit::Off")]
    NoAudit,
    /// A manifest cannot be read.
    #[error("{} is not YAML: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_yaml_ng::Error,
    },
    /// A manifest holds a document that is no object.
    #[error("a document in {} has no metadata.name", path.display())]
    NamelessManifest {
        /// The file.
        path: PathBuf,
    },
    /// A definition was accepted, but its resource is not there.
    #[error("{path} was not served {waited:?} after its CustomResourceDefinition was established")]
    NotServed {
        /// The path that was asked for.
        path: String,
        /// For how long.
        waited: Duration,
    },
    /// The folder for things that outlive a run is unknown.
    #[error("cannot tell where to cache: set HOME, XDG_CACHE_HOME or SLUICE_CACHE")]
    NoCacheFolder,
    /// Another process holds the standing control plane and did not let go of it.
    #[error("the standing control plane (process {pid}) did not stop within {waited:?}")]
    StillStanding {
        /// The process that runs it.
        pid: i32,
        /// For how long was waited.
        waited: Duration,
    },
    /// The standing control plane ended before it was ready.
    #[error("the control plane did not come up; the end of {}:\n{tail}", log.display())]
    StandingFailed {
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
}

impl Error {
    /// For `map_err`: an I/O failure with what was being done to which path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// For `map_err`: a failed request with what it was meant to do.
    pub(crate) fn api(action: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let action = action.into();
        move |source| Self::Api { action, source: Box::new(source) }
    }
}
