//! The answer of `why` as text: one screen.

use sluice_crd::time::Time;

use super::{Analysis, Gate, Step, StepState, WaitedFor, Why};
use crate::view::age::{age, instant};
use crate::view::colour::{Colour, Palette};
use crate::view::columns::Columns;
use crate::view::run::{Next, state};

/// Steps before the current one, and after it, that are shown.
const STEPS_BEFORE: usize = 1;
const STEPS_AFTER: usize = 6;

/// The width of the labels at the left.
const LABEL: usize = 10;

/// The lines of the answer, each without its line break.
pub fn lines(why: &Why, palette: Palette) -> Vec<String> {
    let now = why.rollout.now;
    let mut out = vec![title(why, palette), String::new()];
    labelled(&mut out, "Why", &why.reasons);
    if let Some(since) = why.since {
        labelled(&mut out, "Since", &[format!("{}: {}", instant(since.at, now), since.what)]);
    }
    let end = |end: &super::End| match end.at {
        Some(at) => format!("{}: {}", instant(at, now), end.what),
        None => end.what.clone(),
    };
    labelled(&mut out, "Ends", &why.ends.iter().map(end).collect::<Vec<_>>());
    section(&mut out, "Analysis", &analyses(&why.analyses, now, palette));
    section(&mut out, "Versions", &versions(why));
    if let Some(waited_for) = &why.waited_for {
        section(&mut out, "Pods", &pods(waited_for, now, palette));
    }
    section(&mut out, "Steps", &steps(&why.steps, now, palette));
    section(&mut out, "You can", &actions(why));
    out
}

/// A part of the answer with an empty line before it; nothing where it is empty.
fn section(out: &mut Vec<String>, label: &str, lines: &[String]) {
    if !lines.is_empty() {
        out.push(String::new());
        labelled(out, label, lines);
    }
}

fn labelled(out: &mut Vec<String>, label: &str, lines: &[String]) {
    for (index, line) in lines.iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        out.push(format!("{label:<LABEL$}{line}").trim_end().to_owned());
    }
}

fn title(why: &Why, palette: Palette) -> String {
    let view = &why.rollout;
    let phase = &view.phase;
    let mut title = format!(
        "Rollout {} in namespace {}: {} {}",
        view.name,
        view.namespace,
        phase.icon().paint(palette),
        phase.phase
    );
    if !phase.message.is_empty() && phase.message.len() <= 60 {
        title = format!("{title} ({})", phase.message);
    }
    title
}

fn analyses(analyses: &[Analysis], now: Time, palette: Palette) -> Vec<String> {
    let mut out = Vec::new();
    for analysis in analyses {
        let purpose = analysis.purpose.as_ref().map(|purpose| format!(" ({purpose})"));
        let state = state(&analysis.phase, palette);
        out.push(format!("AnalysisRun {}{}: {state}", analysis.run, purpose.unwrap_or_default()));
        out.extend(analysis.evidence.iter().map(|evidence| format!("  {evidence}")));
        if analysis.more > 0 {
            out.push(format!("  and {} more", analysis.more));
        }
        match analysis.next {
            Some(Next::Now) => out.push("  a measurement is due, or under way".to_owned()),
            Some(Next::At(at)) => out.push(format!("  next measurement {}", instant(at, now))),
            None => {}
        }
    }
    out
}

fn versions(why: &Why) -> Vec<String> {
    let mut columns = Columns::default();
    for version in &why.versions {
        columns.row([
            version.role.to_string(),
            format!("revision {}", version.revision),
            version.replica_set.clone(),
            match (version.available, version.desired) {
                (0, 0) => "no pods".to_owned(),
                (available, desired) if available > desired => {
                    format!("{available} pods available, {desired} asked for")
                }
                (available, desired) => format!("{available} of {desired} pods available"),
            },
            version.images.join(", "),
        ]);
    }
    columns.lines()
}

fn pods(waited_for: &WaitedFor, now: Time, palette: Palette) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(failure) = &waited_for.failure {
        out.push(format!("ReplicaSet {} cannot create pods: {failure}", waited_for.replica_set));
    }
    if waited_for.pods.is_empty() && waited_for.failure.is_none() {
        out.push(format!("ReplicaSet {} has no pod in trouble", waited_for.replica_set));
    }
    for pod in &waited_for.pods {
        let status = palette.paint(&pod.status, Some(Colour::Red));
        let since = age(pod.since, now);
        out.push(format!("{}  {status}, not available for {since}", pod.name));
        out.extend(pod.details.iter().map(|detail| format!("  {detail}")));
    }
    if waited_for.more > 0 {
        out.push(format!("and {} more", waited_for.more));
    }
    out
}

fn steps(steps: &[Step], now: Time, palette: Palette) -> Vec<String> {
    let count = steps.len();
    let current = steps.iter().position(|step| step.state == StepState::Current).unwrap_or(count);
    let first = current.saturating_sub(STEPS_BEFORE);
    let shown: Vec<&Step> = steps.iter().skip(first).take(STEPS_BEFORE + 1 + STEPS_AFTER).collect();
    let mut columns = Columns::default();
    for step in &shown {
        let sign = match step.state {
            StepState::Done => palette.paint("✔", Some(Colour::Green)),
            StepState::Current => palette.paint("▶", Some(Colour::HighBlue)),
            StepState::Ahead => " ".to_owned(),
        };
        let place = format!("{sign} {}/{count}", step.number);
        columns.row([place, step.text.clone(), when(step, now)]);
    }
    let mut out = columns.lines();
    let left = count.saturating_sub(first + shown.len());
    if left > 0 {
        out.push(format!("and {left} more"));
    }
    out
}

fn when(step: &Step, now: Time) -> String {
    let is_current = step.state == StepState::Current;
    match (step.gate, step.not_before) {
        _ if step.state == StepState::Done => String::new(),
        (Gate::Person, _) => "until somebody promotes".to_owned(),
        (Gate::Time, Some(at)) if is_current => format!("until {}", instant(at, now)),
        (Gate::Time, Some(at)) => format!("until {} at the earliest", instant(at, now)),
        (Gate::Work, Some(at)) if at > now => format!("not before {}", instant(at, now)),
        _ => String::new(),
    }
}

fn actions(why: &Why) -> Vec<String> {
    let mut columns = Columns::default();
    for action in &why.actions {
        columns.row([action.command.clone(), action.effect.clone()]);
    }
    columns.lines()
}
