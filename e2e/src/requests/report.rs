//! How a scenario went: requests, failures, shares at rest, and how soon weights were written.

use std::fmt::{self, Write as _};
use std::time::Duration;

use tokio::time::Instant;

use super::load::RATE_MIN;
use super::pods::Refusal;
use super::tally::Tally;
use super::timeline::{Event, Rest, Shares, Timeline};

/// Fewer requests than these say little about a share.
pub const REQUESTS_MIN: usize = 300;
/// The share may differ so much from the weight, in points.
pub const ERROR_MAX: f64 = 3.0;
/// Failures and refusals that are shown.
const SHOWN: usize = 8;

/// What was seen of a scenario.
#[derive(Debug)]
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// Its requests.
    pub tally: Tally,
    /// What happened meanwhile.
    pub timeline: Timeline,
    /// Connections that no pod took.
    pub refusals: Vec<Refusal>,
    /// When the load ended.
    pub end: Instant,
}

impl Report {
    /// The stretches of rest with enough requests, and how far shares were from weights in them.
    #[must_use]
    pub fn measured(&self) -> Vec<(Rest, f64)> {
        let rests = self.timeline.rests(self.end).into_iter();
        let measured = rests.filter_map(|rest| {
            let count = self.tally.between(rest.time.clone());
            let error = count.error(&rest.claim);
            (count.requests >= REQUESTS_MIN).then_some((rest, error))
        });
        measured.collect()
    }

    /// The worst of these.
    #[must_use]
    pub fn worst_error(&self) -> f64 {
        self.measured().iter().map(|(_, error)| *error).fold(0.0, f64::max)
    }

    /// For each write of a weight under the load that waited for pods: how long after the last of them.
    #[must_use]
    pub fn to_written(&self) -> Vec<Duration> {
        let began = self.tally.began();
        began.map(|began| self.timeline.from_available_to_written(began)).unwrap_or_default()
    }

    /// Whether all is as it should be: no request failed, the load was what it should be, shares are
    /// as claimed, and there was rest at each of `weights`: the share of the version that has less,
    /// in the order of time.
    ///
    /// # Errors
    ///
    /// Says what is not, with the whole report.
    pub fn verdict(&self, weights: &[f64]) -> Result<(), String> {
        let mut problems = Vec::new();
        let all = self.tally.all();
        if all.failed > 0 {
            problems.push(format!("{} of {} requests failed", all.failed, all.requests));
        }
        if self.tally.rate() < RATE_MIN {
            problems.push(format!("only {:.0} requests/s were sent", self.tally.rate()));
        }
        for (rest, error) in self.measured() {
            if error > ERROR_MAX {
                problems.push(format!("{} instead of {}", self.at(&rest), said(&rest.claim)));
            }
        }
        let mut claims = self.measured().into_iter().map(|(rest, _)| smaller(&rest.claim));
        let missing = weights.iter().find(|weight| !claims.any(|c| (c - **weight).abs() < 0.1));
        if let Some(missing) = missing {
            problems.push(format!("no rest at {missing} % in its turn"));
        }
        if problems.is_empty() { Ok(()) } else { Err(format!("{}\n{self}", problems.join("; "))) }
    }

    fn at(&self, rest: &Rest) -> String {
        self.tally.between(rest.time.clone()).to_string()
    }
}

/// The share of the version that has less, 0 where one has all.
fn smaller(claim: &Shares) -> f64 {
    let least = claim.values().copied().fold(100.0, f64::min);
    if claim.len() < 2 { 0.0 } else { least }
}

fn said(claim: &Shares) -> String {
    let parts: Vec<String> = claim.iter().map(|(v, share)| format!("{v} {share} %")).collect();
    parts.join(", ")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delays = self.to_written();
        let slowest = delays.iter().max().copied().unwrap_or_default();
        writeln!(
            f,
            "{}: {} at {:.0}/s; worst share error {:.1} points in {} stretches of rest; from pods \
             available to weight written: {:.2} s at most of {}",
            self.name,
            self.tally.all(),
            self.tally.rate(),
            self.worst_error(),
            self.measured().len(),
            slowest.as_secs_f64(),
            delays.len(),
        )
    }
}

/// Several reports in one line.
#[derive(Debug, Default)]
pub struct Summary {
    requests: usize,
    failed: usize,
    worst_error: f64,
    slowest: Duration,
}

impl Summary {
    /// Counts a report.
    pub fn add(&mut self, report: &Report) {
        let all = report.tally.all();
        self.requests += all.requests;
        self.failed += all.failed;
        self.worst_error = self.worst_error.max(report.worst_error());
        self.slowest = report.to_written().into_iter().fold(self.slowest, Duration::max);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests, {} failed; worst share error {:.1} points; from pods available to weight \
             written {:.2} s at most",
            self.requests,
            self.failed,
            self.worst_error,
            self.slowest.as_secs_f64()
        )
    }
}

impl Report {
    /// All of it, for who looks for what went wrong.
    #[must_use]
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let Some((began, _)) = self.timeline.events().first() else { return text };
        let since = |at: Instant| (at - *began).as_secs_f64();
        for (at, event) in self.timeline.events() {
            let what = match event {
                Event::Claim(shares) => format!("claimed: {}", said(shares)),
                Event::Route { object, now } => format!("{object}: {now}"),
                Event::Available { of, pods } => format!("{of}: {pods} available"),
                Event::Note(note) => note.clone(),
            };
            let _ = writeln!(text, "{:8.2} s  {what}", since(*at));
        }
        for (rest, error) in self.measured() {
            let (from, to) = (since(rest.time.start), since(rest.time.end));
            let claim = said(&rest.claim);
            let _ = writeln!(
                text,
                "rest {from:.2}–{to:.2} s: claimed {claim}; {}; error {error:.1}",
                self.at(&rest)
            );
        }
        for (at, why) in self.tally.failed().take(SHOWN) {
            let _ = writeln!(text, "failed at {:.2} s: {why}", since(at));
        }
        for refusal in self.refusals.iter().take(SHOWN) {
            let pod = refusal.pod.as_deref().unwrap_or("nobody");
            let _ = writeln!(text, "refused at {:.2} s: {pod}, {}", since(refusal.at), refusal.why);
        }
        text
    }
}
