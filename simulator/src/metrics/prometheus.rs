//! The HTTP API of Prometheus, as far as it is served.

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use http::{Method, Request, Response};
use serde_json::{Value, json};
use sluice_crd::duration::GoDuration;
use std::collections::BTreeMap;

use super::query::Query;
use super::reply::{json_response, text_response};
use super::samples::{Labels, Sample, Samples};
use super::values::number;

/// The most points of a series that a range may ask for, as Prometheus has it.
const POINTS_MAX: i64 = 11_000;

/// Parameters of a request, from its query and from its form.
type Parameters = BTreeMap<String, String>;

/// Answers a request as a Prometheus server with these samples would at `now`.
pub fn answer(
    request: &Request<Bytes>,
    samples: &dyn Samples,
    now: DateTime<Utc>,
) -> Response<Bytes> {
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return text_response(405, "text/plain", "method not allowed\n");
    }
    let parameters = parameters(request);
    let answered = match request.uri().path() {
        "/api/v1/query" => instant(&parameters, samples, now),
        "/api/v1/query_range" => range(&parameters, samples),
        "/-/ready" | "/-/healthy" => return text_response(200, "text/plain", "ready\n"),
        _ => return text_response(404, "text/plain", "404 page not found\n"),
    };
    match answered {
        Ok(data) => json_response(200, &json!({"status": "success", "data": data})),
        Err(error) => {
            let body = json!({"status": "error", "errorType": "bad_data", "error": error});
            json_response(400, &body)
        }
    }
}

fn parameters(request: &Request<Bytes>) -> Parameters {
    let query = request.uri().query().unwrap_or_default();
    let is_form = request.method() == Method::POST;
    let form: &[u8] = if is_form { request.body() } else { &[] };
    let all = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(form));
    all.map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

fn text<'a>(parameters: &'a Parameters, name: &str) -> &'a str {
    parameters.get(name).map_or("", String::as_str)
}

fn invalid(name: &str, why: impl std::fmt::Display) -> String {
    format!("invalid parameter \"{name}\": {why}")
}

fn query(parameters: &Parameters) -> Result<Query, String> {
    Query::parse(text(parameters, "query")).map_err(|error| invalid("query", error))
}

fn instant(
    parameters: &Parameters,
    samples: &dyn Samples,
    now: DateTime<Utc>,
) -> Result<Value, String> {
    let at = match text(parameters, "time") {
        "" => now,
        given => time(given).ok_or_else(|| invalid("time", "no time"))?,
    };
    Ok(match query(parameters)? {
        Query::Number(value) => json!({"resultType": "scalar", "result": point(at, value)}),
        Query::Series(selector) => {
            let found = samples.at(&selector.metric, at).into_iter();
            let result: Vec<Value> = found
                .filter(|sample| selector.takes(sample))
                .map(|sample| {
                    let metric = described(&selector.metric, &sample.labels);
                    json!({"metric": metric, "value": point(at, sample.value)})
                })
                .collect();
            json!({"resultType": "vector", "result": result})
        }
    })
}

fn range(parameters: &Parameters, samples: &dyn Samples) -> Result<Value, String> {
    let at = |name: &str| {
        time(text(parameters, name)).ok_or_else(|| invalid(name, "no time, or none given"))
    };
    let (start, end) = (at("start")?, at("end")?);
    if end < start {
        return Err(invalid("end", "it is before the start"));
    }
    let step = length(text(parameters, "step")).filter(|step| *step > Duration::zero());
    let step = step.ok_or_else(|| invalid("step", "a step is longer than nothing"))?;
    let milliseconds = step.num_milliseconds().max(1);
    if (end - start).num_milliseconds() / milliseconds >= POINTS_MAX {
        return Err(format!("more than {POINTS_MAX} points in a series: take a longer step"));
    }
    let query = query(parameters)?;
    let mut series: BTreeMap<Labels, Vec<Value>> = BTreeMap::new();
    let mut instant = start;
    while instant <= end {
        let found = match &query {
            Query::Number(value) => vec![Sample { labels: Labels::new(), value: *value }],
            Query::Series(selector) => {
                let mut found = samples.at(&selector.metric, instant);
                found.retain(|sample| selector.takes(sample));
                found
            }
        };
        for sample in found {
            series.entry(sample.labels).or_default().push(point(instant, sample.value));
        }
        instant += Duration::milliseconds(milliseconds);
    }
    let result: Vec<Value> = series
        .into_iter()
        .map(|(labels, values)| {
            let metric = match &query {
                Query::Number(_) => json!({}),
                Query::Series(selector) => described(&selector.metric, &labels),
            };
            json!({"metric": metric, "values": values})
        })
        .collect();
    Ok(json!({"resultType": "matrix", "result": result}))
}

fn described(metric: &str, labels: &Labels) -> Value {
    let mut all = json!({"__name__": metric});
    for (key, value) in labels {
        all[key] = value.as_str().into();
    }
    all
}

fn point(at: DateTime<Utc>, value: f64) -> Value {
    // Times are seconds with three digits after the point; 2^53 milliseconds are far away.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let seconds = at.timestamp_millis() as f64 / 1000.0;
    json!([seconds, number(value)])
}

/// Seconds since 1970 with a fraction, or RFC 3339.
fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(seconds) = text.parse::<f64>() {
        return DateTime::from_timestamp_millis(milliseconds(seconds)?);
    }
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

