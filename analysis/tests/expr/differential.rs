//! Generated expressions, answered by us and by the original, `github.com/expr-lang/expr`.
//!
//! `SLUICE_EXPRESSIONS` says how many, `SLUICE_SEED` where to begin.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::generated::{self, Generator, Measured};
use super::times;
use sluice_analysis::expr::{Condition, EvalError, Key, Limits, Value};

/// What is otherwise on purpose: a word of our answer or of theirs, and why.
const ANSWERS: [(&str, &str); 15] = [
    ("nested deeper", "nesting is bounded here, and in Go only by the size of the stack"),
    ("takes more than", "our budget is in steps and bytes, theirs in elements"),
    ("memory budget exceeded", "the same the other way round"),
    (
        "goes over a list, not over",
        "theirs goes over the bytes of a text, and over a map as long \
      as nobody looks at an element, if they are found only when it runs",
    ),
    ("is a function: call it", "functions are no values here"),
    ("only UTC is", "there is no database of time zones here"),
    ("has no method", "of Go's methods, those are here that have a meaning without Go"),
    ("is a method: call it", "methods are no values here"),
    ("?func", "the same"),
    ("is no key", "times and durations are no keys here"),
    ("time is out of range", "the calendar ends earlier here"),
    ("invalid UTF-8", "a text that is cut within a character has another one there here"),
    ("byte literals", "bytes are no values here"),
    ("there is no `$env`", "the environment is no value here"),
    ("reflect: call of reflect", "what fails within Go's reflection is an accident, not a rule"),
];

/// What is otherwise on purpose: a word of the expression, and why.
const EXPRESSIONS: [(&str, &str); 8] = [
    ("keys(", "the order of a Go map differs by run; ours are sorted"),
    ("values(", "the same"),
    ("toPairs(", "the same"),
    ("findLast", "theirs leaves true and false on its stack, where the next operator takes them"),
    ("last(filter", "becomes findLast there"),
    ("string(timezone", "theirs shows of what a time zone is made"),
    ("now(", "the clock goes on there while it runs"),
    (")[-1]", "becomes findLast there, after a filter"),
];

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        Err(_) => otherwise,
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// A value as the Go program shows it.
fn show(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => format!("i{i}"),
        Value::Float(f) if f.is_nan() => "fNaN".to_owned(),
        Value::Float(f) => format!("f{:016x}", (f + 0.0).to_bits()),
        Value::Text(text) => format!("s{}", hex(text)),
        Value::Time(time) => format!("t{}", hex(&time.to_string())),
        Value::Duration(span) => format!("d{}", span.as_nanos()),
        Value::Zone => "zUTC".to_owned(),
        Value::List(list) => {
            let items: Vec<String> = list.items().iter().map(show).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Map(map) => {
            let shown =
                |(key, value): (&Key, &Value)| format!("{}:{}", show(&key.value()), show(value));
            let mut items: Vec<String> = map.entries().iter().map(shown).collect();
            items.sort();
            format!("{{{}}}", items.join(" "))
        }
    }
}

fn ours(expression: &str, measured: &Measured) -> String {
    let value = match Condition::compile(expression) {
        Ok(condition) => condition.evaluate(&measured.value(), Limits::default()),
        Err(error) => return format!("E compile: {error}"),
    };
    match value {
        Ok(value) => show(&value),
        Err(error @ EvalError::Type { .. }) => format!("E compile: {error}"),
        Err(error) => format!("E run: {error}"),
    }
}

/// Both are errors, or both are the same value. Powers differ in their last digits between libraries
/// of mathematics: there, both being a value is enough.
fn agree(expression: &str, ours: &str, theirs: &str) -> bool {
    let failed = |answer: &str| answer.starts_with("E ");
    ours == theirs
        || failed(ours) && failed(theirs)
        || expression.contains("**")
            && ![ours, theirs]
                .iter()
                .any(|answer| failed(answer) || ["true", "false"].contains(answer))
}

/// The program that answers with the original, if there is a Go to build it.
fn oracle() -> Option<Command> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("differential");
    let built = Command::new("go")
        .arg("build")
        .arg("-o")
        .arg(&program)
        .arg(".")
        .current_dir(folder)
        .output();
    let Ok(built) = built else {
        assert!(std::env::var_os("CI").is_none(), "Go is missing, and CI has to have it");
        eprintln!("SKIPPED: Go is not on this machine, so nothing was compared with the original");
        return None;
    };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(Command::new(program))
}

fn theirs(questions: &[(String, Measured)]) -> Option<Vec<String>> {
    let mut child = oracle()?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: String = questions
        .iter()
        .map(|(expression, measured)| {
            let (kind, value) = measured.told();
            format!("{}\n", serde_json::json!({"e": expression, "k": kind, "v": value}))
        })
        .collect();
    let writing = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "the program of the original died");
    let answers = String::from_utf8(output.stdout).unwrap();
    Some(answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn expressions_are_worth_what_the_original_says() {
    let count = number("SLUICE_EXPRESSIONS", 5_000);
    let mut generator = Generator::new(number("SLUICE_SEED", 1));
    let mut questions = generated::chosen();
    questions.extend((0..count).map(|_| generator.question()));
    questions.extend(times::chosen());
    let mut times = times::Generator::new(number("SLUICE_SEED", 1));
    questions.extend((0..count).map(|_| times.question()));
    let Some(theirs) = theirs(&questions) else { return };
    assert_eq!(theirs.len(), questions.len());

    let mut differences = Vec::new();
    let (mut values, mut deliberate) = (0, 0);
    for ((expression, measured), theirs) in questions.iter().zip(&theirs) {
        let ours = ours(expression, measured);
        values += usize::from(!theirs.starts_with("E "));
        if agree(expression, &ours, theirs) {
            continue;
        }
        let answered = |(word, _): &(&str, &str)| ours.contains(word) || theirs.contains(word);
        let asked = |(word, _): &(&str, &str)| expression.contains(word);
        if ANSWERS.iter().any(answered) || EXPRESSIONS.iter().any(asked) {
            deliberate += 1;
            continue;
        }
        let told = measured.told();
        differences.push(format!("{expression}\n  on {told:?}\n  ours {ours}\n  theirs {theirs}"));
    }
    println!(
        "{} expressions, {values} with a value, {deliberate} otherwise on purpose",
        questions.len()
    );
    let shown: Vec<&String> = differences.iter().take(60).collect();
    assert!(differences.is_empty(), "{} differ:\n{shown:#?}", differences.len());
}
