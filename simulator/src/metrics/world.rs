//! What there is to be measured: a Prometheus server and pages beside it, on one address.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Method, Request};
use std::sync::{Arc, Mutex, PoisonError};

use super::prometheus;
use super::reply::{Answer, Delay, Reply, text_response};
use super::samples::Labels;
use super::values::Values;

#[derive(Debug, Default)]
struct World {
    values: Values,
    server: Answer,
    pages: Vec<Page>,
}

/// An answer at a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The path; with a query, if that counts too.
    pub path: String,
    /// The method; any, if none.
    pub method: Option<Method>,
    /// What is answered.
    pub answer: Answer,
}

impl Page {
    fn is_meant(&self, request: &Request<Bytes>) -> bool {
        let uri = request.uri();
        let path = match uri.path_and_query() {
            Some(all) if self.path.contains('?') => all.as_str(),
            _ => uri.path(),
        };
        self.path == path && self.method.as_ref().is_none_or(|method| method == request.method())
    }
}

impl World {
    fn answer(&self, request: &Request<Bytes>, now: DateTime<Utc>) -> Reply {
        if let Some(page) = self.pages.iter().find(|page| page.is_meant(request)) {
            return page.answer.reply(request, || text_response(200, "text/plain", ""));
        }
        if self.pages.iter().any(|page| page.path == request.uri().path()) {
            let response = text_response(405, "text/plain", "method not allowed\n");
            return Reply { response, delay: Delay::default() };
        }
        self.server.reply(request, || prometheus::answer(request, &self.values, now))
    }
}

/// What one address answers, held by who sets values and by who answers by them.
#[derive(Debug, Clone, Default)]
pub struct MetricsWorld(Arc<Mutex<World>>);

impl MetricsWorld {
    fn with<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        // Nothing panics while it is held; if something did, the values would still be whole.
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As [`Values::set`].
    pub fn set(&self, now: DateTime<Utc>, metric: &str, labels: &Labels, values: &[f64]) {
        self.with(|world| world.values.set(now, metric, labels, values));
    }

    /// As [`Values::remove`].
    pub fn remove(&self, now: DateTime<Utc>, metric: &str, labels: &Labels) {
        self.with(|world| world.values.remove(now, metric, labels));
    }

    /// From now on the Prometheus server answers like this.
    pub fn server_answers(&self, answer: Answer) {
        self.with(|world| world.server = answer);
    }

    /// From now on there is this page, in place of one of the same path and method.
    pub fn put_page(&self, page: Page) {
        self.with(|world| {
            world.pages.retain(|old| old.path != page.path || old.method != page.method);
            // What names a method goes before what takes any.
            let at = if page.method.is_some() { 0 } else { world.pages.len() };
            world.pages.insert(at, page);
        });
    }

    /// Answers a request: a page where there is one, else what a Prometheus server would.
    pub fn answer(&self, request: &Request<Bytes>, now: DateTime<Utc>) -> Reply {
        self.with(|world| world.answer(request, now))
    }

    /// As [`Values::exposition`].
    pub fn exposition(&self) -> String {
        self.with(|world| world.values.exposition())
    }
}

#[cfg(test)]
mod tests {
    use super::super::reply::Body;
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    fn ask(world: &MetricsWorld, method: &str, path: &str) -> (u16, String) {
        let uri = format!("http://metrics{path}");
        let request = Request::builder().method(method).uri(uri).body(Bytes::new()).unwrap();
        let reply = world.answer(&request, DateTime::UNIX_EPOCH);
        let body = String::from_utf8(reply.response.body().to_vec()).unwrap();
        (reply.response.status().as_u16(), body)
    }

    fn page(path: &str, method: Option<Method>, text: &str) -> Page {
        let answer = Answer { body: Body::Json(json!(text)), ..Answer::default() };
        Page { path: path.to_owned(), method, answer }
    }

    #[test]
    fn pages_go_before_the_server() {
        let world = MetricsWorld::default();
        world.set(DateTime::UNIX_EPOCH, "rate", &Labels::new(), &[1.0]);
        assert!(ask(&world, "GET", "/api/v1/query?query=rate").1.contains("vector"));
        assert_eq!(ask(&world, "GET", "/check").0, 404);
        world.put_page(page("/check", None, "any"));
        world.put_page(page("/check", Some(Method::POST), "post"));
        assert_eq!(ask(&world, "GET", "/check?x=1"), (200, "\"any\"".to_owned()));
        assert_eq!(ask(&world, "POST", "/check"), (200, "\"post\"".to_owned()));
        world.put_page(page("/check", None, "other"));
        assert_eq!(ask(&world, "GET", "/check"), (200, "\"other\"".to_owned()));
        world.put_page(page("/only?x=1", Some(Method::GET), "exact"));
        assert_eq!(ask(&world, "GET", "/only?x=1"), (200, "\"exact\"".to_owned()));
        assert_eq!(ask(&world, "GET", "/only?x=2").0, 404);
        world.put_page(page("/put", Some(Method::PUT), "put"));
        assert_eq!(ask(&world, "GET", "/put").0, 405);
        world.put_page(page("/api/v1/query", None, "in place of the server"));
        assert!(ask(&world, "GET", "/api/v1/query?query=rate").1.contains("in place"));
    }

    #[test]
    fn a_bad_day_of_the_server_leaves_pages_alone() {
        let world = MetricsWorld::default();
        world.put_page(page("/check", None, "fine"));
        let body = Body::Text("oops".to_owned());
        world.server_answers(Answer { status: Some(500), body, ..Answer::default() });
        assert_eq!(ask(&world, "GET", "/api/v1/query?query=1"), (500, "oops".to_owned()));
        assert_eq!(ask(&world, "GET", "/check").0, 200);
        let slow = Delay::After(Duration::from_secs(20));
        world.server_answers(Answer { delay: slow, ..Answer::default() });
        let request = Request::get("http://metrics/api/v1/query?query=1").body(Bytes::new());
        let reply = world.answer(&request.unwrap(), DateTime::UNIX_EPOCH);
        assert_eq!((reply.response.status().as_u16(), reply.delay), (200, slow));
    }
}
