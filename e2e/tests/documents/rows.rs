//! `docs/specification.md` maps every rule to scenarios (issue 5, "Done when").

use std::fs;

use super::{root, spans};

/// Rows that a section has, by the specification.
const SECTIONS: [(&str, usize); 8] = [
    ("2.1", 13),
    ("2.2", 11),
    ("2.3", 6),
    ("2.4", 15),
    ("2.5", 8),
    ("2.6", 12),
    ("2.7", 7),
    ("2.8", 5),
];

struct Row {
    number: String,
    shown_by: Vec<String>,
}

fn rows(text: &str) -> Vec<Row> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    let of_a_row = |line: &str| {
        let cells = cells(line);
        let number = cells.first()?.clone();
        number.starts_with("2.").then(|| Row {
            number,
            shown_by: cells
                .last()
                .map(|c| spans(c).map(str::to_owned).collect())
                .unwrap_or_default(),
        })
    };
    text.lines().filter(|line| line.starts_with("| 2.")).filter_map(of_a_row).collect()
}

/// What is wrong with the table.
fn problems(text: &str) -> Vec<String> {
    let rows = rows(text);
    let numbers: Vec<_> = rows.iter().map(|row| row.number.clone()).collect();
    let expected: Vec<_> = SECTIONS
        .iter()
        .flat_map(|(section, count)| (1..=*count).map(move |row| format!("{section}.{row}")))
        .collect();
    let mut out = Vec::new();
    if numbers != expected {
        out.push(format!("the rows are {numbers:?}, and should be {expected:?}"));
    }
    for row in &rows {
        let scenario = |name: &String| root().join(format!("e2e/scenarios/{name}.yaml")).is_file();
        if !row.shown_by.iter().any(scenario) {
            out.push(format!("row {} has no scenario", row.number));
        }
        let exists = |name: &&String| !scenario(name) && !root().join(name).exists();
        out.extend(
            row.shown_by
                .iter()
                .filter(exists)
                .map(|name| format!("row {}: there is no {name}", row.number)),
        );
    }
    out
}

#[test]
fn every_rule_has_a_scenario() {
    let text = fs::read_to_string(root().join("docs/specification.md")).unwrap();
    assert_eq!(problems(&text), Vec::<String>::new());
}

#[test]
fn a_row_without_a_scenario_is_found() {
    let text = fs::read_to_string(root().join("docs/specification.md")).unwrap();
    let broken = text.replace("`canary/pause-forms`", "`canary/no-such-scenario`");
    assert_eq!(
        problems(&broken),
        ["row 2.2.3 has no scenario", "row 2.2.3: there is no canary/no-such-scenario"]
    );
    let shorter: String =
        text.lines().filter(|line| !line.starts_with("| 2.8.5 ")).collect::<Vec<_>>().join("\n");
    assert_eq!(problems(&shorter).len(), 1);
}
