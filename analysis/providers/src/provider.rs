//! What every provider can do.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sluice_analysis::Reading;
use sluice_crd::analysis::{Measurement, Metric};

use crate::context::Context;
use crate::error::ProviderError;

/// Takes measurements. Metrics come with their arguments filled in.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What is true of all measurements of the metric, such as the query as it is asked: becomes
    /// `metricResults[].metadata`.
    fn describe(&self, metric: &Metric) -> BTreeMap<String, String>;

    /// Takes a measurement.
    ///
    /// # Errors
    ///
    /// The measurement is an error then, and is tried again after 10 s.
    async fn measure(&self, cx: &Context, metric: &Metric) -> Result<Reading, ProviderError>;

    /// Goes on with one that was [`Reading::Ongoing`]; where it is, its metadata says.
    ///
    /// # Errors
    ///
    /// The measurement is an error then.
    async fn resume(
        &self,
        cx: &Context,
        metric: &Metric,
        ongoing: &Measurement,
    ) -> Result<Reading, ProviderError>;

    /// Ends one that was [`Reading::Ongoing`].
    ///
    /// # Errors
    ///
    /// The measurement is an error then.
    async fn terminate(
        &self,
        cx: &Context,
        metric: &Metric,
        ongoing: &Measurement,
    ) -> Result<Reading, ProviderError>;

    /// Clears away what a finished measurement has left behind, when its record is dropped.
    ///
    /// # Errors
    ///
    /// It is tried again with the run's next measurement.
    async fn forget(&self, cx: &Context, dropped: &Measurement) -> Result<(), ProviderError>;
}
