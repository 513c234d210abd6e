//! What is measured, and how servers answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::Span;
use crate::metrics::{
    Answer, Body, Delay, Labels, Page, SAMPLE_LABEL, is_label_name, is_metric_name,
};

/// A value of a metric: `success_rate = 0.82`, or `{name, value, of, labels}`.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricStep {
    /// The metric, by a name that Prometheus takes.
    pub name: String,
    /// Its value.
    pub value: MetricValue,
    /// The version that it is of, by Rollout and revision (`web#2`): its label `hash` is that of the
    /// version. Waited for where the version is not there yet.
    pub of: Option<String>,
    /// Other labels.
    pub labels: Labels,
}

/// A number; `NaN`, `+Inf`, `-Inf`; a list of those, for a vector of several samples that differ in
/// their label `sample`; or `absent`, for no sample.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// Samples, one or more.
    Samples(Vec<f64>),
    /// None: with labels, none that carries them.
    Absent,
}

impl MetricValue {
    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) if text == "absent" => Ok(Self::Absent),
            Value::Array(items) if !items.is_empty() => {
                items.iter().map(number).collect::<Result<_, _>>().map(Self::Samples)
            }
            one => number(one).map(|number| Self::Samples(vec![number])),
        }
    }
}

fn number(value: &Value) -> Result<f64, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| format!("{value} is no number, NaN, +Inf, -Inf, list of those, or absent"))
}

/// As it is written with labels.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricMap {
    name: String,
    value: Value,
    #[serde(default)]
    of: Option<String>,
    #[serde(default)]
    labels: Labels,
}

impl MetricStep {
    fn read(value: Value) -> Result<Self, String> {
        let map = match value {
            Value::String(text) => {
                let (name, value) = text
                    .split_once('=')
                    .ok_or_else(|| format!("`{text}` is not `name = value`"))?;
                let (name, value) = (name.trim().to_owned(), Value::from(value.trim()));
                MetricMap { name, value, of: None, labels: Labels::new() }
            }
            map => serde_json::from_value(map).map_err(|e| e.to_string())?,
        };
        if !is_metric_name(&map.name) {
            return Err(format!("`{}` is no name of a metric to Prometheus", map.name));
        }
        let bad = map.labels.keys().find(|label| !is_label_name(label) || *label == SAMPLE_LABEL);
        if let Some(label) = bad {
            return Err(format!("`{label}` cannot be a label here"));
        }
        let value = MetricValue::read(&map.value)?;
        Ok(Self { name: map.name, value, of: map.of, labels: map.labels })
    }
}

impl<'de> Deserialize<'de> for MetricStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// How a server answers: one word of [`Manner`], or what differs from a good day's answer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerMap {
    /// The HTTP status.
    #[serde(default)]
    status: Option<u16>,
    /// The answer as JSON.
    #[serde(default)]
    json: Option<Value>,
    /// The answer as text.
    #[serde(default)]
    body: Option<String>,
    /// It comes after so much time.
    #[serde(default)]
    slow: Option<Span>,
    /// What is wrong with it.
    #[serde(default)]
    is: Manner,
    /// Headers that a request has to carry, each with its value; else it is answered 401.
    #[serde(default)]
    needs: BTreeMap<String, String>,
}

/// What can be wrong with an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Manner {
    /// Nothing.
    #[default]
    Answers,
    /// It never comes.
    Silent,
    /// It is a page for people.
    Html,
    /// It is larger than anybody reads.
    Huge,
    /// It is JSON that breaks off.
    Malformed,
}

impl AnswerMap {
    fn answer(self) -> Result<Answer, String> {
        if self.status.is_some_and(|status| !(200..600).contains(&status)) {
            return Err("a status is a number from 200 to 599".to_owned());
        }
        let body = match (self.is, self.json, self.body) {
            (Manner::Answers | Manner::Silent, None, None) => Body::Usual,
            (Manner::Answers, Some(json), None) => Body::Json(json),
            (Manner::Answers, None, Some(text)) => Body::Text(text),
            (Manner::Html, None, None) => Body::Html,
            (Manner::Huge, None, None) => Body::Huge,
            (Manner::Malformed, None, None) => Body::Malformed,
            _ => return Err("an answer is one of `json`, `body` and `is`".to_owned()),
        };
        let delay = match (self.is, self.slow) {
            (Manner::Silent, None) => Delay::Never,
            (Manner::Silent, Some(_)) => return Err("what is silent is not slow".to_owned()),
            (_, slow) => slow.map_or_else(Delay::default, |span| Delay::After(span.0)),
        };
        Ok(Answer { status: self.status, body, delay, needs: self.needs })
    }
}

/// How the Prometheus server answers: `answers`, `silent`, `html`, `huge`, `malformed`; or a map of
/// `status`, `body` or `json`, `slow` (it answers after that time), `is` (one of those words) and
/// `needs` (headers without which it answers 401), where what is not given is as on a good day.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerAnswer(pub Answer);

impl<'de> Deserialize<'de> for ServerAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = match Value::deserialize(deserializer)? {
            word @ Value::String(_) => {
                let is = serde_json::from_value(word).map_err(de::Error::custom)?;
                AnswerMap { is, ..AnswerMap::default() }
            }
            map => serde_json::from_value(map).map_err(de::Error::custom)?,
        };
        map.answer().map(Self).map_err(de::Error::custom)
    }
}

/// A page at the address of the metrics: `path` (with a query where that counts), `method` (any, if
/// not given), and what it answers, as [`ServerAnswer`] has it.
#[derive(Clone, Debug, PartialEq)]
pub struct WebPage(pub Page);

