//! What every provider can do.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sluice_analysis::{Reading, Verdict};
use sluice_crd::analysis::{AnalysisPhase, Measurement, Metric};

use crate::context::Context;
use crate::error::ProviderError;

/// Takes measurements. Metrics come with their arguments filled in.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What is true of all measurements of the metric, such as the query as it is asked: becomes
    /// `metricResults[].metadata`.
    /// Default: nothing.
    fn describe(&self, metric: &Metric) -> BTreeMap<String, String> {
        let _ = metric;
        BTreeMap::new()
    }

    /// Takes a measurement.
    ///
    /// # Errors
    ///
    /// The measurement is an error then, and is tried again after 10 s.
    async fn measure(&self, cx: &Context, metric: &Metric) -> Result<Reading, ProviderError>;

    /// Goes on with one that was [`Reading::Ongoing`]; where it is, its metadata says. Default: for
    /// providers whose measurements are over at once, the measurement is taken anew.
    ///
    /// # Errors
    ///
    /// The measurement is an error then.
    async fn resume(
        &self,
        cx: &Context,
        metric: &Metric,
        ongoing: &Measurement,
    ) -> Result<Reading, ProviderError> {
        let _ = ongoing;
        self.measure(cx, metric).await
    }

    /// Ends one that was [`Reading::Ongoing`]. Default: it is Inconclusive, nothing else is done.
    ///
    /// # Errors
    ///
    /// The measurement is an error then.
    async fn terminate(
        &self,
        cx: &Context,
        metric: &Metric,
        ongoing: &Measurement,
    ) -> Result<Reading, ProviderError> {
        let _ = (cx, metric);
        Ok(terminated(ongoing.metadata.clone()))
    }

    /// Clears away what a finished measurement has left behind, when its record is dropped. Default:
    /// nothing is left.
    ///
    /// # Errors
    ///
    /// It is tried again with the run's next measurement.
    async fn forget(&self, cx: &Context, dropped: &Measurement) -> Result<(), ProviderError> {
        let _ = (cx, dropped);
        Ok(())
    }
}

/// What becomes of a measurement that was ended before it was over.
pub(crate) fn terminated(metadata: BTreeMap<String, String>) -> Reading {
    Reading::Verdict(Verdict {
        phase: AnalysisPhase::Inconclusive,
        message: "Metric Terminated".to_owned(),
        text: String::new(),
        metadata,
    })
}
