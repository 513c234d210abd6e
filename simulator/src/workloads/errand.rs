//! What the pod of a Job does, read from its command as the stages of the real control plane read
//! it (`e2e/controlplane/stages/pod-run.yaml`, `pod-job-end.yaml`), so that a scenario means the
//! same on both.

use chrono::{DateTime, Utc};
use regex::Regex;
use serde_json::{Value, json};
use sluice_crd::duration::GoDuration;
use std::sync::LazyLock;
use std::time::Duration;

use crate::clock::rfc3339;

static SLEEP: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("sleep +([0-9.]+)([smh]?)").ok());
static EXIT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("exit +([1-9][0-9]*)").ok());

/// How long the containers of a Job's pod run, and how they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Errand {
    /// All `sleep N` of the first container's command and arguments together.
    pub(super) takes: Duration,
    /// The first `exit N` that is not `exit 0`; else 0.
    pub(super) exit_code: i64,
}

impl Errand {
    /// The errand of a pod that a Job owns; pods of others have none.
    pub(super) fn of(pod: &Value) -> Option<Errand> {
        let owners = pod["metadata"]["ownerReferences"].as_array();
        owners.into_iter().flatten().find(|owner| owner["kind"] == "Job")?;
        let container = &pod["spec"]["containers"][0];
        let words = ["command", "args"].into_iter().flat_map(|field| container[field].as_array());
        let words: Vec<&str> = words.flatten().filter_map(Value::as_str).collect();
        Some(Errand::read(&words.join(" ")))
    }

    fn read(command: &str) -> Errand {
        let sleeps = SLEEP.iter().flat_map(|sleep| sleep.captures_iter(command));
        let takes = sleeps.filter_map(|found| {
            let unit = if found[2].is_empty() { "s" } else { &found[2] };
            let length: GoDuration = format!("{}{unit}", &found[1]).parse().ok()?;
            u64::try_from(length.as_nanos()).ok().map(Duration::from_nanos)
        });
        let exit = EXIT.as_ref().and_then(|exit| exit.captures(command));
        Errand {
            takes: takes.sum(),
            exit_code: exit.and_then(|found| found[1].parse().ok()).unwrap_or(0),
        }
    }

    /// The status of the pod when it is over.
    pub(super) fn ended(self, pod: &Value, now: DateTime<Utc>) -> Value {
        let good = self.exit_code == 0;
        let at = rfc3339(now);
        let mut status = pod["status"].clone();
        status["phase"] = if good { "Succeeded" } else { "Failed" }.into();
        for condition in status["conditions"].as_array_mut().into_iter().flatten() {
            if condition["type"] == "Ready" || condition["type"] == "ContainersReady" {
                condition["status"] = "False".into();
                condition["reason"] = if good { "PodCompleted" } else { "PodFailed" }.into();
                condition["lastTransitionTime"] = at.as_str().into();
            }
        }
        for container in status["containerStatuses"].as_array_mut().into_iter().flatten() {
            let running = &container["state"]["running"]["startedAt"];
            let began = running.as_str().unwrap_or(&at).to_owned();
            container["ready"] = false.into();
            container["started"] = false.into();
            container["state"] = json!({"terminated": {
                "exitCode": self.exit_code,
                "reason": if good { "Completed" } else { "Error" },
                "startedAt": began,
                "finishedAt": at,
            }});
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn commands_say_how_long_and_how_it_ends() {
        for (command, millis, exit_code) in [
            ("", 0, 0),
            ("sh -c echo hello", 0, 0),
            ("sh -c sleep 2; exit 1", 2000, 1),
            ("sleep 1.5 && sleep 1m && exit 0", 61_500, 0),
            ("sleep  3s; test -f x || exit 42; exit 7", 3000, 42),
            ("sleep 1.2.3; sleep 1h", 3_600_000, 0),
        ] {
            let expected = Errand { takes: Duration::from_millis(millis), exit_code };
            assert_eq!(Errand::read(command), expected, "{command}");
        }
    }

    #[test]
    fn only_pods_of_jobs_have_one() {
        let pod = |kind: &str| {
            json!({
                "metadata": {"ownerReferences": [{"kind": kind, "controller": true}]},
                "spec": {"containers": [
                    {"command": ["sh", "-c"], "args": ["sleep 5; exit 3"]},
                    {"command": ["sleep 60"]},
                ]},
            })
        };
        let expected = Errand { takes: Duration::from_secs(5), exit_code: 3 };
        assert_eq!(Errand::of(&pod("Job")), Some(expected));
        assert_eq!(Errand::of(&pod("ReplicaSet")), None);
    }
}
