//! Taking a measurement, so that no secret comes out of it.
//!
//! This is the one place through which everything of a provider passes on its way to the status of
//! a run: values as text, messages, metadata. Secrets are taken out first, then texts are cut to
//! their limits: the other way round, half a secret could be left at the end.

use std::collections::BTreeMap;

use sluice_analysis::{Ongoing, Reading, Redactor, Sample, Verdict};
use sluice_crd::analysis::{Measurement, Metric};

use crate::context::Context;
use crate::error::ProviderError;
use crate::provider::Provider;

/// The longest `measurement.value`, in bytes. A run keeps ten measurements of each metric, and the
/// API server takes 1.5 MiB of all.
pub const VALUE_BYTES_MAX: usize = 4 << 10;

/// The longest `measurement.message`, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1 << 10;

/// How much of a text is looked at for a message: pages of a server have much white space.
const LINE_BYTES_MAX: usize = 64 << 10;

/// The longest value of an entry of metadata, in bytes: a query may be long.
pub const METADATA_BYTES_MAX: usize = 4 << 10;

/// The most entries of metadata that are kept of a measurement.
pub const METADATA_ENTRIES_MAX: usize = 32;

/// What came of a measurement. Its texts hold no secrets and fit into a status; what conditions see,
/// [`Sample::value`], is as the provider gave it.
#[derive(Debug)]
pub struct Taken {
    /// The reading, or why there is none.
    pub outcome: Result<Reading, ProviderError>,
    /// What is true of all measurements of the metric: `metricResults[].metadata`.
    pub about: BTreeMap<String, String>,
    /// Takes out what is known to be secret by now, for texts that are made of the value later, such
    /// as an error of a condition.
    pub redactor: Redactor,
}

/// Takes a measurement.
pub async fn take(provider: &dyn Provider, cx: &Context, metric: &Metric) -> Taken {
    let outcome = provider.measure(cx, metric).await;
    taken(provider, cx, metric, outcome)
}

/// Goes on with a measurement that is under way.
pub async fn resume(
    provider: &dyn Provider,
    cx: &Context,
    metric: &Metric,
    ongoing: &Measurement,
) -> Taken {
    let outcome = provider.resume(cx, metric, ongoing).await;
    taken(provider, cx, metric, outcome)
}

/// Ends a measurement that is under way.
pub async fn terminate(
    provider: &dyn Provider,
    cx: &Context,
    metric: &Metric,
    ongoing: &Measurement,
) -> Taken {
    let outcome = provider.terminate(cx, metric, ongoing).await;
    taken(provider, cx, metric, outcome)
}

/// Clears away what a measurement has left behind whose record is dropped.
///
/// # Errors
///
/// As the provider says; without secrets.
pub async fn forget(
    provider: &dyn Provider,
    cx: &Context,
    dropped: &Measurement,
) -> Result<(), ProviderError> {
    let outcome = provider.forget(cx, dropped).await;
    let cleaner = Cleaner(&cx.redactions.redactor());
    outcome.map_err(|error| cleaner.error(error))
}

fn taken(
    provider: &dyn Provider,
    cx: &Context,
    metric: &Metric,
    outcome: Result<Reading, ProviderError>,
) -> Taken {
    // Only now: the provider has learned secrets while it measured.
    let redactor = cx.redactions.redactor();
    let cleaner = Cleaner(&redactor);
    Taken {
        outcome: match outcome {
            Ok(reading) => Ok(cleaner.reading(reading)),
            Err(error) => Err(cleaner.error(error)),
        },
        about: cleaner.metadata(provider.describe(metric)),
        redactor,
    }
}

struct Cleaner<'a>(&'a Redactor);

impl Cleaner<'_> {
    fn reading(&self, reading: Reading) -> Reading {
        match reading {
            Reading::Sample(Sample { value, text, metadata }) => Reading::Sample(Sample {
                value,
                text: self.text(&text, VALUE_BYTES_MAX),
                metadata: self.metadata(metadata),
            }),
            Reading::Verdict(Verdict { phase, message, text, metadata }) => {
                Reading::Verdict(Verdict {
                    phase,
                    message: self.message(&message),
                    text: self.text(&text, VALUE_BYTES_MAX),
                    metadata: self.metadata(metadata),
                })
            }
            Reading::Ongoing(Ongoing { resume_at, metadata, trouble }) => {
                Reading::Ongoing(Ongoing {
                    resume_at,
                    metadata: self.metadata(metadata),
                    trouble: self.message(&trouble),
                })
            }
        }
    }

    /// What is wrong with a metric is told by quoting parts of it, which may be parts of a secret.
    fn error(&self, error: ProviderError) -> ProviderError {
        let message = match error.category {
            "spec" => self.message(&self.0.redact_pieces(&error.message)),
            _ => self.message(&error.message),
        };
        ProviderError { message, ..error }
    }

    fn metadata(&self, metadata: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let entry = |(key, value): (String, String)| {
            (self.text(&key, MESSAGE_BYTES_MAX), self.text(&value, METADATA_BYTES_MAX))
        };
        metadata.into_iter().take(METADATA_ENTRIES_MAX).map(entry).collect()
    }

    fn text(&self, text: &str, limit: usize) -> String {
        cut(&self.0.redact_to(text, limit + 1), limit, text.len())
    }

    /// A message is one line, whatever a server has put into it.
    fn message(&self, text: &str) -> String {
        let redacted = self.0.redact_to(text, LINE_BYTES_MAX);
        let mut line = String::with_capacity(redacted.len());
        for character in redacted.chars() {
            if !character.is_whitespace() && !character.is_control() {
                line.push(character);
            } else if !line.ends_with(' ') {
                line.push(' ');
            }
        }
        cut(line.trim(), MESSAGE_BYTES_MAX, text.len())
    }
}

/// The text, within a limit in bytes, the word about what is missing included: `all` is how long it
/// was at first.
fn cut(text: &str, limit: usize, all: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let note = format!("… ({all} bytes in all)");
    let mut end = limit.saturating_sub(note.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{note}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn redaction_comes_before_the_cut() {
        let mut redactor = Redactor::default();
        redactor.add("secret-value");
        let cleaner = Cleaner(&redactor);
        for offset in 0..40 {
            let text = format!("{}secret-value{}", "x".repeat(100 - offset), "y".repeat(100));
            let cleaned = cleaner.text(&text, 110);
            assert!(!cleaned.contains("sec"), "{cleaned}");
            assert!(cleaned.len() <= 110);
        }
    }

    #[test]
    fn a_message_is_one_line() {
        let redactor = Redactor::default();
        let cleaner = Cleaner(&redactor);
        assert_eq!(cleaner.message(" a\n\t b\u{1b}[31m\r\nc "), "a b [31mc".replace("mc", "m c"));
        let mut redactor = Redactor::default();
        redactor.add("two  words");
        assert_eq!(Cleaner(&redactor).message("two  words"), "*****");
    }

    #[test]
    fn what_is_missing_is_said() {
        let long = "ä".repeat(1000);
        let short = cut(&long, 100, long.len());
        assert!(short.ends_with("… (2000 bytes in all)"), "{short}");
        assert!(short.starts_with("ää") && short.len() <= 100);
    }

    proptest! {
        #[test]
        fn no_text_is_over_its_limit(text in "\\PC{0,300}", limit in 40_usize..200) {
            prop_assert!(cut(&text, limit, text.len()).len() <= limit);
        }
    }
}
