//! The documents name files, functions and scenarios: each of them is there.
//!
//! Looked at are code spans and relative links; code blocks are not. A span is a path when it looks
//! like one; it is looked for from the top of the repository, from the document's own folder, and,
//! with `.yaml` put to it, in `e2e/scenarios`. In `path::name` the name has to be that of a function,
//! type, module, constant or trait in the file.

#[path = "documents/rows.rs"]
mod rows;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use sluice_simulator::scenario::Scenario;

/// Spans that look like a path and are none: parts of the Kubernetes API.
const NO_PATHS: [&str; 2] = ["apps/v1", "rollouts/status"];

/// Folders that are told of and do not exist yet. Once one does, it is no longer to be here.
const PLANNED: [&str; 1] = ["dashboard"];

/// How files are named that documents speak of.
const ENDINGS: [&str; 10] = ["jq", "json", "md", "mod", "rs", "snap", "toml", "tsv", "txt", "yaml"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Something in a document that does not exist.
#[derive(Debug, PartialEq, Eq)]
struct Missing {
    document: String,
    line: usize,
    named: String,
    why: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: `{}` {}", self.document, self.line, self.named, self.why)
    }
}

/// The documents, by their paths from the top of the repository.
fn documents(root: &Path) -> std::io::Result<Vec<String>> {
    let mut found = vec!["CONTRIBUTING.md".to_owned()];
    if root.join("README.md").is_file() {
        found.push("README.md".to_owned());
    }
    for entry in fs::read_dir(root.join("docs"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            found.push(format!("docs/{name}"));
        }
    }
    found.sort();
    Ok(found)
}

/// What a document names that does not exist.
fn missing(root: &Path, document: &str, text: &str) -> Vec<Missing> {
    let folder = Path::new(document).parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    let mut in_block = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            continue;
        }
        if in_block {
            continue;
        }
        let mut add = |named: &str, why: Option<&'static str>| {
            found.extend(why.map(|why| Missing {
                document: document.to_owned(),
                line: index + 1,
                named: named.to_owned(),
                why,
            }));
        };
        for span in spans(line).filter(|span| is_path(span)) {
            add(span, problem_of_path(root, folder, span));
        }
        for link in links(line).filter(|link| is_relative(link)) {
            let file = link.split('#').next().unwrap_or(link);
            let exists = file.is_empty() || root.join(folder).join(file).exists();
            add(link, (!exists).then_some("is a link to nothing"));
        }
    }
    found
}

/// The code spans of a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The targets of the links of a line, code spans left out.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let text = line.split('`').step_by(2);
    text.flat_map(|text| {
        text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
    })
}

fn is_relative(link: &str) -> bool {
    !link.contains("://") && !link.starts_with("mailto:")
}

/// Whether a span looks like a path: of the characters of one, with a folder in it that is no API
/// group, or with the ending of a file.
fn is_path(span: &str) -> bool {
    let (path, _) = split(span);
    let of_a_path = |c: char| c.is_ascii_alphanumeric() || "_-./*".contains(c);
    if path.is_empty() || !path.chars().all(of_a_path) || path.starts_with(['/', '-', '.']) {
        return false;
    }
    if NO_PATHS.contains(&path) {
        return false;
    }
    let (first, is_nested) = path.split_once('/').map_or((path, false), |(first, _)| (first, true));
    let has_ending = path.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending));
    has_ending || is_nested && !first.contains('.')
}

/// `path::name` in its parts.
fn split(span: &str) -> (&str, Option<&str>) {
    span.split_once("::").map_or((span, None), |(path, names)| (path, Some(names)))
}

fn problem_of_path(root: &Path, folder: &Path, span: &str) -> Option<&'static str> {
    let (path, names) = split(span);
    let first = path.split('/').next().unwrap_or(path);
    if PLANNED.contains(&first) {
        return None;
    }
    let scenarios = root.join("e2e/scenarios");
    if path.contains('*') {
        let tops = [root, &root.join(folder), &scenarios];
        return (!tops.into_iter().any(|top| matches(top, path))).then_some("matches no file");
    }
    let scenario = scenarios.join(format!("{path}.yaml"));
    let candidates = [root.join(path), root.join(folder).join(path), scenario];
    let Some(file) = candidates.iter().find(|candidate| candidate.exists()) else {
        return Some("does not exist");
    };
    let names = names?;
    let Ok(source) = fs::read_to_string(file) else { return Some("cannot be read") };
    let all_there = names.split("::").all(|name| defines(&source, name));
    (!all_there).then_some("is not defined in that file")
}

