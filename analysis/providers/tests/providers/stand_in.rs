//! A server on a loopback port that records what it is asked and answers as a test says.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::serve::Listener;
use futures_util::stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &str {
        self.uri.split('?').next().unwrap()
    }

    /// The pairs of the query, or of a form.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let query = self.uri.split_once('?').map(|(_, query)| query);
        let text = query.unwrap_or(&self.body);
        url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
    }

    pub(crate) fn pair(&self, name: &str) -> String {
        self.pairs().into_iter().find(|(key, _)| key == name).unwrap_or_default().1
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What is answered.
pub(crate) enum Reply {
    /// Status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// So many bytes, in pieces, without a word on how many.
    Streamed(usize),
    /// A word on more bytes than ever come.
    BreaksOff,
    /// What comes of a future.
    Later(Pin<Box<dyn Future<Output = Reply> + Send>>),
    Never,
}

pub(crate) fn ok(body: impl Into<String>) -> Reply {
    Reply::Answer(200, vec![("content-type", "application/json".to_owned())], body.into())
}

pub(crate) fn status(status: u16, body: impl Into<String>) -> Reply {
    Reply::Answer(status, Vec::new(), body.into())
}

pub(crate) fn redirect(status: u16, location: impl Into<String>) -> Reply {
    Reply::Answer(status, vec![("location", location.into())], "moved".to_owned())
}

type Answers = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// The server. It is gone with the runtime of its test.
#[derive(Clone)]
pub(crate) struct StandIn {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    arrived: Arc<Notify>,
}

impl StandIn {
    pub(crate) async fn start(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self::serve(listener, port, Arc::new(answers))
    }

    /// The same over TLS.
    pub(crate) async fn start_tls(
        certificate_pem: &str,
        key_pem: &str,
        answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let provider = tokio_rustls::rustls::crypto::ring::default_provider();
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(certificate_pem.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::serve(TlsListener { listener, acceptor }, port, Arc::new(answers))
    }

    fn serve<L>(listener: L, port: u16, answers: Answers) -> Self
    where
        L: Listener,
        L::Addr: std::fmt::Debug,
    {
        let this = Self { port, asked: Arc::default(), arrived: Arc::default() };
        let (asked, arrived) = (Arc::clone(&this.asked), Arc::clone(&this.arrived));
        let router = Router::new().fallback(move |request: Request| {
            let (asked, arrived, answers) =
                (Arc::clone(&asked), Arc::clone(&arrived), Arc::clone(&answers));
            async move {
                let request = recorded(request).await;
                let reply = answers(&request);
                asked.lock().unwrap().push(request);
                arrived.notify_one();
                answer(reply).await
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        this
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it was asked, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The only request.
    pub(crate) fn only(&self) -> Asked {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.into_iter().next().unwrap()
    }

    /// Waits for the next request.
    pub(crate) async fn arrival(&self) {
        self.arrived.notified().await;
    }
}

async fn recorded(request: Request) -> Asked {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    Asked {
        method: parts.method.to_string(),
        uri: parts.uri.to_string(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

async fn answer(reply: Reply) -> Response {
    let mut reply = reply;
    while let Reply::Later(future) = reply {
        reply = future.await;
    }
    match reply {
        Reply::Answer(status, headers, body) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            for (name, value) in headers {
                response.headers_mut().append(name, value.parse().unwrap());
            }
            response
        }
        Reply::Streamed(bytes) => {
            let piece = Bytes::from_static(&[b'7'; 1000]);
            let pieces = stream::iter(
                (0..bytes / 1000).map(move |_| Ok::<_, std::io::Error>(piece.clone())),
            );
            Response::new(Body::from_stream(pieces))
        }
        Reply::BreaksOff => {
            let pieces = [Ok(Bytes::from_static(b"{\"a")), Err(std::io::Error::other("gone"))];
            Response::new(Body::from_stream(stream::iter(pieces)))
        }
        Reply::Later(_) | Reply::Never => std::future::pending().await,
    }
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // A client that refuses the certificate is no reason to stop.
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
