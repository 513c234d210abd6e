//! What a benchmark found, as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// What one controller cost.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Which controller.
    pub controller: String,
    /// Rollouts.
    pub rollouts: usize,
    /// Pods of each.
    pub replicas: usize,
    /// Writes but for events and leases, a Rollout, while all were created.
    pub writes_created: f64,
    /// Writes but for events and leases, a Rollout, while all were updated.
    pub writes_updated: f64,
    /// Events a Rollout while all were updated.
    pub events_updated: f64,
    /// Requests that read, a Rollout, while all were updated.
    pub reads_updated: f64,
    /// Answers 409 while all were updated.
    pub conflicts_updated: u64,
    /// Writes while nothing happened.
    pub writes_idle: u64,
    /// How long nothing happened [s].
    pub idle_seconds: f64,
    /// From the first change to the last Rollout healthy [s].
    pub update_seconds: f64,
    /// What single Rollouts took beyond their pauses.
    pub latency: Latencies,
    /// Time on a processor while all were updated [s].
    pub cpu_seconds_updated: f64,
    /// Memory at rest after all were created [MiB].
    pub resident_rest_mib: f64,
    /// The most memory [MiB].
    pub resident_peak_mib: f64,
    /// From its start after it was killed to its first right write [s].
    pub restart_seconds: f64,
    /// Requests while all were updated, by verb, resource and code.
    pub requests_updated: BTreeMap<String, u64>,
}

/// The distribution of times [s].
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latencies {
    /// The half took at most this.
    pub p50: f64,
    /// All but one in a hundred took at most this.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Latencies {
    /// Of these times.
    pub fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let at = |hundredths: usize| {
            let index = (times.len() * hundredths).div_ceil(100).saturating_sub(1);
            times.get(index).copied().unwrap_or_default()
        };
        Self { p50: at(50), p99: at(99), max: at(100) }
    }
}

/// Several controllers side by side.
pub(super) struct Table<'a>(pub(super) &'a [Figures]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        type Row = (&'static str, fn(&Figures) -> String);
        let rows: [Row; 15] = [
            ("writes a rollout, created", |x| format!("{:.1}", x.writes_created)),
            ("writes a rollout, updated", |x| format!("{:.1}", x.writes_updated)),
            ("events a rollout, updated", |x| format!("{:.1}", x.events_updated)),
            ("reads a rollout, updated", |x| format!("{:.1}", x.reads_updated)),
            ("conflicts (409), updated", |x| x.conflicts_updated.to_string()),
            ("writes at rest", |x| format!("{} in {:.0} s", x.writes_idle, x.idle_seconds)),
            ("all updated after [s]", |x| format!("{:.1}", x.update_seconds)),
            ("  beyond pauses, p50 [s]", |x| format!("{:.2}", x.latency.p50)),
            ("  beyond pauses, p99 [s]", |x| format!("{:.2}", x.latency.p99)),
            ("  beyond pauses, max [s]", |x| format!("{:.2}", x.latency.max)),
            ("CPU, updated [s]", |x| format!("{:.1}", x.cpu_seconds_updated)),
            ("memory at rest [MiB]", |x| format!("{:.1}", x.resident_rest_mib)),
            ("memory, peak [MiB]", |x| format!("{:.1}", x.resident_peak_mib)),
            ("restart to first write [s]", |x| format!("{:.2}", x.restart_seconds)),
            ("CPU a rollout, updated [ms]", |x| {
                #[allow(clippy::cast_precision_loss, reason = "a count of Rollouts")]
                let rollouts = x.rollouts.max(1) as f64;
                format!("{:.1}", x.cpu_seconds_updated * 1000.0 / rollouts)
            }),
        ];
        write!(f, "{:<30}", "")?;
        for figures in self.0 {
            write!(f, "{:>18}", figures.controller)?;
        }
        writeln!(f)?;
        for (label, value) in rows {
            write!(f, "{label:<30}")?;
            for figures in self.0 {
                write!(f, "{:>18}", value(figures))?;
            }
            writeln!(f)?;
        }
        for figures in self.0 {
            writeln!(f, "\n{}, requests while updating:", figures.controller)?;
            for (request, count) in &figures.requests_updated {
                writeln!(f, "{count:>8}  {request}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_hundred() {
        let times = (1..=100).map(f64::from).collect();
        let found = Latencies::of(times);
        assert_eq!((found.p50, found.p99, found.max), (50.0, 99.0, 100.0));
        assert_eq!(Latencies::of(vec![]).max, 0.0);
    }
}
