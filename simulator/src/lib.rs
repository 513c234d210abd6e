//! An in-memory Kubernetes API under an unmodified [`kube::Client`], with the controllers that
//! turn ReplicaSets into pods, and a clock that can be virtual.
//!
//! A [`Cluster`] answers what kube-apiserver answers for the requests of an operator and its
//! users; recordings of the real one, under `tests/replay`, keep it honest. Everything is
//! deterministic: the same program with the same seed on a paused current-thread runtime runs the
//! same way to the byte. What is left out is listed in `docs/simulator.md`.

#![warn(missing_docs)]

mod api;
mod audit;
mod clock;
mod cluster;
mod faults;
mod kinds;
pub mod metrics;
mod names;
mod random;
pub mod replay;
pub mod scenario;
mod schema;
mod selector;
mod state;
mod status_error;
mod store;
mod transport;
mod workloads;

pub use audit::{CONTROLLERS, RequestRecord};
pub use clock::Clock;
pub use cluster::{Cluster, Options};
pub use faults::{Cut, Fault, Matcher};
pub use kinds::{Crd, CrdProblem, GroupResource};
pub use schema::SchemaProblem;
pub use state::{Objects, WriteSeen};
pub use status_error::StatusError;
pub use transport::ConnectionLost;
pub use workloads::{BEHAVIOR_ANNOTATION, Crash, LOAD_ANNOTATION, READY_AFTER_ANNOTATION};
