//! The promises, watched from outside: an onlooker that reads only API objects and knows nothing of
//! how they came about (spec "Invariants", I1 to I6, I7, I8, I14, I16; I25, which is ours; what
//! GitOps tools show, `gitops`).
//!
//! It is shown every change in the order of the cluster's versions: on the simulator after every
//! write, on a real control plane from the watches of all kinds.

mod availability;
mod direction;
mod gitops;
mod identity;
mod routes;
mod scale;
mod silence;
mod there_and_back;
mod traffic;
mod verdicts;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::mirror::{Mirror, Seen};

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which: `I1`.
    pub promise: &'static str,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.what)
    }
}

/// Whose write a change came of. What a user decides by himself breaks no promise about verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// A user of the Rollout.
    User,
    /// The controller, or somebody else.
    Unknown,
}

/// The promises that an [`Onlooker`] watches: their numbers, and what they say in short.
pub const PROMISES: [(&str, &str); 15] = [
    ("I1", "no scaling leaves too few pods"),
    ("I2", "no Service selects a version without pods, and no weight leads to one"),
    ("I3", "no version is emptied while selected, or lacks pods for its weight"),
    ("I4", "no weight is more than the pods of a version carry"),
    ("I5", "no analysis step is passed without its verdict"),
    ("I6", "an abort leads back to stable"),
    ("I7", "an aborted version gains no pods"),
    ("I8", "nothing goes back and forth"),
    ("I14", "no two analyses for the same at a time"),
    ("I16", "stable changes by promotion only"),
    ("foreign", "what others own in the objects of routers stays as it is"),
    ("silence", "whoever stands still says since when and why"),
    ("ArgoCD", "Argo CD shows what is so, without flicker, and offers a way on"),
    ("kstatus", "kstatus says what Argo CD says"),
    ("Back", "what is left at rest is what Argo Rollouts expects to find"),
];

/// Watches the promises from outside, change by change, for who runs no scenario.
#[derive(Debug, Default)]
pub struct Onlooker {
    mirror: Mirror,
    watchman: Watchman,
    changes: usize,
}

impl Onlooker {
    /// Looks at a change; in the order of the cluster's versions.
    pub fn look(&mut self, seen: &Seen, writer: Writer) {
        if seen.object["kind"] == "Event" {
            return;
        }
        self.changes += 1;
        let before = self.mirror.take(seen);
        self.watchman.look(&self.mirror, before.as_ref(), seen, writer);
    }

    /// Looks at the cluster when all has come to rest.
    pub fn at_rest(&mut self) {
        self.watchman.at_rest(&self.mirror);
    }

    /// How many changes were looked at.
    pub fn changes(&self) -> usize {
        self.changes
    }

    /// What was broken so far.
    pub fn breaches(&self) -> &[Breach] {
        self.watchman.breaches()
    }
}

/// Watches the promises over one scenario.
#[derive(Debug, Default)]
pub(super) struct Watchman {
    directions: direction::Directions,
    verdicts: verdicts::Verdicts,
    shown: gitops::Shown,
    traffic: traffic::Traffic,
    exempt: BTreeMap<String, String>,
    breaches: Vec<Breach>,
}

impl Watchman {
    /// A watchman that looks away from what the scenario says it breaks.
    pub(super) fn new(exempt: BTreeMap<String, String>) -> Self {
        Self { exempt, ..Self::default() }
    }

    /// It also looks at what a `setWeight` step of a routed canary costs, if that has a limit.
    pub(super) fn counting(mut self, most: Option<usize>) -> Self {
        self.traffic = traffic::Traffic::new(most);
        self
    }

    /// Takes in what there is before it begins to look.
    pub(super) fn begin(&mut self, mirror: &Mirror) {
        self.traffic.begin(mirror);
    }

