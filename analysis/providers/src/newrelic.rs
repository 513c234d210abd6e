//! New Relic: a query in NRQL, over NerdGraph.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sluice_analysis::expr::Value;
use sluice_analysis::{Reading, Sample};
use sluice_crd::analysis::{Metric, NewRelicMetric};
use url::Url;

use crate::context::{Context, Kept};
use crate::error::ProviderError;
use crate::http::Answer;
use crate::provider::Provider;
use crate::request::{self, Request};
use crate::{gotext, reply};

/// The Secret in the controller's namespace, unless the metric names a profile.
const SECRET: &str = "newrelic";

const API_KEY: &str = "personal-api-key";
const ACCOUNT: &str = "account-id";
const REGION: &str = "region";
const NERDGRAPH: &str = "base-url-nerdgraph";

/// The keys of the Secret. `base-url-rest` is for an API that is not used.
const KEYS: [(&str, Kept); 4] =
    [(API_KEY, Kept::Secret), (ACCOUNT, Kept::Open), (REGION, Kept::Open), (NERDGRAPH, Kept::Open)];

/// Default time for the query, in seconds; and what the exchange may take beyond it.
const TIMEOUT_SECONDS: i64 = 5;
const MARGIN: Duration = Duration::from_secs(5);

const QUERY: &str = "query($accountId: Int!, $query: Nrql!, $timeout: Seconds) { actor { \
                     account(id: $accountId) { nrql(query: $query, timeout: $timeout) { results } \
                     } } }";

/// Asks New Relic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewRelic;

#[async_trait]
impl Provider for NewRelic {
    async fn measure(&self, cx: &Context, metric: &Metric) -> Result<Reading, ProviderError> {
        let Some(new_relic) = &metric.provider.new_relic else {
            return Err(ProviderError::spec("the metric has no provider.newRelic"));
        };
        let secret = match new_relic.profile.as_str() {
            "" => SECRET,
            profile => profile,
        };
        let keys = cx.keys_of(&cx.home, secret, &KEYS).await?;
        let account = account(&keys)
            .map_err(|error| error.about(&format!("Secret {secret} in namespace {}", cx.home)))?;
        cx.ask(request(new_relic, &account)?, interpret).await
    }
}

struct Account {
    url: Url,
    id: i64,
    key: SecretString,
}

fn account(keys: &BTreeMap<String, SecretString>) -> Result<Account, ProviderError> {
    let some = |key: &str| keys.get(key).filter(|value| !value.expose_secret().trim().is_empty());
    let refuse = |text: String| ProviderError::new("secret", text);
    let missing =
        || refuse(format!("account ID or personal API key not found: {ACCOUNT}, {API_KEY}"));
    let (id, key) = some(ACCOUNT).zip(some(API_KEY)).ok_or_else(missing)?;
    let id = id.expose_secret().trim().parse();
    let id =
        id.map_err(|_| refuse(format!("could not parse account ID: {ACCOUNT} is no number")))?;
    let region = some(REGION).map_or("us", |region| region.expose_secret().trim());
    let address = match (some(NERDGRAPH), region.to_ascii_lowercase().as_str()) {
        (Some(address), _) => address.expose_secret(),
        (None, "us") => "https://api.newrelic.com/graphql",
        (None, "eu") => "https://api.eu.newrelic.com/graphql",
        (None, "staging") => "https://staging-api.newrelic.com/graphql",
        (None, _) => return Err(refuse(format!("{REGION} is neither us, eu nor staging"))),
    };
    Ok(Account { url: request::url(NERDGRAPH, address)?, id, key: key.clone() })
}

