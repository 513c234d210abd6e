//! What Elastic Load Balancing answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::ProviderError;
use crate::http::Answer;
use crate::reply;

/// What is the same around every answer.
#[derive(Deserialize)]
struct Envelope<T> {
    #[serde(
        alias = "DescribeLoadBalancersResult",
        alias = "DescribeListenersResult",
        alias = "DescribeRulesResult",
        alias = "DescribeTagsResult",
        alias = "DescribeTargetHealthResult"
    )]
    result: T,
}

/// A list: `<member>…</member><member>…</member>`.
#[derive(Deserialize)]
struct Members<T> {
    #[serde(default = "Vec::new")]
    member: Vec<T>,
}

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self { member: Vec::new() }
    }
}

/// A page of a list.
pub(super) trait Page {
    /// What to ask for the next one; none where this is the last.
    fn next(&self) -> Option<&str>;
}

macro_rules! pages {
    ($($page:ty),+) => {
        $(impl Page for $page {
            fn next(&self) -> Option<&str> {
                self.next_marker.as_deref().filter(|marker| !marker.is_empty())
            }
        })+
    };
}

pages!(LoadBalancers, Listeners, Rules);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LoadBalancers {
    #[serde(default)]
    load_balancers: Members<LoadBalancer>,
    next_marker: Option<String>,
}

#[derive(Deserialize)]
struct LoadBalancer {
    #[serde(rename = "LoadBalancerArn")]
    arn: String,
    /// One that is being made has none yet.
    #[serde(rename = "DNSName", default)]
    dns_name: String,
}

impl LoadBalancers {
    /// DNS name and ARN.
    pub(super) fn by_name(self) -> impl Iterator<Item = (String, String)> {
        self.load_balancers.member.into_iter().map(|one| (one.dns_name, one.arn))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listeners {
    #[serde(default)]
    listeners: Members<Listener>,
    next_marker: Option<String>,
}

#[derive(Deserialize)]
struct Listener {
    #[serde(rename = "ListenerArn")]
    arn: String,
}

impl Listeners {
    pub(super) fn arns(self) -> impl Iterator<Item = String> {
        self.listeners.member.into_iter().map(|one| one.arn)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Rules {
    #[serde(default)]
    rules: Members<Rule>,
    next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Rule {
    #[serde(default)]
    actions: Members<Action>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Action {
    #[serde(default)]
    forward_config: Option<ForwardConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ForwardConfig {
    #[serde(default)]
    target_groups: Members<Tuple>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tuple {
    target_group_arn: String,
    /// One alone need not have one.
    weight: Option<u32>,
}

impl Rules {
    /// The weights of the groups that each rule forwards to, by ARN.
    pub(super) fn forwards(self) -> impl Iterator<Item = BTreeMap<String, u32>> {
        let actions = self.rules.member.into_iter().flat_map(|rule| rule.actions.member);
        let weight = |to: Tuple| (to.target_group_arn, to.weight.unwrap_or(1));
        actions
            .filter_map(|action| action.forward_config)
            .map(move |config| config.target_groups.member.into_iter().map(weight).collect())
            .filter(|weights: &BTreeMap<String, u32>| !weights.is_empty())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagDescriptions {
    #[serde(default)]
    tag_descriptions: Members<TagDescription>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagDescription {
    resource_arn: String,
    #[serde(default)]
    tags: Members<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

impl TagDescriptions {
    /// The value of a tag, by the ARN of what has it.
    pub(super) fn with_key(self, key: &str) -> impl Iterator<Item = (String, String)> {
        self.tag_descriptions.member.into_iter().filter_map(move |of| {
            let tag = of.tags.member.into_iter().find(|tag| tag.key == key)?;
            Some((of.resource_arn, tag.value))
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TargetHealth {
    #[serde(default)]
    target_health_descriptions: Members<HealthDescription>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthDescription {
    target: Target,
    target_health: Health,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    state: String,
}

impl TargetHealth {
    /// Id and state of each target.
    pub(super) fn states(self) -> Vec<(String, String)> {
        let all = self.target_health_descriptions.member.into_iter();
        all.map(|one| (one.target.id, one.target_health.state)).collect()
    }
}

/// What is said to what is refused.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    error: RefusalError,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RefusalError {
    code: String,
    #[serde(default)]
    message: String,
}

/// Reads an answer.
///
/// # Errors
///
/// What AWS says, without the number of the request: the same refusal is the same text. That a
/// signature is wrong or too old is said with all that was signed, and with the time; of these the
/// code says enough.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, ProviderError> {
    let text = reply::text(answer.body());
    if !answer.status().is_success()
        && let Ok(Refusal { error }) = quick_xml::de::from_str::<Refusal>(&text)
    {
        let (status, code) = (answer.status(), &error.code);
        let of_the_signature = code.contains("Signature") || code.contains("Expired");
        let said = if of_the_signature { String::new() } else { format!(": {}", error.message) };
        return Err(ProviderError::new("status", format!("{status}: {code}{said}")));
    }
    reply::success(answer)?;
    let envelope: Result<Envelope<T>, _> = quick_xml::de::from_str(&text);
    let envelope = envelope.map_err(|error| {
        ProviderError::body(format!("the answer is not what was asked for: {error}"))
    })?;
    Ok(envelope.result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn answer(status: u16, body: &str) -> Answer {
        http::Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap()
    }

    #[test]
    fn a_wrong_signature_is_told_without_what_was_signed() {
        let said = "<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code>\
                    <Message>The canonical string was x-amz-security-token:abc</Message></Error>\
                    <RequestId>1</RequestId></ErrorResponse>";
        let error = read::<Rules>(&answer(403, said)).err().unwrap();
        assert_eq!(error.message, "403 Forbidden: SignatureDoesNotMatch");
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for body in ["", "<html>", "{}", "<DescribeRulesResponse/>"] {
            assert_eq!(read::<Rules>(&answer(200, body)).err().unwrap().category, "body", "{body}");
            let error = read::<Rules>(&answer(502, body)).err().unwrap();
            assert_eq!(error.category, "status", "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in "[<>/A-Za-z&; ]{0,200}|\\PC{0,100}", status in 200u16..600) {
            let _ = read::<LoadBalancers>(&answer(status, &body));
            let _ = read::<TargetHealth>(&answer(status, &body));
        }
    }
}
