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

/// What measures a metric (spec §1.7): exactly one field is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricProvider {
    /// A query to Prometheus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<Box<PrometheusMetric>>,
    /// A canary judgement by Kayenta.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kayenta: Option<Box<KayentaMetric>>,
    /// A request to a web server that answers in JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web: Option<Box<WebMetric>>,
    /// A query to Datadog.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datadog: Option<Box<DatadogMetric>>,
    /// A query to Wavefront.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wavefront: Option<Box<WavefrontMetric>>,
    /// A query to New Relic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_relic: Option<Box<NewRelicMetric>>,
    /// A Kubernetes Job that succeeds or fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<Box<JobMetric>>,
    /// Queries to Amazon CloudWatch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_watch: Option<Box<CloudWatchMetric>>,
    /// A query to Graphite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graphite: Option<Box<GraphiteMetric>>,
    /// A query to InfluxDB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub influxdb: Option<Box<InfluxdbMetric>>,
    /// A query to Apache SkyWalking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skywalking: Option<Box<SkyWalkingMetric>>,
    /// A provider beyond the built-in ones, by name, with a configuration of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plugin: BTreeMap<String, RawJson>,
}

/// The window of a range query; start and end are expressions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusRangeQueryArgs {
    /// Where it starts, such as `now() - duration("10m")`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub start: String,
    /// Where it ends, such as `now()`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub end: String,
    /// Distance of the samples, a Go duration.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub step: String,
}

/// A query to Prometheus. A scalar is a number to the conditions, a vector or a matrix a list of
/// numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusMetric {
    /// URL of the server. Default: the environment variable ARGO_ROLLOUTS_PROMETHEUS_ADDRESS of the
    /// controller.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The query, in PromQL.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// How to log in.
    #[serde(default)]
    pub authentication: Authentication,
    /// How long the server may take, in seconds. Default 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
    /// Whether the server's certificate goes unchecked. Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub insecure: bool,
    /// Headers of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<WebMetricHeader>,
    /// Makes it a range query over this window. Default: an instant query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_query: Option<PrometheusRangeQueryArgs>,
}

/// How to log in to a server: at most one field is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Authentication {
    /// By a signature of AWS (Amazon Managed Prometheus).
    #[serde(default)]
    pub sigv4: Sigv4Config,
    /// By an OAuth 2 client credentials grant.
    #[serde(default)]
    pub oauth2: OAuth2Config,
    /// By user name and password.
    #[serde(default)]
    pub basic_auth: BasicAuthConfig,
}

/// An OAuth 2 client credentials grant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OAuth2Config {
    /// URL that hands out tokens.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token_url: String,
    /// The client.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_id: String,
    /// Its secret; an argument read from a Secret keeps it out of the template.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_secret: String,
    /// The scopes to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// A signature of AWS.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sigv4Config {
    /// Region of the service.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Profile with the credentials.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// Role to assume.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role_arn: String,
}

/// HTTP basic authentication.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuthConfig {
    /// The user.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// The password; an argument read from a Secret keeps it out of the template.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub password: String,
}

/// A query to Wavefront. Credentials: Secret wavefront-api-tokens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WavefrontMetric {
    /// Host of the server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The query.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// A query to New Relic. More than one row is a list to the conditions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewRelicMetric {
    /// Name of the Secret with the credentials. Default newrelic.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// The query, in NRQL.
    pub query: String,
    /// How long the server may take, in seconds. Default 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
}

/// A Job; the measurement is successful when it completes and failed when it fails.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobMetric {
    /// Labels and annotations of the Job.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// The Job.
    pub spec: Raw<JobSpec>,
}

/// A query to Graphite.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphiteMetric {
    /// URL of the server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The query.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// A query to InfluxDB.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InfluxdbMetric {
    /// Name of the Secret with the credentials. Default influxdb.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// The query, in Flux.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
}

/// Queries to Amazon CloudWatch. Credentials: the AWS SDK's chain.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudWatchMetric {
    /// How far back the queries look, a Go duration. Default 5m.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub interval: String,
    /// The queries.
    pub metric_data_queries: Vec<CloudWatchMetricDataQuery>,
}

/// One query: metricStat, or an expression over others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudWatchMetricDataQuery {
    /// Name of the query in expressions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// An expression over the results of other queries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// Label of the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// A statistic of a metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_stat: Option<CloudWatchMetricStat>,
    /// Distance of the samples of an expression, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<IntOrString>,
    /// Whether the result is one for the conditions. Default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_data: Option<bool>,
}

