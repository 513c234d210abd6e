//! What is reconciled: one key, one piece of work at a time.

use std::fmt;

/// The kinds that this controller reconciles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `rollouts.argoproj.io`
    Rollout,
    /// `analysisruns.argoproj.io`
    AnalysisRun,
    /// `experiments.argoproj.io`
    Experiment,
}

impl Kind {
    /// As objects name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rollout => "Rollout",
            Self::AnalysisRun => "AnalysisRun",
            Self::Experiment => "Experiment",
        }
    }
}

/// An object to reconcile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// The key of a Rollout.
    pub fn rollout(namespace: &str, name: &str) -> Self {
        Self { kind: Kind::Rollout, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The key of an AnalysisRun.
    pub fn analysis_run(namespace: &str, name: &str) -> Self {
        Self { kind: Kind::AnalysisRun, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}/{}", self.kind, self.namespace, self.name)
    }
}
