//! The fields that are ours in objects of others, and what is done where somebody takes them back.
//!
//! A GitOps tool that heals what it finds otherwise than in Git may take such a field back again and
//! again. It is set again each time, at once at first, then after a pause that grows, and told once.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sluice_crd::time::Time;

use crate::names::{HASH_LABEL, MANAGED_BY};
use crate::plan::{Action, Wake};
use crate::reason::Reason;
use crate::snapshot::Snapshot;
use crate::traffic::objects::RouteKind;
use crate::transition::{Transition, reasons};

/// A write of ours is forgotten after so long: what is taken back later is another matter.
const FORGET: TimeDelta = TimeDelta::minutes(10);

/// The longest pause before a field is set again, in seconds.
const LONGEST_PAUSE: i64 = 30;

/// The same for a Service: as long as it lacks its selector, its clients meet all versions.
const LONGEST_PAUSE_OF_A_SERVICE: i64 = 1;

/// A field of an object that is somebody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnField {
    /// The object, for people: `Service web-stable`.
    pub object: String,
    /// Where it is remembered: of a Service by its name, whatever is taken back of it.
    pub place: String,
    /// The field, for people.
    pub field: String,
    /// What it is set to.
    pub value: String,
    /// The longest pause before it is set again, in seconds.
    longest_pause: i64,
}

/// What was set, and how often in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetBefore {
    /// To what.
    pub value: String,
    /// How often, with nothing else in between: more than once where somebody took it back.
    pub times: u32,
    /// The last time.
    pub at: DateTime<Utc>,
}

/// What was set lately, by object.
pub type SetFields = BTreeMap<String, SetBefore>;

