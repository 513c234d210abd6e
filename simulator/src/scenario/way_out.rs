//! The way out of a simulated controller: the one address that there is, in virtual time.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use sluice_providers::http::{Call, HttpClient, HttpError};
use tower::service_fn;

use crate::cluster::Cluster;
use crate::metrics::{Delay, MetricsWorld};

/// Where the metrics of a simulated cluster are; no other address leads anywhere.
pub(super) const ADDRESS: &str = "http://metrics.scenario.svc:9090";
/// The most that is read of an answer, as [`HttpClient`] promises.
const BODY_MAX: usize = 1024 * 1024;
/// Whose latency it is.
const SERVER: &str = "metrics";

/// A client that reaches the metrics alone.
pub(super) fn http_client(cluster: Arc<Cluster>, world: MetricsWorld) -> HttpClient {
    HttpClient::new(service_fn(move |call: Call| {
        exchange(Arc::clone(&cluster), world.clone(), call)
    }))
}

async fn exchange(
    cluster: Arc<Cluster>,
    world: MetricsWorld,
    call: Call,
) -> Result<Response<Bytes>, HttpError> {
    // Not with the query: it may hold a secret, and errors are shown to people.
    let (method, uri) = (call.request.method().clone(), call.request.uri().clone());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let what = format!("{method} {authority}{}", uri.path());
    let limit = call.timeout;
    match tokio::time::timeout(limit, answered(&cluster, &world, &call.request, &what)).await {
        Ok(answered) => answered,
        Err(_) => {
            cluster.note(|| format!("{SERVER} {method} {uri} timed out"));
            Err(HttpError::Timeout(format!("{what}: no answer within {limit:?}")))
        }
    }
}

async fn answered(
    cluster: &Cluster,
    world: &MetricsWorld,
    request: &Request<Bytes>,
    what: &str,
) -> Result<Response<Bytes>, HttpError> {
    let (there, back) = cluster.latency(SERVER);
    tokio::time::sleep(there).await;
    if !is_served(request) {
        cluster.note(|| format!("{SERVER} {} {} leads nowhere", request.method(), request.uri()));
        return Err(HttpError::Connect(format!("{what}: nobody listens there")));
    }
    let reply = world.answer(request, cluster.clock().now());
    let status = reply.response.status().as_u16();
    cluster.note(|| {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let (method, uri, delay) = (request.method(), request.uri(), reply.delay);
        format!("{SERVER} {method} {uri} {body} {status} {delay:?}")
    });
    match reply.delay {
        Delay::After(delay) => tokio::time::sleep(delay + back).await,
        Delay::Never => std::future::pending::<()>().await,
    }
    if reply.response.body().len() > BODY_MAX {
        let why = format!("{what}: the answer is larger than {BODY_MAX} bytes");
        return Err(HttpError::Body(why));
    }
    Ok(reply.response)
}

fn is_served(request: &Request<Bytes>) -> bool {
    let uri = request.uri();
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
    format!("{scheme}://{authority}") == ADDRESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Options;
    use crate::metrics::{Answer, Body, Labels};
    use std::time::Duration;
    use tokio::time::Instant;
    use tower::{Service, ServiceExt};

    fn setting() -> (Arc<Cluster>, MetricsWorld, HttpClient) {
        let cluster = Arc::new(Cluster::new(Options { trace: true, ..Options::stepped(1) }));
        let world = MetricsWorld::default();
        world.set(cluster.clock().now(), "rate", &Labels::new(), &[0.82]);
        let client = http_client(Arc::clone(&cluster), world.clone());
        (cluster, world, client)
    }

    async fn get(client: &HttpClient, uri: &str) -> Result<Response<Bytes>, HttpError> {
        let request = Request::get(uri).body(Bytes::new()).unwrap();
        let call = Call { request, timeout: Duration::from_secs(10), insecure: false };
        client.clone().ready().await.unwrap().call(call).await
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_answered_in_virtual_time_and_traced() {
        let (cluster, world, client) = setting();
        let query = format!("{ADDRESS}/api/v1/query?query=rate");
        let answer = get(&client, &query).await.unwrap();
        assert!(String::from_utf8_lossy(answer.body()).contains("\"0.82\""));
        world.server_answers(Answer {
            delay: Delay::After(Duration::from_secs(5)),
            ..Answer::default()
        });
        let began = Instant::now();
        get(&client, &query).await.unwrap();
        let took = began.elapsed();
        assert!((5000..5100).contains(&took.as_millis()), "{took:?}");
        let trace = cluster.trace();
        assert!(trace.iter().any(|line| line.contains("/api/v1/query?query=rate  200 After(0ns)")));
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_wrong_on_the_way_is_told() {
        let (cluster, world, client) = setting();
        let query = format!("{ADDRESS}/api/v1/query?query=rate");
        for delay in [Delay::After(Duration::from_secs(20)), Delay::Never] {
            world.server_answers(Answer { delay, ..Answer::default() });
            let began = Instant::now();
            let error = get(&client, &query).await.unwrap_err();
            assert!(matches!(error, HttpError::Timeout(_)), "{error}");
            assert!(!error.to_string().contains("query=rate"), "{error}");
            assert_eq!(began.elapsed(), Duration::from_secs(10));
        }
        assert!(cluster.trace().iter().any(|line| line.ends_with("timed out")));
        world.server_answers(Answer { body: Body::Huge, ..Answer::default() });
        let error = get(&client, &query).await.unwrap_err();
        assert!(matches!(error, HttpError::Body(_)), "{error}");
        for elsewhere in ["http://elsewhere/check", "https://metrics.scenario.svc:9090/check"] {
            let error = get(&client, elsewhere).await.unwrap_err();
            assert!(matches!(error, HttpError::Connect(_)), "{error}");
        }
    }
}
