//! Sends an encoded request as one gRPC call, and reads its status. Invariant: a malformed status
//! is an answer, never a panic.
//!
//! The exchange is spelled out rather than left to tonic's client: the request is sent as the bytes that are at hand,
//! a reply that is not gRPC stays recognisable, and a malformed status cannot panic.

use super::proxy::{Allowance, Connector, Speech};
use super::reply::{LONGEST, Reader, content_type};
use super::{
    Answer, Arc, Bytes, Error, FRAMING, Failure, Flaw, Sending, Settings, Transport, is_compressed, tls,
};
use crate::delivery::config::ClientCertificate;
use http::header::{CONTENT_TYPE, HeaderValue, TE};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint, Identity};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

struct Grpc {
    connection: Arc<Connection>,
    uri: http::Uri,
    headers: HeaderMap,
    allowance: Allowance,
    attempt: Duration,
    reader: Reader,
}

/// A channel that can be replaced: one whose peer stalls never recovers by itself.
struct Connection {
    endpoint: Endpoint,
    connector: Connector,
    current: Mutex<(u64, Channel)>,
}

pub(super) fn connect(settings: &Settings) -> Result<Arc<dyn Transport>, Error> {
    let uri = settings.endpoint.clone().with_path(EXPORT).uri().clone();
    // HTTP/2 goes through a proxy in a tunnel, encrypted or not.
    let connector = Connector::new(settings, &settings.endpoint, true);
    let allowance = connector.allowance();
    let mut endpoint = Endpoint::from(settings.endpoint.uri().clone())
        .user_agent(concat!("cekura-trace/", env!("CARGO_PKG_VERSION")))
        .map_err(Error::start)?
        .connect_timeout(settings.timings.connect + settings.timings.tls);
    if settings.endpoint.is_encrypted() {
        // tonic takes the same one, and panics without any.
        tls::provider()?;
        let roots = tls::roots(&settings.endpoint, settings)?;
        let mut tls = ClientTlsConfig::new().trust_anchors(roots.roots).timeout(settings.timings.tls);
        if let Some(ClientCertificate { pem, key }) = &settings.client_certificate {
            // It says little of what is wrong with them.
            tls::config(&settings.endpoint, settings)?;
            tls = tls.identity(Identity::from_pem(pem, key));
        }
        endpoint = endpoint.tls_config(tls).map_err(Error::start)?;
    }
    let mut headers = settings.headers.clone();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    let current = Mutex::new((0, endpoint.connect_with_connector_lazy(connector.clone())));
    Ok(Arc::new(Grpc {
        connection: Arc::new(Connection { endpoint, connector, current }),
        uri,
        headers,
        allowance,
        attempt: settings.timings.attempt,
        reader: Reader::new(&settings.headers),
    }))
}

impl Connection {
    fn channel(&self) -> (u64, Channel) {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the channel with this number, unless another request has done so.
    fn replace(&self, number: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 == number {
            *current = (number + 1, self.endpoint.connect_with_connector_lazy(self.connector.clone()));
        }
    }
}

impl Transport for Grpc {
    fn send(&self, frame: Bytes) -> Sending {
        let is_compressed = is_compressed(&frame);
        let mut request = Request::new(Body::new(Full::new(frame)));
        *request.method_mut() = http::Method::POST;
        *request.version_mut() = http::Version::HTTP_2;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        if is_compressed {
            request.headers_mut().insert("grpc-encoding", HeaderValue::from_static("gzip"));
        }
        self.allowance.expect(LONGEST);
        let (connection, reader, attempt) = (self.connection.clone(), self.reader.clone(), self.attempt);
        let allowance = self.allowance.clone();
        Box::pin(async move {
            let (number, channel) = connection.channel();
            let exchanged = exchange(channel, request, &reader, &allowance);
            let answered = tokio::time::timeout(attempt, exchanged).await;
            let answer = answered.unwrap_or_else(|_| Answer::late());
            if answer.blames_connection() {
                connection.replace(number);
            }
            answer
        })
    }
}

/// What the server speaks instead, if it is known.
fn foreign(allowance: &Allowance) -> Option<Failure> {
    match allowance.heard() {
        Speech::Http1 => Some(Failure::Protocol),
        Speech::Tls => Some(Failure::Tls(Flaw::Encrypted)),
        Speech::Http2 | Speech::Other => None,
    }
}

async fn exchange(
    mut channel: Channel,
    request: Request<Body>,
    reader: &Reader,
    allowance: &Allowance,
) -> Answer {
    let ready = poll_fn(|context| GrpcService::<Body>::poll_ready(&mut channel, context)).await;
    let response = match ready {
        Ok(()) => channel.call(request).await,
        Err(error) => Err(error),
    };
    let (head, body) = match response {
        Ok(response) => response.into_parts(),
        Err(error) => return reader.none(&error, foreign(allowance)),
    };
    if head.status.is_redirection() {
        return reader.unexpected(&format!("a redirect ({})", head.status));
    }
    if !head.status.is_success() {
        return reader.http(head.status.as_u16(), &head.headers, &[]);
    }
    if !content_type(&head.headers).starts_with("application/grpc") {
        return reader.unexpected("success with an answer that is not gRPC");
    }
    let whole = match Limited::new(body, LONGEST).collect().await {
        Ok(whole) => whole,
        Err(error) if error.is::<LengthLimitError>() => {
            return reader.unexpected("an answer that is too long");
        }
        Err(error) => return reader.none(&*error, foreign(allowance)),
    };
    let trailers = whole.trailers().unwrap_or(&head.headers);
    match status(trailers) {
        None => reader.unexpected("an answer without a gRPC status"),
        Some(0) => message(&whole.to_bytes(), reader),
        Some(code) => failed(code, trailers, reader),
    }
}

fn status(trailers: &HeaderMap) -> Option<i32> {
    trailers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// One message that is not compressed, and whole.
fn message(body: &[u8], reader: &Reader) -> Answer {
    match body.split_first_chunk::<FRAMING>() {
        Some(([0, length @ ..], message)) if u32::from_be_bytes(*length) as usize == message.len() => {
            reader.accepted(message)
        }
        _ => reader.unexpected("success with a message that cannot be read"),
    }
}

fn failed(code: i32, trailers: &HeaderMap, reader: &Reader) -> Answer {
    let message = trailers.get("grpc-message").map(HeaderValue::as_bytes).unwrap_or_default();
    let metadata = MetadataMap::from_headers(trailers.clone());
    let details = metadata.get_bin("grpc-status-details-bin").and_then(|details| details.to_bytes().ok());
    reader.grpc(code, &percent_decoded(message), &details.unwrap_or_default())
}

/// gRPC's messages are percent-encoded.
fn percent_decoded(text: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
#[path = "../tests/arbitrary.rs"]
mod tests;