/// Seconds with a fraction, or a duration such as `30s` or `5m`.
fn length(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Some(Duration::milliseconds(milliseconds(seconds)?));
    }
    let duration: GoDuration = text.parse().ok()?;
    Some(Duration::nanoseconds(duration.as_nanos()))
}

#[expect(clippy::cast_possible_truncation, reason = "what would be cut is refused")]
fn milliseconds(seconds: f64) -> Option<i64> {
    let milliseconds = (seconds * 1000.0).round();
    (milliseconds.abs() < 1e15).then_some(milliseconds as i64)
}

#[cfg(test)]
mod tests {
    use super::super::values::Values;
    use super::*;

    const NOW: i64 = 1_767_225_600;

    fn values() -> Values {
        let mut values = Values::default();
        let at = |seconds| DateTime::from_timestamp(NOW + seconds, 0).unwrap();
        let labels = |hash: &str| Labels::from([("hash".to_owned(), hash.to_owned())]);
        values.set(at(-60), "rate", &labels("a"), &[0.5]);
        values.set(at(-60), "rate", &labels("b"), &[f64::NAN]);
        values.set(at(-30), "rate", &labels("a"), &[0.82]);
        values
    }

    fn ask(method: &str, path: &str, body: &'static str) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
        let now = DateTime::from_timestamp_millis(NOW * 1000 + 250).unwrap();
        let response = answer(&request, &values(), now);
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        (response.status().as_u16(), body)
    }

    fn data(answered: &(u16, Value)) -> &Value {
        assert_eq!((answered.0, &answered.1["status"]), (200, &json!("success")), "{answered:?}");
        &answered.1["data"]
    }

    #[test]
    fn a_query_at_an_instant_gives_a_vector() {
        let answered = ask("GET", "http://m/api/v1/query?query=rate", "");
        let (a, b) = (
            json!({"metric": {"__name__": "rate", "hash": "a"}, "value": [1_767_225_600.25, "0.82"]}),
            json!({"metric": {"__name__": "rate", "hash": "b"}, "value": [1_767_225_600.25, "NaN"]}),
        );
        assert_eq!(data(&answered), &json!({"resultType": "vector", "result": [a, b]}));
        let one = ask("GET", "http://m/api/v1/query?query=rate%7Bhash%3D%22a%22%7D", "");
        assert_eq!(data(&one)["result"], json!([a]));
        let posted = ask("POST", "http://m/api/v1/query", "query=rate%7Bhash%3D%22a%22%7D");
        assert_eq!(posted, one);
        let none = ask("GET", "http://m/api/v1/query?query=other", "");
        assert_eq!(data(&none), &json!({"resultType": "vector", "result": []}));
    }

    #[test]
    fn a_number_is_a_scalar_and_the_past_can_be_asked_for() {
        let answered = ask("GET", "http://m/api/v1/query?query=0.95", "");
        let expected = json!({"resultType": "scalar", "result": [1_767_225_600.25, "0.95"]});
        assert_eq!(data(&answered), &expected);
        let past = "http://m/api/v1/query?query=rate%7Bhash%3D%22a%22%7D&time=1767225560.5";
        assert_eq!(
            data(&ask("GET", past, ""))["result"][0]["value"],
            json!([1_767_225_560.5, "0.5"])
        );
        let same = past.replace("1767225560.5", "2025-12-31T23:59:20.5Z");
        assert_eq!(ask("GET", &same, ""), ask("GET", past, ""));
    }

    #[test]
    fn a_range_gives_a_matrix() {
        let path = "http://m/api/v1/query_range?query=rate%7Bhash%3D%22a%22%7D\
            &start=1767225500&end=1767225590&step=30s";
        let answered = ask("GET", path, "");
        let points = json!([[1_767_225_560.0, "0.5"], [1_767_225_590.0, "0.82"]]);
        let series = json!({"metric": {"__name__": "rate", "hash": "a"}, "values": points});
        assert_eq!(data(&answered), &json!({"resultType": "matrix", "result": [series]}));
        let number = path.replace("rate%7Bhash%3D%22a%22%7D", "7").replace("30s", "60");
        let series =
            json!({"metric": {}, "values": [[1_767_225_500.0, "7"], [1_767_225_560.0, "7"]]});
        assert_eq!(data(&ask("GET", &number, ""))["result"], json!([series]));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (path, part) in [
            ("query", "invalid parameter \"query\""),
            ("query?query=sum(rate)", "parse error at character 4"),
            ("query?query=rate&time=noon", "invalid parameter \"time\""),
            ("query_range?query=rate&end=1&step=1", "invalid parameter \"start\""),
            ("query_range?query=rate&start=2&end=1&step=1", "before the start"),
            ("query_range?query=rate&start=1&end=2&step=0", "invalid parameter \"step\""),
            ("query_range?query=rate&start=1&end=2&step=soon", "invalid parameter \"step\""),
            ("query_range?query=rate&start=0&end=11000&step=1", "11000 points"),
            ("query_range?query=rate[1m]&start=0&end=1&step=1", "parse error at character 5"),
        ] {
            let (status, body) = ask("GET", &format!("http://m/api/v1/{path}"), "");
            assert_eq!((status, &body["errorType"]), (400, &json!("bad_data")), "{path}");
            assert!(body["error"].as_str().unwrap().contains(part), "{path}: {body}");
        }
        assert_eq!(ask("GET", "http://m/graph", "").0, 404);
        assert_eq!(ask("DELETE", "http://m/api/v1/query", "").0, 405);
        assert_eq!(ask("GET", "http://m/-/ready", "").0, 200);
    }
}
