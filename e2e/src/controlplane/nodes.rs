//! The nodes, which exist as objects only.

use k8s_openapi::api::core::v1::Node;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::watcher;
use kube::{Api, Client};
use serde_json::json;
use std::time::Duration;

use super::Error;
use super::wait::wait_for_all;

/// Creates `count` nodes that no test fills up.
pub(crate) async fn create(client: &Client, count: u16) -> Result<(), Error> {
    let api: Api<Node> = Api::all(client.clone());
    for n in 1..=count {
        let name = format!("node-{n}");
        let resources = json!({
            "cpu": "1000", "memory": "10Ti", "ephemeral-storage": "10Ti", "pods": "20000",
        });
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
            }},
            "status": {"allocatable": resources, "capacity": resources},
        });
        let node: Node = serde_json::from_value(node)
            .map_err(|e| Error::api(format!("making node {name}"))(kube::Error::SerdeError(e)))?;
        api.create(&PostParams::default(), &node)
            .await
            .map_err(Error::api(format!("creating node {name}")))?;
        // Every node is born with the taint not-ready, and the controller that would take it away
        // is not run.
        let untaint = Patch::Merge(json!({"spec": {"taints": null}}));
        api.patch(&name, &PatchParams::default(), &untaint)
            .await
            .map_err(Error::api(format!("removing the taints of node {name}")))?;
    }
    Ok(())
}

/// Waits until all nodes are ready.
pub(crate) async fn wait_until_ready(
    client: &Client,
    count: u16,
    deadline: Duration,
) -> Result<(), Error> {
    let api: Api<Node> = Api::all(client.clone());
    wait_for_all(&api, watcher::Config::default(), deadline, |nodes| {
        let ready = nodes.values().filter(|node| is_ready(node)).count();
        (ready >= usize::from(count)).then_some(())
    })
    .await?;
    Ok(())
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
}
