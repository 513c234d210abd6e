//! Waiting for objects, by watching them: no polling, and a deadline instead of a sleep.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Bytes of the last state that an error shows.
const LAST_SEEN_BYTES_MAX: usize = 4_000;

/// Why a wait ended without what was waited for.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The deadline passed.
    #[error("{what}: not as expected within {deadline:?}{trouble}; last seen: {last}")]
    TimedOut {
        /// The path of the objects, and the selection.
        what: String,
        /// For how long was waited.
        deadline: Duration,
        /// The last failure of the watch, if there was one, after `; `.
        trouble: String,
        /// The objects as last seen, as JSON, possibly cut.
        last: String,
    },
    /// The API server refuses the watch, so that waiting longer cannot help.
    #[error("{what} cannot be watched: {source}")]
    Refused {
        /// The path of the objects, and the selection.
        what: String,
        /// What the API server said.
        source: Box<watcher::Error>,
    },
}

/// What can be waited for.
pub trait Watchable:
    Resource + Clone + DeserializeOwned + Serialize + Debug + Send + 'static
{
}
impl<K: Resource + Clone + DeserializeOwned + Serialize + Debug + Send + 'static> Watchable for K {}

/// Waits until `check` returns something for the object called `name`; it is asked for the object
/// as it is and after each change of it, and not while there is none.
///
/// # Errors
/// [`WaitError::TimedOut`] with the object as last seen, [`WaitError::Refused`] if the user may not
/// watch it.
pub async fn wait_for<K: Watchable, T>(
    api: &Api<K>,
    name: &str,
    deadline: Duration,
    mut check: impl FnMut(&K) -> Option<T>,
) -> Result<T, WaitError> {
    let selection = watcher::Config::default().fields(&format!("metadata.name={name}"));
    wait_for_all(api, selection, deadline, |objects| objects.values().find_map(&mut check)).await
}

/// Waits until there is no object called `name`.
///
/// # Errors
/// As [`wait_for`].
pub async fn wait_until_gone<K: Watchable>(
    api: &Api<K>,
    name: &str,
    deadline: Duration,
) -> Result<(), WaitError> {
    let selection = watcher::Config::default().fields(&format!("metadata.name={name}"));
    wait_for_all(api, selection, deadline, |objects| objects.is_empty().then_some(())).await
}

/// Waits until `check` returns something for the set of objects that `selection` (labels, fields)
/// picks, by (namespace, name); it is asked for the set as it is and after each change to it.
///
/// # Errors
/// As [`wait_for`].
pub async fn wait_for_all<K: Watchable, T>(
    api: &Api<K>,
    selection: watcher::Config,
    deadline: Duration,
    mut check: impl FnMut(&BTreeMap<(String, String), K>) -> Option<T>,
) -> Result<T, WaitError> {
    let what = describe(api, &selection);
    let mut objects = BTreeMap::new();
    let mut trouble = None;
    let found = tokio::time::timeout(deadline, async {
        let mut events = pin!(watcher(api.clone(), selection).default_backoff());
        let mut complete = false;
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => {
                    complete = false;
                    objects.clear();
                }
                Ok(Event::InitDone) => complete = true,
                Ok(Event::InitApply(object) | Event::Apply(object)) => {
                    objects.insert(key(&object), object);
                }
                Ok(Event::Delete(object)) => {
                    objects.remove(&key(&object));
                }
                Err(error) if is_refusal(&error) => return Err(error),
                Err(error) => trouble = Some(error),
            }
            if complete && let Some(found) = check(&objects) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    })
    .await;
    match found {
        Ok(Ok(Some(found))) => Ok(found),
        Ok(Err(source)) => Err(WaitError::Refused { what, source: Box::new(source) }),
        // A watcher starts again by itself, so its stream ends no sooner than the deadline.
        Ok(Ok(None)) | Err(_) => Err(WaitError::TimedOut {
            what,
            deadline,
            trouble: trouble.map(|error| format!("; {error}")).unwrap_or_default(),
            last: last_seen(objects.values()),
        }),
    }
}

fn key<K: Resource>(object: &K) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

fn describe<K: Resource>(api: &Api<K>, selection: &watcher::Config) -> String {
    let mut what = api.resource_url().to_owned();
    for selector in [&selection.label_selector, &selection.field_selector].into_iter().flatten() {
        what += &format!(" [{selector}]");
    }
    what
}

/// Whether the same request would be refused again. A resource that does not exist may yet come:
/// its CustomResourceDefinition takes a moment.
fn is_refusal(error: &watcher::Error) -> bool {
    let code = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code,
        watcher::Error::WatchError(status) => status.code,
        _ => return false,
    };
    matches!(code, 400 | 401 | 403 | 405 | 422)
}

fn last_seen<'a, K: Serialize + 'a>(objects: impl Iterator<Item = &'a K>) -> String {
    let mut all = Vec::new();
    for object in objects {
        let mut value = serde_json::to_value(object).unwrap_or_default();
        if let Some(Value::Object(metadata)) = value.get_mut("metadata") {
            metadata.remove("managedFields");
        }
        all.push(value.to_string());
    }
    if all.is_empty() {
        return "nothing".to_owned();
    }
    let mut text = all.join("\n");
    if text.len() > LAST_SEEN_BYTES_MAX {
        text.truncate(text.floor_char_boundary(LAST_SEEN_BYTES_MAX));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;

    #[test]
    fn last_seen_is_without_managed_fields_and_bounded() {
        assert_eq!(last_seen(std::iter::empty::<&ConfigMap>()), "nothing");
        let mut map = ConfigMap::default();
        map.metadata.name = Some("a".to_owned());
        map.metadata.managed_fields = Some(vec![Default::default()]);
        let text = last_seen([&map].into_iter());
        assert!(text.contains("\"name\":\"a\"") && !text.contains("managedFields"), "{text}");
        map.data = Some([("k".to_owned(), "ü".repeat(LAST_SEEN_BYTES_MAX))].into());
        let text = last_seen([&map].into_iter());
        assert!(text.len() <= LAST_SEEN_BYTES_MAX + '…'.len_utf8());
    }
}
