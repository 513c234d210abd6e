//! The kubectl plugin `kubectl argo rollouts`: looks at Rollouts, promotes and aborts them, and
//! says why they wait. Works with Rollouts of Sluice and of Argo Rollouts.
//!
//! [`view`] is pure: objects and an instant in, text out. The rest is a thin shell around it.
//! [`cluster`] reads and patches, [`follow`] watches, [`verbs`] has one module a verb. Without a
//! cluster work [`manifests`] and [`lint`], pure but for reading files, and [`analyze`].

#![warn(missing_docs)]

pub mod analyze;
pub mod args;
pub mod cluster;
pub mod error;
pub mod flags;
pub mod follow;
pub mod lint;
pub mod manifests;
pub mod output;
pub mod playground;
pub mod session;
pub mod verbs;
pub mod view;
