//! What is remembered of a run between two writes of its status: what was measured since, and what
//! is being measured. All of it may be lost: then it is measured again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sluice_analysis::run::{CompiledRun, InvalidRun, Taken, compile};
use sluice_crd::analysis::{AnalysisRunSpec, AnalysisRunStatus};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::ConditionCache;
use crate::world::analysis::LiveRun;

/// A run that is carried on.
#[derive(Debug)]
pub(crate) struct RunMemory {
    pub(crate) uid: String,
    /// When this replica first saw it.
    pub(crate) began: DateTime<Utc>,
    source: (Arc<str>, Option<String>),
    /// The spec, made ready, or what is wrong with it.
    pub(crate) compiled: Result<Arc<CompiledRun>, InvalidRun>,
    /// Results that the status does not show yet.
    pub(crate) taken: Vec<Taken>,
    under_way: BTreeMap<String, UnderWay>,
    /// A status was sent and there was no answer: nobody knows whether it was written.
    unanswered: bool,
    /// Why the API server refuses its status, while it does.
    pub(crate) refused: Option<String>,
    /// Since when a status waits to be written together with what else comes.
    pub(crate) unwritten_since: Option<Instant>,
    tickets: u64,
}

#[derive(Debug)]
struct UnderWay {
    ticket: u64,
    task: AbortHandle,
}

impl RunMemory {
    pub(crate) fn new(
        uid: &str,
        began: DateTime<Utc>,
        live: &LiveRun,
        conditions: &mut ConditionCache,
    ) -> Self {
        Self {
            uid: uid.to_owned(),
            began,
            source: (Arc::clone(&live.spec), live.no_data.clone()),
            compiled: compiled(live, conditions),
            taken: Vec::new(),
            under_way: BTreeMap::new(),
            unanswered: false,
            refused: None,
            unwritten_since: None,
            tickets: 0,
        }
    }

    /// A status was written, with so many of the results.
    pub(crate) fn written(&mut self, results: usize) {
        self.taken.drain(..results.min(self.taken.len()));
        self.unanswered = false;
        self.refused = None;
        self.unwritten_since = None;
    }

    /// A status was sent, and there was no answer.
    pub(crate) fn not_answered(&mut self) {
        self.unanswered = true;
    }

    /// Follows the record: it shows whether a write got through whose answer was lost, and no result
    /// counts twice; the spec is read anew, where it has changed.
    pub(crate) fn follow(
        &mut self,
        live: &LiveRun,
        status: &AnalysisRunStatus,
        conditions: &mut ConditionCache,
    ) {
        if self.unanswered {
            forget_shown(&mut self.taken, status);
        }
        if *self.source.0 != *live.spec || self.source.1 != live.no_data {
            self.source = (Arc::clone(&live.spec), live.no_data.clone());
            self.compiled = compiled(live, conditions);
        }
    }

    /// The metrics of which a measurement is under way.
    pub(crate) fn under_way(&self) -> BTreeSet<String> {
        self.under_way.keys().cloned().collect()
    }

    /// The number under which a measurement is to come back.
    pub(crate) fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// A measurement has begun.
    pub(crate) fn begun(&mut self, metric: &str, ticket: u64, task: AbortHandle) {
        self.abandon(metric);
        self.under_way.insert(metric.to_owned(), UnderWay { ticket, task });
    }

    /// A measurement is no longer wanted.
    pub(crate) fn abandon(&mut self, metric: &str) {
        if let Some(under_way) = self.under_way.remove(metric) {
            under_way.task.abort();
        }
    }

    /// A measurement has come back; whether it is one that is waited for.
    pub(crate) fn came_back(&mut self, ticket: u64, taken: Taken) -> bool {
        let waited = self.under_way.get(&taken.metric).is_some_and(|u| u.ticket == ticket);
        if waited {
            self.under_way.remove(&taken.metric);
            self.taken.push(taken);
        }
        waited
    }
}

impl Drop for RunMemory {
    fn drop(&mut self) {
        for under_way in self.under_way.values() {
            under_way.task.abort();
        }
    }
}

/// Forgets the results that the status shows. Those of the same metric that came before are in it
/// as well, should it no longer keep them.
fn forget_shown(taken: &mut Vec<Taken>, status: &AnalysisRunStatus) {
    let is_shown = |one: &Taken| {
        let result = status.metric_results.iter().find(|result| result.name == one.metric);
        result.is_some_and(|result| result.measurements.contains(&one.measurement))
    };
    let mut shown = BTreeSet::new();
    for index in (0..taken.len()).rev() {
        if shown.contains(&taken[index].metric) || is_shown(&taken[index]) {
            shown.insert(taken.remove(index).metric);
        }
    }
}

fn compiled(
    live: &LiveRun,
    conditions: &mut ConditionCache,
) -> Result<Arc<CompiledRun>, InvalidRun> {
    let mut json = serde_json::Deserializer::from_str(&live.spec);
    let spec: Result<AnalysisRunSpec, _> = serde_path_to_error::deserialize(&mut json);
    let spec = spec.map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { format!(".{path}") };
        InvalidRun::Spec(vec![format!("spec{path}: {}", error.inner())])
    })?;
    compile(&spec, live.no_data.as_deref(), &mut |source| conditions.get(source)).map(Arc::new)
}
