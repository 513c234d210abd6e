//! What happened and why, on one screen. Pure: what was measured in, text out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::gauge::Gauge;
use super::ledger::{End, Ledger, Version};
use super::narrate::{LINE_MAX, short, wrapped};
use super::traffic::Requests;
use crate::view::colour::{Colour, Palette};
use crate::view::columns::Columns;
use crate::view::icon::Icon;

/// Broken promises that are told: the screen has to hold the rest as well.
const BREACHES_MAX: usize = 3;
/// The width of the labels at the left.
const LABEL: usize = 10;

/// What was measured in a run.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// How long it took.
    pub took: Duration,
    /// The versions.
    pub ledger: Ledger,
    /// The pods that served.
    pub gauge: Gauge,
    /// The requests, by image.
    pub requests: BTreeMap<String, Requests>,
    /// From the first bad measurement until the bad version served no more.
    pub way_back: Option<Duration>,
    /// The promises that were watched.
    pub promises: Vec<&'static str>,
    /// At how many changes they were.
    pub changes: usize,
    /// Promises that were broken.
    pub breaches: Vec<String>,
    /// The operator's writes, by what they did: `create replicasets`.
    pub writes: BTreeMap<String, usize>,
    /// The operator's other requests: lists, watches, single objects.
    pub reads: usize,
    /// Events, by reason.
    pub events: BTreeMap<String, usize>,
}

/// The lines of the summary, each without its line break.
pub fn lines(facts: &Facts, palette: Palette) -> Vec<String> {
    let title = format!("What happened, in {}", seconds(facts.took));
    let mut out = vec![heading(&title, palette)];
    for version in facts.ledger.versions.values() {
        out.extend(version_lines(version, facts, palette));
    }
    out.push(String::new());
    labelled(&mut out, "Pods", &pods(&facts.gauge));
    labelled(&mut out, "Traffic", &traffic(facts));
    labelled(&mut out, "Promises", &promises(facts));
    labelled(&mut out, "Requests", &requests(facts));
    labelled(&mut out, "Events", &[events(&facts.events)]);
    out.push(String::new());
    labelled(&mut out, "Next", &next());
    out
}

/// What the run was to show.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The images, with how each is to end.
    pub versions: &'a [(&'a str, End)],
    /// The most pods with which one that is aborted may have served.
    pub most_of_aborted: usize,
}

/// What differs from that; nothing where all went as it should.
pub fn differences(facts: &Facts, expected: &Expected<'_>) -> Vec<String> {
    let mut out = Vec::new();
    for (image, wanted) in expected.versions {
        let end = facts.ledger.of_image(image).and_then(|version| version.end);
        if end.map(|(end, _)| end) != Some(*wanted) {
            let wanted = match wanted {
                End::Stable => "become stable",
                End::Aborted => "be aborted",
            };
            out.push(format!("{image} was to {wanted}, and {}", ended(end)));
        }
        let served = facts.gauge.most.get(*image).copied().unwrap_or(0);
        match wanted {
            End::Stable if served < facts.gauge.desired => out.push(format!(
                "{image} was to serve with {} pods, and did with {served}",
                facts.gauge.desired
            )),
            End::Aborted if served > expected.most_of_aborted => out.push(format!(
                "{image} was to serve with {} pods at most, and did with {served}",
                expected.most_of_aborted
            )),
            End::Stable | End::Aborted => {}
        }
    }
    let desired = facts.gauge.desired;
    match facts.gauge.least {
        Some(least) if least >= desired => {}
        Some(least) => out.push(format!("only {least} of {desired} pods served for a while")),
        None => out.push(format!("{desired} pods never served together")),
    }
    out.extend(facts.breaches.iter().map(|breach| format!("a promise was broken: {breach}")));
    out
}

fn ended(end: Option<(End, Duration)>) -> &'static str {
    match end {
        Some((End::Stable, _)) => "became stable",
        Some((End::Aborted, _)) => "was aborted",
        None => "has not ended",
    }
}

fn version_lines(version: &Version, facts: &Facts, palette: Palette) -> Vec<String> {
    let icon = match version.end {
        Some((End::Stable, _)) => Icon::Good,
        Some((End::Aborted, _)) => Icon::Bad,
        None => Icon::Unknown,
    };
    let took = version.end.map(|(_, at)| seconds(at.saturating_sub(version.began)));
    let mut line = format!(
        "{} {}, revision {}: {}",
        icon.paint(palette),
        version.image,
        version.revision,
        ended(version.end)
    );
    if let Some(took) = took {
        line = format!("{line} after {took}");
    }
    if version.end.map(|(end, _)| end) == Some(End::Aborted) {
        let mut others = facts.ledger.versions.values().rev();
        let is_stable = |v: &&Version| v.end.map(|(end, _)| end) == Some(End::Stable);
        if let Some(back) = others.find(is_stable) {
            line = format!("{line}, back on {} (revision {})", back.image, back.revision);
        }
    }
    let mut out = wrapped(&line, LINE_MAX, "    ");
    for why in explanation(version) {
        out.extend(wrapped(&format!("    {why}"), LINE_MAX, "      "));
    }
    out
}