/// Whether something in a folder begins and ends as a pattern says, up to its first `*` and from its
/// last; what comes after a folder with a `*` is not looked at.
fn matches(top: &Path, pattern: &str) -> bool {
    let (before, after) = pattern.split_once('*').unwrap_or((pattern, ""));
    let (folder, begin) = before.rsplit_once('/').unwrap_or(("", before));
    let end = if after.contains('/') { "" } else { after.trim_start_matches('*') };
    let Ok(entries) = fs::read_dir(top.join(folder)) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with(begin) && name.ends_with(end)
    })
}

/// Whether a source file defines something of this name.
fn defines(source: &str, name: &str) -> bool {
    let keywords = ["fn", "struct", "enum", "mod", "const", "trait"];
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    source.lines().any(|line| {
        let mut words = line.split(|c: char| !is_name(c)).filter(|word| !word.is_empty());
        let mut before = words.next().unwrap_or_default();
        words.any(|word| {
            let defined = word == name && keywords.contains(&before);
            before = word;
            defined
        })
    })
}

#[test]
fn what_documents_name_is_there() {
    let root = root();
    let documents = documents(&root).unwrap();
    assert!(documents.len() > 3, "{documents:?}");
    let mut found = Vec::new();
    let mut paths = 0;
    for document in &documents {
        let text = fs::read_to_string(root.join(document)).unwrap();
        paths += text.lines().flat_map(spans).filter(|span| is_path(span)).count();
        found.extend(missing(&root, document, &text).iter().map(Missing::to_string));
    }
    assert!(paths > 100, "only {paths} paths were recognised");
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn scenarios_that_pages_show_can_be_read() {
    let mut steps = 0;
    for (page, prefix) in [("docs/scenarios.md", "about: x\ncovers: []\n"), ("CONTRIBUTING.md", "")]
    {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        for block in blocks {
            let read = Scenario::parse(&format!("{prefix}{block}"), Path::new(page));
            steps += read.unwrap_or_else(|error| panic!("{error}")).steps.len();
        }
    }
    assert!(steps > 15, "only {steps} steps were found");
}

#[test]
fn what_is_planned_is_not_there() {
    for folder in PLANNED {
        assert!(!root().join(folder).exists(), "{folder} is there: strike it from PLANNED");
    }
}

#[test]
fn what_is_missing_is_found() {
    let names = |text: &str| -> Vec<String> {
        missing(&root(), "docs/page.md", text).into_iter().map(|m| m.named).collect()
    };
    for there in [
        "`planner/src/stage.rs` and `planner/src/stage.rs::enter`",
        "`operator/src/queue.rs::Queue::failed`",
        "`e2e/scenarios/**`, `docs/*.md`, `bad-input/held-*`, `planner/*/stage.rs`, `verbs/abort-at-a-pause`, `LICENSE`, `Cargo.toml`",
        "[a](scenarios.md#running-them), [b](../LICENSE), [c](#here), [d](https://example.com/x)",
        "`argoproj.io/v1alpha1`, `/metrics`, `a/b c`, `Snapshot::now`, `x / y`, `rollouts/status`",
        "```sh\nfor me in `no/such/file.rs`\n```",
        "`dashboard/src/`",
    ] {
        assert_eq!(names(there), [] as [&str; 0], "{there}");
    }
    for (missing, named) in [
        ("`planner/src/none.rs`", "planner/src/none.rs"),
        ("`none/src/stage.rs`", "none/src/stage.rs"),
        ("`none.rs`", "none.rs"),
        ("`planner/none`", "planner/none"),
        ("`planner/none/*.rs`", "planner/none/*.rs"),
        ("`planner/src/none-*`", "planner/src/none-*"),
        ("`docs/*.none`", "docs/*.none"),
        ("`verbs/none`", "verbs/none"),
        ("`planner/src/stage.rs::ente`", "planner/src/stage.rs::ente"),
        ("`planner/src/stage.rs::enter::none`", "planner/src/stage.rs::enter::none"),
        ("[a](none.md)", "none.md"),
        ("[a](../none.md#here)", "../none.md#here"),
    ] {
        assert_eq!(names(missing), [named], "{missing}");
    }
}
