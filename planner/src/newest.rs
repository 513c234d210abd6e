//! Which ReplicaSet is the new one, or that one has to be created (docs/architecture.md).

use std::sync::Arc;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use sluice_crd::identity::{Extras, TemplateDigest, same_template, without_metadata};
use sluice_crd::raw::Raw;

use crate::conditions::{self, kinds, reasons};
use crate::ephemeral;
use crate::release::{New, Release};
use crate::snapshot::{FailureKind, ReplicaSetRecord, Snapshot};
use crate::workload;

/// The ReplicaSet of the template that the Rollout asks for.
#[derive(Clone, Debug)]
pub(crate) enum Newest {
    /// It exists.
    Found(Arc<ReplicaSetRecord>),
    /// It does not.
    Missing(Missing),
    /// Only the templates of the existing ones can tell.
    TemplatesNeeded,
}

/// A ReplicaSet to be created.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    pub(crate) name: String,
    pub(crate) hash: String,
    /// How often the name was taken by another template (`status.collisionCount`).
    pub(crate) collision_count: Option<i32>,
}

pub(crate) fn find(
    s: &Snapshot,
    template: &Raw<PodTemplateSpec>,
    digest: &TemplateDigest,
) -> Newest {
    let candidates = in_order_of_likelihood(s);
    if let Some(current) = settled(s, digest, &candidates) {
        return Newest::Found(Arc::clone(current));
    }
    if let Some(same) = candidates.iter().find(|rs| rs.digest().as_ref() == Some(digest)) {
        return Newest::Found(Arc::clone(same));
    }
    if !candidates.is_empty() {
        let Some(templates) = &s.facts.templates else { return Newest::TemplatesNeeded };
        let wanted = template.to_value();
        let same = candidates.iter().find(|rs| {
            // Of a template that this build has digested the written form is known to differ:
            // then a field that we do not know counts. Of others it may be a newer default.
            let extras = match rs.digest() {
                Some(other) if other.same_scheme(digest) => Extras::Strict,
                _ => Extras::UnknownMayBeDefaults,
            };
            let put_on = ephemeral::put_on(rs);
            templates.get(&rs.name).is_some_and(|actual| {
                let (mut wanted, mut actual) = (wanted.clone(), actual.clone());
                without_metadata(&mut wanted, &mut actual, &put_on);
                same_template(&wanted, &actual, extras).is_ok()
            })
        });
        if let Some(same) = same {
            return Newest::Found(Arc::clone(same));
        }
        // One that came up since the templates were fetched must be looked at, too.
        if candidates.iter().any(|rs| !templates.contains_key(&rs.name)) {
            return Newest::TemplatesNeeded;
        }
    }
    name_of_new(s, digest)
}

/// The one that the status names, if the status speaks of the spec as it is now.
///
/// Not where the last pass over this generation could not settle it: the spec was refused or
/// held, or the ReplicaSet could not be created.
fn settled<'a>(
    s: &Snapshot,
    digest: &TemplateDigest,
    candidates: &'a [Arc<ReplicaSetRecord>],
) -> Option<&'a Arc<ReplicaSetRecord>> {
    let rollout = &s.rollout;
    let status = &rollout.status;
    let observed = workload::is_observed(s)
        && status.observed_generation.as_ref().is_some_and(|g| g.is(rollout.generation));
    let refused = conditions::get(status, kinds::INVALID_SPEC)
        .is_some_and(|c| c.reason != reasons::INVALID_REFERENCE);
    let unsettled = refused
        || conditions::is_true(status, kinds::REPLICA_FAILURE)
        || conditions::get(status, kinds::PROGRESSING)
            .is_some_and(|c| c.reason == reasons::REPLICA_SET_CREATE_ERROR)
        || conditions::is_held(status);
    if !observed || unsettled || status.current_pod_hash.is_empty() {
        return None;
    }
    let current = candidates.iter().find(|rs| rs.hash == status.current_pod_hash)?;
    // A workload that was made again counts its generations anew.
    let other = |of: TemplateDigest| of.same_scheme(digest) && of != *digest;
    let moved = rollout.spec.workload_ref.is_some() && current.digest().is_some_and(other);
    Some(current).filter(|_| !moved)
}

/// The current one, the stable one, then the others, the newest revision first.
fn in_order_of_likelihood(s: &Snapshot) -> Vec<Arc<ReplicaSetRecord>> {
    let status = &s.rollout.status;
    let mut live: Vec<_> = s.replica_sets.iter().filter(|rs| !rs.deleting).cloned().collect();
    live.sort_by_key(|rs| {
        let rank = if !rs.hash.is_empty() && rs.hash == status.current_pod_hash {
            0
        } else if !rs.hash.is_empty() && rs.hash == status.stable_rs {
            1
        } else {
            2
        };
        (rank, std::cmp::Reverse(rs.revision().unwrap_or(0)), std::cmp::Reverse(rs.created))
    });
    live
}

/// How many names were taken before the one that the new ReplicaSet has: said by its hash, should
/// the status that said it have been lost.
pub(crate) fn collisions(release: &Release<'_>) -> Option<i32> {
    let known = release.status().collision_count;
    match &release.new {
        New::Missing(missing) => missing.collision_count,
        New::Found(rs) => {
            let identity = &release.snapshot.settings.identity;
            let counts = (known.unwrap_or(0)..).take(8).map(|count| (count > 0).then_some(count));
            let named = |count: &Option<i32>| {
                identity.pod_template_hash(&release.digest, *count) == rs.hash
            };
            counts.into_iter().find(named).unwrap_or(known)
        }
    }
}

fn name_of_new(s: &Snapshot, digest: &TemplateDigest) -> Newest {
    let mut count = s.rollout.status.collision_count;
    if s.failure.as_ref().is_some_and(|f| f.kind == FailureKind::NameTaken) {
        count = Some(count.unwrap_or(0).saturating_add(1));
    }
    loop {
        let hash = s.settings.identity.pod_template_hash(digest, count);
        let name = format!("{}-{hash}", s.rollout.name);
        // One that is being deleted holds its name too, and nobody knows for how long.
        if s.replica_sets.iter().all(|rs| rs.name != name) {
            return Newest::Missing(Missing { name, hash, collision_count: count });
        }
        count = Some(count.unwrap_or(0).saturating_add(1));
    }
}