/// Why a version ended as it did.
fn explanation(version: &Version) -> Vec<String> {
    let way = match (version.end, version.steps) {
        (Some((End::Stable, _)), Some((_, count))) => format!("all {count} steps; "),
        (Some((End::Stable, _)), None) => "first version, no steps; ".to_owned(),
        (_, Some((over, count))) => format!("at step {} of {count}; ", over + 1),
        (_, None) => String::new(),
    };
    let reasons = version.why.iter().map(|reason| reason.trim_start_matches("nothing: "));
    let reasons: Vec<&str> = reasons.collect();
    let trouble = version.trouble.iter().map(|trouble| format!("its pods: {trouble}"));
    [format!("{way}{}", reasons.join("; "))].into_iter().chain(trouble).collect()
}

fn traffic(facts: &Facts) -> Vec<String> {
    let all: f64 = facts.requests.values().map(|requests| requests.all).sum();
    let failed: f64 = facts.requests.values().map(|requests| requests.failed).sum();
    let each = facts.requests.iter().map(|(image, requests)| {
        format!("{:.0} of {:.0} to {}", requests.failed, requests.all, short(image))
    });
    let each: Vec<String> = each.collect();
    let mut text = format!("{failed:.0} of {all:.0} requests failed: {}", each.join(", "));
    if let Some(took) = facts.way_back {
        let took = seconds(took);
        text = format!("{text}; from the first bad measurement to its last request: {took}");
    }
    wrapped(&text, LINE_MAX - LABEL, "")
}

fn pods(gauge: &Gauge) -> Vec<String> {
    let least = match gauge.least {
        Some(least) => format!("never fewer than {least} of {} pods served", gauge.desired),
        None => format!("there were never {} pods that served", gauge.desired),
    };
    let most = gauge.most.iter().map(|(image, most)| match most {
        0 => format!("no pod of {} ever did", short(image)),
        most => format!("up to {most} of {}", short(image)),
    });
    let most: Vec<String> = most.collect();
    let looks = format!("looked at after each of {} changes", gauge.looks);
    wrapped(&format!("{least} ({looks}); {}", most.join(", ")), LINE_MAX - LABEL, "")
}

fn promises(facts: &Facts) -> Vec<String> {
    let (count, changes) = (facts.promises.len(), facts.changes);
    let kept = match facts.breaches.len() {
        0 => "all kept".to_owned(),
        broken => format!("{broken} times broken"),
    };
    let mut text = format!("{count} watched at {changes} changes, {kept}:");
    for (told, promise) in facts.promises.iter().enumerate() {
        let more = format!("{text} {promise},");
        if told > 0 && more.len() > 2 * (LINE_MAX - LABEL) - "and 9 more".len() {
            text = format!("{text} and {} more", count - told);
            break;
        }
        text = more;
    }
    let mut out = wrapped(text.trim_end_matches([',', ':']), LINE_MAX - LABEL, "");
    out.extend(facts.breaches.iter().take(BREACHES_MAX).cloned());
    out
}

fn requests(facts: &Facts) -> Vec<String> {
    let writes: usize = facts.writes.values().sum();
    let (each, reads) = (tally(&facts.writes), facts.reads);
    let text = format!("{writes} writes of the operator ({each}), {reads} reads and watches");
    wrapped(&text, LINE_MAX - LABEL, "")
}

/// As many of the reasons as fit in a line, the rarest first: they tell the most.
fn events(counts: &BTreeMap<String, usize>) -> String {
    let mut rarest: Vec<_> = counts.iter().collect();
    rarest.sort_by_key(|(_, count)| **count);
    let all: usize = counts.values().sum();
    let mut text = format!("{all}:");
    let mut told = 0;
    for (reason, count) in rarest {
        let more = format!("{text} {count} {reason},");
        if more.len() > LINE_MAX - LABEL - "and 9999 others".len() {
            return format!("{text} and {} others", all - told);
        }
        text = more;
        told += count;
    }
    text.trim_end_matches([',', ':']).to_owned()
}

/// `3 create replicasets, 14 patch replicasets`.
fn tally(counts: &BTreeMap<String, usize>) -> String {
    let each: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    each.join(", ")
}

fn next() -> Vec<String> {
    let mut columns = Columns::default();
    for (command, effect) in [
        ("cargo install --path plugin", "the plugin, for kubectl argo rollouts"),
        ("kubectl apply -f manifests/crds", "on your cluster: the kinds,"),
        ("kubectl apply -f manifests/install.yaml", "and the operator; its image: README.md"),
    ] {
        columns.row([command.to_owned(), effect.to_owned()]);
    }
    columns.lines()
}

fn labelled(out: &mut Vec<String>, label: &str, lines: &[String]) {
    for (index, line) in lines.iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        out.push(format!("{label:<LABEL$}{line}").trim_end().to_owned());
    }
}

/// `22.4s`.
fn seconds(time: Duration) -> String {
    format!("{}.{}s", time.as_secs(), time.subsec_millis() / 100)
}

/// A heading.
pub(super) fn heading(text: &str, palette: Palette) -> String {
    palette.paint(text, Some(Colour::Yellow))
}
