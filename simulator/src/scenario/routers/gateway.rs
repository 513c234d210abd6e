//! A gateway, as far as a controller can see it: it writes into routes of the Gateway API that it has
//! taken them in, at once, after a while, or never.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kube::Client;
use kube::core::params::{Patch, PatchParams};
use kube::core::request::Request;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::read::GATEWAY_API;
use crate::scenario::file::Span;
use crate::scenario::kind_of;
use crate::scenario::resources::path_in;

/// What there is of a gateway: `{verifies: true}`, `{verifies: never}`, `{verifies: {after: 5s}}`,
/// `{refuses: NotAllowedByListeners}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GatewayOptions {
    /// How it verifies.
    #[serde(default)]
    pub verifies: Verifies,
    /// It takes routes in, and says that it does not accept them, for this reason.
    #[serde(default)]
    pub refuses: Option<String>,
}

/// When a gateway says that it has taken a route in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verifies {
    /// When it sees it.
    #[default]
    AtOnce,
    /// So much later.
    After(Duration),
    /// Of the first generation of a route, and of none after that.
    Never,
}

impl<'de> Deserialize<'de> for Verifies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Later {
            after: Span,
        }
        match Value::deserialize(deserializer)? {
            Value::Bool(true) => Ok(Self::AtOnce),
            Value::String(text) if text == "never" => Ok(Self::Never),
            later => Later::deserialize(later)
                .map(|later| Self::After(later.after.0))
                .map_err(|_| de::Error::custom("`verifies` is true, never or {after: 5s}")),
        }
    }
}

/// One route to be told of.
struct Order {
    due: Instant,
    path: String,
    name: String,
    status: Value,
}

/// A gateway that runs; it ends when this is dropped.
pub(in crate::scenario) struct Gateway {
    options: GatewayOptions,
    orders: mpsc::UnboundedSender<Order>,
    task: tokio::task::JoinHandle<()>,
    now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// The generations that are told, or will be.
    told: BTreeMap<String, i64>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gateway {
    pub(in crate::scenario) fn start(
        options: GatewayOptions,
        client: Client,
        now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    ) -> Self {
        let (orders, received) = mpsc::unbounded_channel();
        let task = tokio::spawn(serve(client, received));
        Self { options, orders, task, now, told: BTreeMap::new() }
    }

    /// It behaves otherwise from now on.
    pub(in crate::scenario) fn becomes(&mut self, options: GatewayOptions) {
        self.options = options;
        if self.options.verifies != Verifies::Never {
            self.told.clear();
        }
    }

    /// Looks at an object that has changed.
    pub(in crate::scenario) fn look(&mut self, object: &Value) {
        let kind = kind_of(object);
        let metadata = &object["metadata"];
        let Some(generation) = metadata["generation"].as_i64() else { return };
        if !GATEWAY_API.contains(&kind.as_str()) {
            return;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (name, namespace) = (text(&metadata["name"]), text(&metadata["namespace"]));
        let id = format!("{kind}/{name}");
        let told = self.told.get(&id).copied();
        let never = self.options.verifies == Verifies::Never && told.is_some();
        if never || told >= Some(generation) {
            return;
        }
        self.told.insert(id, generation);
        let delay = match self.options.verifies {
            Verifies::After(delay) => delay,
            Verifies::AtOnce | Verifies::Never => Duration::ZERO,
        };
        // Whoever receives it is gone when the scenario is over.
        let _ = self.orders.send(Order {
            due: Instant::now() + delay,
            path: path_in(&kind, object["apiVersion"].as_str(), &namespace),
            name,
            status: self.status(object, generation),
        });
    }

    fn status(&self, object: &Value, generation: i64) -> Value {
        let time = (self.now)().format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let condition = |kind: &str, refused: Option<&String>| {
            json!({
                "type": kind,
                "status": if refused.is_some() { "False" } else { "True" },
                "reason": refused.map_or(kind, |reason| reason.as_str()),
                "message": "",
                "lastTransitionTime": time,
                "observedGeneration": generation,
            })
        };
        let parents = object["spec"]["parentRefs"].as_array().cloned().unwrap_or_default();
        let of = |parent: &Value| {
            let accepted = condition("Accepted", self.options.refuses.as_ref());
            json!({
                "parentRef": parent,
                "controllerName": "sluice.test/gateway",
                "conditions": [accepted, condition("ResolvedRefs", None)],
            })
        };
        json!({"status": {"parents": parents.iter().map(of).collect::<Vec<_>>()}})
    }
}

async fn serve(client: Client, mut orders: mpsc::UnboundedReceiver<Order>) {
    while let Some(order) = orders.recv().await {
        tokio::time::sleep_until(order.due).await;
        let params =
            PatchParams { field_manager: Some("gateway".to_owned()), ..Default::default() };
        let patch = Patch::Merge(&order.status);
        let request =
            Request::new(order.path).patch_subresource("status", &order.name, &params, &patch);
        if let Ok(request) = request {
            // A route that is gone by now needs no word.
            let _ = client.request::<Value>(request).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_verifies_is_read() {
        let read =
            |value: Value| serde_json::from_value::<GatewayOptions>(value).map(|o| o.verifies);
        assert_eq!(read(json!({"verifies": true})).unwrap(), Verifies::AtOnce);
        assert_eq!(read(json!({"verifies": "never"})).unwrap(), Verifies::Never);
        let later = Verifies::After(Duration::from_secs(5));
        assert_eq!(read(json!({"verifies": {"after": "5s"}})).unwrap(), later);
        assert!(read(json!({"verifies": "later"})).is_err());
    }
}
