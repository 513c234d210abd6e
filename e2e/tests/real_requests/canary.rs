//! Canaries by share of traffic, by the Gateway API and by Traefik's own kinds.

use libtest_mimic::Trial;
use serde_json::Value;
use sluice_crd::verbs;
use sluice_e2e::requests::scene::Scene;

use crate::{Ended, Ending, Ground, trial};

const SERVICES: &str = include_str!("../../requests/services.yaml");
const SUCCESS_RATE: &str = include_str!("../../requests/success-rate.yaml");

/// A way to set weights.
#[derive(Clone, Copy)]
struct Router {
    /// The route.
    route: &'static str,
    /// What the Rollout says of it.
    routing: &'static str,
}

const GATEWAY_API: Router = Router {
    route: include_str!("../../requests/route-gateway-api.yaml"),
    routing: "{plugins: {argoproj-labs/gatewayAPI: {httpRoute: web, namespace: \"${NAMESPACE}\"}}}",
};
const TRAEFIK: Router = Router {
    route: include_str!("../../requests/route-traefik.yaml"),
    routing: "{traefik: {weightedTraefikServiceName: web}}",
};

const QUARTERS: &str = "steps: [{setWeight: 10}, {pause: {}}, {setWeight: 25}, {pause: {}}, \
                        {setWeight: 50}, {pause: {}}, {setWeight: 100}, {pause: {}}]";
const HALF: &str = "steps: [{setWeight: 50}, {pause: {}}]";
const MEASURED: &str = "steps: [{setWeight: 20}, {pause: {}}, {setWeight: 60}, {pause: {}}]\n      \
                        analysis: {templates: [{templateName: success-rate}]}";

pub(crate) fn trials(ground: &Ground) -> Vec<Trial> {
    let mut trials = Vec::new();
    macro_rules! with_both {
        ($($name:literal, $other:literal: $play:ident;)+) => {$(
            trials.push(trial(ground, $name, async |scene: &mut Scene| $play(scene, GATEWAY_API).await));
            trials.push(trial(ground, $other, async |scene: &mut Scene| $play(scene, TRAEFIK).await));
        )+};
    }
    with_both! {
        "good-release-by-http-route", "good-release-by-traefik-service": good;
        "bad-release-by-http-route", "bad-release-by-traefik-service": bad;
        "abort-at-half-by-http-route", "abort-at-half-by-traefik-service": abort;
        "third-version-by-http-route", "third-version-by-traefik-service": third;
        "killed-at-every-step-by-http-route", "killed-at-every-step-by-traefik-service": killed;
        "replicas-in-the-middle-by-http-route", "replicas-in-the-middle-by-traefik-service": replicas;
    }
    trials
}

/// Version 1 is out, and the load has begun.
async fn set_up(scene: &mut Scene, router: Router, canary: &str) -> Result<(), String> {
    scene.apply(SERVICES).await?;
    scene.apply(router.route).await?;
    scene.apply(SUCCESS_RATE).await?;
    scene.apply(&rollout(router, canary)).await?;
    scene.until_phase("Healthy").await?;
    scene.begin_load().await?;
    scene.rest().await
}

fn rollout(router: Router, canary: &str) -> String {
    let routing = router.routing;
    format!(
        r#"
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: web}}
spec:
  replicas: 4
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}, annotations: {{sluice.test/gone-after: 8s}}}}
    spec: {{containers: [{{name: web, image: "shop/web:v1", ports: [{{containerPort: 8080}}]}}]}}
  strategy:
    canary:
      stableService: web-stable
      canaryService: web-canary
      trafficRouting: {routing}
      {canary}
"#
    )
}

/// The step with this index is a pause, and the Rollout is in it.
async fn paused_at(scene: &Scene, step: i64) -> Result<(), String> {
    let what = format!("the pause of step {step}");
    let paused = scene
        .until(&what, |status| status["phase"] == "Paused" && status["currentStepIndex"] == step);
    paused.await.map(drop)
}

async fn healthy(scene: &Scene) -> Result<(), String> {
    let healthy = scene.until("the promotion", |status| {
        status["phase"] == "Healthy" && status["stableRS"] == status["currentPodHash"]
    });
    healthy.await.map(drop)
}

