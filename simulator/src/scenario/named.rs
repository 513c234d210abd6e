//! How scenarios call what has a hash or a uid in its name: `web#2` is the ReplicaSet of revision 2
//! of Rollout `web`, `web#2/step-1` the AnalysisRun of its step with index 1, `web#2/step-1.1` the
//! next one for the same, `web#2/step-1/smoke.1` its first Job for the metric `smoke`. A pod goes by
//! its version, `web#2`; what is of a Deployment begins with `deployment/`; an EndpointSlice is called
//! as its Service.

use std::collections::BTreeSet;

use serde_json::Value;

use super::expect::revision;
use super::mirror::Mirror;

/// The annotation with the revision of a Deployment's ReplicaSet.
const DEPLOYMENT_REVISION: &str = "deployment.kubernetes.io/revision";
/// The longest name that a Job is given.
const JOB_NAME_MAX: usize = 63;

/// A name as objects have it; the name itself where it is one, or where nothing is called so.
pub(super) fn resolve(mirror: &Mirror, kind: &str, name: &str) -> String {
    let found = match kind {
        "ReplicaSet" => replica_set(mirror, name),
        "AnalysisRun" => run(mirror, name),
        "Job" => job(mirror, name),
        "Pod" => pods(mirror, name).into_iter().next(),
        "EndpointSlice" => slices(mirror, name).next(),
        _ => None,
    };
    found.and_then(|object| object["metadata"]["name"].as_str()).unwrap_or(name).to_owned()
}

/// The ReplicaSet of a version.
pub(super) fn replica_set<'a>(mirror: &'a Mirror, name: &str) -> Option<&'a Value> {
    let Some((rollout, number)) = name.split_once('#') else {
        return mirror.get("ReplicaSet", name);
    };
    let (kind, name) = workload(rollout);
    let owner = mirror.get(kind, name)?;
    mirror.replica_sets_of(owner).into_iter().find(|rs| match kind {
        "Deployment" => rs["metadata"]["annotations"][DEPLOYMENT_REVISION] == number,
        _ => revision(rs) == number,
    })
}

/// Kind and name of a workload: a Rollout unless it says `deployment/`.
pub(super) fn workload(called: &str) -> (&'static str, &str) {
    match called.strip_prefix("deployment/") {
        Some(name) => ("Deployment", name),
        None => ("Rollout", called),
    }
}

/// The pods of a version that are not going, in name order.
pub(super) fn pods<'a>(mirror: &'a Mirror, version: &str) -> Vec<&'a Value> {
    let Some(set) = replica_set(mirror, version) else { return Vec::new() };
    let mut pods = mirror.pods_of(set);
    pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    pods
}

/// The EndpointSlices of a Service.
fn slices<'a>(mirror: &'a Mirror, service: &'a str) -> impl Iterator<Item = &'a Value> {
    mirror
        .all("EndpointSlice")
        .filter(move |slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == service)
}

/// The uids of the pods that are ready endpoints of a Service.
pub(super) fn ready_endpoints<'a>(mirror: &'a Mirror, service: &'a str) -> BTreeSet<&'a str> {
    slices(mirror, service)
        .flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten())
        .filter(|endpoint| endpoint["conditions"]["ready"] == true)
        .filter_map(|endpoint| endpoint["targetRef"]["uid"].as_str())
        .collect()
}

/// An AnalysisRun.
pub(super) fn run<'a>(mirror: &'a Mirror, name: &str) -> Option<&'a Value> {
    let Some(called) = Called::read(name).filter(|called| called.purpose.is_some()) else {
        return mirror.get("AnalysisRun", name);
    };
    mirror.all("AnalysisRun").find(|run| called.means(run) && called.suffix == suffix(run))
}

/// The AnalysisRuns of a Rollout, of a revision, or for one purpose.
pub(super) fn runs<'a>(mirror: &'a Mirror, name: &str) -> Vec<&'a Value> {
    let called = Called::read(name).unwrap_or(Called { rollout: name, ..Called::default() });
    mirror.all("AnalysisRun").filter(|run| called.means(run)).collect()
}

fn job<'a>(mirror: &'a Mirror, name: &str) -> Option<&'a Value> {
    let Some((of, part)) = name.rsplit_once('/') else { return mirror.get("Job", name) };
    let uid = run(mirror, of)?["metadata"]["uid"].as_str()?;
    let name: String = format!("{uid}.{part}").chars().take(JOB_NAME_MAX).collect();
    mirror.get("Job", &name)
}

