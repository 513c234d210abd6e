//! `/healthz` and `/readyz` on one port, `/metrics` on another (spec §1.10, §1.15).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::metrics::Metrics;
use crate::runtime::Question;

/// A port that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on port {port} for {purpose}: {source}; choose another with {flag}")]
pub struct CannotListen {
    port: u16,
    purpose: &'static str,
    flag: &'static str,
    source: std::io::Error,
}

#[derive(Clone)]
struct Served {
    questions: mpsc::Sender<Question>,
    metrics: Metrics,
}

/// Listens on both ports and serves them until the process ends.
///
/// # Errors
///
/// When a port is taken or may not be used.
pub async fn serve(
    healthz: u16,
    metrics_port: u16,
    metrics: Metrics,
    questions: mpsc::Sender<Question>,
) -> Result<(), CannotListen> {
    let served = Served { questions, metrics };
    let health = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(readyz))
        .with_state(served.clone());
    let listener = listen(healthz, "/healthz and /readyz", "--healthzPort").await?;
    tokio::spawn(async move { axum::serve(listener, health).await });
    let metrics = Router::new().route("/metrics", get(render)).with_state(served);
    let listener = listen(metrics_port, "/metrics", "--metricsPort").await?;
    tokio::spawn(async move { axum::serve(listener, metrics).await });
    Ok(())
}

async fn listen(
    port: u16,
    purpose: &'static str,
    flag: &'static str,
) -> Result<TcpListener, CannotListen> {
    let cannot = |source| CannotListen { port, purpose, flag, source };
    // All addresses of both families; of the older one alone where there is no other.
    let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let bound = match TcpListener::bind(both).await {
        Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
            TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await
        }
        bound => bound,
    };
    let listener = bound.map_err(cannot)?;
    // Port 0 is any that is free.
    let address = listener.local_addr().map_err(cannot)?;
    tracing::info!(%address, "serving {purpose}");
    Ok(listener)
}

/// Ready means that the caches are synced, not that this replica leads: else a replica that takes
/// the place of another one, which holds the lease, would never become ready.
async fn readyz(State(served): State<Served>) -> Response {
    let (to, answer) = oneshot::channel();
    if served.questions.send(Question::Unsynced(to)).await.is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down").into_response();
    }
    match answer.await {
        Ok(unsynced) if unsynced.is_empty() => "ok".into_response(),
        Ok(unsynced) => {
            let kinds: Vec<&str> = unsynced.into_iter().map(|kind| kind.name()).collect();
            let text = format!("not listed yet: {}", kinds.join(", "));
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "shutting down").into_response(),
    }
}

async fn render(State(served): State<Served>) -> Response {
    let (to, answer) = oneshot::channel();
    let _ = served.questions.send(Question::Samples(to)).await;
    let samples = answer.await.unwrap_or_default();
    match served.metrics.render(&samples) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
