//! What every HTTP provider has to get over.

use serde_json::Value;
use sluice_providers::Context;

use crate::stage::{failure, measure, metric};
use crate::stand_in::{Reply, StandIn, ok, status};

/// Servers that do not answer as they should, and the category of the error that follows.
fn hardships() -> Vec<(&'static str, Reply, &'static str)> {
    vec![
        ("401", status(401, "who are you?"), "status"),
        ("403", status(403, "{\"error\":\"not you\"}"), "status"),
        ("404", status(404, "nothing here"), "status"),
        ("500", status(500, "out of order"), "status"),
        ("HTML", ok("<html><body>Please log in</body></html>"), "body"),
        ("malformed", ok("{\"data\":[1,"), "body"),
        ("empty", ok(""), "body"),
        ("huge", Reply::Streamed(2 << 20), "body"),
        ("breaks off", Reply::BreaksOff, "body"),
        (
            "endless redirects",
            Reply::Answer(302, vec![("location", "/again".into())], String::new()),
            "body",
        ),
    ]
}

/// Goes through all of them. `skipped` are named where they mean something else to a provider.
pub(crate) async fn all(skipped: &[&str], stage: impl Fn(&StandIn) -> (Context, Value)) {
    for (name, reply, category) in hardships() {
        if skipped.contains(&name) {
            continue;
        }
        let reply = std::sync::Mutex::new(Some(reply));
        let server = StandIn::start(move |asked| match reply.lock().unwrap().take() {
            Some(reply) => reply,
            // Redirects go on for ever; what else is asked again gets no better.
            None if asked.path() == "/again" => {
                Reply::Answer(302, vec![("location", "/again".into())], String::new())
            }
            None => status(500, "asked again"),
        })
        .await;
        let (cx, provider) = stage(&server);
        let error = failure(&cx, &metric(provider)).await;
        assert_eq!(error.category, category, "{name}: {error}");
        assert!(error.message.contains("http"), "{name}: who was asked? {error}");
        assert!(error.message.len() <= 1024, "{name}: {error}");
    }
    never_answers(&stage).await;
    is_away(&stage).await;
}

/// A server that never answers costs no more than the time of the metric, which passes at once here.
async fn never_answers(stage: &impl Fn(&StandIn) -> (Context, Value)) {
    let server = StandIn::start(|_| Reply::Never).await;
    let (cx, provider) = stage(&server);
    let metric = metric(provider);
    let measuring = tokio::spawn(async move { measure(&cx, &metric).await });
    server.arrival().await;
    tokio::time::pause();
    let error = measuring.await.unwrap().outcome.unwrap_err();
    tokio::time::resume();
    assert_eq!(error.category, "timeout", "{error}");
    assert!(error.message.contains("has not answered within "), "{error}");
}

async fn is_away(stage: &impl Fn(&StandIn) -> (Context, Value)) {
    let mut server = StandIn::start(|_| Reply::Never).await;
    // Nobody listens there: the port was free a moment ago.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    server.port = free.local_addr().unwrap().port();
    drop(free);
    let (cx, provider) = stage(&server);
    let error = failure(&cx, &metric(provider)).await;
    assert_eq!(error.category, "connect", "{error}");
    assert!(error.message.contains("cannot connect"), "{error}");
}
