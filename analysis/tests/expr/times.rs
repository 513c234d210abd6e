//! Expressions of times and durations to try.

use chrono::{DateTime, Utc};
use fastrand::Rng;
use sluice_analysis::expr::{Condition, Limits, Value};

use super::generated::Measured;

/// What stands for something that is easily done otherwise, one a line.
const CHOSEN: &str = include_str!("../data/times.txt");

pub(crate) fn chosen() -> Vec<(String, Measured)> {
    let lines = CHOSEN.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| (line.to_owned(), Measured::Json("3".to_owned()))).collect()
}

/// Grows expressions of times, the most of which have a value.
pub(crate) struct Generator {
    rng: Rng,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed) }
    }

    pub(crate) fn question(&mut self) -> (String, Measured) {
        let expression = match self.rng.u32(..8) {
            0 | 1 => self.dated(),
            2 => self.truth(3),
            3 => self.number(3),
            4 => self.duration(3),
            5 => self.text(2),
            6 => self.time(3),
            _ => self.anything(),
        };
        (expression, Measured::Json(self.pick(&["3", "null", "\"1h\"", "[1, 2]"]).to_owned()))
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.rng.usize(..from.len())]
    }

    /// Two operands that do not always go together.
    fn anything(&mut self) -> String {
        let mut operand = || match self.rng.u32(..6) {
            0 => self.time(1),
            1 => self.duration(1),
            2 => self.number(1),
            3 => "get([".to_owned() + &self.time(1) + "], 0)",
            4 => "get([".to_owned() + &self.duration(1) + "], 0)",
            _ => self.pick(&["result", "nil", "'x'", "true", "[]", "timezone('UTC')"]).to_owned(),
        };
        let (left, right) = (operand(), operand());
        let operator = self.pick(&[
            "+", "-", "*", "/", "%", "**", "<", "<=", ">", ">=", "==", "!=", "in", "??", "..",
        ]);
        match self.rng.u32(..8) {
            0 => {
                let function = self.pick(&[
                    "abs", "int", "float", "string", "type", "toJSON", "len", "max", "mean", "sum",
                    "round", "first", "sort", "uniq",
                ]);
                format!("{function}([{left}, {right}])")
            }
            1 => {
                let function =
                    self.pick(&["abs", "int", "float", "string", "type", "len", "max", "mean"]);
                format!("{function}({left})")
            }
            2 => {
                let method = self.pick(&[
                    "Unix()",
                    "Hours()",
                    "Foo()",
                    "Before({})",
                    "Add({})",
                    "Sub({})",
                    "Round({})",
                    "Format({})",
                    "AddDate({}, 1, 2)",
                    "Equal({})",
                    "String()",
                    "Abs()",
                    "Unix(1)",
                ]);
                format!("({left}){}{}", self.pick(&[".", "?."]), method.replace("{}", &right))
            }
            _ => format!("({left}) {operator} ({right})"),
        }
    }

    fn time(&mut self, depth: u32) -> String {
        if depth == 0 || self.rng.u32(..3) == 0 {
            return match self.rng.u32(..3) {
                0 => format!("date('{}')", self.instant()),
                1 => format!("date(timezone('UTC'), '{}')", self.instant()),
                _ => self
                    .pick(&[
                        "date('2026-01-31')",
                        "date('2024-02-29 23:59:59')",
                        "date('1969-12-31T23:59:59.999999999Z')",
                        "date('0001-01-01T00:00:00Z')",
                        "date('9999-12-31T23:59:59+14:00')",
                        "date('2026-03-01T01:02:03-11:30')",
                        "date('15:04:05')",
                    ])
                    .to_owned(),
            };
        }
        let d = depth - 1;
        match self.rng.u32(..9) {
            0 | 1 => format!("({} + {})", self.time(d), self.duration(d)),
            2 => format!("({} - {})", self.time(d), self.duration(d)),
            3 => format!("({} + {})", self.duration(d), self.time(d)),
            4 => {
                let method = self.pick(&["Add", "Round", "Truncate"]);
                format!("{}.{method}({})", self.time(d), self.duration(d))
            }
            5 => {
                let years = self.pick(&["0", "1", "-1", "400"]);
                let months = self.pick(&["0", "1", "-1", "13", "-25"]);
                let days = self.pick(&["0", "1", "-1", "31", "-366"]);
                format!("{}.AddDate({years}, {months}, {days})", self.time(d))
            }
            6 => format!("{}.{}", self.time(d), self.pick(&["UTC()", "In(timezone('UTC'))"])),
            7 => format!("({} ? {} : {})", self.truth(d), self.time(d), self.time(d)),
            _ => format!("[{}, {}][{}]", self.time(d), self.time(d), self.pick(&["0", "-1"])),
        }
    }

    /// Any instant between the years 1 and 9999, as RFC 3339.
    fn instant(&mut self) -> String {
        let seconds = match self.rng.u32(..3) {
            0 => self.rng.i64(-62_135_596_800..253_402_300_800),
            _ => self.rng.i64(1_600_000_000..1_900_000_000),
        };
        let nanos = match self.rng.u32(..3) {
            0 => self.rng.u32(..1_000_000_000),
            1 => self.rng.u32(..1_000) * 1_000_000,
            _ => 0,
        };
        let at = DateTime::<Utc>::from_timestamp(seconds, nanos).unwrap();
        let zone = self.pick(&["Z", "Z", "+00:00", "+02:00", "-08:00", "+05:45", "-00:30"]);
        let digits = if nanos == 0 { String::new() } else { format!(".{nanos:09}") };
        format!("{}{digits}{zone}", at.naive_utc().format("%Y-%m-%dT%H:%M:%S"))
    }

    fn duration(&mut self, depth: u32) -> String {
        if depth == 0 || self.rng.u32(..3) == 0 {
            let text = self.pick(&[
                "1h",
                "90m",
                "1h17m3.5s",
                "1ns",
                "-1ns",
                "1.5us",
                "250ms",
                "0",
                "24h",
                "-36h",
                "1s",
                "2562047h47m16.854775807s",
                "-2562047h47m16.854775808s",
                "7m",
                "1h1h",
                "x",
                "5",
            ]);
            return format!("duration('{text}')");
        }
        let d = depth - 1;
        match self.rng.u32(..9) {
            0 => format!("({} - {})", self.time(d), self.time(d)),
            1 => format!("{}.Sub({})", self.time(d), self.time(d)),
            2 => format!("({} + {})", self.duration(d), self.duration(d)),
            3 => format!("({} - {})", self.duration(d), self.duration(d)),
            4 => format!("({} * {})", self.duration(d), self.pick(&["2", "-3", "1.5", "result"])),
            5 => format!("({} * {})", self.pick(&["2", "-3", "0.1", "result"]), self.duration(d)),
            6 => {
                let method = self.pick(&["Round", "Truncate"]);
                format!("{}.{method}({})", self.duration(d), self.duration(d))
            }
            7 => format!("{}.Abs()", self.duration(d)),
            _ => format!("({} * {})", self.duration(d), self.duration(d)),
        }
    }

    fn number(&mut self, d: u32) -> String {
        match self.rng.u32(..7) {
            0..3 => {
                let method = self.pick(&[
                    "Unix()",
                    "UnixMilli()",
                    "UnixMicro()",
                    "UnixNano()",
                    "Year()",
                    "YearDay()",
                    "Day()",
                    "Hour()",
                    "Minute()",
                    "Second()",
                    "Nanosecond()",
                ]);
                format!("{}.{method}", self.time(d))
            }
            3 | 4 => {
                let method = self.pick(&[
                    "Hours()",
                    "Minutes()",
                    "Seconds()",
                    "Milliseconds()",
                    "Microseconds()",
                    "Nanoseconds()",
                ]);
                format!("{}.{method}", self.duration(d))
            }
            5 => format!("{}.Compare({})", self.time(d), self.time(d)),
            _ => format!("int({})", self.duration(d)),
        }
    }

    fn truth(&mut self, depth: u32) -> String {
        let d = depth.saturating_sub(1);
        let order = self.pick(&["<", "<=", ">", ">=", "==", "!="]);
        match self.rng.u32(..6) {
            0 => format!("({} {order} {})", self.time(d), self.time(d)),
            1 => format!("({} {order} {})", self.duration(d), self.duration(d)),
            2 => format!("({} {order} {})", self.number(d), self.number(d)),
            3 => {
                let method = self.pick(&["Before", "After", "Equal"]);
                format!("{}.{method}({})", self.time(d), self.time(d))
            }
            4 => format!("({} in [{}, {}])", self.time(d), self.time(d), self.time(d)),
            _ => format!("{}.IsZero()", self.time(d)),
        }
    }

    fn text(&mut self, d: u32) -> String {
        match self.rng.u32(..5) {
            0 => format!("string({})", self.time(d)),
            1 => format!("{}.String()", self.duration(d)),
            2 => format!("toJSON({})", self.time(d)),
            _ => format!("{}.Format('{}')", self.time(d), self.layout()),
        }
    }

    fn layout(&mut self) -> String {
        const PARTS: [&str; 62] = [
            "2006",
            "06",
            "01",
            "1",
            "Jan",
            "January",
            "02",
            "2",
            "_2",
            "__2",
            "002",
            "Mon",
            "Monday",
            "15",
            "03",
            "3",
            "04",
            "4",
            "05",
            "5",
            "PM",
            "pm",
            "MST",
            "-0700",
            "-07:00",
            "-07",
            "-070000",
            "-07:00:00",
            "Z0700",
            "Z07:00",
            "Z07",
            "Z070000",
            "Z07:00:00",
            ".000",
            ".999",
            ",000000",
            ".999999999",
            ".0",
            ".09",
            " ",
            " ",
            "-",
            ":",
            "T",
            "/",
            ", ",
            "at ",
            "Jane",
            "Mond",
            "_2006",
            "__2006",
            "é",
            "00",
            "7",
            "p",
            "Z",
            "  ",
            ".",
            "M",
            "J",
            "200",
            "MS",
        ];
        let usual = [
            "2006-01-02T15:04:05Z07:00",
            "2006-01-02 15:04:05",
            "Mon, 02 Jan 2006 15:04:05 MST",
            "Jan _2 15:04:05.000",
            "3:04:05PM -0700",
            "2006-002",
        ];
        if self.rng.u32(..3) == 0 {
            return self.pick(&usual).to_owned();
        }
        (0..self.rng.usize(1..8)).map(|_| PARTS[self.rng.usize(..PARTS.len())]).collect()
    }

    /// A date by a layout: a text of that layout, of which something may be changed.
    fn dated(&mut self) -> String {
        let layout = self.layout();
        let shown = format!("{}.Format('{layout}')", self.time(1));
        let shown = Condition::compile(&shown).unwrap().evaluate(&Value::Nil, Limits::default());
        let mut text = match shown {
            Ok(Value::Text(text)) => text.to_string(),
            _ => "2026-01-31".to_owned(),
        };
        if self.rng.bool() {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            if let Some(at) = self.rng.choice(places) {
                let rest = text.split_off(at);
                let with = self.pick(&["0", "9", "-", " ", "x", "", "Z", "+1", ".5", "GMT+3", "6"]);
                let mut rest = rest.chars();
                if self.rng.bool() {
                    rest.next();
                }
                text = format!("{text}{with}{}", rest.as_str());
            }
        }
        match self.rng.u32(..4) {
            0 => format!("date('{text}')"),
            1 => format!("date('{text}', '{layout}', 'UTC')"),
            _ => format!("date('{text}', '{layout}')"),
        }
    }
}
