//! What a filter compares.

use std::cmp::Ordering;

use regex::RegexBuilder;
use serde_json::Value;

use super::{JsonPathError, Operator, error};

/// How large a regular expression may become when it is compiled, in bytes.
const REGEX_BYTES_MAX: usize = 256 << 10;

pub(super) fn compare(
    left: &Value,
    operator: Operator,
    right: &Value,
) -> Result<bool, JsonPathError> {
    if operator == Operator::Matches {
        return matches(left, right);
    }
    let equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    let order = match (left, right) {
        (Value::Bool(left), Value::Bool(right)) if equality => Some(left.cmp(right)),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64().zip(right.as_f64()).and_then(|(l, r)| l.partial_cmp(&r)),
        },
        _ => return error("incompatible types for comparison"),
    };
    Ok(match operator {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::NotEqual => order != Some(Ordering::Equal),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Operator::Matches => false,
    })
}

fn matches(left: &Value, right: &Value) -> Result<bool, JsonPathError> {
    let (Value::String(data), Value::String(pattern)) = (left, right) else {
        return error("=~ compares texts only");
    };
    match RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).build() {
        Ok(regex) => Ok(regex.is_match(data)),
        Err(_) => error("what =~ compares with is not a regular expression"),
    }
}
