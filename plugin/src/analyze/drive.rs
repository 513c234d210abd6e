//! Carries a run out: asks the engine what to do, does it, waits. In the past nothing is waited
//! for: the clock goes to the instant of the next measurement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::future::{AbortHandle, Abortable, BoxFuture};
use futures::stream::FuturesUnordered;
use sluice_analysis::run::{
    CompiledMetric, Measure, News, RunPlan, RunSnapshot, Taken, is_completed, plan,
};
use sluice_crd::analysis::{AnalysisRunStatus, Measurement};

use super::Window;
use super::measure::{Moment, Tools, measure};
use crate::verbs::Stop;
use crate::view::run::{Evidence, Limits};

/// What ended a run before it was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The end of the window.
    Window(DateTime<Utc>),
    /// Somebody pressed Ctrl-C.
    Interrupted,
}

/// What has happened in a run.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) measured: Vec<Evidence>,
    pub(super) news: Vec<News>,
}

type InFlight = Abortable<BoxFuture<'static, (u64, Taken)>>;

/// A run that is carried out.
pub(super) struct Drive {
    tools: Arc<Tools>,
    moment: Moment,
    window: Option<Window>,
    began: DateTime<Utc>,
    status: AnalysisRunStatus,
    taken: Vec<Taken>,
    in_flight: FuturesUnordered<InFlight>,
    under_way: BTreeMap<String, (u64, AbortHandle)>,
    tickets: u64,
    /// All measurements: the status keeps the last ones.
    history: BTreeMap<String, Vec<Measurement>>,
    cut: Option<Cut>,
}

impl Drive {
    pub(super) fn new(tools: Arc<Tools>, window: Option<Window>) -> Self {
        let moment = match window {
            Some(window) => Moment::Past(window.from),
            None => Moment::Now(tools.setting.clock.clone()),
        };
        Self {
            tools,
            window,
            began: moment.instant(),
            moment,
            status: AnalysisRunStatus::default(),
            taken: Vec::new(),
            in_flight: FuturesUnordered::new(),
            under_way: BTreeMap::new(),
            tickets: 0,
            history: BTreeMap::new(),
            cut: None,
        }
    }

    /// When it began.
    pub(super) fn began(&self) -> DateTime<Utc> {
        self.began
    }

    /// Goes on until something has happened; nothing once the run is over.
    pub(super) async fn turn(&mut self, stop: &Stop) -> Option<Turn> {
        while !is_completed(&self.status.phase) {
            let plan = self.plan();
            let turn = self.taken_in(plan.status, plan.news);
            for metric in &plan.abandon {
                if let Some((_, task)) = self.under_way.remove(metric) {
                    task.abort();
                }
            }
            for order in plan.measure {
                self.begin(order);
            }
            if !turn.measured.is_empty() || !turn.news.is_empty() {
                return Some(turn);
            }
            if !is_completed(&self.status.phase) {
                self.wait(plan.wake, stop).await;
            }
        }
        None
    }

    /// The status with all measurements, and what cut the run short.
    pub(super) fn end(self) -> (AnalysisRunStatus, Option<Cut>) {
        let Self { mut status, mut history, cut, .. } = self;
        for result in &mut status.metric_results {
            if let Some(all) = history.remove(&result.name) {
                result.measurements = all;
            }
        }
        (status, cut)
    }

    fn plan(&self) -> RunPlan {
        plan(&RunSnapshot {
            now: self.moment.instant(),
            run: Ok(&self.tools.run),
            terminate: self.cut.is_some(),
            ttl: None,
            status: &self.status,
            began: self.began,
            taken: &self.taken,
            under_way: &self.under_way.keys().cloned().collect::<BTreeSet<_>>(),
        })
    }

    /// Takes a new status in, and what came of measurements.
    fn taken_in(&mut self, status: Option<AnalysisRunStatus>, news: Vec<News>) -> Turn {
        if let Some(status) = status {
            self.status = status;
        }
        let mut measured = Vec::new();
        for taken in std::mem::take(&mut self.taken) {
            if !is_completed(&taken.measurement.phase) {
                continue;
            }
            let result = self.status.metric_results.iter().find(|r| r.name == taken.metric);
            let metric = self.tools.run.metrics.iter().find(|m| m.name() == taken.metric);
            let limits = metric.map(|m| Limits::new(&m.metric)).unwrap_or_default();
            measured.extend(result.and_then(|result| Evidence::last(result, &limits)));
            self.history.entry(taken.metric).or_default().push(taken.measurement);
        }
        Turn { measured, news }
    }

    fn begin(&mut self, order: Measure) {
        self.tickets += 1;
        let (ticket, metric) = (self.tickets, order.metric.clone());
        let (tools, moment) = (Arc::clone(&self.tools), self.moment.clone());
        let task: BoxFuture<'static, _> =
            Box::pin(async move { (ticket, measure(tools, order, moment).await) });
        let (handle, registration) = AbortHandle::new_pair();
        self.in_flight.push(Abortable::new(task, registration));
        self.under_way.insert(metric, (ticket, handle));
    }

    /// A measurement has come back; one that was given up counts no more.
    fn came(&mut self, ticket: u64, taken: Taken) {
        if self.under_way.get(&taken.metric).is_some_and(|(known, _)| *known == ticket) {
            self.under_way.remove(&taken.metric);
            self.taken.push(taken);
        }
    }

    async fn wait(&mut self, wake: Option<DateTime<Utc>>, stop: &Stop) {
        match self.window {
            Some(window) => self.wait_in_the_past(wake, window, stop).await,
            None => self.wait_now(wake, stop).await,
        }
    }

    async fn wait_now(&mut self, wake: Option<DateTime<Utc>>, stop: &Stop) {
        let now = self.moment.instant();
        let until = wake.map(|wake| (wake - now).to_std().unwrap_or_default());
        tokio::select! {
            biased;
            () = stop.clone(), if self.cut.is_none() => self.cut = Some(Cut::Interrupted),
            Some(came) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                if let Ok((ticket, taken)) = came {
                    self.came(ticket, taken);
                }
            }
            () = tokio::time::sleep(until.unwrap_or_default()), if until.is_some() => {}
            // Nothing is under way and nothing is to come: the next plan ends it.
            else => self.cut = Some(Cut::Interrupted),
        }
    }

    /// All that is measured at one instant comes back at once, in the order of the metrics.
    async fn wait_in_the_past(&mut self, wake: Option<DateTime<Utc>>, window: Window, stop: &Stop) {
        if self.in_flight.is_empty() {
            match wake {
                Some(wake) if wake <= window.to => self.moment = Moment::Past(wake),
                _ => {
                    self.moment = Moment::Past(window.to);
                    self.cut = Some(Cut::Window(window.to));
                }
            }
            return;
        }
        while !self.in_flight.is_empty() {
            tokio::select! {
                biased;
                () = stop.clone(), if self.cut != Some(Cut::Interrupted) => {
                    self.cut = Some(Cut::Interrupted);
                    return;
                }
                came = self.in_flight.next() => {
                    if let Some(Ok((ticket, taken))) = came {
                        self.came(ticket, taken);
                    }
                }
            }
        }
        let metrics = &self.tools.run.metrics;
        let place = |taken: &Taken| metrics.iter().position(|m| is_of(m, taken));
        self.taken.sort_by_key(place);
    }
}

fn is_of(metric: &CompiledMetric, taken: &Taken) -> bool {
    metric.name() == taken.metric
}
