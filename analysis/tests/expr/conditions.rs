//! Conditions as templates have them, and what is to come of them.

use sluice_analysis::expr::{Condition, EvalError, Judgement, Limits, Value, judge};

/// What upstream's language answers, one row a condition; how it was recorded is in its first line.
const CASES: &str = include_str!("../data/expr-cases.tsv");

fn value(json: &str) -> Value {
    match json {
        "NaN" => Value::Float(f64::NAN),
        "Inf" => Value::Float(f64::INFINITY),
        json => Value::from_json(&serde_json::from_str(json).unwrap()).unwrap(),
    }
}

fn answer(result: &Value, condition: &str) -> String {
    let Ok(condition) = Condition::compile(condition) else { return "ERR".to_owned() };
    match condition.holds(result, Limits::default()) {
        Ok(holds) => holds.to_string(),
        Err(EvalError::NotBool { .. }) => "NONBOOL".to_owned(),
        Err(_) => "ERR".to_owned(),
    }
}

#[test]
fn recorded_conditions_are_answered_alike() {
    let mut different = Vec::new();
    let mut count = 0;
    for row in CASES.lines().filter(|row| !row.starts_with('#') && !row.is_empty()) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [expected, result, condition] = columns[..] else { panic!("three columns: {row}") };
        count += 1;
        let found = answer(&value(result), condition);
        if found != expected {
            different.push(format!("{expected}, not {found}: {condition} on {result}"));
        }
    }
    assert!(different.is_empty(), "{} of {count}:\n{}", different.len(), different.join("\n"));
    assert_eq!(count, 69);
}

/// The phase of a measurement: value, success condition, failure condition.
#[test]
fn a_measurement_is_judged_by_its_conditions() {
    const NONE: &str = "";
    let samples = |all: &[f64]| Value::samples(all.iter().copied());
    let nan = || samples(&[f64::NAN]);
    let rows: Vec<(Value, &str, &str, &str)> = vec![
        (Value::Float(1.0), NONE, NONE, "Successful"),
        (nan(), "result[0] > 0.9", NONE, "Failed"),
        (nan(), NONE, "result[0] > 0.9", "Successful"),
        (nan(), "result[0] > 0.9", "result[0] <= 0.9", "Inconclusive"),
        (nan(), "isNaN(result[0]) || result[0] > 0.9", NONE, "Successful"),
        (samples(&[]), "result[0] > 0.9", NONE, "no-data"),
        (samples(&[]), "len(result) == 0 || result[0] > 0.9", NONE, "Successful"),
        (samples(&[]), "default(result, 1) == 1", NONE, "Failed"),
        (Value::Nil, "result > 0.9", NONE, "no-data"),
        (Value::Nil, "default(result, 0) < 0.05", NONE, "Successful"),
        (Value::Float(1.0), "result < 2", "result > 0", "Failed"),
        (Value::Float(1.0), "result > 2", "result < 0", "Inconclusive"),
        (Value::Float(1.0), "result + 1", NONE, "not-bool"),
        (samples(&[0.97]), "result > 0.9", NONE, "type"),
    ];
    for (result, success, failure, expected) in rows {
        let compiled = |text: &str| (!text.is_empty()).then(|| Condition::compile(text).unwrap());
        let (success, failure) = (compiled(success), compiled(failure));
        let found = judge(&result, success.as_ref(), failure.as_ref(), Limits::default());
        let found = match &found {
            Ok(Judgement::Successful) => "Successful",
            Ok(Judgement::Failed) => "Failed",
            Ok(Judgement::Inconclusive) => "Inconclusive",
            Err(error) => error.category(),
        };
        assert_eq!(found, expected, "{result:?} {success:?} {failure:?}");
    }
}

#[test]
fn errors_say_where_and_what() {
    for (condition, result, message) in [
        ("result[0] > ", "[1]", "at column 13: the end of the expression was not expected here"),
        ("result[0] > 1 && asFloat()", "[1]", "at column 18: `asFloat` takes one argument"),
        (
            "resul > 1",
            "1",
            "at column 1: there is no `resul`: what was measured is called `result`",
        ),
        ("result > 0.9", "[0.97]", "at column 8: `>` does not go between array and float"),
        ("result[1] > 0.9", "[0.97]", "at column 7: index 1 is out of range: there are 1 elements"),
        ("all(result, # > 1)", "2", "at column 5: `all` goes over a list, not over float"),
        ("result + 1", "1", "expected bool, but got float"),
        (
            "result.a.b > 1",
            "{}",
            "metric result is nil or empty: no data returned \
          (at column 10: nil has no field `b`)",
        ),
        (
            "result.a matches '('",
            "{\"a\":\"x\"}",
            "at column 18: not a regular expression: \
          unclosed group",
        ),
    ] {
        let found = match Condition::compile(condition) {
            Err(error) => error.to_string(),
            Ok(compiled) => {
                compiled.holds(&value(result), Limits::default()).unwrap_err().to_string()
            }
        };
        assert_eq!(found, message, "{condition}");
    }
}
