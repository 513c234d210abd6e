//! Elastic Load Balancing: what a load balancer does with the requests at this instant.
//!
//! The Query protocol of its API, version 2015-12-01: a form goes in, XML comes out. An Ingress names
//! the load balancer by its DNS name; its target groups are told apart by the tag that the AWS load
//! balancer controller puts on each, `NAMESPACE/INGRESS-SERVICE:PORT` (spec §1.5, §1.10).

mod xml;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use sluice_analysis::Redactor;
use url::Url;

use self::xml::{Listeners, LoadBalancers, Rules, TagDescriptions, TargetHealth};
use super::{Aws, Identity, Wanted, service_address};
use crate::error::ProviderError;
use crate::http::Call;
use crate::request::Request;

/// The name of the service, in endpoints and signatures.
const SERVICE: &str = "elasticloadbalancing";
/// The version of the API.
const VERSION: &str = "2015-12-01";
/// Time for one answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Time for all that is asked of one load balancer.
const ALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Target groups that may be asked of at once for their tags.
const TAGS_AT_ONCE: usize = 20;
/// Pages of one list; AWS has 400 entries on each.
const PAGES_MAX: usize = 100;

/// What is to be known of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its DNS name.
    pub dns_name: String,
    /// The key of the tag that tells target groups apart.
    pub tag_key: String,
    /// The values of that tag of which the targets are to be known.
    pub resources: BTreeSet<String>,
}

/// A load balancer as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Its ARN.
    pub arn: String,
    /// The rules of all its listeners that forward requests.
    pub rules: Vec<Forward>,
    /// The target groups that were asked for, as far as a rule leads to them, by ARN.
    pub groups: BTreeMap<String, TargetGroup>,
}

/// A rule that forwards requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The weights of its target groups, by ARN.
    pub weights: BTreeMap<String, u32>,
}

/// A target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroup {
    /// The value of its tag.
    pub resource: String,
    /// Its targets: the id, an address or a machine, and the state (`healthy`, `initial`, …).
    pub targets: Vec<(String, String)>,
}

impl Aws {
    /// Looks at a load balancer; none where there is none of that DNS name.
    ///
    /// # Errors
    ///
    /// Where there are no credentials, or where the API refuses or does not answer. No secret is in
    /// the text.
    pub async fn load_balancer(
        &self,
        question: &Question,
        now: DateTime<Utc>,
    ) -> Result<Option<LoadBalancer>, ProviderError> {
        let look = async {
            let identity = self.find_kept(&Wanted::default(), now).await?;
            let found = Asking::new(self, &identity, now)?.look(question).await;
            found.map_err(|error| without_secrets(error, &identity))
        };
        let late = || {
            let text = format!("{SERVICE} has not said all that it was asked in {ALL_TIMEOUT:?}");
            ProviderError::new("timeout", text)
        };
        tokio::time::timeout(ALL_TIMEOUT, look).await.unwrap_or_else(|_| Err(late()))
    }
}

/// AWS repeats what it was sent where a signature is wrong.
fn without_secrets(error: ProviderError, identity: &Identity) -> ProviderError {
    let mut redactor = Redactor::default();
    redactor.add(identity.credentials.secret.expose_secret());
    if let Some(token) = &identity.credentials.token {
        redactor.add(token.expose_secret());
    }
    ProviderError { message: redactor.redact(&error.message).into_owned(), ..error }
}

/// The API, asked by somebody.
struct Asking<'a> {
    aws: &'a Aws,
    identity: &'a Identity,
    address: Url,
    now: DateTime<Utc>,
}

type Fields = Vec<(String, String)>;

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// Fields of a list: `NAME.member.1`, `NAME.member.2`, and so on.
fn members<'a>(name: &str, values: impl IntoIterator<Item = &'a String>) -> Fields {
    let values = values.into_iter().enumerate();
    values.map(|(i, value)| (format!("{name}.member.{}", i + 1), value.clone())).collect()
}

