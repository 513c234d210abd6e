//! Expressions and measurements to try.

use fastrand::Rng;
use sluice_analysis::expr::Value;

/// What was measured.
#[derive(Debug, Clone)]
pub(crate) enum Measured {
    Json(String),
    Samples(Vec<&'static str>),
    NotANumber,
    Infinite,
}

impl Measured {
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Json(json) => Value::from_json(&serde_json::from_str(json).unwrap()).unwrap(),
            Self::Samples(all) => Value::samples(all.iter().map(|s| s.parse().unwrap())),
            Self::NotANumber => Value::Float(f64::NAN),
            Self::Infinite => Value::Float(f64::INFINITY),
        }
    }

    /// As it is told to the Go program: kind and value.
    pub(crate) fn told(&self) -> (&'static str, serde_json::Value) {
        match self {
            Self::Json(json) => ("json", serde_json::from_str(json).unwrap()),
            Self::Samples(all) => ("samples", serde_json::json!(all)),
            Self::NotANumber => ("nan", serde_json::Value::Null),
            Self::Infinite => ("inf", serde_json::Value::Null),
        }
    }
}

const JSONS: [&str; 24] = [
    "null",
    "true",
    "0",
    "1",
    "0.95",
    "-3.5",
    "200",
    "\"\"",
    "\"7\"",
    "\"1.5\"",
    "\"its ok\"",
    "\"Héllo\"",
    "[]",
    "[0.9]",
    "[1,2,3]",
    "[3,1,2,2]",
    "[1,\"x\",null,true]",
    "[[1,2],[3]]",
    "[\"a\",\"b\",\"a\"]",
    "{}",
    "{\"a\":1,\"b\":\"x\",\"c\":null}",
    "{\"a\":{\"b\":[{\"v\":\"9901.5\"},{\"v\":\"1\"}]},\"n\":3,\"ok\":true}",
    "[{\"v\":1,\"k\":\"x\"},{\"v\":2,\"k\":\"y\"},{\"v\":3,\"k\":\"x\"}]",
    "[{\"v\":1},{\"v\":\"s\"},{}]",
];

/// Conditions that each stand for something that is easily done otherwise.
pub(crate) fn chosen() -> Vec<(String, Measured)> {
    const EXPRESSIONS: [&str; 62] = [
        "findIndex(result, # == 99) == 1",
        "findIndex(result, # == 99) == nil",
        "count(result, # > 0) > 0",
        "count(result, # > 1) >= 2",
        "filter(result, # > 0)[0]",
        "first(filter(result, # > 1))",
        "last(filter(result, # > 1))",
        "len(filter(result, # > 1))",
        "all(result, # > 0) && all(result, # < 9)",
        "any(result, # > 1) || any(result, # == 'x')",
        "sum([result[0], result[1]])",
        "sum(map(result, # * 2))",
        "result[0] in ['a', 'b']",
        "nil in ['', 'a']",
        "result in [1, 2, 0.95]",
        "1 in {'a': 1}",
        "'a' in result",
        "isNaN(1)",
        "isNaN(len(result))",
        "isNaN(1 + 2 * -3)",
        "isInf(result[0])",
        "isNil(result)",
        "isNil(1)",
        "default(result.a, 5)",
        "default(nil, 5)",
        "asInt(2.7)",
        "asInt('12')",
        "asInt(' 12')",
        "asFloat('1e3')",
        "asFloat('inf')",
        "asFloat('1e999')",
        "asFloat(nil)",
        "1 < 2 < 3",
        "1 < 3 < 2",
        "not true and false",
        "2 ** 3 ** 2",
        "-2 ** 2",
        "7 % 0",
        "1 ?? 2 ?? 3",
        "result ?? 1",
        "true ? 1 : nil",
        "result ?: 1",
        "if true {1} else {2}",
        "let x = result; x",
        "map(1..3, #index)",
        "reduce(1..4, #acc + #)",
        "reduce([], #)",
        "groupBy(result, type(#))",
        "sortBy(result, -#)",
        "sort(result, 'desc')",
        "1..3 == [1, 2, 3]",
        "{a: 1, a: 2}.a",
        "string([1.5, 1e21, 'x', nil, {b: 1}])",
        "toJSON({a: [1, 2.5], b: '<'})",
        "'abc'[1:2]",
        "split('a,b', '') | join('-')",
        "trim('  x ') + upper('é')",
        "max(result)",
        "result matches '^[\\\\d]+$'",
        "mean(result) + median(result)",
        "string(123456789.0)",
        "true || result.x.y.z",
    ];
    let mut all = Vec::new();
    for expression in EXPRESSIONS {
        for json in JSONS {
            all.push((expression.to_owned(), Measured::Json(json.to_owned())));
        }
        all.push((expression.to_owned(), Measured::Samples(vec!["0.5", "2", "NaN"])));
        all.push((expression.to_owned(), Measured::Samples(vec![])));
        all.push((expression.to_owned(), Measured::NotANumber));
    }
    all
}

