//! Datadog: a query over its API v1 or v2, or with v2 several and a formula.

mod v1;
mod v2;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sluice_analysis::Reading;
use sluice_crd::analysis::{DatadogMetric, Metric};
use url::Url;

use crate::context::{Context, Kept};
use crate::error::ProviderError;
use crate::provider::Provider;
use crate::request::{self, Request};

/// The Secret in the controller's namespace.
const SECRET: &str = "datadog";

const API_KEY: &str = "api-key";
const APP_KEY: &str = "app-key";
const ADDRESS: &str = "address";

/// The keys of such a Secret.
const KEYS: [(&str, Kept); 3] =
    [(API_KEY, Kept::Secret), (APP_KEY, Kept::Secret), (ADDRESS, Kept::Open)];

/// Where Datadog is unless an address says otherwise.
const DEFAULT_ADDRESS: &str = "https://api.datadoghq.com";

/// Default time for the server, and how far back queries look by default.
const TIMEOUT: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(300);

/// Asks Datadog.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datadog;

#[async_trait]
impl Provider for Datadog {
    async fn measure(&self, cx: &Context, metric: &Metric) -> Result<Reading, ProviderError> {
        let Some(datadog) = &metric.provider.datadog else {
            return Err(ProviderError::spec("the metric has no provider.datadog"));
        };
        let version = check(datadog)?;
        let credentials = credentials(cx, datadog).await?;
        let timeout =
            request::duration("datadog.requestTimeout", &datadog.request_timeout, TIMEOUT)?;
        let interval = request::duration("datadog.interval", &datadog.interval, INTERVAL)?;
        let window = Window { to: cx.now.timestamp(), seconds: interval.as_secs() };
        let request = match version {
            Version::V1 => v1::request(datadog, &credentials.address, window),
            Version::V2 => v2::request(datadog, &credentials.address, window),
        };
        let call = request
            .header("DD-API-KEY", credentials.api_key.expose_secret())?
            .header("DD-APPLICATION-KEY", credentials.app_key.expose_secret())?
            .call(timeout, false)?;
        match version {
            Version::V1 => cx.ask(call, v1::interpret).await,
            Version::V2 => cx.ask(call, v2::interpret).await,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// What the query looks at, in seconds since 1970.
#[derive(Clone, Copy)]
struct Window {
    to: i64,
    seconds: u64,
}

impl Window {
    fn from(self) -> i64 {
        self.to.saturating_sub_unsigned(self.seconds)
    }
}

/// Which fields go together.
fn check(metric: &DatadogMetric) -> Result<Version, ProviderError> {
    let refuse = |text: &str| Err(ProviderError::spec(text));
    let version = match metric.api_version.as_str() {
        "" | "v1" => Version::V1,
        "v2" => Version::V2,
        other => return refuse(&format!("Invalid API version: {other}")),
    };
    let (query, queries) = (!metric.query.is_empty(), metric.queries.len());
    if version == Version::V1 {
        return match (query, queries, metric.formula.as_str(), metric.aggregator.as_str()) {
            (false, ..) => refuse(
                "Query is empty. API Version v1 only supports using the query parameter in your \
                 Analysis Template.",
            ),
            (true, 0, "", "") => Ok(version),
            _ => refuse("queries, formula and aggregator need apiVersion: v2"),
        };
    }
    match (query, queries, metric.formula.is_empty()) {
        (false, 0, _) => {
            refuse("Must have either a query or queries. Please review the Analysis Template.")
        }
        (true, 1.., _) => {
            refuse("Cannot have both a query and queries. Please review the Analysis Template.")
        }
        (true, 0, false) => refuse(
            "Formula are only valid when queries are set. Please review the Analysis Template.",
        ),
        (false, 2.., true) => {
            refuse("When multiple queries are provided you must include a formula.")
        }
        (true, 0, true) | (false, 1.., _) => Ok(version),
    }
}

struct Credentials {
    address: Url,
    api_key: SecretString,
    app_key: SecretString,
}

/// The Secret that the metric names, the environment, the Secret of the controller; the environment
/// once more, now without an address. Whichever has both keys is taken.
async fn credentials(cx: &Context, metric: &DatadogMetric) -> Result<Credentials, ProviderError> {
    let reference = &metric.secret_ref;
    if !reference.name.is_empty() {
        let namespace = if reference.namespaced { &cx.run.namespace } else { &cx.home };
        let mut keys = cx.keys_of(namespace, &reference.name, &KEYS).await?;
        if let Some(found) = complete(|key| keys.remove(key))? {
            return Ok(found);
        }
    }
    let variable = |key: &str| {
        let name = format!("DD_{}", key.to_ascii_uppercase().replace('-', "_"));
        let value = cx.variable(&name).map(SecretString::from);
        value.map(|value| if key == ADDRESS { value } else { cx.redactions.learned(value) })
    };
    let all_set = KEYS.iter().all(|(key, _)| variable(key).is_some());
    if let Some(found) = if all_set { complete(variable)? } else { None } {
        return Ok(found);
    }
    let mut keys = cx.keys_of(&cx.home, SECRET, &KEYS).await?;
    if let Some(found) = complete(|key| keys.remove(key))? {
        return Ok(found);
    }
    complete(variable)?.ok_or_else(|| {
        let text = format!(
            "API or App token not found: write {API_KEY} and {APP_KEY} into the Secret {SECRET} in \
             namespace {}, or set DD_API_KEY and DD_APP_KEY for the controller",
            cx.home
        );
        ProviderError::new("secret", text)
    })
}

fn complete(
    mut value: impl FnMut(&str) -> Option<SecretString>,
) -> Result<Option<Credentials>, ProviderError> {
    let mut some = |key| value(key).filter(|value| !value.expose_secret().trim().is_empty());
    let Some((api_key, app_key)) = some(API_KEY).zip(some(APP_KEY)) else { return Ok(None) };
    let address = some(ADDRESS);
    let address = address.as_ref().map_or(DEFAULT_ADDRESS, |address| address.expose_secret());
    let address = request::url("the address of Datadog", address)?;
    Ok(Some(Credentials { address, api_key, app_key }))
}

/// A request of the JSON API.
fn accepting_json(request: Request) -> Request {
    // The constants are valid: an error cannot be.
    request.clone().header("accept", "application/json").unwrap_or(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn which_fields_go_together() {
        let check = |fields: serde_json::Value| check(&serde_json::from_value(fields).unwrap());
        for fields in [
            json!({"query": "q"}),
            json!({"query": "q", "apiVersion": "v1"}),
            json!({"query": "q", "apiVersion": "v2", "aggregator": "sum"}),
            json!({"queries": {"a": "q"}, "apiVersion": "v2"}),
            json!({"queries": {"a": "q", "b": "r"}, "formula": "a / b", "apiVersion": "v2"}),
        ] {
            assert!(check(fields.clone()).is_ok(), "{fields}");
        }
        for fields in [
            json!({}),
            json!({"query": "q", "apiVersion": "v3"}),
            json!({"query": "q", "queries": {"a": "q"}}),
            json!({"query": "q", "aggregator": "sum"}),
            json!({"queries": {"a": "q"}}),
            json!({"apiVersion": "v2"}),
            json!({"query": "q", "queries": {"a": "q"}, "apiVersion": "v2"}),
            json!({"query": "q", "formula": "a", "apiVersion": "v2"}),
            json!({"queries": {"a": "q", "b": "r"}, "apiVersion": "v2"}),
        ] {
            assert_eq!(check(fields.clone()).unwrap_err().category, "spec", "{fields}");
        }
    }
}