impl<'de> Deserialize<'de> for WebPage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut map = Value::deserialize(deserializer)?;
        let Value::Object(fields) = &mut map else {
            return Err(de::Error::custom("a page is a map"));
        };
        let text = |value: Option<Value>| match value {
            Some(Value::String(text)) => Ok(Some(text)),
            None => Ok(None),
            Some(other) => Err(de::Error::custom(format!("{other} is no text"))),
        };
        let path = text(fields.remove("path"))?.filter(|path| path.starts_with('/'));
        let path = path.ok_or_else(|| de::Error::custom("a page has a path that begins with /"))?;
        let method = text(fields.remove("method"))?;
        let method = method.map(|name| name.parse().map_err(de::Error::custom)).transpose()?;
        let answer: AnswerMap = serde_json::from_value(map).map_err(de::Error::custom)?;
        let answer = answer.answer().map_err(de::Error::custom)?;
        if answer.body == Body::Usual && answer.delay != Delay::Never && answer.status.is_none() {
            return Err(de::Error::custom("a page answers with json, body, status or is"));
        }
        Ok(Self(Page { path, method, answer }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;
    use serde_json::json;
    use std::time::Duration;

    fn read<T: DeserializeOwned>(yaml: &str) -> Result<T, String> {
        let value: Value = serde_yaml_ng::from_str(yaml).unwrap();
        serde_json::from_value(value).map_err(|e| e.to_string())
    }

    fn metric(yaml: &str) -> MetricStep {
        read(yaml).unwrap()
    }

    #[test]
    fn metrics_in_short_and_in_full() {
        let short = metric("success_rate = 0.82");
        assert_eq!((short.name.as_str(), short.of), ("success_rate", None));
        assert_eq!(short.value, MetricValue::Samples(vec![0.82]));
        assert_eq!(metric("rate = absent").value, MetricValue::Absent);
        let full = metric("{name: rate, value: [1, 0.5], of: web#2, labels: {code: \"500\"}}");
        assert_eq!(full.value, MetricValue::Samples(vec![1.0, 0.5]));
        assert_eq!((full.of.as_deref(), full.labels["code"].as_str()), (Some("web#2"), "500"));
        for not_a_number in ["rate = NaN", "{name: rate, value: NaN}"] {
            let MetricValue::Samples(values) = metric(not_a_number).value else { panic!() };
            assert!(values[0].is_nan(), "{not_a_number}");
        }
        let infinite = metric("{name: rate, value: [+Inf, -Inf]}").value;
        assert_eq!(infinite, MetricValue::Samples(vec![f64::INFINITY, f64::NEG_INFINITY]));
    }

    #[test]
    fn metrics_that_are_none() {
        for (yaml, part) in [
            ("success-rate = 1", "no name of a metric"),
            ("rate", "is not `name = value`"),
            ("rate = much", "no number"),
            ("{name: rate, value: []}", "no number"),
            ("{name: rate, value: 1, labels: {a-b: c}}", "cannot be a label"),
            ("{name: rate, value: 1, labels: {sample: c}}", "cannot be a label"),
            ("{name: rate, value: 1, for: web}", "unknown field"),
        ] {
            let error = read::<MetricStep>(yaml).unwrap_err();
            assert!(error.contains(part), "{yaml}: {error}");
        }
    }

    #[test]
    fn servers_in_a_word_and_in_full() {
        let server = |yaml: &str| read::<ServerAnswer>(yaml).map(|server| server.0);
        assert_eq!(server("answers"), Ok(Answer::default()));
        assert_eq!(server("silent").unwrap().delay, Delay::Never);
        assert_eq!(server("huge").unwrap().body, Body::Huge);
        let failing = server("{status: 500, body: oops, slow: 20s}").unwrap();
        assert_eq!((failing.status, failing.body), (Some(500), Body::Text("oops".to_owned())));
        assert_eq!(failing.delay, Delay::After(Duration::from_secs(20)));
        let locked = server("{needs: {authorization: Bearer x}}").unwrap();
        assert_eq!((locked.body, locked.needs.len()), (Body::Usual, 1));
        for (yaml, part) in [
            ("away", "unknown variant"),
            ("{status: 42}", "from 200 to 599"),
            ("{json: {}, body: x}", "one of"),
            ("{is: silent, slow: 1s}", "not slow"),
            ("{is: html, json: {}}", "one of"),
        ] {
            let error = server(yaml).unwrap_err();
            assert!(error.contains(part), "{yaml}: {error}");
        }
    }

    #[test]
    fn pages() {
        let page = |yaml: &str| read::<WebPage>(yaml).map(|page| page.0);
        let found = page("{path: /check, method: POST, json: {ok: true}, slow: 1s}").unwrap();
        assert_eq!((found.path.as_str(), found.method), ("/check", Some(http::Method::POST)));
        assert_eq!(found.answer.body, Body::Json(json!({"ok": true})));
        assert_eq!(page("{path: /gone, status: 410}").unwrap().answer.status, Some(410));
        for (yaml, part) in [
            ("{path: check, json: {}}", "begins with /"),
            ("{json: {}}", "begins with /"),
            ("{path: /check}", "a page answers with"),
            ("{path: /check, json: {}, until: 1s}", "unknown field"),
            ("{path: /check, method: [GET], json: {}}", "no text"),
            ("/check", "is a map"),
        ] {
            let error = page(yaml).unwrap_err();
            assert!(error.contains(part), "{yaml}: {error}");
        }
    }
}
