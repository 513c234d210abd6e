//! The API of `argoproj.io/v1alpha1`, wire-compatible with Argo Rollouts: types, defaults,
//! validation and the identity of pod templates. Pure: no client, no clock, no I/O.

#![warn(missing_docs)]

pub mod analysis;
pub mod defaults;
pub mod duration;
pub mod experiment;
mod go_order;
pub mod identity;
pub mod int_or_percent;
pub mod manifest;
pub mod observed_generation;
mod omit;
mod open_enum;
pub mod quantity;
pub mod raw;
pub mod rollout;
pub mod time;
pub mod validation;
