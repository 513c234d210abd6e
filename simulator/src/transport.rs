//! The network between a client and the API server: latency, broken connections, and the pace at
//! which watch events arrive.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, Stream};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tower::BoxError;

use crate::api::route::{Head, Route, route};
use crate::api::watch::{Opening, bookmark};
use crate::api::{Payload, Reply, body::for_audit, record_of};
use crate::audit::RequestRecord;
use crate::cluster::Shared;
use crate::status_error::StatusError;
use crate::store::watch::{Delivery, EventType};

/// How often a watch that asked for them gets a bookmark.
const BOOKMARK_PERIOD: Duration = Duration::from_secs(60);

/// The body of an answer.
pub(crate) type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;

/// The client's connection broke: nobody knows whether the request took effect.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "the connection of {user:?} to the simulated API server was cut by an injected fault; connect \
     again with Cluster::client"
)]
pub struct ConnectionLost {
    /// The user of the client.
    pub user: String,
}

/// One client's way to the server, as a tower service under `kube::Client`.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    cluster: Arc<Shared>,
    user: Arc<str>,
    id: u64,
    dead: watch::Sender<bool>,
}

impl Connection {
    pub(crate) fn open(cluster: Arc<Shared>, user: &str) -> Connection {
        let id = {
            let mut state = cluster.lock();
            state.connections += 1;
            state.connections
        };
        let (dead, _) = watch::channel(false);
        let connection = Connection { cluster, user: user.into(), id, dead };
        connection.cluster.lock().register(&connection);
        connection
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn death(&self) -> &watch::Sender<bool> {
        &self.dead
    }

    fn lost(&self) -> BoxError {
        Box::new(ConnectionLost { user: self.user.to_string() })
    }

    fn alive(&self) -> Result<(), BoxError> {
        if *self.dead.borrow() { Err(self.lost()) } else { Ok(()) }
    }

    async fn exchange(self, request: Request<Body>) -> Result<Response<ResponseBody>, BoxError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(BoxError::from)?.to_bytes();
        self.alive()?;
        let (there, back) = self.cluster.lock().latency(&self.user);
        pass(there).await;
        self.alive()?;
        let answer = self.serve(&parts, body);
        pass(back).await;
        // Without an answer the client has waited in vain until the connection broke.
        answer.map(|answer| self.respond(answer)).ok_or_else(|| self.lost())
    }

    /// What the server answers; none if the answer does not arrive.
    fn serve(
        &self,
        parts: &http::request::Parts,
        body: Bytes,
    ) -> Option<Result<Reply, StatusError>> {
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let head = Head {
            user: &self.user,
            connection: self.id,
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            content_type: content_type.unwrap_or_default(),
        };
        let payload = Payload::Bytes(body);
        let audited = for_audit(&payload);
        let mut state = self.cluster.lock();
        let route = route(&state.kinds, head, payload);
        let record = match &route {
            Ok(Route::Resource(call)) => record_of(call, audited),
            _ => fixed_record(head),
        };
        let verdict = state.faults.judge(&record);
        if verdict.dies {
            self.dead.send_replace(true);
            state.watches.close_connection(self.id);
        }
        if !verdict.apply {
            return None;
        }
        let answer = state.serve(route, record, verdict.refusal);
        verdict.reply.then_some(answer)
    }

    fn respond(&self, answer: Result<Reply, StatusError>) -> Response<ResponseBody> {
        let (code, body, warnings) = match answer {
            Ok(Reply::Text { code, body }) => (code, body, Vec::new()),
            Ok(Reply::Object { code, object, warnings }) => {
                (code, Bytes::from(object.to_string()), warnings)
            }
            Ok(Reply::Watch(opening)) => return json_response(200, self.events(opening)),
            Err(error) if error.is_plain_text() => return text_response(error),
            Err(error) => (error.code, Bytes::from(error.to_status().to_string()), vec![]),
        };
        let full = Full::new(body).map_err(|never| match never {}).boxed_unsync();
        let mut response = json_response(code, full);
        for warning in warnings {
            let text = format!("299 - {warning:?}");
            if let Ok(value) = HeaderValue::from_str(&text) {
                response.headers_mut().append(http::header::WARNING, value);
            }
        }
        response
    }

    fn events(&self, opening: Opening) -> ResponseBody {
        let stream = watch_stream(WatchState {
            cluster: Arc::downgrade(&self.cluster),
            user: self.user.clone(),
            dead: self.dead.subscribe(),
            deadline: Instant::now() + Duration::from_secs(opening.timeout_seconds),
            next_bookmark: Instant::now() + BOOKMARK_PERIOD,
            held: None,
            last_revision: None,
            opening,
        });
        StreamBody::new(stream).boxed_unsync()
    }
}

impl tower::Service<Request<Body>> for Connection {
    type Response = Response<ResponseBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<ResponseBody>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().exchange(request))
    }
}

/// Zero takes no turn of the timer, so that a cluster without latency answers at once.
async fn pass(delay: Duration) {
    if !delay.is_zero() {
        sleep(delay).await;
    }
}

