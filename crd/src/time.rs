//! The API's clock reading: an instant with the precision of a second.

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant as the API server stores it (`metav1.Time`): UTC, RFC 3339, whole seconds.
///
/// Anything finer is cut off on construction, so that a value written to a status and read back
/// is equal to the one that was computed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(DateTime<Utc>);

impl Time {
    /// The instant as chrono has it, its fraction of a second cut off.
    pub fn new(instant: DateTime<Utc>) -> Self {
        let whole = instant.timestamp();
        Self(DateTime::from_timestamp(whole, 0).unwrap_or(instant))
    }

    /// Reads RFC 3339, with or without a fraction of a second, in any offset.
    pub fn parse(text: &str) -> Result<Self, chrono::ParseError> {
        DateTime::parse_from_rfc3339(text).map(|t| Self::new(t.with_timezone(&Utc)))
    }

    /// The instant as chrono has it.
    pub fn to_chrono(self) -> DateTime<Utc> {
        self.0
    }

    /// The instant `seconds` later; saturates at the end of representable time.
    pub fn plus_seconds(self, seconds: i64) -> Self {
        let later = TimeDelta::try_seconds(seconds).and_then(|d| self.0.checked_add_signed(d));
        Self(later.unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// Whole seconds from `earlier` to this instant, negative when it is in fact later.
    pub fn seconds_since(self, earlier: Self) -> i64 {
        self.0.timestamp().saturating_sub(earlier.0.timestamp())
    }
}

impl From<DateTime<Utc>> for Time {
    fn from(instant: DateTime<Utc>) -> Self {
        Self::new(instant)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|e| de::Error::custom(format!("`{text}` is not RFC 3339: {e}")))
    }
}

impl JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_as_it_was_written() {
        let t = Time::parse("2026-11-21T08:27:41.987+01:00").unwrap();
        assert_eq!(t.to_string(), "2026-11-21T07:27:41Z");
        assert_eq!(Time::parse(&t.to_string()).unwrap(), t);
    }

    #[test]
    fn arithmetic_saturates() {
        let t = Time::parse("2026-11-21T07:27:41Z").unwrap();
        assert_eq!(t.plus_seconds(19).to_string(), "2026-11-21T07:28:00Z");
        assert!(t.plus_seconds(i64::MAX) > t);
        assert_eq!(t.plus_seconds(30).seconds_since(t), 30);
        assert_eq!(t.seconds_since(t.plus_seconds(30)), -30);
    }
}