/// Grows expressions, the most of which have a value.
pub(crate) struct Generator {
    rng: Rng,
    /// Within a predicate, `#` can be named.
    predicates: u32,
    variables: u32,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), predicates: 0, variables: 0 }
    }

    pub(crate) fn question(&mut self) -> (String, Measured) {
        let measured = match self.rng.u32(..10) {
            0 => Measured::Samples(vec!["0.5", "2", "-1"]),
            1 => Measured::Samples(vec!["NaN", "1"]),
            2 if self.rng.bool() => Measured::NotANumber,
            2 => Measured::Infinite,
            _ => Measured::Json(self.pick(&JSONS).to_owned()),
        };
        (self.expression(3), measured)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.rng.usize(..from.len())]
    }

    fn leaf(&mut self) -> String {
        if self.predicates > 0 && self.rng.u32(..2) == 0 {
            return self
                .pick(&["#", "#", "#.v", ".v", ".k", "#[0]", "#index", "#acc", "#?.v"])
                .to_owned();
        }
        if self.variables > 0 && self.rng.u32(..4) == 0 {
            return format!("x{}", self.rng.u32(..self.variables));
        }
        match self.rng.u32(..12) {
            0..5 => self.pick(&[
                "result",
                "result",
                "result[0]",
                "result[1]",
                "result[-1]",
                "result.a",
                "result.b",
                "result.n",
                "result.ok",
                "result?.a?.b",
                "result.a.b",
                "result.missing",
                "result[0].v",
                "result[0:2]",
                "result[1:]",
                "result['a']",
            ]),
            5..8 => self.pick(&["0", "1", "2", "3", "-1", "0.5", "0.95", "1e3", "100", "2.0"]),
            8..10 => self.pick(&["'x'", "'a'", "'ok'", "''", "'7'", "\"1.5\"", "'héé'"]),
            10 => self.pick(&["true", "false", "nil"]),
            _ => self.pick(&["1..3", "[1, 2, 3]", "['a', 'b']", "[1, 'x']", "{a: 1}", "[]"]),
        }
        .to_owned()
    }

    fn expression(&mut self, depth: u32) -> String {
        if depth == 0 || self.rng.u32(..8) == 0 {
            return self.leaf();
        }
        let d = depth - 1;
        if self.rng.u32(..3) > 0 {
            return self.plausible(d);
        }
        match self.rng.u32(..20) {
            0..7 => {
                let operator = self.pick(&[
                    "+",
                    "-",
                    "*",
                    "/",
                    "%",
                    "**",
                    "==",
                    "!=",
                    "<",
                    ">",
                    "<=",
                    ">=",
                    "&&",
                    "||",
                    "and",
                    "or",
                    "in",
                    "not in",
                    "contains",
                    "matches",
                    "startsWith",
                    "endsWith",
                    "??",
                    "..",
                    "not contains",
                ]);
                let (left, right) = (self.expression(d), self.expression(d));
                if self.rng.bool() {
                    format!("({left}) {operator} ({right})")
                } else {
                    format!("{left} {operator} {right}")
                }
            }
            7 => format!("{}({})", self.pick(&["!", "not ", "-", "+"]), self.expression(d)),
            8 => {
                let [a, b, c] = [(); 3].map(|()| self.expression(d));
                format!("(({a}) ? {b} : {c})")
            }
            9..13 => self.over_list(d),
            13..16 => {
                let function = self.pick(&[
                    "len", "type", "abs", "ceil", "floor", "round", "int", "float", "string",
                    "trim", "upper", "lower", "max", "min", "mean", "median", "toJSON", "first",
                    "last", "keys", "values", "reverse", "uniq", "flatten", "sort", "isNaN",
                    "isInf", "isNil", "asInt", "asFloat", "sum", "toPairs", "concat", "fromJSON",
                    "toBase64", "bitnot", "count",
                ]);
                format!("{function}({})", self.expression(d))
            }
            16 => {
                let function = self.pick(&[
                    "get",
                    "take",
                    "split",
                    "indexOf",
                    "lastIndexOf",
                    "hasPrefix",
                    "hasSuffix",
                    "max",
                    "min",
                    "default",
                    "join",
                    "repeat",
                    "bitand",
                    "bitor",
                    "bitshl",
                    "concat",
                    "trimPrefix",
                    "splitAfter",
                    "trim",
                    "mean",
                ]);
                format!("{function}({}, {})", self.expression(d), self.expression(d))
            }
            17 => {
                let of = self.expression(d);
                let key = self.expression(d);
                self.pick(&["({})[{k}]", "({}).a", "({})?.b", "({})[{k}:]", "({})[:{k}]"])
                    .replace("{}", &of)
                    .replace("{k}", &key)
            }
            18 => {
                let value = self.expression(d);
                let name = self.variables;
                self.variables += 1;
                let body = self.expression(d);
                self.variables -= 1;
                format!("(let x{name} = {value}; {body})")
            }
            _ => {
                let [a, b] = [(); 2].map(|()| self.expression(d));
                match self.rng.u32(..3) {
                    0 => format!("[{a}, {b}]"),
                    1 => format!("{{a: {a}, 'b': {b}}}"),
                    _ => format!("({a}) | get({b})"),
                }
            }
        }
    }

    /// Something that has a value for most measurements.
    fn plausible(&mut self, d: u32) -> String {
        let number = |g: &mut Self| match g.rng.u32(..8) {
            0 => "len(string(result))".to_owned(),
            1 => format!("count(1..5, # > {})", g.rng.u32(..6)),
            2 => format!("asFloat('{}')", g.pick(&["1.5", "1e3", "inf", "-0"])),
            3 => format!("int({})", g.leaf()),
            4 => "sum([3, 1.5, 2])".to_owned(),
            5 => "(result?.n ?? 2)".to_owned(),
            _ => g.pick(&["1", "2", "0", "0.95", "-3", "result", "result[0]", "1e21"]).to_owned(),
        };
        let list = |g: &mut Self| {
            g.pick(&[
                "result",
                "[3, 1, 2]",
                "1..4",
                "map(1..4, # * 1.5)",
                "filter(1..6, # % 2 == 0)",
                "[1, 2.5, nil]",
                "['b', 'a', 'ab']",
                "split('a,b,c', ',')",
                "[[1], [2, 3]]",
                "[{v: 1, k: 'x'}, {v: 2, k: 'y'}]",
                "keys({a: 1, b: 2})",
                "result?.a?.b ?? [1]",
            ])
            .to_owned()
        };
        let text = |g: &mut Self| {
            g.pick(&[
                "'its ok'",
                "string(result)",
                "'a,b'",
                "type(result)",
                "toJSON([1, 'x'])",
                "upper('añb')",
                "result",
                "'' + 'x'",
                "trim(' x ')",
            ])
            .to_owned()
        };
        match self.rng.u32(..9) {
            0 | 1 => {
                let operator = self.pick(&["+", "-", "*", "/", "**", "<", ">=", "==", "!=", ".."]);
                format!("{} {operator} {}", number(self), number(self))
            }
            2 => {
                let operator = self.pick(&["+", "contains", "startsWith", "endsWith", "==", "<"]);
                format!("{} {operator} {}", text(self), text(self))
            }
            3 => {
                let function = self.pick(&[
                    "len", "first", "last", "reverse", "uniq", "sort", "max", "min", "mean",
                    "median", "sum", "flatten", "string", "toJSON", "count",
                ]);
                format!("{function}({})", list(self))
            }
            4 => format!("{}[{}]", list(self), self.pick(&["0", "-1", "1:", ":2", "-2:", "5"])),
            5 => format!("{} in {}", self.leaf(), list(self)),
            6 => {
                let [a, b] = [(); 2].map(|()| self.expression(d));
                format!(
                    "{} {} ({a}) == ({b})",
                    self.pick(&["true", "result == 1", "len(type(result)) > 4"]),
                    self.pick(&["&&", "||", "and", "or"])
                )
            }
            7 => {
                let list = list(self);
                self.predicates += 1;
                let predicate = match self.rng.u32(..4) {
                    0 => "# == 1".to_owned(),
                    1 => "type(#) == 'string'".to_owned(),
                    2 => format!("# {} {}", self.pick(&["<", ">=", "!=", "=="]), self.leaf()),
                    _ => self.expression(d),
                };
                self.predicates -= 1;
                let function = self.pick(&[
                    "all",
                    "none",
                    "any",
                    "one",
                    "filter",
                    "map",
                    "count",
                    "find",
                    "findIndex",
                    "findLast",
                    "findLastIndex",
                    "groupBy",
                    "sortBy",
                    "len(filter",
                    "first(filter",
                    "last(filter",
                ]);
                let close = if function.contains('(') { "))" } else { ")" };
                format!("{function}({list}, {predicate}{close}")
            }
            _ => format!(
                "({} ? {} : {})",
                self.pick(&["true", "result == 1", "isNil(result)"]),
                self.expression(d),
                self.expression(d)
            ),
        }
    }

    fn over_list(&mut self, depth: u32) -> String {
        let list = if self.rng.u32(..3) == 0 {
            self.expression(depth)
        } else {
            self.pick(&["result", "result", "1..3", "[3, 1, 2]", "result.a.b"]).to_owned()
        };
        let function = self.pick(&[
            "all",
            "none",
            "any",
            "one",
            "filter",
            "map",
            "count",
            "sum",
            "find",
            "findIndex",
            "findLast",
            "findLastIndex",
            "groupBy",
            "sortBy",
            "reduce",
        ]);
        self.predicates += 1;
        let comparison = self.rng.u32(..3) > 0;
        let predicate = if comparison {
            let operator = self.pick(&["<", ">", ">=", "==", "!=", "+", "in"]);
            format!("{} {operator} {}", self.leaf(), self.leaf())
        } else {
            self.expression(depth)
        };
        self.predicates -= 1;
        let more = match self.rng.u32(..6) {
            0 => " > 0",
            1 => "[0]",
            2 => " == 1",
            _ => "",
        };
        let third = if function == "reduce" && self.rng.bool() { ", 0" } else { "" };
        format!("{function}({list}, {predicate}{third}){more}")
    }
}
