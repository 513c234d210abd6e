//! I5: no analysis step is passed without the verdict of its run. I14: there is at most one live
//! AnalysisRun for one purpose.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Breach, Writer, hash, name};
use crate::scenario::expect::revision;
use crate::scenario::mirror::Seen;

/// What is known of the AnalysisRuns of Rollouts, also of those that are gone.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    runs: BTreeMap<String, Run>,
}

#[derive(Debug)]
struct Run {
    purpose: Purpose,
    hash: String,
    successful: bool,
    live: bool,
}

/// What a run is for.
#[derive(Debug, PartialEq, Eq)]
struct Purpose {
    rollout_uid: String,
    revision: String,
    /// `Step`, `Background`, `PrePromotion`, `PostPromotion`.
    kind: String,
    step: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Run {
    /// A run that a Rollout controls; others are nobody's business here.
    fn of(seen: &Seen) -> Option<Run> {
        let object = &seen.object;
        let owners = object["metadata"]["ownerReferences"].as_array()?;
        let owner = owners.iter().find(|o| o["kind"] == "Rollout" && o["controller"] == true)?;
        let labels = &object["metadata"]["labels"];
        let phase = object["status"]["phase"].as_str().unwrap_or_default();
        let over = matches!(phase, "Successful" | "Failed" | "Error" | "Inconclusive");
        let ends = seen.deleted
            || object["spec"]["terminate"] == true
            || !object["metadata"]["deletionTimestamp"].is_null();
        Some(Run {
            purpose: Purpose {
                rollout_uid: text(&owner["uid"]),
                revision: revision(object),
                kind: text(&labels["rollout-type"]),
                step: text(&labels["step-index"]),
            },
            hash: hash(object).to_owned(),
            successful: phase == "Successful",
            live: !over && !ends,
        })
    }
}

impl Verdicts {
    /// I14: looks at an AnalysisRun.
    pub(super) fn one_lives(&mut self, seen: &Seen) -> Option<Breach> {
        let run = Run::of(seen)?;
        let name = name(&seen.object).to_owned();
        let is_rival = |(other, rival): &(&String, &Run)| {
            **other != name && rival.live && rival.purpose == run.purpose
        };
        let rival = self.runs.iter().find(is_rival).filter(|_| run.live);
        let breach = rival.map(|(other, _)| Breach {
            promise: "I14",
            what: format!("AnalysisRun {name} lives while {other} does, which is for the same"),
        });
        self.runs.insert(name, run);
        breach
    }

