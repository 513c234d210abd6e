//! The second version of Datadog's API: a table of scalars.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use sluice_analysis::expr::Value;
use sluice_analysis::{Reading, Sample};
use sluice_crd::analysis::DatadogMetric;
use url::Url;

use super::{Window, accepting_json};
use crate::error::ProviderError;
use crate::http::Answer;
use crate::measure::METADATA_BYTES_MAX;
use crate::request::{self, Request};
use crate::{gotext, reply};

/// How a series becomes a number, unless the metric says.
const AGGREGATOR: &str = "last";

/// What the only query is called.
const ONLY: &str = "query";

/// How many groups are listed, the highest first.
const GROUPS_MAX: usize = 100;

pub(super) fn request(metric: &DatadogMetric, address: &Url, window: Window) -> Request {
    let aggregator = match metric.aggregator.as_str() {
        "" => AGGREGATOR,
        aggregator => aggregator,
    };
    let query = |name: &str, query: &str| json!({"aggregator": aggregator, "data_source": "metrics", "name": name, "query": query});
    let queries: Vec<_> = if metric.query.is_empty() {
        metric.queries.iter().map(|(name, text)| query(name, text)).collect()
    } else {
        vec![query(ONLY, &metric.query)]
    };
    let mut attributes = json!({
        "from": window.from().saturating_mul(1000),
        "to": window.to.saturating_mul(1000),
        "queries": queries,
    });
    if !metric.formula.is_empty() {
        attributes["formulas"] = json!([{"formula": metric.formula}]);
    }
    let url = request::below(address.clone(), "/api/v2/query/scalar");
    let body = json!({"data": {"type": "scalar_request", "attributes": attributes}});
    accepting_json(Request::json(url, &body))
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    data: Data,
    #[serde(default)]
    errors: Json,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    errors: Json,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(default)]
    columns: Option<Vec<Column>>,
}

#[derive(Deserialize)]
struct Column {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    values: Option<Vec<Json>>,
}

pub(super) fn interpret(answer: &Answer) -> Result<Reading, ProviderError> {
    let body: Body = reply::json(answer)?;
    for errors in [body.errors, body.data.errors] {
        let said = match &errors {
            Json::String(text) => text.clone(),
            Json::Null => continue,
            other => other.to_string(),
        };
        if !said.is_empty() && said != "[]" {
            let text = format!("There were errors in your query: {said}");
            return Err(ProviderError::new("status", text));
        }
    }
    let columns = body.data.attributes.columns.unwrap_or_default();
    let (groups, numbers): (Vec<_>, Vec<_>) =
        columns.into_iter().partition(|column| column.kind == "group");
    let values = numbers.into_iter().next().and_then(|column| column.values).unwrap_or_default();
    if groups.is_empty() {
        return single(&values);
    }
    grouped(&groups, &values)
}

