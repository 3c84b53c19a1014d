//! Sends one request over HTTP/1.1 and gives the whole answer. Invariant: no redirect is followed,
//! so that the key goes to the configured host alone.
//!
//! Where the program gives no client of its own it is not reqwest, whose feature for our TLS would make clients that the
//! program builds without TLS panic.

use super::answer::{Failure, Flaw, blames_connection};
use super::proxy::{Allowance, Connector, Speech};
use super::reply::Reader;
use super::upload::Upload;
use super::{Bytes, Endpoint, Error, Sending, Settings, tls};
use crate::delivery::config::HttpClient;
use http::header::{HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::{self, connect::capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::pin::pin;

/// Sends the same headers with every request.
pub(super) struct Client {
    sender: Sender,
    headers: HeaderMap,
}

/// What makes connections, and keeps them.
enum Sender {
    Own(Pool),
    Program(HttpClient),
}

struct Pool {
    client: legacy::Client<TimeoutConnector<HttpsConnector<Connector>>, Upload>,
    allowance: Allowance,
}

/// A request on its way, and its whole answer.
pub(super) type Exchange = Sending<Result<Response<Vec<u8>>, Broken>>;

/// Why there is no whole answer.
pub(super) struct Broken {
    pub(super) cause: Box<dyn std::error::Error + Send + Sync>,
    /// Whether the request may have arrived.
    pub(super) was_sent: bool,
    /// What the server speaks instead, if it is known.
    pub(super) heard: Option<Failure>,
}

impl Client {
    /// Prepares the connection; must run inside the runtime that will send.
    pub(super) fn new(
        endpoint: &Endpoint,
        mut headers: HeaderMap,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let agent = concat!("cekura-trace/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Some(client) = &settings.http_client {
            return Ok(Self { sender: Sender::Program(client.clone()), headers });
        }
        let reads = settings.proxies.to(endpoint).filter(|_| !endpoint.is_encrypted());
        if let Some(credentials) = reads.and_then(|proxy| proxy.credentials.clone()) {
            headers.insert(PROXY_AUTHORIZATION, credentials);
        }
        Ok(Self { sender: Sender::Own(Pool::new(endpoint, settings)?), headers })
    }

    /// Reads answers, without what is secret in the headers.
    pub(super) fn reader(&self) -> Reader {
        Reader::new(&self.headers)
    }

    /// Reads a body as far as `longest` bytes, and a little more when it is longer.
    pub(super) fn send(&self, mut request: Request<Upload>, longest: usize) -> Exchange {
        request.headers_mut().extend(self.headers.clone());
        match &self.sender {
            Sender::Own(pool) => pool.send(request, longest),
            Sender::Program(client) => client.send(request, longest),
        }
    }
}

impl Pool {
    fn new(endpoint: &Endpoint, settings: &Settings) -> Result<Self, Error> {
        let tcp = Connector::new(settings, endpoint, endpoint.is_encrypted());
        let allowance = tcp.allowance();
        let tls = HttpsConnectorBuilder::new().with_tls_config(tls::config(endpoint, settings)?);
        let tls = if endpoint.is_encrypted() { tls.https_only() } else { tls.https_or_http() };
        let mut connector = TimeoutConnector::new(tls.enable_http1().wrap_connector(tcp));
        connector.set_connect_timeout(Some(settings.timings.connect + settings.timings.tls));
        let client =
            legacy::Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Ok(Self { client, allowance })
    }

    fn send(&self, mut request: Request<Upload>, longest: usize) -> Exchange {
        self.allowance.expect(longest);
        let connection = capture_connection(&mut request);
        let answered = self.client.request(request);
        let allowance = self.allowance.clone();
        Box::pin(async move {
            let before = |error: legacy::Error| Broken {
                was_sent: !error.is_connect(),
                cause: error.into(),
                heard: foreign(&allowance),
            };
            let (head, body) = answered.await.map_err(before)?.into_parts();
            if let Some(connection) = &*connection.connection_metadata()
                && blames_connection(head.status.as_u16())
            {
                // It is not used again.
                connection.poison();
            }
            let broken = |error: hyper::Error| Broken { cause: error.into(), was_sent: true, heard: None };
            Ok(Response::from_parts(head, whole(body, longest).await.map_err(broken)?))
        })
    }
}

/// A body as far as `longest` bytes, and a little more when it is longer.
pub(super) async fn whole<B: Body<Data = Bytes>>(body: B, longest: usize) -> Result<Vec<u8>, B::Error> {
    let (mut body, mut whole) = (pin!(body), Vec::new());
    while whole.len() <= longest
        && let Some(frame) = body.frame().await
    {
        whole.extend_from_slice(frame?.data_ref().map_or(&[], |data| data));
    }
    Ok(whole)
}

/// What the server speaks instead, if it is known.
fn foreign(allowance: &Allowance) -> Option<Failure> {
    match allowance.heard() {
        Speech::Http2 => Some(Failure::Protocol),
        Speech::Tls => Some(Failure::Tls(Flaw::Encrypted)),
        Speech::Http1 | Speech::Other => None,
    }
}
