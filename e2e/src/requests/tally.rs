//! What became of requests, and what share of them each version got.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use tokio::time::Instant;

/// One request.
#[derive(Debug, Clone)]
pub struct Sent {
    /// When it was sent.
    pub at: Instant,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A pod of this version answered as it should.
    Served(Arc<str>),
    /// A pod of this version answered with an error, as it is meant to.
    OnPurpose(Arc<str>),
    /// Nobody answered as they should.
    Failed(String),
}

/// Requests in the order in which they were sent.
#[derive(Debug, Clone, Default)]
pub struct Tally(Vec<Sent>);

/// Requests of a stretch of time, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count {
    /// How many were sent.
    pub requests: usize,
    /// How many of those failed.
    pub failed: usize,
    /// How many were answered with an error on purpose.
    pub on_purpose: usize,
    /// Answers, those with an error on purpose included, by version.
    pub by_version: BTreeMap<Arc<str>, usize>,
}

impl Tally {
    /// Of requests in any order.
    #[must_use]
    pub fn of(mut sent: Vec<Sent>) -> Self {
        sent.sort_by_key(|request| request.at);
        Self(sent)
    }

    /// All that were sent.
    #[must_use]
    pub fn all(&self) -> Count {
        count(&self.0)
    }

    /// Those that were sent in a stretch of time.
    #[must_use]
    pub fn between(&self, time: Range<Instant>) -> Count {
        let first = self.0.partition_point(|request| request.at < time.start);
        let end = self.0.partition_point(|request| request.at < time.end);
        count(self.0.get(first..end).unwrap_or_default())
    }

    /// Those that failed.
    pub fn failed(&self) -> impl Iterator<Item = (Instant, &str)> {
        self.0.iter().filter_map(|request| match &request.outcome {
            Outcome::Failed(why) => Some((request.at, why.as_str())),
            Outcome::Served(_) | Outcome::OnPurpose(_) => None,
        })
    }

    /// When the first was sent.
    #[must_use]
    pub fn began(&self) -> Option<Instant> {
        self.0.first().map(|request| request.at)
    }

    /// Requests a second, from the first to the last.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { return 0.0 };
        let seconds = (last.at - first.at).as_secs_f64();
        if seconds > 0.0 { number(self.0.len() - 1) / seconds } else { 0.0 }
    }
}

impl Count {
    /// The share of a version among the answers, in percent.
    #[must_use]
    pub fn share(&self, version: &str) -> f64 {
        let all: usize = self.by_version.values().sum();
        let of_it = self.by_version.get(version).copied().unwrap_or_default();
        if all == 0 { 0.0 } else { 100.0 * number(of_it) / number(all) }
    }

    /// The worst difference, in points, between the share of any version and its weight.
    #[must_use]
    pub fn error(&self, weights: &BTreeMap<String, f64>) -> f64 {
        let served = self.by_version.keys().map(AsRef::as_ref);
        let versions = served.chain(weights.keys().map(String::as_str));
        let error = |version: &str| {
            let weight = weights.get(version).copied().unwrap_or_default();
            (self.share(version) - weight).abs()
        };
        versions.map(error).fold(0.0, f64::max)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests, {} failed", self.requests, self.failed)?;
        if self.on_purpose > 0 {
            write!(f, ", {} errors on purpose", self.on_purpose)?;
        }
        for version in self.by_version.keys() {
            write!(f, ", {version} {:.1} %", self.share(version))?;
        }
        Ok(())
    }
}

fn count(sent: &[Sent]) -> Count {
    let mut count = Count { requests: sent.len(), ..Count::default() };
    for request in sent {
        match &request.outcome {
            Outcome::Failed(_) => count.failed += 1,
            Outcome::Served(version) => {
                *count.by_version.entry(Arc::clone(version)).or_default() += 1;
            }
            Outcome::OnPurpose(version) => {
                count.on_purpose += 1;
                *count.by_version.entry(Arc::clone(version)).or_default() += 1;
            }
        }
    }
    count
}

/// Counts of requests are far below what a float holds exactly.
pub(crate) fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn shares_are_of_the_requests_sent_in_a_stretch_of_time() {
        let began = Instant::now();
        let at = |n: u64| began + Duration::from_millis(n);
        let sent = (0..100).rev().map(|n| {
            let outcome = match n {
                50 => Outcome::Failed("refused".to_owned()),
                n if n < 50 => Outcome::Served("a".into()),
                n if n % 5 == 0 => Outcome::OnPurpose("b".into()),
                _ => Outcome::Served("a".into()),
            };
            Sent { at: at(n), outcome }
        });
        let tally = Tally::of(sent.collect());
        let before = tally.between(at(0)..at(50));
        assert_eq!((before.requests, before.failed, before.share("a")), (50, 0, 100.0));
        let after = tally.between(at(51)..at(100));
        assert_eq!((after.requests, after.on_purpose), (49, 9));
        assert!((after.share("b") - 900.0 / 49.0).abs() < 1e-9);
        let weights = BTreeMap::from([("a".to_owned(), 80.0), ("b".to_owned(), 20.0)]);
        assert!((after.error(&weights) - (20.0 - 900.0 / 49.0)).abs() < 1e-9);
        assert!((before.error(&weights) - 20.0).abs() < 1e-9);
        // A version that nobody speaks of is an error too.
        assert!((before.error(&BTreeMap::new()) - 100.0).abs() < 1e-9);
        assert_eq!(tally.failed().collect::<Vec<_>>(), [(at(50), "refused")]);
        assert!((tally.rate() - 1000.0).abs() < 1e-6);
        assert_eq!(Tally::default().all().share("a"), 0.0);
    }
}
