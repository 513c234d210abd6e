//! What the scenarios on real requests share: a control plane whose pods answer, a gateway before
//! them, a Prometheus that scrapes the gateway.

use std::fmt::Display;
use std::path::PathBuf;

use kube::Api;
use kube::core::{DynamicObject, GroupVersionKind};
use kube::discovery::ApiResource;

use super::gateway::{self, Gateway};
use super::objects;
use super::pods::Pods;
use crate::controlplane::{ADMIN, Audit, ControlPlane, Options, Programs, Search, User, wait_for};
use crate::loopback::DEADLINE;
use crate::prometheus::{self, Prometheus};
use crate::scenarios::crds_folder;

/// The class, and the gateway that all routes name.
const GATEWAY: &str = include_str!("../../requests/gateway.yaml");

/// The programs that it takes. Those that are missing are built and fetched, so it has to be done
/// where there is a network.
#[derive(Debug, Clone)]
pub struct Tools {
    controlplane: Programs,
    gateway: gateway::Program,
    prometheus: PathBuf,
}

impl Tools {
    /// Finds, builds or fetches all of them.
    ///
    /// # Errors
    ///
    /// Says which is not to be had, why, and what helps.
    pub fn find() -> Result<Self, String> {
        let search = Search::from_env().map_err(|error| text(&error))?;
        Ok(Self {
            controlplane: Programs::find_or_build(&search).map_err(|error| text(&error))?,
            gateway: gateway::find_or_build(&search).map_err(|error| text(&error))?,
            prometheus: prometheus::find_or_fetch(&search).map_err(|error| text(&error))?,
        })
    }
}

/// All that runs for the scenarios together. Must be in a network of its own.
#[derive(Debug)]
pub struct Rig {
    /// The control plane.
    pub plane: ControlPlane,
    /// Its pods.
    pub pods: Pods,
    /// The gateway.
    pub gateway: Gateway,
    /// What scrapes the gateway.
    pub prometheus: Prometheus,
}

impl Rig {
    /// Starts everything, and waits until the gateway says that it is set up.
    ///
    /// # Errors
    ///
    /// Says what did not come up.
    pub async fn start(tools: &Tools) -> Result<Self, String> {
        let options = Options {
            audit: Audit::Off,
            extra_users: vec![User::new(gateway::USER, &["system:masters"])],
            ..Options::default()
        };
        let plane = ControlPlane::start_with(tools.controlplane.clone(), options).await;
        let plane = plane.map_err(|error| text(&error))?;
        for folder in [crds_folder(), tools.gateway.definitions.clone()] {
            plane.apply_crds(&folder).await.map_err(|error| text(&error))?;
        }
        let client = plane.client(ADMIN).map_err(|error| text(&error))?;
        let pods = Pods::start(client.clone()).await?;
        let gateway = Gateway::start(&tools.gateway, &plane).await.map_err(|error| text(&error))?;
        objects::apply(&client, "default", GATEWAY).await?;
        let gateways: Api<DynamicObject> = Api::namespaced_with(
            client,
            "default",
            &ApiResource::from_gvk(&GroupVersionKind::gvk(
                "gateway.networking.k8s.io",
                "v1",
                "Gateway",
            )),
        );
        wait_for(&gateways, "public", DEADLINE, |gateway| {
            let conditions = gateway.data["status"]["conditions"].as_array()?;
            let is_set_up =
                |c: &serde_json::Value| c["type"] == "Programmed" && c["status"] == "True";
            conditions.iter().any(is_set_up).then_some(())
        })
        .await
        .map_err(|error| text(&error))?;
        let prometheus = Prometheus::scraping(&tools.prometheus, gateway::METRICS).await;
        let prometheus = prometheus.map_err(|error| text(&error))?;
        Ok(Self { plane, pods, gateway, prometheus })
    }
}

fn text(error: &dyn Display) -> String {
    error.to_string()
}