fn request(metric: &NewRelicMetric, account: &Account) -> Result<crate::http::Call, ProviderError> {
    let seconds = metric.timeout.filter(|seconds| *seconds != 0).unwrap_or(TIMEOUT_SECONDS);
    let timeout = request::seconds("newRelic.timeout", seconds)?;
    let variables = json!({"accountId": account.id, "query": metric.query, "timeout": seconds});
    let body = json!({"query": QUERY, "variables": variables});
    Request::json(account.url.clone(), &body)
        .header("API-Key", account.key.expose_secret())?
        .call(timeout + MARGIN, false)
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    data: Json,
    #[serde(default)]
    errors: Vec<GraphError>,
}

#[derive(Deserialize)]
struct GraphError {
    #[serde(default)]
    message: String,
}

/// One row is itself, several are a list.
fn interpret(answer: &Answer) -> Result<Reading, ProviderError> {
    let body: Body = reply::json(answer)?;
    if !body.errors.is_empty() {
        let said: Vec<_> = body.errors.into_iter().map(|error| error.message).collect();
        return Err(ProviderError::new("status", format!("NerdGraph says: {}", said.join("; "))));
    }
    let rows = &body.data["actor"]["account"]["nrql"]["results"];
    let none = || ProviderError::body("no results returned from NRQL query");
    let rows = rows.as_array().ok_or_else(none)?;
    let result = match &rows[..] {
        [] => return Err(none()),
        [row] if row.as_object().is_some_and(|row| row.is_empty()) => return Err(none()),
        [row] => row.clone(),
        rows => Json::from(rows.to_vec()),
    };
    let value =
        Value::from_json(&result).map_err(|error| ProviderError::body(error.to_string()))?;
    let text = gotext::json(&result);
    Ok(Reading::Sample(Sample { value, text, metadata: BTreeMap::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn text(body: &str) -> Result<String, ProviderError> {
        match interpret(&http::Response::new(Bytes::from(body.to_owned())))? {
            Reading::Sample(sample) => Ok(sample.text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows() {
        let body = |rows: &str| {
            format!(r#"{{"data":{{"actor":{{"account":{{"nrql":{{"results":{rows}}}}}}}}}}}"#)
        };
        assert_eq!(text(&body(r#"[{"rate":0.5,"a":1}]"#)).unwrap(), r#"{"a":1,"rate":0.5}"#);
        assert_eq!(text(&body(r#"[{"a":1},{"a":2}]"#)).unwrap(), r#"[{"a":1},{"a":2}]"#);
        for rows in ["[]", "[{}]", "null"] {
            assert_eq!(
                text(&body(rows)).unwrap_err().message,
                "no results returned from NRQL query"
            );
        }
        let refused = r#"{"data":null,"errors":[{"message":"NRQL Syntax Error"}]}"#;
        assert_eq!(text(refused).unwrap_err().message, "NerdGraph says: NRQL Syntax Error");
    }

    #[test]
    fn accounts() {
        let url = |pairs: &[(&str, &str)]| {
            let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).into());
            account(&pairs.iter().map(pair).collect()).map(|account| account.url.to_string())
        };
        let own = [(API_KEY, "k"), (ACCOUNT, " 12 ")];
        assert_eq!(url(&own).unwrap(), "https://api.newrelic.com/graphql");
        let eu = [&own[..], &[(REGION, "EU")]].concat();
        assert_eq!(url(&eu).unwrap(), "https://api.eu.newrelic.com/graphql");
        let other = [&eu[..], &[(NERDGRAPH, "http://nr/graphql")]].concat();
        assert_eq!(url(&other).unwrap(), "http://nr/graphql");
        for pairs in [
            vec![],
            vec![(API_KEY, "k")],
            vec![(API_KEY, ""), (ACCOUNT, "1")],
            vec![(API_KEY, "k"), (ACCOUNT, "x")],
            vec![(API_KEY, "k"), (ACCOUNT, "1"), (REGION, "mars")],
        ] {
            assert_eq!(url(&pairs).unwrap_err().category, "secret");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in "\\PC{0,80}|[\\[\\]{}\":,a-z]{0,60}") {
            let _ = text(&body);
        }
    }
}
