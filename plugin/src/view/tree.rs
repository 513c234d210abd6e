//! The tree of `get rollout`: updates, their ReplicaSets, pods, experiments and analyses.

use sluice_crd::time::Time;

use super::age::{age, human_duration};
use super::analysis_run::{self, AnalysisRunView};
use super::colour::Palette;
use super::columns::Columns;
use super::experiment::ExperimentView;
use super::icon::{Icon, kind};
use super::replica_set::ReplicaSetView;
use super::rollout::{RevisionView, RolloutView};

/// The lines of the tree, each without its line break.
pub fn lines(view: &RolloutView, palette: Palette) -> Vec<String> {
    let mut tree = Tree { columns: Columns::default(), palette, now: view.now };
    tree.columns.row(["NAME", "KIND", "STATUS", "AGE", "INFO"].map(str::to_owned));
    let phase = &view.phase;
    tree.columns.row([
        format!("{} {}", kind::ROLLOUT, view.name),
        "Rollout".to_owned(),
        tree.state(phase.icon(), phase.phase.as_str()),
        age(view.created, view.now),
        String::new(),
    ]);
    for (revision, branch) in branches("", &view.revisions) {
        tree.revision(revision, &branch);
    }
    tree.columns.lines()
}

/// Where a line hangs: what stands before its sign, and before those of its children.
struct Branch {
    own: String,
    children: String,
}

/// The items with their places under a parent whose children begin with `prefix`.
fn branches<'a, T>(prefix: &str, items: &'a [T]) -> impl Iterator<Item = (&'a T, Branch)> {
    let count = items.len();
    items.iter().enumerate().map(move |(index, item)| (item, branch(prefix, index + 1 == count)))
}

fn branch(prefix: &str, is_last: bool) -> Branch {
    let (own, children) = if is_last { ("└──", "   ") } else { ("├──", "│  ") };
    Branch { own: format!("{prefix}{own}"), children: format!("{prefix}{children}") }
}

struct Tree {
    columns: Columns,
    palette: Palette,
    now: Time,
}

impl Tree {
    fn state(&self, icon: Icon, word: &str) -> String {
        format!("{} {word}", icon.paint(self.palette))
    }

    fn revision(&mut self, revision: &RevisionView, at: &Branch) {
        self.columns.row([
            format!("{}{} revision:{}", at.own, kind::REVISION, revision.number),
            String::new(),
            // The space between a sign and a word that are not there.
            " ".to_owned(),
            String::new(),
            String::new(),
        ]);
        let count =
            revision.replica_sets.len() + revision.experiments.len() + revision.analysis_runs.len();
        let mut places = (1..=count).map(|place| branch(&at.children, place == count));
        for (set, place) in revision.replica_sets.iter().zip(places.by_ref()) {
            self.replica_set(set, &place);
        }
        for (experiment, place) in revision.experiments.iter().zip(places.by_ref()) {
            self.experiment(experiment, &place);
        }
        for (run, place) in revision.analysis_runs.iter().zip(places.by_ref()) {
            self.analysis_run(run, &place);
        }
    }

    fn replica_set(&mut self, set: &ReplicaSetView, at: &Branch) {
        let palette = self.palette;
        let mut info: Vec<String> =
            set.tags.iter().map(|tag| palette.paint(&tag.word(), tag.colour())).collect();
        if let Some(deadline) = set.scale_down {
            info.push(format!("delay:{}", delay(deadline, self.now)));
        }
        let colour = set.tags.iter().rev().find_map(super::replica_set::Tag::colour);
        self.columns.row([
            format!("{}{} {}", at.own, kind::REPLICA_SET, palette.paint(&set.name, colour)),
            "ReplicaSet".to_owned(),
            self.state(set.health.icon(), set.health.word()),
            age(set.created, self.now),
            info.join(","),
        ]);
        for (pod, place) in branches(&at.children, &set.pods) {
            let mut info = format!("ready:{}/{}", pod.ready, pod.containers);
            if pod.restarts > 0 {
                info = format!("{info},restarts:{}", pod.restarts);
            }
            self.columns.row([
                format!("{}{} {}", place.own, kind::POD, pod.name),
                "Pod".to_owned(),
                self.state(pod.icon(), &pod.status),
                age(pod.created, self.now),
                info,
            ]);
        }
    }

    fn experiment(&mut self, experiment: &ExperimentView, at: &Branch) {
        let phase = &experiment.phase;
        let name = self.palette.paint(&experiment.name, analysis_run::colour(phase));
        self.columns.row([
            format!("{}{} {name}", at.own, kind::EXPERIMENT),
            "Experiment".to_owned(),
            self.state(analysis_run::icon(phase), phase.as_str()),
            age(experiment.created, self.now),
            String::new(),
        ]);
        let count = experiment.replica_sets.len() + experiment.analysis_runs.len();
        let mut places = (1..=count).map(|place| branch(&at.children, place == count));
        for (set, place) in experiment.replica_sets.iter().zip(places.by_ref()) {
            self.replica_set(set, &place);
        }
        for (run, place) in experiment.analysis_runs.iter().zip(places.by_ref()) {
            self.analysis_run(run, &place);
        }
    }

    fn analysis_run(&mut self, run: &AnalysisRunView, at: &Branch) {
        let counts = [
            (Icon::Good, run.successful),
            (Icon::Bad, run.failed),
            (Icon::Unknown, run.inconclusive),
            (Icon::Warning, run.errors),
        ];
        let info: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(icon, count)| format!("{} {count}", icon.paint(self.palette)))
            .collect();
        let name = self.palette.paint(&run.name, analysis_run::colour(&run.phase));
        self.columns.row([
            format!("{}{} {name}", at.own, kind::ANALYSIS_RUN),
            "AnalysisRun".to_owned(),
            self.state(analysis_run::icon(&run.phase), run.phase.as_str()),
            age(run.created, self.now),
            info.join(","),
        ]);
        for (job, place) in branches(&at.children, &run.jobs) {
            let name = self.palette.paint(&job.name, analysis_run::colour(&job.phase));
            self.columns.row([
                format!("{}{} {name}", place.own, kind::JOB),
                "Job".to_owned(),
                self.state(analysis_run::icon(&job.phase), job.phase.as_str()),
                age(job.started, self.now),
                String::new(),
            ]);
        }
    }
}

/// How long a scale-down is still put off.
fn delay(deadline: Time, now: Time) -> String {
    let left = deadline.seconds_since(now);
    if left < 0 { "passed".to_owned() } else { human_duration(left) }
}
