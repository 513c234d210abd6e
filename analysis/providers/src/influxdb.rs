//! InfluxDB: the column `_value` of what a query in Flux gives.

mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sluice_analysis::expr::Value;
use sluice_analysis::{Reading, Sample};
use sluice_crd::analysis::{InfluxdbMetric, Metric};

use crate::context::{Context, Kept};
use crate::error::ProviderError;
use crate::http::{Answer, Call};
use crate::provider::Provider;
use crate::request::{self, Request};
use crate::{gotext, reply};

/// The Secret in the controller's namespace, unless the metric names a profile.
const SECRET: &str = "influxdb";

const ADDRESS: &str = "address";
const TOKEN: &str = "authToken";
const ORGANIZATION: &str = "org";

/// The keys of the Secret.
const KEYS: [(&str, Kept); 3] =
    [(ADDRESS, Kept::Open), (TOKEN, Kept::Secret), (ORGANIZATION, Kept::Open)];

/// Time for the server. The metric has no field for it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Asks InfluxDB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Influxdb;

#[async_trait]
impl Provider for Influxdb {
    async fn measure(&self, cx: &Context, metric: &Metric) -> Result<Reading, ProviderError> {
        let Some(influxdb) = &metric.provider.influxdb else {
            return Err(ProviderError::spec("the metric has no provider.influxdb"));
        };
        let secret = match influxdb.profile.as_str() {
            "" => SECRET,
            profile => profile,
        };
        let keys = cx.keys_of(&cx.home, secret, &KEYS).await?;
        let call = request(influxdb, &keys)
            .map_err(|error| error.about(&format!("Secret {secret} in namespace {}", cx.home)))?;
        cx.ask(call, interpret).await
    }
}

fn request(
    metric: &InfluxdbMetric,
    keys: &BTreeMap<String, SecretString>,
) -> Result<Call, ProviderError> {
    let some = |key: &str| {
        let value = keys.get(key).map(|value| value.expose_secret().trim());
        value.filter(|value| !value.is_empty()).ok_or_else(|| {
            let text = format!("authToken, org, or address not found: {key} is missing");
            ProviderError::new("secret", text)
        })
    };
    let address = request::url(ADDRESS, some(ADDRESS)?)?;
    let url = request::below(address, "/api/v2/query");
    let url = request::with_query(url, [("org", some(ORGANIZATION)?)]);
    let dialect = json!({
        "annotations": ["datatype", "group", "default"],
        "delimiter": ",",
        "header": true,
    });
    Request::json(url, &json!({"query": metric.query, "type": "flux", "dialect": dialect}))
        .header("Authorization", &format!("Token {}", some(TOKEN)?))?
        .header("Accept", "application/csv")?
        .call(TIMEOUT, false)
}

fn interpret(answer: &Answer) -> Result<Reading, ProviderError> {
    let (values, texts): (Vec<_>, Vec<_>) =
        table::values(reply::success(answer)?)?.into_iter().unzip();
    if values.is_empty() {
        return Err(ProviderError::body("no results returned from flux query"));
    }
    let value = Value::items(values).map_err(|error| ProviderError::body(error.to_string()))?;
    let text = gotext::list(texts, " ");
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

    const ANSWER: &str = "#datatype,string,long,dateTime:RFC3339,double,string\r\n\
        #group,false,false,false,false,true\r\n\
        #default,_result,,,,\r\n\
        ,result,table,_time,_value,host\r\n\
        ,,0,2026-01-01T00:00:00Z,0.95,\"a, \"\"b\"\"\"\r\n\
        ,,0,2026-01-01T00:01:00Z,1000000,a\r\n\
        \r\n\
        #datatype,string,long,long\r\n\
        #group,false,false,false\r\n\
        #default,_result,,7\r\n\
        ,result,table,_value\r\n\
        ,,1,42\r\n\
        ,,1,\r\n\r\n";

    #[test]
    fn values_of_all_tables() {
        assert_eq!(text(ANSWER).unwrap(), "[0.95 1e+06 42 7]");
    }

    #[test]
    fn no_values_are_an_error() {
        for body in ["", "\r\n", "#datatype,string,long,double\r\n,result,table,_value\r\n"] {
            assert_eq!(text(body).unwrap_err().message, "no results returned from flux query");
        }
        let error = "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n\
                     ,Failed to parse query,897\r\n";
        assert_eq!(text(error).unwrap_err().message, "flux query failed: Failed to parse query");
        assert!(text("<html>\n<body>").is_err());
    }

    proptest! {
        #[test]
        fn no_answer_panics(
            body in "\\PC{0,100}",
            lines in prop::collection::vec("(#datatype|#default|#group|)(,(double|long|error|_value|[0-9\"-]{0,3})){0,4}", 0..12),
        ) {
            let _ = text(&body);
            let _ = text(&lines.join("\r\n"));
        }
    }
}
