//! Which provider measures a metric.

use sluice_crd::analysis::MetricProvider;

use crate::cloudwatch::CloudWatch;
use crate::datadog::Datadog;
use crate::error::ProviderError;
use crate::graphite::Graphite;
use crate::influxdb::Influxdb;
use crate::job::Job;
use crate::kayenta::Kayenta;
use crate::newrelic::NewRelic;
use crate::plugin::Plugin;
use crate::prometheus::Prometheus;
use crate::provider::Provider;
use crate::skywalking::SkyWalking;
use crate::wavefront::Wavefront;
use crate::web::Web;

/// The provider of a metric. Where several are set, the first in upstream's order is meant.
///
/// # Errors
///
/// Where none is set.
pub fn provider_of(metric: &MetricProvider) -> Result<&'static dyn Provider, ProviderError> {
    match find(metric) {
        Some((_, provider)) => Ok(provider),
        None => Err(ProviderError::spec(
            "no valid provider: set one field of provider, such as prometheus, web or job",
        )),
    }
}

/// The name of the provider's type, as the label `type` of upstream's metrics has it.
pub fn type_name(metric: &MetricProvider) -> &'static str {
    find(metric).map_or("Unknown Provider", |(name, _)| name)
}

/// Whether the metric asks not to check the server's certificate, which is worth an event.
pub fn is_insecure(metric: &MetricProvider) -> bool {
    metric.prometheus.as_ref().is_some_and(|prometheus| prometheus.insecure)
        || metric.web.as_ref().is_some_and(|web| web.insecure)
}

fn find(metric: &MetricProvider) -> Option<(&'static str, &'static dyn Provider)> {
    let all: [(bool, &'static str, &'static dyn Provider); 12] = [
        (metric.prometheus.is_some(), "Prometheus", &Prometheus),
        (metric.job.is_some(), "Job", &Job),
        (metric.kayenta.is_some(), "Kayenta", &Kayenta),
        (metric.web.is_some(), "Web", &Web),
        (metric.datadog.is_some(), "Datadog", &Datadog),
        (metric.wavefront.is_some(), "Wavefront", &Wavefront),
        (metric.new_relic.is_some(), "NewRelic", &NewRelic),
        (metric.cloud_watch.is_some(), "CloudWatch", &CloudWatch),
        (metric.graphite.is_some(), "Graphite", &Graphite),
        (metric.influxdb.is_some(), "Influxdb", &Influxdb),
        (metric.skywalking.is_some(), "skywalking", &SkyWalking),
        (!metric.plugin.is_empty(), "RPCPlugin", &Plugin),
    ];
    all.into_iter().find(|(set, ..)| *set).map(|(_, name, provider)| (name, provider))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_provider_has_a_name() {
        for (field, spec, name) in [
            ("prometheus", json!({}), "Prometheus"),
            ("job", json!({"spec": {}}), "Job"),
            ("web", json!({"url": ""}), "Web"),
            ("datadog", json!({}), "Datadog"),
            ("wavefront", json!({}), "Wavefront"),
            ("newRelic", json!({"query": ""}), "NewRelic"),
            ("cloudWatch", json!({"metricDataQueries": []}), "CloudWatch"),
            ("graphite", json!({}), "Graphite"),
            ("influxdb", json!({}), "Influxdb"),
            ("skywalking", json!({}), "skywalking"),
            ("plugin", json!({"a/b": {}}), "RPCPlugin"),
        ] {
            let provider: MetricProvider = serde_json::from_value(json!({field: spec})).unwrap();
            assert_eq!(type_name(&provider), name);
            assert!(provider_of(&provider).is_ok(), "{field}");
        }
        let insecure = json!({"web": {"url": "", "insecure": true}});
        assert!(is_insecure(&serde_json::from_value(insecure).unwrap()));
        let none = MetricProvider::default();
        assert!(!is_insecure(&none));
        assert_eq!(type_name(&none), "Unknown Provider");
        assert_eq!(provider_of(&none).err().unwrap().category, "spec");
        let two = MetricProvider { web: Some(Default::default()), ..none.clone() };
        let two = MetricProvider { job: Some(Default::default()), ..two };
        assert_eq!(type_name(&two), "Job");
    }
}
