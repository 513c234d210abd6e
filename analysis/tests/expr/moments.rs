//! What range queries say, and conditions that know the time.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use sluice_analysis::expr::{Condition, Limits, Value, evaluate_time};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_323_045, 500_000_000).unwrap()
}

#[test]
fn range_queries_say_when() {
    let at = |text: &str| evaluate_time(text, now()).map(|at| at.to_rfc3339());
    for (text, expected) in [
        ("now()", "2026-01-02T03:04:05.500+00:00"),
        ("now() - duration(\"1h\")", "2026-01-02T02:04:05.500+00:00"),
        ("now().Truncate(duration('1h'))", "2026-01-02T03:00:00+00:00"),
        ("date(\"2026-01-01T00:00:00Z\")", "2026-01-01T00:00:00+00:00"),
        ("date('2026-01-01T02:00:00+02:00') + duration('5m')", "2026-01-01T00:05:00+00:00"),
        (
            "date(\"2023-08-14 00:00:00\", \"2006-01-02 15:04:05\", \"UTC\") - duration(\"1h\")",
            "2023-08-13T23:00:00+00:00",
        ),
        ("let t = now(); t.Hour() < 4 ? t : t - duration('24h')", "2026-01-02T03:04:05.500+00:00"),
    ] {
        assert_eq!(at(text), Ok(expected.to_owned()), "{text}");
    }
    for (text, message) in [
        ("hello", "at column 1: there is no `hello` here"),
        ("result", "at column 1: there is no `result` here"),
        ("asInt('1')", "at column 1: there is no function `asInt`"),
        ("now() -- ?", "at column 10: `?` was not expected here"),
        ("", "at column 1: the end of the expression was not expected here"),
        ("'2026-01-01'", "expected a time, such as now() or date('2026-01-31'), but got string"),
        (
            "now() - duration('??')",
            "at column 9: `??` is not a duration: write numbers with units, such as 30s, 10m or 1h30m",
        ),
        (
            "date('1.1.2026')",
            "at column 1: '1.1.2026' is no date: write it as 2026-01-31, or as 2026-01-31T15:04:05Z",
        ),
        (
            "date('2026-01-31', '2006-01-02', 'Europe/Zurich')",
            "at column 1: the time zone 'Europe/Zurich' is not known here, only UTC is",
        ),
    ] {
        let found = at(text).unwrap_err();
        assert_eq!(found.to_string(), message, "{text}");
    }
}

#[test]
fn a_condition_knows_the_time_that_it_is_told() {
    let condition = Condition::compile("now().Format('Mon') == 'Fri' && result > 1").unwrap();
    let value = Value::Float(2.0);
    assert_eq!(condition.holds(&value, Limits::default().at(now())), Ok(true));
    let found = condition.holds(&value, Limits::default()).unwrap_err();
    assert_eq!(found.to_string(), "at column 1: `now` has no clock here");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_date_by_any_layout_is_answered(
        text in "(\\PC|[-+0-9:., TZ]){0,24}",
        layout in "(\\PC|2006|01|02|_2|15|04|05|MST|Z07:00|-0700|[.,][09]{1,10}){0,8}",
        hours in any::<i64>(),
    ) {
        let times = format!("date({text:?}, {layout:?}) - duration('1ns') * {hours}");
        let _ = evaluate_time(&times, now());
        let shown = format!("(now() + duration('1ns') * {hours}).Format({layout:?})");
        if let Ok(condition) = Condition::compile(&shown) {
            let _ = condition.evaluate(&Value::Nil, Limits::default().at(now()));
        }
    }

    /// What is shown with all its digits is read as the same instant.
    #[test]
    fn a_time_that_is_shown_is_read_back(seconds in -62_000_000_000..253_000_000_000_i64, nanos in 0..1_000_000_000_u32) {
        let at = DateTime::from_timestamp(seconds, nanos).unwrap();
        for layout in ["2006-01-02T15:04:05.999999999Z07:00", "Monday, 2 January 2006 03.04.05,000000000pm"] {
            let text = format!("date(now().Format('{layout}'), '{layout}')");
            prop_assert_eq!(evaluate_time(&text, at), Ok(at));
        }
    }
}
