//! What a metric is measured with (spec §1.7).

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::JobSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::omit::{is_false, is_zero};
use crate::open_enum::open_enum;
use crate::raw::{Raw, RawJson};

/// DOC MetricProvider
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricProvider {
    /// DOC MetricProvider.prometheus
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusMetric>,
    /// DOC MetricProvider.kayenta
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kayenta: Option<KayentaMetric>,
    /// DOC MetricProvider.web
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web: Option<WebMetric>,
    /// DOC MetricProvider.datadog
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datadog: Option<DatadogMetric>,
    /// DOC MetricProvider.wavefront
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wavefront: Option<WavefrontMetric>,
    /// DOC MetricProvider.newRelic
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_relic: Option<NewRelicMetric>,
    /// DOC MetricProvider.job
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobMetric>,
    /// DOC MetricProvider.cloudWatch
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_watch: Option<CloudWatchMetric>,
    /// DOC MetricProvider.graphite
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graphite: Option<GraphiteMetric>,
    /// DOC MetricProvider.influxdb
    #[serde(skip_serializing_if = "Option::is_none")]
    pub influxdb: Option<InfluxdbMetric>,
    /// DOC MetricProvider.skywalking
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skywalking: Option<SkyWalkingMetric>,
    /// DOC MetricProvider.plugin
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plugin: BTreeMap<String, RawJson>,
}

/// DOC PrometheusRangeQueryArgs
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusRangeQueryArgs {
    /// DOC PrometheusRangeQueryArgs.start
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub start: String,
    /// DOC PrometheusRangeQueryArgs.end
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub end: String,
    /// DOC PrometheusRangeQueryArgs.step
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub step: String,
}

/// DOC PrometheusMetric
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusMetric {
    /// DOC PrometheusMetric.address
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// DOC PrometheusMetric.query
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// DOC PrometheusMetric.authentication
    #[serde(default)]
    pub authentication: Authentication,
    /// DOC PrometheusMetric.timeout
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
    /// DOC PrometheusMetric.insecure
    #[serde(default, skip_serializing_if = "is_false")]
    pub insecure: bool,
    /// DOC PrometheusMetric.headers
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<WebMetricHeader>,
    /// DOC PrometheusMetric.rangeQuery
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_query: Option<PrometheusRangeQueryArgs>,
}

/// DOC Authentication
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Authentication {
    /// DOC Authentication.sigv4
    #[serde(default)]
    pub sigv4: Sigv4Config,
    /// DOC Authentication.oauth2
    #[serde(default)]
    pub oauth2: OAuth2Config,
    /// DOC Authentication.basicAuth
    #[serde(default)]
    pub basic_auth: BasicAuthConfig,
}

