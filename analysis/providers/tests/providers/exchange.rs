//! One exchange through the real client: redirects, limits, proxies.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use sluice_providers::http::{
    Answer, BODY_BYTES_MAX, Call, Egress, HttpClient, HttpError, Settings, client,
};
use tokio::sync::Barrier;
use tower::ServiceExt;

use crate::stage::{Names, Stage};
use crate::stand_in::{Reply, StandIn, ok, redirect, status};

fn any_client() -> HttpClient {
    Stage::default().clients().0
}

async fn send(client: &HttpClient, request: Request<Bytes>) -> Result<Answer, HttpError> {
    let call = Call { request, timeout: Duration::from_secs(30), insecure: false };
    client.clone().oneshot(call).await
}

async fn get(client: &HttpClient, url: &str) -> Result<Answer, HttpError> {
    send(client, Request::get(url).body(Bytes::new()).unwrap()).await
}

fn post(url: &str) -> Request<Bytes> {
    let request = Request::post(url).header("x-token", "secret").header("accept", "text/plain");
    request.header("content-type", "text/plain").body(Bytes::from("body")).unwrap()
}

#[tokio::test]
async fn on_the_same_host_a_redirect_takes_all_along() {
    let server = StandIn::start(|asked| match asked.path() {
        "/307" => redirect(307, "/end"),
        "/302" => redirect(302, "end?x=y"),
        _ => ok("done"),
    })
    .await;
    let client = any_client();
    let answer = send(&client, post(&server.url("/307"))).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"done"[..]));
    let asked = server.asked().pop().unwrap();
    assert_eq!((asked.method.as_str(), asked.body.as_str()), ("POST", "body"));
    assert_eq!(asked.header("x-token"), "secret");

    send(&client, post(&server.url("/302"))).await.unwrap();
    let asked = server.asked().pop().unwrap();
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("GET", "/end?x=y"));
    assert_eq!((asked.body.as_str(), asked.header("content-type")), ("", ""));
    assert_eq!(asked.header("x-token"), "secret");
}

#[tokio::test]
async fn to_another_host_no_credentials_are_taken() {
    let other = StandIn::start(|_| ok("other")).await;
    let (see_other, keep) = (other.url("/a"), other.url("/b"));
    let server = StandIn::start(move |asked| match asked.path() {
        "/303" => redirect(303, see_other.clone()),
        _ => redirect(308, keep.clone()),
    })
    .await;
    let client = any_client();
    send(&client, post(&server.url("/303"))).await.unwrap();
    let asked = other.only();
    assert_eq!((asked.header("x-token"), asked.header("accept")), ("", "text/plain"));

    let error = send(&client, post(&server.url("/308"))).await.unwrap_err();
    assert!(
        matches!(&error, HttpError::Forbidden(text) if text.contains("another host")),
        "{error}"
    );
    assert_eq!(other.asked().len(), 1);
}

#[tokio::test]
async fn three_redirects_and_no_more() {
    let server =
        StandIn::start(|asked| match asked.path().trim_start_matches('/').parse::<u32>() {
            Ok(0) | Err(_) => ok("done"),
            Ok(left) => redirect(302, format!("/{}", left - 1)),
        })
        .await;
    let client = any_client();
    assert_eq!(get(&client, &server.url("/3")).await.unwrap().body(), "done");
    let error = get(&client, &server.url("/4")).await.unwrap_err();
    let last = server.url("/0");
    assert_eq!(error, HttpError::Body(format!("more than 3 redirects, the last to GET {last}")));
}

#[tokio::test]
async fn a_body_up_to_the_limit() {
    let server = StandIn::start(|asked| match asked.path() {
        "/fits" => ok("7".repeat(BODY_BYTES_MAX)),
        _ => ok("7".repeat(BODY_BYTES_MAX + 1)),
    })
    .await;
    let client = any_client();
    assert_eq!(get(&client, &server.url("/fits")).await.unwrap().body().len(), BODY_BYTES_MAX);
    let error = get(&client, &server.url("/larger")).await.unwrap_err();
    assert!(matches!(error, HttpError::Body(_)), "{error}");
}

#[tokio::test]
async fn nothing_is_unpacked() {
    let packed = ("content-encoding", "gzip".to_owned());
    let server =
        StandIn::start(move |_| Reply::Answer(200, vec![packed.clone()], "x".into())).await;
    let error = get(&any_client(), &server.url("/")).await.unwrap_err();
    assert!(error.to_string().ends_with("in a content encoding that was not asked for"), "{error}");
    assert_eq!(server.only().header("accept-encoding"), "");
}

#[tokio::test]
async fn what_is_not_http_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await.unwrap();
    });
    let error = get(&any_client(), &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(error.to_string().contains("breaks off or is not HTTP"), "{error}");
}

#[tokio::test]
async fn unknown_names_are_told() {
    let mut stage = Stage { resolver: Some(Names::of(&[])), ..Stage::default() };
    let error = get(&stage.clients().0, "http://nowhere.test/x?secret=1").await.unwrap_err();
    let text = "GET http://nowhere.test/x?…: cannot connect: no such name";
    assert_eq!(error, HttpError::Connect(text.to_owned()));
}

