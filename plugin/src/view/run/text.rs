//! The text of `get analysisrun`: a head, then each metric with the measurements that are kept.

use sluice_crd::analysis::AnalysisPhase;
use sluice_crd::time::Time;

use super::{Evidence, MetricView, Next, RunView};
use crate::view::age::{human_duration, instant};
use crate::view::analysis_run::icon;
use crate::view::colour::Palette;
use crate::view::columns::Columns;
use crate::view::header::field;
use crate::view::icon::Icon;

/// Characters of a value that are shown: some are whole documents.
const VALUE_MAX: usize = 60;

/// The lines, each without its line break.
pub fn lines(view: &RunView, palette: Palette) -> Vec<String> {
    let mut out = head(view, palette);
    for metric in &view.metrics {
        out.push(String::new());
        out.extend(section(metric, palette));
    }
    out
}

fn head(view: &RunView, palette: Palette) -> Vec<String> {
    let mut head = vec![
        field("Name:", &view.name),
        field("Namespace:", &view.namespace),
        field("Status:", &state(&view.phase, palette)),
    ];
    let mut add = |label: &str, text: Option<String>| {
        head.extend(text.filter(|text| !text.is_empty()).map(|text| field(label, &text)));
    };
    add("Message:", Some(view.message.clone()));
    add("Belongs to:", Some(view.belongs_to.join(", ")));
    let at = |time: Option<Time>| time.map(|at| instant(at, view.now));
    add("Started:", at(view.started));
    let took =
        view.started.zip(view.ended).map(|(from, to)| human_duration(to.seconds_since(from)));
    let ended = at(view.ended).map(|at| match took {
        Some(took) => format!("{at}, after {took}"),
        None => at,
    });
    add("Ended:", ended);
    add("Evidence:", view.deciding().map(ToString::to_string));
    let next = match view.next {
        _ if view.terminates => Some("nothing: it is being ended (spec.terminate)".to_owned()),
        Some(Next::Now) => Some("a measurement is due, or under way".to_owned()),
        Some(Next::At(at)) => Some(format!("a measurement at {}", instant(at, view.now))),
        None => None,
    };
    add("Next:", next);
    head
}

fn section(metric: &MetricView, palette: Palette) -> Vec<String> {
    let dry = if metric.dry_run { " (dry run: its outcome does not count)" } else { "" };
    let mut out = vec![
        field("Metric:", &format!("{}{dry}", metric.name)),
        field("  Status:", &state(&metric.phase, palette)),
    ];
    let mut add = |label: &str, text: &str| {
        if !text.is_empty() {
            out.push(field(label, text));
        }
    };
    add("  Message:", &metric.message);
    add("  Provider:", metric.provider);
    add("  Measured:", &measured(metric, palette));
    add("  Limits:", &metric.limits.words());
    for (index, (name, source)) in metric.conditions.iter().enumerate() {
        add(if index == 0 { "  Conditions:" } else { "" }, &format!("{name}: {source}"));
    }
    add("  Query:", metric.query.as_deref().unwrap_or_default());
    let mut columns = Columns::default();
    for measurement in &metric.measurements {
        columns.row(cells(measurement, palette));
    }
    for (index, line) in columns.lines().iter().enumerate() {
        add(if index == 0 { "  Measurements:" } else { "" }, line);
    }
    out
}

/// `✔ 1,✖ 2 of 5, every 30s`.
fn measured(metric: &MetricView, palette: Palette) -> String {
    let counts = counts(&metric.counts, palette);
    let of = metric.limits.count.map(|count| format!(" of {count}")).unwrap_or_default();
    let counts = match (counts.is_empty(), of.is_empty()) {
        (true, true) => "not yet".to_owned(),
        (true, false) => "0".to_owned(),
        (false, _) => counts,
    };
    let every = &metric.interval;
    let every = if every.is_empty() { String::new() } else { format!(", every {every}") };
    format!("{counts}{of}{every}")
}

/// Numbers of measurements behind their signs, those that are not 0: `✔ 1,✖ 2`.
pub fn counts(counts: &[i32; 4], palette: Palette) -> String {
    let signs = [Icon::Good, Icon::Bad, Icon::Unknown, Icon::Warning];
    let counted = signs.iter().zip(counts).filter(|(_, count)| **count > 0);
    let told: Vec<String> =
        counted.map(|(icon, count)| format!("{} {count}", icon.paint(palette))).collect();
    told.join(",")
}

/// A verdict behind its sign: `✖ Failed`.
pub fn state(phase: &AnalysisPhase, palette: Palette) -> String {
    format!("{} {phase}", icon(phase).paint(palette))
}

/// The cells of a measurement: state, time, value, evidence.
fn cells(one: &Evidence, palette: Palette) -> [String; 4] {
    let at = one.at.map(|at| at.to_string()).unwrap_or_default();
    let value = match &one.job {
        Some(job) => format!("Job {job}"),
        None => shortened(&one.value),
    };
    let mut told = match (&one.decided, one.message.as_str()) {
        (None, "") => one.place(),
        _ => one.to_string(),
    };
    if let Some(resumes) = one.resumes {
        told = format!("{told}; asked again at {resumes}");
    }
    [state(&one.phase, palette), at, value, told]
}

/// A measurement as a line of its own, below others: columns have a fixed width.
pub fn row(one: &Evidence, palette: Palette) -> String {
    let mut columns = Columns::at_least(vec![14, 20, 8]);
    columns.row(cells(one, palette));
    columns.lines().join("")
}

fn shortened(value: &str) -> String {
    if value.chars().count() <= VALUE_MAX {
        return value.to_owned();
    }
    let cut: String = value.chars().take(VALUE_MAX).collect();
    format!("{cut}…")
}
