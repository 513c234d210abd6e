//! What GitOps tools make of a Rollout, by rules of their own (`user-interfaces` §2.1, §2.2): the
//! health and the actions of Argo CD, and kstatus, by which Flux and Helm wait.
//!
//! They read nothing but the object, as these tools do.

pub mod argo_cd;
pub mod kstatus;
