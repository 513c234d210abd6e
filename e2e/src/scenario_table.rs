//! The table of docs/scenarios.md: each row that is promised, and the scenarios that show it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::scenarios::Named;

const BEGIN: &str = "<!-- written by `cargo xtask scenarios` -->\n";
const END: &str = "<!-- end -->";

/// What is wrong with the table.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Problem {
    /// The page has no table between the marks.
    #[error("docs/scenarios.md has no table between its marks")]
    NoTable,
    /// A row without a scenario.
    #[error("no scenario covers these rows of docs/scenarios.md: {0:?}")]
    NotCovered(BTreeSet<String>),
    /// A scenario without a row.
    #[error("these rows are covered but not in docs/scenarios.md: {0:?}")]
    NotListed(BTreeSet<String>),
}

/// The page.
pub fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scenarios.md")
}

/// The page with its third column as the scenarios are.
///
/// # Errors
///
/// Rows without scenarios, or scenarios without rows.
pub fn written(page: &str, scenarios: &[Named]) -> Result<String, Problem> {
    let (head, rest) = page.split_once(BEGIN).ok_or(Problem::NoTable)?;
    let (table, tail) = rest.split_once(END).ok_or(Problem::NoTable)?;
    let mut covering: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for named in scenarios {
        for row in &named.scenario.covers {
            covering.entry(row).or_default().push(&named.name);
        }
    }
    let mut out = format!("{head}{BEGIN}");
    let mut listed = BTreeSet::new();
    for (number, line) in table.lines().enumerate() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [row, what, ..] = cells[..] else { return Err(Problem::NoTable) };
        if number < 2 {
            out.push_str(line);
        } else {
            listed.insert(row.to_owned());
            let names = covering.get(row).map_or_else(String::new, |names| names.join(", "));
            out.push_str(&format!("| {row} | {what} | {names} |"));
        }
        out.push('\n');
    }
    let covered: BTreeSet<String> = covering.keys().map(|row| (*row).to_owned()).collect();
    let without: BTreeSet<String> = listed.difference(&covered).cloned().collect();
    let unlisted: BTreeSet<String> = covered.difference(&listed).cloned().collect();
    if !without.is_empty() {
        return Err(Problem::NotCovered(without));
    }
    if !unlisted.is_empty() {
        return Err(Problem::NotListed(unlisted));
    }
    Ok(format!("{out}{END}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios;

    #[test]
    fn the_table_is_complete_and_current() {
        let scenarios = scenarios::all().unwrap();
        let text = std::fs::read_to_string(page()).unwrap();
        let expected = written(&text, &scenarios).unwrap();
        assert!(text == expected, "docs/scenarios.md is stale: run cargo xtask scenarios");
    }

    #[test]
    fn a_row_without_a_scenario_is_found() {
        let page = format!("{BEGIN}| Row | What | Scenarios |\n|---|---|---|\n| x | y | |\n{END}");
        assert_eq!(written(&page, &[]), Err(Problem::NotCovered(["x".to_owned()].into())));
    }

    #[test]
    fn names_of_scenarios_are_unique() {
        let scenarios = scenarios::all().unwrap();
        let names: BTreeSet<&str> = scenarios.iter().map(|named| named.name.as_str()).collect();
        assert_eq!(names.len(), scenarios.len());
    }
}