/// DOC OAuth2Config
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OAuth2Config {
    /// DOC OAuth2Config.tokenUrl
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token_url: String,
    /// DOC OAuth2Config.clientId
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_id: String,
    /// DOC OAuth2Config.clientSecret
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_secret: String,
    /// DOC OAuth2Config.scopes
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// DOC Sigv4Config
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sigv4Config {
    /// DOC Sigv4Config.region
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// DOC Sigv4Config.profile
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// DOC Sigv4Config.roleArn
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role_arn: String,
}

/// DOC BasicAuthConfig
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuthConfig {
    /// DOC BasicAuthConfig.username
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// DOC BasicAuthConfig.password
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub password: String,
}

/// DOC WavefrontMetric
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WavefrontMetric {
    /// DOC WavefrontMetric.address
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// DOC WavefrontMetric.query
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// DOC NewRelicMetric
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewRelicMetric {
    /// DOC NewRelicMetric.profile
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// DOC NewRelicMetric.query
    pub query: String,
    /// DOC NewRelicMetric.timeout
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
}

/// DOC JobMetric
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobMetric {
    /// DOC JobMetric.metadata
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// DOC JobMetric.spec
    pub spec: Raw<JobSpec>,
}

/// DOC GraphiteMetric
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphiteMetric {
    /// DOC GraphiteMetric.address
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// DOC GraphiteMetric.query
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// DOC InfluxdbMetric
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InfluxdbMetric {
    /// DOC InfluxdbMetric.profile
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// DOC InfluxdbMetric.query
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// DOC CloudWatchMetric
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudWatchMetric {
    /// DOC CloudWatchMetric.interval
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub interval: String,
    /// DOC CloudWatchMetric.metricDataQueries
    pub metric_data_queries: Vec<CloudWatchMetricDataQuery>,
}

/// DOC CloudWatchMetricDataQuery
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudWatchMetricDataQuery {
    /// DOC CloudWatchMetricDataQuery.id
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// DOC CloudWatchMetricDataQuery.expression
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// DOC CloudWatchMetricDataQuery.label
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// DOC CloudWatchMetricDataQuery.metricStat
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_stat: Option<CloudWatchMetricStat>,
    /// DOC CloudWatchMetricDataQuery.period
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<IntOrString>,
    /// DOC CloudWatchMetricDataQuery.returnData
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_data: Option<bool>,
}

/// DOC CloudWatchMetricStat
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudWatchMetricStat {
    /// DOC CloudWatchMetricStat.metric
    #[serde(default)]
    pub metric: CloudWatchMetricStatMetric,
    /// DOC CloudWatchMetricStat.period
    #[serde(default)]
    pub period: IntOrString,
    /// DOC CloudWatchMetricStat.stat
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stat: String,
    /// DOC CloudWatchMetricStat.unit
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// DOC CloudWatchMetricStatMetric
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudWatchMetricStatMetric {
    /// DOC CloudWatchMetricStatMetric.dimensions
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<CloudWatchMetricStatMetricDimension>,
    /// DOC CloudWatchMetricStatMetric.metricName
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metric_name: String,
    /// DOC CloudWatchMetricStatMetric.namespace
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// DOC CloudWatchMetricStatMetricDimension
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudWatchMetricStatMetricDimension {
    /// DOC CloudWatchMetricStatMetricDimension.name
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// DOC CloudWatchMetricStatMetricDimension.value
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
}

/// DOC SkyWalkingMetric
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkyWalkingMetric {
    /// DOC SkyWalkingMetric.address
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// DOC SkyWalkingMetric.query
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// DOC SkyWalkingMetric.interval
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub interval: String,
}

/// DOC KayentaMetric
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KayentaMetric {
    /// DOC KayentaMetric.address
    pub address: String,
    /// DOC KayentaMetric.application
    pub application: String,
    /// DOC KayentaMetric.canaryConfigName
    pub canary_config_name: String,
    /// DOC KayentaMetric.metricsAccountName
    pub metrics_account_name: String,
    /// DOC KayentaMetric.configurationAccountName
    pub configuration_account_name: String,
    /// DOC KayentaMetric.storageAccountName
    pub storage_account_name: String,
    /// DOC KayentaMetric.threshold
    pub threshold: KayentaThreshold,
    /// DOC KayentaMetric.scopes
    pub scopes: Vec<KayentaScope>,
    /// DOC KayentaMetric.lookback
    #[serde(default, skip_serializing_if = "is_false")]
    pub lookback: bool,
}

/// DOC KayentaThreshold
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KayentaThreshold {
    /// DOC KayentaThreshold.pass
    pub pass: i64,
    /// DOC KayentaThreshold.marginal
    pub marginal: i64,
}

/// DOC KayentaScope
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KayentaScope {
    /// DOC KayentaScope.name
    pub name: String,
    /// DOC KayentaScope.controlScope
    pub control_scope: ScopeDetail,
    /// DOC KayentaScope.experimentScope
    pub experiment_scope: ScopeDetail,
}

/// DOC ScopeDetail
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScopeDetail {
    /// DOC ScopeDetail.scope
    pub scope: String,
    /// DOC ScopeDetail.region
    pub region: String,
    /// DOC ScopeDetail.step
    pub step: i64,
    /// DOC ScopeDetail.start
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub start: String,
    /// DOC ScopeDetail.end
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub end: String,
}

/// DOC WebMetric
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebMetric {
    /// DOC WebMetric.method
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<WebMetricMethod>,
    /// DOC WebMetric.url
    pub url: String,
    /// DOC WebMetric.headers
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<WebMetricHeader>,
    /// DOC WebMetric.body
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// DOC WebMetric.timeoutSeconds
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timeout_seconds: i64,
    /// DOC WebMetric.jsonPath
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub json_path: String,
    /// DOC WebMetric.insecure
    #[serde(default, skip_serializing_if = "is_false")]
    pub insecure: bool,
    /// DOC WebMetric.jsonBody
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_body: Option<RawJson>,
    /// DOC WebMetric.authentication
    #[serde(default)]
    pub authentication: Authentication,
}

/// DOC WebMetricHeader
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebMetricHeader {
    /// DOC WebMetricHeader.key
    pub key: String,
    /// DOC WebMetricHeader.value
    pub value: String,
}

/// DOC DatadogMetric
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatadogMetric {
    /// DOC DatadogMetric.interval
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub interval: String,
    /// DOC DatadogMetric.query
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// DOC DatadogMetric.queries
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queries: BTreeMap<String, String>,
    /// DOC DatadogMetric.formula
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub formula: String,
    /// DOC DatadogMetric.apiVersion
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// DOC DatadogMetric.aggregator
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub aggregator: String,
    /// DOC DatadogMetric.secretRef
    #[serde(default)]
    pub secret_ref: SecretRef,
    /// DOC DatadogMetric.requestTimeout
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_timeout: String,
}

/// DOC SecretRef
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// DOC SecretRef.name
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// DOC SecretRef.namespaced
    #[serde(default, skip_serializing_if = "is_false")]
    pub namespaced: bool,
}

open_enum! {
    /// DOC WebMetricMethod
    WebMetricMethod {
        /// DOC WebMetricMethod.Get
        Get = "GET",
        /// DOC WebMetricMethod.Post
        Post = "POST",
        /// DOC WebMetricMethod.Put
        Put = "PUT",
    }
}
