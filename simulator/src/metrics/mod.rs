//! What metrics servers answer, without one: a pure function from a request to its answer, over
//! values that somebody sets. It speaks as much of the HTTP API of Prometheus as measurements need
//! (queries at an instant and over a range, by GET and by POST), and serves pages at other paths.
//!
//! The language of queries is small on purpose: a name with label matchers, or a number. What it is
//! asked beyond that it refuses as Prometheus refuses what it cannot parse, so that no test is green
//! by a query that was understood otherwise.

mod prometheus;
mod query;
mod reply;
mod samples;
mod values;
mod world;

pub use prometheus::answer;
pub use reply::{Answer, Body, Delay, Reply};
pub use samples::{Labels, Sample, Samples, is_label_name, is_metric_name};
pub use values::{SAMPLE_LABEL, Values};
pub use world::{MetricsWorld, Page};
