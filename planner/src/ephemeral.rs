//! Labels and annotations that pods have while their version has a role (spec §1.2, §1.3:
//! `canaryMetadata`, `stableMetadata`, `previewMetadata`, `activeMetadata`).
//!
//! First they are put on the template of the ReplicaSet, so that pods that come have them, with a
//! note of what was put there; then, once that has been observed, on the pods that there are. Which
//! ReplicaSets have been gone through is remembered by the shell, so that pods are not looked at
//! again without need; forgotten, they are looked at once more.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_crd::rollout::PodTemplateMetadata;

use crate::names::{EPHEMERAL_KEYS, EPHEMERAL_METADATA, HASH_LABEL};
use crate::plan::{Action, MetadataChange, Wake};
use crate::quantity::Pods;
use crate::release::{Release, Strategy};
use crate::services::named;
use crate::snapshot::{Need, Needs, PodRecord, ReplicaSetRecord};

/// Pods are looked at again this soon where there were not as many as their ReplicaSet says.
const AGAIN: TimeDelta = TimeDelta::seconds(30);

/// Keys that a ReplicaSet's pods may have had, and are to have no longer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Keys {
    labels: BTreeSet<String>,
    annotations: BTreeSet<String>,
}

/// What is put on the pods of the new version, and on those of the stable one.
fn of_roles<'a>(release: &'a Release<'_>) -> [Option<&'a PodTemplateMetadata>; 2] {
    match release.strategy {
        Strategy::Canary(s) => [s.canary_metadata.as_ref(), s.stable_metadata.as_ref()],
        Strategy::BlueGreen(s) => [s.preview_metadata.as_ref(), s.active_metadata.as_ref()],
    }
}

/// Whether pods are known by a label: to their ReplicaSet, or to a Service of the release.
fn is_selected(release: &Release<'_>, key: &str) -> bool {
    let selector = release.spec().selector.as_ref();
    let labels = selector.and_then(|s| s.match_labels.as_ref());
    let expressions = selector.and_then(|s| s.match_expressions.as_ref());
    key == HASH_LABEL
        || labels.is_some_and(|labels| labels.contains_key(key))
        || expressions.into_iter().flatten().any(|expression| expression.key == key)
        || named(release).into_iter().any(|(_, service)| service.selector.contains_key(key))
}

/// What the pods of a version have because of its role.
fn wanted(release: &Release<'_>, hash: &str) -> PodTemplateMetadata {
    let [of_new, of_stable] = of_roles(release);
    let is_new = hash == release.new.hash();
    let is_stable = release.stable.as_ref().is_some_and(|stable| stable.hash == hash);
    let metadata = match (is_new, is_stable) {
        (_, true) => of_stable,
        // Without a version to fall back to, it is as good as stable.
        (true, false) if release.stable.is_none() => of_stable,
        (true, false) => of_new,
        (false, false) => None,
    };
    let mut metadata = metadata.cloned().unwrap_or_default();
    metadata.labels.retain(|key, _| !is_selected(release, key));
    metadata
}

/// What a ReplicaSet's annotation says was put on its template.
pub(crate) fn put_on(rs: &ReplicaSetRecord) -> PodTemplateMetadata {
    read(rs, EPHEMERAL_METADATA)
}

