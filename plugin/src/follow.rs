//! A Rollout and its parts, all Rollouts, or an AnalysisRun, kept up to date by watches.

use std::collections::BTreeMap;

use futures::stream::{BoxStream, SelectAll};
use futures::{FutureExt, StreamExt};
use kube::api::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Config, Event};
use kube::{Api, ResourceExt};
use serde::de::DeserializeOwned;
use sluice_crd::analysis::AnalysisRun;
use sluice_crd::rollout::Rollout;

use crate::cluster::{ANALYSIS_RUNS, Part, Parts, ROLLOUTS, api, read};
use crate::error::Failure;
use crate::session::Session;
use crate::view::Objects;

/// What a watch is of: what is followed, or a part of it.
type Source = Option<Part>;
type Seen = (Source, watcher::Result<Event<DynamicObject>>);

/// Objects that are kept up to date.
pub struct Follow {
    session: Session,
    /// The resource that is followed, as messages name it.
    resource: &'static str,
    seen: SelectAll<BoxStream<'static, Seen>>,
    shelves: BTreeMap<Source, Shelf>,
    /// What keeps a watch from going on, while it does.
    troubles: BTreeMap<Source, String>,
    /// Whether something has changed that nobody has been told of. A field, because a wait may be
    /// given up in favour of another.
    is_news: bool,
}

/// The objects of one watch.
#[derive(Default)]
struct Shelf {
    objects: BTreeMap<(String, String), DynamicObject>,
    /// A list that is not complete yet.
    incoming: BTreeMap<(String, String), DynamicObject>,
    is_complete: bool,
}

fn key(object: &DynamicObject) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

impl Shelf {
    /// Takes an event in; says whether the objects may have changed.
    fn take(&mut self, event: Event<DynamicObject>) -> bool {
        match event {
            Event::Init => self.incoming.clear(),
            Event::InitApply(object) => {
                self.incoming.insert(key(&object), object);
            }
            Event::InitDone => {
                self.objects = std::mem::take(&mut self.incoming);
                self.is_complete = true;
                return true;
            }
            Event::Apply(object) => {
                self.objects.insert(key(&object), object);
                return true;
            }
            Event::Delete(object) => return self.objects.remove(&key(&object)).is_some(),
        }
        false
    }
}

impl Follow {
    fn new(session: &Session, resource: &'static str) -> Self {
        Self {
            session: session.clone(),
            resource,
            seen: SelectAll::new(),
            shelves: BTreeMap::new(),
            troubles: BTreeMap::new(),
            is_news: false,
        }
    }

    /// A Rollout alone.
    pub fn rollout(session: &Session, name: &str) -> Self {
        let mut follow = Self::new(session, ROLLOUTS);
        let fields = format!("metadata.name={name}");
        let rollouts = api::<Rollout>(session, Some(&session.namespace));
        follow.watch(None, rollouts, Config::default().fields(&fields));
        follow
    }

    /// A Rollout with its parts.
    pub fn whole(session: &Session, rollout: &Rollout) -> Self {
        let mut follow = Self::rollout(session, &rollout.name_any());
        for part in Part::ALL {
            let config = Config { label_selector: part.labels(rollout), ..Config::default() };
            follow.watch(Some(part), part.api(session), config);
        }
        follow
    }

    /// An AnalysisRun.
    pub fn run(session: &Session, name: &str) -> Self {
        let mut follow = Self::new(session, ANALYSIS_RUNS);
        let fields = format!("metadata.name={name}");
        let runs = api::<AnalysisRun>(session, Some(&session.namespace));
        follow.watch(None, runs, Config::default().fields(&fields));
        follow
    }

    /// All Rollouts of a namespace, or of all, or those of one name.
    pub fn rollouts(session: &Session, namespace: Option<&str>, name: Option<&str>) -> Self {
        let mut follow = Self::new(session, ROLLOUTS);
        let field_selector = name.map(|name| format!("metadata.name={name}"));
        let config = Config { field_selector, ..Config::default() };
        follow.watch(None, api::<Rollout>(session, namespace), config);
        follow
    }

    fn watch(&mut self, source: Source, api: Api<DynamicObject>, config: Config) {
        let events = watcher::watcher(api, config).default_backoff();
        self.seen.push(events.map(move |event| (source, event)).boxed());
        self.shelves.insert(source, Shelf::default());
    }

