//! Whether the load balancers behind the Ingresses do what their actions say (spec §1.5, §2.4).
//!
//! The load balancer is asked itself, since an annotation that was written is not one that was carried
//! out. A look is good for the version of the Ingress that it was taken for: what the AWS load
//! balancer controller has carried out stays until the Ingress changes.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sluice_crd::rollout::{ALBStatus, ALBTrafficRouting, AwsResourceRef};

use super::{Group, action_key};
use crate::quantity::Pods;
use crate::traffic::Problem;
use crate::traffic::objects::RouteRecord;

/// An action that forwards requests, as far as it is read again.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'a> {
    #[serde(borrow)]
    forward_config: WrittenForward<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WrittenForward<'a> {
    #[serde(borrow)]
    target_groups: Vec<Group<'a>>,
}

/// A look at the load balancers of a Rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// When it was taken.
    pub at: DateTime<Utc>,
    /// What was found, by the name of the Ingress.
    pub ingresses: BTreeMap<String, OfIngress>,
    /// The pods that were ready, or why they cannot be read.
    pub pods: Result<Vec<ReadyPod>, String>,
}

/// The load balancer behind an Ingress.
#[derive(Clone, Debug, PartialEq)]
pub struct OfIngress {
    /// `metadata.resourceVersion` of the Ingress that led to it.
    pub version: String,
    /// The load balancer, or why nobody knows what it does.
    pub found: Result<LoadBalancer, Trouble>,
}

/// Why nobody knows what a load balancer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is none with this DNS name.
    NotFound(String),
    /// AWS cannot be asked, or refuses, and what it says.
    NotTold(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(dns_name) => write!(
                f,
                "there is no load balancer {dns_name} in the account and the region of the controller"
            ),
            Self::NotTold(said) => write!(f, "it cannot be asked for its weights: {said}"),
        }
    }
}

/// A load balancer as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Its ARN.
    pub arn: String,
    /// The weights of target groups, by ARN: of each rule that forwards requests.
    pub rules: Vec<BTreeMap<String, u32>>,
    /// The target groups that are tagged as those of the Rollout, by ARN.
    pub groups: BTreeMap<String, TargetGroup>,
}

/// A target group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its tag: `NAMESPACE/INGRESS-SERVICE:PORT`.
    pub resource: String,
    /// Its targets: an address or a machine, and the state.
    pub targets: Vec<(String, String)>,
}

/// A pod that was ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadyPod {
    /// The hash of its version.
    pub hash: String,
    /// `status.podIPs`.
    pub addresses: Vec<String>,
}

/// What is to be asked of one load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The Ingress that leads to it.
    pub ingress: String,
    /// `metadata.resourceVersion` of that.
    pub version: String,
    /// The DNS name of the load balancer.
    pub dns_name: String,
    /// The tags of the target groups whose targets are to be known.
    pub resources: [String; 2],
}

/// An Ingress, and what it is about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// How the load balancer splits requests.
    pub config: &'a ALBTrafficRouting,
    /// The Services of the stable and of the new version.
    pub services: [&'a str; 2],
    /// The Ingress.
    pub record: &'a RouteRecord,
}