/// The Jobs of an AnalysisRun for one metric.
pub(super) fn jobs<'a>(mirror: &'a Mirror, run: &Value, metric: &str) -> Vec<&'a Value> {
    let metadata = |job: &'a Value| &job["metadata"];
    let jobs = mirror.all("Job").filter(|job| {
        metadata(job)["labels"]["analysisrun.argoproj.io/uid"] == run["metadata"]["uid"]
            && metadata(job)["annotations"]["analysisrun.argoproj.io/metric-name"] == metric
    });
    jobs.collect()
}

/// What an AnalysisRun is for, as its labels say: `rollout-type`, and `step-index` of steps.
type Purpose<'a> = (&'static str, Option<&'a str>);

/// `web#2/step-1.1`, in its parts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Called<'a> {
    rollout: &'a str,
    revision: Option<&'a str>,
    purpose: Option<Purpose<'a>>,
    /// `.1`, `.2` of those that came later for the same.
    suffix: Option<&'a str>,
}

impl<'a> Called<'a> {
    fn read(name: &'a str) -> Option<Self> {
        let (rollout, rest) = name.split_once('#')?;
        let (revision, purpose) = match rest.split_once('/') {
            Some((revision, purpose)) => (revision, Some(purpose)),
            None => (rest, None),
        };
        let (purpose, suffix) = match purpose.and_then(|purpose| purpose.split_once('.')) {
            Some((purpose, suffix)) => (Some(purpose), Some(suffix)),
            None => (purpose, None),
        };
        let purpose = match purpose {
            None => None,
            Some("background") => Some(("Background", None)),
            Some("pre") => Some(("PrePromotion", None)),
            Some("post") => Some(("PostPromotion", None)),
            Some(step) => Some(("Step", Some(step.strip_prefix("step-")?))),
        };
        Some(Self { rollout, revision: Some(revision), purpose, suffix })
    }

    fn means(&self, run: &Value) -> bool {
        let metadata = &run["metadata"];
        let owners = metadata["ownerReferences"].as_array();
        let owned = owners
            .into_iter()
            .flatten()
            .any(|owner| owner["kind"] == "Rollout" && owner["name"] == self.rollout);
        let of_revision = self.revision.is_none_or(|revision| self::revision(run) == revision);
        let labels = &metadata["labels"];
        let for_it = self.purpose.is_none_or(|(kind, step)| {
            labels["rollout-type"] == kind && labels["step-index"].as_str() == step
        });
        owned && of_revision && for_it
    }
}

/// What distinguishes a run from the first one for the same: a number after the last dot, where all
/// before it is the name that the first one has.
fn suffix(run: &Value) -> Option<&str> {
    let metadata = &run["metadata"];
    let hash = metadata["labels"]["rollouts-pod-template-hash"].as_str()?;
    let (_, rest) = metadata["name"].as_str()?.rsplit_once(&format!("-{hash}-"))?;
    rest.split_once('.').map(|(_, suffix)| suffix)
}

#[cfg(test)]
mod tests {
    use super::super::mirror::Seen;
    use super::*;
    use serde_json::json;

    fn owned(kind: &str, name: &str, owner: (&str, &str), metadata: Value) -> Value {
        let mut object = json!({"kind": kind, "metadata": metadata});
        object["metadata"]["name"] = name.into();
        object["metadata"]["uid"] = format!("uid-of-{name}").into();
        object["metadata"]["ownerReferences"] = json!([{"kind": owner.0, "name": owner.1,
            "uid": format!("uid-of-{}", owner.1), "controller": true}]);
        object
    }

    fn a_run(name: &str, revision: &str, kind: &str, step: Option<&str>) -> Value {
        let mut labels = json!({"rollouts-pod-template-hash": "abc", "rollout-type": kind});
        if let Some(step) = step {
            labels["step-index"] = step.into();
        }
        let annotations = json!({"rollout.argoproj.io/revision": revision});
        let metadata = json!({"labels": labels, "annotations": annotations});
        owned("AnalysisRun", name, ("Rollout", "my.web"), metadata)
    }

