//! Routers as scenarios see them: their CRDs, what their objects say of weights, and gateways.

pub(super) mod crds;
pub(super) mod expect;
pub(super) mod gateway;
pub(super) mod read;
