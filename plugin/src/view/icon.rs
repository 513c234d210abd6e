//! The signs in front of kinds and states (user-interfaces §1.3).

use super::colour::{Colour, Palette};

/// Kinds of objects in the tree.
#[allow(missing_docs, reason = "the constants are their own text")]
pub mod kind {
    pub const ROLLOUT: &str = "⟳";
    pub const REVISION: &str = "#";
    pub const REPLICA_SET: &str = "⧉";
    pub const POD: &str = "□";
    pub const EXPERIMENT: &str = "Σ";
    pub const ANALYSIS_RUN: &str = "α";
    pub const JOB: &str = "⊞";
}

/// How something is, as a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// Not begun.
    Waiting,
    /// On its way.
    Progressing,
    /// Something is wrong with it.
    Warning,
    /// Nobody knows.
    Unknown,
    /// Well.
    Good,
    /// Failed.
    Bad,
    /// It waits for a time or for somebody.
    Paused,
    /// Neither well nor ill.
    Neutral,
    /// A state without a sign.
    None,
}

impl Icon {
    /// The sign.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Waiting => "◷",
            Self::Progressing => "◌",
            Self::Warning => "⚠",
            Self::Unknown => "?",
            Self::Good => "✔",
            Self::Bad => "✖",
            Self::Paused => "॥",
            Self::Neutral => "•",
            Self::None => " ",
        }
    }

    /// Its colour; the terminal's own where it has none.
    pub fn colour(self) -> Option<Colour> {
        match self {
            Self::Waiting | Self::Unknown => Some(Colour::Yellow),
            Self::Progressing => Some(Colour::HighBlue),
            Self::Warning | Self::Bad => Some(Colour::Red),
            Self::Good => Some(Colour::Green),
            Self::Paused | Self::Neutral | Self::None => None,
        }
    }

    /// The sign in its colour.
    pub fn paint(self, palette: Palette) -> String {
        palette.paint(self.sign(), self.colour())
    }
}
