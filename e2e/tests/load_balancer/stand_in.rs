//! A stand-in for Elastic Load Balancing: it speaks the wire format of its API (Query protocol,
//! 2015-12-01) about load balancers that a test sets up.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response};

const XMLNS: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

/// The target groups of a rule and their weights.
pub(crate) type Rule = Vec<(String, Option<u32>)>;

/// The rules of a listener.
pub(crate) type Listener = Vec<Rule>;

/// A load balancer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Balancer {
    pub(crate) arn: String,
    pub(crate) dns_name: String,
    pub(crate) listeners: Vec<Listener>,
}

/// A target group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) arn: String,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) targets: Vec<(String, String)>,
}

/// A refusal: status, code and message.
pub(crate) type Refusal = (u16, &'static str, &'static str);

/// The service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Elb {
    pub(crate) balancers: Vec<Balancer>,
    pub(crate) groups: Vec<Group>,
    /// Entries on a page; all, if none.
    pub(crate) page: Option<usize>,
    pub(crate) refuses: Option<Refusal>,
    /// The actions that it was asked for.
    pub(crate) asked: Vec<String>,
}

type Form = BTreeMap<String, String>;

impl Elb {
    pub(crate) fn answer(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        let form: Form =
            form_urlencoded::parse(request.body()).into_owned().collect::<BTreeMap<_, _>>();
        let action = form.get("Action").cloned().unwrap_or_default();
        self.asked.push(action.clone());
        let answer = match self.refusal(request, &form) {
            Some(refusal) => Err(refusal),
            None => self.result(&action, &form),
        };
        let (status, body) = match answer {
            Ok(result) => (
                200,
                format!(
                    "<{action}Response xmlns=\"{XMLNS}\">\n  <{action}Result>{result}\
                     </{action}Result>\n  <ResponseMetadata><RequestId>{}</RequestId>\
                     </ResponseMetadata>\n</{action}Response>",
                    self.asked.len()
                ),
            ),
            Err((status, code, message)) => (
                status,
                format!(
                    "<ErrorResponse xmlns=\"{XMLNS}\">\n  <Error><Type>Sender</Type>\
                     <Code>{code}</Code><Message>{message}</Message></Error>\n  \
                     <RequestId>{}</RequestId>\n</ErrorResponse>",
                    self.asked.len()
                ),
            ),
        };
        let response = Response::builder().status(status).header(CONTENT_TYPE, "text/xml");
        response.body(Bytes::from(body)).unwrap()
    }

    fn refusal(&self, request: &Request<Bytes>, form: &Form) -> Option<Refusal> {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let signed = header(AUTHORIZATION).unwrap_or_default();
        let scope = "/eu-central-1/elasticloadbalancing/aws4_request, SignedHeaders=";
        if !signed.starts_with("AWS4-HMAC-SHA256 Credential=AKID/") || !signed.contains(scope) {
            return Some((403, "MissingAuthenticationToken", "Request is missing a signature"));
        }
        let is_form = header(CONTENT_TYPE) == Some("application/x-www-form-urlencoded");
        if request.method() != Method::POST || !is_form {
            return Some((400, "MalformedQueryString", "not a form"));
        }
        if form.get("Version").map(String::as_str) != Some("2015-12-01") {
            return Some((400, "NoSuchVersion", "no such version"));
        }
        self.refuses
    }