    /// I5: looks at a Rollout whose step or stable version changes. A user may pass a step, by
    /// `currentStepIndex` or by `promoteFull`.
    pub(super) fn heeded(
        &self,
        before: Option<&Value>,
        rollout: &Value,
        writer: Writer,
    ) -> Vec<Breach> {
        let Some(before) = before.filter(|_| writer != Writer::User) else { return Vec::new() };
        let (was, is) = (&before["status"], &rollout["status"]);
        let stable = was["stableRS"].as_str().unwrap_or_default();
        // The first version takes no steps, nor does the stable one when it comes back.
        let no_steps = stable.is_empty() || is["currentPodHash"] == stable;
        if no_steps || was["promoteFull"] == true || is["promoteFull"] == true {
            return Vec::new();
        }
        let index = |status: &Value| {
            status["currentStepIndex"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
        };
        let same = ["currentPodHash", "currentStepHash"].iter().all(|f| was[*f] == is[*f]);
        let from = if same { index(was) } else { 0 };
        let promoted = is["stableRS"] != stable;
        let steps = rollout["spec"]["strategy"]["canary"]["steps"].as_array();
        let to = if promoted { usize::MAX } else { index(is) };
        let passed = steps.into_iter().flatten().enumerate().take(to).skip(from);
        let unproven = passed.filter(|(number, step)| {
            !step["analysis"].is_null() && !self.says_yes(*number, before, rollout)
        });
        let say = |(number, _): (usize, &Value)| Breach {
            promise: "I5",
            what: format!(
                "Rollout {} passes step {number} without a successful run that its status names",
                name(rollout)
            ),
        };
        unproven.map(say).collect()
    }

    /// I5 of blue-green: nothing becomes stable without the runs before and after the switch.
    pub(super) fn verified(
        &self,
        before: Option<&Value>,
        rollout: &Value,
        writer: Writer,
    ) -> Vec<Breach> {
        let Some(before) = before.filter(|_| writer != Writer::User) else { return Vec::new() };
        let (was, is) = (&before["status"], &rollout["status"]);
        let stable = was["stableRS"].as_str().unwrap_or_default();
        let unasked = stable.is_empty() || is["stableRS"] == stable;
        if unasked || was["promoteFull"] == true || is["promoteFull"] == true {
            return Vec::new();
        }
        let strategy = &rollout["spec"]["strategy"]["blueGreen"];
        let due =
            [("prePromotionAnalysis", "PrePromotion"), ("postPromotionAnalysis", "PostPromotion")];
        let due = due.into_iter().filter(|(field, _)| !strategy[*field].is_null());
        let proven = |kind: &str| {
            let purpose = Purpose {
                rollout_uid: text(&rollout["metadata"]["uid"]),
                revision: revision(rollout),
                kind: kind.to_owned(),
                step: String::new(),
            };
            self.runs.values().any(|run| run.successful && run.purpose == purpose)
        };
        due.filter(|(_, kind)| !proven(kind))
            .map(|(field, _)| Breach {
                promise: "I5",
                what: format!(
                    "Rollout {} is promoted without a successful run of its {field}",
                    name(rollout)
                ),
            })
            .collect()
    }

    /// Whether the run that the status names, before or after, is for this step and successful.
    fn says_yes(&self, step: usize, before: &Value, rollout: &Value) -> bool {
        let named = [before, rollout].into_iter().filter_map(|state| {
            let run = &state["status"]["canary"]["currentStepAnalysisRunStatus"]["name"];
            self.runs.get(run.as_str()?)
        });
        let purpose = Purpose {
            rollout_uid: text(&rollout["metadata"]["uid"]),
            revision: revision(rollout),
            kind: "Step".to_owned(),
            step: step.to_string(),
        };
        let current = rollout["status"]["currentPodHash"].as_str();
        named.into_iter().any(|run| {
            run.successful && run.purpose == purpose && current == Some(run.hash.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Onlooker, Writer};
    use super::*;
    use serde_json::json;

    /// A canary of revision 2 with an analysis at step 1, at this step; what its status names.
    fn rollout(step: u64, named: Option<&str>, status: Value) -> Value {
        let mut rollout = json!({
            "kind": "Rollout",
            "metadata": {"name": "web", "uid": "r",
                "annotations": {"rollout.argoproj.io/revision": "2"}},
            "spec": {"replicas": 0, "strategy": {"canary": {"steps": [
                {"setWeight": 20}, {"analysis": {"templates": []}}, {"setWeight": 50}]}}},
            "status": {"currentPodHash": "new", "stableRS": "old", "currentStepHash": "h",
                "currentStepIndex": step},
        });
        if let Some(name) = named {
            rollout["status"]["canary"] = json!({"currentStepAnalysisRunStatus": {"name": name}});
        }
        for (key, value) in status.as_object().into_iter().flatten() {
            rollout["status"][key] = value.clone();
        }
        rollout
    }

    fn run(name: &str, phase: &str) -> Value {
        json!({
            "kind": "AnalysisRun",
            "metadata": {
                "name": name,
                "labels": {"rollouts-pod-template-hash": "new", "rollout-type": "Step",
                    "step-index": "1"},
                "annotations": {"rollout.argoproj.io/revision": "2"},
                "ownerReferences": [{"kind": "Rollout", "uid": "r", "controller": true}],
            },
            "spec": {},
            "status": {"phase": phase},
        })
    }

    fn gone(object: Value) -> Seen {
        Seen { object, deleted: true }
    }

    /// The promises that a sequence of changes breaks.
    fn broken(changes: impl IntoIterator<Item = (Value, Writer)>) -> Vec<&'static str> {
        let mut onlooker = Onlooker::default();
        for (object, writer) in changes {
            onlooker.look(&Seen { object, deleted: false }, writer);
        }
        // These objects have no conditions, which is another matter.
        let broken = onlooker.breaches().iter().map(|breach| breach.promise);
        broken.filter(|promise| *promise != "kstatus").collect()
    }

    fn by_controller<const N: usize>(objects: [Value; N]) -> Vec<&'static str> {
        broken(objects.map(|object| (object, Writer::Unknown)))
    }

    #[test]
    fn i5_a_step_is_passed_by_its_successful_run() {
        let name = "web-new-2-1";
        let none = json!({});
        let good = [
            rollout(1, Some(name), none.clone()),
            run(name, "Running"),
            run(name, "Successful"),
            rollout(2, None, none.clone()),
            rollout(3, None, none.clone()),
            rollout(3, None, json!({"stableRS": "new"})),
        ];
        assert_eq!(by_controller(good), [] as [&str; 0]);
        for phase in ["", "Running", "Failed", "Error", "Inconclusive"] {
            let passed = [
                rollout(1, Some(name), none.clone()),
                run(name, phase),
                rollout(2, None, json!({})),
            ];
            assert_eq!(by_controller(passed), ["I5"], "{phase}");
        }
        let unnamed =
            [rollout(1, None, none.clone()), run(name, "Successful"), rollout(2, None, none)];
        assert_eq!(by_controller(unnamed), ["I5"]);
    }

    #[test]
    fn i5_the_run_has_to_be_for_this_step_and_revision() {
        let name = "web-new-2-1";
        for (pointer, other) in [
            ("/metadata/labels/step-index", "0"),
            ("/metadata/labels/rollout-type", "Background"),
            ("/metadata/labels/rollouts-pod-template-hash", "old"),
            ("/metadata/annotations/rollout.argoproj.io~1revision", "1"),
            ("/metadata/ownerReferences/0/uid", "other"),
        ] {
            let mut of_another = run(name, "Successful");
            *of_another.pointer_mut(pointer).unwrap() = other.into();
            let passed =
                [rollout(1, Some(name), json!({})), of_another, rollout(2, None, json!({}))];
            assert_eq!(by_controller(passed), ["I5"], "{pointer}");
        }
    }

    #[test]
    fn i5_no_step_is_jumped_over_and_nothing_is_promoted_before() {
        let none = json!({});
        let jumped = [rollout(0, None, none.clone()), rollout(3, None, none.clone())];
        assert_eq!(by_controller(jumped), ["I5"]);
        let promoted =
            [rollout(1, None, none.clone()), rollout(3, None, json!({"stableRS": "new"}))];
        assert!(by_controller(promoted).contains(&"I5"));
        let before_the_step = [
            rollout(0, None, none.clone()),
            rollout(1, None, none.clone()),
            rollout(0, None, none),
        ];
        assert_eq!(by_controller(before_the_step), [] as [&str; 0]);
    }

    #[test]
    fn i5_users_may_pass_steps() {
        let none = json!({});
        let skipped = [
            (rollout(1, None, none.clone()), Writer::Unknown),
            (rollout(2, None, none.clone()), Writer::User),
            (rollout(3, None, none.clone()), Writer::Unknown),
        ];
        assert_eq!(broken(skipped), [] as [&str; 0]);
        let full = json!({"promoteFull": true});
        let promoted = [
            rollout(1, None, none.clone()),
            rollout(1, None, full),
            rollout(3, None, json!({"stableRS": "new"})),
        ];
        assert!(!by_controller(promoted).contains(&"I5"));
        let back = [
            rollout(1, None, none.clone()),
            rollout(3, None, json!({"currentPodHash": "old", "stableRS": "old"})),
        ];
        assert_eq!(by_controller(back), [] as [&str; 0]);
        let first = [
            rollout(0, None, json!({"stableRS": ""})),
            rollout(3, None, json!({"stableRS": "new"})),
        ];
        assert!(!by_controller(first).contains(&"I5"));
    }

    #[test]
    fn i5_a_verdict_outlives_its_run() {
        let name = "web-new-2-1";
        let mut onlooker = Onlooker::default();
        for (object, deleted) in [
            (rollout(1, Some(name), json!({})), false),
            (run(name, "Successful"), false),
            (run(name, "Successful"), true),
            (rollout(2, None, json!({})), false),
        ] {
            onlooker.look(&Seen { object, deleted }, Writer::Unknown);
        }
        assert!(!onlooker.breaches().iter().any(|breach| breach.promise == "I5"));
    }

    #[test]
    fn i14_a_second_live_run_for_the_same_is_caught() {
        let two = [run("web-new-2-1", "Running"), run("web-new-2-1.1", "")];
        assert_eq!(by_controller(two), ["I14"]);
        for over in ["Successful", "Failed", "Error", "Inconclusive"] {
            let one_after_the_other = [run("web-new-2-1", over), run("web-new-2-1.1", "Running")];
            assert_eq!(by_controller(one_after_the_other), [] as [&str; 0], "{over}");
        }
        let mut terminating = run("web-new-2-1", "Running");
        terminating["spec"]["terminate"] = true.into();
        assert_eq!(by_controller([terminating, run("web-new-2-1.1", "")]), [] as [&str; 0]);
        let mut going = run("web-new-2-1", "Running");
        going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        assert_eq!(by_controller([going, run("web-new-2-1.1", "")]), [] as [&str; 0]);
    }

    #[test]
    fn i14_runs_for_something_else_may_live_beside() {
        for (pointer, other) in [
            ("/metadata/labels/step-index", "2"),
            ("/metadata/labels/rollout-type", "Background"),
            ("/metadata/annotations/rollout.argoproj.io~1revision", "3"),
            ("/metadata/ownerReferences/0/uid", "other"),
        ] {
            let mut beside = run("web-new-2-1.1", "Running");
            *beside.pointer_mut(pointer).unwrap() = other.into();
            let two = [run("web-new-2-1", "Running"), beside];
            assert_eq!(by_controller(two), [] as [&str; 0], "{pointer}");
        }
        let mut verdicts = Verdicts::default();
        let first = run("web-new-2-1", "Running");
        assert_eq!(verdicts.one_lives(&Seen { object: first.clone(), deleted: false }), None);
        assert_eq!(verdicts.one_lives(&gone(first)), None);
        let next = Seen { object: run("web-new-2-1.1", "Running"), deleted: false };
        assert_eq!(verdicts.one_lives(&next), None, "the first one is gone");
    }
}
