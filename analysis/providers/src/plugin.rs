//! Plugins are programs for Argo Rollouts, in a protocol of Go. They are not run.

use async_trait::async_trait;
use sluice_analysis::Reading;
use sluice_crd::analysis::Metric;

use crate::context::Context;
use crate::error::ProviderError;
use crate::provider::Provider;

/// Says that plugins are not supported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plugin;

#[async_trait]
impl Provider for Plugin {
    async fn measure(&self, _: &Context, metric: &Metric) -> Result<Reading, ProviderError> {
        let names: Vec<_> = metric.provider.plugin.keys().map(String::as_str).collect();
        Err(ProviderError::spec(format!(
            "provider.plugin ({}): metric plugins are not supported by this version; use a built-in \
             provider, such as web or job",
            names.join(", ")
        )))
    }
}
