//! Blue-green: the active Service moves all requests at once, there and back.

use libtest_mimic::Trial;
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
    // Back to the version whose pods are still there.
    scene.set_version("v1").await?;
    scene.until_phase("Paused").await?;
    scene.promote().await?;
    cut_over(scene).await?;
    Ok(Ending::Rested(&[0.0, 0.0, 0.0]))
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