fn json_response(code: u16, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    // All codes come from this crate's tables or from a fault's author.
    *response.status_mut() =
        http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer of the server's that is not even JSON.
fn text_response(error: StatusError) -> Response<ResponseBody> {
    let full = Full::new(Bytes::from(error.message)).map_err(|never| match never {});
    let mut response = json_response(error.code, full.boxed_unsync());
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

fn fixed_record(head: Head<'_>) -> RequestRecord {
    RequestRecord {
        at: chrono::DateTime::UNIX_EPOCH,
        user: head.user.to_owned(),
        verb: head.method.to_ascii_lowercase(),
        group: String::new(),
        resource: head.path.to_owned(),
        subresource: String::new(),
        namespace: String::new(),
        name: String::new(),
        field_manager: String::new(),
        code: 0,
        body: None,
        changed: false,
    }
}

struct WatchState {
    cluster: Weak<Shared>,
    user: Arc<str>,
    dead: watch::Receiver<bool>,
    deadline: Instant,
    next_bookmark: Instant,
    /// An event that has left the server and has not arrived yet.
    held: Option<Delivery>,
    /// The revision of the last event that arrived.
    last_revision: Option<String>,
    opening: Opening,
}

type Frame = http_body::Frame<Bytes>;

fn watch_stream(state: WatchState) -> impl Stream<Item = Result<Frame, BoxError>> + Send {
    stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        match state.next().await {
            Some(Ok(line)) => Some((Ok(Frame::data(line)), Some(state))),
            Some(Err(error)) => Some((Err(error), None)),
            None => None,
        }
    })
}

impl WatchState {
    /// The next line of the stream; none at its regular end.
    async fn next(&mut self) -> Option<Result<Bytes, BoxError>> {
        loop {
            if *self.dead.borrow() {
                return Some(Err(Box::new(ConnectionLost { user: self.user.to_string() })));
            }
            if let Some(held) = &self.held {
                let due = self.due(held.due);
                if due <= Instant::now() {
                    let delivery = self.held.take()?;
                    return Some(Ok(self.deliver(&delivery)));
                }
                let wait = due.min(self.deadline);
                tokio::select! {
                    biased;
                    _ = self.dead.changed() => {}
                    () = sleep_until(wait) => {}
                }
                if Instant::now() >= self.deadline {
                    return None;
                }
                continue;
            }
            let bookmark_at = match self.opening.bookmarks {
                Some(_) => self.next_bookmark.min(self.deadline),
                None => self.deadline,
            };
            tokio::select! {
                biased;
                _ = self.dead.changed() => {}
                delivery = self.opening.events.recv() => match delivery {
                    Some(delivery) => self.held = Some(delivery),
                    // The server has closed the watch, or cut the connection.
                    None if *self.dead.borrow() => {}
                    None => return None,
                },
                () = sleep_until(bookmark_at) => {
                    if Instant::now() >= self.deadline {
                        return None;
                    }
                    self.next_bookmark += BOOKMARK_PERIOD;
                    if let Some(line) = self.bookmark() {
                        return Some(Ok(line));
                    }
                }
            }
        }
    }

    /// When an event arrives: not before its time, nor while its kind is frozen.
    fn due(&self, due: Instant) -> Instant {
        let frozen = self.cluster.upgrade().and_then(|cluster| {
            cluster.lock().watches.frozen_until(&self.user, &self.opening.resource)
        });
        frozen.map_or(due, |frozen| due.max(frozen))
    }

    fn deliver(&mut self, delivery: &Delivery) -> Bytes {
        let event = &delivery.event;
        let version = event.object["metadata"]["resourceVersion"].as_str();
        if event.ty != EventType::Error {
            self.last_revision = version.map(str::to_owned);
        }
        if let Some(cluster) = self.cluster.upgrade() {
            cluster.trace(|| {
                format!(
                    "{} {} {} {}/{} {}",
                    self.user,
                    event.ty.name(),
                    self.opening.resource,
                    event.object["metadata"]["namespace"].as_str().unwrap_or_default(),
                    event.object["metadata"]["name"].as_str().unwrap_or_default(),
                    version.unwrap_or_default(),
                )
            });
        }
        line(event.ty, &event.object)
    }

    /// A bookmark: up to here this watch has seen everything. Nothing is on its way at this
    /// point, so it is the store's revision unless the resource is frozen.
    fn bookmark(&self) -> Option<Bytes> {
        let kind = self.opening.bookmarks.as_ref()?;
        let cluster = self.cluster.upgrade()?;
        let state = cluster.lock();
        let frozen = state.watches.frozen_until(&self.user, &self.opening.resource);
        if frozen.is_some_and(|until| until > Instant::now()) {
            return None;
        }
        let object = bookmark(kind, state.store.revision());
        Some(line(EventType::Bookmark, &object))
    }
}

fn line(ty: EventType, object: &serde_json::Value) -> Bytes {
    Bytes::from(format!("{{\"type\":\"{}\",\"object\":{object}}}\n", ty.name()))
}
