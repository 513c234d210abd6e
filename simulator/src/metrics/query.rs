//! The queries that are understood: `success_rate`, `success_rate{hash="abc", code!="500"}`, `0.95`.

use super::samples::{Labels, Sample, is_label_name, is_metric_name};

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Query {
    /// A number.
    Number(f64),
    /// Series.
    Series(Selector),
}

/// Which series of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    /// The metric.
    pub(super) metric: String,
    /// What its labels have to be.
    pub(super) matchers: Vec<Matcher>,
}

/// What a label has to be. A label that is not there is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matcher {
    /// The label.
    pub(super) label: String,
    /// Equal, or not.
    pub(super) equal: bool,
    /// To what.
    pub(super) value: String,
}

/// A query beyond the small language, or none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "parse error at character {position}: this stand-in for Prometheus takes a number, or a metric \
     with labels such as rate{{hash=\"abc\"}}"
)]
pub(super) struct UnknownQuery {
    /// Where it stopped to understand, from 1.
    pub(super) position: usize,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// What is beyond the small language.
    pub(super) fn parse(text: &str) -> Result<Query, UnknownQuery> {
        let trimmed = text.trim();
        if let Ok(number) = trimmed.parse() {
            return Ok(Query::Number(number));
        }
        let mut reader = Reader { text: trimmed, at: 0 };
        let metric = reader.word();
        if !is_metric_name(metric) {
            return Err(reader.unknown());
        }
        let matchers = if reader.takes("{") { reader.matchers()? } else { Vec::new() };
        reader.skip_space();
        if reader.at < trimmed.len() {
            return Err(reader.unknown());
        }
        Ok(Query::Series(Selector { metric: metric.to_owned(), matchers }))
    }
}

impl Selector {
    /// Whether a sample is meant.
    pub(super) fn takes(&self, sample: &Sample) -> bool {
        self.matchers.iter().all(|matcher| matcher.takes(&sample.labels))
    }
}

impl Matcher {
    fn takes(&self, labels: &Labels) -> bool {
        let found = labels.get(&self.label).map_or("", String::as_str);
        (found == self.value) == self.equal
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn unknown(&self) -> UnknownQuery {
        UnknownQuery { position: self.text[..self.at].chars().count() + 1 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn takes(&mut self, token: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Letters, digits, `_` and `:`; may be empty.
    fn word(&mut self) -> &'a str {
        self.skip_space();
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// What follows an opening brace, up to and with the closing one.
    fn matchers(&mut self) -> Result<Vec<Matcher>, UnknownQuery> {
        let mut matchers = Vec::new();
        while !self.takes("}") {
            let label = self.word().to_owned();
            let equal = !self.takes("!=");
            if !is_label_name(&label) || equal && (!self.takes("=") || self.takes("~")) {
                return Err(self.unknown());
            }
            matchers.push(Matcher { label, equal, value: self.quoted()? });
            if !self.takes(",") && !self.rest().trim_start().starts_with('}') {
                return Err(self.unknown());
            }
        }
        Ok(matchers)
    }

    /// A text in single or double quotes; `\` takes the next character as it is, `\n` is a new line.
    fn quoted(&mut self) -> Result<String, UnknownQuery> {
        self.skip_space();
        let mut chars = self.rest().char_indices();
        let quote = chars.next().map(|(_, c)| c).filter(|c| matches!(c, '"' | '\''));
        let Some(quote) = quote else { return Err(self.unknown()) };
        let mut value = String::new();
        while let Some((index, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped)) => value.push(escaped),
                    None => break,
                },
                c if c == quote => {
                    self.at += index + c.len_utf8();
                    return Ok(value);
                }
                c => value.push(c),
            }
        }
        Err(self.unknown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(metric: &str, matchers: &[(&str, bool, &str)]) -> Query {
        let matchers = matchers.iter().map(|(label, equal, value)| Matcher {
            label: (*label).to_owned(),
            equal: *equal,
            value: (*value).to_owned(),
        });
        Query::Series(Selector { metric: metric.to_owned(), matchers: matchers.collect() })
    }

    #[test]
    fn names_with_labels_and_numbers() {
        for (text, expected) in [
            ("0.95", Query::Number(0.95)),
            (" -1e3 ", Query::Number(-1000.0)),
            ("rate", series("rate", &[])),
            ("\n rate { } ", series("rate", &[])),
            ("rate{hash=\"abc\"}", series("rate", &[("hash", true, "abc")])),
            (
                "a:b{ x = 'y z' , code!=\"5\\\"0\\n0\", }",
                series("a:b", &[("x", true, "y z"), ("code", false, "5\"0\n0")]),
            ),
        ] {
            assert_eq!(Query::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn all_else_is_refused_where_it_begins() {
        for (text, position) in [
            ("", 1),
            ("rate > 1", 6),
            ("sum(rate)", 4),
            ("rate{hash=~\"a.*\"}", 12),
            ("rate{hash=abc}", 11),
            ("rate{hash=\"abc\"", 16),
            ("rate{hash=\"abc}", 11),
            ("rate{\"hash\"=\"abc\"}", 6),
            ("rate[5m]", 5),
            ("success-rate", 8),
        ] {
            assert_eq!(Query::parse(text), Err(UnknownQuery { position }), "{text}");
        }
    }

    #[test]
    fn labels_that_are_not_there_are_empty() {
        let sample = Sample { labels: [("a".to_owned(), "1".to_owned())].into(), value: 0.0 };
        for (text, expected) in [
            ("m", true),
            ("m{a=\"1\"}", true),
            ("m{a=\"2\"}", false),
            ("m{a!=\"2\", b=\"\"}", true),
            ("m{b!=\"\"}", false),
        ] {
            let Ok(Query::Series(selector)) = Query::parse(text) else { panic!("{text}") };
            assert_eq!(selector.takes(&sample), expected, "{text}");
        }
    }
}