#[tokio::test]
async fn so_many_calls_at_once_and_no_more() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let pair = Arc::new(Barrier::new(2));
    let (at_once, peak) = (Arc::clone(&now), Arc::clone(&most));
    let server = StandIn::start(move |_| {
        let (now, most, pair) = (Arc::clone(&at_once), Arc::clone(&peak), Arc::clone(&pair));
        Reply::Later(Box::pin(async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Two have to be here for either to go on; others get the time to come as well.
            pair.wait().await;
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            now.fetch_sub(1, Ordering::SeqCst);
            ok("1")
        }))
    })
    .await;
    let two = NonZeroUsize::new(2).unwrap();
    let settings = Settings { in_flight_max: two, ..Settings::default() };
    let client = Stage { settings, ..Stage::default() }.clients().0;
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let (client, url) = (client.clone(), server.url("/"));
            tokio::spawn(async move { get(&client, &url).await })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

/// Waiting for others is no part of a call's time.
#[tokio::test]
async fn who_waits_does_not_time_out() {
    let first = OnceLock::new();
    let server = StandIn::start(move |_| match first.set(()) {
        Ok(()) => Reply::Never,
        Err(()) => ok("second"),
    })
    .await;
    let settings = Settings { in_flight_max: NonZeroUsize::MIN, ..Settings::default() };
    let client = Stage { settings, ..Stage::default() }.clients().0;
    let call = |seconds| {
        let request = Request::get(server.url("/")).body(Bytes::new()).unwrap();
        let call = Call { request, timeout: Duration::from_secs(seconds), insecure: false };
        tokio::spawn(client.clone().oneshot(call))
    };
    let slow = call(60);
    server.arrival().await;
    let waiting = call(5);
    tokio::time::pause();
    assert!(matches!(slow.await.unwrap(), Err(HttpError::Timeout(_))));
    tokio::time::resume();
    assert_eq!(waiting.await.unwrap().unwrap().body(), "second");
}

fn with_proxy(variables: &[(&str, String)], egress: Egress, names: Arc<Names>) -> HttpClient {
    let pair = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone());
    let environment = Arc::new(variables.iter().map(pair).collect());
    client(&Settings { egress, environment, ..Settings::default() }, names).unwrap()
}

#[tokio::test]
async fn a_proxy_is_asked_for_names_that_only_it_knows() {
    let proxy = StandIn::start(|_| ok("by proxy")).await;
    let names = Names::of(&[("proxy.test", &[&["127.0.0.1"]])]);
    // That the proxy has a private address is the business of whoever set it.
    let egress = Egress { deny_private: true, allow: Vec::new() };
    let address = format!("http://me:pw@proxy.test:{}", proxy.port);
    let client = with_proxy(&[("HTTP_PROXY", address)], egress, Arc::clone(&names));
    assert_eq!(get(&client, "http://example.test/a?b=c").await.unwrap().body(), "by proxy");
    let asked = proxy.only();
    assert_eq!(asked.uri, "http://example.test/a?b=c");
    assert_eq!(asked.header("proxy-authorization"), "Basic bWU6cHc=");
    assert_eq!(names.asked(), ["proxy.test"]);

    for url in [
        "http://169.254.169.254/",
        "http://2852039166/",
        "http://metadata.google.internal/",
        "http://10.0.0.1/",
    ] {
        let error = get(&client, url).await.unwrap_err();
        assert!(matches!(error, HttpError::Forbidden(_)), "{url}: {error}");
    }
    assert_eq!(proxy.asked().len(), 1);
}

#[tokio::test]
async fn who_is_exempt_is_asked_directly() {
    let server = StandIn::start(|_| ok("direct")).await;
    let names = Names::of(&[("prom.svc", &[&["127.0.0.1"]])]);
    let variables = [
        ("HTTP_PROXY", "http://proxy.test:1".to_owned()),
        ("NO_PROXY", "example.com,.svc".to_owned()),
    ];
    let client = with_proxy(&variables, Egress::default(), Arc::clone(&names));
    let url = format!("http://prom.svc:{}/", server.port);
    assert_eq!(get(&client, &url).await.unwrap().body(), "direct");
    assert_eq!(get(&client, &server.url("/")).await.unwrap().body(), "direct");
    assert_eq!(names.asked(), ["prom.svc"]);
}

/// A tunnel is asked for by name as well.
#[tokio::test]
async fn https_goes_through_a_tunnel() {
    let proxy = StandIn::start(|_| status(403, "no tunnels")).await;
    let client = with_proxy(&[("https_proxy", proxy.url(""))], Egress::default(), Names::of(&[]));
    let error = get(&client, "https://example.test/").await.unwrap_err();
    assert!(matches!(error, HttpError::Connect(_)), "{error}");
    let asked = proxy.only();
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("CONNECT", "example.test:443"));
}
