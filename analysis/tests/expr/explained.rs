//! Explanations: what they say, and that it is so.

use super::generated::Generator;
use super::times;
use proptest::prelude::*;
use sluice_analysis::Redactor;
use sluice_analysis::expr::{
    Condition, EVIDENCE_CHARS_MAX, EvalError, Explanation, Judgement, Limits, Value, Which,
    judge_explained,
};

fn value(json: &str) -> Value {
    match json {
        "NaN" => Value::samples([f64::NAN]),
        "Infinity" => Value::Float(f64::INFINITY),
        json => Value::from_json(&serde_json::from_str(json).unwrap()).unwrap(),
    }
}

fn explained(condition: &str, result: &Value) -> Explanation {
    told(&Condition::compile(condition).unwrap(), result, Limits::default())
}

fn told(condition: &Condition, result: &Value, limits: Limits) -> Explanation {
    condition.explain(result, limits, &Redactor::default())
}

/// Condition, measurement, what is the case; where it is not the whole, the clause that decided.
const SAID: &str = include_str!("../data/evidence.txt");

#[test]
fn evidence_says_what_is_the_case() {
    let mut different = Vec::new();
    let mut count = 0;
    let mut lines = SAID.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    while let Some(condition) = lines.next() {
        let (result, evidence) = (lines.next().unwrap(), lines.next().unwrap());
        let found = explained(condition.trim(), &value(result.trim()));
        let outcome = match found.outcome {
            Ok(holds) => holds.to_string(),
            Err(_) => "error".to_owned(),
        };
        let clause =
            if found.clause == condition { String::new() } else { format!(" | {}", found.clause) };
        let said = format!("{outcome}: {}{clause}", found.evidence);
        count += 1;
        if said != evidence.trim() {
            different.push(format!("{condition}\n  {}\n  {said}", result.trim()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(count > 70, "{count}");
}

/// Which condition decides: value, success condition, failure condition.
#[test]
fn a_judgement_says_what_it_rests_on() {
    use Judgement::{Failed, Inconclusive, Successful};
    type Row =
        (&'static str, &'static str, &'static str, Judgement, &'static [Which], &'static str);
    let rows: [Row; 8] = [
        ("[0.93]", "result[0] >= 0.95", "", Failed, &[Which::Success], "0.93 < 0.95"),
        ("[0.97]", "result[0] >= 0.95", "", Successful, &[Which::Success], "0.97 >= 0.95"),
        ("[0.93]", "", "result[0] < 0.95", Failed, &[Which::Failure], "0.93 < 0.95"),
        ("[0.97]", "", "result[0] < 0.95", Successful, &[Which::Failure], "0.97 >= 0.95"),
        ("1", "result < 2", "result > 0", Failed, &[Which::Failure], "1 > 0"),
        ("1", "result < 2", "result > 3", Successful, &[Which::Success], "1 < 2"),
        (
            "NaN",
            "result[0] > 0.9",
            "result[0] <= 0.9",
            Inconclusive,
            &[Which::Success, Which::Failure],
            "successCondition: NaN is not > 0.9; failureCondition: NaN is not <= 0.9",
        ),
        ("[]", "", "", Successful, &[], "no condition: every value is good"),
    ];
    for (result, success, failure, judgement, which, said) in rows {
        let compiled = |text: &str| (!text.is_empty()).then(|| Condition::compile(text).unwrap());
        let (success, failure) = (compiled(success), compiled(failure));
        let limits = Limits::default();
        let found = judge_explained(
            &value(result),
            success.as_ref(),
            failure.as_ref(),
            limits,
            &Redactor::default(),
        );
        assert_eq!(found.outcome, Ok(judgement), "{said}");
        let decided: Vec<Which> = found.decided.iter().map(|(which, _)| *which).collect();
        assert_eq!(decided, which, "{said}");
        assert_eq!(found.to_string(), said);
    }
    // The first error ends it, and is what decided.
    let wrong = Condition::compile("result.a > 1").unwrap();
    let fine = Condition::compile("result > 1").unwrap();
    for (success, failure, which) in
        [(&wrong, &fine, Which::Success), (&fine, &wrong, Which::Failure)]
    {
        let found = judge_explained(
            &value("3"),
            Some(success),
            Some(failure),
            Limits::default(),
            &Redactor::default(),
        );
        assert!(matches!(found.outcome, Err(EvalError::Type { .. })));
        assert_eq!(found.decided.len(), 1);
        assert_eq!(found.decided[0].0, which);
        assert_eq!(found.to_string(), "at column 8: float has no field `a`");
    }
}

/// What the first way takes, the second one may take once more; then nothing more is said.
#[test]
fn an_explanation_has_a_budget() {
    // Element by element, what is only just evaluated cannot be told.
    let nested = "all([1, 2, 3], ".repeat(7) + "# > 0" + &")".repeat(7);
    let condition = Condition::compile(&nested).unwrap();
    for steps_max in [30_000, 1_000_000] {
        let limits = Limits { steps_max, ..Limits::default() };
        let found = told(&condition, &Value::Nil, limits);
        assert_eq!(found.outcome, Ok(true));
        let told = found.evidence.contains("1 > 0");
        assert_eq!(told, steps_max == 1_000_000, "{}", found.evidence);
    }
}

/// Whatever is cut, and wherever: no part of a secret is left.
#[test]
fn no_part_of_a_secret_is_shown() {
    let long = "canary-0123456789-".repeat(12);
    for secret in ["canary-7", "canary \"quoted\" 7", long.as_str()] {
        let mut redactor = Redactor::default();
        redactor.add(secret);
        for before in [0, 20, 36, 45, 300] {
            let text = format!("{}{secret}{}", "x".repeat(before), "y".repeat(60));
            let json = serde_json::json!({
                "t": text, "l": ["a", text], "m": {"k": text}, "n": {text.clone(): 1},
            });
            let result = Value::from_json(&json).unwrap();
            let literal = serde_json::Value::from(secret).to_string();
            for condition in [
                "result.t == 'a'".to_owned(),
                "result.t < 'a' || result.t endsWith 'z'".to_owned(),
                "result.t contains 'yyy'".to_owned(),
                "result.t startsWith 'x'".to_owned(),
                "result.t + 'a' == result.t + 'b'".to_owned(),
                "'b' in result.l".to_owned(),
                "any(result.l, # == 'b')".to_owned(),
                "result.m == {a: 1}".to_owned(),
                "'b' in result.n".to_owned(),
                "result.m.k == nil".to_owned(),
                format!("result.t contains {literal} && result.t == 'b'"),
                format!("result.t == {literal} + 'b'"),
                format!("result.m[{literal}] == 2"),
                "asFloat(result.t) > 1".to_owned(),
                "duration(result.t) > duration('1s')".to_owned(),
                "result.t matches '^canary'".to_owned(),
                "result.t".to_owned(),
            ] {
                let found = Condition::compile(&condition).unwrap().explain(
                    &result,
                    Limits::default(),
                    &redactor,
                );
                for said in [&found.evidence, &found.clause] {
                    let said = said.replace("'^canary'", "");
                    assert!(!said.contains("anary"), "{secret} {before} {condition}: {said}");
                    assert!(!said.contains("4567"), "{secret} {before} {condition}: {said}");
                }
            }
        }
    }
}

/// What holds for every explanation.
fn check(text: &str, value: &Value) -> Result<(), TestCaseError> {
    let Ok(condition) = Condition::compile(text) else { return Ok(()) };
    let limits = Limits { steps_max: 20_000, bytes_max: 1 << 20 };
    let found = told(&condition, value, limits);
    prop_assert_eq!(&found.outcome, &condition.holds(value, limits), "{}", text);
    for said in [&found.evidence, &found.clause] {
        prop_assert!(!said.is_empty(), "{}", text);
        prop_assert!(said.chars().count() <= EVIDENCE_CHARS_MAX, "{}: {}", text, said);
        prop_assert!(!said.contains('\n'), "{}: {}", text, said);
    }
    if !found.clause.ends_with('…') {
        let from: String = text.chars().skip(found.column - 1).collect();
        prop_assert!(from.starts_with(&found.clause), "{} has no {}", text, found.clause);
    }
    // Evidence that can be read as a condition holds.
    if found.outcome.is_ok()
        && !found.evidence.contains('…')
        && let Ok(evidence) = Condition::compile(&found.evidence)
        && let Ok(holds) = evidence.holds(&Value::Nil, Limits::default())
    {
        prop_assert!(holds, "{} is not so: {}", found.evidence, text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn explanations_agree_with_the_outcome(seed in any::<u64>()) {
        let (text, measured) = Generator::new(seed).question();
        check(&text, &measured.value())?;
    }

    #[test]
    fn explanations_of_times_agree_with_the_outcome(seed in any::<u64>()) {
        let (text, measured) = times::Generator::new(seed).question();
        check(&text, &measured.value())?;
    }

    /// Conditions out of clauses, as people write them.
    #[test]
    fn the_clause_that_decided_is_one(seed in any::<u64>()) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let text = clauses(&mut rng, 3);
        let samples: Vec<f64> = (0..rng.usize(..6)).map(|_| f64::from(rng.i32(-2..4)) / 2.0).collect();
        let result = Value::samples(samples);
        check(&text, &result)?;
        let condition = Condition::compile(&text).unwrap();
        let found = told(&condition, &result, Limits::default());
        if let Ok(holds) = found.outcome
            && !found.clause.ends_with('…')
        {
            // No `not` is in here: what decided has the truth of the whole.
            let clause = Condition::compile(&found.clause).unwrap();
            prop_assert_eq!(clause.holds(&result, Limits::default()), Ok(holds), "{} in {}", found.clause, text);
        }
    }

    /// The relation that is shown holds between the two numbers that are shown.
    #[test]
    fn shown_numbers_stand_as_it_is_said(
        (a, b) in pairs(),
        operator in prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]),
        literal in any::<bool>(),
    ) {
        let literal = literal && b.is_finite();
        let right = if literal { format!("{b:?}") } else { "result[1]".to_owned() };
        let found = explained(&format!("result[0] {operator} {right}"), &Value::samples([a, b]));
        let words: Vec<&str> = found.evidence.split(' ').collect();
        if let [left, "is", "not", shown, right] = words[..] {
            prop_assert_eq!(shown, operator);
            prop_assert!(left == "NaN" || right == "NaN");
        } else {
            let [left, shown, right] = words[..] else { panic!("{}", found.evidence) };
            let (left, right): (f64, f64) = (left.parse().unwrap(), right.parse().unwrap());
            let so = match shown {
                "<" => left < right,
                "<=" => left <= right,
                ">" => left > right,
                ">=" => left >= right,
                "==" => left == right,
                _ => left != right,
            };
            prop_assert!(so, "{} of {a:?} and {b:?}", found.evidence);
            if literal {
                prop_assert_eq!(right, b);
            }
            // Near enough to be recognized.
            for (shown, is) in [(left, a), (right, b)] {
                prop_assert!(is.is_nan() && shown.is_nan() || shown == is
                    || (shown - is).abs() <= is.abs() * 1e-5, "{shown} for {is:?}");
            }
        }
    }
}

/// Two numbers, often near to one another.
fn pairs() -> impl Strategy<Value = (f64, f64)> {
    let near = (any::<f64>(), -3_i64..4)
        .prop_map(|(a, ulps)| (a, f64::from_bits(a.to_bits().wrapping_add_signed(ulps))));
    let people = (-2_000..2_000_i32, 0..5_u32, -9..10_i32).prop_map(|(a, places, more)| {
        let a = f64::from(a) / f64::from(10_u32.pow(places));
        (a, a + f64::from(more) * 1e-7)
    });
    prop_oneof![near, people, (any::<f64>(), any::<f64>())]
}

fn clauses(rng: &mut fastrand::Rng, depth: u32) -> String {
    let number = |rng: &mut fastrand::Rng| f64::from(rng.i32(-2..4)) / 2.0;
    let compared = |rng: &mut fastrand::Rng, what: &str| {
        let operator = *rng.choice(&["<", "<=", ">", ">=", "==", "!="]).unwrap();
        format!("{what} {operator} {:?}", number(rng))
    };
    if depth > 0 {
        let d = depth - 1;
        match rng.u32(..8) {
            0 | 1 => return format!("({} && {})", clauses(rng, d), clauses(rng, d)),
            2 | 3 => return format!("{} or ({})", clauses(rng, d), clauses(rng, d)),
            4 => {
                let condition = compared(rng, "len(result)");
                return format!("({condition} ? {} : {})", clauses(rng, d), clauses(rng, d));
            }
            _ => {}
        }
    }
    match rng.u32(..7) {
        0 => format!("isNaN({:?})", number(rng)),
        1 => compared(rng, "len(result)"),
        2 => compared(rng, "count(result, # > 0)"),
        3 => {
            let function = *rng.choice(&["all", "any", "none", "one"]).unwrap();
            format!("{function}(result, {})", compared(rng, "#"))
        }
        4 => format!("{:?} in result", number(rng)),
        _ => {
            let what = *rng.choice(&["result[0]", "result[1]", "sum(result)"]).unwrap();
            compared(rng, what)
        }
    }
}