impl Asked<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        self.record.object["metadata"]["name"].as_str().unwrap_or_default()
    }

    fn problem(&self, what: String) -> Problem {
        let (object, field) =
            (format!("Ingress {}", self.name()), "status.loadBalancer".to_owned());
        Problem { object, field, what }
    }

    /// The DNS name of its load balancer; none where it has none yet.
    fn dns_name(&self) -> Option<&str> {
        let all = self.record.object["status"]["loadBalancer"]["ingress"].as_array()?;
        all.iter().filter_map(|one| one["hostname"].as_str()).find(|name| !name.is_empty())
    }

    /// The tag of the target group of a Service.
    fn resource(&self, service: &str, port: &str) -> String {
        let namespace = self.record.object["metadata"]["namespace"].as_str().unwrap_or_default();
        format!("{namespace}/{}-{service}:{port}", self.name())
    }

    fn resources(&self) -> [String; 2] {
        let port = self.config.service_port.to_string();
        self.services.map(|service| self.resource(service, &port))
    }

    /// What is to be asked; none while there is no load balancer.
    pub fn question(&self) -> Option<Question> {
        Some(Question {
            ingress: self.name().to_owned(),
            version: self.record.resource_version.clone(),
            dns_name: self.dns_name()?.to_owned(),
            resources: self.resources(),
        })
    }

    /// What a look found, if it was taken for the Ingress as it is.
    fn found<'b>(&self, look: Option<&'b Look>) -> Option<&'b Result<LoadBalancer, Trouble>> {
        let of = look?.ingresses.get(self.name())?;
        (of.version == self.record.resource_version).then_some(&of.found)
    }

    /// Whether there is no look at it as it is.
    pub fn is_unseen(&self, look: Option<&Look>) -> bool {
        self.dns_name().is_some() && self.found(look).is_none()
    }

    /// Whether the load balancer has the weights of the action; none where nobody can tell, and
    /// [`Asked::trouble`] says why.
    pub fn verified(&self, look: Option<&Look>) -> Option<Result<(), Problem>> {
        let Some(dns_name) = self.dns_name() else {
            let what =
                "names no load balancer yet; the AWS load balancer controller writes it there";
            return Some(Err(self.problem(what.to_owned())));
        };
        let Some(found) = self.found(look) else {
            let what = format!("load balancer {dns_name} has yet to be asked for its weights");
            return Some(Err(self.problem(what)));
        };
        let balancer = found.as_ref().ok()?;
        Some(self.has_weights(balancer).map_err(|what| {
            self.problem(format!("load balancer {dns_name}: {what}; it is asked again every 10s"))
        }))
    }

    /// Why nobody can tell what the load balancer does.
    pub fn trouble(&self, look: Option<&Look>) -> Option<(Problem, Trouble)> {
        let trouble = self.found(look)?.as_ref().err()?;
        let what = match trouble {
            Trouble::NotFound(_) => trouble.to_string(),
            Trouble::NotTold(said) => {
                let dns_name = self.dns_name().unwrap_or_default();
                format!("load balancer {dns_name} cannot be asked for its weights: {said}")
            }
        };
        Some((self.problem(format!("{what}; it is tried again every 10s")), trouble.clone()))
    }

    /// In each rule that splits requests between the Services, each target group has its weight.
    fn has_weights(&self, balancer: &LoadBalancer) -> Result<(), String> {
        let key = action_key(self.config, self.services[0]);
        let action = self.record.object["metadata"]["annotations"][&key].as_str();
        let action: Option<Written> = action.and_then(|text| serde_json::from_str(text).ok());
        let Some(action) = action else { return Err(format!("annotation {key} is no action")) };
        let wanted: BTreeMap<String, u32> = action
            .forward_config
            .target_groups
            .iter()
            .map(|group| (self.resource(&group.service_name, &group.service_port), group.weight))
            .collect();
        for resource in wanted.keys() {
            if !balancer.groups.values().any(|group| group.resource == *resource) {
                return Err(format!("no rule leads to a target group with the tag {resource}"));
            }
        }
        let of = |arn: &String| balancer.groups.get(arn).map(|group| group.resource.as_str());
        let splits = |rule: &&BTreeMap<String, u32>| {
            wanted.keys().all(|resource| rule.keys().any(|arn| of(arn) == Some(resource)))
        };
        let mut rules = balancer.rules.iter().filter(splits).peekable();
        if rules.peek().is_none() {
            return Err("no rule splits requests between the Services".to_owned());
        }
        for (arn, weight) in rules.flatten() {
            let resource = of(arn).unwrap_or_default();
            match wanted.get(resource) {
                Some(wanted) if wanted != weight => {
                    return Err(format!(
                        "the target group of {resource} has weight {weight}, not {wanted} yet"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Pods of a version that its load balancer sends requests to, by way of a Service; none where
    /// nobody can tell.
    pub fn healthy(&self, look: Option<&Look>, service: &str, hash: &str) -> Option<Pods> {
        let balancer = self.found(look)?.as_ref().ok()?;
        let pods = look?.pods.as_ref().ok()?;
        let resource = self.resource(service, &self.config.service_port.to_string());
        let groups = || balancer.groups.values().filter(|group| group.resource == resource);
        if groups().next().is_none() {
            return Some(Pods::ZERO);
        }
        let ready = pods.iter().filter(|pod| pod.hash == hash);
        let count = ready.filter(|pod| groups().all(|group| group.serves(pod))).count();
        Some(Pods(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    /// What the status tells of it (`status.albs`).
    pub fn status(&self, look: Option<&Look>) -> Option<ALBStatus> {
        let balancer = self.found(look)?.as_ref().ok()?;
        let [stable, canary] = self.resources();
        let group = |resource: String| {
            let found = balancer.groups.iter().find(|(_, group)| group.resource == resource);
            found.map(|(arn, _)| target_group(arn)).unwrap_or_default()
        };
        Some(ALBStatus {
            load_balancer: load_balancer(&balancer.arn),
            canary_target_group: group(canary),
            stable_target_group: group(stable),
            ingress: self.name().to_owned(),
        })
    }
}

impl TargetGroup {
    /// Whether a pod gets requests by way of this group. A group of machines leads to all pods: what
    /// there is to be known is whether one of the machines is healthy.
    fn serves(&self, pod: &ReadyPod) -> bool {
        let healthy = |(_, state): &&(String, String)| state == "healthy";
        if self.targets.iter().any(|(id, _)| id.parse::<IpAddr>().is_err()) {
            return self.targets.iter().any(|target| healthy(&target));
        }
        self.targets.iter().filter(healthy).any(|(id, _)| pod.addresses.contains(id))
    }
}

/// `arn:aws:elasticloadbalancing:REGION:ACCOUNT:loadbalancer/app/NAME/ID`
fn load_balancer(arn: &str) -> AwsResourceRef {
    let full = arn.split_once(":loadbalancer/").map_or("", |(_, full)| full);
    let name = full.split('/').nth(1).unwrap_or_default();
    AwsResourceRef { name: name.to_owned(), arn: arn.to_owned(), full_name: full.to_owned() }
}

/// `arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID`
fn target_group(arn: &str) -> AwsResourceRef {
    let full = arn.rsplit(':').next().unwrap_or_default();
    let name = full.split('/').nth(1).unwrap_or_default();
    AwsResourceRef { name: name.to_owned(), arn: arn.to_owned(), full_name: full.to_owned() }
}

/// The Ingresses of a configuration that there are.
pub(crate) fn asked<'a>(
    config: &'a ALBTrafficRouting,
    services: [&'a str; 2],
    record: impl Fn(&str) -> Option<&'a RouteRecord> + 'a,
) -> impl Iterator<Item = Asked<'a>> {
    let names = super::ingresses(config).into_iter();
    names.filter_map(move |name| Some(Asked { config, services, record: record(name)? }))
}

#[cfg(test)]
mod tests;
