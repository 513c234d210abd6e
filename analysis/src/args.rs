//! Arguments: `{{args.NAME}}` in any text of a metric (spec §2.9).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sluice_crd::analysis::Metric;

/// Values of arguments by name.
pub type Values = BTreeMap<String, String>;

/// Why a text with arguments has no meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// An argument without a value, in the words of upstream.
    #[error("failed to resolve {{{{{0}}}}}")]
    Unresolved(String),
    /// `{{` without `}}`.
    #[error("`{{{{` without `}}}}` behind it in `{0}`")]
    Unclosed(String),
    /// What came of it is no metric any more.
    #[error("with its arguments filled in, the metric cannot be read: {0}")]
    Shape(String),
}

/// The names of the arguments that a metric uses.
///
/// # Errors
///
/// An unclosed tag.
pub fn used(metric: &Metric) -> Result<BTreeSet<String>, ArgumentError> {
    let mut names = BTreeSet::new();
    let mut json = as_json(metric)?;
    each_text(&mut json, &mut |text| {
        fill_text(text, &mut |tag| {
            names.insert(tag.strip_prefix("args.").unwrap_or(tag).to_owned());
            Some(String::new())
        })
    })?;
    Ok(names)
}

/// The metric with these arguments filled in, once: a value is not looked at again. Tags of the
/// arguments named in `later` stay.
///
/// # Errors
///
/// An argument without a value; an unclosed tag.
pub fn fill(
    metric: &Metric,
    values: &Values,
    later: &BTreeSet<String>,
) -> Result<Metric, ArgumentError> {
    let mut json = as_json(metric)?;
    let mut look_up = |tag: &str| {
        let name = tag.strip_prefix("args.")?;
        if later.contains(name) {
            return Some(format!("{{{{args.{name}}}}}"));
        }
        values.get(name).cloned()
    };
    each_text(&mut json, &mut |text| fill_text(text, &mut look_up))?;
    serde_json::from_value(json).map_err(|e| ArgumentError::Shape(e.to_string()))
}

fn as_json(metric: &Metric) -> Result<Value, ArgumentError> {
    serde_json::to_value(metric).map_err(|e| ArgumentError::Shape(e.to_string()))
}

type Rewrite<'a> = dyn FnMut(&str) -> Result<String, ArgumentError> + 'a;

/// Rewrites every text, keys of maps included. What has no tag is not touched.
fn each_text(json: &mut Value, rewrite: &mut Rewrite<'_>) -> Result<(), ArgumentError> {
    match json {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) if text.contains("{{") => *text = rewrite(text)?,
        Value::String(_) => {}
        Value::Array(items) => {
            for item in items {
                each_text(item, rewrite)?;
            }
        }
        Value::Object(fields) => {
            let tagged = fields.keys().filter(|key| key.contains("{{")).cloned();
            for key in tagged.collect::<Vec<_>>() {
                if let Some(value) = fields.remove(&key) {
                    fields.insert(rewrite(&key)?, value);
                }
            }
            for value in fields.values_mut() {
                each_text(value, rewrite)?;
            }
        }
    }
    Ok(())
}

/// One text with its tags replaced by what `look_up` says of them.
fn fill_text(
    text: &str,
    look_up: &mut dyn FnMut(&str) -> Option<String>,
) -> Result<String, ArgumentError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{{") {
        let Some((tag, behind)) = behind.split_once("}}") else {
            return Err(ArgumentError::Unclosed(text.to_owned()));
        };
        out.push_str(before);
        let tag = tag.trim();
        out.push_str(&look_up(tag).ok_or_else(|| ArgumentError::Unresolved(tag.to_owned()))?);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metric(value: Value) -> Metric {
        serde_json::from_value(value).unwrap()
    }

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn sample() -> Metric {
        metric(json!({
            "name": "{{args.service}}-errors",
            "count": "{{args.count}}",
            "successCondition": "result[0] < {{ args.limit }}",
            "provider": {"job": {
                "metadata": {"labels": {"{{args.service}}": "x"}},
                "spec": {"template": {"spec": {"containers": [{"args": ["exit {{args.code}}"]}]}}},
            }},
        }))
    }

    #[test]
    fn every_text_is_filled_in_once() {
        let values = values(&[
            ("service", "shop"),
            ("count", "3"),
            ("limit", "0.05"),
            ("code", "{{args.count}} \"quoted\"\n"),
        ]);
        let filled = fill(&sample(), &values, &BTreeSet::new()).unwrap();
        assert_eq!(
            serde_json::to_value(filled).unwrap(),
            json!({
                "name": "shop-errors",
                "count": "3",
                "successCondition": "result[0] < 0.05",
                "provider": {"job": {
                    "metadata": {"labels": {"shop": "x"}},
                    "spec": {"template": {"spec": {"containers": [
                        {"args": ["exit {{args.count}} \"quoted\"\n"]}
                    ]}}},
                }},
            })
        );
    }

    #[test]
    fn the_names_in_use_are_known() {
        let names: Vec<String> = used(&sample()).unwrap().into_iter().collect();
        assert_eq!(names, ["code", "count", "limit", "service"]);
    }

    #[test]
    fn what_is_not_resolved_is_named() {
        let some = values(&[("service", "shop"), ("count", "3"), ("code", "0")]);
        let error = fill(&sample(), &some, &BTreeSet::new()).unwrap_err();
        assert_eq!(error.to_string(), "failed to resolve {{args.limit}}");
        let later = BTreeSet::from(["limit".to_owned()]);
        let filled = fill(&sample(), &some, &later).unwrap();
        assert_eq!(filled.success_condition, "result[0] < {{args.limit}}");
        let odd = metric(json!({"name": "x", "provider": {}, "interval": "{{inputs.x}}"}));
        let error = fill(&odd, &some, &BTreeSet::new()).unwrap_err();
        assert_eq!(error.to_string(), "failed to resolve {{inputs.x}}");
    }

    #[test]
    fn an_unclosed_tag_is_an_error() {
        let odd = metric(json!({"name": "x {{args.a", "provider": {}}));
        let error = fill(&odd, &values(&[("a", "b")]), &BTreeSet::new()).unwrap_err();
        assert_eq!(error.to_string(), "`{{` without `}}` behind it in `x {{args.a`");
    }
}
