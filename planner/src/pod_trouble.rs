//! What keeps a pod from serving, in words that do not change while it does.

use std::fmt;

use sluice_crd::time::Time;

/// A pod that does not serve, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodTrouble {
    /// The pod.
    pub pod: String,
    /// Since when it is not ready, if that is known.
    pub since: Option<Time>,
    /// What keeps it.
    pub cause: Cause,
}

/// What keeps a pod from serving. The variants are in order: the first is the worst.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A container waits for something (`state.waiting`).
    Waits(Waits),
    /// No node takes the pod (condition `PodScheduled`): what the scheduler says.
    NoNode(String),
    /// A container runs, or is about to again, and is not ready.
    Unready {
        /// The container.
        container: String,
        /// Whether its startup probe has passed, or it has none.
        started: bool,
        /// How its last run ended.
        ended: Option<Ended>,
    },
    /// All containers are ready; a readiness gate is not: the type of its condition.
    Gate(String),
}

/// A container that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// The container.
    pub container: String,
    /// Its image.
    pub image: String,
    /// The kubelet's word: `CrashLoopBackOff`, `ImagePullBackOff`.
    pub reason: String,
    /// More about it.
    pub message: String,
    /// How often it was started again.
    pub restarts: i64,
    /// How its last run ended.
    pub ended: Option<Ended>,
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code.
    pub exit_code: i64,
    /// `Error`, `OOMKilled`, `Completed`.
    pub reason: String,
    /// Its termination message.
    pub message: String,
}

/// What a container waits for until it is there; the rest is trouble.
const USUAL: [&str; 2] = ["ContainerCreating", "PodInitializing"];

impl PodTrouble {
    /// The worst first, then the longest; no more than can be told.
    pub fn worst(mut all: Vec<Self>, most: usize) -> Vec<Self> {
        all.sort_by(|a, b| {
            let key = |trouble: &Self| (trouble.cause.rank(), trouble.since.is_none());
            let order = key(a).cmp(&key(b)).then(a.since.cmp(&b.since));
            order.then_with(|| a.pod.cmp(&b.pod))
        });
        all.truncate(most);
        all
    }

    /// The container that waits, if that is what keeps the pod.
    pub(crate) fn waits(&self) -> Option<&Waits> {
        match &self.cause {
            Cause::Waits(waits) => Some(waits),
            _ => None,
        }
    }
}

impl Cause {
    fn rank(&self) -> u8 {
        match self {
            Self::Waits(waits) if !USUAL.contains(&waits.reason.as_str()) => 0,
            // A crash loop, between two back-offs.
            Self::Unready { ended: Some(_), .. } => 0,
            Self::NoNode(_) => 1,
            Self::Unready { .. } | Self::Gate(_) => 2,
            Self::Waits(_) => 3,
        }
    }
}

impl fmt::Display for PodTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pod {} is not ready", self.pod)?;
        if let Some(since) = self.since {
            write!(f, " since {since}")?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNode(message) => write!(f, "no node takes it: {}", end_cut(message)),
            Self::Gate(gate) => write!(f, "its readiness gate {gate} is not True"),
            // The same words in a back-off and between two of them.
            Self::Waits(Waits { container, ended: Some(ended), .. })
            | Self::Unready { container, ended: Some(ended), .. } => {
                write!(f, "container {container} ends again and again with {ended}")
            }
            Self::Waits(Waits { container, image, reason, .. })
                if ["ErrImagePull", "ImagePullBackOff"].contains(&reason.as_str()) =>
            {
                write!(f, "container {container} cannot pull its image {image} (ImagePullBackOff)")
            }
            Self::Waits(Waits { container, reason, message, .. }) => {
                write!(f, "container {container} waits ({reason})")?;
                if message.is_empty() { Ok(()) } else { write!(f, ": {}", end_cut(message)) }
            }
            Self::Unready { container, started, ended: None } => {
                let probe = if *started { "readiness" } else { "startup" };
                write!(f, "the {probe} probe of container {container} does not pass")
            }
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}", self.exit_code)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, " ({})", self.reason) }
    }
}

/// Characters of a message that are told, at most.
const MESSAGE_MAX: usize = 200;

fn end_cut(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MESSAGE_MAX) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line.trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(pod: &str, since: &str, cause: Cause) -> PodTrouble {
        PodTrouble { pod: pod.to_owned(), since: Time::parse(since).ok(), cause }
    }

    fn ended() -> Option<Ended> {
        Some(Ended { exit_code: 137, reason: "OOMKilled".to_owned(), message: String::new() })
    }

    #[test]
    fn a_crash_loop_reads_the_same_in_a_back_off_and_between_two() {
        let waits = Waits {
            container: "web".to_owned(),
            reason: "CrashLoopBackOff".to_owned(),
            ended: ended(),
            restarts: 4,
            ..Waits::default()
        };
        let runs = Cause::Unready { container: "web".to_owned(), started: true, ended: ended() };
        assert_eq!(Cause::Waits(waits).to_string(), runs.to_string());
        assert_eq!(
            runs.to_string(),
            "container web ends again and again with exit code 137 (OOMKilled)"
        );
    }

    #[test]
    fn the_worst_comes_first_and_then_the_longest() {
        let unready = |pod, since| {
            let cause = Cause::Unready { container: "web".to_owned(), started: true, ended: None };
            trouble(pod, since, cause)
        };
        let image = Waits {
            container: "web".to_owned(),
            image: "shop/web:v9".to_owned(),
            reason: "ErrImagePull".to_owned(),
            ..Waits::default()
        };
        let creating = Waits { reason: "ContainerCreating".to_owned(), ..Waits::default() };
        let all = vec![
            trouble("e", "2026-01-01T00:00:00Z", Cause::Waits(creating)),
            unready("b", "2026-01-01T00:00:05Z"),
            unready("c", "2026-01-01T00:00:03Z"),
            trouble("d", "2026-01-01T00:00:09Z", Cause::Waits(image)),
        ];
        let worst = PodTrouble::worst(all, 3);
        let names: Vec<_> = worst.iter().map(|trouble| trouble.pod.as_str()).collect();
        assert_eq!(names, ["d", "c", "b"]);
        assert_eq!(
            worst.iter().map(ToString::to_string).next().unwrap_or_default(),
            "Pod d is not ready since 2026-01-01T00:00:09Z: container web cannot pull its image \
             shop/web:v9 (ImagePullBackOff)"
        );
    }

    #[test]
    fn a_message_is_one_line_and_not_too_long() {
        let cause = Cause::NoNode(format!("0/3 nodes\nare   available: {}", "x".repeat(300)));
        let text = cause.to_string();
        assert!(text.starts_with("no node takes it: 0/3 nodes are available: xxx"), "{text}");
        assert!(text.chars().count() < 240 && text.ends_with('…'), "{text}");
    }
}
