//! Which versions get which part of the requests.

use std::collections::BTreeMap;

use serde_json::Value;

use super::roles::Roles;
use crate::scenario::mirror::Mirror;
use crate::scenario::promises::availability::slack;
use crate::scenario::promises::{available, desired, hash, name};
use crate::scenario::routers::read::{Destination, WITH_WEIGHTS, splits};

/// Every rule of every router: `HTTPRoute web, rule 0`.
pub(super) type Shares = BTreeMap<String, To>;

/// So many of so many.
pub(super) type Share = (u64, u64);

/// Where the requests of a rule go.
#[derive(Clone, Debug, Default)]
pub(super) struct To {
    rule: Option<String>,
    /// The destinations as they are named.
    pub(super) weights: Vec<(String, u64)>,
    pub(super) led: Vec<Led>,
    /// Who gets copies, by name, with the ReplicaSets.
    pub(super) mirrored: Vec<(String, Vec<String>)>,
}

/// What leads to the same pods.
#[derive(Clone, Debug)]
pub(super) struct Led {
    /// The name of the destination, or of the first one.
    pub(super) name: String,
    /// The ReplicaSets that have pods there, or are asked for some.
    pub(super) sets: Vec<String>,
    pub(super) share: Share,
}

impl To {
    /// Whether it leads to one destination alone: how many requests it is about is not known.
    pub(super) fn sole(&self) -> bool {
        self.weights.len() < 2
    }

    /// What went to the same pods.
    pub(super) fn share_of(&self, led: &Led) -> Share {
        let same = self.led.iter().find(|old| match led.sets.is_empty() {
            true => old.name == led.name,
            false => old.sets == led.sets,
        });
        same.map_or((0, 1), |old| old.share)
    }

    pub(super) fn is_managed(&self, roles: &Roles) -> bool {
        self.rule.as_deref().is_some_and(|rule| roles.is_managed(rule))
    }
}

/// All that routers send anywhere.
pub(super) fn all(mirror: &Mirror) -> Shares {
    let mut out = Shares::new();
    for kind in WITH_WEIGHTS {
        for object in mirror.all(kind) {
            for split in splits(mirror, kind, object) {
                let rule = split.name.as_deref().unwrap_or(&split.at);
                let called = format!("{kind} {}, rule {rule}", name(object));
                let whole = split.whole().max(1);
                let mut to = To {
                    rule: split.name.clone(),
                    weights: split.to.iter().map(|(to, n)| (to.name.clone(), *n)).collect(),
                    ..To::default()
                };
                for (destination, weight) in &split.to {
                    let sets = sets(mirror, destination);
                    let known = to.led.iter_mut().find(|led| !sets.is_empty() && led.sets == sets);
                    match known {
                        Some(led) => {
                            // What gets nothing gives no name to what leads to the same pods.
                            if led.share.0 == 0 {
                                led.name.clone_from(&destination.name);
                            }
                            led.share.0 += weight;
                        }
                        None => to.led.push(Led {
                            name: destination.name.clone(),
                            sets,
                            share: (*weight, whole),
                        }),
                    }
                }
                let copies = split.mirrors.iter();
                to.mirrored = copies.map(|to| (to.name.clone(), sets(mirror, to))).collect();
                out.insert(called, to);
            }
        }
    }
    out
}

fn sets(mirror: &Mirror, destination: &Destination) -> Vec<String> {
    if destination.selector.is_empty() {
        return Vec::new();
    }
    let selected = |rs: &&Value| {
        let labels = &rs["spec"]["template"]["metadata"]["labels"];
        destination.selector.iter().all(|(key, value)| labels[key] == value.as_str())
    };
    let has_pods = |rs: &&Value| desired(rs) > 0 || available(rs) > 0;
    let found = mirror.all("ReplicaSet").filter(selected).filter(has_pods);
    found.map(|rs| name(rs).to_owned()).collect()
}

/// How many pods a version needs for what it gets.
pub(super) struct Need<'a> {
    pub(super) rollout: &'a Value,
    pub(super) sets: &'a [&'a Value],
    pub(super) share: Share,
    pub(super) sole: bool,
}

