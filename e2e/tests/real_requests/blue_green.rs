//! Blue-green: the active Service moves all requests at once, there and back.

use libtest_mimic::Trial;
use serde_json::json;
use sluice_e2e::requests::objects::WATCHED;
use sluice_e2e::requests::scene::Scene;

use crate::{Ended, Ending, Ground, trial};

const BLUE_GREEN: &str = include_str!("../../requests/blue-green.yaml");

pub(crate) fn trials(ground: &Ground) -> Vec<Trial> {
    vec![trial(ground, "blue-green-over-and-back", over_and_back)]
}

async fn over_and_back(scene: &mut Scene) -> Ended {
    scene.apply(BLUE_GREEN).await?;
    scene.until_phase("Healthy").await?;
    scene.begin_load().await?;
    scene.rest().await?;
    scene.set_version("v2").await?;
    scene
        .until("the preview is up", |status| {
            status["phase"] == "Paused"
                && status["blueGreen"]["previewSelector"] == status["currentPodHash"]
        })
        .await?;
    scene.promote().await?;
    cut_over(scene).await?;
    scene.kill_controller()?;
    // From here on there is little time for the pods of a version that is left.
    let hurry = json!({"spec": {"strategy": {"blueGreen": {"scaleDownDelaySeconds": 1}}}});
    scene.patch(WATCHED[0], "web", &hurry).await?;
    // Back to the version whose pods are still there: at once, without a pause.
    scene.set_version("v1").await?;
    cut_over(scene).await?;
    // And on to a third.
    scene.set_version("v3").await?;
    scene.until_phase("Paused").await?;
    scene.promote().await?;
    cut_over(scene).await?;
    scene.until("the end of its pods", |status| status["replicas"] == 3).await?;
    scene.rest().await?;
    Ok(Ending::Rested(&[0.0, 0.0, 0.0, 0.0]))
}

async fn cut_over(scene: &mut Scene) -> Result<(), String> {
    scene
        .until("the cut-over", |status| {
            status["blueGreen"]["activeSelector"] == status["currentPodHash"]
                && status["phase"] == "Healthy"
        })
        .await?;
    scene.rest().await
}
