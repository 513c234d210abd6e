//! What scenarios say of what is around a Rollout; nobody looks after Rollouts here.
#![allow(clippy::unwrap_used)]

use sluice_simulator::scenario::{
    Care, ControllerOptions, ControllerUnderTest, Environment, InMemory, Running, Scenario, Start,
    run,
};
use std::path::Path;

/// A controller that does nothing.
struct Nobody;

impl ControllerUnderTest for Nobody {
    fn prepare(&self, _: Environment, _: &ControllerOptions) -> Result<Start, String> {
        Ok(Box::new(|| Running::new(tokio::spawn(async {}), || {})))
    }
}

const BEFORE: &str = r#"
about: A Deployment and what is around it.
covers: []
before:
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web}
  spec:
    replicas: 3
    selector: {matchLabels: {app: web}}
    template:
      metadata: {labels: {app: web}}
      spec: {containers: [{name: web, image: "shop/web:v1", ports: [{name: http, containerPort: 8080}]}]}
- apiVersion: v1
  kind: Service
  metadata: {name: web}
  spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
- apiVersion: policy/v1
  kind: PodDisruptionBudget
  metadata: {name: web}
  spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
- apiVersion: autoscaling/v2
  kind: HorizontalPodAutoscaler
  metadata: {name: web}
  spec:
    scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
    minReplicas: 3
    maxReplicas: 6
    metrics: [{type: External, external: {metric: {name: load}, target: {type: AverageValue, averageValue: "100"}}}]
steps:
"#;

/// What went wrong with these steps.
async fn failures(seed: u64, steps: &str) -> Vec<String> {
    let scenario = Scenario::parse(&format!("{BEFORE}{steps}"), Path::new("test")).unwrap();
    let backend = InMemory::new(seed, &[]);
    run(&scenario, Path::new("."), &backend, &Nobody, Care::All).await.failures
}

#[tokio::test(start_paused = true)]
async fn deployments_endpoints_evictions_and_autoscalers_are_told_of() {
    let steps = r#"
- expect: {service: web, endpoints: 3 of deployment/web#1}
- expect: {object: {kind: EndpointSlice, name: web, is: {ports: [{name: "", port: 8080, protocol: TCP}]}}}
- keeps: {service: web, endpoints: 2}
- set-image: {rollout: deployment/web, image: "shop/web:v2"}
- expect: {service: web, endpoints: {deployment/web#1: 0, deployment/web#2: 3}}
- expect: {object: {kind: Deployment, name: web, is: {status: {updatedReplicas: 3, unavailableReplicas: null}}}}
- expect: {object: {kind: ReplicaSet, name: deployment/web#1, is: {spec: {replicas: 0}}}}
- remember-pods
- evict: {pods: deployment/web#2, count: 3}
- expect: {object: {kind: PodDisruptionBudget, name: web, is: {status: {disruptionsAllowed: 1}}}}
- expect: {service: web, endpoints: 3}
- delete: {kind: Pod, name: deployment/web#2}
- expect: {service: web, endpoints: 2}
- expect: {service: web, endpoints: 3}
- keeps: {service: web, endpoints: 0}
- pods: {rollout: deployment/web, revision: 2, are: never-ready, count: 1}
- expect: {object: {kind: PodDisruptionBudget, name: web, is: {status: {disruptionsAllowed: 0, currentHealthy: 2}}}}
- evict: {pods: deployment/web#2, count: 3, refused: false}
- load: {hpa: web, total: 450}
- expect: {object: {kind: HorizontalPodAutoscaler, name: web, is: {status: {desiredReplicas: 5}}}}
- expect: {service: web, endpoints: 5 of deployment/web#2}
- load: {hpa: web, total: 600}
- expect: {within: 20s, object: {kind: Deployment, name: web, is: {spec: {replicas: 6}}}}
- apply: {apiVersion: v1, kind: ResourceQuota, metadata: {name: few}, spec: {hard: {pods: "6"}}}
- expect: {object: {kind: ResourceQuota, name: few, is: {status: {hard: {pods: "6"}}}}}
- delete-namespace
- expect: {object: {kind: Deployment, name: web, absent: true}}
- expect: {object: {kind: EndpointSlice, name: web, absent: true}}
"#;
    for seed in 1..=5 {
        assert_eq!(failures(seed, steps).await, [] as [&str; 0], "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_hold_is_said() {
    for (steps, part) in [
        ("- expect: {within: 5s, service: web, endpoints: 2}", "has 3 ready endpoints, not 2"),
        (
            "- expect: {within: 5s, service: web, endpoints: 3 of web#1}",
            "has 0 ready endpoints of web#1, not 3",
        ),
        ("- expect: {within: 5s, service: other, endpoints: 0}", "Service other does not exist"),
        (
            "- expect: {service: web, endpoints: 3}\n- keeps: {service: web, endpoints: 3}\n- delete: {kind: Pod, name: deployment/web#1}",
            "left with 2 of 3 endpoints",
        ),
        (
            "- expect: {object: {kind: PodDisruptionBudget, name: web, is: {status: {disruptionsAllowed: 1}}}}\n- evict: {pods: deployment/web#1, refused: true}",
            "was evicted",
        ),
    ] {
        let found = failures(1, steps).await.join("\n");
        assert!(found.contains(part), "{steps}: {found}");
    }
}
