//! AnalysisRuns that are over and no longer kept (spec §2.9, "history limits").

use std::collections::BTreeSet;
use std::sync::Arc;

use sluice_analysis::run::is_completed;
use sluice_crd::analysis::AnalysisPhase;

use super::Runs;
use crate::plan::Action;
use crate::release::Release;
use crate::snapshot::RunRecord;

/// Deletes what is over the limits, the oldest first, and what is left of versions that are gone.
pub(crate) fn deletions(release: &Release<'_>, runs: &Runs) -> Vec<Action> {
    let current = [&runs.step, &runs.background];
    let is_current =
        |run: &RunRecord| current.into_iter().flatten().any(|current| current.name == run.name);
    let mut over: Vec<&Arc<RunRecord>> = release
        .snapshot
        .runs
        .iter()
        .filter(|run| !run.deleting && is_completed(&run.phase) && !is_current(run))
        .collect();
    over.sort_by(|a, b| (b.created, &b.name).cmp(&(a.created, &a.name)));
    let sets = release.snapshot.replica_sets.iter().filter(|rs| !rs.deleting);
    let mut hashes: BTreeSet<&str> = sets.map(|rs| rs.hash.as_str()).collect();
    hashes.insert(release.new.hash());
    let (gone, kept): (Vec<_>, Vec<_>) = over
        .into_iter()
        .partition(|run| !run.hash.is_empty() && !hashes.contains(run.hash.as_str()));
    let (good, bad): (Vec<_>, Vec<_>) =
        kept.into_iter().partition(|run| run.phase == AnalysisPhase::Successful);
    let limit = |limit: i64| usize::try_from(limit).unwrap_or(0);
    let good =
        good.into_iter().skip(limit(release.spec().successful_run_history_limit_or_default()));
    let bad =
        bad.into_iter().skip(limit(release.spec().unsuccessful_run_history_limit_or_default()));
    let mut surplus: Vec<_> = gone.into_iter().chain(good).chain(bad).collect();
    surplus.reverse();
    let delete = |run: &Arc<RunRecord>| Action::DeleteRun {
        name: run.name.clone(),
        uid: run.uid.clone(),
        resource_version: run.resource_version.clone(),
    };
    surplus.into_iter().map(delete).collect()
}
