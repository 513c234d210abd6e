//! What the AWS load balancers behind a Rollout's Ingresses do.

use std::collections::BTreeMap;

use kube::Client;
use sluice_planner::names::HASH_LABEL;
use sluice_planner::traffic::alb::verify::{
    LoadBalancer, Look, OfIngress, Question, ReadyPod, TargetGroup, Trouble,
};
use sluice_planner::{PodRecord, Snapshot, questions};
use sluice_providers::Aws;

use super::pods;
use crate::clock::Clock;

/// A look at all of them, and at the pods that they may send requests to. What cannot be found out is
/// in it, in words.
pub(crate) async fn load_balancers(
    client: &Client,
    aws: &Aws,
    clock: &Clock,
    snapshot: &Snapshot,
) -> Look {
    let (namespace, name) = (&snapshot.rollout.namespace, &snapshot.rollout.name);
    let tag_key = snapshot.settings.verify_target_groups.clone().unwrap_or_default();
    let mut ingresses = BTreeMap::new();
    for question in questions(snapshot) {
        let found = look(aws, clock, &tag_key, &question).await;
        if let Err(trouble) = &found {
            let ingress = &question.ingress;
            tracing::warn!(namespace, name, ingress, "cannot look at the load balancer: {trouble}");
        }
        let Question { ingress, version, .. } = question;
        ingresses.insert(ingress, OfIngress { version, found });
    }
    let pods = pods(client, snapshot).await;
    let pods = pods.map(|pods| pods.into_iter().filter_map(ready).collect());
    if let Err(failure) = &pods {
        tracing::warn!(namespace, name, "cannot look at the pods: {failure}");
    }
    Look { at: clock.now(), ingresses, pods: pods.map_err(|failure| failure.to_string()) }
}

async fn look(
    aws: &Aws,
    clock: &Clock,
    tag_key: &str,
    question: &Question,
) -> Result<LoadBalancer, Trouble> {
    let asked = sluice_providers::Question {
        dns_name: question.dns_name.clone(),
        tag_key: tag_key.to_owned(),
        resources: question.resources.iter().cloned().collect(),
    };
    let found = aws.load_balancer(&asked, clock.now()).await;
    let found = found.map_err(|error| Trouble::NotTold(error.to_string()))?;
    let found = found.ok_or_else(|| Trouble::NotFound(question.dns_name.clone()))?;
    let group = |group: sluice_providers::TargetGroup| TargetGroup {
        resource: group.resource,
        targets: group.targets,
    };
    Ok(LoadBalancer {
        arn: found.arn,
        rules: found.rules.into_iter().map(|rule| rule.weights).collect(),
        groups: found.groups.into_iter().map(|(arn, of)| (arn, group(of))).collect(),
    })
}

fn ready(pod: PodRecord) -> Option<ReadyPod> {
    let is_ready = pod.ready_since.is_some() && !pod.deleting;
    let hash = pod.labels.get(HASH_LABEL).filter(|_| is_ready)?.clone();
    Some(ReadyPod { hash, addresses: pod.addresses })
}
