//! Weights of AWS load balancers that are verified by the API of AWS (`--aws-verify-target-group`).
#![allow(clippy::unwrap_used, clippy::panic)]

mod canary;
mod client;
mod stand_in;