    /// Looks at a change: `mirror` shows the cluster after it, `before` the object before it.
    pub(super) fn look(
        &mut self,
        mirror: &Mirror,
        before: Option<&Value>,
        seen: &Seen,
        writer: Writer,
    ) {
        let mut found = self.traffic.look(mirror, before, seen, writer);
        match seen.object["kind"].as_str() {
            Some("ReplicaSet") => {
                let Some(rollout) = rollout_of(mirror, &seen.object) else {
                    return self.add(found);
                };
                found.extend(availability::floor(mirror, rollout, before, seen));
                found.extend(routes::drained(mirror, rollout, before, seen));
                found.extend(identity::no_resurrection(rollout, before, seen));
                found.extend(self.directions.scaled(rollout, before, seen));
            }
            Some("Service") => {
                found.extend(routes::capacity(mirror, before, seen));
                found.extend(self.directions.selected(mirror, before, seen));
            }
            Some("Rollout") if !seen.deleted => {
                found.extend(identity::stable(mirror, before, &seen.object));
                found.extend(self.verdicts.heeded(before, &seen.object, writer));
                found.extend(self.verdicts.verified(before, &seen.object, writer));
                found.extend(self.shown.look(mirror, before, &seen.object, writer));
                self.directions.rollout_changed(before, &seen.object);
            }
            Some("AnalysisRun") => found.extend(self.verdicts.one_lives(seen)),
            _ => {}
        }
        self.add(found);
    }

    /// Looks at the cluster when all has come to rest.
    pub(super) fn at_rest(&mut self, mirror: &Mirror) {
        let rollouts: Vec<Value> = mirror.all("Rollout").cloned().collect();
        for rollout in rollouts {
            let mut found = routes::aborted(mirror, &rollout);
            found.extend(traffic::aborted(mirror, &rollout));
            found.extend(silence::kept(&rollout));
            found.extend(there_and_back::look(mirror, &rollout));
            self.add(found);
        }
    }

    /// Looks at what the Rollouts say of themselves when all has come to rest, and nothing that is
    /// to be told waits any longer.
    pub(super) fn all_told(&mut self, mirror: &Mirror) {
        let found = mirror.all("Rollout").flat_map(|rollout| scale::truth(mirror, rollout));
        self.add(found.collect());
    }

    fn add(&mut self, found: Vec<Breach>) {
        let counts = found.into_iter().filter(|b| !self.exempt.contains_key(b.promise));
        self.breaches.extend(counts);
    }

    /// What was broken so far.
    pub(super) fn breaches(&self) -> &[Breach] {
        &self.breaches
    }
}

/// The Rollout that controls a ReplicaSet.
fn rollout_of<'a>(mirror: &'a Mirror, rs: &Value) -> Option<&'a Value> {
    let owners = rs["metadata"]["ownerReferences"].as_array()?;
    let uid = owners.iter().find(|o| o["kind"] == "Rollout" && o["controller"] == true)?;
    mirror.all("Rollout").find(|rollout| rollout["metadata"]["uid"] == uid["uid"])
}

fn hash(rs: &Value) -> &str {
    rs["metadata"]["labels"]["rollouts-pod-template-hash"].as_str().unwrap_or_default()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn desired(rs: &Value) -> i64 {
    rs["spec"]["replicas"].as_i64().unwrap_or(0)
}

fn available(rs: &Value) -> i64 {
    rs["status"]["availableReplicas"].as_i64().unwrap_or(0)
}

/// Pods that serve and that the ReplicaSet keeps.
fn serving(rs: &Value) -> i64 {
    available(rs).min(desired(rs))
}

/// The Services of a Rollout by role: the field of the strategy that names them.
fn named_services(rollout: &Value) -> Vec<(&'static str, &str)> {
    let strategy = &rollout["spec"]["strategy"];
    [
        ("canary", "stableService"),
        ("canary", "canaryService"),
        ("blueGreen", "activeService"),
        ("blueGreen", "previewService"),
    ]
    .into_iter()
    .filter_map(|(kind, field)| strategy[kind][field].as_str().map(|name| (field, name)))
    .filter(|(_, name)| !name.is_empty())
    .collect()
}

/// The version that clients of a blue-green Rollout use.
fn active_hash<'a>(mirror: &'a Mirror, rollout: &Value) -> Option<&'a str> {
    let service = rollout["spec"]["strategy"]["blueGreen"]["activeService"].as_str()?;
    mirror.get("Service", service).and_then(selected_hash)
}

fn selected_hash(service: &Value) -> Option<&str> {
    service["spec"]["selector"]["rollouts-pod-template-hash"].as_str()
}