fn single(values: &[Json]) -> Result<Reading, ProviderError> {
    let (value, text) = match values.first() {
        None => (Value::Nil, r#"{"Columns":[]}"#.to_owned()),
        Some(Json::Null) => (Value::Nil, "null".to_owned()),
        Some(value) => {
            let number = number(value)?;
            (Value::Float(number), gotext::plain(number))
        }
    };
    Ok(Reading::Sample(Sample { value, text, metadata: BTreeMap::new() }))
}

/// One number for each group that has one.
fn grouped(groups: &[Column], values: &[Json]) -> Result<Reading, ProviderError> {
    let mut rows = Vec::new();
    for (row, value) in values.iter().enumerate().filter(|(_, value)| !value.is_null()) {
        let name = |column: &Column| match column.values.as_ref().and_then(|names| names.get(row)) {
            Some(Json::Array(parts)) => {
                let parts: Vec<_> = parts.iter().filter_map(Json::as_str).collect();
                parts.join(",")
            }
            Some(Json::String(name)) => name.clone(),
            _ => String::new(),
        };
        let names: Vec<_> = groups.iter().map(name).collect();
        rows.push((names.join(","), number(value)?));
    }
    let numbers = rows.iter().map(|(_, number)| *number);
    let text = gotext::list(numbers.clone().map(gotext::plain), ",");
    let value = Value::samples(numbers.collect::<Vec<_>>());
    Ok(Reading::Sample(Sample { value, text, metadata: listed(rows) }))
}

/// Which number belongs to which group, for whoever reads the run.
fn listed(mut rows: Vec<(String, f64)>) -> BTreeMap<String, String> {
    let all = rows.len();
    if all > GROUPS_MAX {
        rows.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        rows.truncate(GROUPS_MAX);
    }
    let json = |rows: &[(String, f64)]| {
        let entry = |(name, value): &(String, f64)| json!({"name": name, "value": value});
        gotext::json(&rows.iter().map(entry).collect())
    };
    // JSON that is cut in the middle is none.
    while json(&rows).len() > METADATA_BYTES_MAX {
        rows.truncate(rows.len() / 2);
    }
    let mut metadata = BTreeMap::from([("groups".to_owned(), json(&rows))]);
    if rows.len() < all {
        metadata.insert("groups_truncated".to_owned(), "true".to_owned());
    }
    metadata
}

fn number(value: &Json) -> Result<f64, ProviderError> {
    value.as_f64().ok_or_else(|| ProviderError::body("a value of the answer is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn sample(body: &str) -> Result<Sample, ProviderError> {
        match interpret(&http::Response::new(Bytes::from(body.to_owned())))? {
            Reading::Sample(sample) => Ok(sample),
            other => panic!("{other:?}"),
        }
    }

    fn columns(columns: &Json) -> String {
        json!({"data": {"type": "scalar_response", "attributes": {"columns": columns}}}).to_string()
    }

    #[test]
    fn values() {
        let number = |values: Json| json!({"name": "a", "type": "number", "values": values});
        for (columns_of, kind, expected) in [
            (json!([number(json!([0.0006444]))]), "float", "0.0006444"),
            (json!([number(json!([3, 4]))]), "float", "3"),
            (json!([number(json!([null]))]), "nil", "null"),
            (json!([number(json!([]))]), "nil", r#"{"Columns":[]}"#),
            (json!([]), "nil", r#"{"Columns":[]}"#),
            (json!(null), "nil", r#"{"Columns":[]}"#),
        ] {
            let sample = sample(&columns(&columns_of)).unwrap();
            assert_eq!((sample.value.type_name(), sample.text.as_str()), (kind, expected));
        }
        for body in ["", "<html>", r#"{"data":5}"#, &columns(&json!([number(json!(["x"]))]))] {
            assert!(sample(body).is_err(), "{body}");
        }
        for body in [r#"{"errors":["bad query"]}"#, r#"{"data":{"errors":"bad query"}}"#] {
            let message = sample(body).unwrap_err().message;
            assert!(
                message.contains("There were errors in your query")
                    && message.contains("bad query")
            );
        }
    }

    #[test]
    fn groups_are_a_list_and_named() {
        let group = |values: Json| json!({"name": "env", "type": "group", "values": values});
        let values = json!({"name": "q", "type": "number", "values": [1.5, null, 2]});
        let envs = group(json!([["prod"], ["test"], ["dev"]]));
        let paths = group(json!([["GET /a"], ["GET /b"], ["GET /<c>"]]));
        let sample = sample(&columns(&json!([envs, paths, values]))).unwrap();
        assert_eq!((sample.value.type_name(), sample.text.as_str()), ("array", "[1.5,2]"));
        assert_eq!(
            sample.metadata["groups"],
            r#"[{"name":"prod,GET /a","value":1.5},{"name":"dev,GET /\u003cc\u003e","value":2}]"#
        );
        assert_eq!(sample.metadata.len(), 1);
    }

    #[test]
    fn of_many_groups_the_highest_are_named() {
        let names: Vec<_> = (0..300).map(|place| json!([format!("g{place}")])).collect();
        let values: Vec<_> = (0..300).collect();
        let sample = sample(&columns(&json!([
            {"type": "group", "values": names},
            {"type": "number", "values": values},
        ])))
        .unwrap();
        let groups: Json = serde_json::from_str(&sample.metadata["groups"]).unwrap();
        assert_eq!(groups[0], json!({"name": "g299", "value": 299}));
        assert!(groups.as_array().unwrap().len() <= GROUPS_MAX);
        assert_eq!(sample.metadata["groups_truncated"], "true");
        assert!(sample.text.starts_with("[0,1,2") && sample.text.ends_with("299]"));
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in "\\PC{0,80}", values in "[\\[\\],0-9nul\"]{0,40}", kind in "group|number") {
            let _ = sample(&body);
            let _ = sample(&format!(r#"{{"data":{{"attributes":{{"columns":[{{"type":"{kind}","values":{values}}}]}}}}}}"#));
        }
    }
}