    fn result(&self, action: &str, form: &Form) -> Result<String, Refusal> {
        match action {
            "DescribeLoadBalancers" => {
                let one = |b: &Balancer| {
                    format!(
                        "<LoadBalancerArn>{}</LoadBalancerArn><Type>application</Type>\
                         <DNSName>{}</DNSName><State><Code>active</Code></State>",
                        b.arn, b.dns_name
                    )
                };
                self.page("LoadBalancers", form, self.balancers.iter().map(one).collect())
            }
            "DescribeListeners" => {
                let of =
                    self.balancer(|balancer| form.get("LoadBalancerArn") == Some(&balancer.arn));
                let (number, balancer) = of.ok_or((400, "LoadBalancerNotFound", "no such one"))?;
                let all = (0..balancer.listeners.len()).map(|i| {
                    format!("<ListenerArn>listener-{number}-{i}</ListenerArn><Port>80</Port>")
                });
                self.page("Listeners", form, all.collect())
            }
            "DescribeRules" => {
                let asked = form.get("ListenerArn").map(String::as_str).unwrap_or_default();
                let listeners = self.balancers.iter().enumerate().flat_map(|(number, balancer)| {
                    let named = move |(i, rules)| (format!("listener-{number}-{i}"), rules);
                    balancer.listeners.iter().enumerate().map(named)
                });
                let found = listeners.into_iter().find(|(arn, _)| arn == asked);
                let (_, rules) = found.ok_or((400, "ListenerNotFound", "no such one"))?;
                // The default rule of every listener forwards nothing.
                let default = "<Actions><member><Type>fixed-response</Type></member></Actions>\
                               <IsDefault>true</IsDefault>";
                let all = rules.iter().map(|groups| rule(groups)).chain([default.to_owned()]);
                self.page("Rules", form, all.collect())
            }
            "DescribeTags" => {
                let arns: Vec<&String> = form
                    .iter()
                    .filter(|(name, _)| name.starts_with("ResourceArns.member."))
                    .map(|(_, arn)| arn)
                    .collect();
                if arns.is_empty() || arns.len() > 20 {
                    return Err((
                        400,
                        "ValidationError",
                        "ResourceArns has to have 1 to 20 members",
                    ));
                }
                let mut out = String::new();
                for arn in arns {
                    let tags: String = self
                        .group(arn)?
                        .tags
                        .iter()
                        .map(|(k, v)| format!("<member><Key>{k}</Key><Value>{v}</Value></member>"))
                        .collect();
                    out += &format!(
                        "<member><ResourceArn>{arn}</ResourceArn><Tags>{tags}</Tags></member>"
                    );
                }
                Ok(format!("<TagDescriptions>{out}</TagDescriptions>"))
            }
            "DescribeTargetHealth" => {
                let arn = form.get("TargetGroupArn").cloned().unwrap_or_default();
                let all: String = self
                    .group(&arn)?
                    .targets
                    .iter()
                    .map(|(id, state)| {
                        format!(
                            "<member><Target><Id>{id}</Id><Port>8080</Port></Target>\
                             <HealthCheckPort>8080</HealthCheckPort>\
                             <TargetHealth><State>{state}</State></TargetHealth></member>"
                        )
                    })
                    .collect();
                Ok(format!("<TargetHealthDescriptions>{all}</TargetHealthDescriptions>"))
            }
            _ => Err((400, "InvalidAction", "no such action")),
        }
    }

    fn balancer(&self, is: impl Fn(&Balancer) -> bool) -> Option<(usize, &Balancer)> {
        self.balancers.iter().enumerate().find(|(_, balancer)| is(balancer))
    }

    fn group(&self, arn: &str) -> Result<&Group, Refusal> {
        let found = self.groups.iter().find(|group| group.arn == arn);
        found.ok_or((400, "TargetGroupNotFound", "no such target group"))
    }

    fn page(&self, name: &str, form: &Form, all: Vec<String>) -> Result<String, Refusal> {
        let from: usize = match form.get("Marker") {
            Some(marker) => marker.parse().map_err(|_| (400, "ValidationError", "bad marker"))?,
            None => 0,
        };
        let size = self.page.unwrap_or(all.len().max(1));
        let some: String =
            all.iter().skip(from).take(size).map(|one| format!("<member>{one}</member>")).collect();
        let next = from + size;
        let next = match next < all.len() {
            true => format!("<NextMarker>{next}</NextMarker>"),
            false => String::new(),
        };
        Ok(format!("<{name}>{some}</{name}>{next}"))
    }
}

fn rule(groups: &[(String, Option<u32>)]) -> String {
    let groups: String = groups
        .iter()
        .map(|(arn, weight)| {
            let weight = weight.map(|weight| format!("<Weight>{weight}</Weight>"));
            let weight = weight.unwrap_or_default();
            format!("<member><TargetGroupArn>{arn}</TargetGroupArn>{weight}</member>")
        })
        .collect();
    format!(
        "<IsDefault>false</IsDefault><Priority>1</Priority><Actions><member><Type>forward</Type>\
         <ForwardConfig><TargetGroups>{groups}</TargetGroups></ForwardConfig></member></Actions>"
    )
}
