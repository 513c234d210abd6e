//! An AnalysisRun: its verdict, what was measured, and the Jobs that measured it.

use sluice_crd::analysis::{AnalysisPhase, AnalysisRun, AnalysisRunStatus};
use sluice_crd::time::Time;

use super::colour::Colour;
use super::icon::Icon;
use super::objects::{created, is_owned, name, revision};

/// Metadata of a measurement: the Job that took it.
pub(crate) const JOB_NAME: &str = "job-name";

/// An AnalysisRun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalysisRunView {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Option<Time>,
    /// The number of the update that it judges.
    pub revision: i64,
    /// The verdict.
    pub phase: AnalysisPhase,
    /// Why it is so.
    pub message: String,
    /// Good measurements.
    pub successful: i64,
    /// Bad ones.
    pub failed: i64,
    /// Inconclusive ones.
    pub inconclusive: i64,
    /// Those that could not be taken.
    pub errors: i64,
    /// The Jobs that took measurements, in the order of the metrics.
    pub jobs: Vec<JobView>,
}

/// A Job that took a measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// Its name.
    pub name: String,
    /// When it was started.
    pub started: Option<Time>,
    /// The verdict on what it measured.
    pub phase: AnalysisPhase,
}

impl AnalysisRunView {
    /// The AnalysisRuns of one owner, the newest update first and then the oldest run.
    pub fn owned_by(owner_uid: &str, runs: &[AnalysisRun]) -> Vec<Self> {
        let owned = runs.iter().filter(|run| is_owned(&run.metadata, owner_uid));
        let mut views: Vec<Self> = owned.map(Self::of).collect();
        views.sort_by(|a, b| {
            (b.revision, a.created, &b.name).cmp(&(a.revision, b.created, &a.name))
        });
        views
    }

    fn of(run: &AnalysisRun) -> Self {
        let empty = AnalysisRunStatus::default();
        let status = run.status.as_ref().unwrap_or(&empty);
        let results = &status.metric_results;
        let measurements = results.iter().flat_map(|result| &result.measurements);
        let jobs = measurements.filter_map(|measurement| {
            Some(JobView {
                name: measurement.metadata.get(JOB_NAME)?.clone(),
                started: measurement.started_at,
                phase: measurement.phase.clone(),
            })
        });
        Self {
            name: name(&run.metadata),
            created: created(&run.metadata),
            revision: revision(&run.metadata),
            phase: status.phase.clone(),
            message: status.message.clone(),
            successful: results.iter().map(|result| i64::from(result.successful)).sum(),
            failed: results.iter().map(|result| i64::from(result.failed)).sum(),
            inconclusive: results.iter().map(|result| i64::from(result.inconclusive)).sum(),
            errors: results.iter().map(|result| i64::from(result.error)).sum(),
            jobs: jobs.collect(),
        }
    }
}

/// The sign of a verdict.
pub fn icon(phase: &AnalysisPhase) -> Icon {
    match phase {
        AnalysisPhase::Successful => Icon::Good,
        AnalysisPhase::Failed => Icon::Bad,
        AnalysisPhase::Error => Icon::Warning,
        AnalysisPhase::Inconclusive => Icon::Unknown,
        AnalysisPhase::Running => Icon::Progressing,
        AnalysisPhase::Pending => Icon::Waiting,
        AnalysisPhase::Other(_) => Icon::None,
    }
}

/// The colour of the name of what has this verdict: it stands out while it goes on.
pub fn colour(phase: &AnalysisPhase) -> Option<Colour> {
    matches!(phase, AnalysisPhase::Pending | AnalysisPhase::Running).then_some(Colour::HighBlue)
}
