//! What the end-to-end tests run on: a real control plane, started from plain processes.

pub mod bench;
pub mod child;
pub mod controlplane;
pub mod end_state;
pub mod footprint;
pub(crate) mod golang;
pub mod kubectl;
pub mod loopback;
pub mod on_control_plane;
pub mod progress;
pub mod prometheus;
pub mod rbac;
pub mod release;
pub mod requests;
pub mod scenario_table;
pub mod scenarios;
pub mod under_test;
