//! How fast the simulator is: `cargo run --release -p sluice-simulator --example speed`.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use sluice_simulator::{Cluster, Options};
use std::error::Error;
use std::time::{Duration, Instant};

fn options() -> Options {
    let zero = Duration::ZERO..Duration::ZERO;
    Options { watch_delay: zero.clone(), request_latency: zero, ..Options::stepped(1) }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::new(options());
    let client = cluster.client("speed");
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    for count in [1_000, 10_000] {
        let began = Instant::now();
        for index in 0..count {
            let map =
                serde_json::from_value(json!({"metadata": {"name": format!("m{count}-{index}")}}))?;
            maps.create(&PostParams::default(), &map).await?;
        }
        report(&format!("create of {count} objects, each"), began, count);
        let began = Instant::now();
        for index in 0..1_000 {
            let patch = Patch::Merge(json!({"data": {"k": index.to_string()}}));
            maps.patch(&format!("m{count}-{}", index % count), &PatchParams::default(), &patch)
                .await?;
        }
        report(&format!("patch among {count} objects, each"), began, 1_000);
    }

    let cluster = Cluster::new(options());
    let client = cluster.client("speed");
    let pods: Api<Pod> = Api::default_namespaced(client);
    for count in [5_000, 20_000] {
        let have = cluster.objects("", "pods").len();
        let began = Instant::now();
        for index in have..count {
            let pod = serde_json::from_value(json!({
                "metadata": {"name": format!("p{index}"), "labels": {"app": format!("a{}", index % 100)}},
                "spec": {"containers": [{"name": "main", "image": "nginx:1"}]},
            }))?;
            pods.create(&PostParams::default(), &pod).await?;
        }
        report(&format!("create of pods up to {count}, each"), began, count - have);
        let began = Instant::now();
        let all = pods.list(&ListParams::default()).await?.items.len();
        report(&format!("list of {all} pods, whole"), began, 1);
        let began = Instant::now();
        let some = pods.list(&ListParams::default().labels("app=a7")).await?.items.len();
        report(&format!("list of {some} of {count} pods, whole"), began, 1);
        let began = Instant::now();
        let mut pages = 0;
        let mut token = None;
        loop {
            let mut params = ListParams::default().limit(500);
            params.continue_token = token;
            let page = pods.list(&params).await?;
            pages += 1;
            token = page.metadata.continue_.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        report(&format!("list of {count} pods in {pages} pages, whole"), began, 1);
    }

    let cluster = Cluster::new(options());
    cluster.start();
    let client = cluster.client("speed");
    let sets = Api::<k8s_openapi::api::apps::v1::ReplicaSet>::default_namespaced(client);
    let began = Instant::now();
    for index in 0..200 {
        let labels = json!({"app": format!("s{index}")});
        let set = serde_json::from_value(json!({
            "metadata": {"name": format!("s{index}")},
            "spec": {"replicas": 10, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "main", "image": "nginx:1"}]}}},
        }))?;
        sets.create(&PostParams::default(), &set).await?;
    }
    while !cluster.is_quiet_for(Duration::from_secs(60)) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    report("200 ReplicaSets with 10 pods each until ready, whole", began, 1);
    Ok(())
}

fn report(what: &str, began: Instant, count: usize) {
    let each = began.elapsed() / u32::try_from(count).unwrap_or(1);
    println!("{what}: {each:?}");
}
