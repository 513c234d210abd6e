//! Updates that cannot come to anything (ours, opt-in; argo-rollouts#4128, #3765): pods that
//! crash-loop or cannot pull their image end them at once, and not at the deadline.

use chrono::TimeDelta;

use crate::names::FAIL_FAST;
use crate::plan::Wake;
use crate::pod_trouble::{PodTrouble, Waits};
use crate::quantity::Pods;
use crate::release::Release;
use crate::snapshot::{Need, Needs};
use crate::stage::{Entry, Stage};

/// Pods are looked at this often while they are waited for: nothing else tells of them.
const PAUSE: TimeDelta = TimeDelta::seconds(5);

/// Reasons to wait that more time does not end (kubelet's words).
const HOPELESS: [&str; 5] = [
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ErrInvalidImage",
];

/// What the new version's pods say.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// Why the release is to be aborted.
    pub(crate) cause: Option<String>,
    pub(crate) needs: Needs,
    pub(crate) wake: Wake,
}

pub(crate) fn look(release: &Release<'_>, entry: &Entry) -> Look {
    if !is_on(release) || !is_waited_for(release, entry) {
        return Look::default();
    }
    let wake = Wake::At(release.snapshot.now + PAUSE);
    let hash = release.new.hash();
    let needs = [Need::PodsInTrouble(hash.to_owned())].into();
    let pods = release.snapshot.facts.pods_in_trouble.get(hash);
    let waits = pods.into_iter().flatten().filter_map(|pod| Some((pod, pod.waits()?)));
    let hopeless = waits.into_iter().find(|(_, waits)| HOPELESS.contains(&waits.reason.as_str()));
    Look { cause: hopeless.map(|(pod, waits)| in_words(pod, waits)), needs, wake }
}

fn is_on(release: &Release<'_>) -> bool {
    match release.rollout.annotations.get(FAIL_FAST) {
        Some("true") => true,
        Some("false") => false,
        _ => release.snapshot.settings.fail_fast,
    }
}

/// Whether pods are to come of a version that can be given up.
fn is_waited_for(release: &Release<'_>, entry: &Entry) -> bool {
    let under_way = matches!(entry.stage, Stage::Stepping | Stage::Promoting);
    let new = release.new.record();
    under_way
        && release.stable.is_some()
        && new.is_some_and(|rs| rs.desired > Pods::ZERO && rs.available < rs.desired)
}

fn in_words(trouble: &PodTrouble, waits: &Waits) -> String {
    let Waits { container, reason, message, restarts, ended, .. } = waits;
    let mut words =
        format!("fail fast: container {container} of pod {} is in {reason}", trouble.pod);
    if *restarts > 0 {
        words = format!("{words} after {restarts} restarts");
    }
    let more = match ended {
        Some(ended) if ended.message.is_empty() => format!("exit code {}", ended.exit_code),
        Some(ended) => format!("exit code {}: {}", ended.exit_code, ended.message.trim()),
        None => message.clone(),
    };
    if more.is_empty() { words } else { format!("{words}: {more}") }
}
