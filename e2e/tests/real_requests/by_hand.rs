//! The rig itself, with routes that are written by hand: it sees shares follow weights, and it sees
//! requests that are lost.

use libtest_mimic::Trial;
use serde_json::{Value, json};
use sluice_e2e::requests::objects::WATCHED;
use sluice_e2e::requests::scene::Scene;

use crate::{Ended, Ending, Ground, trial};

const TWO_VERSIONS: &str = include_str!("../../requests/pods-of-two-versions.yaml");
const GATEWAY_API: &str = include_str!("../../requests/route-gateway-api.yaml");
const TRAEFIK: &str = include_str!("../../requests/route-traefik.yaml");

pub(crate) fn trials(ground: &Ground) -> Vec<Trial> {
    vec![
        trial(ground, "shares-follow-an-http-route", async |scene: &mut Scene| {
            scene.apply(GATEWAY_API).await?;
            follow(scene, set_http_route).await
        }),
        trial(ground, "shares-follow-a-traefik-service", async |scene: &mut Scene| {
            scene.apply(TRAEFIK).await?;
            follow(scene, set_traefik_service).await
        }),
        trial(ground, "lost-requests-are-seen", lost),
    ]
}

/// Weights of the stable and of the canary Service.
type Weights = (i64, i64);

fn set_http_route((stable, canary): Weights) -> (&'static str, Value) {
    let backend = |name: &str, weight| json!({"name": name, "port": 80, "weight": weight});
    let backends = [backend("web-stable", stable), backend("web-canary", canary)];
    ("HTTPRoute", json!({"spec": {"rules": [{"backendRefs": backends}]}}))
}

fn set_traefik_service((stable, canary): Weights) -> (&'static str, Value) {
    let service = |name: &str, weight| json!({"name": name, "port": 80, "weight": weight});
    let services = [service("web-stable", stable), service("web-canary", canary)];
    ("TraefikService", json!({"spec": {"weighted": {"services": services}}}))
}

async fn write(scene: &Scene, (kind, merge): (&'static str, Value)) -> Result<(), String> {
    let kind = WATCHED.into_iter().find(|(_, _, known)| *known == kind).ok_or("no such kind")?;
    scene.patch(kind, "web", &merge).await
}

fn claim(scene: &Scene, (stable, canary): (f64, f64)) {
    let shares = [("one", stable), ("two", canary)].into_iter().filter(|(_, share)| *share > 0.0);
    scene.claim(shares.map(|(version, share)| (version.to_owned(), share)).collect());
}

async fn follow(scene: &mut Scene, route: fn(Weights) -> (&'static str, Value)) -> Ended {
    scene.apply(TWO_VERSIONS).await?;
    claim(scene, (100.0, 0.0));
    scene.begin_load().await?;
    scene.rest().await?;
    for (weights, shares) in [((90, 10), (90.0, 10.0)), ((1, 1), (50.0, 50.0))] {
        write(scene, route(weights)).await?;
        claim(scene, shares);
        scene.rest().await?;
    }
    // Pods that go serve on until the gateway has heard of it.
    scene.patch(WATCHED[1], "web-two", &json!({"spec": {"replicas": 1}})).await?;
    scene.note("one of two pods of version two goes");
    claim(scene, (50.0, 50.0));
    scene.rest().await?;
    write(scene, route((100, 0))).await?;
    claim(scene, (100.0, 0.0));
    scene.rest().await?;
    Ok(Ending::Rested(&[0.0, 10.0, 50.0, 0.0]))
}

/// A version that loses its pods while it is routed to; and a claim that is not true.
async fn lost(scene: &mut Scene) -> Ended {
    scene.apply(GATEWAY_API).await?;
    scene.apply(TWO_VERSIONS).await?;
    claim(scene, (100.0, 0.0));
    scene.begin_load().await?;
    scene.rest().await?;
    write(scene, set_http_route((80, 20))).await?;
    claim(scene, (90.0, 10.0));
    scene.rest().await?;
    let so_far = scene.so_far()?;
    let problems = so_far.verdict(&[0.0, 10.0]).err().unwrap_or_default();
    if so_far.tally.all().failed > 0 || !problems.contains("instead of") {
        return Err(format!("a share of 20 % passes for 10 %: {problems}"));
    }
    scene.patch(WATCHED[1], "web-two", &json!({"spec": {"replicas": 0}})).await?;
    scene.until_failed().await?;
    Ok(Ending::Judged)
}
