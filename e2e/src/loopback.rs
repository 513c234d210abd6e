//! HTTP within this machine: answering on a free port, and asking.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use sluice_simulator::metrics::{Delay, Reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// For what is to happen: long enough for a machine that compiles at the same time.
pub const DEADLINE: Duration = Duration::from_secs(90);
/// The most that is read of a request.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// A server on a free port; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts one that answers like this. It lives in the tokio runtime in which this is called.
    ///
    /// # Errors
    ///
    /// Says why there is no port for it.
    pub async fn start(
        answer: impl Fn(http::Request<Bytes>) -> Reply + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let answer = Arc::new(answer);
        let router = axum::Router::new().fallback(move |request: Request| {
            let answer = Arc::clone(&answer);
            async move { Ok::<_, Infallible>(respond(request, &*answer).await) }
        });
        let task = tokio::spawn(async move {
            // It serves until it is dropped; what goes wrong with one connection is its client's.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, task })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn respond(request: Request, answer: &impl Fn(http::Request<Bytes>) -> Reply) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, REQUEST_BYTES_MAX).await else {
        let mut response = Response::default();
        *response.status_mut() = http::StatusCode::PAYLOAD_TOO_LARGE;
        return response;
    };
    let reply = answer(http::Request::from_parts(parts, body));
    match reply.delay {
        Delay::After(delay) => tokio::time::sleep(delay).await,
        Delay::Never => std::future::pending::<()>().await,
    }
    reply.response.map(axum::body::Body::from)
}

/// A GET on this machine: the status and the body.
///
/// # Errors
///
/// Says what went wrong with the request.
pub async fn get(port: u16, path: &str) -> Result<(u16, String), String> {
    let exchange = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = within("an answer", exchange).await?.map_err(|e| e.to_string())?;
    let parts = answer.split_once("\r\n\r\n").zip(answer.split_whitespace().nth(1));
    let ((_, body), code) = parts.ok_or_else(|| format!("no HTTP: {answer}"))?;
    Ok((code.parse().map_err(|_| format!("no status: {answer}"))?, body.to_owned()))
}

/// Waits for what is to happen.
///
/// # Errors
///
/// When it does not.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> Result<T, String> {
    let limited = tokio::time::timeout(DEADLINE, future).await;
    limited.map_err(|_| format!("{what} did not come within {DEADLINE:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_simulator::metrics::{Labels, MetricsWorld};

    #[tokio::test]
    async fn a_world_is_served_as_in_memory() {
        let world = MetricsWorld::default();
        let now = chrono::Utc::now();
        world.set(now, "rate", &Labels::new(), &[0.82]);
        let answering = world.clone();
        let server = Server::start(move |r| answering.answer(&r, now)).await.unwrap();
        let path = "/api/v1/query?query=rate";
        let in_memory = http::Request::get(path).body(Bytes::new()).unwrap();
        let in_memory = world.answer(&in_memory, now).response;
        let (status, body) = get(server.port(), path).await.unwrap();
        assert_eq!((status, body.as_bytes()), (200, in_memory.body().as_ref()));
        assert!(body.contains("\"0.82\""), "{body}");
    }
}