    fn mirror() -> Mirror {
        let mut mirror = Mirror::default();
        let metadata = json!({"annotations": {"rollout.argoproj.io/revision": "2"}});
        let job = json!({
            "labels": {"analysisrun.argoproj.io/uid": "uid-of-my.web-abc-2-1"},
            "annotations": {"analysisrun.argoproj.io/metric-name": "smoke"},
        });
        for object in [
            json!({"kind": "Rollout", "metadata": {"name": "my.web", "uid": "uid-of-my.web"}}),
            owned("ReplicaSet", "my.web-abc", ("Rollout", "my.web"), metadata),
            a_run("my.web-abc-2", "2", "Background", None),
            a_run("my.web-abc-2-1", "2", "Step", Some("1")),
            a_run("my.web-abc-2-1.1", "2", "Step", Some("1")),
            a_run("my.web-abc-2-11", "2", "Step", Some("11")),
            a_run("my.web-abc-3-pre", "3", "PrePromotion", None),
            json!({"kind": "AnalysisRun", "metadata": {"name": "smoke", "uid": "u"}}),
            owned("Job", "uid-of-my.web-abc-2-1.smoke.1", ("AnalysisRun", "my.web-abc-2-1"), job),
            json!({"kind": "Job", "metadata": {"name": "u.smoke.2"}}),
            owned("Pod", "my.web-abc-1", ("ReplicaSet", "my.web-abc"), json!({})),
            owned(
                "Pod",
                "my.web-abc-0",
                ("ReplicaSet", "my.web-abc"),
                json!({"deletionTimestamp": "x"}),
            ),
            json!({"kind": "Deployment", "metadata": {"name": "my.web", "uid": "uid-of-d"}}),
            json!({"kind": "ReplicaSet", "metadata": {"name": "my.web-def",
                "annotations": {"deployment.kubernetes.io/revision": "2"},
                "ownerReferences": [{"kind": "Deployment", "uid": "uid-of-d", "controller": true}]}}),
            json!({"kind": "EndpointSlice", "metadata": {"name": "web-xyz",
                "labels": {"kubernetes.io/service-name": "web"}},
                "endpoints": [
                    {"conditions": {"ready": true}, "targetRef": {"uid": "a"}},
                    {"conditions": {"ready": false}, "targetRef": {"uid": "b"}}]}),
        ] {
            mirror.take(&Seen { object, deleted: false });
        }
        mirror
    }

    #[test]
    fn names_are_found() {
        let mirror = mirror();
        for (kind, called, name) in [
            ("ReplicaSet", "my.web#2", "my.web-abc"),
            ("AnalysisRun", "my.web#2/background", "my.web-abc-2"),
            ("AnalysisRun", "my.web#2/step-1", "my.web-abc-2-1"),
            ("AnalysisRun", "my.web#2/step-1.1", "my.web-abc-2-1.1"),
            ("AnalysisRun", "my.web#2/step-11", "my.web-abc-2-11"),
            ("AnalysisRun", "my.web#3/pre", "my.web-abc-3-pre"),
            ("AnalysisRun", "smoke", "smoke"),
            ("Job", "my.web#2/step-1/smoke.1", "uid-of-my.web-abc-2-1.smoke.1"),
            ("Job", "smoke/smoke.2", "u.smoke.2"),
            ("Service", "my.web", "my.web"),
            ("Pod", "my.web#2", "my.web-abc-1"),
            ("ReplicaSet", "deployment/my.web#2", "my.web-def"),
            ("EndpointSlice", "web", "web-xyz"),
            ("EndpointSlice", "other", "other"),
            // Nothing is called so.
            ("ReplicaSet", "my.web#3", "my.web#3"),
            ("AnalysisRun", "my.web#2/step-2", "my.web#2/step-2"),
            ("AnalysisRun", "my.web#2/step-1.2", "my.web#2/step-1.2"),
            ("AnalysisRun", "my.web#2/later", "my.web#2/later"),
        ] {
            assert_eq!(resolve(&mirror, kind, called), name, "{kind} {called}");
        }
    }

    #[test]
    fn endpoints_that_are_ready() {
        let mirror = mirror();
        assert_eq!(ready_endpoints(&mirror, "web").into_iter().collect::<Vec<_>>(), ["a"]);
        assert!(ready_endpoints(&mirror, "other").is_empty());
    }

    #[test]
    fn runs_and_jobs_are_counted() {
        let mirror = mirror();
        for (called, count) in
            [("my.web", 5), ("my.web#2", 4), ("my.web#2/step-1", 2), ("my.web#3", 1), ("web", 0)]
        {
            assert_eq!(runs(&mirror, called).len(), count, "{called}");
        }
        let run = run(&mirror, "my.web#2/step-1").unwrap();
        assert_eq!(jobs(&mirror, run, "smoke").len(), 1);
        assert_eq!(jobs(&mirror, run, "other").len(), 0);
    }
}