/// A statistic of a metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudWatchMetricStat {
    /// The metric.
    #[serde(default)]
    pub metric: CloudWatchMetricStatMetric,
    /// Distance of the samples, in seconds.
    #[serde(default)]
    pub period: IntOrString,
    /// The statistic, such as Average.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stat: String,
    /// The unit to ask for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// A metric in CloudWatch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudWatchMetricStatMetric {
    /// Its dimensions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<CloudWatchMetricStatMetricDimension>,
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metric_name: String,
    /// Its namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A dimension of a metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudWatchMetricStatMetricDimension {
    /// Its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
}

/// A query to Apache SkyWalking.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkyWalkingMetric {
    /// URL of the server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The query, in GraphQL.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// How far back the query looks, a Go duration.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub interval: String,
}

/// A canary judgement by Kayenta, asked for again every 15 seconds until there is one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KayentaMetric {
    /// URL of the server.
    pub address: String,
    /// Application that the configuration belongs to.
    pub application: String,
    /// Name of the canary configuration.
    pub canary_config_name: String,
    /// Account that metrics are read with.
    pub metrics_account_name: String,
    /// Account that the configuration is read with.
    pub configuration_account_name: String,
    /// Account that results are stored with.
    pub storage_account_name: String,
    /// Which scores pass.
    pub threshold: KayentaThreshold,
    /// What is compared.
    pub scopes: Vec<KayentaScope>,
    /// Whether the whole time since the start is judged each time. Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lookback: bool,
}

/// Which scores of a judgement (0 to 100) pass.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KayentaThreshold {
    /// Scores from here on are successful.
    pub pass: i64,
    /// Scores from here on, below pass, are inconclusive; lower ones have failed.
    pub marginal: i64,
}

/// The two sides of a judgement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KayentaScope {
    /// Name of the scope in the canary configuration.
    pub name: String,
    /// The side that is known to be good.
    pub control_scope: ScopeDetail,
    /// The side that is judged.
    pub experiment_scope: ScopeDetail,
}

/// One side of a judgement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScopeDetail {
    /// What tells its metrics from others.
    pub scope: String,
    /// Its region.
    pub region: String,
    /// Distance of the samples, in seconds.
    pub step: i64,
    /// Where the window starts, RFC 3339.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub start: String,
    /// Where the window ends, RFC 3339.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub end: String,
}

/// A request to a web server. A status other than 2xx is an error; an answer that is not JSON is a
/// text to the conditions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebMetric {
    /// The HTTP method. Default GET.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<WebMetricMethod>,
    /// The URL.
    pub url: String,
    /// Headers of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<WebMetricHeader>,
    /// Body of the request, as text. Not with GET, and not with jsonBody.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// How long the server may take, in seconds. Default 10.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timeout_seconds: i64,
    /// Which part of the answer is the value, a JSONPath such as `{$.data.ok}`. Default `{$}`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub json_path: String,
    /// Whether the server's certificate goes unchecked. Default false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub insecure: bool,
    /// Body of the request, as JSON. Not with GET, and not with body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_body: Option<RawJson>,
    /// How to log in.
    #[serde(default)]
    pub authentication: Authentication,
}

/// A header of a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebMetricHeader {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A query to Datadog: query, or queries and a formula.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatadogMetric {
    /// How far back the query looks, a Go duration. Default 5m.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub interval: String,
    /// The query.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// Several queries, by the names that the formula uses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queries: BTreeMap<String, String>,
    /// A formula over the queries.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub formula: String,
    /// Version of the API: v1 (default) or v2.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// How a series becomes one number, such as avg or last. With v2 only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub aggregator: String,
    /// The Secret with the credentials. Default: Secret datadog in the controller's namespace, then
    /// its environment.
    #[serde(default)]
    pub secret_ref: SecretRef,
    /// How long the server may take, a Go duration. Default 10s.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_timeout: String,
}

/// A reference to a Secret with credentials.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Name of the Secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Whether it is in the AnalysisRun's namespace. Default false: in the controller's.
    #[serde(default, skip_serializing_if = "is_false")]
    pub namespaced: bool,
}

open_enum! {
    /// The HTTP method of a request.
    WebMetricMethod {
        /// GET.
        Get = "GET",
        /// POST.
        Post = "POST",
        /// PUT.
        Put = "PUT",
    }
}
