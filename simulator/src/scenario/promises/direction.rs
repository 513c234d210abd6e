//! I8: with the same inputs, nothing goes back and forth.
//!
//! Within one epoch of a Rollout (its inputs and its step as they are) a number of pods may turn
//! once: from the way to this step to the way to the next one, which is scaled before the step is
//! written down. A second turn is an oscillation. A Service may be switched at most twice.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Breach, desired, name, named_services, selected_hash};
use crate::scenario::mirror::{Mirror, Seen};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

#[derive(Debug, Default)]
struct Course {
    way: Option<Way>,
    turns: usize,
}

/// How often a Service was switched, and to what at last.
#[derive(Debug, Default)]
struct Switched {
    to: String,
    times: usize,
}

/// The courses of all objects in the present epochs.
#[derive(Debug, Default)]
pub(super) struct Directions {
    epochs: BTreeMap<String, Value>,
    pods: BTreeMap<String, BTreeMap<String, Course>>,
    switches: BTreeMap<String, BTreeMap<String, Switched>>,
}

impl Directions {
    /// A Rollout has changed: where its inputs have, a new epoch begins.
    pub(super) fn rollout_changed(&mut self, before: Option<&Value>, rollout: &Value) {
        let epoch = epoch(rollout);
        if before.is_none_or(|before| self::epoch(before) != epoch) {
            let name = name(rollout).to_owned();
            self.pods.remove(&name);
            self.switches.remove(&name);
            self.epochs.insert(name, epoch);
        }
    }

    /// A ReplicaSet was scaled.
    pub(super) fn scaled(
        &mut self,
        rollout: &Value,
        before: Option<&Value>,
        seen: &Seen,
    ) -> Option<Breach> {
        let before = before?;
        let (was, is) = (desired(before), desired(&seen.object));
        if was == is || seen.deleted {
            return None;
        }
        let way = if is > was { Way::Up } else { Way::Down };
        let courses = self.pods.entry(name(rollout).to_owned()).or_default();
        let course = courses.entry(name(before).to_owned()).or_default();
        if course.way.is_some_and(|before| before != way) {
            course.turns += 1;
        }
        course.way = Some(way);
        (course.turns > 1).then(|| Breach {
            promise: "I8",
            what: format!(
                "ReplicaSet {} goes back and forth: now from {was} to {is} pods",
                name(before)
            ),
        })
    }

    /// A Service was changed.
    pub(super) fn selected(
        &mut self,
        mirror: &Mirror,
        before: Option<&Value>,
        seen: &Seen,
    ) -> Option<Breach> {
        // A hash that is taken away is somebody else's doing, or a Service that is let go.
        let selected = selected_hash(&seen.object).filter(|_| !seen.deleted)?;
        if before.and_then(selected_hash) == Some(selected) {
            return None;
        }
        let service = name(&seen.object);
        let rollout = mirror
            .all("Rollout")
            .find(|r| named_services(r).iter().any(|(_, named)| *named == service))?;
        let switches = self.switches.entry(name(rollout).to_owned()).or_default();
        let switched = switches.entry(service.to_owned()).or_default();
        // What somebody takes away and the controller puts back is switched to nothing else.
        if switched.to != selected {
            selected.clone_into(&mut switched.to);
            switched.times += 1;
        }
        (switched.times > 2).then(|| Breach {
            promise: "I8",
            what: format!("Service {service} is switched back and forth"),
        })
    }
}

/// All that may rightly change the course.
fn epoch(rollout: &Value) -> Value {
    let status = &rollout["status"];
    json!([
        rollout["metadata"]["generation"],
        status["currentStepIndex"],
        status["currentPodHash"],
        status["stableRS"],
        status["abort"],
        status["promoteFull"],
    ])
}
