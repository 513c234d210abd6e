//! What metrics are measured with.
//!
//! A [`Provider`] takes one measurement of one metric. It knows neither limits nor verdicts of runs:
//! that is `sluice-analysis`. What it needs of the world is handed to it in a [`Context`]: the time,
//! an HTTP client, Secrets, a cluster for Jobs. Nothing here reads the process's environment, opens
//! a socket of its own, or waits longer than the metric says. The only files that are read are those
//! that the environment of AWS names.
//!
//! Measurements are taken by [`take`], [`resume`] and [`terminate`]: what comes out of those holds
//! no secrets.

mod authentication;
mod aws;
mod cloudwatch;
mod context;
mod datadog;
mod error;
mod gotext;
mod graphite;
pub mod http;
mod influxdb;
mod job;
mod jsonpath;
mod kayenta;
mod measure;
mod newrelic;
mod plugin;
mod prometheus;
mod provider;
mod redactions;
mod registry;
mod reply;
mod request;
mod skywalking;
mod wavefront;
mod web;

pub use aws::{Aws, Forward, LoadBalancer, Question, TargetGroup};
pub use context::{Cluster, Context, Environment, JobId, RunId, SecretReader};
pub use error::ProviderError;
pub use jsonpath::check_json_path;
pub use measure::{
    MESSAGE_BYTES_MAX, METADATA_BYTES_MAX, METADATA_ENTRIES_MAX, Taken, VALUE_BYTES_MAX, forget,
    resume, take, terminate,
};
pub use provider::Provider;
pub use redactions::Redactions;
pub use registry::{is_insecure, provider_of, type_name};
