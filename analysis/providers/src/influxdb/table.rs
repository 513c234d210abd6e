//! Annotated CSV: tables with rows before them that say the types and defaults of their columns.

use csv::{ReaderBuilder, StringRecord};
use sluice_analysis::expr::Value;

use crate::error::ProviderError;
use crate::gotext;

/// The values of the column `_value` in all tables, with their texts as Go writes them.
pub(super) fn values(body: &[u8]) -> Result<Vec<(Value, String)>, ProviderError> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    let mut table = Table::default();
    let mut values = Vec::new();
    for record in reader.records() {
        let record = record
            .map_err(|error| ProviderError::body(format!("the answer is not CSV: {error}")))?;
        if let Some(value) = table.read(record)? {
            values.push(value);
        }
    }
    Ok(values)
}

/// What is known of the table that is being read.
#[derive(Default)]
struct Table {
    types: StringRecord,
    defaults: StringRecord,
    /// The names of the columns, once they have been read.
    header: Option<StringRecord>,
}

impl Table {
    fn read(&mut self, record: StringRecord) -> Result<Option<(Value, String)>, ProviderError> {
        match record.get(0).unwrap_or_default() {
            "#datatype" => {
                *self = Self { types: record, ..Self::default() };
                return Ok(None);
            }
            "#default" => {
                self.defaults = record;
                return Ok(None);
            }
            annotation if annotation.starts_with('#') => return Ok(None),
            _ => {}
        }
        let Some(header) = &self.header else {
            if record.len() < 2 {
                return Err(ProviderError::body("the answer is not the CSV of InfluxDB"));
            }
            self.header = Some(record);
            return Ok(None);
        };
        if header.get(1) == Some("error") {
            let said = record.get(1).unwrap_or_default();
            return Err(ProviderError::new("status", format!("flux query failed: {said}")));
        }
        let Some(column) = header.iter().position(|name| name == "_value") else {
            return Ok(Some(nothing()));
        };
        let written = record.get(column).filter(|text| !text.is_empty());
        let text = written.or_else(|| self.defaults.get(column)).unwrap_or_default();
        value(self.types.get(column).unwrap_or_default(), text).map(Some)
    }
}

fn nothing() -> (Value, String) {
    (Value::Nil, "<nil>".to_owned())
}

fn value(kind: &str, text: &str) -> Result<(Value, String), ProviderError> {
    let refuse = || ProviderError::body(format!("`{text}` is no value of the type {kind}"));
    let float = |number: f64| (Value::Float(number), gotext::general(number));
    Ok(match kind {
        "string" => (Value::text(text), text.to_owned()),
        _ if text.is_empty() => nothing(),
        "double" => float(text.parse().map_err(|_| refuse())?),
        "boolean" => {
            let holds = text.parse().map_err(|_| refuse())?;
            (Value::Bool(holds), text.to_owned())
        }
        "long" => {
            let number: i64 = text.parse().map_err(|_| refuse())?;
            (Value::Int(number), number.to_string())
        }
        "unsignedLong" => match text.parse::<i64>() {
            Ok(number) => (Value::Int(number), number.to_string()),
            Err(_) => float(text.parse().map_err(|_| refuse())?),
        },
        _ => (Value::text(text), text.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        for (kind, text, name, expected) in [
            ("double", "+Inf", "float", "+Inf"),
            ("double", "NaN", "float", "NaN"),
            ("long", "-3", "int", "-3"),
            ("unsignedLong", "18446744073709551615", "float", "1.8446744073709552e+19"),
            ("boolean", "true", "bool", "true"),
            ("string", "", "string", ""),
            ("dateTime:RFC3339", "2026-01-01T00:00:00Z", "string", "2026-01-01T00:00:00Z"),
            ("double", "", "nil", "<nil>"),
        ] {
            let (value, text) = value(kind, text).unwrap();
            assert_eq!((value.type_name(), text.as_str()), (name, expected));
        }
        for (kind, text) in
            [("double", "x"), ("long", "1.5"), ("boolean", "yes"), ("unsignedLong", "-")]
        {
            assert!(value(kind, text).is_err(), "{kind} {text}");
        }
    }
}
