//! Sends one encoded request over gRPC or HTTP and gives its answer. Invariant: there is one answer
//! within the time limit, whatever the peer does.

mod answer;
mod body;
#[cfg(any(feature = "grpc", feature = "http"))]
mod chain;
// The same names come from a file that has no transport when its feature is off.
#[cfg_attr(not(feature = "http"), path = "transport/no_api.rs")]
pub(super) mod api;
#[cfg(feature = "http")]
mod client;
#[cfg(any(feature = "grpc", feature = "http"))]
mod failures;
#[cfg_attr(not(feature = "grpc"), path = "transport/absent.rs")]
mod grpc;
mod gzip;
#[cfg_attr(not(feature = "http"), path = "transport/absent.rs")]
mod http;
#[cfg(feature = "http")]
#[cfg_attr(not(feature = "reqwest"), path = "transport/no_program.rs")]
mod program;
#[cfg_attr(not(any(feature = "grpc", feature = "http")), path = "transport/absent.rs")]
mod proxy;
#[cfg(any(feature = "grpc", feature = "http"))]
mod reply;
#[cfg(any(feature = "grpc", feature = "http"))]
mod secrets;
#[cfg_attr(not(any(feature = "grpc", feature = "http")), path = "transport/absent.rs")]
mod tls;
#[cfg(feature = "http")]
mod upload;

use super::config::{Endpoint, Protocol, Proxy, Settings};
use super::error::Error;
use crate::room::Room;
use ::http::HeaderMap;
use gzip::Gzip;
use prost::bytes::Bytes;
use std::io;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::Arc;

pub(crate) use answer::{Answer, Failure, Flaw, NO_ANSWER, Response, blames_connection};
#[cfg(feature = "exporter")]
pub(super) use answer::{Exported, PartialSuccess};
#[cfg(feature = "audio")]
pub(crate) use body::Form;
pub(crate) use body::Payload;
pub(crate) use proxy::Obstacle;

/// A request on its way.
pub(crate) type Sending<A = Answer> = Pin<Box<dyn Future<Output = A> + Send>>;

/// Sends requests to one endpoint.
pub(crate) trait Transport: Send + Sync {
    /// Sends an `ExportTraceServiceRequest`, or one of another kind, that stands behind the five bytes of gRPC's framing; the first of them says
    /// whether it is compressed, with gzip.
    fn send(&self, frame: Bytes) -> Sending;

    /// Whether it compresses what it sends, as far as the server takes that.
    fn compresses(&self) -> bool {
        false
    }
}

/// Bytes in front of the message in a frame.
pub(crate) const FRAMING: usize = 5;

fn is_compressed(frame: &Bytes) -> bool {
    frame.first() == Some(&1)
}

/// Prepares the connection; must run inside the runtime that will send. Where requests are compressed, these copies take more of
/// the same as `room`.
///
/// # Errors
///
/// When a certificate cannot be used, or the transport is not part of this build.
pub(crate) fn connect(settings: &Settings, room: Room) -> Result<Arc<dyn Transport>, Error> {
    Ok(compressing(connect_plain(settings)?, &settings.endpoint, settings, room))
}

/// The same, for requests that are compressed already where they are to be.
///
/// # Errors
///
/// As [`connect`].
pub(crate) fn connect_plain(settings: &Settings) -> Result<Arc<dyn Transport>, Error> {
    match settings.protocol {
        Protocol::Grpc => grpc::connect(settings),
        Protocol::Http => http::connect(settings),
    }
}

/// Prepares one for OTLP of another kind than spans: over HTTP, and without the headers that spans have.
///
/// # Errors
///
/// As [`connect`].
pub(crate) fn connect_to(endpoint: &Endpoint, settings: &Settings) -> Result<Arc<dyn Transport>, Error> {
    let transport = http::connect_to(endpoint, HeaderMap::new(), settings)?;
    Ok(compressing(transport, endpoint, settings, Room::default()))
}

fn compressing(
    transport: Arc<dyn Transport>,
    endpoint: &Endpoint,
    settings: &Settings,
    room: Room,
) -> Arc<dyn Transport> {
    if settings.compresses(endpoint) { Arc::new(Gzip::new(transport, room)) } else { transport }
}

/// Does of a connection what comes before a request: the handshake, with the roots that the delivery trusts. Blocks.
///
/// # Errors
///
/// What is wrong, and the words that the delivery would have for it.
pub(crate) fn shake_hands(
    endpoint: &Endpoint,
    settings: &Settings,
    stream: TcpStream,
) -> Result<(), (Flaw, String)> {
    tls::shake_hands(endpoint, settings, stream)
}

/// Has a proxy lead a connection to it on to an endpoint.
///
/// # Errors
///
/// What the proxy says instead, and what the system says.
pub(crate) async fn tunnel(
    stream: TcpStream,
    to: &Endpoint,
    proxy: &Proxy,
) -> io::Result<Result<TcpStream, Obstacle>> {
    stream.set_nonblocking(true)?;
    let stream = tokio::net::TcpStream::from_std(stream)?;
    if let Err(obstacle) = proxy::tunnel(&stream, to, proxy).await {
        return Ok(Err(obstacle));
    }
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    Ok(Ok(stream))
}
