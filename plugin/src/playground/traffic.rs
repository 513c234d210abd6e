//! The traffic of the sample, and what can be measured of it.

use sluice_operator::analysis::Measuring;
use sluice_providers::http::{HttpClient, HttpError};
use tower::service_fn;

/// Nothing can be reached from here.
pub(super) fn measuring() -> Measuring {
    let http = HttpClient::new(service_fn(|_| async {
        Err(HttpError::Connect("nobody listens there".to_owned()))
    }));
    Measuring::over(http, Default::default(), "argo-rollouts".to_owned())
}
