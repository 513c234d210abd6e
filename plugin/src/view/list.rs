//! The table of `list rollouts`.

use sluice_crd::rollout::{Rollout, RolloutStatus};
use sluice_crd::time::Time;

use super::columns::Columns;
use super::objects::name;
use super::phase::PhaseView;
use super::rollout::steps_over;
use super::weight;

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The Rollout's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    cells: [String; 8],
}

/// Which columns there are besides the usual ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// NAMESPACE, where Rollouts of several are shown.
    pub namespace: bool,
    /// TIMESTAMP, when each line was printed.
    pub timestamp: bool,
}

/// The usual columns, and how wide each is at least: in a table that grows line by line they stay
/// where they are.
const COLUMNS: [(&str, usize); 9] = [
    ("NAME", 10),
    ("STRATEGY", 9),
    ("STATUS", 12),
    ("STEP", 4),
    ("SET-WEIGHT", 10),
    ("READY", 5),
    ("DESIRED", 7),
    ("UP-TO-DATE", 10),
    ("AVAILABLE", 9),
];

impl Row {
    /// The line of a Rollout.
    pub fn of(rollout: &Rollout) -> Self {
        let empty = RolloutStatus::default();
        let status = rollout.status.as_ref().unwrap_or(&empty);
        let none = || "-".to_owned();
        let strategy = &rollout.spec.strategy;
        let (word, step, set_weight) = match (&strategy.canary, &strategy.blue_green) {
            (Some(canary), _) => {
                let step = steps_over(status, canary.steps.as_ref().map_or(0, Vec::len));
                let step = step.map_or_else(none, |(over, count)| format!("{over}/{count}"));
                ("Canary", step, weight::set_weight(canary, status).to_string())
            }
            (None, Some(_)) => ("BlueGreen", none(), none()),
            (None, None) => ("unknown", none(), none()),
        };
        Self {
            namespace: rollout.metadata.namespace.clone().unwrap_or_default(),
            name: name(&rollout.metadata),
            cells: [
                word.to_owned(),
                PhaseView::of(rollout).phase.to_string(),
                step,
                set_weight,
                format!("{}/{}", status.ready_replicas, status.replicas),
                rollout.spec.replicas_or_default().to_string(),
                status.updated_replicas.to_string(),
                status.available_replicas.to_string(),
            ],
        }
    }
}

/// A table that grows: later lines keep the columns of the earlier ones.
#[derive(Clone, Debug)]
pub struct Table {
    shape: Shape,
    widths: Vec<usize>,
}

impl Table {
    /// An empty table.
    pub fn new(shape: Shape) -> Self {
        let mut widths = Vec::new();
        if shape.timestamp {
            widths.push(20);
        }
        if shape.namespace {
            widths.push(9);
        }
        widths.extend(COLUMNS.map(|(_, least)| least));
        Self { shape, widths }
    }

    /// The head and these rows.
    pub fn with_head(&mut self, rows: &[Row], now: Time) -> Vec<String> {
        let mut head = Vec::new();
        if self.shape.timestamp {
            head.push("TIMESTAMP");
        }
        if self.shape.namespace {
            head.push("NAMESPACE");
        }
        head.extend(COLUMNS.map(|(title, _)| title));
        self.lines(Some(head.into_iter().map(str::to_owned).collect()), rows, now)
    }

    /// These rows, under those that stand already.
    pub fn more(&mut self, rows: &[Row], now: Time) -> Vec<String> {
        self.lines(None, rows, now)
    }

    fn lines(&mut self, head: Option<Vec<String>>, rows: &[Row], now: Time) -> Vec<String> {
        let mut columns = Columns::at_least(self.widths.clone());
        if let Some(head) = head {
            columns.row(head);
        }
        for row in rows {
            let mut cells = Vec::new();
            if self.shape.timestamp {
                cells.push(now.to_string());
            }
            if self.shape.namespace {
                cells.push(row.namespace.clone());
            }
            cells.push(row.name.clone());
            cells.extend(row.cells.iter().cloned());
            // The last column is padded as well, as in the original.
            if let Some(last) = cells.last_mut() {
                *last = format!("{last:<9}");
            }
            columns.row(cells);
        }
        self.widths = columns.widths();
        columns.lines()
    }
}
