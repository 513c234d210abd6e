//! What a person can do, as commands.

use sluice_crd::rollout::PauseReason;

use super::{Analysis, PodTrouble, Scene, Situation, WaitedFor};

/// Something that a person can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The command.
    pub command: String,
    /// What it does, or what it tells.
    pub effect: String,
}

pub(super) fn actions(
    scene: &Scene<'_>,
    situation: &Situation,
    waited_for: Option<&WaitedFor>,
    analyses: &[Analysis],
) -> Vec<Action> {
    let mut actions = looks(scene, waited_for);
    actions.extend(analyses.iter().map(|analysis| Action {
        command: format!(
            "kubectl argo rollouts get analysisrun {} -n {}",
            analysis.run, scene.view.namespace
        ),
        effect: "all that it measured, with the queries".to_owned(),
    }));
    actions.extend(verbs(scene, situation));
    actions
}

/// Commands that look closer at a pod in trouble, one with a log if there is one.
fn looks(scene: &Scene<'_>, waited_for: Option<&WaitedFor>) -> Vec<Action> {
    let pods = waited_for.map(|waited| waited.pods.as_slice()).unwrap_or_default();
    let pod = pods.iter().find(|pod| pod.log.is_some()).or(pods.first());
    let Some(PodTrouble { name, log, .. }) = pod else { return Vec::new() };
    let namespace = &scene.view.namespace;
    let mut looks = Vec::new();
    if let Some((container, is_previous)) = log {
        let previous = if *is_previous { " --previous" } else { "" };
        looks.push(Action {
            command: format!("kubectl logs -n {namespace} {name} -c {container}{previous}"),
            effect: "what it said".to_owned(),
        });
    }
    looks.push(Action {
        command: format!("kubectl describe pod -n {namespace} {name}"),
        effect: "its events".to_owned(),
    });
    looks
}

/// Verbs of the plugin that help here.
fn verbs(scene: &Scene<'_>, situation: &Situation) -> Vec<Action> {
    let plugin = |verb: &str, effect: &str| {
        let (name, namespace) = (&scene.view.name, &scene.view.namespace);
        let command = format!("kubectl argo rollouts {verb} {name} -n {namespace}");
        Action { command, effect: effect.to_owned() }
    };
    let mut actions = Vec::new();
    let abort = || match scene.stable_set() {
        Some(set) if scene.has_other_stable() => {
            let effect = format!("goes back to revision {}", set.revision);
            Some(plugin("abort", &effect))
        }
        _ => None,
    };
    match situation {
        Situation::Lagging(_) => actions.push(Action {
            command: "kubectl get pods -A -l app.kubernetes.io/name=argo-rollouts".to_owned(),
            effect: "whether the controller runs".to_owned(),
        }),
        Situation::Invalid | Situation::Held => actions.push(Action {
            command: format!(
                "kubectl edit rollout -n {} {}",
                scene.view.namespace, scene.view.name
            ),
            effect: "correct what is named above; or apply it from where it is kept".to_owned(),
        }),
        Situation::Unfit => {
            let (name, namespace) = (&scene.view.name, &scene.view.namespace);
            actions.push(Action {
                command: format!("kubectl get analysistemplates -n {namespace}"),
                effect: "which ones there are; kubectl argo rollouts lint says what is wrong in a \
                         file"
                    .to_owned(),
            });
            actions.push(Action {
                command: format!("kubectl edit rollout -n {namespace} {name}"),
                effect: "correct what it refers to".to_owned(),
            });
            actions.extend(abort());
        }
        Situation::Aborted => {
            actions.push(plugin("retry rollout", "tries the same version again, from step 1"));
        }
        Situation::DeadlineExceeded | Situation::NotCreated => actions.extend(abort()),
        Situation::PausedByUser => {
            let (name, namespace) = (&scene.view.name, &scene.view.namespace);
            let merge = r#"'{"spec":{"paused":false}}'"#;
            actions.push(Action {
                command: format!(
                    "kubectl patch rollout -n {namespace} {name} --type merge -p {merge}"
                ),
                effect: "goes on where it stands".to_owned(),
            });
            actions.push(plugin("promote", "goes on with the next step"));
            actions.extend(abort());
        }
        Situation::Paused { reason, .. } => {
            let effect = match reason {
                PauseReason::BlueGreenPause => "switches the active Service to the new version",
                PauseReason::InconclusiveAnalysisRun | PauseReason::InconclusiveExperiment => {
                    "counts it as good, and goes on with the next step"
                }
                PauseReason::CanaryPauseStep | PauseReason::Other(_) => "ends the pause",
            };
            actions.push(plugin("promote", effect));
            actions.extend(abort());
        }
        Situation::Measuring { kind, name, .. } => {
            if *kind != "AnalysisRun" {
                let kind = kind.to_lowercase();
                actions.push(Action {
                    command: format!("kubectl describe {kind} -n {} {name}", scene.view.namespace),
                    effect: "what has been measured".to_owned(),
                });
            }
            actions.push(plugin("promote", "skips this step"));
            actions.extend(abort());
        }
        Situation::Moving => actions.extend(abort()),
        Situation::Healthy => {}
    }
    actions
}
