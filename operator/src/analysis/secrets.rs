//! Single keys of Secrets, read when they are needed and not kept.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Client;
use kube::core::request::Request;
use secrecy::SecretString;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserializer, de};
use sluice_providers::{ProviderError, SecretReader};

use crate::failure::Failure;
use crate::writer::answered;

/// Reads Secrets with the controller's rights.
pub(crate) struct Secrets {
    client: Client,
}

impl Secrets {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// The keys asked for that are there; `None` where the Secret is not.
    async fn get(
        &self,
        namespace: &str,
        name: &str,
        keys: &[&str],
    ) -> Result<Option<BTreeMap<String, SecretString>>, ProviderError> {
        let path = format!("/api/v1/namespaces/{namespace}/secrets");
        let request = Request::new(path).get(name, &Default::default());
        let request = request.map_err(|e| unreadable(namespace, name, &e.to_string()))?;
        let text = match answered(self.client.request_text(request)).await {
            Ok(text) => text,
            Err(failure) if failure.is_not_found() => return Ok(None),
            Err(Failure::Refused { code: 401 | 403, message, .. }) => {
                let message = format!(
                    "Secret {namespace}/{name} may not be read: {message}; the Role or ClusterRole \
                     of the controller has to grant get on it"
                );
                return Err(ProviderError::new("secret", message));
            }
            Err(failure) => return Err(unreadable(namespace, name, &failure.to_string())),
        };
        let mut json = serde_json::Deserializer::from_str(&text);
        let data = Named(keys).deserialize(&mut json);
        // What is wrong with it is not said: the text may be in the error.
        let data = data.map_err(|_| unreadable(namespace, name, "its data is no map of texts"))?;
        data.into_iter()
            .map(|(key, value)| {
                let bytes = STANDARD.decode(value).ok();
                let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                let text = text.ok_or_else(|| {
                    let problem =
                        format!("Secret {namespace}/{name}: the value of {key} is no text");
                    ProviderError::new("secret", problem)
                })?;
                Ok((key, SecretString::from(text)))
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

/// Nobody's fault but the API server's: it is tried again.
fn unreadable(namespace: &str, name: &str, why: &str) -> ProviderError {
    ProviderError::new("cluster", format!("Secret {namespace}/{name} could not be read: {why}"))
}

#[async_trait]
impl SecretReader for Secrets {
    async fn read(
        &self,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<SecretString, ProviderError> {
        let found = self.get(namespace, name, &[key]).await?;
        let Some(mut found) = found else {
            let problem = format!("Secret {namespace}/{name} does not exist");
            return Err(ProviderError::new("secret", problem));
        };
        found.remove(key).ok_or_else(|| {
            let problem = format!("key '{key}' does not exist in Secret {namespace}/{name}");
            ProviderError::new("secret", problem)
        })
    }

    async fn read_some(
        &self,
        namespace: &str,
        name: &str,
        keys: &[&str],
    ) -> Result<BTreeMap<String, SecretString>, ProviderError> {
        Ok(self.get(namespace, name, keys).await?.unwrap_or_default())
    }
}

/// Takes the named keys out of a Secret's `data`, and passes over all else.
struct Named<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = BTreeMap<String, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        struct Secret<'a>(&'a [&'a str]);
        impl<'de> Visitor<'de> for Secret<'_> {
            type Value = BTreeMap<String, String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a Secret")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut found = BTreeMap::new();
                while let Some(field) = map.next_key::<String>()? {
                    if field == "data" {
                        found = map.next_value_seed(Data(self.0))?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_map(Secret(self.0))
    }
}

struct Data<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Data<'_> {
    type Value = BTreeMap<String, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Data<'_> {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the data of a Secret")
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut found = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.0.contains(&key.as_str()) {
                found.insert(key, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_keys_are_read() {
        let read = |text: &str| {
            let mut json = serde_json::Deserializer::from_str(text);
            Named(&["token"]).deserialize(&mut json)
        };
        let secret = r#"{"kind": "Secret", "data": {"other": 7, "token": "YWJj"}, "type": "x"}"#;
        assert_eq!(read(secret).unwrap(), BTreeMap::from([("token".into(), "YWJj".into())]));
        assert!(read(r#"{"data": null}"#).unwrap().is_empty());
        assert!(read("{}").unwrap().is_empty());
        assert!(read(r#"{"data": {"token": {}}}"#).is_err());
        assert!(read("[]").is_err());
    }
}
