//! What holds for every text and every value: an answer or an error, soon, and never a panic.

use super::generated::Generator;
use proptest::prelude::*;
use sluice_analysis::Redactor;
use sluice_analysis::expr::{Condition, DEPTH_MAX, EvalError, Limits, NODES_MAX, Value};

/// Values, NaN and deep nesting among them.
fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map("[abknv]{0,2}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Texts out of what the language is made of, most of them no expressions.
fn salad() -> impl Strategy<Value = String> {
    let words = [
        "result",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "#",
        ".",
        "?.",
        "?",
        ":",
        "??",
        "|",
        "..",
        ",",
        ";",
        "let",
        "x",
        "=",
        "==",
        "not",
        "in",
        "and",
        "-",
        "**",
        "%",
        "if",
        "else",
        "1",
        "0.5",
        "9223372036854775807",
        "1e308",
        "'a'",
        "`b`",
        "\"\\u{1F600}\"",
        "all",
        "reduce",
        "len",
        "sort",
        "map",
        "repeat",
        "replace",
        "split",
        "matches",
        "nil",
        "true",
        "//",
        "/*",
        "::",
        "asInt",
        "default",
        "é",
        "\u{0}",
        "\\",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..30).prop_map(|w| w.join(" "))
}

fn try_out(text: &str, json: &serde_json::Value) {
    let Ok(value) = Value::from_json(json) else { return };
    let Ok(condition) = Condition::compile(text) else { return };
    let limits = Limits { steps_max: 20_000, bytes_max: 1 << 20 };
    let first = condition.evaluate(&value, limits).map(|value| format!("{value:?}"));
    let second = condition.evaluate(&value, limits).map(|value| format!("{value:?}"));
    assert_eq!(first, second, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in "\\PC{0,80}", json in values()) {
        try_out(&text, &json);
    }

    #[test]
    fn any_words_are_answered(text in salad(), json in values()) {
        try_out(&text, &json);
    }

    #[test]
    fn any_expression_is_answered(seed in any::<u64>(), json in values()) {
        try_out(&Generator::new(seed).question().0, &json);
    }

    /// More room for an expression never changes what it is worth.
    #[test]
    fn a_larger_budget_gives_the_same(seed in any::<u64>(), json in values()) {
        let value = Value::from_json(&json).unwrap();
        let text = Generator::new(seed).question().0;
        let Ok(condition) = Condition::compile(&text) else { return Ok(()) };
        let small = condition.evaluate(&value, Limits { steps_max: 40, bytes_max: 4096 });
        if !matches!(small, Err(EvalError::Budget { .. })) && !over_budget(&small) {
            let large = condition.evaluate(&value, Limits::default());
            prop_assert_eq!(format!("{small:?}"), format!("{large:?}"));
        }
    }

    #[test]
    fn parentheses_and_spaces_mean_nothing(seed in any::<u64>(), json in values()) {
        let value = Value::from_json(&json).unwrap();
        let text = Generator::new(seed).question().0;
        let answer = |text: &str| {
            let condition = Condition::compile(text).ok()?;
            Some(format!("{:?}", condition.evaluate(&value, Limits::default()).ok()?))
        };
        prop_assert_eq!(answer(&text), answer(&format!(" ( \n({text})) // and so on")));
    }

    #[test]
    fn an_order_is_one(a in any::<f64>(), b in any::<f64>()) {
        let pair = Value::samples([a, b]);
        let holds = |text: &str| {
            Condition::compile(text).unwrap().holds(&pair, Limits::default()).unwrap()
        };
        let comparable = !a.is_nan() && !b.is_nan();
        prop_assert_eq!(holds("result[0] < result[1]"), holds("result[1] > result[0]"));
        prop_assert_eq!(holds("result[0] <= result[1]") || holds("result[0] > result[1]"), comparable);
        prop_assert_eq!(holds("result[0] == result[1]"), a == b);
        prop_assert_eq!(holds("isNaN(result[0]) || isNaN(result[1])"), !comparable);
    }
}

fn over_budget(found: &Result<Value, EvalError>) -> bool {
    match found {
        Err(EvalError::NoData { cause }) => matches!(**cause, EvalError::Budget { .. }),
        _ => false,
    }
}

/// What somebody would write to stop a controller; each is an error, on a small stack.
#[test]
fn hostile_texts_are_errors() {
    let many = |text: &str, count: usize| text.repeat(count);
    let texts = [
        format!("1{}", many("+1", 500_000)),
        format!("1{}", many("+1", 5_000)),
        format!("1{}", many(" ** 1", 5_000)),
        format!("{}1{}", many("(", 20_000), many(")", 20_000)),
        format!("{}1{}", many("[", 20_000), many("]", 20_000)),
        format!("{}1", many("!", 30_000)),
        format!("{}1", many("- ", 30_000)),
        format!("result{}", many(".a", 30_000)),
        format!("result{}", many("?.a", 20_000)),
        format!("result{}", many("[0]", 20_000)),
        format!("{}1{}", many("all(result, ", 3_000), many(")", 3_000)),
        format!("{}1", many("true ? 1 : ", 5_000)),
        format!("{}1", many("let x = 1; ", 5_000)),
        format!("{}1{}", many("if true {", 5_000), many("} else {1}", 5_000)),
        format!("{}1{}", many("1 < (", 100), many(") < 1", 100)),
        format!("1{}", many(" ?: 1", 5_000)),
        format!("1{}", many(" | string()", 5_000)),
        format!("[{}]", many("1,", 30_000)),
        "'\\".to_owned() + &many("x", 60_000),
        "1..2000000000 == 1".to_owned(),
        "-9223372036854775807..9223372036854775807 == 1".to_owned(),
        "len(map(1..1000, map(1..1000, map(1..1000, #)))) > 1".to_owned(),
        "all(1..2000, all(1..2000, all(1..2000, true)))".to_owned(),
        "len(reduce(1..60, #acc + #acc, 'x')) > 1".to_owned(),
        "len(reduce(1..60, concat(#acc, #acc), [1])) > 1".to_owned(),
        "len(reduce(1..100000, [#acc], 1)) > 1".to_owned(),
        "len(reduce(1..100000, {a: #acc}, 1)) > 1".to_owned(),
        "len(repeat(repeat('x', 1000000), 1000000)) > 1".to_owned(),
        "len(replace(repeat('x', 100000), '', repeat('y', 100000))) > 1".to_owned(),
        "len(split(repeat('x', 1000000), '')) > 1".to_owned(),
        "len(uniq(1..1000000)) > 1".to_owned(),
        "len(fromJSON(repeat('[', 1000000))) > 1".to_owned(),
        "len(toJSON(map(1..1000000, #))) > 1".to_owned(),
        "none(1..100000, repeat('a', 1000) matches ('(a*)*b' + string(#)))".to_owned(),
        "'a' matches '((a{1000}){1000}){1000}'".to_owned(),
        format!("'a' matches '{}'", many("(", 4_000)),
    ];
    let run = move || {
        for text in texts {
            let found = Condition::compile(&text)
                .map_err(|error| error.to_string())
                .and_then(|c| c.holds(&Value::Nil, Limits::default()).map_err(|e| e.to_string()));
            let begin: String = text.chars().take(60).collect();
            assert!(found.is_err(), "{begin}… is {found:?}");
            if let Ok(condition) = Condition::compile(&text) {
                let secrets = Redactor::default();
                let told = condition.explain(&Value::Nil, Limits::default(), &secrets);
                assert_eq!(Err(told.outcome.unwrap_err().to_string()), found, "{begin}");
            }
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

/// As deep and as wide as an expression may be, it still fits the stack of a small thread.
#[test]
fn what_is_just_allowed_runs() {
    let run = || {
        for (text, allowed) in [
            (format!("1{} > 0", "+1".repeat(DEPTH_MAX - 2)), true),
            (format!("1{} > 0", "+1".repeat(DEPTH_MAX - 1)), false),
            (format!("{}true{}", "(".repeat(DEPTH_MAX - 1), ")".repeat(DEPTH_MAX - 1)), true),
            (format!("{}true{}", "(".repeat(DEPTH_MAX), ")".repeat(DEPTH_MAX)), false),
            (format!("len([{}]) > 0", "1,".repeat(NODES_MAX - 4)), true),
            (format!("len([{}]) > 0", "1,".repeat(NODES_MAX - 3)), false),
            (format!("{}any([1], # == 1)", "any([1], ".repeat(60)) + &")".repeat(60), true),
            (format!("{}true{}", "any([1], ".repeat(98), ")".repeat(98)), true),
            (format!("any({}[1]{}, true)", "map([1], ".repeat(97), ")".repeat(97)), true),
        ] {
            let begin: String = text.chars().take(40).collect();
            let found = Condition::compile(&text);
            assert_eq!(found.is_ok(), allowed, "{begin}: {:?}", found.err());
            if let Ok(condition) = found {
                let held = condition.holds(&Value::Nil, Limits::default());
                assert_eq!(held, Ok(true), "{begin}");
                let secrets = Redactor::default();
                let told = condition.explain(&Value::Nil, Limits::default(), &secrets);
                assert_eq!(told.outcome, held, "{begin}: {}", told.evidence);
            }
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

/// A large reply that is judged as a whole is within the budget; one nested too deep is an error.
#[test]
fn large_values_are_judged_and_deep_ones_refused() {
    let large = Value::samples((0..500_000).map(f64::from));
    for text in ["all(result, # >= 0)", "max(result) > 1", "mean(result) > 1", "len(result) > 1"] {
        let holds = Condition::compile(text).unwrap().holds(&large, Limits::default());
        assert_eq!(holds, Ok(true), "{text}");
    }
    let mut deep = serde_json::Value::Null;
    for _ in 0..1_000 {
        deep = serde_json::Value::Array(vec![deep]);
    }
    assert!(matches!(Value::from_json(&deep), Err(EvalError::Depth(_))));
}
