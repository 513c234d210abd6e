//! Turns successive pictures of a Rollout into lines: the head where it has changed, then the rows
//! of the tree that have. Pure; nothing is ever redrawn.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_analysis::run::is_completed;
use sluice_crd::analysis::AnalysisPhase;

use crate::view::analysis_run::{self, AnalysisRunView};
use crate::view::colour::Palette;
use crate::view::columns::width;
use crate::view::icon::{Icon, kind};
use crate::view::pod::PodView;
use crate::view::replica_set::{ReplicaSetView, Tag};
use crate::view::rollout::StrategyView;
use crate::view::why::{Step, StepState, Why};

/// The width of the first two columns of a row, indentation included.
const NAME: usize = 31;
const STATE: usize = 18;
/// No line is wider, unless a word is.
pub(super) const LINE_MAX: usize = 100;
/// The width of the time in front of a line.
const CLOCK: usize = 7;

/// Tells what has changed from picture to picture.
#[derive(Clone, Debug, Default)]
pub struct Narrator {
    palette: Palette,
    head: String,
    sets: BTreeMap<String, SetRow>,
    /// By the name of an AnalysisRun.
    runs: BTreeMap<String, AnalysisPhase>,
}

/// What a row of a ReplicaSet shows, and those of its pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SetRow {
    text: String,
    pods: BTreeMap<String, PodState>,
}

/// What a row of a pod shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PodState {
    status: String,
    ready: usize,
    containers: usize,
}

impl Narrator {
    /// One that has seen nothing yet.
    pub fn new(palette: Palette) -> Self {
        Self { palette, ..Self::default() }
    }

    /// The lines for a picture, this long after the beginning; none where nothing has changed.
    pub fn tell(&mut self, at: Duration, why: &Why) -> Vec<String> {
        let mut lines = Vec::new();
        let head = self.head(why);
        if head != self.head {
            lines.extend(folded(&head));
            self.head = head;
        }
        for set in why.rollout.replica_sets() {
            self.replica_set(set, &mut lines);
        }
        for run in why.rollout.revisions.iter().flat_map(|revision| &revision.analysis_runs) {
            self.analysis_run(run, why, &mut lines);
        }
        lines.iter_mut().for_each(|line| *line = format!("{}{line}", clock(at)));
        lines
    }

    fn head(&self, why: &Why) -> String {
        let view = &why.rollout;
        let phase = &view.phase;
        let icon = self.icon(phase.icon());
        let head = format!("{} {} {icon} {}", kind::ROLLOUT, view.name, phase.phase);
        // A status that is behind says nothing of where the release stands.
        let place = if phase.lag.is_none() { place(why) } else { Vec::new() };
        let parts: Vec<String> =
            place.into_iter().chain([phase.message.clone()]).filter(|p| !p.is_empty()).collect();
        if parts.is_empty() { head } else { format!("{head}: {}", parts.join(", ")) }
    }

    fn replica_set(&mut self, set: &ReplicaSetView, lines: &mut Vec<String>) {
        let row = SetRow {
            text: self.set_row(set),
            pods: set.pods.iter().map(|pod| (pod.name.clone(), PodState::of(pod))).collect(),
        };
        let before = self.sets.get(&set.name).cloned().unwrap_or_default();
        if row.text != before.text {
            lines.push(row.text.clone());
        }
        // Pods that have come to the same state together share a row.
        let mut moved: BTreeMap<&PodState, Vec<&PodView>> = BTreeMap::new();
        for pod in &set.pods {
            if let Some(state) = row.pods.get(&pod.name)
                && before.pods.get(&pod.name) != Some(state)
            {
                moved.entry(state).or_default().push(pod);
            }
        }
        lines.extend(moved.into_values().filter_map(|pods| self.pod_row(&pods)));
        self.sets.insert(set.name.clone(), row);
    }

    /// A row where its verdict has changed: a measurement alone would be a row a second.
    fn analysis_run(&mut self, run: &AnalysisRunView, why: &Why, lines: &mut Vec<String>) {
        if run.phase == AnalysisPhase::default() || self.runs.get(&run.name) == Some(&run.phase) {
            return;
        }
        let evidence = why.analyses.iter().find(|analysis| analysis.run == run.name);
        let evidence = evidence.filter(|_| is_completed(&run.phase));
        let info = evidence.map(|analysis| analysis.evidence.join("; ")).unwrap_or_default();
        let name = format!("  {} {}", kind::ANALYSIS_RUN, run.name);
        let state = format!("{} {}", self.icon(analysis_run::icon(&run.phase)), run.phase);
        lines.extend(wrapped(row(&name, &state, &info).trim_end(), LINE_MAX - CLOCK, "      "));
        self.runs.insert(run.name.clone(), run.phase.clone());
    }

