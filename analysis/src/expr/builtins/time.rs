//! Functions of times and durations.

use chrono::{DateTime, Utc};

use super::super::budget::Budget;
use super::super::error::{Fault, fault, quoted};
use super::super::time::{Time, date, in_utc};
use super::super::value::Value;
use super::Builtin;
use sluice_crd::duration::DurationError;

type Given = Result<Value, Fault>;

pub(crate) fn apply(
    builtin: Builtin,
    values: &[Value],
    now: Option<DateTime<Utc>>,
    budget: &mut Budget,
) -> Given {
    match (builtin, values) {
        (Builtin::Now, [] | [Value::Zone]) => match now {
            Some(now) => Ok(Value::Time(Time::utc(now).into())),
            None => fault("`now` has no clock here"),
        },
        (Builtin::Duration, [Value::Text(text)]) => {
            budget.steps(text.len())?;
            match text.parse() {
                Ok(span) => Ok(Value::Duration(span)),
                Err(error) if text.len() <= 60 => fault(DurationError::to_string(&error)),
                Err(_) => fault(format!("{} is not a duration", quoted(text))),
            }
        }
        (Builtin::Timezone, [Value::Text(name)]) => in_utc(name).map(|()| Value::Zone),
        (Builtin::Date, [Value::Zone, rest @ ..] | rest) => dated(rest, budget),
        _ => {
            let types: Vec<&str> = values.iter().map(Value::type_name).collect();
            fault(format!("`{}` does not take {}", builtin.name(), types.join(", ")))
        }
    }
}

/// A text; its layout; the zone that it is in.
fn dated(values: &[Value], budget: &mut Budget) -> Given {
    let (text, layout) = match values {
        [Value::Text(text)] => (text, None),
        [Value::Text(text), Value::Text(layout)] => (text, Some(&**layout)),
        [Value::Text(text), Value::Text(layout), Value::Text(zone)] => {
            in_utc(zone)?;
            (text, Some(&**layout))
        }
        _ => return fault("`date` takes a text, and perhaps its layout and the time zone"),
    };
    Ok(Value::Time(date(text, layout, budget)?.into()))
}
