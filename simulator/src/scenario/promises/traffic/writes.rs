//! `writes`: what a `setWeight` step of a routed canary costs (issue 6).

use std::collections::BTreeMap;

use serde_json::Value;

use super::roles::Roles;
use crate::scenario::kind_of;
use crate::scenario::mirror::{Mirror, Seen};
use crate::scenario::promises::{Breach, Writer, name, named_services, rollout_of};
use crate::scenario::routers::read::WITH_WEIGHTS;

/// Counts the controller's writes of each step.
#[derive(Debug, Default)]
pub(super) struct Writes {
    most: Option<usize>,
    /// By Rollout, since it came to the step where it stands; none where somebody else has changed it
    /// meanwhile, or its beginning was not seen.
    since: BTreeMap<String, Option<Vec<String>>>,
}

impl Writes {
    pub(super) fn new(most: Option<usize>) -> Self {
        Self { most, ..Self::default() }
    }

    pub(super) fn look(
        &mut self,
        mirror: &Mirror,
        before: Option<&Value>,
        seen: &Seen,
        writer: Writer,
    ) -> Option<Breach> {
        let most = self.most?;
        let kind = kind_of(&seen.object);
        let rollout = concerned(mirror, &kind, &seen.object)?;
        let called = name(rollout).to_owned();
        let is_rollout = kind == "Rollout";
        if writer == Writer::User {
            self.since.insert(called, None);
            return None;
        }
        // Statuses of all but the Rollout are written by others.
        if !is_rollout
            && before.is_some_and(|before| without_status(before) == without_status(&seen.object))
        {
            return None;
        }
        let written = self.since.entry(called.clone()).or_default();
        if let Some(written) = written {
            written.push(format!("{kind} {}", name(&seen.object)));
        }
        let before = before.filter(|_| is_rollout)?;
        let (was, is) =
            (&before["status"]["currentStepIndex"], &rollout["status"]["currentStepIndex"]);
        if was == is {
            return None;
        }
        let step = was.as_u64().and_then(|at| usize::try_from(at).ok());
        let step = step.map(|at| &rollout["spec"]["strategy"]["canary"]["steps"][at]["setWeight"]);
        let done = written.replace(Vec::new());
        let done =
            done.filter(|done| step.is_some_and(|weight| !weight.is_null()) && done.len() > most)?;
        let what = format!(
            "step {was} of Rollout {called} cost {} writes, not {most}: {}",
            done.len(),
            done.join(", ")
        );
        Some(Breach { promise: "writes", what })
    }
}

/// The routed Rollout that a write is for.
fn concerned<'a>(mirror: &'a Mirror, kind: &str, object: &'a Value) -> Option<&'a Value> {
    let rollout = match kind {
        "Rollout" => Some(object),
        "ReplicaSet" => rollout_of(mirror, object),
        "Service" => mirror.all("Rollout").find(|rollout| {
            named_services(rollout).iter().any(|(_, service)| *service == name(object))
        }),
        "DestinationRule" | "VirtualNode" => routed(mirror).next(),
        kind if WITH_WEIGHTS.contains(&kind) => routed(mirror).next(),
        _ => None,
    };
    rollout.filter(|rollout| !Roles::of(rollout).is_empty())
}

fn routed(mirror: &Mirror) -> impl Iterator<Item = &Value> {
    mirror.all("Rollout").filter(|rollout| !Roles::of(rollout).is_empty())
}

fn without_status(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
        metadata.remove("managedFields");
    }
    object
}