impl Action {
    /// The fields that it sets in objects that are somebody else's.
    pub fn own_fields(&self) -> Vec<OwnField> {
        let selector = || format!("spec.selector[{HASH_LABEL}]");
        match self {
            Self::SelectPods { service, from, to, .. } => {
                let selected = from.as_deref() == Some(to.as_str());
                let mark = || format!("metadata.annotations[{MANAGED_BY}]");
                let field = if selected { mark() } else { selector() };
                vec![OwnField::of_service(service, field, to.clone())]
            }
            Self::ReleaseService { service, .. } => {
                vec![OwnField::of_service(service, selector(), String::new())]
            }
            Self::ScaleDeployment { name, scale: (_, to), .. } => {
                let field = "spec.replicas".to_owned();
                vec![OwnField::of(format!("Deployment {name}"), field, to.to_string())]
            }
            Self::PatchRoute { key, what, .. } => {
                let field = match key.kind {
                    RouteKind::ConfigMap => "data",
                    _ => "what sends requests to a version",
                };
                let field = field.to_owned();
                let own = OwnField::of(key.to_string(), field, what.clone());
                vec![OwnField { longest_pause: LONGEST_PAUSE_OF_A_SERVICE, ..own }]
            }
            Self::AnnotateRollout { annotations, .. } => {
                let own = |(key, value): (&String, &String)| OwnField {
                    object: "the Rollout".to_owned(),
                    place: format!("Rollout {key}"),
                    field: format!("metadata.annotations[{key}]"),
                    value: value.clone(),
                    longest_pause: LONGEST_PAUSE,
                };
                annotations.iter().map(own).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Leaves a field out; whether there is something left to do.
    fn leave_out(&mut self, own: &OwnField) -> bool {
        let Self::AnnotateRollout { annotations, .. } = self else { return false };
        annotations.retain(|key, _| own.place != format!("Rollout {key}"));
        !annotations.is_empty()
    }
}

impl OwnField {
    fn of(object: String, field: String, value: String) -> Self {
        Self { place: object.clone(), object, field, value, longest_pause: LONGEST_PAUSE }
    }

    fn of_service(service: &str, field: String, value: String) -> Self {
        let own = Self::of(format!("Service {service}"), field, value);
        Self { longest_pause: LONGEST_PAUSE_OF_A_SERVICE, ..own }
    }
}

/// Remembers that a field was set.
pub fn remember(set: &mut SetFields, own: OwnField, now: DateTime<Utc>) {
    forget(set, now);
    let before = set.get(&own.place).filter(|before| before.value == own.value);
    let times = before.map_or(0, |before| before.times).saturating_add(1);
    set.insert(own.place, SetBefore { value: own.value, times, at: now });
}

/// Forgets what was set long ago.
pub fn forget(set: &mut SetFields, now: DateTime<Utc>) {
    set.retain(|_, before| now - before.at < FORGET);
}

/// How long it is waited after a field was set so many times in a row.
fn pause(times: u32, longest: i64) -> TimeDelta {
    let seconds: i64 = match times {
        0 | 1 => 0,
        2..=6 => 1 << (times - 2),
        _ => longest,
    };
    TimeDelta::seconds(seconds.min(longest))
}

/// What follows from fields that were taken back.
#[derive(Debug, Default)]
pub(crate) struct TakenBack {
    pub(crate) reasons: Vec<Reason>,
    pub(crate) wake: Wake,
}

/// Holds back what was set before and taken back, as long as its pause lasts, and tells of it.
pub(crate) fn pace(s: &Snapshot, revision: i64, actions: &mut Vec<Action>) -> TakenBack {
    let mut out = TakenBack::default();
    actions.retain_mut(|action| {
        let mut is_left = true;
        for own in action.own_fields() {
            let Some(before) = set_lately(s, &own) else { continue };
            let until = before.at + pause(before.times, own.longest_pause);
            if s.now >= until {
                action.tell_instead(told(&own, revision));
                continue;
            }
            is_left = action.leave_out(&own);
            out.wake = std::mem::take(&mut out.wake).sooner(Wake::At(until));
            let OwnField { object, field, .. } = own;
            out.reasons.push(Reason::TakenBack { object, field, until: Time::new(until) });
        }
        is_left
    });
    out
}

/// That the same was set before, if it was lately.
fn set_lately<'a>(s: &'a Snapshot, own: &OwnField) -> Option<&'a SetBefore> {
    let before = s.facts.set_fields.get(&own.place)?;
    (before.value == own.value && s.now - before.at < FORGET).then_some(before)
}

/// Whether a Service was made to select a version lately, whatever it selects now.
pub(crate) fn was_selected(s: &Snapshot, service: &str, hash: &str) -> bool {
    set_lately(s, &OwnField::of_service(service, String::new(), hash.to_owned())).is_some()
}

/// Once for an object, a value and a revision.
fn told(own: &OwnField, revision: i64) -> Transition {
    let OwnField { object, field, value, .. } = own;
    let message = format!(
        "Somebody took back {field} of {object}, which the controller has set to {value}; it is set \
         again. A GitOps tool has to leave alone what the field manager rollouts-controller owns \
         (Argo CD: ignoreDifferences with managedFieldsManagers, and the sync option \
         RespectIgnoreDifferences=true)"
    );
    let occasion = format!("{object} {field} {value}");
    Transition::warning(reasons::FIELD_TAKEN_BACK, revision, occasion, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(value: &str) -> OwnField {
        OwnField::of("Service web".to_owned(), "spec".to_owned(), value.to_owned())
    }

    fn times(set: &SetFields) -> u32 {
        set.get("Service web").map_or(0, |before| before.times)
    }

    #[test]
    fn the_same_value_in_a_row_counts() {
        let mut set = SetFields::new();
        let now = DateTime::UNIX_EPOCH;
        for (value, expected) in [("a", 1), ("a", 2), ("b", 1), ("a", 1), ("a", 2), ("a", 3)] {
            remember(&mut set, own(value), now);
            assert_eq!(times(&set), expected, "{value}");
        }
        remember(&mut set, own("a"), now + FORGET);
        assert_eq!(times(&set), 1);
    }

    #[test]
    fn pauses_grow_and_have_an_end() {
        let seconds = |longest: i64| -> Vec<i64> {
            (0..9).map(|times| pause(times, longest).num_seconds()).collect()
        };
        assert_eq!(seconds(LONGEST_PAUSE), [0, 0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(seconds(LONGEST_PAUSE_OF_A_SERVICE), [0, 0, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(pause(u32::MAX, LONGEST_PAUSE).num_seconds(), 30);
    }
}
