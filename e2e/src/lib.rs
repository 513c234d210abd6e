//! What the end-to-end tests run on: a real control plane, started from plain processes.

pub mod controlplane;
