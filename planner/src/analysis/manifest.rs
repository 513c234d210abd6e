//! An AnalysisRun of a release, as it is sent to the API server (spec §1.9, §2.11).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_analysis::NO_DATA_ANNOTATION;

use super::prospect::Prospect;
use super::{Place, defined};
use crate::build::owner_reference;
use crate::names::{HASH_LABEL, INSTANCE_ID, REVISION, RUN_TYPE, STEP_INDEX};
use crate::release::Release;

/// The object.
pub(super) fn run(release: &Release<'_>, place: Place, name: &str, prospect: &Prospect) -> Value {
    let rollout = release.rollout;
    let (_, analysis) = defined(release).find(|(at, _)| *at == place).unzip();
    let own = analysis.and_then(|analysis| analysis.analysis_run_metadata.as_ref());

    // What the run is known by goes last: nothing may write over it.
    let mut labels = own.map(|own| own.labels.clone()).unwrap_or_default();
    let selector = rollout.spec.selector.as_ref().and_then(|s| s.match_labels.clone());
    labels.extend(selector.unwrap_or_default());
    labels.insert(HASH_LABEL.to_owned(), release.new.hash().to_owned());
    labels.insert(RUN_TYPE.to_owned(), place.run_type().to_owned());
    if let Place::Step(index) = place {
        labels.insert(STEP_INDEX.to_owned(), index.to_string());
    }
    // By this it is seen: with another one than its Rollout's it would be nobody's.
    labels.remove(INSTANCE_ID);
    if let Some(id) = rollout.labels.get(INSTANCE_ID) {
        labels.insert(INSTANCE_ID.to_owned(), id.to_owned());
    }

    let mut annotations = BTreeMap::new();
    if let Some(policy) = &prospect.no_data {
        annotations.insert(NO_DATA_ANNOTATION.to_owned(), policy.clone());
    }
    annotations.extend(own.map(|own| own.annotations.clone()).unwrap_or_default());
    annotations.insert(REVISION.to_owned(), release.revision.to_string());

    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": {
            "name": name,
            "namespace": rollout.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner_reference(rollout)],
        },
        "spec": prospect.spec,
    })
}
