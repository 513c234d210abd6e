//! Updates that cannot come to anything (ours, opt-in; argo-rollouts#4128, #3765): pods that
//! crash-loop or cannot pull their image end them at once, and not at the deadline.

use chrono::TimeDelta;

use crate::names::FAIL_FAST;
use crate::plan::Wake;
use crate::quantity::Pods;
use crate::release::Release;
use crate::snapshot::{Need, Needs, PodTrouble};
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
    let Some(pods) = &release.snapshot.facts.pods_in_trouble else {
        return Look { needs: [Need::PodsInTrouble].into(), wake, ..Look::default() };
    };
    let hopeless = pods.iter().find(|trouble| HOPELESS.contains(&trouble.reason.as_str()));
    Look { cause: hopeless.map(in_words), needs: Needs::new(), wake }
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
    // Pods are looked up by the hash in the status: until that is written, by another version's.
    let named = new.is_some_and(|rs| rs.hash == release.status().current_pod_hash);
    under_way
        && named
        && release.stable.is_some()
        && new.is_some_and(|rs| rs.desired > Pods::ZERO && rs.available < rs.desired)
}

fn in_words(trouble: &PodTrouble) -> String {
    let PodTrouble { pod, container, reason, message, restarts } = trouble;
    let mut words = format!("fail fast: container {container} of pod {pod} is in {reason}");
    if *restarts > 0 {
        words = format!("{words} after {restarts} restarts");
    }
    if !message.is_empty() {
        words = format!("{words}: {message}");
    }
    words
}