fn read<T: Default + for<'de> Deserialize<'de>>(rs: &ReplicaSetRecord, key: &str) -> T {
    let text = rs.annotations.get(key);
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Puts on a new ReplicaSet what its role asks for.
pub(crate) fn dress(
    release: &Release<'_>,
    hash: &str,
    template: &mut Value,
    annotations: &mut BTreeMap<String, String>,
) {
    let wanted = wanted(release, hash);
    if wanted == PodTemplateMetadata::default() {
        return;
    }
    for (part, entries) in [("labels", &wanted.labels), ("annotations", &wanted.annotations)] {
        for (key, value) in entries {
            let fields = &mut template["metadata"][part];
            if !fields.is_object() {
                *fields = json!({});
            }
            fields[key] = Value::from(value.as_str());
        }
    }
    annotations.insert(EPHEMERAL_METADATA.to_owned(), json!(wanted).to_string());
}

/// What a change of its role changes on a ReplicaSet: its template, and the notes of it.
pub(crate) fn change(
    release: &Release<'_>,
    rs: &ReplicaSetRecord,
) -> Option<(MetadataChange, BTreeMap<String, Option<String>>)> {
    let (before, wanted) = (put_on(rs), wanted(release, &rs.hash));
    if before == wanted {
        return None;
    }
    let mut keys: Keys = read(rs, EPHEMERAL_KEYS);
    keys.labels.extend(before.labels.keys().cloned());
    keys.annotations.extend(before.annotations.keys().cloned());
    keys.labels.retain(|key| !wanted.labels.contains_key(key));
    keys.annotations.retain(|key| !wanted.annotations.contains_key(key));

    let change = against(release, rs, &keys, &wanted);
    let note = |nothing: bool, text: String| (!nothing).then_some(text);
    let notes = [
        (
            EPHEMERAL_METADATA.to_owned(),
            note(wanted == PodTemplateMetadata::default(), json!(wanted).to_string()),
        ),
        (EPHEMERAL_KEYS.to_owned(), note(keys == Keys::default(), json!(keys).to_string())),
    ];
    Some((change, notes.into()))
}

/// What has to be set and taken off: what is taken off becomes again what the Rollout's template
/// says, where that is the template.
fn against(
    release: &Release<'_>,
    rs: &ReplicaSetRecord,
    keys: &Keys,
    wanted: &PodTemplateMetadata,
) -> MetadataChange {
    let is_new = rs.hash == release.new.hash();
    let template = release.spec().template.as_ref().filter(|_| is_new).map(|t| t.to_value());
    let change = |part: &str, gone: &BTreeSet<String>, wanted: &BTreeMap<String, String>| {
        let written = |key: &String| {
            let value = template.as_ref()?.get("metadata")?.get(part)?.get(key)?;
            value.as_str().map(str::to_owned)
        };
        // What a Service looks for is not taken off without another value in its place.
        let gone = gone.iter().map(|key| (key.clone(), written(key)));
        let gone = gone.filter(|(key, value)| {
            value.is_some() || part != "labels" || !is_selected(release, key)
        });
        gone.chain(wanted.iter().map(|(key, value)| (key.clone(), Some(value.clone())))).collect()
    };
    MetadataChange {
        labels: change("labels", &keys.labels, &wanted.labels),
        annotations: change("annotations", &keys.annotations, &wanted.annotations),
    }
}

/// What there is to do to pods.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) actions: Vec<Action>,
    pub(crate) needs: Needs,
    pub(crate) wake: Wake,
    /// The ReplicaSets whose pods are as they are to be, once this is done.
    pub(crate) settled: BTreeMap<String, String>,
}

pub(crate) fn look(release: &Release<'_>) -> Look {
    let mut out = Look::default();
    let new = release.new.record();
    let sets = new.into_iter().chain(&release.stable).chain(&release.older);
    for rs in sets {
        let keys: Keys = read(rs, EPHEMERAL_KEYS);
        let wanted = wanted(release, &rs.hash);
        let touched = keys != Keys::default() || wanted != PodTemplateMetadata::default();
        // Pods that come or go now are looked at when they have.
        let still = rs.desired > Pods::ZERO && rs.replicas == rs.desired;
        if !touched || change(release, rs).is_some() || out.settled.contains_key(&rs.name) {
            continue;
        }
        let is = json!([wanted, keys]).to_string();
        let facts = &release.snapshot.facts;
        if facts.settled_metadata.get(&rs.name) == Some(&is) {
            out.settled.insert(rs.name.clone(), is);
        } else if still {
            match &facts.pods {
                None => drop(out.needs.insert(Need::Pods)),
                // The shell has told; there is another look when something changes.
                Some(Err(_)) => {}
                Some(Ok(pods)) => {
                    let change = against(release, rs, &keys, &wanted);
                    let of = |pod: &&PodRecord| pod.owner == rs.uid && !pod.deleting;
                    let pods: Vec<&PodRecord> = pods.iter().filter(of).collect();
                    out.actions.extend(pods.iter().filter_map(|pod| patch(pod, &change)));
                    if i64::try_from(pods.len()) == Ok(rs.desired.0) {
                        out.settled.insert(rs.name.clone(), is);
                    } else {
                        out.wake = Wake::At(release.snapshot.now + AGAIN);
                    }
                }
            }
        }
    }
    out
}

/// The write for what differs on a pod, if anything does.
fn patch(pod: &PodRecord, change: &MetadataChange) -> Option<Action> {
    let differing = |has: &BTreeMap<String, String>, change: &BTreeMap<String, Option<String>>| {
        let differs = |(key, value): &(&String, &Option<String>)| has.get(*key) != value.as_ref();
        let changes = change.iter().filter(differs);
        changes.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let metadata = MetadataChange {
        labels: differing(&pod.labels, &change.labels),
        annotations: differing(&pod.annotations, &change.annotations),
    };
    let (name, uid) = (pod.name.clone(), pod.uid.clone());
    (!metadata.is_empty()).then_some(Action::PatchPod { name, uid, metadata })
}
