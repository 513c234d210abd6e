//! Every provider against a stand-in that speaks its wire format, through the real client.

#![allow(clippy::unwrap_used, clippy::panic)]

mod aws;
mod canaries;
mod cloudwatch;
mod datadog;
mod egress;
mod exchange;
mod graphite;
mod hardships;
mod influxdb;
mod job;
mod kayenta;
mod newrelic;
mod plugin;
mod prometheus;
mod skywalking;
mod stage;
mod stand_in;
mod tls;
mod wavefront;
mod web;