    /// Waits until something has changed, and all that belongs together is there; or until a watch
    /// breaks. It is set up again, and why it broke is among the [`troubles`](Self::troubles).
    ///
    /// # Errors
    ///
    /// The API server refuses to tell of what is followed.
    pub async fn changed(&mut self) -> Result<(), Failure> {
        loop {
            // What has arrived already belongs to the same change.
            while let Some(Some(seen)) = self.seen.next().now_or_never() {
                self.is_news |= self.take(seen)?;
            }
            if self.is_news && (self.is_complete() || !self.troubles.is_empty()) {
                self.is_news = false;
                return Ok(());
            }
            let Some(seen) = self.seen.next().await else {
                // Watches never end; without one there is nothing to wait for.
                return futures::future::pending().await;
            };
            self.is_news |= self.take(seen)?;
        }
    }

    fn take(&mut self, (source, event): Seen) -> Result<bool, Failure> {
        let shelf = self.shelves.entry(source).or_default();
        match event {
            Ok(event) => {
                let was_in_trouble = self.troubles.remove(&source).is_some();
                Ok(shelf.take(event) || was_in_trouble)
            }
            Err(error) => self.fail(source, &error),
        }
    }

    /// Notes what is wrong with a watch; says whether that is news.
    fn fail(&mut self, source: Source, error: &watcher::Error) -> Result<bool, Failure> {
        let resource = source.map_or(self.resource, Part::resource);
        let what = format!("watch {resource}");
        let failure = match error {
            // The history is compacted: an ordinary matter, a fresh list follows.
            watcher::Error::WatchError(status) if status.code == 410 => return Ok(false),
            watcher::Error::WatchError(status) => self.session.refusal(&what, resource, status),
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => self.session.failure(&what, resource, error),
            watcher::Error::NoResourceVersion => Failure::Unreadable {
                request: what,
                problem: "it has no resourceVersion".to_owned(),
            },
        };
        let is_final = matches!(
            failure,
            Failure::Forbidden { .. } | Failure::Unauthorized { .. } | Failure::NotServed { .. }
        );
        let Some(part) = source else {
            return if is_final { Err(failure) } else { Ok(self.note(source, &failure)) };
        };
        if part.may_be_missing(&failure) {
            // Nothing of it is shown, which the first look has said already.
            let shelf = self.shelves.entry(source).or_default();
            let is_news = !shelf.is_complete;
            shelf.is_complete = true;
            return Ok(is_news);
        }
        Ok(self.note(source, &failure))
    }

    fn note(&mut self, source: Source, failure: &Failure) -> bool {
        let text = format!("{failure}; trying again");
        self.troubles.insert(source, text.clone()) != Some(text)
    }

    /// What keeps watches from going on: what is shown may be out of date.
    pub fn troubles(&self) -> impl Iterator<Item = &str> {
        self.troubles.values().map(String::as_str)
    }

    /// Whether all has been listed: before that, nothing can be said of what is not there.
    pub fn is_complete(&self) -> bool {
        self.shelves.values().all(|shelf| shelf.is_complete)
    }

    /// The objects that are followed, without their parts.
    pub(crate) fn all(&self) -> impl Iterator<Item = &DynamicObject> {
        self.shelves.get(&None).into_iter().flat_map(|shelf| shelf.objects.values())
    }

    /// What is followed, without its parts.
    ///
    /// # Errors
    ///
    /// It is gone, or cannot be read.
    pub fn one<K: DeserializeOwned>(&self, name: &str) -> Result<K, Failure> {
        let Some(object) = self.all().find(|object| object.name_any() == name) else {
            return Err(Failure::NotFound(format!("{} \"{name}\" not found", self.resource)));
        };
        read(&format!("watch {} {name}", self.resource), object)
    }

    /// The Rollout, with the parts that are followed.
    ///
    /// # Errors
    ///
    /// It is gone, or cannot be read.
    pub fn objects(&self, name: &str) -> Result<Objects, Failure> {
        let rollout = self.one(name)?;
        let mut parts = Parts::default();
        for (source, shelf) in &self.shelves {
            if let Some(part) = source {
                parts.put(*part, shelf.objects.values());
            }
        }
        Ok(parts.around(rollout))
    }
}
