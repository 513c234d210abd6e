//! Routers as scenarios see them: their CRDs, and what their objects say of weights.

pub(super) mod crds;
