//! What can go wrong, in words for the person at the terminal. Each prints as `Error: <text>` and
//! ends with exit code 1; of `analyze` the code is the verdict.

use std::error::Error as _;
use std::time::Duration;

use sluice_crd::analysis::AnalysisPhase;
use sluice_crd::verbs::CannotSkip;

use crate::manifests::ManifestError;

/// The exit code of an analysis that could not be carried out.
pub const ERROR: u8 = 3;

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No cluster is named anywhere.
    #[error(
        "no cluster to talk to: there is no kubeconfig ({kubeconfig}), and this does not run \
         inside a cluster ({in_cluster}); give --kubeconfig FILE, set KUBECONFIG, or give --server \
         URL"
    )]
    NoCluster {
        /// What is wrong with the kubeconfig.
        kubeconfig: String,
        /// What is missing inside.
        in_cluster: String,
    },
    /// The kubeconfig does not say what is needed.
    #[error("cannot use the kubeconfig: {0}")]
    Kubeconfig(String),
    /// The value of a flag cannot be used.
    #[error("{flag}: {problem}")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
    /// Nobody answers there.
    #[error(
        "cannot reach the API server at {server}: {cause}; check that it runs, and that the \
         kubeconfig's context is the one you mean (--context)"
    )]
    Unreachable {
        /// Its address.
        server: String,
        /// What the connection failed with.
        cause: String,
    },
    /// No answer in time.
    #[error(
        "the API server at {server} has not answered within {limit:?} ({request}); \
         --request-timeout sets another limit"
    )]
    TimedOut {
        /// Its address.
        server: String,
        /// The limit.
        limit: Duration,
        /// What was asked.
        request: String,
    },
    /// There is no such object: the API server's own words.
    #[error("{0}")]
    NotFound(String),
    /// The API server does not know the kind.
    #[error(
        "the API server at {server} does not serve {resource}: the CustomResourceDefinitions are \
         not installed there (kubectl apply -f manifests/crds), or it is another cluster than you \
         mean (--context)"
    )]
    NotServed {
        /// Its address.
        server: String,
        /// Plural name and group.
        resource: String,
    },
    /// The user may not do this.
    #[error(
        "{message}; a role that allows it is needed, such as the ClusterRole \
         argo-rollouts-aggregate-to-view to look, argo-rollouts-aggregate-to-edit to change"
    )]
    Forbidden {
        /// The API server's words.
        message: String,
    },
    /// The user is not known.
    #[error(
        "the API server at {server} does not accept the credentials ({message}); renew them, or \
         choose others with --user, --token or --context"
    )]
    Unauthorized {
        /// Its address.
        server: String,
        /// The API server's words.
        message: String,
    },
    /// No credentials could be had.
    #[error("cannot get credentials for the API server at {server}: {cause}")]
    Credentials {
        /// Its address.
        server: String,
        /// What the credential plugin failed with.
        cause: String,
    },
    /// Any other refusal.
    #[error("could not {request}: {message}")]
    Refused {
        /// What was asked.
        request: String,
        /// The API server's words.
        message: String,
    },
    /// An answer that is not what it should be.
    #[error("cannot read the answer to: {request}: {problem}")]
    Unreadable {
        /// What was asked.
        request: String,
        /// What is wrong with the answer.
        problem: String,
    },
    /// `status` ended with a Rollout that failed.
    #[error("The rollout is in a degraded state with message: {0}")]
    Degraded(String),
    /// `status` ended before the Rollout was healthy.
    #[error("Rollout status watch exceeded timeout")]
    WatchTimedOut,
    /// Both of `promote`'s old flags.
    #[error("Cannot use skip-current-step and skip-all-steps flags at the same time")]
    BothSkips,
    /// Steps cannot be skipped.
    #[error(transparent)]
    CannotSkip(#[from] CannotSkip),
    /// Some of several names failed, each of which has been told.
    #[error("{failed} of {count} {what} failed")]
    Several {
        /// How many failed.
        failed: usize,
        /// How many were named.
        count: usize,
        /// Of what kind, in the plural.
        what: &'static str,
    },
    /// A file of manifests cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// What was to be created does not fit.
    #[error("{0}")]
    NotCreatable(String),
    /// `lint` found something wrong; this is the first of it, all has been told.
    #[error("{0}")]
    Lint(String),
    /// `analyze` could not do its work.
    #[error(transparent)]
    NotAnalyzed(Box<Failure>),
    /// `analyze` was asked for something that cannot be done.
    #[error(transparent)]
    Analyze(#[from] crate::analyze::Problem),
    /// `analyze` came to a verdict that is not good, and has told it.
    #[error("the analysis is {0}")]
    Verdict(AnalysisPhase),
    /// The playground ended otherwise than it should.
    #[error(transparent)]
    Playground(#[from] crate::playground::Problem),
    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl Failure {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Verdict(AnalysisPhase::Failed) => 1,
            Self::Verdict(AnalysisPhase::Error) | Self::NotAnalyzed(_) => ERROR,
            Self::Verdict(_) => 2,
            _ => 1,
        }
    }

    /// Whether there is nothing to say any more: it has been said, or nobody listens.
    pub fn is_told(&self) -> bool {
        match self {
            Self::Verdict(_) => true,
            // Whoever read the output has gone.
            Self::Output(error) => error.kind() == std::io::ErrorKind::BrokenPipe,
            Self::NotAnalyzed(failure) => failure.is_told(),
            _ => false,
        }
    }
}

/// The innermost cause of an error: for a connection, what the system said.
pub(crate) fn root(error: &kube::Error) -> String {
    let mut root = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        root = error.to_string();
        cause = error.source();
    }
    root
}