impl Need<'_> {
    pub(super) fn pods(&self) -> i64 {
        if self.share.0 == 0 {
            return 0;
        }
        // A version that a step has given its size has what its user wants.
        let is_new = self.sets.iter().any(|rs| Some(hash(rs)) == self.new_hash());
        let sized_by_step = is_new && self.set_canary_scale();
        if self.sole || sized_by_step {
            return 1;
        }
        let (share, whole) = (i128::from(self.share.0), i128::from(self.share.1));
        let pods = (share * i128::from(self.replicas()) + whole - 1) / whole;
        i64::try_from(pods).unwrap_or(i64::MAX)
    }

    /// How many of them have to be available before it gets that: of the new version what the user
    /// says is enough, of another as many as may be unavailable fewer, but one at least.
    pub(super) fn pods_available(&self) -> i64 {
        let need = self.pods();
        let canary = &self.rollout["spec"]["strategy"]["canary"];
        let is_new = self.sets.iter().any(|rs| Some(hash(rs)) == self.new_hash());
        let enough = match &canary["replicaProgressThreshold"] {
            threshold if is_new && threshold.is_object() => {
                let value = threshold["value"].as_i64().unwrap_or(100);
                match threshold["type"].as_str() {
                    Some("Pods") => need.min(value),
                    _ => (need * value + 99) / 100,
                }
            }
            _ if is_new => need,
            _ => need - slack(self.rollout, self.replicas()),
        };
        enough.max(need.min(1))
    }

    fn new_hash(&self) -> Option<&str> {
        let status = &self.rollout["status"];
        let new = status["currentPodHash"].as_str();
        new.filter(|new| status["stableRS"].as_str() != Some(new))
    }

    /// Whether the last `setCanaryScale` up to where it stands says a size.
    fn set_canary_scale(&self) -> bool {
        let status = &self.rollout["status"];
        let steps = &self.rollout["spec"]["strategy"]["canary"]["steps"];
        let steps = steps.as_array().map(Vec::as_slice).unwrap_or_default();
        let at = status["currentStepIndex"].as_u64().and_then(|at| usize::try_from(at).ok());
        let passed = steps.iter().take(at.unwrap_or(0).saturating_add(1));
        let last = passed.filter_map(|step| step.get("setCanaryScale")).next_back();
        last.is_some_and(|scale| !scale["replicas"].is_null() || !scale["weight"].is_null())
    }

    /// The replicas that the controller went by, or fewer where fewer are wanted by now.
    fn replicas(&self) -> i64 {
        let wanted = self.rollout["spec"]["replicas"].as_i64().unwrap_or(1);
        let noted = self.sets.iter().filter_map(|rs| {
            let note = &rs["metadata"]["annotations"]["rollout.argoproj.io/desired-replicas"];
            note.as_str().and_then(|note| note.parse().ok())
        });
        noted.min().unwrap_or(wanted).min(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn need(share: Share, sole: bool, steps: Value) -> i64 {
        let rollout = json!({
            "spec": {"replicas": 5, "strategy": {"canary": {"steps": steps}}},
            "status": {"currentPodHash": "b", "stableRS": "a", "currentStepIndex": 1},
        });
        let set = json!({"metadata": {"labels": {"rollouts-pod-template-hash": "b"},
            "annotations": {"rollout.argoproj.io/desired-replicas": "10"}}});
        Need { rollout: &rollout, sets: &[&set], share, sole }.pods()
    }

    #[test]
    fn pods_for_a_share() {
        let plain = json!([{"setWeight": 20}]);
        for (share, pods) in [((0, 100), 0), ((20, 100), 1), ((21, 100), 2), ((1, 1), 5)] {
            assert_eq!(need(share, false, plain.clone()), pods, "{share:?}");
        }
        assert_eq!(need((1, 1), true, plain), 1);
        assert_eq!(need((1, 1), false, json!([{"setCanaryScale": {"replicas": 1}}, {}])), 1);
        let matching = json!([{"setCanaryScale": {"replicas": 1}},
            {"setCanaryScale": {"matchTrafficWeight": true}}]);
        assert_eq!(need((1, 1), false, matching), 5);
    }
}