    fn set_row(&self, set: &ReplicaSetView) -> String {
        let health = set.health;
        let pods = match (set.available, set.desired) {
            (0, 0) => "no pods".to_owned(),
            (available, desired) => format!("{available} of {desired} available"),
        };
        let images: Vec<&str> = set.images.iter().map(|image| short(image)).collect();
        let tags = set.tags.iter().map(|tag| self.palette.paint(&tag.word(), tag.colour()));
        let info = [pods, images.join(" ")].into_iter().chain(tags).collect::<Vec<_>>().join("  ");
        let colour = set.tags.iter().rev().find_map(Tag::colour);
        let name = format!("  {} {}", kind::REPLICA_SET, self.palette.paint(&set.name, colour));
        row(&name, &format!("{} {}", self.icon(health.icon()), health.word()), &info)
    }

    fn pod_row(&self, pods: &[&PodView]) -> Option<String> {
        let pod = pods.first()?;
        let name = match pods.len() {
            1 => pod.name.clone(),
            count => format!("{count} pods"),
        };
        let restarts: i64 = pods.iter().map(|pod| pod.restarts).sum();
        let mut info = format!("ready:{}/{}", pod.ready, pod.containers);
        if restarts > 0 {
            info = format!("{info}, restarts:{restarts}");
        }
        let name = format!("    {} {name}", kind::POD);
        Some(row(&name, &format!("{} {}", self.icon(pod.icon()), pod.status), &info))
    }

    fn icon(&self, icon: Icon) -> String {
        icon.paint(self.palette)
    }
}

impl PodState {
    fn of(pod: &PodView) -> Self {
        Self { status: pod.status.clone(), ready: pod.ready, containers: pod.containers }
    }
}

/// The step under way, of how many, and the weight of the new version where there are two.
fn place(why: &Why) -> Vec<String> {
    let current = why.steps.iter().find(|step| step.state == StepState::Current);
    let step = |step: &Step| format!("step {}/{} {}", step.number, why.steps.len(), step.text);
    let mut place: Vec<String> = current.map(step).into_iter().collect();
    let view = &why.rollout;
    let has = |tag: &Tag| view.replica_sets().any(|set| set.is(tag));
    if let StrategyView::Canary { actual_weight, .. } = &view.strategy
        && has(&Tag::Stable)
        && has(&Tag::Canary)
    {
        place.push(format!("at {actual_weight} %"));
    }
    place
}

/// An image without its registry and folders.
pub(super) fn short(image: &str) -> &str {
    image.rsplit('/').next().unwrap_or(image)
}

/// The time in front of a line.
pub(super) fn clock(at: Duration) -> String {
    format!("{:>3}.{}s ", at.as_secs(), at.subsec_millis() / 100)
}

fn row(name: &str, state: &str, info: &str) -> String {
    let (name, state) = (padded(name, NAME), padded(state, STATE));
    format!("{name} {state} {info}")
}

fn padded(text: &str, least: usize) -> String {
    format!("{text}{}", " ".repeat(least.saturating_sub(width(text))))
}

/// A line cut into several where it is too wide to stand behind the time.
fn folded(line: &str) -> Vec<String> {
    wrapped(line, LINE_MAX - CLOCK, "    ")
}

/// A text in lines of at most so many signs; all but the first begin with the indentation.
pub(super) fn wrapped(text: &str, most: usize, indent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut is_bare = true;
    // Spaces at the beginning, and several in a row, are words without letters: they stay.
    for (index, word) in text.split(' ').enumerate() {
        if !is_bare && width(&line) + 1 + width(word) > most {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
        } else if index > 0 {
            line.push(' ');
        }
        line.push_str(word);
        is_bare = line.trim().is_empty();
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_at_words() {
        assert_eq!(wrapped("one two three", 8, "  "), ["one two", "  three"]);
        assert_eq!(wrapped("⟳ a  b", 80, "  "), ["⟳ a  b"]);
        assert_eq!(wrapped("  one two three", 6, "    "), ["  one", "    two", "    three"]);
        assert_eq!(wrapped("unbreakable", 4, "  "), ["unbreakable"]);
    }

    #[test]
    fn the_clock_has_tenths() {
        assert_eq!(clock(Duration::from_millis(3_270)), "  3.2s ");
        assert_eq!(clock(Duration::from_millis(13_000)).len(), CLOCK);
    }
}
