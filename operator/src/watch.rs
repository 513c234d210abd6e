//! Lists and watches one kind, for ever, and tells the world of it.

use std::time::Duration;

use futures::{StreamExt, pin_mut};
use kube::runtime::watcher::{self, Config, Event as WatcherEvent};
use kube::{Api, Client};
use tokio::sync::mpsc;

use crate::failure::{Failure, chain};
use crate::world::record::{Observed, Record};
use crate::world::{Change, Event};

/// Objects in one page of a list: what is decoded at once.
pub(crate) const PAGE: u32 = 500;
/// The pause after a watch has failed; it doubles up to [`PAUSE_MOST`].
pub(crate) const PAUSE_LEAST: Duration = Duration::from_millis(800);
pub(crate) const PAUSE_MOST: Duration = Duration::from_secs(30);

/// Which objects are watched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// One namespace; all where there is none.
    pub(crate) namespace: Option<String>,
    /// A label selector.
    pub(crate) labels: Option<String>,
}

/// Lists and watches the objects of one kind, until the receiver is gone.
pub(crate) async fn run<R: Record>(
    client: Client,
    scope: Scope,
    events: mpsc::Sender<Event>,
    wrap: fn(Change<R>) -> Event,
) {
    let api: Api<Observed<R>> = match &scope.namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut config = Config::default().page_size(PAGE);
    config.label_selector = scope.labels;
    let stream = watcher::watcher(api, config);
    pin_mut!(stream);
    let mut pause = PAUSE_LEAST;
    while let Some(item) = stream.next().await {
        let change = match item {
            Ok(event) => {
                pause = PAUSE_LEAST;
                match event {
                    WatcherEvent::Init => Change::ListBegins,
                    WatcherEvent::InitApply(object) => Change::Listed(object),
                    WatcherEvent::InitDone => Change::ListEnds,
                    WatcherEvent::Apply(object) => Change::Applied(object),
                    WatcherEvent::Delete(object) => Change::Deleted(object),
                }
            }
            Err(error) => {
                complain::<R>(&error, pause);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MOST);
                continue;
            }
        };
        if events.send(wrap(change)).await.is_err() {
            return;
        }
    }
}

/// What is wrong with a watch; nothing where its history is compacted: an ordinary matter, a fresh
/// list follows.
pub(crate) fn why(error: &watcher::Error) -> Option<Failure> {
    match error {
        watcher::Error::InitialListFailed(e)
        | watcher::Error::WatchStartFailed(e)
        | watcher::Error::WatchFailed(e) => Some(match e {
            kube::Error::Api(status) => Failure::from(kube::Error::Api(status.clone())),
            other => Failure::Unanswered(chain(other)),
        }),
        watcher::Error::WatchError(status) if status.code == 410 => None,
        other => Some(Failure::Unanswered(chain(other))),
    }
}

/// Says what is wrong and what helps.
fn complain<R: Record>(error: &watcher::Error, pause: Duration) {
    let resource = if R::GROUP.is_empty() {
        R::PLURAL.to_owned()
    } else {
        format!("{}.{}", R::PLURAL, R::GROUP)
    };
    let Some(failure) = why(error) else { return };
    match &failure {
        Failure::Refused { code: 404, .. } => tracing::error!(
            "{resource} are not served by this API server: the CRDs are not installed \
             (kubectl apply -f manifests/crds); looking again in {pause:?}"
        ),
        Failure::Refused { code: 401 | 403, message, .. } => tracing::error!(
            "not allowed to list and watch {resource}: {message}; the ClusterRole or Role of \
             manifests/install.yaml grants it; trying again in {pause:?}"
        ),
        failure => {
            tracing::warn!("cannot watch {resource}: {failure}; trying again in {pause:?}");
        }
    }
}