impl<'a> Asking<'a> {
    fn new(
        aws: &'a Aws,
        identity: &'a Identity,
        now: DateTime<Utc>,
    ) -> Result<Self, ProviderError> {
        let of = "ELASTIC_LOAD_BALANCING_V2";
        let address = service_address(&aws.environment, of, SERVICE, &identity.region)?;
        Ok(Self { aws, identity, address, now })
    }

    async fn look(&self, question: &Question) -> Result<Option<LoadBalancer>, ProviderError> {
        let Some(arn) = self.find(&question.dns_name).await? else { return Ok(None) };
        let mut rules = Vec::new();
        let listeners: Vec<Listeners> =
            self.pages("DescribeListeners", vec![field("LoadBalancerArn", &arn)]).await?;
        for listener in listeners.into_iter().flat_map(Listeners::arns) {
            let pages: Vec<Rules> =
                self.pages("DescribeRules", vec![field("ListenerArn", &listener)]).await?;
            rules.extend(pages.into_iter().flat_map(Rules::forwards));
        }
        let rules: Vec<Forward> = rules.into_iter().map(|weights| Forward { weights }).collect();
        let arns: BTreeSet<String> =
            rules.iter().flat_map(|rule| rule.weights.keys().cloned()).collect();
        let mut groups = BTreeMap::new();
        for (arn, resource) in self.resources(&arns, &question.tag_key).await? {
            if question.resources.contains(&resource) {
                let targets = self.targets(&arn).await?;
                groups.insert(arn, TargetGroup { resource, targets });
            }
        }
        Ok(Some(LoadBalancer { arn, rules, groups }))
    }

    /// The load balancer with a DNS name.
    async fn find(&self, dns_name: &str) -> Result<Option<String>, ProviderError> {
        let pages: Vec<LoadBalancers> = self.pages("DescribeLoadBalancers", Vec::new()).await?;
        let mut all = pages.into_iter().flat_map(LoadBalancers::by_name);
        Ok(all.find(|(name, _)| name.eq_ignore_ascii_case(dns_name)).map(|(_, arn)| arn))
    }

    /// The value of the tag of each group, where it has it.
    async fn resources(
        &self,
        arns: &BTreeSet<String>,
        key: &str,
    ) -> Result<BTreeMap<String, String>, ProviderError> {
        let arns: Vec<&String> = arns.iter().collect();
        let mut out = BTreeMap::new();
        for some in arns.chunks(TAGS_AT_ONCE) {
            let fields = members("ResourceArns", some.iter().copied());
            let tags: TagDescriptions = self.ask("DescribeTags", fields).await?;
            out.extend(tags.with_key(key));
        }
        Ok(out)
    }

    async fn targets(&self, arn: &str) -> Result<Vec<(String, String)>, ProviderError> {
        let fields = vec![field("TargetGroupArn", arn)];
        let health: TargetHealth = self.ask("DescribeTargetHealth", fields).await?;
        Ok(health.states())
    }

    /// All pages of a list.
    async fn pages<T: DeserializeOwned + xml::Page>(
        &self,
        action: &str,
        fields: Fields,
    ) -> Result<Vec<T>, ProviderError> {
        let mut out: Vec<T> = Vec::new();
        let mut marker: Option<String> = None;
        while out.len() < PAGES_MAX {
            let mut fields = fields.clone();
            fields.extend(marker.take().map(|marker| ("Marker".to_owned(), marker)));
            let page: T = self.ask(action, fields).await?;
            marker = page.next().map(str::to_owned);
            out.push(page);
            if marker.is_none() {
                return Ok(out);
            }
        }
        let text = format!("{action}: the answer has more than {PAGES_MAX} pages");
        Err(ProviderError::body(text))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        action: &str,
        fields: Fields,
    ) -> Result<T, ProviderError> {
        let base = [("Action", action), ("Version", VERSION)];
        let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let form = Request::form(self.address.clone(), base.into_iter().chain(fields));
        let call = form.call(TIMEOUT, false)?;
        let request = self.identity.sign_at(self.now, SERVICE, call.request)?;
        let asked = self.aws.ask(Call { request, ..call }, xml::read).await;
        asked.map_err(|error| error.about(action))
    }
}