async fn good(scene: &mut Scene, router: Router) -> Ended {
    set_up(scene, router, QUARTERS).await?;
    scene.set_version("v2").await?;
    for pause in [1, 3, 5, 7] {
        paused_at(scene, pause).await?;
        scene.rest().await?;
        scene.promote().await?;
    }
    healthy(scene).await?;
    scene.rest().await?;
    Ok(Ending::Rested(&[0.0, 10.0, 25.0, 50.0, 0.0, 0.0]))
}

async fn bad(scene: &mut Scene, router: Router) -> Ended {
    set_up(scene, router, MEASURED).await?;
    scene.set_version("v2-errors").await?;
    scene
        .until("the rollback", |status| status["phase"] == "Degraded" && status["abort"] == true)
        .await?;
    scene.rest().await?;
    let on_purpose = scene.so_far()?.tally.all().on_purpose;
    if on_purpose == 0 {
        return Err("nobody has met the bad version".to_owned());
    }
    Ok(Ending::Rested(&[0.0, 0.0]))
}

async fn abort(scene: &mut Scene, router: Router) -> Ended {
    set_up(scene, router, HALF).await?;
    scene.set_version("v2").await?;
    paused_at(scene, 1).await?;
    scene.rest().await?;
    scene.say("abort", verbs::abort()).await?;
    scene.until_phase("Degraded").await?;
    scene.rest().await?;
    Ok(Ending::Rested(&[0.0, 50.0, 0.0]))
}

async fn third(scene: &mut Scene, router: Router) -> Ended {
    set_up(scene, router, HALF).await?;
    scene.set_version("v2").await?;
    paused_at(scene, 1).await?;
    scene.rest().await?;
    let second = scene.until_phase("Paused").await?["currentPodHash"].clone();
    scene.set_version("v3").await?;
    scene
        .until("version 3 at its pause", |status| {
            status["phase"] == "Paused"
                && status["currentStepIndex"] == 1
                && status["currentPodHash"] != second
        })
        .await?;
    scene.rest().await?;
    scene.promote().await?;
    healthy(scene).await?;
    scene.rest().await?;
    Ok(Ending::Rested(&[0.0, 50.0, 50.0, 0.0]))
}

async fn killed(scene: &mut Scene, router: Router) -> Ended {
    set_up(scene, router, QUARTERS).await?;
    scene.set_version("v2").await?;
    for pause in [1, 3, 5, 7] {
        // In the middle of what leads to the step, and once it is there.
        scene
            .until("the way to the step", |status| status["currentStepIndex"] == pause - 1)
            .await?;
        scene.kill_controller()?;
        paused_at(scene, pause).await?;
        scene.kill_controller()?;
        scene.rest().await?;
        scene.promote().await?;
    }
    scene.kill_controller()?;
    healthy(scene).await?;
    scene.rest().await?;
    Ok(Ending::Rested(&[0.0, 10.0, 25.0, 50.0, 0.0, 0.0]))
}

async fn replicas(scene: &mut Scene, router: Router) -> Ended {
    set_up(scene, router, QUARTERS).await?;
    scene.set_version("v2").await?;
    paused_at(scene, 1).await?;
    scene.promote().await?;
    paused_at(scene, 3).await?;
    for replicas in [8, 3] {
        scene.set_replicas(replicas).await?;
        scene.until("so many pods", |status| has_pods(status, replicas)).await?;
        scene.rest().await?;
    }
    scene.promote().await?;
    paused_at(scene, 5).await?;
    scene.set_replicas(6).await?;
    scene.until("so many pods", |status| has_pods(status, 6)).await?;
    scene.rest().await?;
    scene.promote().await?;
    paused_at(scene, 7).await?;
    scene.promote().await?;
    healthy(scene).await?;
    scene.rest().await?;
    Ok(Ending::Rested(&[0.0, 25.0, 50.0, 0.0]))
}

/// At rest with at least so many pods.
fn has_pods(status: &Value, replicas: i32) -> bool {
    status["phase"] == "Paused" && status["availableReplicas"].as_i64() >= Some(replicas.into())
}
