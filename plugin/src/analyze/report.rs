//! What is told of an analysis: what is measured, each measurement as it comes, and the verdict.

use chrono::{DateTime, Utc};
use kube::Resource;
use serde_json::{Value, json};
use sluice_analysis::Redactor;
use sluice_analysis::run::News;
use sluice_crd::analysis::{AnalysisPhase, AnalysisRun, AnalysisRunStatus};
use sluice_crd::time::Time;

use super::{Cut, Request, Window};
use crate::view::RunView;
use crate::view::colour::Palette;
use crate::view::columns::Columns;
use crate::view::run::{Evidence, MetricView, counts, row, state};

/// The reason of news about something in a metric that is odd.
const WARNING: &str = "AnalysisWarning";

/// The engine's words for a run that was ended without a bad measurement.
const TERMINATED: &str = "Run Terminated";

/// Tells of one analysis.
pub struct Report<'a> {
    request: &'a Request,
    window: Option<Window>,
    palette: Palette,
    redactor: Redactor,
}

/// What an analysis comes to. One that was cut short has not passed where somebody stopped it, or
/// where nothing that counts was measured.
pub fn verdict(status: &AnalysisRunStatus, cut: Option<Cut>) -> AnalysisPhase {
    let has_passed = status.phase == AnalysisPhase::Successful;
    let results = &status.metric_results;
    let is_empty = !results.iter().any(|result| !result.dry_run && result.count > 0);
    match cut {
        Some(Cut::Interrupted) if has_passed => AnalysisPhase::Inconclusive,
        Some(_) if has_passed && is_empty => AnalysisPhase::Inconclusive,
        _ => status.phase.clone(),
    }
}

impl<'a> Report<'a> {
    /// For an analysis of now, or of a piece of the past.
    pub fn new(request: &'a Request, window: Option<Window>, palette: Palette) -> Self {
        Self { request, window, palette, redactor: request.redactor() }
    }

    /// What is measured.
    pub fn head(&self) -> Vec<String> {
        let when = match self.window {
            Some(Window { from, to }) => {
                format!("on the data of {} to {}", Time::new(from), Time::new(to))
            }
            None => "as it is measured now".to_owned(),
        };
        let mut lines = vec![format!("{}, {when}", self.request.title), String::new()];
        let nothing = AnalysisRunStatus::default();
        for (view, metric) in self.view(&nothing).metrics.iter().zip(&self.request.run.metrics) {
            let dry = if metric.dry_run { " (dry run: its outcome does not count)" } else { "" };
            lines.push(format!("{}{dry}", view.name));
            lines.push(format!("  {}, {}; {}", view.provider, often(view), view.limits.words()));
            let conditions = view.conditions.iter();
            lines.extend(conditions.map(|(field, source)| format!("  {field}: {source}")));
            lines.extend(view.query.iter().map(|query| format!("  query: {query}")));
            if metric.count.is_none() {
                let until = match self.window {
                    Some(_) => "--to",
                    None => "Ctrl-C",
                };
                lines.push(format!("  It has no count: it is measured until {until}."));
            }
        }
        lines.push(String::new());
        self.clean(lines)
    }

    /// Measurements, a line each.
    pub fn rows(&self, measured: &[Evidence]) -> Vec<String> {
        self.clean(measured.iter().map(|one| row(one, self.palette)).collect())
    }

    /// What is odd about the metrics, told once.
    pub fn warnings(&self, news: &[News]) -> Vec<String> {
        let odd = news.iter().filter(|news| news.reason == WARNING);
        self.clean(odd.map(|news| format!("Warning: {}", news.message)).collect())
    }

    /// The verdict, and what it rests on.
    pub fn foot(
        &self,
        status: &AnalysisRunStatus,
        cut: Option<Cut>,
        began: DateTime<Utc>,
    ) -> Vec<String> {
        let view = self.seen(status, began);
        let verdict = verdict(status, cut);
        let mut lines = vec![String::new()];
        let mut columns = Columns::default();
        for metric in &view.metrics {
            let dry = if metric.dry_run { "dry run" } else { "" };
            columns.row([
                metric.name.clone(),
                state(&metric.phase, self.palette),
                counts(&metric.counts, self.palette),
                dry.to_owned(),
            ]);
        }
        lines.extend(columns.lines().iter().map(|line| line.trim_end().to_owned()));
        lines.push(String::new());
        lines.extend(cut.map(|cut| cut_short(cut, status, &verdict)));
        let said = format!("Verdict: {}", state(&verdict, self.palette));
        let why = Some(&status.message).filter(|why| verdict == status.phase && *why != TERMINATED);
        let why = why.filter(|why| !why.is_empty()).map(|why| format!(": {why}"));
        lines.push(format!("{said}{}", why.unwrap_or_default()));
        if let Some(deciding) = view.deciding() {
            lines.push(format!("         {deciding}"));
        }
        self.clean(lines)
    }

    /// The run as a controller would have written it, with all of its measurements.
    pub fn json(&self, status: &AnalysisRunStatus, began: DateTime<Utc>) -> Vec<String> {
        let mut value = json!(self.object(status, Some(began)));
        self.clean_value(&mut value);
        let text = serde_json::to_string_pretty(&value).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn object(&self, status: &AnalysisRunStatus, began: Option<DateTime<Utc>>) -> AnalysisRun {
        let mut run = AnalysisRun::new(&self.request.name, self.request.spec.clone());
        run.status = Some(status.clone());
        let time = began.map(|began| Time::new(began).to_string());
        let time = time.and_then(|time| serde_json::from_value(Value::String(time)).ok());
        run.meta_mut().creation_timestamp = time;
        run
    }

    fn seen(&self, status: &AnalysisRunStatus, now: DateTime<Utc>) -> RunView {
        RunView::new(&self.object(status, Some(now)), Time::new(now))
    }

    fn view(&self, status: &AnalysisRunStatus) -> RunView {
        RunView::new(&self.object(status, None), Time::new(DateTime::UNIX_EPOCH))
    }

    fn clean(&self, lines: Vec<String>) -> Vec<String> {
        lines.iter().map(|line| self.redactor.redact(line).into_owned()).collect()
    }

    fn clean_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redactor.redact(text).into_owned(),
            Value::Array(items) => items.iter_mut().for_each(|item| self.clean_value(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.clean_value(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// How often a metric is measured.
fn often(metric: &MetricView) -> String {
    let every = &metric.interval;
    match (metric.limits.count, every.is_empty()) {
        (Some(1), _) => "once".to_owned(),
        (Some(count), true) => format!("{count} times"),
        (Some(count), false) => format!("{count} times, every {every}"),
        (None, _) => format!("every {every}"),
    }
}

fn cut_short(cut: Cut, status: &AnalysisRunStatus, verdict: &AnalysisPhase) -> String {
    let what = match cut {
        Cut::Window(to) => format!("It was not over at {}", Time::new(to)),
        Cut::Interrupted => "It was stopped before it was over".to_owned(),
    };
    if *verdict == status.phase {
        return format!("{what}: this is the verdict of a run that is terminated then.");
    }
    let so_far = if status.metric_results.iter().any(|result| result.count > 0) {
        "no limit was exceeded so far"
    } else {
        "nothing was measured so far"
    };
    format!("{what}: {so_far}, which is no verdict.")
}
